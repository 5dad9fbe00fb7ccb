//! The size of the error of one step.

use super::rounded::size;
use crate::tableau::{MAX_ORDER, Rational, Tableau, TreeResidual};
use num_traits::ToPrimitive;

/// Norms of the coefficients τ(t) = (Φ(t) - 1/γ(t))/σ(t) that multiply h^q F(t) in the local
/// error, over the rooted trees t of q vertices (Prince and Dormand, *High order embedded
/// Runge-Kutta formulae*, J. Comput. Appl. Math. 7 (1981)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorNorms {
    /// A^(p+1), the Euclidean norm over the first order that is missed; none if its trees are
    /// beyond [`MAX_ORDER`].
    pub principal: Option<f64>,
    /// The largest |τ(t)| of that order.
    pub largest: Option<f64>,
    /// A^(p+2), the Euclidean norm over the order after it.
    pub next: Option<f64>,
}

impl ErrorNorms {
    /// The norms of the step with the weights b of a tableau.
    pub(super) fn of(tableau: &Tableau<Rational>) -> Self {
        let principal = coefficients(tableau, tableau.order + 1);
        let next = coefficients(tableau, tableau.order + 2);
        let largest = |all: &Vec<f64>| all.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        Self {
            principal: principal.as_ref().map(|all| euclidean(all)),
            largest: principal.as_ref().map(largest),
            next: next.as_ref().map(|all| euclidean(all)),
        }
    }
}

fn coefficients(tableau: &Tableau<Rational>, order: usize) -> Option<Vec<f64>> {
    let tau = |tree: TreeResidual| tree.residual.to_f64().unwrap_or(f64::NAN) / tree.sigma as f64;
    (order <= MAX_ORDER).then(|| tableau.residuals(order).into_iter().map(tau).collect())
}

fn euclidean(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// D, the largest coefficient of a, b, b̂ and c in size (Prince and Dormand 1981).
pub(super) fn coefficient_bound(tableau: &Tableau<Rational>) -> f64 {
    let b_hat = tableau.embedded.iter().flat_map(|pair| &pair.b_hat);
    let a = tableau.a.iter().flatten();
    a.chain(&tableau.b).chain(&tableau.c).chain(b_hat).map(size).fold(0.0, f64::max)
}
