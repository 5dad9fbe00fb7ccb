use std::sync::Arc;

use indexmap::IndexMap;

use super::*;
use crate::control::{Basis, Controls};
use crate::field::{FieldFile, SymbolicField};
use crate::tableau;

/// Numbers in (-1, 1) that look random.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..n + 5).map(|_| next()).skip(5).collect()
}

const CONTROL: Control =
    Control { rtol: 1e-6, atol: 1e-8, max_steps: 10_000, first_step: None, per_sample: false };

fn adaptive(method: &str, control: Control) -> Adaptive {
    let tableau = tableau::named(method).unwrap().to_f64();
    Adaptive { method: Method::Pair(Pair::new(&tableau).unwrap()), control }
}

fn flow(field: SymbolicField, basis: Basis, horizon: f64, method: &str, control: Control) -> Flow {
    let tableau = tableau::named(method).unwrap().to_f64();
    let controls = Controls::new(basis, horizon);
    Flow::adaptive(Arc::new(field), controls, &tableau, adaptive(method, control))
}

fn formula(text: &str, width: usize) -> SymbolicField {
    let file: FieldFile = crate::dialect::RON.from_str(text).unwrap();
    SymbolicField::new(&file, width, &IndexMap::new()).unwrap()
}

fn resnet(width: usize) -> SymbolicField {
    SymbolicField::new(crate::field::named("resnet").unwrap(), width, &IndexMap::new()).unwrap()
}

fn pairs() -> Vec<String> {
    let names = tableau::samples().into_iter();
    names.filter(|name| tableau::named(name).unwrap().embedded.is_some()).collect()
}

fn run(driver: Driver, flow: &Flow, theta: &[f64], start: &[f64]) -> Solution {
    let adaptive = flow.adaptive.as_ref().unwrap();
    solve_by(driver, flow, adaptive, theta, start, Wanted { errors: true, ..Wanted::default() })
}

