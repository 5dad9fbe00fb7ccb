//! The derivative of the final state by the first, and what it says that eigenvalues do not.
//!
//! ```text
//! P = dy(T)/dy(0),   V_(n+1) = P_n V_n,   Q_(n+1) R_n = P_n Q_n,   mu_i = sum_n ln (R_n)_ii / T
//! ```
//!
//! P_n is the tangent of a step, the same step applied to tangents. The singular values of P are how much a change of
//! y(0) grows or shrinks; the finite-time Lyapunov exponents mu_i are their mean rates along an orthonormal frame that
//! is carried along (Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15, 1980). Eigenvalues of a Jacobian that
//! changes in time prove neither growth nor decay (Markus & Yamabe, Osaka Math. J. 12, 1960).

use faer::{Mat, MatRef};
use rayon::prelude::*;
use serde::Serialize;

use super::walk::Walker;
use crate::expr::vector::combine;
use crate::field::At;
use crate::solve::{Flow, step};
use crate::tableau::{Tableau, TableauError, named};

/// The method of the converged flow, of order 8.
const CONVERGED: &str = "verner8";
/// Two propagators that differ by no more, relative to their norm, have converged.
const AGREE: f64 = 1e-9;
/// Most parts into which a step is cut for that.
const MOST_PARTS: usize = 64;

/// The propagator of one sample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Propagator {
    /// Singular values of the discrete network's, falling.
    pub discrete: Vec<f64>,
    /// Finite-time Lyapunov exponents along the discrete network, falling.
    pub exponents: Vec<f64>,
    /// Singular values of the converged flow's, falling.
    pub converged: Vec<f64>,
    /// By how much the last two approximations of it differ, relative to their norm.
    pub uncertainty: f64,
    /// |P discrete - P converged| / |P converged|, in the Frobenius norm.
    pub difference: f64,
}

/// The propagators of all `entries`, the states at t = 0, width x samples; none for a sample whose tangents are not
/// finite. `done` hears of each.
///
/// # Errors
/// If the catalogue lacks the method of the converged flow.
pub fn propagators(
    flow: &Flow,
    theta: &[f64],
    entries: &[f64],
    done: impl Fn() + Sync,
) -> Result<Vec<Option<Propagator>>, TableauError> {
    let fine = named(CONVERGED)?.to_f64().reduced();
    let of = |entry: &[f64]| {
        let found = propagator(flow, theta, &fine, entry);
        done();
        found
    };
    Ok(entries.par_chunks_exact(flow.width().max(1)).map(of).collect())
}

fn propagator(
    flow: &Flow,
    theta: &[f64],
    fine: &Tableau<f64>,
    entry: &[f64],
) -> Option<Propagator> {
    let own = carried(flow, theta, &flow.tableau, &flow.grid, entry)?;
    let mut stops = flow.grid.clone();
    stops.extend(flow.controls.breaks().map(|at| at.t));
    stops.sort_by(f64::total_cmp);
    stops.dedup_by(|a, b| (*a - *b).abs() <= 1e-12 * flow.controls.horizon);
    let (mut parts, mut uncertainty) = (1, f64::INFINITY);
    let mut converged = carried(flow, theta, fine, &cut(&stops, parts), entry)?;
    while uncertainty > AGREE && parts < MOST_PARTS {
        parts *= 2;
        let finer = carried(flow, theta, fine, &cut(&stops, parts), entry)?;
        uncertainty = (&finer.product - &converged.product).norm_l2() / finer.product.norm_l2();
        converged = finer;
    }
    let difference = (&own.product - &converged.product).norm_l2() / converged.product.norm_l2();
    Some(Propagator {
        discrete: own.product.singular_values().ok()?,
        exponents: own.exponents,
        converged: converged.product.singular_values().ok()?,
        uncertainty,
        difference,
    })
}

/// Each interval cut into equal parts.
fn cut(stops: &[f64], parts: usize) -> Vec<f64> {
    let inner = stops.windows(2).flat_map(|pair| {
        let (from, h) = (pair[0], pair[1] - pair[0]);
        (0..parts).map(move |k| from + h * k as f64 / parts as f64)
    });
    inner.chain(stops.last().copied()).collect()
}

