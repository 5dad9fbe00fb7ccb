//! What a method makes of a mode y' = lambda y over the whole horizon: growth, damping and phase.
//!
//! After m steps the mode is R(z)^m where it should be e^(m z), z = h lambda. With a = |R(z)|, b = |e^z| and the
//! error of the phase delta = arg R(z) e^(-z) of a step, and N = horizon / h:
//!
//! ```text
//! growth    (a / max(b, 1 if b < 1))^N - 1         made by the method, not by the equation
//! damping   max over m <= N of |a^m - b^m| / max(1, b^m)
//! phase     max over m <= N of min(a^m, b^m) m |delta| / max(1, b^m)
//! ```
//!
//! A mode that dies out so counts while it is there. Stability alone ranks methods backwards on oscillations: rk4 is
//! stable to h w = 2.83 and over 50 / w right to 1 % only to 0.39 (van der Houwen & Sommeijer, SIAM J. Numer. Anal.
//! 24, 1987).

use num_complex::Complex64;
use serde::Serialize;

use super::ray::bisect;
use crate::tableau::evaluate;

/// What is tolerated over the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tolerance {
    /// Growth that the method makes.
    pub growth: f64,
    /// Error of the damping, and of the phase in radians.
    pub error: f64,
}

/// What limits a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// |R| > 1 beyond it.
    Stability,
    /// The method makes the mode grow.
    Growth,
    /// It damps too much or too little.
    Damping,
    /// It is ahead or behind.
    Phase,
}

impl Limit {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Stability => "stability",
            Limit::Growth => "growth",
            Limit::Damping => "damping",
            Limit::Phase => "phase",
        }
    }
}

/// The error of a mode in units of what is tolerated, and which it is.
pub fn error(polynomial: &[f64], z: Complex64, steps: f64, tolerance: Tolerance) -> (f64, Limit) {
    let ratio = evaluate(polynomial, z) * (-z).exp();
    let b = z.re;
    // What is gone after one step needs no more digits.
    let gained = ratio.norm().ln().max(-700.0);
    let (a, delta) = (b + gained, ratio.arg().abs());
    let growth = (steps * (a - b.max(0.0)).clamp(0.0, 700.0)).exp_m1();
    let damping = match b >= 0.0 {
        true => (steps * gained).exp_m1().abs(),
        false => {
            // Of a^m - b^m, both falling; at the end if one of them does not fall.
            let most = ((b / a).ln() / (a - b)).abs();
            let m = if a < 0.0 && most.is_finite() { most.clamp(1.0, steps) } else { steps };
            ((m * a).exp() - (m * b).exp()).abs()
        }
    };
    let phase = match b >= 0.0 {
        true => steps * delta,
        false => {
            let least = a.min(b);
            let m = (-1.0 / least).clamp(1.0, steps.max(1.0));
            m * delta * (m * least).exp()
        }
    };
    let all = [
        (growth / tolerance.growth, Limit::Growth),
        (damping / tolerance.error, Limit::Damping),
        (phase / tolerance.error, Limit::Phase),
    ];
    all.into_iter().fold((0.0, Limit::Growth), |worst, one| {
        if one.0 > worst.0 || one.0.is_nan() { one } else { worst }
    })
}

/// The largest step, of those up to `most`, with which a mode stays within the tolerance over the horizon, as all
/// smaller ones do; none if `most` itself does.
pub fn limited(
    polynomial: &[f64],
    lambda: Complex64,
    horizon: f64,
    most: f64,
    tolerance: Tolerance,
) -> Option<(f64, Limit)> {
    let of = |h: f64| error(polynomial, lambda * h, (horizon / h).max(1.0), tolerance);
    let holds = |h: f64| h == 0.0 || of(h).0 <= 1.0;
    // Errors grow with the step while h |lambda| is not large; beyond, one may vanish between two that do not.
    let looks = if most * lambda.norm() < 1.0 { 1 } else { 8 };
    let failing = (1..=looks).find(|k| !holds(most * *k as f64 / looks as f64))?;
    let end = |k: usize| most * k as f64 / looks as f64;
    let h = bisect(end(failing - 1), end(failing), holds);
    // Just beyond it, where the tolerance is passed.
    Some((h, of(h * (1.0 + 1e-9) + f64::MIN_POSITIVE).1))
}