#[test]
fn our_own_loop_takes_the_very_steps_of_diffsol() {
    let (width, batch) = (6, 300);
    let start = noise(width * batch, 1);
    let mut compared = 0;
    for name in pairs() {
        for basis in [
            Basis::Constant,
            Basis::PiecewiseConstant { cells: 3 },
            Basis::PiecewiseLinear { nodes: 4 },
            Basis::Legendre { degree: 2 },
        ] {
            let flow = flow(resnet(width), basis, 3.0, &name, CONTROL);
            if flow.adaptive.as_ref().unwrap().driver() == Driver::Own {
                continue;
            }
            let theta: Vec<f64> = noise(flow.n_parameters(), 2).iter().map(|w| 1.5 * w).collect();
            let theirs = run(Driver::Diffsol, &flow, &theta, &start);
            let ours = run(Driver::Own, &flow, &theta, &start);
            assert_eq!((&theirs.halt, &ours.halt), (&None, &None), "{name} {basis:?}");
            assert_eq!(theirs.steps.len(), ours.steps.len(), "{name} {basis:?}");
            for (theirs, ours) in theirs.steps.iter().zip(&ours.steps) {
                let close = |a: f64, b: f64| (a - b).abs() <= 1e-7 * a.abs().max(1e-3);
                let errors = (theirs.error.unwrap(), ours.error.unwrap());
                assert!(close(theirs.t, ours.t) && close(theirs.h, ours.h), "{theirs:?} {ours:?}");
                assert!(close(errors.0, errors.1), "{theirs:?} {ours:?}");
                assert_eq!(theirs.accepted, ours.accepted);
                assert_eq!(theirs.evaluations, ours.evaluations);
            }
            let far = theirs.state.iter().zip(&ours.state).map(|(a, b)| (a - b).abs());
            assert!(far.fold(0.0, f64::max) < 1e-11, "{name} {basis:?}");
            assert_eq!(theirs.worst.unwrap().sample, ours.worst.unwrap().sample);
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn steps_end_on_the_breaks_and_go_on_from_their_length() {
    let basis = Basis::PiecewiseConstant { cells: 5 };
    let flow = flow(resnet(4), basis, 5.0, "dopri5", CONTROL);
    let solution = run(Driver::Diffsol, &flow, &noise(flow.n_parameters(), 3), &noise(8, 4));
    for stop in 1..=5 {
        assert!(solution.grid.contains(&f64::from(stop)), "{:?}", solution.grid);
    }
    let over = flow.over(solution.grid.clone());
    assert!(over.times.missed.is_empty());
    // A sliver in front of a break does not make the step after it small.
    let lengths: Vec<f64> = solution.grid.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let slivers = lengths.windows(3).filter(|h| h[1] < 0.2 * h[0] && h[2] < 0.5 * h[0]).count();
    assert_eq!(slivers, 0, "{lengths:?}");
}

#[test]
fn the_flow_over_the_grid_is_the_solution() {
    for name in ["bs3", "dopri5", "tsit5", "dop853", "verner9"] {
        for basis in [Basis::PiecewiseConstant { cells: 3 }, Basis::PiecewiseLinear { nodes: 4 }] {
            let flow = flow(resnet(4), basis, 3.0, name, CONTROL);
            let (theta, start) = (noise(flow.n_parameters(), 5), noise(4 * 7, 6));
            let solution =
                solve(&flow, flow.adaptive.as_ref().unwrap(), &theta, &start, Wanted::default());
            let over = flow.over(solution.grid);
            let (mut prepared, mut tape) = Default::default();
            over.prepare(&theta, &mut prepared);
            over.entry(&mut tape, 7).copy_from_slice(&start);
            over.forward(&prepared, &mut tape, 7);
            let end = over.exit(&tape, 7).iter().zip(&solution.state);
            let far = end.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(far < 1e-13, "{name}: {far:e}");
        }
    }
}

const OSCILLATOR: &str = r#"(state: {"q": 1, "p": 1}, weights: {}, rhs: {"q": "p", "p": "-q"})"#;

#[test]
fn states_at_asked_times_are_as_close_as_the_solution() {
    let times = [0.0, 0.1, 0.75, 2.0, 3.3, 5.9, 6.0];
    for (name, rtol, bound) in
        [("dopri5", 1e-9, 1e-7), ("dop853", 1e-11, 1e-9), ("bs3", 1e-6, 1e-4)]
    {
        let control = Control { rtol, atol: 0.01 * rtol, ..CONTROL };
        let flow = flow(formula(OSCILLATOR, 2), Basis::Constant, 6.0, name, control);
        let wanted = Wanted { times: &times, ..Wanted::default() };
        let solution = solve(&flow, flow.adaptive.as_ref().unwrap(), &[], &[1.0, 0.0], wanted);
        assert_eq!(solution.states.len(), times.len());
        for (t, y) in times.iter().zip(&solution.states) {
            let far = (y[0] - t.cos()).hypot(y[1] + t.sin());
            assert!(far < bound, "{name} at {t}: {far:e}");
        }
        assert_eq!(solution.states.last(), Some(&solution.state));
    }
}

const SQUARE: &str = r#"(state: {"y": 1}, weights: {}, rhs: {"y": "y .* y"})"#;

#[test]
fn a_blow_up_ends_at_its_time_with_the_last_good_state() {
    // y = 1 / (1/y0 - t): the second of three samples goes first, at t = 0.8.
    for name in ["dopri5", "dop853", "tsit5"] {
        let flow = flow(formula(SQUARE, 1), Basis::Constant, 2.0, name, CONTROL);
        let start = [0.1, 1.25, 0.9];
        let solution = solve(
            &flow,
            flow.adaptive.as_ref().unwrap(),
            &[],
            &start,
            Wanted { times: &[0.5, 1.5], errors: true, every: false },
        );
        let halt = solution.halt.expect("it ends");
        assert_eq!(halt.sample(), Some(1), "{halt}");
        assert!((halt.time() - 0.8).abs() < 1e-3, "{name}: {halt}");
        assert!(solution.state.iter().all(|y| y.is_finite()));
        assert_eq!(solution.states.len(), 1);
        assert_eq!(solution.grid.last(), Some(&halt.time()));
    }
}

#[test]
fn a_number_that_is_lost_is_named_by_time_stage_and_sample() {
    // The root of what becomes negative, first in the second sample, at about t = 0.4.
    let text = r#"(state: {"y": 1}, weights: {}, rhs: {"y": "-1 + 1e-3 * sqrt(y)"})"#;
    for driver in [Driver::Diffsol, Driver::Own] {
        let flow = flow(formula(text, 1), Basis::Constant, 2.0, "dopri5", CONTROL);
        let solution = run(driver, &flow, &[], &[3.0, 0.4, 2.0]);
        let halt = solution.halt.expect("it ends");
        let Halt::NotFinite { sample, stage, t } = halt else { panic!("{halt}") };
        assert_eq!((sample, stage.is_some()), (1, true));
        assert!((t - 0.4).abs() < 1e-3, "{t}");
        assert!(solution.state.iter().all(|y| y.is_finite()));
    }
}

/// f overflows in stages of steps that are too long, not along the solution.
#[test]
fn a_step_that_leaves_all_bounds_is_tried_again() {
    let text =
        r#"(state: {"y": 1}, weights: {}, rhs: {"y": "exp(exp(-60*y)) - exp(exp(-60*y)) - y"})"#;
    for driver in [Driver::Diffsol, Driver::Own] {
        let control = Control { first_step: Some(5.0), ..CONTROL };
        let flow = flow(formula(text, 1), Basis::Constant, 10.0, "bs3", control);
        let solution = run(driver, &flow, &[], &[1.0]);
        assert_eq!(solution.halt, None, "{driver:?}");
        assert!(!solution.steps[0].accepted);
        assert!((solution.state[0] - (-10f64).exp()).abs() < 1e-5, "{:?}", solution.state);
    }
}

#[test]
fn a_limit_on_steps_leaves_what_was_done() {
    for driver in [Driver::Diffsol, Driver::Own] {
        let control = Control { max_steps: 7, ..CONTROL };
        let flow = flow(formula(OSCILLATOR, 2), Basis::Constant, 100.0, "dopri5", control);
        let solution = run(driver, &flow, &[], &[1.0, 0.0]);
        assert!(matches!(solution.halt, Some(Halt::Steps { steps: 7, .. })));
        assert_eq!(solution.grid.len(), 8);
    }
}

#[test]
fn samples_by_themselves_are_solved_as_if_alone() {
    let flow = flow(resnet(3), Basis::PiecewiseLinear { nodes: 3 }, 2.0, "tsit5", CONTROL);
    let (theta, start) = (noise(flow.n_parameters(), 7), noise(9, 8));
    let adaptive = flow.adaptive.as_ref().unwrap();
    let each = solve_each(&flow, adaptive, &theta, &start, Wanted::default());
    for (one, start) in each.iter().zip(start.chunks(3)) {
        assert_eq!(*one, solve(&flow, adaptive, &theta, start, Wanted::default()));
    }
}

#[test]
fn a_method_without_a_pair_is_told_which_have_one() {
    let rk4 = tableau::named("rk4").unwrap().to_f64();
    let told = Pair::new(&rk4).unwrap_err().to_string();
    assert!(told.contains("rk4") && told.contains("dopri5, tsit5"), "{told}");
    for name in pairs() {
        let pair = Pair::new(&tableau::named(&name).unwrap().to_f64()).unwrap();
        assert_eq!((pair.c.first(), pair.c.last()), (Some(&0.0), Some(&1.0)), "{name}");
    }
}

/// All methods, those without a pair with an estimate of zero, so that each step that is asked for is taken.
#[test]
fn fixed_grids_through_diffsol_are_our_own_steps() {
    let (width, batch, horizon) = (5, 9, 1.5);
    let mut taken = 0;
    for name in tableau::samples() {
        let tableau = tableau::named(&name).unwrap().to_f64();
        let pair = Pair::padded(&tableau, vec![0.0; tableau.stages()], tableau.order);
        if !pair.fits_diffsol() {
            continue;
        }
        taken += 1;
        for basis in [
            Basis::Constant,
            Basis::PiecewiseLinear { nodes: 4 },
            Basis::PiecewiseConstant { cells: 3 },
        ] {
            let uniform: Vec<f64> = (0..=6).map(|i| 0.25 * f64::from(i)).collect();
            for grid in [uniform, vec![0.0, 0.1, 0.5, 0.95, 1.0, 1.2, 1.5]] {
                let controls = Controls::new(basis, horizon);
                let flow = Flow::new(Arc::new(resnet(width)), controls, &tableau, grid.clone());
                let (theta, start) = (noise(flow.n_parameters(), 3), noise(width * batch, 4));
                let (mut prepared, mut tape) = Default::default();
                flow.prepare(&theta, &mut prepared);
                flow.entry(&mut tape, batch).copy_from_slice(&start);
                flow.forward(&prepared, &mut tape, batch);
                let ours = flow.exit(&tape, batch).to_vec();

                let system = System::new(&flow, &theta, batch);
                let problem =
                    explicit::problem(Equations::long(&system, &start), &CONTROL, 0.0).unwrap();
                let control = Control { first_step: Some(1.0), ..CONTROL };
                let mut stepper = Explicit::new(&problem, &pair, &control, false).unwrap();
                let mut piece = 0;
                for step in grid.windows(2) {
                    let now = controls.piece(0.5 * (step[0] + step[1]));
                    system.enter(now);
                    if now != piece {
                        drive::Stepper::restart(&mut stepper);
                        piece = now;
                    }
                    drive::Stepper::land(&mut stepper, step[0]);
                    drive::Stepper::aim(&mut stepper, step[1] - step[0]);
                    drive::Stepper::step(&mut stepper, &mut Vec::new()).unwrap();
                }
                let mut theirs = vec![0.0; start.len()];
                drive::Stepper::copy_state(&stepper, &mut theirs);
                let far = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(far < 1e-13, "{name}: {far:e}");
            }
        }
    }
    assert!(taken >= 25, "{taken}");
}

fn norm(a: &[f64]) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    let difference: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    norm(&difference) / norm(a).max(norm(b))
}

const BASES: [Basis; 4] = [
    Basis::Constant,
    Basis::PiecewiseConstant { cells: 3 },
    Basis::PiecewiseLinear { nodes: 4 },
    Basis::Legendre { degree: 2 },
];

#[test]
fn the_gradient_over_the_grid_is_that_of_step_vjp_and_of_differences() {
    let (width, batch) = (4, 6);
    let (start, cotangent) = (noise(width * batch, 9), noise(width * batch, 10));
    for name in ["heun_euler21", "bs3", "merson4", "cash_karp", "dopri5", "tsit5", "bs5"] {
        for basis in BASES {
            let control = Control { rtol: 1e-4, atol: 1e-6, ..CONTROL };
            let flow = flow(resnet(width), basis, 3.0, name, control);
            let adaptive = flow.adaptive.clone().unwrap();
            let theta = noise(flow.n_parameters(), 11);
            let found = adjoints::step_vjp(&flow, &adaptive, &theta, &start, &cotangent).unwrap();
            let (solution, theirs) = found.expect("diffsol takes it");
            let over = flow.over(solution.grid);
            let ours = adjoints::discrete(&over, &theta, &start, &cotangent);
            let off = (apart(&ours.state, &theirs.state), apart(&ours.gradient, &theirs.gradient));
            assert!(off.0 < 1e-12 && off.1 < 1e-12, "{name} {basis:?}: {off:?}");

            let value = |theta: &[f64]| -> f64 {
                let (mut prepared, mut tape) = Default::default();
                over.prepare(theta, &mut prepared);
                over.entry(&mut tape, batch).copy_from_slice(&start);
                over.forward(&prepared, &mut tape, batch);
                over.exit(&tape, batch).iter().zip(&cotangent).map(|(y, u)| y * u).sum()
            };
            let h = 1e-3;
            let mut moved = theta.clone();
            let differences: Vec<f64> = (0..theta.len())
                .map(|i| {
                    let mut at = |step: f64| {
                        moved[i] = theta[i] + step * h;
                        let value = value(&moved);
                        moved[i] = theta[i];
                        value
                    };
                    (at(-2.0) - 8.0 * at(-1.0) + 8.0 * at(1.0) - at(2.0)) / (12.0 * h)
                })
                .collect();
            let off = apart(&ours.gradient, &differences);
            assert!(off < 1e-7, "{name} {basis:?}: {off:e}");
        }
    }
}

#[test]
fn the_continuous_adjoint_is_as_close_as_its_tolerance() {
    let (width, batch) = (4, 6);
    // As small as cotangents of a mean loss are.
    let cotangent: Vec<f64> = noise(width * batch, 10).iter().map(|u| 1e-6 * u).collect();
    let start = noise(width * batch, 9);
    for basis in BASES {
        let flow = flow(resnet(width), basis, 3.0, "tsit5", CONTROL);
        let adaptive = flow.adaptive.clone().unwrap();
        let theta = noise(flow.n_parameters(), 11);
        let solution = solve(&flow, &adaptive, &theta, &start, Wanted::default());
        let ours = adjoints::discrete(&flow.over(solution.grid), &theta, &start, &cotangent);
        let theirs = adjoints::continuous(&flow, &CONTROL, &theta, &start, &cotangent).unwrap();
        let off = (apart(&ours.state, &theirs.state), apart(&ours.gradient, &theirs.gradient));
        println!("{basis:?}: {off:?}");
        assert!(off.0 < 1e-4 && off.1 < 1e-4, "{basis:?}: {off:?}");
    }
}

#[test]
fn going_back_finds_the_start_of_a_rotation_and_not_of_a_contraction() {
    for basis in BASES {
        let flow = flow(resnet(4), basis, 2.0, "dopri5", CONTROL);
        let adaptive = flow.adaptive.clone().unwrap();
        let (theta, start) = (noise(flow.n_parameters(), 12), noise(12, 13));
        let solution = solve(&flow, &adaptive, &theta, &start, Wanted::default());
        let back = adjoints::reversed(&flow, &adaptive, &theta, &solution.state).unwrap();
        assert!(apart(&start, &back) < 1e-3, "{basis:?}: {:e}", apart(&start, &back));
    }
    let back = |rate: &str| {
        let text = format!(r#"(state: {{"y": 2}}, weights: {{}}, rhs: {{"y": "{rate} * y"}})"#);
        let flow = flow(formula(&text, 2), Basis::Constant, 5.0, "dopri5", CONTROL);
        let adaptive = flow.adaptive.clone().unwrap();
        let solution = solve(&flow, &adaptive, &[], &[1.0, -2.0], Wanted::default());
        let back = adjoints::reversed(&flow, &adaptive, &[], &solution.state);
        back.map_or(f64::INFINITY, |back| apart(&[1.0, -2.0], &back))
    };
    assert!(back("-0.1") < 1e-4 && back("-6") > 0.1, "{} {}", back("-0.1"), back("-6"));
}

/// y' = -1000 (y - cos t): an explicit method takes steps of about 1/300 whatever the tolerance.
#[test]
fn implicit_methods_take_few_steps_where_the_equation_is_stiff() {
    let text = r#"(state: {"y": 1}, weights: {}, rhs: {"y": "-1000 * (y - cos(t))"})"#;
    let start = [1.0, 0.3, -2.0];
    let explicit = {
        let flow = flow(formula(text, 1), Basis::Constant, 5.0, "dopri5", CONTROL);
        solve(&flow, flow.adaptive.as_ref().unwrap(), &[], &start, Wanted::default())
    };
    for method in Implicit::ALL {
        let controls = Controls::new(Basis::Constant, 5.0);
        let adaptive = Adaptive { method: Method::Implicit(method), control: CONTROL };
        let flow =
            Flow::adaptive(Arc::new(formula(text, 1)), controls, &method.tableau(), adaptive);
        let wanted = Wanted { times: &[1.0, 2.5, 5.0], ..Wanted::default() };
        let solution = solve(&flow, flow.adaptive.as_ref().unwrap(), &[], &start, wanted);
        assert_eq!(solution.halt, None, "{method:?}");
        for (t, states) in wanted.times.iter().zip(&solution.states) {
            let exact = (1e6 * t.cos() + 1e3 * t.sin()) / (1e6 + 1.0);
            assert!(states.iter().all(|y| (y - exact).abs() < 1e-4), "{method:?} {t}: {states:?}");
        }
        let (few, many) = (solution.grid.len(), explicit.grid.len());
        println!("{method:?}: {few} steps, dopri5 {many}");
        assert!(3 * few < many, "{method:?}: {few} {many}");
    }
}

#[test]
fn implicit_methods_stop_at_jumps_of_the_weights() {
    let (width, batch) = (4, 5);
    let basis = Basis::PiecewiseConstant { cells: 3 };
    let tight = Control { rtol: 1e-10, atol: 1e-12, ..CONTROL };
    let reference = flow(resnet(width), basis, 3.0, "dopri5", tight);
    let (theta, start) = (noise(reference.n_parameters(), 14), noise(width * batch, 15));
    let close =
        solve(&reference, reference.adaptive.as_ref().unwrap(), &theta, &start, Wanted::default());
    for method in Implicit::ALL {
        let adaptive = Adaptive { method: Method::Implicit(method), control: CONTROL };
        let flow = Flow::adaptive(
            Arc::new(resnet(width)),
            reference.controls,
            &method.tableau(),
            adaptive,
        );
        let solution =
            solve(&flow, flow.adaptive.as_ref().unwrap(), &theta, &start, Wanted::default());
        assert_eq!(solution.halt, None, "{method:?}");
        assert!(apart(&close.state, &solution.state) < 1e-4, "{method:?}");
        assert!([1.0, 2.0, 3.0].iter().all(|stop| solution.grid.contains(stop)), "{method:?}");
    }
}
