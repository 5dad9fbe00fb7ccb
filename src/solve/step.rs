//! One Runge-Kutta step, forward, tangent and adjoint: the only place that reads a_ij and b_i.
//!
//! ```text
//! Y_i = y + h sum_{j<i} a_ij k_j,   k_i = f(t + c_i h, Y_i),   y_1 = y + h sum_i b_i k_i
//! ```
//!
//! The tangent of a step is the same step applied to tangents. The adjoint reverses the stages themselves:
//!
//! ```text
//! kbar_i = h b_i lambda_1 + h sum_{j>i} a_ji zbar_j,   zbar_i = (df/dy)' kbar_i,   lambda = lambda_1 + sum_i zbar_i
//! ```
//!
//! so that it never divides by b_i (Hager, Numer. Math. 87, 2000, section 2, writes it with that division).

use crate::expr::vector::combine;
use crate::tableau::Tableau;

/// Y_i, or its tangent, from y and the k_j with j < i.
pub fn stage<'a>(
    tableau: &Tableau<f64>,
    i: usize,
    h: f64,
    y: &'a [f64],
    k: impl Fn(usize) -> &'a [f64],
    out: &mut [f64],
) {
    let row = tableau.a[i].iter().enumerate().filter(|(_, a)| **a != 0.0);
    combine(out, 0.0, std::iter::once((1.0, y)).chain(row.map(|(j, a)| (h * a, k(j)))));
}

/// y_1, or its tangent.
pub fn advance<'a>(
    tableau: &Tableau<f64>,
    h: f64,
    y: &'a [f64],
    k: impl Fn(usize) -> &'a [f64],
    out: &mut [f64],
) {
    let weights = tableau.b.iter().enumerate().filter(|(_, b)| **b != 0.0);
    combine(out, 0.0, std::iter::once((1.0, y)).chain(weights.map(|(j, b)| (h * b, k(j)))));
}

/// kbar_i from lambda_1 and the zbar_j with j > i. `false`, with nothing written, where it is zero.
pub fn stage_cotangent<'a>(
    tableau: &Tableau<f64>,
    i: usize,
    h: f64,
    lambda: &'a [f64],
    zbar: impl Fn(usize) -> &'a [f64],
    out: &mut [f64],
) -> bool {
    let b = tableau.b[i];
    let later = (i + 1..tableau.b.len()).filter(|&j| tableau.a[j][i] != 0.0);
    let mut terms = std::iter::once((h * b, lambda))
        .filter(|_| b != 0.0)
        .chain(later.map(|j| (h * tableau.a[j][i], zbar(j))))
        .peekable();
    if terms.peek().is_none() {
        return false;
    }
    combine(out, 0.0, terms);
    true
}

/// lambda from lambda_1 (in place) and the zbar_i.
pub fn retreat<'a>(lambda: &mut [f64], zbar: impl Iterator<Item = &'a [f64]>) {
    combine(lambda, 1.0, zbar.map(|z| (1.0, z)));
}
