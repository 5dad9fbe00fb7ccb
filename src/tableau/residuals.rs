//! How far a method misses the conditions of an order: what error norms are made of.

use super::order::{Conditions, Scaled};
use super::trees::{self, trees};
use super::{Rational, Tableau};
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

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
    /// to the order of the method are small rather than zero. There are none for orders beyond 11. The error coefficient e(t) of Hairer, Nørsett and Wanner
    /// (1993), section II.3, is minus γ(t) times the residual.
    pub fn residuals(&self, order: usize) -> Vec<TreeResidual> {
        self.residuals_of(&self.b, order)
    }

    /// The first tree whose condition these weights of this order miss by more than the rounding of the
    /// coefficients explains; none if its order is beyond what is proved.
    pub fn first_failure(&self, weights: &[Rational], order: usize) -> Option<TreeResidual> {
        // Rounded coefficients have no more than 60 decimals, and their powers are long.
        let (mut conditions, weights) = match self.digits {
            Some(_) => (Conditions::to_decimals(&self.a), Scaled::to_decimals(weights)),
            None => (Conditions::as_given(&self.a), Scaled::as_given(weights)),
        };
        let share = self.digits.map_or(1e-50, |digits| 10f64.powi(5 - digits as i32));
        let mut of_order = places(order + 1).map(|k| residual(&mut conditions, &weights, k));
        of_order.find(|found| found.residual.abs().to_f64().is_none_or(|size| size > share))
    }

    /// The residuals of all rooted trees with `order` vertices for other weights, b̂ for one. Of
    /// two lists of weights the shorter counts as filled by zeros.
    pub fn residuals_of(&self, weights: &[Rational], order: usize) -> Vec<TreeResidual> {
        let mut conditions = Conditions::as_given(&self.a);
        let weights = Scaled::as_given(weights);
        places(order).map(|k| residual(&mut conditions, &weights, k)).collect()
    }
}

/// The places of the trees of an order.
fn places(order: usize) -> impl Iterator<Item = usize> {
    let of_order = trees().iter().enumerate().filter(move |(_, tree)| tree.order == order);
    of_order.map(|(k, _)| k)
}

fn residual(conditions: &mut Conditions, weights: &Scaled, k: usize) -> TreeResidual {
    let tree = &trees()[k];
    let (sum, denominator) = conditions.elementary_weight(weights, k);
    let due = Rational::new(BigInt::from(1), tree.density.into());
    TreeResidual {
        tree: trees::name(k),
        residual: Rational::new(sum, denominator) - due,
        gamma: tree.density,
        sigma: tree.symmetry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::trees::LARGEST;
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
        assert_eq!(heun.residuals(LARGEST + 1), []);
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
