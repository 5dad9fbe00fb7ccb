//! Networks whose field tells when it is called.

use std::sync::Arc;

use indexmap::IndexMap;
use kutta::control::{Basis, Controls};
use kutta::field::{At, Pass, Pull, SymbolicField, Then, VectorField, Weight, Workspace, named};
use kutta::loss::{Loss, Penalties};
use kutta::network::{Head, Network, Opening, Task};
use kutta::solve::{Flow, Stepping};
use kutta::tableau;

/// What is asked of a field, for how many samples, or at which time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Call {
    Eval(usize),
    Vjp(usize),
    Prepare(f64),
    Gather(f64),
}

/// A field, and who is told of each call before it is carried out.
pub struct Watched<F> {
    pub field: SymbolicField,
    pub notice: F,
}

impl<F: Fn(Call) + Send + Sync> VectorField for Watched<F> {
    fn width(&self) -> usize {
        self.field.width()
    }

    fn weights(&self) -> Vec<Weight> {
        self.field.weights()
    }

    fn eval(&self, at: At<'_>, y: &[f64], k: &mut [f64], keep: &mut [f64], ws: &mut Workspace) {
        (self.notice)(Call::Eval(at.batch));
        self.field.eval(at, y, k, keep, ws);
    }

    fn jvp(&self, at: At<'_>, y: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.field.jvp(at, y, v, out, ws);
    }

    fn vjp(
        &self,
        at: At<'_>,
        pass: Pass<'_>,
        gy: &mut [f64],
        sums: &mut [f64],
        ws: &mut Workspace,
    ) {
        (self.notice)(Call::Vjp(at.batch));
        self.field.vjp(at, pass, gy, sums, ws);
    }

    fn n_weights(&self) -> usize {
        self.field.n_weights()
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

    fn prepare(&self, t: f64, prepared: &mut [f64]) {
        (self.notice)(Call::Prepare(t));
        self.field.prepare(t, prepared);
    }

    fn is_autonomous(&self) -> bool {
        self.field.is_autonomous()
    }

    fn eval_then(
        &self,
        at: At<'_>,
        y: &[f64],
        k: &mut [f64],
        keep: &mut [f64],
        then: Then<'_>,
        ws: &mut Workspace,
    ) {
        (self.notice)(Call::Eval(at.batch));
        self.field.eval_then(at, y, k, keep, then, ws);
    }

    fn n_held(&self) -> usize {
        self.field.n_held()
    }

    fn pull(
        &self,
        at: At<'_>,
        pass: Pull<'_>,
        gy: &mut [f64],
        sums: &mut [f64],
        ws: &mut Workspace,
    ) {
        (self.notice)(Call::Vjp(at.batch));
        self.field.pull(at, pass, gy, sums, ws);
    }

    fn sum_held(&self, at: At<'_>, pass: Pull<'_>, sums: &mut [f64]) {
        self.field.sum_held(at, pass, sums);
    }

    fn sums_are_gradient(&self) -> bool {
        self.field.sums_are_gradient()
    }

    fn gather(&self, at: At<'_>, sums: &[f64], gradient: &mut [f64], ws: &mut Workspace) {
        (self.notice)(Call::Gather(at.t));
        self.field.gather(at, sums, gradient, ws);
    }
}

/// A field of the catalogue, watched.
pub fn watched(
    name: &str,
    width: usize,
    notice: impl Fn(Call) + Send + Sync + 'static,
) -> Arc<dyn VectorField> {
    let file = named(name).expect("in the catalogue");
    let field = SymbolicField::new(file, width, &IndexMap::new()).expect("compiles");
    Arc::new(Watched { field, notice })
}

/// A network for two features that takes `steps` equal steps to time 1.
pub fn network(
    field: Arc<dyn VectorField>,
    (method, steps, basis): (&str, usize, Basis),
    dense: bool,
    (loss, task): (Loss, Task),
) -> Network {
    let width = field.width();
    let method = tableau::named(method).expect("in the catalogue").to_f64();
    let grid = Stepping::Fixed { steps }.grid(1.0).expect("a grid");
    let flow = Flow::new(field, Controls::new(basis, 1.0), &method, grid);
    let opening = match dense {
        true => Opening::Dense { width, activation: "tanh".into() },
        false => Opening::Pad { width },
    };
    Network::new(&opening, flow, Head::Linear, loss, Penalties::default(), 2, task)
        .expect("fits together")
}

/// Numbers below `scale` in size that are not special.
pub fn numbers(length: usize, scale: f64) -> Vec<f64> {
    (0..length).map(|i| scale * (1.0 + 0.7 * i as f64).sin()).collect()
}
