//! Are the derivatives right? Four tests of a network's objective J(w) = mean loss + penalties, each of
//! which a wrong derivative fails:
//!
//! - Taylor: along a random direction d the change |J(w + εd) - J(w)| falls like ε and what the gradient
//!   leaves of it, |J(w + εd) - J(w) - ε ∇J·d|, like ε²;
//! - transposes: <u, (∂f/∂y) v> = <(∂f/∂y)ᵀ u, v> for random u, v at states on the way of the samples;
//! - second order: what gradient and Hessian leave, |J(w + εd) - J(w) - ε ∇J·d - ε²/2 d·Hd|, falls like ε³, and the
//!   products with Hessian and Gauss-Newton matrix are symmetric, <u, Hv> = <v, Hu>;
//! - differences: ∇J·d against central differences of fourth order, along random directions and along
//!   directions within one tensor.
//!
//! The point w is the initial network moved by a tenth of its scale at random, so that no weight is zero and
//! all of them change in time.

mod adjoints;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

use crate::data::{Dataset, Samples};
use crate::field::{At, Pass, Workspace};
use crate::network::{Curvature, Doubled, Engine, Network};
use crate::solve::Time;
use crate::train::{Cause, Failure, Fit, Objective, Part, SecondOrder, frozen};

pub use adjoints::{Adjoints, STEP_VJP_TOLERANCE};

/// Samples that are enough to see a wrong derivative.
const SAMPLES: usize = 64;
/// Times at which the field is transposed.
const TIMES: usize = 5;
/// Random directions over all tensors.
const DIRECTIONS: usize = 3;
/// Largest relative error of a transpose.
pub const TRANSPOSE_TOLERANCE: f64 = 1e-13;
/// Largest relative error against differences.
pub const DIFFERENCE_TOLERANCE: f64 = 1e-7;
/// Least slopes of change and remainder, which should be 1 and 2.
pub const LEAST_SLOPES: [f64; 2] = [0.9, 1.8];
/// Least slope of the remainder of second order, which should be 3.
pub const LEAST_SECOND_SLOPE: f64 = 2.7;
/// Largest relative error of the symmetry of second derivatives.
pub const SYMMETRY_TOLERANCE: f64 = 1e-12;
/// The stream of the random directions.
const STREAM: u64 = u64::from_be_bytes(*b"gradchck");

/// What the tests found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Samples used, and trained numbers.
    pub samples: usize,
    pub parameters: usize,
    /// J(w) and |∇J(w)|.
    pub objective: f64,
    pub gradient_norm: f64,
    pub taylor: Taylor,
    /// `None` for a field that does not know its second derivatives.
    pub second: Option<Second>,
    pub transposes: Vec<Transpose>,
    pub differences: Vec<Difference>,
    /// Of a flow that chooses its steps: other ways to its gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjoints: Option<Adjoints>,
}

/// The test of second order.
#[derive(Clone, Debug, Serialize)]
pub struct Second {
    /// None for a network with kinks.
    pub rows: Vec<SecondRow>,
    /// The slope for small ε above rounding; `None` where there is nothing above it.
    pub slope: Option<f64>,
    /// d·Hd
    pub curvature: f64,
    /// |<u, Hv> - <v, Hu>| / (|u| |Hv| + |v| |Hu|)
    pub hessian_symmetry: f64,
    /// The same of the Gauss-Newton matrix.
    pub gauss_newton_symmetry: f64,
}

/// One ε of the test of second order.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SecondRow {
    pub epsilon: f64,
    /// |J(w + εd) - J(w) - ε ∇J·d - ε²/2 d·Hd|
    pub remainder: f64,
    /// Slope from the row before.
    pub slope: Option<f64>,
}

/// The Taylor test.
#[derive(Clone, Debug, Serialize)]
pub struct Taylor {
    pub rows: Vec<TaylorRow>,
    /// The slopes for small ε above rounding; `None` where there is nothing above it.
    pub change_slope: Option<f64>,
    pub remainder_slope: Option<f64>,
}

