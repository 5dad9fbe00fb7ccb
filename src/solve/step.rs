//! The coefficients of one Runge-Kutta step and of its adjoint: the only place that reads a_ij and b_i.
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

use crate::tableau::Tableau;

/// The factors of k_1, k_2, .. in Y_i - y over h, or in y_1 - y over h if i is the number of stages (i from 0):
/// i numbers.
pub fn row(tableau: &Tableau<f64>, i: usize) -> &[f64] {
    tableau.a.get(i).unwrap_or(&tableau.b)
}

/// The factors in kbar_i over h: that of lambda_1, and those of the zbar_j with j > i, each with its j.
pub fn column(tableau: &Tableau<f64>, i: usize) -> (f64, impl Iterator<Item = (usize, f64)> + '_) {
    let later = i + 1..tableau.b.len();
    (tableau.b[i], later.map(move |j| (j, tableau.a[j][i])))
}
