//! The radius of circle contractivity.

use super::fixed::{BITS, fixed, matrices, product};
use super::search::largest;
use crate::tableau::{Rational, Tableau};
use num_bigint::BigInt;
use num_traits::Signed;

/// The largest r such that, with B = diag(b) > 0 and M = B a + aᵀ B - b bᵀ,
///
/// ```text
/// M + (1/r) B ≥ 0
/// ```
///
/// as a matrix; zero if a weight is not positive (Dahlquist and Jeltsch, *Generalized disks of
/// contractivity for explicit and implicit Runge-Kutta methods*, 1979). Two solutions do not part
/// over a step h if |f(u) - f(v)|² ≤ -(2 r/h) ⟨u - v, f(u) - f(v)⟩.
///
/// Whether r M + B is positive definite is read from the pivots of its Cholesky factorization.
pub(super) fn radius(tableau: &Tableau<Rational>) -> f64 {
    let (a, b) = matrices(tableau);
    if b.iter().any(|b| !b.is_positive()) {
        return 0.0;
    }
    let s = b.len();
    let entry = |i: usize, j: usize| {
        product(&b[i], &a[i][j]) + product(&b[j], &a[j][i]) - product(&b[i], &b[j])
    };
    let m: Vec<Vec<BigInt>> = (0..s).map(|i| (0..=i).map(|j| entry(i, j)).collect()).collect();
    largest(|radius| {
        let radius = fixed(radius);
        let mut rows: Vec<Vec<BigInt>> =
            m.iter().map(|row| row.iter().map(|x| product(x, &radius)).collect()).collect();
        for (i, b) in b.iter().enumerate() {
            rows[i][i] += b;
        }
        for k in 0..s {
            if !rows[k][k].is_positive() {
                return false;
            }
            let column: Vec<BigInt> = (k + 1..s).map(|i| rows[i][k].clone()).collect();
            for (i, x) in column.iter().enumerate() {
                let factor = (x << BITS) / &rows[k][k];
                for (j, y) in column[..=i].iter().enumerate() {
                    rows[k + 1 + i][k + 1 + j] -= product(&factor, y);
                }
            }
        }
        true
    })
}
