use std::sync::Arc;

use faer::{Mat, MatRef};
use indexmap::IndexMap;
use num_complex::Complex64;

use super::advice::{Method, Mode, advise, modes};
use super::*;
use crate::control::{Basis, Controls};
use crate::field::{FieldFile, Size, SymbolicField, VectorField, WeightShape, named};
use crate::solve::{Flow, Stepping};
use crate::tableau;

pub(super) const HORIZON: f64 = 2.0;

/// A flow over equal steps of rk4.
pub(super) fn flow(field: SymbolicField, basis: Basis, steps: usize) -> Flow {
    let method = tableau::named("rk4").unwrap().to_f64();
    let grid = Stepping::Fixed { steps }.grid(HORIZON).unwrap();
    Flow::new(Arc::new(field), Controls::new(basis, HORIZON), &method, grid)
}

/// A field by its formula: blocks, weights, right-hand sides.
pub(super) fn formula(
    width: usize,
    state: &[(&str, usize)],
    weights: &[(&str, WeightShape)],
    rhs: &[(&str, &str)],
) -> SymbolicField {
    let own = |name: &str| name.to_owned();
    let file = FieldFile {
        state: state.iter().map(|(name, rows)| (own(name), Size::Number(*rows))).collect(),
        weights: weights.iter().map(|(name, shape)| (own(name), shape.clone())).collect(),
        constants: IndexMap::new(),
        rhs: rhs.iter().map(|(name, text)| (own(name), own(text))).collect(),
        ..named("resnet").unwrap().clone()
    };
    SymbolicField::new(&file, width, &IndexMap::new()).unwrap()
}

/// y' = A y
pub(super) fn linear(width: usize) -> Flow {
    let shape = WeightShape::Matrix(Size::Number(width), Size::Number(width));
    flow(formula(width, &[("y", width)], &[("A", shape)], &[("y", "A*y")]), Basis::Constant, 4)
}

/// A field of the catalogue.
pub(super) fn catalogued(name: &str, width: usize, basis: Basis, steps: usize) -> Flow {
    flow(SymbolicField::new(named(name).unwrap(), width, &IndexMap::new()).unwrap(), basis, steps)
}

pub(super) fn numbers(length: usize, scale: f64) -> Vec<f64> {
    (0..length).map(|i| scale * (1.0 + i as f64 * 0.7).sin()).collect()
}

/// A matrix with these eigenvalues (those with Im > 0 with their conjugates), and not normal.
fn with_eigenvalues(values: &[Complex64]) -> Mat<f64> {
    let width = values.iter().map(|v| if v.im > 0.0 { 2 } else { 1 }).sum();
    let mut blocks = Mat::zeros(width, width);
    let mut at = 0;
    for value in values {
        blocks[(at, at)] = value.re;
        if value.im > 0.0 {
            (blocks[(at + 1, at + 1)], blocks[(at, at + 1)]) = (value.re, value.im);
            blocks[(at + 1, at)] = -value.im;
            at += 1;
        }
        at += 1;
    }
    let basis = Mat::from_fn(width, width, |i, j| {
        f64::from(i == j) + 0.3 * (1.3 + (i * width + j) as f64 * 1.7).sin() / width as f64
    });
    let inverse = faer::linalg::solvers::DenseSolveCore::inverse(&basis.partial_piv_lu());
    &basis * blocks * inverse
}

fn columns(matrix: &Mat<f64>) -> Vec<f64> {
    matrix.col_iter().flat_map(|column| column.iter().copied().collect::<Vec<_>>()).collect()
}

/// R(hJ), by Horner's rule.
fn power(polynomial: &[f64], h: f64, j: &Mat<f64>) -> Mat<f64> {
    let n = j.nrows();
    polynomial.iter().rev().fold(Mat::zeros(n, n), |sum, c| {
        let scaled = faer::Scale(h) * j;
        &sum * scaled + faer::Scale(*c) * Mat::<f64>::identity(n, n)
    })
}

fn radius(matrix: &Mat<f64>) -> f64 {
    matrix.eigenvalues().unwrap().iter().map(|v| v.norm()).fold(0.0, f64::max)
}

const TOLERANCE: Tolerance = Tolerance { growth: 0.01, error: 0.01 };

/// The modes of a linear field, by the whole way from the formula.
fn modes_of(matrix: &Mat<f64>) -> (Spectrum, Vec<Vec<Mode>>) {
    let flow = linear(matrix.nrows());
    let entries = numbers(matrix.nrows() * 2, 1.0);
    let spectrum = spectrum(&flow, &columns(matrix), &entries, When::Steps, |_| true);
    assert!(spectrum.lost.is_empty());
    let modes = modes(&spectrum);
    (spectrum, modes)
}

