//! The size of the error of one step.

use super::rounded::size;
use crate::tableau::order::{Conditions, Scaled};
use crate::tableau::trees::{LARGEST, Tree, trees};
use crate::tableau::{Rational, Tableau};
use num_traits::ToPrimitive;

/// Norms of the coefficients τ(t) = (Φ(t) - 1/γ(t))/σ(t) that multiply h^q F(t) in the local
/// error, over the rooted trees t of q vertices (Prince and Dormand, *High order embedded
/// Runge-Kutta formulae*, J. Comput. Appl. Math. 7 (1981)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorNorms {
    /// A^(p+1), the Euclidean norm over the first order that is missed; none if its trees have
    /// more than 11 vertices.
    pub principal: Option<f64>,
    /// The largest |τ(t)| of that order.
    pub largest: Option<f64>,
    /// A^(p+2), the Euclidean norm over the order after it.
    pub next: Option<f64>,
}

impl ErrorNorms {
    /// The norms of the step with these weights, of this order. Φ(t) is taken to some 60 decimals.
    pub(super) fn of(conditions: &mut Conditions, weights: &[Rational], order: usize) -> Self {
        let weights = Scaled::to_decimals(weights);
        let mut coefficients = |q: usize| -> Option<Vec<f64>> {
            let of_order = trees().iter().enumerate().filter(|(_, tree)| tree.order == q);
            let tau = |(k, tree): (usize, &Tree)| {
                let (sum, scale) = conditions.elementary_weight(&weights, k);
                let residual = Rational::new_raw(sum * tree.density - &scale, scale);
                let parts = tree.density as f64 * tree.symmetry as f64;
                residual.to_f64().unwrap_or(f64::NAN) / parts
            };
            (q <= LARGEST).then(|| of_order.map(tau).collect())
        };
        let (principal, next) = (coefficients(order + 1), coefficients(order + 2));
        let largest = |all: &Vec<f64>| all.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        Self {
            principal: principal.as_deref().map(euclidean),
            largest: principal.as_ref().map(largest),
            next: next.as_deref().map(euclidean),
        }
    }
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
