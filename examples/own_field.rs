//! A network with a vector field of its own, written in Rust, and its training.
//!
//! The states sit on a ring and each sees itself and its right neighbour,
//!
//! ```text
//! y_i' = tanh(a_i y_i + c_i y_{i+1} + b_i)
//! ```
//!
//! which costs O(n) a sample where a matrix would cost O(n^2). A field needs its value, its directional
//! derivative and its transposed derivative; everything else (any tableau, weights in time, the exact
//! adjoint, training) is there. `check_field` below is the test that such code needs.
//!
//!     cargo run --release --example own_field

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kutta::control::{Basis, Controls};
use kutta::data::Source;
use kutta::field::{At, Pass, VectorField, Weight, Workspace};
use kutta::loss::{Loss, Penalties};
use kutta::network::{Head, Network, Opening, Task};
use kutta::solve::{Flow, Stepping};
use kutta::tableau;
use kutta::train::{Checkpoint, Event, Fit, Optimiser, Outcome, Schedule, Training, train};

/// The ring of `width` states.
struct Ring {
    width: usize,
}

impl Ring {
    /// Calls `each` with (place in the block, place of the right neighbour, row) for every element.
    fn each(&self, batch: usize, mut each: impl FnMut(usize, usize, usize)) {
        for sample in 0..batch {
            for i in 0..self.width {
                let column = sample * self.width;
                each(column + i, column + (i + 1) % self.width, i);
            }
        }
    }
}

impl VectorField for Ring {
    fn width(&self) -> usize {
        self.width
    }

    fn weights(&self) -> Vec<Weight> {
        let vector = |name: &str| Weight { name: name.into(), rows: self.width, cols: 1 };
        vec![vector("a"), vector("c"), vector("b")]
    }

    fn eval(&self, at: At<'_>, y: &[f64], k: &mut [f64], _: &mut [f64], _: &mut Workspace) {
        let n = self.width;
        let (a, c, b) = (&at.prepared[..n], &at.prepared[n..2 * n], &at.prepared[2 * n..3 * n]);
        self.each(at.batch, |p, q, i| k[p] = (a[i] * y[p] + c[i] * y[q] + b[i]).tanh());
    }

    fn jvp(&self, at: At<'_>, y: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        let n = self.width;
        let mut k = vec![0.0; y.len()];
        self.eval(at, y, &mut k, &mut [], ws);
        let (a, c) = (&at.prepared[..n], &at.prepared[n..2 * n]);
        self.each(at.batch, |p, q, i| out[p] = (1.0 - k[p] * k[p]) * (a[i] * v[p] + c[i] * v[q]));
    }

    fn vjp(&self, at: At<'_>, pass: Pass<'_>, gy: &mut [f64], sums: &mut [f64], _: &mut Workspace) {
        let n = self.width;
        let (a, c) = (&at.prepared[..n], &at.prepared[n..2 * n]);
        gy.fill(0.0);
        self.each(at.batch, |p, q, i| {
            // tanh' by the value that comes back from the forward pass.
            let z = pass.u[p] * (1.0 - pass.k[p] * pass.k[p]);
            gy[p] += a[i] * z;
            gy[q] += c[i] * z;
            sums[i] += z * pass.y[p];
            sums[n + i] += z * pass.y[q];
            sums[2 * n + i] += z;
        });
    }
}

/// Trains it on two ellipses and gives the outcome.
fn train_ring(epochs: usize) -> Result<Outcome, Box<dyn Error>> {
    let data = Source::Ellipses { train: 500, validation: 500 }.load(Path::new("."), 1)?;
    let (width, horizon) = (8, 4.0);
    let method = tableau::named("rk4")?.to_f64();
    let controls = Controls::new(Basis::PiecewiseLinear { nodes: 5 }, horizon);
    let grid = Stepping::Fixed { steps: 8 }.grid(horizon)?;
    let flow = Flow::new(Arc::new(Ring { width }), controls, &method, grid);
    let opening = Opening::Dense { width, activation: "tanh".into() };
    let (head, loss, penalties) = (Head::Linear, Loss::Softmax, Penalties::default());
    let network = Network::new(&opening, flow, head, loss, penalties, 2, Task::Classes(2))?;

    let optimiser = Optimiser::Adam {
        rate: 0.02,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        schedule: Schedule::Cosine,
    };
    let training =
        Training { optimiser, epochs, batch: Some(125), checkpoint: 10, snapshots: 0, stop: None };
    let start = Checkpoint::fresh("ring", network.initial(1));
    let mut objective = Fit::new(&network, &data);
    let never = AtomicBool::new(false);
    let mut silent = |_: Event<'_>| Ok(());
    Ok(train(&mut objective, start, &training, 1, &never, &mut silent)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let outcome = train_ring(100)?;
    let last = outcome.history.last().ok_or("the run has no epochs")?;
    println!("validation accuracy {:?} after {} epochs", last.validation_accuracy, last.epoch);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// <u, jvp(v)> = <vjp(u), v>, and jvp against differences.
    fn check_field(field: &dyn VectorField) {
        let (n, batch) = (field.width(), 3);
        let noise =
            |m: usize, s: f64| (0..m).map(|i| (1.7 * i as f64 + s).sin()).collect::<Vec<f64>>();
        let (y, v, u) = (noise(n * batch, 0.1), noise(n * batch, 0.2), noise(n * batch, 0.3));
        let w = noise(field.n_weights(), 0.4);
        let at = At { t: 0.0, prepared: &w, batch, lanes: 1 };
        let ws = &mut Workspace::new();
        let mut value = |y: &[f64]| {
            let mut k = vec![0.0; y.len()];
            field.eval(at, y, &mut k, &mut [], ws);
            k
        };
        let moved = |h: f64| y.iter().zip(&v).map(|(y, v)| y + h * v).collect::<Vec<f64>>();
        let k = value(&y);
        let (plus, minus) = (value(&moved(1e-5)), value(&moved(-1e-5)));
        let (mut jv, mut gy) = (vec![0.0; y.len()], vec![0.0; y.len()]);
        let mut sums = vec![0.0; field.n_sums()];
        field.jvp(at, &y, &v, &mut jv, ws);
        field.vjp(at, Pass { y: &y, k: &k, kept: &[], u: &u }, &mut gy, &mut sums, ws);
        for i in 0..y.len() {
            assert!((jv[i] - (plus[i] - minus[i]) / 2e-5).abs() < 1e-9);
        }
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        assert!((dot(&u, &jv) - dot(&gy, &v)).abs() < 1e-13);
    }

    #[test]
    fn the_ring_has_right_derivatives() {
        check_field(&Ring { width: 5 });
        check_field(&Ring { width: 1 });
    }

    #[test]
    fn the_ring_learns() {
        let outcome = train_ring(60).expect("trains");
        let accuracy = outcome.history.last().and_then(|row| row.validation_accuracy);
        assert!(accuracy > Some(0.9), "{accuracy:?}");
    }
}
