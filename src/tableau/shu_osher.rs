//! The Shu-Osher form of a method, a step made of convex combinations of steps of Euler's method:
//!
//! ```text
//! y_1 = y,   y_i = Σ_{j<i} (α_ij y_j + h β_ij f(y_j)),   i = 2..s+1,   y⁺ = y_{s+1}
//! ```
//!
//! with Σ_j α_ij = 1 (C.-W. Shu and S. Osher, Efficient implementation of essentially
//! non-oscillatory shock-capturing schemes, J. Comput. Phys. 77 (1988) 439-471). For α, β ≥ 0 the
//! step keeps every convex bound that Euler's method keeps, up to min α_ij/β_ij times its step.

use super::order::Ring;

/// The coefficients of a Shu-Osher form, as they were given.
///
/// Row i (from 0) has i entries, as in `a`; the last row, one more than there are stages, is the
/// step. They are kept because rounding does not commute with going to `a` and `b`: the
/// coefficient of strong stability of `ssprk54` is 1.508 here and 1.5065 if found from those.
#[derive(Debug, Clone, PartialEq)]
pub struct ShuOsher<T> {
    /// The shares α_ij of earlier states.
    pub alpha: Vec<Vec<T>>,
    /// The multiples β_ij of h f(y_j).
    pub beta: Vec<Vec<T>>,
}

/// The rows of a and then b, by a_ij = β_ij + Σ_k α_ik a_kj. Every sum passes through `keep`.
pub(super) fn to_butcher<T: Ring, E>(
    form: &ShuOsher<T>,
    keep: impl Fn(T) -> Result<T, E>,
) -> Result<Vec<Vec<T>>, E> {
    let mut rows: Vec<Vec<T>> = Vec::with_capacity(form.beta.len());
    for (alpha, beta) in form.alpha.iter().zip(&form.beta) {
        let mut row = Vec::with_capacity(beta.len());
        for (j, beta) in beta.iter().enumerate() {
            let mut sum = beta.clone();
            for (share, earlier) in alpha.iter().zip(&rows).skip(j + 1) {
                sum = keep(sum.plus_product(share, &earlier[j]))?;
            }
            row.push(sum);
        }
        rows.push(row);
    }
    Ok(rows)
}
