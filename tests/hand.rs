//! The hand-written measure is right: against central differences and against plain loops. And the plan of
//! the same formula agrees with it.

#[path = "../benches/hand/mod.rs"]
mod hand;

use std::sync::Arc;

use faer::MatRef;
use indexmap::IndexMap;
use kutta::control::{Basis, Controls};
use kutta::field::{SymbolicField, named};
use kutta::loss::{Loss, Penalties};
use kutta::network::{Engine, Head, Network, Opening, Targets, Task};
use kutta::solve::{Flow, Stepping};
use kutta::tableau;

use hand::Hand;
use hand::kernel::{exp, tanh};

/// A network and data that are not special in any way.
struct Case {
    width: usize,
    features: usize,
    outputs: usize,
    steps: usize,
    horizon: f64,
    theta: Vec<f64>,
    x: Vec<f64>,
    labels: Vec<usize>,
}

fn case(width: usize, steps: usize, batch: usize) -> (Case, Hand) {
    let (features, outputs, horizon) = (2, 5, 1.7);
    let hand = Hand::new(width, features, outputs, steps, horizon, batch);
    // A linear congruential generator is random enough here.
    let mut state = 1_u64;
    let mut draw = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    };
    let scale = 1.0 / (width as f64).sqrt();
    let theta = (0..hand.parameters()).map(|_| 2.0 * scale * draw()).collect();
    let x = (0..features * batch).map(|_| 2.0 * draw()).collect();
    let labels = (0..batch).map(|i| (i * i + 3 * i) % outputs).collect();
    (Case { width, features, outputs, steps, horizon, theta, x, labels }, hand)
}

/// W v + b
fn affine(w: &[f64], v: &[f64], b: &[f64]) -> Vec<f64> {
    let n = b.len();
    let mut out = b.to_vec();
    for (j, v) in v.iter().enumerate() {
        for i in 0..n {
            out[i] += w[j * n + i] * v;
        }
    }
    out
}

/// W' u
fn transposed(w: &[f64], u: &[f64], columns: usize) -> Vec<f64> {
    let n = u.len();
    (0..columns).map(|j| (0..n).map(|i| w[j * n + i] * u[i]).sum()).collect()
}

/// y + c v
fn along(y: &[f64], c: f64, v: &[f64]) -> Vec<f64> {
    y.iter().zip(v).map(|(y, v)| y + c * v).collect()
}

impl Case {
    /// The field's weights at stage time `time` in half steps, and their place among the parameters.
    fn field(&self, time: usize) -> (Vec<f64>, [usize; 2]) {
        let n = self.width;
        let at = [time / 2, time.div_ceil(2)].map(|i| self.features * n + n + i * (n * n + n));
        let [a, b] = at.map(|at| &self.theta[at..at + n * n + n]);
        (a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect(), at)
    }

