//! What a formula says of its Jacobian before any eigenvalue is computed.
//!
//! The Jacobian of tanh((S - g I) y + b) with S skew is D (S - g I), D = diag(1 - f^2) with entries in (0, 1]. It is
//! similar to D^(1/2) (S - g I) D^(1/2) = skew - g D, so that for every eigenvalue
//!
//! ```text
//! -g max d <= Re lambda <= -g min d,
//! ```
//!
//! and in the norm |D^(-1/2) v| the numerical range lies in that strip too; in the usual norm it need not, for
//! D (S - g I) is not normal (Haber & Ruthotto, Inverse Problems 34, 2018, section 3).

use super::walk::Walker;
use crate::expr::Function;
use crate::field::{At, Workspace};
use crate::jacobian::{Room, jacobians};
use crate::solve::Flow;

/// Share of the largest entry that counts as rounding in what should be skew.
const ROUNDING: f64 = 1e-10;
/// A damping below this share of the largest entry is none.
const UNDAMPED: f64 = 1e-13;

/// S and g of a field tanh((S - g I) y + b) at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct DampedSkew {
    /// The damping constant.
    pub g: f64,
    /// The skew matrix, by columns.
    s: Vec<f64>,
}

impl DampedSkew {
    /// Reads S - g I off the Jacobian at y = 0, where the formula is tanh of something affine in y.
    pub(super) fn of(flow: &Flow, t: f64, prepared: &[f64], room: &mut Room) -> Option<DampedSkew> {
        let field = flow.field.as_ref();
        if field.layer() != Some(Function::Tanh) {
            return None;
        }
        let width = field.width();
        let origin = vec![0.0; width];
        let mut matrix = vec![0.0; width * width];
        jacobians(field, t, prepared, &origin, room, &mut matrix);
        let d = slopes(flow, t, prepared, &origin);
        for column in matrix.chunks_exact_mut(width) {
            column.iter_mut().zip(&d).for_each(|(entry, d)| *entry /= d);
        }
        DampedSkew::split(width, &matrix)
    }

    /// A matrix as S - g I, if it is one.
    pub(super) fn split(width: usize, matrix: &[f64]) -> Option<DampedSkew> {
        let largest = matrix.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        if !largest.is_finite() {
            return None;
        }
        let at = |i: usize, j: usize| matrix[i + j * width];
        let g = -(0..width).map(|i| at(i, i)).sum::<f64>() / width as f64;
        let off = |i: usize, j: usize| at(i, j) + at(j, i) + if i == j { 2.0 * g } else { 0.0 };
        let skew = (0..width).all(|j| (0..=j).all(|i| off(i, j).abs() <= ROUNDING * largest));
        let g = if g.abs() <= UNDAMPED * largest { 0.0 } else { g };
        let s = (0..width * width).map(|k| {
            let (i, j) = (k % width, k / width);
            0.5 * (at(i, j) - at(j, i))
        });
        skew.then(|| DampedSkew { g, s: s.collect() })
    }

    /// Puts skew - g D, which is similar to the Jacobian, in its place: d has the entries of D. Returns the bounds
    /// of the real parts.
    pub(super) fn symmetrise(&self, d: &[f64], matrix: &mut [f64]) -> [f64; 2] {
        let width = d.len();
        let roots: Vec<f64> = d.iter().map(|d| d.max(0.0).sqrt()).collect();
        for (k, (entry, s)) in matrix.iter_mut().zip(&self.s).enumerate() {
            let (i, j) = (k % width, k / width);
            // The product of the roots first: it is the same for (i, j) and (j, i).
            *entry = roots[i] * roots[j] * s - if i == j { self.g * d[i] } else { 0.0 };
        }
        let ends = [-self.g * largest(d), -self.g * least(d)];
        if self.g < 0.0 { [ends[1], ends[0]] } else { ends }
    }
}

fn largest(d: &[f64]) -> f64 {
    d.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn least(d: &[f64]) -> f64 {
    d.iter().copied().fold(f64::INFINITY, f64::min)
}

/// 1 - f^2, the slopes of tanh, at each state.
pub(super) fn slopes(flow: &Flow, t: f64, prepared: &[f64], states: &[f64]) -> Vec<f64> {
    let field = flow.field.as_ref();
    let batch = states.len() / field.width().max(1);
    let mut value = vec![0.0; states.len()];
    let mut kept = vec![0.0; field.n_kept() * batch];
    let at = At { t, prepared, batch, lanes: 1 };
    field.eval(at, states, &mut value, &mut kept, &mut Workspace::default());
    // (1 - f) (1 + f) keeps its digits where f is near 1.
    value.iter().map(|f| (1.0 - f) * (1.0 + f)).collect()
}

/// S and g at a time, for those who have no weights at hand.
pub(super) fn at(flow: &Flow, theta: &[f64], t: f64) -> Option<DampedSkew> {
    let mut walker = Walker::new(flow, theta, &flow.tableau);
    DampedSkew::of(flow, t, walker.weights_at(t), &mut Room::default())
}
