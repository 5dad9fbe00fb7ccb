//! A stability polynomial together with what the rounding of the tableau leaves in doubt.

use crate::tableau::stability::Moments;
use crate::tableau::{Rational, Tableau};
use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// Coefficients with longer denominators, in bits, are rounded to as many significant bits.
const SIGNIFICANT_BITS: u64 = 512;

/// The share of a coefficient that may be rounding: half a unit in the last digit if digits are
/// stated; else less than what 60 digits of a square root leave.
pub(super) fn share_of_doubt(tableau: &Tableau<Rational>) -> f64 {
    tableau.digits.map_or(1e-50, |digits| 0.5 * 10f64.powi(1 - digits as i32))
}

/// The polynomial Σ c_k z^k with c_k known to within `doubt[k]`.
#[derive(Debug, Clone)]
pub(super) struct Rounded {
    pub coefficients: Vec<Rational>,
    pub doubt: Vec<f64>,
}

impl Rounded {
    /// R(z) of a tableau. A coefficient that could be zero is zero: a spurious z^s would otherwise
    /// rule far from the origin.
    pub fn of(tableau: &Tableau<Rational>) -> Self {
        let share = share_of_doubt(tableau);
        let a: Vec<Vec<f64>> = tableau.a.iter().map(|row| sizes(row)).collect();
        let b = sizes(&tableau.b);
        let mut doubt = vec![0.0];
        for (size, degree) in f64::moments(&a, &b).into_iter().zip(1usize..) {
            let proved = degree <= tableau.order;
            doubt.push(if proved { 0.0 } else { share * degree as f64 * size });
        }
        let coefficients = tableau.stability_polynomial().into_iter().map(shortened);
        Self { coefficients: coefficients.collect(), doubt }.cleaned()
    }

    /// With zero for every coefficient within its doubt, and without zeros at the top.
    pub fn cleaned(mut self) -> Self {
        for (c, doubt) in self.coefficients.iter_mut().zip(&self.doubt) {
            if size(c) <= *doubt {
                *c = Rational::zero();
            }
        }
        while self.coefficients.last().is_some_and(Zero::is_zero) {
            self.coefficients.pop();
        }
        self.doubt.truncate(self.coefficients.len());
        self
    }

    /// The doubt of the value at a point of modulus x.
    pub fn doubt_at(&self, x: f64) -> f64 {
        self.doubt.iter().rev().fold(0.0, |sum, doubt| sum * x + doubt)
    }
}

/// The number itself if it is short, else its first digits.
fn shortened(c: Rational) -> Rational {
    let (numerator, denominator) = (c.numer().bits(), c.denom().bits());
    if denominator <= SIGNIFICANT_BITS {
        return c;
    }
    let scale = BigInt::one() << (SIGNIFICANT_BITS + denominator.saturating_sub(numerator));
    Rational::new((c * &scale).round().to_integer(), scale)
}

pub(super) fn size(x: &Rational) -> f64 {
    x.abs().to_f64().unwrap_or(f64::INFINITY)
}

fn sizes(values: &[Rational]) -> Vec<f64> {
    values.iter().map(size).collect()
}
