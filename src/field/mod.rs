//! Vector fields f(t, y; w): the trait that solvers see, the field written as a formula, and the catalogue
//! of named architectures.

mod catalogue;
mod columns;
mod file;
mod symbolic;

use std::sync::Arc;

pub use catalogue::{catalogue, named, names};
pub use file::{FieldFile, Size, WeightShape, unique_keys};
pub use symbolic::{FieldError, SymbolicField};

pub use crate::expr::abreast::{clear_filling, turn, turn_back};
pub use crate::expr::{
    Call, Combination, Function, Product, ProductKind, Series, Then, Weight, Work, Workspace,
};

/// A field y' = f(t, y; w) for a block of samples.
///
/// `y`, `v`, `u` and results are `width * batch` numbers, a sample a column, one column after the other. A field that
/// is faster with several samples side by side says so by [`VectorField::lanes`], and then knows both ways.
/// A field needs only `eval`, `jvp` and `vjp` on its weights; the other methods let it do once for each time
/// what does not depend on the samples. What stands in `prepared` is the weights at time t, followed by what
/// [`VectorField::prepare`] made of them.
pub trait VectorField: Send + Sync {
    /// Rows of the state.
    fn width(&self) -> usize;

    /// The weights at one time, by name and shape: their numbers stand in this order, matrices by columns.
    fn weights(&self) -> Vec<Weight>;

    /// k = f(t, y; w). `keep` has room for [`VectorField::n_kept`] numbers a sample, which `vjp` gets back.
    fn eval(&self, at: At<'_>, y: &[f64], k: &mut [f64], keep: &mut [f64], ws: &mut Workspace);

    /// out = (df/dy) v
    fn jvp(&self, at: At<'_>, y: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace);

    /// gy = (df/dy)' u, and sums += (df/dw)' u summed over the samples (or what `gather` makes that of).
    fn vjp(&self, at: At<'_>, pass: Pass<'_>, gy: &mut [f64], sums: &mut [f64], ws: &mut Workspace);

    /// Numbers of the weights at one time.
    fn n_weights(&self) -> usize {
        self.weights().iter().map(Weight::len).sum()
    }

    /// Samples side by side that `eval_then`, `pull` and `sum_held` are fastest with ([`turn`] brings them there), or
    /// 1 for columns. The other methods are only called with columns.
    fn lanes(&self) -> usize {
        1
    }

    /// Numbers that `eval` keeps for `vjp`, a sample, beside y and k.
    fn n_kept(&self) -> usize {
        0
    }

    /// Numbers prepared for one time, the weights included.
    fn n_prepared(&self) -> usize {
        self.n_weights()
    }

    /// Numbers summed over samples by `vjp`.
    fn n_sums(&self) -> usize {
        self.n_weights()
    }

    /// Completes `prepared`, whose first numbers are the weights at time t.
    fn prepare(&self, _t: f64, _prepared: &mut [f64]) {}

    /// Whether `gather` does no more than add the sums to the gradient, number for number, so that a solver may
    /// do without it.
    fn sums_are_gradient(&self) -> bool {
        false
    }

    /// Whether f depends on time through its weights alone, so that stages share what is prepared whenever they
    /// share the weights.
    fn is_autonomous(&self) -> bool {
        false
    }

    /// [`VectorField::eval`], and what a solver goes on with: next = own k + sum. A field that does both while
    /// a part of k is in the first cache is faster than one after the other.
    fn eval_then(
        &self,
        at: At<'_>,
        y: &[f64],
        k: &mut [f64],
        keep: &mut [f64],
        then: Then<'_>,
        ws: &mut Workspace,
    ) {
        self.eval(at, y, k, keep, ws);
        then.apply(k);
    }

    /// Numbers a sample that [`VectorField::pull`] holds back.
    fn n_held(&self) -> usize {
        0
    }

    /// [`VectorField::vjp`] with a cotangent that is a combination, for one of a series of evaluations at one
    /// time. They come from the last to the first. What can be added to the sums for all of them at once may be
    /// held back until [`VectorField::sum_held`].
    fn pull(
        &self,
        at: At<'_>,
        pass: Pull<'_>,
        gy: &mut [f64],
        sums: &mut [f64],
        ws: &mut Workspace,
    ) {
        pull_by_vjp(self, at, pass, gy, sums, ws);
    }

    /// sums += what `pull` held back. States, values, kept and held numbers are those of all evaluations of
    /// the series, one evaluation after the other.
    fn sum_held(&self, _at: At<'_>, _pass: Pull<'_>, _sums: &mut [f64]) {}

    /// gradient += (df/dw)' u, from the sums.
    fn gather(&self, _at: At<'_>, sums: &[f64], gradient: &mut [f64], _ws: &mut Workspace) {
        gradient.iter_mut().zip(sums).for_each(|(g, s)| *g += s);
    }

    /// The function of which f is one layer, f = function(M y + b) with M and b free of the state; none if it is
    /// not one, or not known to be.
    fn layer(&self) -> Option<Function> {
        None
    }

    /// The field of the tangent, with states (y, dy) and weights (w, dw), each first half before the second:
    ///
    /// ```text
    /// (y, dy)' = (f(t, y; w), df/dy dy + df/dw dw)
    /// ```
    ///
    /// Its `vjp` has the second derivatives of f. None where they are not known: then there are no Hessians.
    fn tangent_field(&self) -> Option<Arc<dyn VectorField>> {
        None
    }

    /// Whether f has kinks or jumps in the state, across which it has no derivative.
    fn has_kinks(&self) -> bool {
        false
    }

    /// The work of a call, for those who predict times; none if it is not known.
    fn work(&self, _call: Call) -> Option<Work> {
        None
    }
}

/// [`VectorField::pull`] that holds nothing back.
fn pull_by_vjp<F: VectorField + ?Sized>(
    field: &F,
    at: At<'_>,
    pass: Pull<'_>,
    gy: &mut [f64],
    sums: &mut [f64],
    ws: &mut Workspace,
) {
    let Pull { y, k, kept, u, series, .. } = pass;
    if series.fresh {
        sums.fill(0.0);
    }
    let mut room = std::mem::take(&mut ws.cotangent);
    let block = room.sized(y.len());
    u.write(block);
    field.vjp(at, Pass { y, k, kept, u: block }, gy, sums, ws);
    ws.cotangent = room;
}

/// A time and the numbers prepared for it, and how many samples a block has.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The time.
    pub t: f64,
    /// The weights at t, followed by what the field made of them.
    pub prepared: &'a [f64],
    /// Samples of the block, a multiple of the lanes.
    pub batch: usize,
    /// Samples side by side in the block: 1 for columns, or what the field asks for.
    pub lanes: usize,
}

/// What `vjp` knows of the evaluation that it reverses: state, value, kept numbers; and the cotangent u.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    /// The state, width x batch.
    pub y: &'a [f64],
    /// f(t, y; w), width x batch.
    pub k: &'a [f64],
    /// What `eval` kept, n_kept x batch.
    pub kept: &'a [f64],
    /// The cotangent of k, width x batch.
    pub u: &'a [f64],
}

/// What [`VectorField::pull`] knows of the evaluation that it reverses.
pub struct Pull<'a> {
    /// The state, width x batch.
    pub y: &'a [f64],
    /// f(t, y; w), width x batch.
    pub k: &'a [f64],
    /// What `eval` kept, n_kept x batch.
    pub kept: &'a [f64],
    /// The cotangent of k.
    pub u: Combination<'a>,
    /// Room for what is held back: n_held x batch for each evaluation of the series.
    pub held: &'a mut [f64],
    /// Which evaluation of how many.
    pub series: Series,
}
