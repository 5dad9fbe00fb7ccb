//! Polynomials with whole coefficients: signs without rounding, and so roots that cannot be missed.
//!
//! Roots are isolated by Descartes' rule of signs and halving (Collins and Akritas, *Polynomial
//! real root isolation using Descartes' rule of signs*, SYMSAC 1976): the polynomial
//! (1 + x)^n p(1/(1 + x)) has as many positive roots as p has in (0, 1), and at least as many
//! changes of sign; none or one is exact, more are halved.

use crate::tableau::Rational;
use num_bigint::BigInt;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

/// Roots closer than this power of two of the search interval count as one that is touched.
const TOUCH_DEPTH: u32 = 64;
/// Crossings are bisected down to this power of two of the search interval.
const ROOT_DEPTH: u32 = 100;

/// The polynomial Σ c_k x^k / scale, with a positive scale.
#[derive(Debug, Clone)]
pub(super) struct Polynomial {
    pub c: Vec<BigInt>,
    pub scale: BigInt,
}

impl Polynomial {
    /// The polynomial with these coefficients, the constant first.
    pub fn new(coefficients: &[Rational]) -> Self {
        let mut scale = BigInt::one();
        for x in coefficients {
            // The denominator of scale/d in lowest terms is what scale lacks of d.
            scale *= Rational::new(scale.clone(), x.denom().clone()).denom();
        }
        let c = coefficients.iter().map(|x| x.numer() * (&scale / x.denom())).collect();
        Self { c, scale }.trimmed()
    }

    /// Without zeros at the top, so that the last coefficient is the leading one.
    pub fn trimmed(mut self) -> Self {
        while self.c.last().is_some_and(Zero::is_zero) {
            self.c.pop();
        }
        self
    }

    /// p(r x), for r > 0.
    pub fn scaled(&self, r: &Rational) -> Self {
        let top = self.c.len().saturating_sub(1);
        let powers = |x: &BigInt| {
            let next = |power: &BigInt| Some(power * x);
            std::iter::successors(Some(BigInt::one()), next).take(top + 1).collect::<Vec<_>>()
        };
        let (up, down) = (powers(r.numer()), powers(r.denom()));
        let factors = up.iter().zip(down.iter().rev());
        let c = self.c.iter().zip(factors).map(|(c, (up, down))| c * up * down).collect();
        Self { c, scale: &self.scale * Pow::pow(r.denom(), top) }
    }

    /// p(x + 1).
    pub fn shifted_up(mut self) -> Self {
        shift_by_one(&mut self.c);
        self
    }

    /// p(-x).
    pub fn mirrored(mut self) -> Self {
        self.c.iter_mut().skip(1).step_by(2).for_each(|c| *c = -std::mem::take(c));
        self
    }

    pub fn derivative(&self) -> Self {
        let c = self.c.iter().enumerate().skip(1).map(|(k, c)| c * k).collect();
        Self { c, scale: self.scale.clone() }
    }

    /// p(x), rounded once.
    pub fn value(&self, x: f64) -> f64 {
        let Some(x) = Rational::from_float(x.abs()).map(|r| (r, x < 0.0)) else { return f64::NAN };
        let p = if x.1 { self.clone().mirrored() } else { self.clone() }.scaled(&x.0);
        Rational::new_raw(p.c.iter().sum(), p.scale).to_f64().unwrap_or(f64::NAN)
    }

    /// Whether p ≥ 0 on [0, 1]; values that only touch zero are allowed.
    pub fn nonnegative_on_unit(self) -> bool {
        pieces(self.c).all(|piece| match piece {
            Piece::Clear { positive } => positive,
            Piece::Crossing(..) => false,
            Piece::Touch(..) => true,
        })
    }

    /// The positive roots in ascending order, those of several fold once.
    pub fn positive_roots(&self) -> Vec<f64> {
        let Some(exponent) = self.root_bound() else { return Vec::new() };
        let top = self.c.len() - 1;
        let grow = |(k, c): (usize, &BigInt)| {
            let times = if exponent >= 0 { k } else { top - k };
            c << (times * exponent.unsigned_abs() as usize)
        };
        pieces(self.c.iter().enumerate().map(grow).collect())
            .filter_map(|piece| match piece {
                Piece::Clear { .. } => None,
                Piece::Crossing(local) => Some(local.crossing()),
                Piece::Touch(place) => Some(place.value()),
            })
            .map(|x| x * 2f64.powi(exponent as i32))
            .collect()
    }

