//! A stability polynomial in a form that can be evaluated in doubles wherever its region reaches.

use super::polynomial::Polynomial;
use crate::tableau::Rational;
use num_bigint::BigInt;
use num_complex::Complex64;
use num_traits::{One, ToPrimitive, Zero};

/// A polynomial p(z) = Σ_k c_k T_k(1 + 2z/L) in Chebyshev polynomials over [-L, 0].
///
/// Powers of z cancel: those of `rkc2(20)` reach 10^15 where the sum is at most 1. Chebyshev
/// polynomials are bounded on the interval and grow slowly around it. The coefficients are formed
/// exactly and rounded once.
#[derive(Debug, Clone, PartialEq)]
pub struct Chebyshev {
    c: Vec<f64>,
    length: f64,
}

impl Chebyshev {
    /// The polynomial with these coefficients of powers of z, the constant first; `length` is the L
    /// of the interval, a positive number.
    pub fn new(powers: &[Rational], length: f64) -> Self {
        let half = Rational::from_float(length / 2.0).unwrap_or_else(Rational::one);
        // p(L/2 (x - 1)): stretched, then moved by one to the right.
        let p = Polynomial::new(powers).scaled(&half).mirrored().shifted_up().mirrored();
        // Horner's rule with x T_0 = T_1 and 2 x T_k = T_{k+1} + T_{k-1}; doubled at every step.
        let mut sum: Vec<BigInt> = vec![BigInt::zero(); p.c.len() + 1];
        for (step, c) in p.c.iter().rev().enumerate() {
            let mut next = vec![BigInt::zero(); sum.len()];
            for k in (0..sum.len() - 1).filter(|k| !sum[*k].is_zero()) {
                next[k + 1] += &sum[k];
                next[k.abs_diff(1)] += &sum[k];
            }
            next[0] += c << step;
            sum = next;
        }
        let scale = p.scale << p.c.len().saturating_sub(1);
        let round = |c: BigInt| Rational::new_raw(c, scale.clone()).to_f64().unwrap_or(f64::NAN);
        let mut c: Vec<f64> = sum.into_iter().map(round).collect();
        c.pop();
        let length = 2.0 * half.to_f64().unwrap_or(0.5);
        Self { c, length }
    }

    /// The coefficients, the constant first.
    pub(super) fn coefficients(&self) -> &[f64] {
        &self.c
    }

    /// The place of z in the interval stretched to [-1, 1].
    pub(super) fn stretched(&self, z: Complex64) -> Complex64 {
        1.0 + 2.0 * z / self.length
    }

    /// p(z) and p'(z), by the recursion of Clenshaw (1955) and its derivative.
    pub fn value_and_slope(&self, z: Complex64) -> (Complex64, Complex64) {
        let x = self.stretched(z);
        let zero = Complex64::ZERO;
        let (mut b, mut after, mut slope, mut slope_after) = (zero, zero, zero, zero);
        for c in self.c.iter().skip(1).rev() {
            (slope, slope_after) = (2.0 * (b + x * slope) - slope_after, slope);
            (b, after) = (2.0 * x * b - after + c, b);
        }
        let constant = self.c.first().copied().unwrap_or(0.0);
        (x * b - after + constant, (b + x * slope - slope_after) * 2.0 / self.length)
    }

    /// p(z).
    pub fn value(&self, z: Complex64) -> Complex64 {
        self.value_and_slope(z).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::{evaluate, named};

    #[test]
    fn value_and_slope_are_those_of_the_powers() {
        for (name, length) in [("euler", 2.0), ("rk4", 2.785), ("verner9", 4.5), ("merson4", 1.0)] {
            let r = named(name).unwrap().stability_polynomial();
            let powers: Vec<f64> = r.iter().map(|c| c.to_f64().unwrap()).collect();
            let slope: Vec<f64> =
                powers.iter().enumerate().skip(1).map(|(k, c)| k as f64 * c).collect();
            let chebyshev = Chebyshev::new(&r, length);
            for z in [(0.0, 0.0), (-1.0, 2.0), (0.7, -3.0), (-4.0, 0.1)] {
                let z = Complex64::new(z.0, z.1);
                let (value, derivative) = chebyshev.value_and_slope(z);
                let near = |x: Complex64, y: Complex64| (x - y).norm() < 1e-12 * (1.0 + y.norm());
                assert!(near(value, evaluate(&powers, z)), "{name} at {z}");
                assert!(near(derivative, evaluate(&slope, z)), "{name} at {z}");
            }
        }
    }

    #[test]
    fn a_stabilised_method_is_stable_to_the_end_of_its_interval() {
        // Powers of z would be 10^15 times what is left of them.
        let measures = named("rkc2(30)").unwrap().measures();
        let length = measures.main.real.limit();
        let r = Chebyshev::new(&measures.main.polynomial, length);
        for k in 0..=1000 {
            let value = r.value((-length * f64::from(k) / 1000.0).into());
            assert!(value.norm() <= 1.0 + 1e-12, "{value} at {k}");
        }
        assert!((r.value((-length).into()).norm() - 1.0).abs() < 1e-9);
    }
}