/// One ε of the Taylor test.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TaylorRow {
    pub epsilon: f64,
    /// |J(w + εd) - J(w)|
    pub change: f64,
    /// |J(w + εd) - J(w) - ε ∇J·d|
    pub remainder: f64,
    /// Slopes from the row before.
    pub change_slope: Option<f64>,
    pub remainder_slope: Option<f64>,
}

/// The dot-product test of the field at a time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Transpose {
    pub t: f64,
    /// |<u, Jv> - <Jᵀu, v>| / (|u| |Jv| + |Jᵀu| |v|)
    pub error: f64,
}

/// The gradient against differences along one direction.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// A tensor, or `all 1`, `all 2`, ..
    pub along: String,
    /// ∇J·d
    pub exact: f64,
    pub difference: f64,
    /// The step of the differences.
    pub step: f64,
    /// |exact - difference| / (|∇J| |d|), the gradient being that by the tensor.
    pub error: f64,
}

impl Report {
    /// What failed, a sentence each; none if all derivatives are right.
    pub fn failures(&self) -> Vec<String> {
        let slopes = [
            ("change", self.taylor.change_slope, 1.0, LEAST_SLOPES[0]),
            ("remainder", self.taylor.remainder_slope, 2.0, LEAST_SLOPES[1]),
        ];
        let taylor = slopes.into_iter().filter_map(|(what, slope, expected, least)| {
            let slope = slope.filter(|&slope| !at_least(slope, least))?;
            Some(format!("the Taylor test's {what} falls with slope {slope:.2}, not {expected}"))
        });
        let second = self.second.iter().flat_map(|second| {
            let slope = second.slope.filter(|&slope| !at_least(slope, LEAST_SECOND_SLOPE));
            let slope = slope.map(|slope| {
                format!("what gradient and Hessian leave falls with slope {slope:.2}, not 3")
            });
            let symmetry = [
                ("Hessian", second.hessian_symmetry),
                ("Gauss-Newton matrix", second.gauss_newton_symmetry),
            ];
            let symmetry = symmetry.into_iter().filter(|s| !at_least(SYMMETRY_TOLERANCE, s.1));
            let symmetry = symmetry
                .map(|(name, error)| format!("the {name} is not symmetric: error {error:.1e}"));
            slope.into_iter().chain(symmetry).collect::<Vec<_>>()
        });
        let transposes =
            self.transposes.iter().filter(|row| !at_least(TRANSPOSE_TOLERANCE, row.error));
        let transposes = transposes.map(|row| {
            format!("vjp is not the transpose of jvp at t = {}: error {:.1e}", row.t, row.error)
        });
        let differences =
            self.differences.iter().filter(|row| !at_least(DIFFERENCE_TOLERANCE, row.error));
        let differences = differences.map(|row| {
            format!(
                "the gradient along {} differs from differences by {:.1e}",
                row.along, row.error
            )
        });
        let step_vjp = self.adjoints.as_ref().and_then(|adjoints| adjoints.step_vjp);
        let step_vjp = step_vjp.filter(|&off| !at_least(STEP_VJP_TOLERANCE, off));
        let step_vjp = step_vjp.map(|off| format!("diffsol's step_vjp differs by {off:.1e}"));
        taylor.chain(second).chain(transposes).chain(differences).chain(step_vjp).collect()
    }
}

/// Not for NaN.
fn at_least(larger: f64, smaller: f64) -> bool {
    larger >= smaller
}

