//! Strong stability: how large a step keeps what steps of the explicit Euler method keep.

use super::fixed::{BITS, fixed, matrices, product};
use super::polynomial::Polynomial;
use super::rounded::share_of_doubt;
use super::search::largest;
use crate::tableau::{Rational, ShuOsher, Tableau};
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

/// The radius of absolute monotonicity of R: the largest r with R^(k)(x) ≥ 0 for all k and all x
/// in [-r, 0].
///
/// It is enough to ask it of x = -r (Kraaijevanger, *Absolute monotonicity of polynomials
/// occurring in the numerical solution of initial value problems*, Numer. Math. 48 (1986)):
/// the Taylor coefficients at -r are all nonnegative, which is decided exactly.
pub(super) fn linear(r: &Polynomial) -> f64 {
    largest(|radius| {
        // Between two mirrors the shift by 1 is one by -1.
        let taylor = r.scaled(radius).mirrored().shifted_up().mirrored();
        taylor.c.iter().all(|c| !c.is_negative())
    })
}

/// The SSP coefficient. Rounded coefficients that were given in Shu-Osher form have that of the
/// form; found from a and b, it would be lost to entries that rounding has made negative.
pub(super) fn coefficient(tableau: &Tableau<Rational>) -> f64 {
    match (&tableau.shu_osher, tableau.digits) {
        (Some(form), Some(_)) => of_form(form),
        _ => nonlinear(tableau),
    }
}

/// min α_ij/β_ij over β_ij ≠ 0; zero if an entry is negative (Shu and Osher 1988).
fn of_form(form: &ShuOsher<Rational>) -> f64 {
    let entries = || form.alpha.iter().flatten().zip(form.beta.iter().flatten());
    if entries().any(|(alpha, beta)| alpha.is_negative() || beta.is_negative()) {
        return 0.0;
    }
    let ratios = entries().filter(|(_, beta)| !beta.is_zero()).map(|(alpha, beta)| alpha / beta);
    ratios.min().and_then(|least| least.to_f64()).unwrap_or(0.0)
}

/// The radius of absolute monotonicity of (a, b): the largest r with
///
/// ```text
/// K (I + r K)^-1 ≥ 0   and   r K (I + r K)^-1 1 ≤ 1,     K = (a 0; bᵀ 0),
/// ```
///
/// by entries (Kraaijevanger, *Contractivity of Runge-Kutta methods*, BIT 31 (1991)); it is the
/// SSP coefficient (Ferracina and Spijker 2004, Higueras 2004).
fn nonlinear(tableau: &Tableau<Rational>) -> f64 {
    let (a, b) = matrices(tableau);
    let k: Vec<&Vec<BigInt>> = a.iter().chain([&b]).collect();
    let doubt = Rational::from_float(64.0 * share_of_doubt(tableau)).unwrap_or_default();
    let (one, doubt) = (BigInt::from(1) << BITS, fixed(&doubt));
    largest(|radius| {
        let radius = fixed(radius);
        // M = K - r K M, row after row.
        let mut m: Vec<Vec<BigInt>> = Vec::with_capacity(k.len());
        for row in &k {
            let weights: Vec<BigInt> = row.iter().map(|x| product(x, &radius)).collect();
            let mut entries = row.to_vec();
            for (weight, earlier) in weights.iter().zip(&m).filter(|(weight, _)| !weight.is_zero())
            {
                for (entry, x) in entries.iter_mut().zip(earlier) {
                    *entry -= product(weight, x);
                }
            }
            let sum: BigInt = entries.iter().sum();
            if entries.iter().any(|x| x < &-&doubt) || product(&sum, &radius) > &one + &doubt {
                return false;
            }
            m.push(entries);
        }
        true
    })
}
