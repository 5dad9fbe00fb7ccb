//! The order of a method, proved by rooted trees.
//!
//! A method has order p if and only if Φ(t) = Σ_i b_i φ_i(t) = 1/γ(t) for every rooted tree t of
//! at most p vertices, where φ_i(τ) = 1 and
//!
//! ```text
//! φ_i([t₁,…,t_m]) = Π_k Σ_j a_ij φ_j(t_k)
//! ```
//!
//! (Butcher 1963; Hairer, Nørsett and Wanner 1993, theorem II.2.13). The vectors φ are kept, so
//! that each tree costs one product by elements, and each branch one product with a.

use super::coefficient::{ROOT_DIGITS, power_of_ten};
use super::trees::{LARGEST, MAX_ORDER, trees};
use super::{Rational, TableauError};
use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// The largest common denominator of exact coefficients, in bits (some 2400 digits).
pub(super) const MAX_DENOMINATOR_BITS: u64 = 8192;
/// A bound above this share of 1/γ(t) lets anything pass, so it proves nothing.
const MAX_DOUBT: f64 = 1e-3;

/// How far the coefficients may be from the numbers they stand for, relative to their size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rounding {
    /// Each coefficient is the number itself.
    Exact,
    /// Each coefficient lies within this share of the number.
    Relative(f64),
    /// Each coefficient lies within half a unit in this significant digit of the number.
    Digits(u32),
}

impl Rounding {
    /// The rounding of one coefficient: nothing for zero, which is never a rounded number.
    pub(super) fn of(self, x: &Rational) -> f64 {
        if x.is_zero() {
            return 0.0;
        }
        let size = x.abs().to_f64().unwrap_or(f64::INFINITY);
        // What is added is the rounding to 60 decimals below.
        match self {
            Rounding::Exact => 0.0,
            Rounding::Relative(share) => share * size + 1e-60,
            Rounding::Digits(digits) => {
                0.5 * 10f64.powf(size.log10().floor() + 1.0 - f64::from(digits)) + 1e-60
            }
        }
    }

    /// The denominator over which numbers of this rounding are proved: the common one of exact
    /// numbers, else 10^60. Integers need no reduction, which makes the proof fast.
    fn denominator<'a>(
        self,
        values: impl Iterator<Item = &'a Rational>,
    ) -> Result<BigInt, TableauError> {
        let bits = MAX_DENOMINATOR_BITS;
        match self {
            Rounding::Exact => common_denominator(values).ok_or(TableauError::Denominator { bits }),
            Rounding::Relative(_) | Rounding::Digits(_) => Ok(power_of_ten(ROOT_DIGITS)),
        }
    }
}

/// The least common denominator, if it is not too long.
fn common_denominator<'a>(values: impl Iterator<Item = &'a Rational>) -> Option<BigInt> {
    let mut scale = BigInt::from(1);
    for x in values {
        if !(&scale % x.denom()).is_zero() {
            // The denominator of scale/d in lowest terms is what scale lacks of d.
            scale *= Rational::new(scale.clone(), x.denom().clone()).denom();
        }
        if scale.bits() > MAX_DENOMINATOR_BITS {
            return None;
        }
    }
    Some(scale)
}

/// Numbers as integers over one denominator.
pub(super) struct Scaled {
    scale: BigInt,
    integers: Vec<BigInt>,
}

impl Scaled {
    fn new<'a>(values: impl Iterator<Item = &'a Rational>, scale: BigInt) -> Self {
        let integers = values.map(|x| (x * &scale).round().to_integer()).collect();
        Self { scale, integers }
    }

    /// Over the common denominator, or 10^60 where that one is too long to work with.
    pub(super) fn as_given(values: &[Rational]) -> Self {
        let common = common_denominator(values.iter());
        Self::new(values.iter(), common.unwrap_or_else(|| power_of_ten(ROOT_DIGITS)))
    }

    /// To 60 decimals.
    pub(super) fn to_decimals(values: &[Rational]) -> Self {
        Self::new(values.iter(), power_of_ten(ROOT_DIGITS))
    }
}

/// The first condition that a set of weights does not meet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// The place of the tree in [`trees`].
    pub tree: usize,
    /// Φ(t) as computed; it should be 1/γ(t).
    pub value: Rational,
    /// |Φ(t) - 1/γ(t)|.
    pub off: f64,
    /// How large that could be by the rounding of the coefficients alone.
    pub allowed: f64,
}

/// The order conditions of one matrix a, for one set of weights after another.
pub(super) struct Conditions {
    rounding: Rounding,
    /// The powers D⁰, D¹, … of the denominator of a; φ of a tree of q vertices is over D^(q-1).
    powers: Vec<BigInt>,
    exact: Elementary<BigInt>,
    /// The same recursion over the errors of the coefficients.
    doubt: Elementary<Ball>,
}

impl Conditions {
    /// The conditions for a matrix a whose entries are known as well as `doubt` says.
    pub(super) fn new(
        a: &[Vec<Rational>],
        doubt: Vec<Vec<Ball>>,
        rounding: Rounding,
    ) -> Result<Self, TableauError> {
        let scale = rounding.denominator(a.iter().flatten())?;
        Ok(Self::over(a, doubt, rounding, scale))
    }

    /// The conditions for the coefficients as they are, without any allowance.
    pub(super) fn as_given(a: &[Vec<Rational>]) -> Self {
        let common = common_denominator(a.iter().flatten());
        let scale = common.unwrap_or_else(|| power_of_ten(ROOT_DIGITS));
        Self::over(a, Vec::new(), Rounding::Exact, scale)
    }