/// Tests the derivatives of a network on some of the training samples.
///
/// # Errors
/// [`Failure`], where the objective or its gradient is not finite at the point of the test.
pub fn gradcheck(network: &Network, data: &Dataset, seed: u64) -> Result<Report, Failure> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let data = some(data);
    let moved = scaled(network, &mut rng);
    let weights = along(&network.initial(seed), 0.1, &moved);
    // Where steps are chosen, the derivative is that of the steps at this point, held fixed.
    let frozen = frozen(network, &weights, &data.train)?;
    let chooses = network;
    let network = frozen.as_ref().unwrap_or(network);
    let mut point = Point { fit: Fit::new(network, &data), network, weights, room: Vec::new() };

    let mut gradient = vec![0.0; network.n_parameters()];
    let batch: Vec<usize> = (0..data.train.count()).collect();
    let objective = point.fit.gradient(&point.weights, &batch, &mut gradient)?;
    if let Some(parameter) = gradient.iter().position(|g| !g.is_finite()) {
        return Err(Failure::new(Cause::Gradient { parameter }));
    }
    let direction = scaled(network, &mut rng);
    let taylor = point.taylor(objective, &gradient, &direction);
    let second = point.second(&data, objective, &gradient, &direction, &mut rng)?;
    let mut differences: Vec<Difference> = (1..=DIRECTIONS)
        .map(|i| point.difference(format!("all {i}"), &gradient, &scaled(network, &mut rng)))
        .collect();
    for entry in network.layout().entries() {
        let all = scaled(network, &mut rng);
        let mut within = vec![0.0; all.len()];
        for copy in 0..entry.copies {
            let start = entry.start + copy * entry.stride;
            let places = start..start + entry.rows * entry.cols;
            within[places.clone()].copy_from_slice(&all[places]);
        }
        differences.push(point.difference(entry.name.clone(), &gradient, &within));
    }
    let transposes = transposes(network, &point.weights, &data.train, &mut rng);
    let draw = |n: usize| noise(n, &mut rng);
    let adjoints = adjoints::compare(chooses, &point.weights, data.train.x.as_ref(), draw);
    Ok(Report {
        adjoints,
        samples: batch.len(),
        parameters: gradient.len(),
        objective,
        gradient_norm: norm(&gradient),
        taylor,
        second,
        transposes,
        differences,
    })
}

/// At most [`SAMPLES`] training samples, evenly from all of them: they may be sorted by class.
fn some(data: &Dataset) -> Dataset {
    let (all, n) = (data.train.count(), data.train.count().min(SAMPLES));
    let chosen: Vec<usize> = (0..n).map(|i| i * all / n.max(1)).collect();
    let from = &data.train;
    let x = faer::Mat::from_fn(from.x.nrows(), n, |i, j| from.x[(i, chosen[j])]);
    let train = Samples { x, labels: from.labels.select(&chosen) };
    let validation = Samples { x: faer::Mat::new(), labels: from.labels.select(&[]) };
    Dataset { train, validation, schema: data.schema.clone() }
}

fn noise(n: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..n).map(|_| StandardNormal.sample(rng)).collect()
}

/// Normal numbers of the size of initial weights.
fn scaled(network: &Network, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut direction = noise(network.n_parameters(), rng);
    for entry in network.layout().entries() {
        let deviation = (entry.cols as f64).sqrt().recip();
        for copy in 0..entry.copies {
            let start = entry.start + copy * entry.stride;
            let numbers = &mut direction[start..start + entry.rows * entry.cols];
            numbers.iter_mut().for_each(|d| *d *= deviation);
        }
    }
    direction
}

/// w + s d
fn along(w: &[f64], s: f64, d: &[f64]) -> Vec<f64> {
    w.iter().zip(d).map(|(w, d)| w + s * d).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// A share of the scale; what agrees needs none.
fn relative(apart: f64, scale: f64) -> f64 {
    if apart == 0.0 { 0.0 } else { apart / scale }
}

/// The objective about a point.
struct Point<'a> {
    fit: Fit<'a>,
    network: &'a Network,
    weights: Vec<f64>,
    /// For the gradient of the penalties, which nobody reads.
    room: Vec<f64>,
}

