//! A field that goes back in time.

use std::sync::Arc;

use crate::expr::Weight;
use crate::field::{At, Pass, VectorField, Workspace};

/// y' = -f(T - t, y; w): what was y(t) is y(T - t).
pub(super) struct Reversed {
    pub field: Arc<dyn VectorField>,
    /// T
    pub horizon: f64,
}

impl Reversed {
    fn at<'a>(&self, at: At<'a>) -> At<'a> {
        At { t: self.horizon - at.t, ..at }
    }
}

fn negate(numbers: &mut [f64]) {
    numbers.iter_mut().for_each(|x| *x = -*x);
}

impl VectorField for Reversed {
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
    fn prepare(&self, t: f64, prepared: &mut [f64]) {
        self.field.prepare(self.horizon - t, prepared);
    }
    fn eval(&self, at: At<'_>, y: &[f64], k: &mut [f64], keep: &mut [f64], ws: &mut Workspace) {
        self.field.eval(self.at(at), y, k, keep, ws);
        negate(k);
    }
    fn jvp(&self, at: At<'_>, y: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.field.jvp(self.at(at), y, v, out, ws);
        negate(out);
    }
    fn vjp(
        &self,
        at: At<'_>,
        pass: Pass<'_>,
        gy: &mut [f64],
        sums: &mut [f64],
        ws: &mut Workspace,
    ) {
        let k: Vec<f64> = pass.k.iter().map(|k| -k).collect();
        let u: Vec<f64> = pass.u.iter().map(|u| -u).collect();
        self.field.vjp(self.at(at), Pass { k: &k, u: &u, ..pass }, gy, sums, ws);
    }
    fn gather(&self, at: At<'_>, sums: &[f64], gradient: &mut [f64], ws: &mut Workspace) {
        self.field.gather(self.at(at), sums, gradient, ws);
    }
}