    /// e such that no positive root exceeds 2^e; none if no coefficient opposes the leading one.
    ///
    /// A root is at most 2 max |c_{n-k}/c_n|^{1/k} over the coefficients of the other sign
    /// (Kioustelidis 1986).
    fn root_bound(&self) -> Option<i64> {
        let (leading, rest) = self.c.split_last()?;
        let opposes = |c: &BigInt| !c.is_zero() && c.is_positive() != leading.is_positive();
        let exponents = rest.iter().rev().zip(1i64..).filter(|(c, _)| opposes(c));
        let exponents = exponents.map(|(c, k)| {
            let bits = c.bits() as i64 - leading.bits() as i64 + 1;
            bits.div_euclid(k) + i64::from(bits.rem_euclid(k) != 0)
        });
        exponents.max().map(|e| e + 1)
    }
}

/// The coefficients of p(x + 1) from those of p(x).
fn shift_by_one(c: &mut [BigInt]) {
    for i in 0..c.len() {
        for j in (i + 1..c.len()).rev() {
            let (low, high) = c.split_at_mut(j);
            low[j - 1] += &high[0];
        }
    }
}

/// What is found of a polynomial in (0, 1), from left to right.
enum Piece {
    /// An interval without a root.
    Clear { positive: bool },
    /// An interval with one simple root.
    Crossing(Local),
    /// A root at a dyadic place, or several roots that are not told apart.
    Touch(Place),
}

/// The number numerator / 2^depth.
#[derive(Clone, Copy)]
struct Place {
    numerator: u128,
    depth: u32,
}

impl Place {
    fn value(self) -> f64 {
        self.numerator as f64 * 0.5f64.powi(self.depth as i32)
    }

    fn half(self, right: bool) -> Self {
        Self { numerator: 2 * self.numerator + u128::from(right), depth: self.depth + 1 }
    }
}

/// A polynomial on an interval between neighbouring dyadic numbers, stretched to (0, 1).
struct Local {
    c: Vec<BigInt>,
    start: Place,
}

impl Local {
    /// Without its roots at the left end, which do not change the sign inside.
    fn new(mut c: Vec<BigInt>, start: Place) -> Self {
        let zeros = c.iter().take_while(|c| c.is_zero()).count();
        c.drain(..zeros);
        Self { c, start }
    }

