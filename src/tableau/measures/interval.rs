//! Where the real and the imaginary axis lie in the region of stability.

use super::polynomial::Polynomial;
use super::rounded::{Rounded, size};
use crate::tableau::Rational;
use num_traits::{One, Zero};

/// The parts of a half-axis, measured from 0, on which |R| ≤ 1, in ascending order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StableIntervals(pub Vec<[f64; 2]>);

impl StableIntervals {
    /// The end of the part that starts at 0; zero if there is none.
    pub fn limit(&self) -> f64 {
        self.0.first().filter(|[start, _]| *start == 0.0).map_or(0.0, |[_, end]| *end)
    }
}

/// The intervals of r with |R(-r)| ≤ 1.
pub(super) fn real(r: &Rounded) -> StableIntervals {
    let mut below: Vec<Rational> = r.coefficients.iter().map(|c| -c).collect();
    let mut above = r.coefficients.clone();
    for side in [&mut below, &mut above] {
        if let Some(constant) = side.first_mut() {
            *constant += Rational::one();
        }
    }
    // (1 - R)(1 + R), each taken at -r.
    let factors = [below, above].map(|side| Polynomial::new(&side).mirrored());
    StableIntervals(nonnegative(&factors, |x| 2.0 * r.doubt_at(x)))
}

/// The intervals of y with |R(iy)| ≤ 1.
///
/// |R(iy)|² is a polynomial in y². The first coefficient of 1 - |R(iy)|² decides what happens at
/// 0; a coefficient that is zero but for the rounding of the tableau is zero.
pub(super) fn imaginary(r: &Rounded) -> StableIntervals {
    let c = &r.coefficients;
    let mut margin = vec![Rational::zero(); c.len()];
    let mut doubt = vec![0.0; c.len()];
    for j in 0..c.len() {
        for k in (j % 2..c.len()).step_by(2) {
            // z^j times the conjugate of z^k is i^(j-k) y^(j+k).
            let term = &c[j] * &c[k];
            let m = (j + k) / 2;
            if (j.abs_diff(k) / 2) % 2 == 0 {
                margin[m] -= term;
            } else {
                margin[m] += term;
            }
            doubt[m] += 2.0 * size(&c[j]) * r.doubt[k];
        }
    }
    margin[0] += Rational::one();
    let margin = Rounded { coefficients: margin, doubt }.cleaned();
    let factors = [Polynomial::new(&margin.coefficients)];
    let squares = nonnegative(&factors, |x| 2.0 * r.doubt_at(x.sqrt()));
    StableIntervals(squares.into_iter().map(|ends| ends.map(f64::sqrt)).collect())
}

/// The intervals of x ≥ 0 on which a product is not negative; it must become so in the end.
///
/// Between its roots the product keeps its sign. Where it dips below zero by no more than `slack`,
/// rounding has parted what only touches, and the intervals on both sides are one.
fn nonnegative(factors: &[Polynomial], slack: impl Fn(f64) -> f64) -> Vec<[f64; 2]> {
    let mut ends = vec![0.0];
    ends.extend(factors.iter().flat_map(Polynomial::positive_roots));
    ends.sort_by(f64::total_cmp);
    ends.dedup_by(|x, y| (*x - *y).abs() <= 1e-15 * x.abs());
    let mut intervals: Vec<[f64; 2]> = Vec::new();
    for pair in ends.windows(2) {
        let middle = 0.5 * (pair[0] + pair[1]);
        let value: f64 = factors.iter().map(|factor| factor.value(middle)).product();
        if value < -slack(middle) || (pair[0] == 0.0 && value < 0.0) {
            continue;
        }
        match intervals.last_mut() {
            Some(last) if last[1] == pair[0] => last[1] = pair[1],
            _ => intervals.push([pair[0], pair[1]]),
        }
    }
    intervals
}