    /// Mean loss and gradient, one sample after the other, by the definitions.
    fn plain(&self) -> (f64, Vec<f64>) {
        let (n, d, q) = (self.width, self.features, self.outputs);
        let h = self.horizon / self.steps as f64;
        let batch = self.labels.len() as f64;
        let mut gradient = vec![0.0; self.theta.len()];
        let mut loss = 0.0;
        let head = self.theta.len() - q * (n + 1);
        for (x, &label) in self.x.chunks(d).zip(&self.labels) {
            let (weight, bias) = (&self.theta[..n * d], &self.theta[n * d..n * d + n]);
            let start: Vec<f64> = affine(weight, x, bias).iter().map(|v| v.tanh()).collect();
            let mut y = start.clone();
            let mut tape = Vec::new();
            for k in 0..self.steps {
                let mut a: Vec<Vec<f64>> = Vec::new();
                for i in 0..4 {
                    let point = match i {
                        0 => y.clone(),
                        _ => along(&y, [0.5 * h, 0.5 * h, h][i - 1], &a[i - 1]),
                    };
                    let (w, _) = self.field(2 * k + [0, 1, 1, 2][i]);
                    let value = affine(&w[..n * n], &point, &w[n * n..]);
                    a.push(value.iter().map(|v| v.tanh()).collect());
                    tape.push((point, a[i].clone()));
                }
                for (a, b) in a.iter().zip([1.0, 2.0, 2.0, 1.0]) {
                    y = along(&y, h * b / 6.0, a);
                }
            }
            let z = affine(&self.theta[head..head + q * n], &y, &self.theta[head + q * n..]);
            let sum: f64 = z.iter().map(|z| z.exp()).sum();
            loss += (sum.ln() - z[label]) / batch;
            let hit = |i: usize| if i == label { 1.0 } else { 0.0 };
            let slope: Vec<f64> =
                z.iter().enumerate().map(|(i, z)| (z.exp() / sum - hit(i)) / batch).collect();
            outer(&mut gradient[head..], &slope, &y);
            let mut lambda = transposed(&self.theta[head..head + q * n], &slope, n);
            for k in (0..self.steps).rev() {
                let mut next = lambda.clone();
                let mut from_above = vec![0.0; n];
                for i in (0..4).rev() {
                    let (point, a) = &tape[4 * k + i];
                    let b = h * [1.0, 2.0, 2.0, 1.0][i] / 6.0;
                    let above = [0.5 * h, 0.5 * h, h, 0.0][i];
                    let u: Vec<f64> = (0..n)
                        .map(|j| (b * lambda[j] + above * from_above[j]) * (1.0 - a[j] * a[j]))
                        .collect();
                    let (w, at) = self.field(2 * k + [0, 1, 1, 2][i]);
                    let half: Vec<f64> = u.iter().map(|u| 0.5 * u).collect();
                    at.iter()
                        .for_each(|&at| outer(&mut gradient[at..at + n * n + n], &half, point));
                    from_above = transposed(&w[..n * n], &u, n);
                    next = along(&next, 1.0, &from_above);
                }
                lambda = next;
            }
            let u: Vec<f64> = (0..n).map(|j| lambda[j] * (1.0 - start[j] * start[j])).collect();
            outer(&mut gradient[..n * d + n], &u, x);
        }
        (loss, gradient)
    }
}

/// The gradient of weight and bias: u v' and u.
fn outer(gradient: &mut [f64], u: &[f64], v: &[f64]) {
    let n = u.len();
    for (j, v) in v.iter().chain(&[1.0]).enumerate() {
        for i in 0..n {
            gradient[j * n + i] += u[i] * v;
        }
    }
}

#[test]
fn gradient_is_that_of_plain_loops() {
    // Widths beside the tile's, batches that no block divides, fewer samples than groups.
    for (width, steps, batch) in [(16, 8, 203), (7, 3, 130), (64, 2, 97), (3, 1, 5), (300, 1, 20)] {
        let (case, mut hand) = case(width, steps, batch);
        let (loss, gradient) = case.plain();
        let mut fused = vec![f64::NAN; gradient.len()];
        // The second gradient finds the memory as the first has left it.
        for _ in 0..2 {
            let fused_loss = hand.gradient(&case.theta, &case.x, &case.labels, &mut fused);
            assert!((loss - fused_loss).abs() < 1e-13 * loss, "{width}: {loss} {fused_loss}");
            let size = gradient.iter().fold(0.0, |a: f64, g| a.max(g.abs()));
            for (i, (a, b)) in gradient.iter().zip(&fused).enumerate() {
                assert!((a - b).abs() < 1e-13 * size, "{width}, parameter {i}: {a} {b}");
            }
        }
    }
}