/// What became of an orthonormal frame.
struct Carried {
    product: Mat<f64>,
    exponents: Vec<f64>,
}

/// Carries a frame through the steps of a grid, made orthonormal again after each.
fn carried(
    flow: &Flow,
    theta: &[f64],
    tableau: &Tableau<f64>,
    grid: &[f64],
    entry: &[f64],
) -> Option<Carried> {
    let (field, n) = (flow.field.as_ref(), entry.len());
    let mut walker = Walker::new(flow, theta, tableau);
    let mut y = entry.to_vec();
    let mut frame = Mat::<f64>::identity(n, n);
    let mut triangle = Mat::<f64>::identity(n, n);
    let mut logarithms = vec![0.0; n];
    let mut moved = vec![0.0; n * n];
    let mut point = vec![0.0; n * n];
    let mut states = vec![0.0; n * n];
    let mut slopes = vec![0.0; tableau.b.len() * n * n];
    for pair in grid.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let h = to - from;
        for (moved, column) in moved.chunks_exact_mut(n).zip(frame.col_iter()) {
            moved.iter_mut().zip(column.iter()).for_each(|(moved, x)| *moved = *x);
        }
        walker.step(from, to, &mut y, |stage| {
            let (earlier, rest) = slopes.split_at_mut(stage.number * n * n);
            point.copy_from_slice(&moved);
            let row = step::row(tableau, stage.number)[..stage.number].iter();
            let row = row.zip(earlier.chunks_exact(n * n));
            combine(&mut point, 1.0, row.map(|(a, k)| (h * a, k)));
            states.chunks_exact_mut(n).for_each(|state| state.copy_from_slice(stage.y));
            let at = At { t: stage.t, prepared: stage.prepared, batch: n, lanes: 1 };
            field.jvp(at, &states, &point, &mut rest[..n * n], stage.workspace);
        });
        let b = step::row(tableau, tableau.b.len()).iter().zip(slopes.chunks_exact(n * n));
        combine(&mut moved, 1.0, b.map(|(b, k)| (h * b, k)));
        if moved.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let qr = MatRef::from_column_major_slice(&moved, n, n).qr();
        frame = qr.compute_thin_Q();
        let r = qr.thin_R();
        for (i, logarithm) in logarithms.iter_mut().enumerate() {
            *logarithm += r[(i, i)].abs().ln();
        }
        triangle = upper(r) * triangle;
    }
    let horizon = flow.controls.horizon;
    let mut exponents: Vec<f64> = logarithms.iter().map(|sum| sum / horizon).collect();
    exponents.sort_by(|a, b| b.total_cmp(a));
    Some(Carried { product: frame * triangle, exponents })
}

/// The upper triangle; below it there may be anything.
fn upper(r: MatRef<'_, f64>) -> Mat<f64> {
    Mat::from_fn(r.nrows(), r.ncols(), |i, j| if i <= j { r[(i, j)] } else { 0.0 })
}

/// Whether eigenvalues frozen in time say less growth than there is: e^(integral of max Re lambda), times the largest
/// condition of the eigenvectors, is a bound where the Jacobian does not change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Frozen {
    /// The integral of max Re lambda over the horizon, by the trapezoidal rule.
    pub exponent: f64,
    /// e^exponent times the condition.
    pub bound: f64,
    /// The norm of the converged propagator.
    pub norm: f64,
}

impl Frozen {
    /// From abscissas at times, the largest condition of eigenvectors among them, and the propagator.
    pub fn of(times: &[f64], abscissas: &[f64], condition: f64, propagator: &Propagator) -> Frozen {
        let pairs = times.windows(2).zip(abscissas.windows(2));
        let exponent = pairs.map(|(t, a)| 0.5 * (t[1] - t[0]) * (a[0] + a[1])).sum::<f64>();
        let norm = propagator.converged.first().copied().unwrap_or(f64::NAN);
        Frozen { exponent, bound: condition * exponent.exp(), norm }
    }

    /// There is more growth than frozen eigenvalues allow.
    pub fn misleads(&self) -> bool {
        self.norm > self.bound * (1.0 + 1e-6)
    }
}