/// The advice held against the truth: whether the powers of R(hJ) decay.
#[test]
fn just_below_the_advised_step_powers_decay_and_just_above_they_grow() {
    let mut held = 0;
    for k in 0..4 {
        let angle = |i: usize| 0.1 + 1.3 * ((i + 3 * k) as f64 * 0.77).sin().powi(2);
        let values: Vec<Complex64> = (0..4)
            .map(|i| {
                let re = -(1.0 + i as f64) * angle(i).sin().max(0.1);
                Complex64::new(re, (1.0 + i as f64) * angle(i).cos() * f64::from((i + k) % 3 != 0))
            })
            .collect();
        assert!(values.iter().all(|v| v.re <= -0.099 * v.norm()));
        let matrix = with_eigenvalues(&values);
        let (_, modes) = modes_of(&matrix);
        for method in Method::catalogue().unwrap() {
            let advice = advise(&method, &modes, HORIZON, TOLERANCE);
            let binding = advice.shares[2].limits.stable.unwrap();
            let polynomial = &method.region.polynomial;
            let size = |share: f64| radius(&power(polynomial, share * binding.step, &matrix));
            assert!(size(0.99) < 1.0, "{} {k}: {}", method.name, size(0.99));
            // A boundary that is only touched, or left for less than a hundredth, is not transversal.
            let margin = |share: f64| {
                let z = binding.mode.lambda * binding.step * share;
                crate::tableau::evaluate(polynomial, z).norm()
            };
            if margin(1.01) > 1.0 {
                held += 1;
                assert!(size(1.01) > 1.0, "{} {k}: {}", method.name, size(1.01));
            }
        }
    }
    assert!(held > 180, "{held} transversal exits");
}

/// For skew fields what counts is the imaginary interval, or there is no step.
#[test]
fn skew_fields_are_advised_the_imaginary_interval() {
    let w = [0.3, 1.7, 3.1];
    let plane = with_eigenvalues(&w.map(|w| Complex64::new(0.0, w)));
    // A skew matrix with the same eigenvalues: blocks in an orthonormal basis.
    let q = Mat::from_fn(6, 6, |i, j| (1.0 + (i * 6 + j) as f64).sin());
    let q = q.qr().compute_Q();
    let blocks = Mat::from_fn(6, 6, |i, j| match (i / 2 == j / 2, i as i64 - j as i64) {
        (true, 1) => -w[i / 2],
        (true, -1) => w[i / 2],
        _ => 0.0,
    });
    let skew = &q * blocks * q.transpose();
    assert_eq!(plane.nrows(), 6);
    let (_, modes) = modes_of(&skew);
    for name in tableau::samples() {
        let tableau = tableau::named(&name).unwrap();
        let interval = tableau.measures().main.imaginary;
        let advice = advise(&Method::new(&name, &tableau), &modes, HORIZON, TOLERANCE);
        let step = advice.shares[2].limits.stable.unwrap().step;
        let due = interval.limit() / 3.1;
        assert!((step - due).abs() <= 1e-9 * due, "{name}: {step} {due}");
    }
    let rk4 = Method::new("rk4", &tableau::named("rk4").unwrap());
    let step = advise(&rk4, &modes, HORIZON, TOLERANCE).shares[2].limits.stable.unwrap().step;
    assert!((step - 8f64.sqrt() / 3.1).abs() < 1e-12);
}

/// Re lambda = -g: Euler needs h <= 2 g / (g^2 + w^2).
#[test]
fn the_linear_limit_of_an_antisymmetric_network_with_damping() {
    let (g, w) = (0.1, 2.3);
    let matrix = Mat::from_fn(2, 2, |i, j| match (i, j) {
        (0, 1) => w,
        (1, 0) => -w,
        _ => -g,
    });
    let (_, modes) = modes_of(&matrix);
    let euler = Method::new("euler", &tableau::named("euler").unwrap());
    let step = advise(&euler, &modes, HORIZON, TOLERANCE).shares[2].limits.stable.unwrap().step;
    let due = 2.0 * g / (g * g + w * w);
    assert!((step / due - 1.0).abs() < 1e-12, "{step} {due}");
}

