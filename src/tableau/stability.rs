//! The stability polynomial of a method.
//!
//! On the test equation y' = λy a step of size h multiplies y by R(hλ),
//!
//! ```text
//! R(z) = 1 + z bᵀ(I - z a)⁻¹ 1 = 1 + Σ_{k=1..s} (bᵀ a^{k-1} 1) z^k,
//! ```
//!
//! a polynomial of degree at most s, since a is strictly lower triangular (Hairer and Wanner,
//! *Solving Ordinary Differential Equations II* (1996), section IV.2). The method is stable where
//! |R(z)| ≤ 1.

use super::{Rational, Tableau};
use num_bigint::BigInt;
use num_complex::Complex64;
use num_traits::{Num, One};

/// Common denominators longer than this, in bits, are replaced by the power of two of that length:
/// the coefficients of R are then not exact, but right to some 300 digits.
const DENOMINATOR_BITS: u64 = 1024;

impl<T: Clone + Num + Moments> Tableau<T> {
    /// The coefficients of R(z) for the weights b, the constant first, without trailing zeros.
    ///
    /// Up to the order p they are 1/k!, as was proved, and are set so: left to the rounding of
    /// the coefficients, they would hide on which side of 1 the value |R(iy)| begins.
    pub fn stability_polynomial(&self) -> Vec<T> {
        polynomial(T::moments(&self.a, &self.b), self.order)
    }

    /// The coefficients of R(z) for the embedded weights b̂.
    pub fn embedded_stability_polynomial(&self) -> Option<Vec<T>> {
        let pair = self.embedded.as_ref()?;
        Some(polynomial(T::moments(&self.a, &pair.b_hat), pair.order))
    }
}

/// Numbers for which bᵀ a^{k-1} 1 can be had.
pub trait Moments: Sized {
    /// bᵀ a^{k-1} 1 for k = 1..s.
    fn moments(a: &[Vec<Self>], b: &[Self]) -> Vec<Self>;
}

impl Moments for f64 {
    fn moments(a: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
        moments(a, b)
    }
}

impl Moments for Rational {
    fn moments(a: &[Vec<Rational>], b: &[Rational]) -> Vec<Rational> {
        // In whole numbers over powers of one denominator, which are reduced once and not after
        // every sum.
        let scale = one_denominator(a.iter().flatten().chain(b));
        let whole = |x: &Rational| (x * &scale).round().to_integer();
        let rows: Vec<Vec<BigInt>> = a.iter().map(|row| row.iter().map(whole).collect()).collect();
        let weights: Vec<BigInt> = b.iter().map(whole).collect();
        let mut power = BigInt::one();
        let over_power = |moment| {
            power *= &scale;
            Rational::new(moment, power.clone())
        };
        moments(&rows, &weights).into_iter().map(over_power).collect()
    }
}

/// The least common denominator, or a power of two if that is too long.
fn one_denominator<'a>(values: impl Iterator<Item = &'a Rational>) -> BigInt {
    let mut scale = BigInt::one();
    for x in values {
        // The denominator of scale/d in lowest terms is what scale lacks of d.
        scale *= Rational::new(scale.clone(), x.denom().clone()).denom();
        if scale.bits() > DENOMINATOR_BITS {
            return BigInt::one() << DENOMINATOR_BITS;
        }
    }
    scale
}

fn moments<T: Clone + Num>(a: &[Vec<T>], b: &[T]) -> Vec<T> {
    let mut powers = vec![T::one(); b.len()]; // a^{k-1} 1
    let next = |_| {
        let moment = dot(b, &powers);
        powers = a.iter().map(|row| dot(row, &powers)).collect();
        moment
    };
    (0..b.len()).map(next).collect()
}

fn polynomial<T: Clone + Num>(moments: Vec<T>, order: usize) -> Vec<T> {
    let mut coefficients = vec![T::one()];
    let (mut k, mut factorial) = (T::zero(), T::one());
    for moment in moments {
        k = k + T::one();
        factorial = factorial * k.clone();
        let proved = coefficients.len() <= order;
        coefficients.push(if proved { T::one() / factorial.clone() } else { moment });
    }
    while coefficients.last().is_some_and(T::is_zero) {
        coefficients.pop();
    }
    coefficients
}

fn dot<T: Clone + Num>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::zero(), |sum, (x, y)| sum + x.clone() * y.clone())
}

