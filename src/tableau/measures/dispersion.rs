//! The errors of phase and amplitude on the oscillation y' = iωy.

use super::rounded::Rounded;
use crate::tableau::Rational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// The first term, coefficient · y^(order + 1), of an error in y = hω.
#[derive(Debug, Clone, PartialEq)]
pub struct LeadingTerm {
    /// The order of the error: one less than the power of y.
    pub order: usize,
    /// What the power of y is multiplied by.
    pub coefficient: Rational,
}

/// The dispersion y - arg R(iy) and the dissipation 1 - |R(iy)| in their first terms.
///
/// With R(z) e^{-z} = exp(Σ l_k z^k), the odd l_k are the error of the phase and the even ones
/// that of the amplitude (van der Houwen and Sommeijer, *Explicit Runge-Kutta (-Nyström) methods
/// with reduced phase errors*, SIAM J. Numer. Anal. 24 (1987)).
pub(super) fn leading_terms(r: &Rounded) -> (Option<LeadingTerm>, Option<LeadingTerm>) {
    let terms = 2 * r.coefficients.len() + 2;
    let mut quotient: Vec<Rational> = Vec::with_capacity(terms);
    let mut doubt: Vec<f64> = Vec::with_capacity(terms);
    let inverse: Vec<Rational> = exponential(terms);
    for k in 0..terms {
        let pairs = r.coefficients.iter().zip(inverse[..=k].iter().rev());
        quotient.push(pairs.map(|(c, e)| c * e).sum());
        let pairs = r.doubt.iter().zip(inverse[..=k].iter().rev());
        doubt.push(pairs.map(|(c, e)| 2.0 * c * e.to_f64().unwrap_or(0.0).abs()).sum());
    }
    let (mut dispersion, mut dissipation) = (None, None);
    let mut logarithm: Vec<Rational> = vec![Rational::zero()];
    for k in 1..terms {
        // k s_k = Σ_{j=1..k} j l_j s_{k-j}, with s_0 = 1.
        let earlier: Rational = (1..k)
            .filter(|j| !logarithm[*j].is_zero() && !quotient[k - j].is_zero())
            .map(|j| &logarithm[j] * &quotient[k - j] * Rational::from_integer(j.into()))
            .sum();
        let mut l = &quotient[k] - earlier / Rational::from_integer(k.into());
        if l.abs().to_f64().unwrap_or(f64::INFINITY) <= doubt[k] {
            l = Rational::zero();
        }
        // z^k = i^k y^k: for odd k the phase of R is y + Σ l_k i^(k-1) y^k, and both errors are
        // what is missing.
        let error = if k / 2 % 2 == 0 { -&l } else { l.clone() };
        let first = if k % 2 == 1 { &mut dispersion } else { &mut dissipation };
        if first.is_none() && !l.is_zero() {
            *first = Some(LeadingTerm { order: k - 1, coefficient: error });
        }
        if dispersion.is_some() && dissipation.is_some() {
            break;
        }
        logarithm.push(l);
    }
    (dispersion, dissipation)
}

/// The coefficients of e^{-z}.
fn exponential(terms: usize) -> Vec<Rational> {
    let next =
        |(k, c): &(usize, Rational)| Some((k + 1, -c / Rational::from_integer((k + 1).into())));
    std::iter::successors(Some((0, Rational::one())), next).take(terms).map(|(_, c)| c).collect()
}