/// |J v - lambda v| is small for some unit v: the smallest singular value of J - lambda I.
#[test]
fn eigenvalues_make_the_shifted_jacobian_singular() {
    for (name, width) in [("resnet", 16), ("two_layer", 9), ("hamiltonian", 12), ("parabolic", 7)] {
        let flow = catalogued(name, width, Basis::PiecewiseLinear { nodes: 5 }, 4);
        let theta = numbers(flow.n_parameters(), 0.8);
        let entries = numbers(width * 5, 1.0);
        let mut all = Vec::new();
        along(&flow, &theta, &entries, When::Steps, |frame| {
            all.extend_from_slice(frame.jacobians);
            true
        });
        let spectrum = spectrum(&flow, &theta, &entries, When::Steps, |_| true);
        assert_eq!(spectrum.times.len(), 5);
        for (k, matrix) in all.chunks_exact(width * width).enumerate() {
            let matrix = MatRef::from_column_major_slice(matrix, width, width);
            let norm = matrix.norm_l2();
            for value in spectrum.of(k / 5, k % 5) {
                let shifted = Mat::from_fn(width, width, |i, j| {
                    Complex64::new(matrix[(i, j)], 0.0) - if i == j { *value } else { 0.0.into() }
                });
                let least = *shifted.singular_values().unwrap().last().unwrap();
                assert!(least <= 1e-13 * norm, "{name} {k}: {least:e}");
            }
        }
    }
}

#[test]
fn the_bounds_of_a_damped_antisymmetric_network_hold() {
    for (g, basis) in [(0.0, Basis::Constant), (0.3, Basis::PiecewiseLinear { nodes: 3 })] {
        let constants = IndexMap::from([("g".to_owned(), g)]);
        let field = SymbolicField::new(named("antisymmetric").unwrap(), 6, &constants).unwrap();
        let flow = flow(field, basis, 3);
        let theta = numbers(flow.n_parameters(), 0.9);
        let entries = numbers(6 * 7, 1.3);
        let mut plain = Vec::new();
        let mut room = Room::default();
        along(&flow, &theta, &entries, When::Stages, |frame| {
            let mut values = vec![Complex64::default(); frame.states.len()];
            assert!(eigenvalues(6, frame.jacobians, &mut room, &mut values).is_empty());
            plain.extend(values);
            true
        });
        let spectrum = spectrum(&flow, &theta, &entries, When::Stages, |_| true);
        let damped = spectrum.damped.as_ref().unwrap();
        assert!(damped.g.iter().all(|found| (found - g).abs() < 1e-13), "{:?}", damped.g);
        let both = spectrum.values.chunks_exact(6).zip(plain.chunks_exact(6)).zip(&damped.bounds);
        for ((ours, plain), [low, high]) in both {
            assert!(-g <= *low && low <= high && *high <= 0.0);
            for value in plain {
                // What the bounds say is true of eigenvalues that know nothing of them.
                assert!(low - 1e-13 <= value.re && value.re <= high + 1e-13);
                let near = ours.iter().map(|v| (v - value).norm()).fold(f64::INFINITY, f64::min);
                assert!(near < 1e-12, "{value} {ours:?}");
            }
            assert!(g > 0.0 || ours.iter().all(|value| value.re == 0.0));
        }
    }
}

#[test]
fn other_formulas_have_no_damping_shown() {
    for name in ["resnet", "two_layer", "hamiltonian", "parabolic", "relu_resnet"] {
        let flow = catalogued(name, 6, Basis::Constant, 2);
        let theta = numbers(flow.n_parameters(), 0.9);
        let spectrum = spectrum(&flow, &theta, &numbers(6, 1.0), When::Steps, |_| true);
        assert!(spectrum.damped.is_none(), "{name}");
    }
    let layer = |name: &str| catalogued(name, 6, Basis::Constant, 2).field.layer();
    assert_eq!(layer("resnet"), Some(crate::expr::Function::Tanh));
    assert_eq!((layer("two_layer"), layer("parabolic")), (None, None));
    let bent = formula(2, &[("y", 2)], &[], &[("y", "tanh(y .* y)")]);
    assert_eq!(bent.layer(), None);
}

/// The states between steps are those of the same method, and times do not depend on how samples are cut.
#[test]
fn a_grid_of_the_times_of_the_steps_has_their_jacobians() {
    let flow = catalogued("resnet", 5, Basis::PiecewiseLinear { nodes: 5 }, 4);
    let theta = numbers(flow.n_parameters(), 0.8);
    let entries = numbers(5 * 6, 1.0);
    let of = |when| spectrum(&flow, &theta, &entries, when, |_| true);
    let (steps, grid, finer) = (of(When::Steps), of(When::Grid(5)), of(When::Grid(9)));
    assert_eq!((&steps.values, &steps.times), (&grid.values, &grid.times));
    for time in 0..5 {
        assert_eq!(steps.of(time, 3), finer.of(2 * time, 3));
    }
    assert_eq!(When::Stages.times(&flow).len(), 16);
    assert_eq!(When::Stages.steps(&flow), vec![0.5; 16]);
    let stages = of(When::Stages);
    assert_eq!(stages.of(4, 2), steps.of(1, 2));
}