impl Point<'_> {
    /// J(w + s d), NaN where it is not finite.
    fn value(&mut self, s: f64, d: &[f64]) -> f64 {
        let weights = along(&self.weights, s, d);
        self.room.clear();
        self.room.resize(weights.len(), 0.0);
        let penalty = self.network.penalty(&weights, &mut self.room);
        self.fit.evaluate(&weights, Part::Train).map_or(f64::NAN, |score| score.loss + penalty)
    }

    fn taylor(&mut self, objective: f64, gradient: &[f64], d: &[f64]) -> Taylor {
        let slope = dot(gradient, d);
        // The pass without a gradient may differ from the other by rounding.
        let here = self.value(0.0, d);
        // Far enough above the rounding of J for a slope.
        let floor = 1e-12 * objective.abs().max(1.0);
        let mut rows: Vec<TaylorRow> = Vec::new();
        for half_decade in 2..=14 {
            let epsilon = 10f64.powf(-0.5 * f64::from(half_decade));
            let change = self.value(epsilon, d) - here;
            let remainder = (change - epsilon * slope).abs();
            let change = change.abs();
            let observed = |value: f64, before: fn(&TaylorRow) -> f64| {
                let before = rows.last().map(|row| (row.epsilon, before(row)));
                let (wide, before) = before.filter(|b| b.1 > floor && value > floor)?;
                Some((value / before).ln() / (epsilon / wide).ln())
            };
            let change_slope = observed(change, |row| row.change);
            let remainder_slope = observed(remainder, |row| row.remainder);
            rows.push(TaylorRow { epsilon, change, remainder, change_slope, remainder_slope });
        }
        let change_slope = settled(rows.iter().filter_map(|row| row.change_slope));
        let remainder_slope = settled(rows.iter().filter_map(|row| row.remainder_slope));
        Taylor { rows, change_slope, remainder_slope }
    }

    /// The Taylor test with the Hessian, and the symmetry of second derivatives.
    fn second(
        &mut self,
        data: &Dataset,
        objective: f64,
        gradient: &[f64],
        d: &[f64],
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Second>, Failure> {
        let doubled = |what| Doubled::new(self.network, what);
        let (Some(hessian), Some(gauss_newton)) =
            (doubled(Curvature::Hessian), doubled(Curvature::GaussNewton))
        else {
            return Ok(None);
        };
        let n = d.len();
        let apply = |matrix: &Doubled<'_>, v: &[f64]| {
            let mut product = vec![0.0; n];
            SecondOrder::new(matrix, data).apply(&self.weights, v, &mut product)?;
            Ok(product)
        };
        let curvature = dot(d, &apply(&hessian, d)?);
        let (u, v) = (scaled(self.network, rng), scaled(self.network, rng));
        let symmetry = |matrix: &Doubled<'_>| {
            let (of_u, of_v) = (apply(matrix, &u)?, apply(matrix, &v)?);
            let scale = norm(&u) * norm(&of_v) + norm(&v) * norm(&of_u);
            Ok(relative((dot(&u, &of_v) - dot(&v, &of_u)).abs(), scale))
        };
        let (hessian_symmetry, gauss_newton_symmetry) =
            (symmetry(&hessian)?, symmetry(&gauss_newton)?);
        let slope = dot(gradient, d);
        let here = self.value(0.0, d);
        let floor = 1e-12 * objective.abs().max(1.0);
        let mut rows: Vec<SecondRow> = Vec::new();
        // Across a kink the second derivative says nothing of the change.
        let smallest = if self.network.has_kinks() { 0 } else { 8 };
        for half_decade in 2..=smallest {
            let epsilon = 10f64.powf(-0.5 * f64::from(half_decade));
            let taylor = epsilon * slope + 0.5 * epsilon * epsilon * curvature;
            let remainder = (self.value(epsilon, d) - here - taylor).abs();
            let before = rows.last().filter(|row| row.remainder > floor && remainder > floor);
            let slope =
                before.map(|row| (remainder / row.remainder).ln() / (epsilon / row.epsilon).ln());
            rows.push(SecondRow { epsilon, remainder, slope });
        }
        let slope = settled(rows.iter().filter_map(|row| row.slope));
        Ok(Some(Second { rows, slope, curvature, hessian_symmetry, gauss_newton_symmetry }))
    }

    /// ∇J·d against (J(w-2hd) - 8 J(w-hd) + 8 J(w+hd) - J(w+2hd)) / 12h. Whoever is right agrees at some h:
    /// at large ones the differences are wrong, at small ones they round.
    fn difference(&mut self, name: String, gradient: &[f64], d: &[f64]) -> Difference {
        let exact = dot(gradient, d);
        let within: f64 =
            gradient.iter().zip(d).filter(|(_, d)| **d != 0.0).map(|(g, _)| g * g).sum();
        // A tensor whose gradient is next to nothing is measured by the whole, a gradient of zero by one.
        let scale = within.sqrt().max(1e-6 * norm(gradient)).max(1e-6) * norm(d);
        let (difference, error) = (f64::NAN, f64::NAN);
        let mut best = Difference { along: name, exact, difference, step: 0.0, error };
        for step in [1e-2, 1e-3, 1e-4, 1e-5, 1e-6] {
            let mut at = |s: f64| self.value(s * step, d);
            let difference = (at(-2.0) - at(2.0) + 8.0 * (at(1.0) - at(-1.0))) / (12.0 * step);
            let error = relative((exact - difference).abs(), scale);
            if error < best.error || best.error.is_nan() {
                best = Difference { difference, step, error, ..best };
            }
            if error < 0.01 * DIFFERENCE_TOLERANCE {
                break;
            }
        }
        best
    }
}

