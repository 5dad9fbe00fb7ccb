//! The step size: tolerances, the norm of an error, and what follows from it.
//!
//! ```text
//! err^2 = 1/n sum_i (e_i / (atol + rtol |y_i|))^2,   h <- h min(2, max(1/2, 0.9 err^(-1/(q+1))))
//! ```
//!
//! y is the state at the beginning of the step, q the order of the error estimate; a step is taken if err < 1.
//! This is the elementary controller (Hairer, Nørsett & Wanner 1993, section II.4) with the constants of diffsol,
//! so that our own steps are diffsol's.

use serde::{Deserialize, Serialize};

/// What the steps have to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Error of a step, relative to the state.
    pub rtol: f64,
    /// Error of a step where the state is near zero.
    pub atol: f64,
    /// Accepted steps after which the solver gives up.
    pub max_steps: usize,
    /// The first step, instead of one that is chosen by the size of y, f and their change.
    pub first_step: Option<f64>,
    /// Whether each sample takes steps of its own, as if solved alone.
    pub per_sample: bool,
}

/// A step is never cut by more than this.
const SHRINK: f64 = 0.5;
/// Nor does it grow by more.
pub(super) const GROWTH: f64 = 2.0;
const SAFETY: f64 = 0.9;
/// Attempts at a step after which the solver gives up.
pub(super) const MOST_REJECTIONS: usize = 40;
/// The smallest step as a share of the horizon: below it t + h is t.
const SMALLEST: f64 = 16.0 * f64::EPSILON;

impl Control {
    /// The smallest step on an interval of this length.
    pub(super) fn smallest(horizon: f64) -> f64 {
        SMALLEST * horizon
    }

    /// The factor of the next step, from err^2.
    pub(super) fn factor(squared: f64, order: usize) -> f64 {
        let raw = squared.powf(-0.5 / (order + 1) as f64);
        (SAFETY * raw).clamp(SHRINK, GROWTH)
    }

    /// Sum of the squares of e / (atol + rtol |y|).
    pub(super) fn squares(&self, e: &[f64], y: &[f64]) -> f64 {
        let each = e.iter().zip(y);
        each.map(|(e, y)| (e / (self.rtol * y.abs() + self.atol)).powi(2)).sum()
    }

    /// The norm of a vector in units of the tolerance.
    fn norm(&self, e: &[f64], y: &[f64]) -> f64 {
        (self.squares(e, y) / y.len().max(1) as f64).sqrt()
    }

    /// The first guess of a first step, for a state and its slope.
    pub(super) fn try_first(&self, y: &[f64], slope: &[f64]) -> f64 {
        let (d0, d1) = (self.norm(y, y), self.norm(slope, y));
        if d0 < 1e-5 || d1 < 1e-5 { 1e-6 } else { 0.01 * (d0 / d1) }
    }

    /// The first step, from the guess and the slope after it (Hairer, Nørsett & Wanner 1993, section II.4).
    pub(super) fn first(
        &self,
        guess: f64,
        y: &[f64],
        slope: &[f64],
        after: &[f64],
        order: usize,
    ) -> f64 {
        let d1 = self.norm(slope, y);
        let change: Vec<f64> = after.iter().zip(slope).map(|(a, s)| a - s).collect();
        let d2 = self.norm(&change, y) / guess.abs();
        let most = d2.max(d1);
        let step = match most < 1e-15 {
            true => (guess * 1e-3).max(1e-6),
            false => (0.01 / most).powf(1.0 / (1.0 + order as f64)),
        };
        step.min(100.0 * guess)
    }
}

/// The error of a step in units of the tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepError {
    /// Over all samples: what the steps go by.
    pub all: f64,
    /// The sample whose own error is largest.
    pub sample: usize,
    /// That error.
    pub worst: f64,
}

impl StepError {
    /// From the sums of squares of the samples of a state of this width.
    pub(super) fn of(sums: &[f64], width: usize) -> StepError {
        let (mut sample, mut most, mut all) = (0, f64::NEG_INFINITY, 0.0);
        for (i, &sum) in sums.iter().enumerate() {
            all += sum;
            // One that is not a number is worse than any.
            if sum > most || (sum.is_nan() && !most.is_nan()) {
                (sample, most) = (i, sum);
            }
        }
        let width = width.max(1) as f64;
        let all = (all / (width * sums.len().max(1) as f64)).sqrt();
        StepError { all, sample, worst: (most / width).sqrt() }
    }
}