    /// At least the number of roots in (0, 1), and equal to it if it is none or one.
    fn sign_changes(&self) -> usize {
        let mut c: Vec<BigInt> = self.c.iter().rev().cloned().collect();
        shift_by_one(&mut c);
        let signs: Vec<bool> = c.iter().filter(|c| !c.is_zero()).map(Signed::is_positive).collect();
        signs.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// The left half, the middle if it is a root, and the right half.
    fn split(self) -> (Local, Option<Place>, Local) {
        let top = self.c.len().saturating_sub(1);
        let left: Vec<BigInt> = self.c.iter().enumerate().map(|(k, c)| c << (top - k)).collect();
        let mut right = left.clone();
        shift_by_one(&mut right);
        let middle = self.start.half(true);
        let root = right.first().is_some_and(Zero::is_zero).then_some(middle);
        (Local::new(left, self.start.half(false)), root, Local::new(right, middle))
    }

    /// The one root in (0, 1), as a place in the whole interval.
    fn crossing(&self) -> f64 {
        let left = self.c.first().is_some_and(Signed::is_positive);
        let steps = ROOT_DEPTH - self.start.depth;
        let (mut offset, mut place) = (BigInt::zero(), self.start);
        for k in 1..=steps {
            // Whether the value in the middle has the sign of the left end.
            let middle: BigInt = (&offset << 1usize) + 1;
            let mut shift = 0;
            let value = self.c.iter().rev().fold(BigInt::zero(), |value, c| {
                let value = value * &middle + (c << shift);
                shift += k as usize;
                value
            });
            let right = !value.is_zero() && value.is_positive() == left;
            offset = (offset << 1usize) + u32::from(right);
            place = place.half(right);
        }
        Place { numerator: place.numerator + 1, ..place }.value()
    }
}

fn pieces(c: Vec<BigInt>) -> impl Iterator<Item = Piece> {
    enum Task {
        Search(Local),
        Report(Place),
    }
    let mut tasks = vec![Task::Search(Local::new(c, Place { numerator: 0, depth: 0 }))];
    std::iter::from_fn(move || {
        loop {
            let local = match tasks.pop()? {
                Task::Search(local) => local,
                Task::Report(place) => return Some(Piece::Touch(place)),
            };
            match local.sign_changes() {
                0 => {
                    let positive = local.c.first().is_none_or(Signed::is_positive);
                    return Some(Piece::Clear { positive });
                }
                1 => return Some(Piece::Crossing(local)),
                _ if local.start.depth >= TOUCH_DEPTH => {
                    return Some(Piece::Touch(local.start.half(true)));
                }
                _ => {
                    let (left, middle, right) = local.split();
                    tasks.push(Task::Search(right));
                    tasks.extend(middle.map(Task::Report));
                    tasks.push(Task::Search(left));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(n: i64, d: i64) -> Rational {
        Rational::new(n.into(), d.into())
    }

    /// Π (x - root).
    fn with_roots(roots: &[Rational]) -> Vec<Rational> {
        roots.iter().fold(vec![Rational::one()], |p, root| {
            let mut product = vec![Rational::zero(); p.len() + 1];
            for (k, c) in p.iter().enumerate() {
                product[k] -= c * root;
                product[k + 1] += c;
            }
            product
        })
    }

    #[test]
    fn a_double_root_and_roots_at_dyadic_places_are_found_once() {
        let roots = [ratio(1, 3), ratio(1, 3), ratio(1, 2), ratio(1, 2), ratio(1, 2), ratio(-2, 1)];
        let p = Polynomial::new(&with_roots(&roots));
        let found = p.positive_roots();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((found[0] * 3.0 - 1.0).abs() < 1e-15 && found[1] == 0.5);
        // (x - 1/3)² is never negative, (x - 1/3)² (x - 1/2) is.
        assert!(Polynomial::new(&with_roots(&roots[..2])).nonnegative_on_unit());
        assert!(!Polynomial::new(&with_roots(&roots[..3])).nonnegative_on_unit());
    }

    #[test]
    fn the_roots_of_the_wilkinson_polynomial_are_whole() {
        // Wilkinson (1959): its roots are lost to the rounding of the coefficients to doubles.
        let roots: Vec<Rational> = (1..=20).map(|k| ratio(k, 1)).collect();
        let found = Polynomial::new(&with_roots(&roots)).positive_roots();
        assert_eq!(found, (1..=20).map(f64::from).collect::<Vec<_>>());
    }

    #[test]
    fn polynomials_without_positive_roots_and_constants() {
        assert!(Polynomial::new(&[]).positive_roots().is_empty());
        assert!(Polynomial::new(&[ratio(-3, 1)]).positive_roots().is_empty());
        assert!(Polynomial::new(&[ratio(1, 1), ratio(2, 1)]).positive_roots().is_empty());
        assert!(!Polynomial::new(&[ratio(-3, 1)]).nonnegative_on_unit());
    }

    proptest! {
        #[test]
        fn every_positive_root_of_a_product_is_found(
            roots in prop::collection::vec((-200i64..2000, 1i64..300), 1..8)
        ) {
            let roots: Vec<Rational> = roots.iter().map(|(n, d)| ratio(*n, *d)).collect();
            let mut expected: Vec<&Rational> = roots.iter().filter(|x| x.is_positive()).collect();
            expected.sort();
            expected.dedup();
            let expected: Vec<f64> = expected.iter().map(|x| x.to_f64().unwrap()).collect();
            let found = Polynomial::new(&with_roots(&roots)).positive_roots();
            prop_assert_eq!(found.len(), expected.len());
            for (x, y) in found.iter().zip(&expected) {
                prop_assert!((x / y - 1.0).abs() < 1e-14, "{x} for {y}");
            }
        }
    }
}