#[test]
fn gradient_is_the_limit_of_differences() {
    let (mut case, mut hand) = case(6, 3, 40);
    let n = case.theta.len();
    let mut gradient = vec![0.0; n];
    hand.gradient(&case.theta, &case.x, &case.labels, &mut gradient);
    let mut ignored = vec![0.0; n];
    for (i, slope) in gradient.iter().enumerate() {
        let theta = case.theta[i];
        let [above, below] = [1e-5, -1e-5].map(|d| {
            case.theta[i] = theta + d;
            hand.gradient(&case.theta, &case.x, &case.labels, &mut ignored)
        });
        case.theta[i] = theta;
        let difference = (above - below) / 2e-5;
        assert!((difference - slope).abs() < 1e-9, "{i}: {difference} {slope}");
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let (case, mut hand) = case(16, 4, 500);
    let mut run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut gradient = vec![0.0; case.theta.len()];
        let loss =
            pool.install(|| hand.gradient(&case.theta, &case.x, &case.labels, &mut gradient));
        (loss.to_bits(), gradient.iter().map(|g| g.to_bits()).collect::<Vec<_>>())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

#[test]
fn functions_are_those_of_the_library() {
    for i in -400_000..400_000 {
        let x = 5.1e-5 * (f64::from(i) + 0.5);
        let near = |got: f64, truth: f64, bound: f64| {
            assert!((got - truth).abs() <= bound * truth.abs(), "{x}: {got} {truth}");
        };
        near(tanh::<true>(x), libm::tanh(x), 9e-16);
        near(tanh::<false>(x), libm::tanh(x), 9e-16);
        near(exp::<true>(x), libm::exp(x), 4e-15);
        near(exp::<false>(x), libm::exp(x), 4e-15);
    }
}

#[test]
fn functions_end_as_they_should() {
    for (x, truth) in [(f64::INFINITY, 1.0), (-1e9, -1.0), (0.0, 0.0), (1e-300, 1e-300)] {
        assert_eq!(tanh::<true>(x), truth);
        assert_eq!(tanh::<false>(x), truth);
    }
    assert!(tanh::<true>(f64::NAN).is_nan());
    assert!(exp::<true>(-1e9) < 1e-300);
}

/// The same network as a formula.
fn network(case: &Case) -> Network {
    let field = named("resnet").and_then(|f| SymbolicField::new(f, case.width, &IndexMap::new()));
    let method = tableau::named("rk4").expect("in the catalogue").to_f64();
    let controls = Controls::new(Basis::PiecewiseLinear { nodes: case.steps + 1 }, case.horizon);
    let grid = Stepping::Fixed { steps: case.steps }.grid(case.horizon).expect("a grid");
    let flow = Flow::new(Arc::new(field.expect("compiles")), controls, &method, grid);
    let opening = Opening::Dense { width: case.width, activation: "tanh".into() };
    let (penalties, task) = (Penalties::default(), Task::Classes(case.outputs));
    Network::new(&opening, flow, Head::Linear, Loss::Softmax, penalties, case.features, task)
        .expect("fits together")
}

#[test]
fn the_plan_of_the_formula_agrees_with_what_is_written_by_hand() {
    for (width, steps, batch) in [(1, 1, 1), (3, 2, 5), (16, 8, 1000), (33, 3, 131), (64, 4, 300)] {
        let (case, mut hand) = case(width, steps, batch);
        let network = network(&case);
        let mut expected = vec![0.0; case.theta.len()];
        let mut gradient = vec![0.0; case.theta.len()];
        let value = hand.gradient(&case.theta, &case.x, &case.labels, &mut expected);
        let x = MatRef::from_column_major_slice(&case.x, case.features, batch);
        let samples: Vec<usize> = (0..batch).collect();
        let targets = Targets::Classes(&case.labels);
        let loss = Engine::new(&network)
            .gradient(&case.theta, x, targets, &samples, &mut gradient)
            .expect("finite");
        let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let off: Vec<f64> = gradient.iter().zip(&expected).map(|(a, b)| a - b).collect();
        let error = norm(&off) / norm(&expected);
        assert!(error < 1e-13, "width {width}: gradients differ by {error:e}");
        assert!((loss / value - 1.0).abs() < 1e-13, "width {width}: {loss} and {value}");
    }
}