/// Memory does not grow with the samples: no more than 64 MB of Jacobians at once.
#[test]
fn many_samples_are_shown_in_pieces() {
    let (width, samples) = (128, 700);
    let flow = catalogued("resnet", width, Basis::Constant, 1);
    let theta = numbers(flow.n_parameters(), 0.1);
    let entries = numbers(width * samples, 1.0);
    let mut seen = vec![0; samples];
    let mut last = Vec::new();
    along(&flow, &theta, &entries, When::Steps, |frame| {
        let of = frame.states.len() / width;
        assert_eq!(frame.jacobians.len(), of * width * width);
        assert!(8 * frame.jacobians.len() <= 1 << 26);
        seen[frame.first..frame.first + of].iter_mut().for_each(|seen| *seen += 1);
        if frame.time == 0 && frame.first + of == samples {
            last = frame.jacobians[(of - 1) * width * width..].to_vec();
        }
        true
    });
    assert!(seen.iter().all(|seen| *seen == 2));
    // The last sample, in the second piece, has the Jacobian that it has by itself.
    along(&flow, &theta, &entries[width * (samples - 1)..], When::Steps, |frame| {
        assert!(frame.time > 0 || frame.jacobians == last);
        true
    });
}

/// A Jacobian that is lost is named, and the others go on.
#[test]
fn a_jacobian_that_is_not_finite_is_named() {
    let field = formula(2, &[("y", 2)], &[], &[("y", "sqrt(y) - y")]);
    let flow = flow(field, Basis::Constant, 2);
    let entries = [1.0, 2.0, 0.0, 1.0, 3.0, 4.0];
    let spectrum = spectrum(&flow, &[], &entries, When::Steps, |_| true);
    assert_eq!(spectrum.lost[0].to_string(), "the Jacobian at time 0, sample 1 is not finite");
    assert!(spectrum.lost.iter().all(|lost| lost.sample == 1));
    assert!(spectrum.of(0, 1).iter().all(|v| v.re.is_nan()));
    assert!([0, 2].iter().all(|s| spectrum.of(2, *s).iter().all(|v| v.is_finite())));
    assert_eq!(modes(&spectrum)[1].iter().filter(|mode| mode.time == 0).count(), 0);
}

#[test]
fn a_state_of_one_number_has_its_slope() {
    let flow = catalogued("resnet", 1, Basis::Constant, 2);
    let spectrum = spectrum(&flow, &[0.7, 0.1], &[0.4], When::Steps, |_| true);
    let slope = 0.7 * (1.0 - (0.7f64 * 0.4 + 0.1).tanh().powi(2));
    assert!((spectrum.of(0, 0)[0].re - slope).abs() < 1e-15);
    assert_eq!(spectrum.of(0, 0)[0].im, 0.0);
}

/// y' = A y has the propagator e^(TA); the exponents add up to the trace.
#[test]
fn the_propagator_of_a_linear_field_is_the_exponential() {
    let matrix = with_eigenvalues(&[Complex64::new(-0.3, 1.1), Complex64::new(-0.9, 0.0)]);
    let flow = linear(3);
    let found = propagators(&flow, &columns(&matrix), &[0.3, 0.2, -0.5], || {}).unwrap();
    let found = found[0].as_ref().unwrap();
    let exponential =
        (1..40).fold((Mat::<f64>::identity(3, 3), Mat::<f64>::identity(3, 3)), |(sum, term), k| {
            let term = &term * &matrix * faer::Scale(HORIZON / f64::from(k));
            (&sum + &term, term)
        });
    let due = exponential.0.singular_values().unwrap();
    assert!(found.converged.iter().zip(&due).all(|(a, b)| (a / b - 1.0).abs() < 1e-11));
    assert!(found.uncertainty < 1e-9 && found.difference > 1e-6 && found.difference < 1e-2);
    // det P is the product of det R(hA): four steps of 0.5.
    let step = power(&flow.tableau.stability_polynomial(), 0.5, &matrix);
    let sum: f64 = found.exponents.iter().sum();
    assert!((sum - 4.0 * step.determinant().abs().ln() / HORIZON).abs() < 1e-12);
    let product = &step * &step * &step * &step;
    let due = product.singular_values().unwrap();
    assert!(found.discrete.iter().zip(&due).all(|(a, b)| (a / b - 1.0).abs() < 1e-12));
}