/// The median of the last three slopes.
fn settled(slopes: impl Iterator<Item = f64>) -> Option<f64> {
    let slopes: Vec<f64> = slopes.collect();
    let mut last: Vec<f64> = slopes.iter().rev().take(3).copied().collect();
    last.sort_by(f64::total_cmp);
    last.get(last.len() / 2).copied()
}

/// The dot-product test of the field at states on the way of the samples.
fn transposes(
    network: &Network,
    weights: &[f64],
    samples: &Samples,
    rng: &mut ChaCha8Rng,
) -> Vec<Transpose> {
    let flow = &network.flow;
    let field = flow.field.as_ref();
    let (batch, numbers) = (samples.count(), network.width() * samples.count());
    let trace = Engine::new(network).trace(weights, samples.x.as_ref());
    let chosen = (0..TIMES).map(|i| i * (trace.len() - 1) / (TIMES - 1));
    let mut chosen: Vec<usize> = chosen.collect();
    chosen.dedup();
    let theta = network.field_weights(weights);
    let mut room = vec![0.0; field.n_prepared()];
    let mut ws = Workspace::default();
    let mut rows = Vec::new();
    for (t, state) in chosen.into_iter().filter_map(|i| trace.get(i)) {
        let time = Time { t: *t, row: flow.controls.row(*t, flow.controls.piece(*t)) };
        flow.prepare_time(&time, theta, &mut room);
        let at = At { t: *t, prepared: &room, batch, lanes: 1 };
        let y: Vec<f64> =
            state.col_iter().flat_map(|c| c.iter().copied().collect::<Vec<_>>()).collect();
        let (u, v) = (noise(numbers, rng), noise(numbers, rng));
        let mut k = vec![0.0; numbers];
        let mut kept = vec![0.0; field.n_kept() * batch];
        field.eval(at, &y, &mut k, &mut kept, &mut ws);
        let (mut forward, mut back) = (vec![0.0; numbers], vec![0.0; numbers]);
        field.jvp(at, &y, &v, &mut forward, &mut ws);
        let mut sums = vec![0.0; field.n_sums()];
        let pass = Pass { y: &y, k: &k, kept: &kept, u: &u };
        field.vjp(at, pass, &mut back, &mut sums, &mut ws);
        let scale = norm(&u) * norm(&forward) + norm(&back) * norm(&v);
        let apart = (dot(&u, &forward) - dot(&back, &v)).abs();
        let error = relative(apart, scale);
        rows.push(Transpose { t: *t, error });
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::expr::Weight;
    use crate::field::VectorField;
    use crate::spec::Model;

    const MODEL: &str = r#"(
        data: Peaks(classes: 3, train: 100),
        network: (
            opening: Dense(width: 4, activation: "tanh"), field: "antisymmetric",
            controls: PiecewiseLinear(nodes: 3), horizon: 2.0, method: "rk4", stepping: Fixed(steps: 4),
        ),
        loss: "softmax",
        penalties: (tikhonov: 0.1, smoothness: 0.1),
        training: (optimiser: Adam(rate: 0.1), epochs: 1),
    )"#;

    /// A field with derivatives that are a little too large.
    struct Wrong {
        field: Arc<dyn VectorField>,
        by_state: f64,
        by_weights: f64,
    }

    impl VectorField for Wrong {
        fn width(&self) -> usize {
            self.field.width()
        }
        fn weights(&self) -> Vec<Weight> {
            self.field.weights()
        }
        fn n_kept(&self) -> usize {
            self.field.n_kept()
        }
        fn n_prepared(&self) -> usize {
            self.field.n_prepared()
        }
        fn n_sums(&self) -> usize {
            self.field.n_sums()
        }
        fn sums_are_gradient(&self) -> bool {
            false
        }
        fn prepare(&self, t: f64, prepared: &mut [f64]) {
            self.field.prepare(t, prepared);
        }
        fn eval(&self, at: At<'_>, y: &[f64], k: &mut [f64], keep: &mut [f64], ws: &mut Workspace) {
            self.field.eval(at, y, k, keep, ws);
        }
        fn jvp(&self, at: At<'_>, y: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
            self.field.jvp(at, y, v, out, ws);
        }
        fn vjp(
            &self,
            at: At<'_>,
            p: Pass<'_>,
            gy: &mut [f64],
            sums: &mut [f64],
            ws: &mut Workspace,
        ) {
            self.field.vjp(at, p, gy, sums, ws);
            gy.iter_mut().for_each(|g| *g *= self.by_state);
        }
        fn gather(&self, at: At<'_>, sums: &[f64], gradient: &mut [f64], ws: &mut Workspace) {
            self.field.gather(at, sums, gradient, ws);
            gradient.iter_mut().for_each(|g| *g *= self.by_weights);
        }
    }

    fn failures(by_state: f64, by_weights: f64) -> Vec<String> {
        let model = Model::parse(MODEL, Path::new("model.ron"), &[]).unwrap();
        let data = model.dataset().unwrap();
        let mut network = model.network(&data.schema).unwrap();
        let field = network.flow.field.clone();
        network.flow.field = Arc::new(Wrong { field, by_state, by_weights });
        let report = gradcheck(&network, &data, 1).unwrap();
        assert_eq!(report.samples, SAMPLES);
        report.failures()
    }

    #[test]
    fn right_derivatives_pass() {
        assert_eq!(failures(1.0, 1.0), [""; 0]);
    }

    #[test]
    fn a_network_without_weights_has_the_gradient_of_its_differences() {
        const FIXED: &str = r#"(
            data: Flip(train: 10),
            network: (
                opening: Identity, field: Formula(state: {"y": "n"}, weights: {}, rhs: {"y": "-y"}),
                controls: Constant, horizon: 1.0, method: "rk4", stepping: Fixed(steps: 2), head: Identity,
            ),
            loss: "squares",
            training: (optimiser: Adam(rate: 0.1), epochs: 1),
        )"#;
        let model = Model::parse(FIXED, Path::new("model.ron"), &[]).unwrap();
        let data = model.dataset().unwrap();
        let report = gradcheck(&model.network(&data.schema).unwrap(), &data, 1).unwrap();
        assert_eq!((report.parameters, report.failures()), (0, Vec::new()));
    }

    #[test]
    fn a_wrong_derivative_by_the_state_fails_every_test() {
        let found = failures(1.0 + 1e-2, 1.0).join("\n");
        for part in
            ["remainder falls with slope", "vjp is not the transpose", "along opening.weight"]
        {
            assert!(found.contains(part), "{found}");
        }
        assert!(!found.contains("along head.weight"), "{found}");
        // The dot products alone see an error next to rounding.
        let found = failures(1.0 + 1e-10, 1.0);
        assert!(!found.is_empty() && found.iter().all(|f| f.contains("transpose")), "{found:?}");
    }

    #[test]
    fn a_wrong_derivative_by_the_weights_is_named() {
        let found = failures(1.0, 1.0 + 1e-4).join("\n");
        assert!(found.contains("along field.K") && found.contains("along field.b"), "{found}");
        assert!(!found.contains("transpose") && !found.contains("along opening"), "{found}");
    }
}