/// The value at z of a polynomial with the constant first, by Horner's rule.
pub fn evaluate(coefficients: &[f64], z: Complex64) -> Complex64 {
    coefficients.iter().rev().fold(Complex64::new(0.0, 0.0), |value, c| value * z + c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::{Rational, TableauFile, named};
    use num_traits::{One, Zero};
    use proptest::prelude::*;

    fn ratio(numerator: i64, denominator: i64) -> Rational {
        Rational::new(numerator.into(), denominator.into())
    }

    #[test]
    fn classical_methods_have_the_exponential_series() {
        let rk4 = named("rk4").unwrap();
        let series = [1, 1, 2, 6, 24].map(|factorial| ratio(1, factorial));
        assert_eq!(rk4.stability_polynomial(), series);
        assert_eq!(rk4.embedded_stability_polynomial(), None);
        // Every method with as many stages as its order has the same polynomial.
        for name in ["rk4_38", "gill4", "ralston4"] {
            assert_eq!(named(name).unwrap().stability_polynomial(), series, "{name}");
        }
    }

    #[test]
    fn dopri5_has_its_published_polynomial() {
        // Hairer and Wanner (1996), section IV.2: the last coefficient is 1/600.
        let r = named("dopri5").unwrap().stability_polynomial();
        let expected = [1, 1, 2, 6, 24, 120, 600].map(|denominator| ratio(1, denominator));
        assert_eq!(r, expected);
    }

    #[test]
    fn the_imaginary_interval_of_tsit5_is_not_lost_to_rounding() {
        let r = named("tsit5").unwrap().to_f64().stability_polynomial();
        let size = |y: f64| evaluate(&r, Complex64::new(0.0, y)).norm();
        assert!((0..=47).all(|k| size(0.01 * k as f64) <= 1.0 + 1e-15));
        assert!(size(0.4779) < 1.0 && size(0.4780) > 1.0);
    }

    #[test]
    fn the_value_is_that_of_the_sum_of_powers() {
        let z = Complex64::new(-0.3, 1.7);
        let sum = 2.0 - 3.0 * z + 0.5 * z * z;
        assert!((evaluate(&[2.0, -3.0, 0.5], z) - sum).norm() < 1e-14);
        assert_eq!(evaluate(&[], z), Complex64::new(0.0, 0.0));
    }

    /// Fractions for a random explicit tableau: the rows of a, then the weights but the last.
    fn coefficients() -> impl Strategy<Value = Vec<Vec<(i64, i64)>>> {
        (1usize..6).prop_flat_map(|stages| {
            let fraction = || (-20i64..20, 1i64..12);
            let rows = (0..stages).map(|i| prop::collection::vec(fraction(), i));
            rows.chain([prop::collection::vec(fraction(), stages - 1)]).collect::<Vec<_>>()
        })
    }

    proptest! {
        #[test]
        fn a_step_on_the_test_equation_multiplies_by_r(
            rows in coefficients(), z in (-50i64..50, 1i64..20)
        ) {
            let rows: Vec<Vec<Rational>> = rows
                .iter()
                .map(|row| row.iter().map(|(n, d)| ratio(*n, *d)).collect())
                .collect();
            let (b, a) = rows.split_last().unwrap();
            let last = Rational::one() - b.iter().sum::<Rational>();
            let texts = |row: &Vec<Rational>| row.iter().map(|x| x.to_string()).collect();
            let file = TableauFile {
                a: a.iter().map(texts).collect(),
                b: texts(&[b.as_slice(), &[last]].concat()),
                ..r#"(a: [], b: [])"#.parse().unwrap()
            };
            let tableau = file.prove().unwrap();

            // One step of size h = z/λ from y = 1, in units of λ: h k_i = z (1 + Σ a_ij h k_j).
            let z = ratio(z.0, z.1);
            let mut slopes: Vec<Rational> = Vec::new();
            for row in &tableau.a {
                slopes.push(&z * (Rational::one() + dot(row, &slopes)));
            }
            let step = Rational::one() + dot(&tableau.b, &slopes);
            let r = tableau.stability_polynomial();
            let value = r.iter().rev().fold(Rational::zero(), |sum, c| sum * &z + c);
            prop_assert_eq!(step, value);
        }
    }
}
