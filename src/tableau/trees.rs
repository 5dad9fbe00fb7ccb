//! Rooted trees, which number the conditions for the order of a Runge-Kutta method.
//!
//! Butcher (1963); notation of Hairer, Nørsett and Wanner, *Solving Ordinary Differential
//! Equations I* (1993), section II.2: τ is the tree of one vertex and [t₁,…,t_m] the tree whose
//! root carries the trees t₁ … t_m.

use std::sync::OnceLock;

/// The highest order that is proved.
pub const MAX_ORDER: usize = 10;
/// The most vertices of the trees that are kept: a method of order 9 has error norms of the orders
/// 10 and 11.
pub(super) const LARGEST: usize = MAX_ORDER + 1;

/// A rooted tree, written as a smaller tree with one more branch on its root.
///
/// Every tree but τ is [t₁,…,t_m] = stem ∘ branch with stem = [t₁,…,t_{m-1}] and branch = t_m.
/// With the branches in the order of the list, the decomposition is unique, and it is all that
/// the recursions need.
#[derive(Debug)]
pub struct Tree {
    /// The stem and the branch, as places in [`trees`]; `None` for τ.
    pub parts: Option<(usize, usize)>,
    /// The number of vertices.
    pub order: usize,
    /// The density γ(t): γ(τ) = 1, γ([t₁,…,t_m]) = order(t) γ(t₁) ⋯ γ(t_m).
    pub density: u64,
    /// The symmetry σ(t), the number of automorphisms: σ(τ) = 1, and σ([t₁,…,t_m]) is the product
    /// of the σ(t_i) and of the factorials of how often equal branches stand in it.
    pub symmetry: u64,
}

/// All rooted trees of up to [`LARGEST`] vertices, those of lower order first.
pub fn trees() -> &'static [Tree] {
    static TREES: OnceLock<Vec<Tree>> = OnceLock::new();
    TREES.get_or_init(|| {
        let mut trees = vec![Tree { parts: None, order: 1, density: 1, symmetry: 1 }];
        for order in 2..=LARGEST {
            let smaller = trees.len();
            for branch in 0..smaller {
                for stem in 0..smaller {
                    // The branch grafted last is the last in the list, which makes the tree canonical.
                    let canonical = trees[stem].parts.is_none_or(|(_, last)| last <= branch);
                    if canonical && trees[stem].order + trees[branch].order == order {
                        let of_branches = trees[stem].density / trees[stem].order as u64;
                        let density = order as u64 * of_branches * trees[branch].density;
                        let symmetry = trees[stem].symmetry
                            * trees[branch].symmetry
                            * (1 + last_branches(&trees, stem, branch));
                        trees.push(Tree { parts: Some((stem, branch)), order, density, symmetry });
                    }
                }
            }
        }
        trees
    })
}

/// How often a branch, which is none before the last of a tree, stands on its root.
fn last_branches(trees: &[Tree], mut tree: usize, branch: usize) -> u64 {
    let mut count = 0;
    while let Some((stem, last)) = trees[tree].parts
        && last == branch
    {
        (tree, count) = (stem, count + 1);
    }
    count
}

/// The name of a tree in bracket notation, `[τ,[τ]]`.
pub fn name(tree: usize) -> String {
    let mut branches = Vec::new();
    let mut rest = tree;
    while let Some((stem, branch)) = trees()[rest].parts {
        branches.push(name(branch));
        rest = stem;
    }
    branches.reverse();
    if branches.is_empty() { "τ".to_string() } else { format!("[{}]", branches.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn there_are_as_many_trees_as_cayley_counted() {
        let count = |order| trees().iter().filter(|tree| tree.order == order).count();
        let counts: Vec<usize> = (1..=LARGEST).map(count).collect();
        assert_eq!(counts, [1, 1, 2, 4, 9, 20, 48, 115, 286, 719, 1842]);
    }

    #[test]
    fn no_tree_stands_twice() {
        let names: HashSet<String> = (0..trees().len()).map(name).collect();
        assert_eq!(names.len(), trees().len());
        for (k, tree) in trees().iter().enumerate() {
            let vertices = name(k).matches(['τ', '[']).count();
            assert_eq!(vertices, tree.order, "{}", name(k));
        }
    }

    #[test]
    fn names_and_densities_up_to_order_four() {
        // Hairer, Nørsett and Wanner (1993), table II.2.1.
        let listed: HashSet<(String, u64)> = trees()
            .iter()
            .enumerate()
            .filter(|(_, tree)| tree.order <= 4)
            .map(|(k, tree)| (name(k), tree.density))
            .collect();
        let expected = [
            ("τ", 1),
            ("[τ]", 2),
            ("[τ,τ]", 3),
            ("[[τ]]", 6),
            ("[τ,τ,τ]", 4),
            ("[τ,[τ]]", 8),
            ("[[τ,τ]]", 12),
            ("[[[τ]]]", 24),
        ];
        assert_eq!(listed, expected.map(|(name, density)| (name.to_string(), density)).into());
    }

    #[test]
    fn the_labellings_of_the_trees_of_an_order_are_a_factorial() {
        // Σ q!/(γ σ) = (q-1)!, the number of monotonic labellings (Butcher 2016, theorem 302C).
        for order in 1..=LARGEST {
            let all: u64 = (1..=order as u64).product();
            let of_order = trees().iter().filter(|tree| tree.order == order);
            let labellings: u64 = of_order.map(|tree| all / (tree.density * tree.symmetry)).sum();
            assert_eq!(labellings, all / order as u64, "{order}");
        }
    }

    #[test]
    fn the_tallest_tree_has_the_density_of_a_factorial() {
        let densest = trees().iter().map(|tree| tree.density).max();
        assert_eq!(densest, Some((1..=LARGEST as u64).product()));
    }
}