    /// The conditions for the coefficients to 60 decimals: where Φ(t) need not be exact, since the
    /// powers of a long common denominator take long.
    pub(super) fn to_decimals(a: &[Vec<Rational>]) -> Self {
        Self::over(a, Vec::new(), Rounding::Exact, power_of_ten(ROOT_DIGITS))
    }

    fn over(a: &[Vec<Rational>], doubt: Vec<Vec<Ball>>, rounding: Rounding, scale: BigInt) -> Self {
        let Scaled { scale, integers } = Scaled::new(a.iter().flatten(), scale);
        let mut integers = integers.into_iter();
        let rows = a.iter().map(|row| integers.by_ref().take(row.len()).collect());
        let powers = std::iter::successors(Some(BigInt::from(1)), |power| Some(power * &scale));
        Self {
            rounding,
            powers: powers.take(LARGEST).collect(),
            exact: Elementary::new(rows.collect()),
            doubt: Elementary::new(doubt),
        }
    }

    /// Φ(t) of a tree, as a numerator and a denominator.
    pub(super) fn elementary_weight(&mut self, weights: &Scaled, tree: usize) -> (BigInt, BigInt) {
        let sum = dot(&weights.integers, self.exact.weight(tree));
        (sum, &weights.scale * &self.powers[trees()[tree].order - 1])
    }

    /// The proved order of the method with these weights, at most [`MAX_ORDER`], and the first
    /// condition of the next order that fails.
    pub(super) fn order(
        &mut self,
        weights: &[Rational],
        doubts: &[Ball],
    ) -> Result<(usize, Option<Failure>), TableauError> {
        let scale = self.rounding.denominator(weights.iter())?;
        let scaled = Scaled::new(weights.iter(), scale);
        let provable = trees().iter().enumerate().take_while(|(_, tree)| tree.order <= MAX_ORDER);
        for (k, tree) in provable {
            let (sum, denominator) = self.elementary_weight(&scaled, k);
            let residual: BigInt = &sum * tree.density - &denominator;
            let mut allowed = 0.0;
            if !residual.is_zero() {
                let share = Rational::new(residual.abs(), &denominator * tree.density);
                let off = share.to_f64().unwrap_or(f64::INFINITY);
                if self.rounding != Rounding::Exact {
                    allowed = dot(doubts, self.doubt.weight(k)).error;
                }
                let meaningful = allowed * tree.density as f64 <= MAX_DOUBT;
                if !(meaningful && off <= allowed) {
                    let value = Rational::new(sum, denominator);
                    return Ok((tree.order - 1, Some(Failure { tree: k, value, off, allowed })));
                }
            }
        }
        Ok((MAX_ORDER, None))
    }
}

/// The vectors φ(t) and a φ(t), kept for every tree that has been asked for.
struct Elementary<T> {
    a: Vec<Vec<T>>,
    phi: Vec<Vec<T>>,
    a_phi: Vec<Vec<T>>,
}

impl<T: Ring> Elementary<T> {
    fn new(a: Vec<Vec<T>>) -> Self {
        Self { a, phi: Vec::new(), a_phi: Vec::new() }
    }

    /// φ(t) of the tree at a place in [`trees`], by φ_i(stem ∘ branch) = φ_i(stem) (a φ(branch))_i.
    fn weight(&mut self, tree: usize) -> &[T] {
        while self.phi.len() <= tree {
            let phi: Vec<T> = match trees()[self.phi.len()].parts {
                None => vec![T::one(); self.a.len()],
                Some((stem, branch)) => {
                    let pairs = self.phi[stem].iter().zip(&self.a_phi[branch]);
                    pairs.map(|(x, y)| T::zero().plus_product(x, y)).collect()
                }
            };
            self.a_phi.push(self.a.iter().map(|row| dot(row, &phi)).collect());
            self.phi.push(phi);
        }
        &self.phi[tree]
    }
}

/// What the recursions need of their numbers.
pub(super) trait Ring: Clone {
    fn zero() -> Self;
    fn one() -> Self;
    fn plus_product(self, x: &Self, y: &Self) -> Self;
}

impl Ring for BigInt {
    fn zero() -> Self {
        Zero::zero()
    }

    fn one() -> Self {
        One::one()
    }

    fn plus_product(self, x: &Self, y: &Self) -> Self {
        if x.is_zero() || y.is_zero() { self } else { self + x * y }
    }
}

impl Ring for Rational {
    fn zero() -> Self {
        Zero::zero()
    }

    fn one() -> Self {
        One::one()
    }

    fn plus_product(self, x: &Self, y: &Self) -> Self {
        if x.is_zero() || y.is_zero() { self } else { self + x * y }
    }
}

/// A number and a bound on its error. The number is that of floating point, which is enough for
/// what it is for: to multiply errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ball {
    value: f64,
    pub(super) error: f64,
}

impl Ring for Ball {
    fn zero() -> Self {
        Ball { value: 0.0, error: 0.0 }
    }

    fn one() -> Self {
        Ball { value: 1.0, error: 0.0 }
    }

    fn plus_product(self, x: &Self, y: &Self) -> Self {
        let error = x.value.abs() * y.error + x.error * y.value.abs() + x.error * y.error;
        Ball { value: self.value + x.value * y.value, error: self.error + error }
    }
}

pub(super) fn balls(values: &[Rational], rounding: Rounding) -> Vec<Ball> {
    let ball =
        |x: &Rational| Ball { value: x.to_f64().unwrap_or(f64::INFINITY), error: rounding.of(x) };
    values.iter().map(ball).collect()
}

fn dot<T: Ring>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::zero(), |sum, (x, y)| sum.plus_product(x, y))
}