/// A(t) of Markus and Yamabe: Re lambda = -1/4 at all times, and a solution e^(t/2) (-cos t, sin t).
#[test]
fn frozen_eigenvalues_of_markus_and_yamabe_mislead() {
    let field = formula(
        2,
        &[("a", 1), ("b", 1)],
        &[],
        &[
            ("a", "(1.5*cos(t)^2 - 1)*a + (1 - 1.5*sin(t)*cos(t))*b"),
            ("b", "(-1 - 1.5*sin(t)*cos(t))*a + (1.5*sin(t)^2 - 1)*b"),
        ],
    );
    let method = tableau::named("rk4").unwrap().to_f64();
    let horizon = 10.0;
    let grid = Stepping::Fixed { steps: 100 }.grid(horizon).unwrap();
    let controls = Controls::new(Basis::Constant, horizon);
    let flow = Flow::new(Arc::new(field), controls, &method, grid);
    let mut condition: f64 = 1.0;
    along(&flow, &[], &[-1.0, 0.0], When::Steps, |frame| {
        let matrix = MatRef::from_column_major_slice(frame.jacobians, 2, 2);
        condition = condition.max(Normality::of(matrix).unwrap().condition);
        true
    });
    let spectrum = spectrum(&flow, &[], &[-1.0, 0.0], When::Steps, |_| true);
    assert!(spectrum.values.iter().all(|value| (value.re + 0.25).abs() < 1e-12));
    let found = propagators(&flow, &[], &[-1.0, 0.0], || {}).unwrap();
    let propagator = found[0].as_ref().unwrap();
    let abscissas: Vec<f64> = (0..101).map(|time| spectrum.of(time, 0)[0].re).collect();
    let frozen = Frozen::of(&spectrum.times, &abscissas, condition, propagator);
    assert!((frozen.exponent + 2.5).abs() < 1e-10 && frozen.misleads(), "{frozen:?}");
    assert!((propagator.converged[0] / 5f64.exp() - 1.0).abs() < 1e-9);
    // The other solution decays like e^(-t).
    assert!((propagator.converged[1] / (-10f64).exp() - 1.0).abs() < 1e-6);
    assert!((propagator.exponents[0] - 0.5).abs() < 0.02, "{:?}", propagator.exponents);
    // Where the Jacobian does not change, they do not.
    let still = with_eigenvalues(&[Complex64::new(-0.25, 0.66)]);
    let flow = linear(2);
    let found = propagators(&flow, &columns(&still), &[1.0, 0.0], || {}).unwrap();
    let condition = Normality::of(still.as_ref()).unwrap().condition;
    let frozen = Frozen::of(&[0.0, 2.0], &[-0.25; 2], condition, found[0].as_ref().unwrap());
    assert!(!frozen.misleads());
}

/// At T w = 50: cash_karp, with no imaginary interval, is usable to 0.98; rk4, stable to 2.83, is right to 1 % only
/// to 0.4.
#[test]
fn stability_alone_ranks_methods_backwards_on_oscillations() {
    let lambda = Complex64::new(0.0, 50.0 / HORIZON);
    let modes = vec![vec![Mode { lambda, time: 0, sample: 0 }]];
    let of = |name: &str| {
        let method = Method::new(name, &tableau::named(name).unwrap());
        let limits = advise(&method, &modes, HORIZON, TOLERANCE).shares[2].limits;
        [limits.stable, limits.accurate].map(|limit| limit.unwrap().step * lambda.im)
    };
    let [stable, accurate] = of("rk4");
    assert!((stable - 2.828).abs() < 1e-3 && (0.38..0.41).contains(&accurate), "{accurate}");
    let euler = Method::new("euler", &tableau::named("euler").unwrap());
    let share = advise(&euler, &modes, HORIZON, TOLERANCE).shares[2];
    // (1 + (h w)^2)^(N/2) = 1.01 with N = T/h.
    let h = share.step;
    assert!(share.is_beyond_stability() && share.steps.is_some());
    let growth = (1.0 + (h * lambda.im).powi(2)).powf(0.5 * HORIZON / h);
    assert!((growth - 1.01).abs() < 1e-6, "{growth}");
    let [stable, accurate] = of("cash_karp");
    assert!(stable == 0.0 && (0.6..1.0).contains(&accurate), "{accurate}");
}
