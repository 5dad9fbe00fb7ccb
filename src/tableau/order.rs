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
use super::trees::{self, MAX_ORDER, trees};
use super::{Rational, Tableau, TableauError};
use num_bigint::BigInt;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// The largest common denominator of exact coefficients, in bits (some 2400 digits).
const MAX_DENOMINATOR_BITS: u64 = 8192;
/// A bound above this share of 1/γ(t) lets anything pass, so it proves nothing.
const MAX_DOUBT: f64 = 1e-3;

/// How far the coefficients may be from the numbers they stand for, relative to their size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rounding {
    /// Each coefficient is the number itself.
    Exact,
    /// Each coefficient lies within this share of the number.
    Relative(f64),
}

impl Rounding {
    /// The rounding of one coefficient: nothing for zero, which is never a rounded number.
    pub(super) fn of(self, x: &Rational) -> f64 {
        match self {
            Rounding::Relative(share) if !x.is_zero() => {
                // The second term is the rounding to 60 decimals below.
                share * x.abs().to_f64().unwrap_or(f64::INFINITY) + 1e-60
            }
            _ => 0.0,
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
            Rounding::Relative(_) => Ok(power_of_ten(ROOT_DIGITS)),
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
struct Scaled {
    scale: BigInt,
    integers: Vec<BigInt>,
}

impl Scaled {
    fn new<'a>(values: impl Iterator<Item = &'a Rational>, scale: BigInt) -> Self {
        let integers = values.map(|x| (x * &scale).round().to_integer()).collect();
        Self { scale, integers }
    }

    /// Over the common denominator, or 10^60 where that one is too long to work with.
    fn as_given(values: &[Rational]) -> Self {
        let common = common_denominator(values.iter());
        Self::new(values.iter(), common.unwrap_or_else(|| power_of_ten(ROOT_DIGITS)))
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
    /// The same recursion over absolute values with their rounding.
    doubt: Elementary<Ball>,
}

impl Conditions {
    pub(super) fn new(a: &[Vec<Rational>], rounding: Rounding) -> Result<Self, TableauError> {
        let scale = rounding.denominator(a.iter().flatten())?;
        Ok(Self::over(a, rounding, scale))
    }

    /// The conditions for the coefficients as they are, without any allowance.
    fn as_given(a: &[Vec<Rational>]) -> Self {
        let common = common_denominator(a.iter().flatten());
        Self::over(a, Rounding::Exact, common.unwrap_or_else(|| power_of_ten(ROOT_DIGITS)))
    }

    fn over(a: &[Vec<Rational>], rounding: Rounding, scale: BigInt) -> Self {
        let Scaled { scale, integers } = Scaled::new(a.iter().flatten(), scale);
        let mut integers = integers.into_iter();
        let rows = a.iter().map(|row| integers.by_ref().take(row.len()).collect());
        let powers = std::iter::successors(Some(BigInt::from(1)), |power| Some(power * &scale));
        Self {
            rounding,
            powers: powers.take(MAX_ORDER).collect(),
            exact: Elementary::new(rows.collect()),
            doubt: Elementary::new(a.iter().map(|row| balls(row, rounding)).collect()),
        }
    }

    /// Φ(t) of a tree, as a numerator and a denominator.
    fn elementary_weight(&mut self, weights: &Scaled, tree: usize) -> (BigInt, BigInt) {
        let sum = dot(&weights.integers, self.exact.weight(tree));
        (sum, &weights.scale * &self.powers[trees()[tree].order - 1])
    }

    /// The proved order of the method with these weights, at most [`MAX_ORDER`], and the first
    /// condition of the next order that fails.
    pub(super) fn order(
        &mut self,
        weights: &[Rational],
    ) -> Result<(usize, Option<Failure>), TableauError> {
        let scale = self.rounding.denominator(weights.iter())?;
        let scaled = Scaled::new(weights.iter(), scale);
        let doubts = balls(weights, self.rounding);
        for (k, tree) in trees().iter().enumerate() {
            let (sum, denominator) = self.elementary_weight(&scaled, k);
            let residual: BigInt = &sum * tree.density - &denominator;
            let mut allowed = 0.0;
            if !residual.is_zero() {
                let share = Rational::new(residual.abs(), &denominator * tree.density);
                let off = share.to_f64().unwrap_or(f64::INFINITY);
                if self.rounding != Rounding::Exact {
                    allowed = dot(&doubts, self.doubt.weight(k)).error;
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

/// How far a method misses the condition of one rooted tree.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeResidual {
    /// The tree in bracket notation, `[τ,[τ]]`.
    pub tree: String,
    /// Φ(t) - 1/γ(t), with Φ(t) the elementary weight Σ_i b_i φ_i(t).
    pub residual: Rational,
    /// The density γ(t).
    pub gamma: u64,
    /// The symmetry σ(t), the number of automorphisms. The tree contributes
    /// (Φ(t) - 1/γ(t)) h^q F(t)/σ(t) to the local error, F(t) being its elementary differential.
    pub sigma: u64,
}

impl Tableau<Rational> {
    /// The residuals of all rooted trees with `order` vertices for the weights b.
    ///
    /// They are those of the coefficients as they are kept, so for rounded coefficients those up
    /// to the order of the method are small rather than zero. There are none for orders beyond
    /// [`MAX_ORDER`]. (Hairer, Nørsett and Wanner 1993, section II.3; the residual times
    /// γ(t)/q!, weighted by the q!/(γ(t) σ(t)) of the literature, is the residual over σ(t).)
    pub fn residuals(&self, order: usize) -> Vec<TreeResidual> {
        self.residuals_of(&self.b, order)
    }

    /// The residuals of all rooted trees with `order` vertices for other weights, b̂ for one. Of
    /// two lists of weights the shorter counts as filled by zeros.
    pub fn residuals_of(&self, weights: &[Rational], order: usize) -> Vec<TreeResidual> {
        let mut conditions = Conditions::as_given(&self.a);
        let weights = Scaled::as_given(weights);
        let of_order = trees().iter().enumerate().filter(|(_, tree)| tree.order == order);
        of_order
            .map(|(k, tree)| {
                let (sum, denominator) = conditions.elementary_weight(&weights, k);
                let due = Rational::new(BigInt::from(1), tree.density.into());
                TreeResidual {
                    tree: trees::name(k),
                    residual: Rational::new(sum, denominator) - due,
                    gamma: tree.density,
                    sigma: tree.symmetry,
                }
            })
            .collect()
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

/// What the recursion needs of its numbers.
trait Ring: Clone {
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

/// A bound on the size of a number and on its error.
#[derive(Debug, Clone, Copy)]
struct Ball {
    size: f64,
    error: f64,
}

impl Ring for Ball {
    fn zero() -> Self {
        Ball { size: 0.0, error: 0.0 }
    }

    fn one() -> Self {
        Ball { size: 1.0, error: 0.0 }
    }

    fn plus_product(self, x: &Self, y: &Self) -> Self {
        let error = x.size * y.error + x.error * y.size + x.error * y.error;
        Ball { size: self.size + x.size * y.size, error: self.error + error }
    }
}

fn balls(values: &[Rational], rounding: Rounding) -> Vec<Ball> {
    let ball = |x: &Rational| Ball {
        size: x.abs().to_f64().unwrap_or(f64::INFINITY),
        error: rounding.of(x),
    };
    values.iter().map(ball).collect()
}

fn dot<T: Ring>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::zero(), |sum, (x, y)| sum.plus_product(x, y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::{TableauFile, named, names};

    #[test]
    fn residuals_vanish_up_to_the_order_and_not_beyond() {
        for name in names() {
            let tableau = named(name).unwrap();
            let largest = |order| {
                let residuals = tableau.residuals(order).into_iter();
                residuals.map(|r| r.residual.abs().to_f64().unwrap()).fold(0.0, f64::max)
            };
            let exact = tableau.digits.is_none();
            let noise = if exact { 1e-50 } else { 1e-13 };
            assert!((1..=tableau.order).all(|order| largest(order) <= noise), "{name}");
            assert!(largest(tableau.order + 1) > 1e-8, "{name}");
        }
    }

    #[test]
    fn residuals_of_heun_are_those_of_a_hand() {
        let heun = named("heun2").unwrap();
        let ratio = |n: i64, d: i64| Rational::new(n.into(), d.into());
        let found = heun.residuals(3);
        let expected = [("[τ,τ]", ratio(1, 6), 3, 2), ("[[τ]]", ratio(-1, 6), 6, 1)];
        let expected = expected.map(|(tree, residual, gamma, sigma)| TreeResidual {
            tree: tree.to_string(),
            residual,
            gamma,
            sigma,
        });
        assert_eq!(found.len(), 2);
        assert!(expected.iter().all(|tree| found.contains(tree)), "{found:?}");
        // The embedded weights of a pair: Euler misses the tree [τ] by 1/2.
        let euler = &named("heun_euler21").unwrap().residuals_of(&[ratio(1, 1)], 2)[0];
        assert_eq!((euler.tree.as_str(), &euler.residual), ("[τ]", &ratio(-1, 2)));
        assert_eq!(heun.residuals(0), []);
        assert_eq!(heun.residuals(MAX_ORDER + 1), []);
    }

    #[test]
    fn coefficients_without_a_short_common_denominator_have_residuals_too() {
        let radical = |k: usize| format!("(sqrt({k})-1)/(1e30+{})", 2 * k + 1);
        let a: Vec<Vec<String>> =
            (0..20).map(|i| (0..i).map(|j| radical(i * i + j)).collect()).collect();
        let mut b = vec!["0".to_string(); 19];
        b.push("1".into());
        let file = TableauFile { a, b, ..r#"(a: [], b: [])"#.parse().unwrap() };
        let tableau = file.prove().unwrap();
        let residual = tableau.residuals(2)[0].residual.to_f64().unwrap();
        assert!((residual + 0.5).abs() < 1e-20, "{residual}");
    }
}
