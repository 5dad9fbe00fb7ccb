//! What an adjoint needs of others: sums over samples behind the gradients of the weights, and values of the forward
//! pass.

use std::collections::{HashMap, HashSet};

use super::body::Place;
use super::graph::{Function, Graph, Node, Op};

/// The sums over samples behind some weight-like nodes. Sums that are only added share one place.
#[derive(Default)]
pub(super) struct Sums {
    /// Nodes whose value is in the sums.
    pub places: Vec<(Node, usize)>,
    /// Nodes that add to a place.
    pub contributions: Vec<(Node, usize)>,
    pub length: usize,
}

impl Sums {
    pub fn collect(&mut self, graph: &Graph, targets: &[Node]) {
        let crosses =
            |n: Node| !graph.shape(n).samples && graph.op(n).args().any(|a| graph.shape(a).samples);
        let needed = graph.needed(targets, crosses);
        let mut uses: HashMap<Node, usize> = HashMap::new();
        for &node in needed.iter().filter(|&&n| !crosses(n)) {
            graph.op(node).args().for_each(|a| *uses.entry(a).or_default() += 1);
        }
        targets.iter().for_each(|&t| *uses.entry(t).or_default() += 1);
        // Gradients that are sums themselves come first, in the order of the weights; then, from the last to
        // the first, so that an addition of sums comes before its terms, what other gradients are made of.
        let mut place_of: HashMap<Node, usize> = HashMap::new();
        for &node in targets.iter().chain(needed.iter().rev()) {
            if self.places.iter().any(|p| p.0 == node) {
                continue;
            }
            let mut terms = vec![node];
            let mut leaves = Vec::new();
            while let Some(term) = terms.pop() {
                let once = term == node || uses.get(&term) == Some(&1);
                match graph.op(term) {
                    _ if crosses(term) && once && !place_of.contains_key(&term) => {
                        leaves.push(term)
                    }
                    Op::Binary(super::graph::Binary::Add, a, b) if once && a != b => {
                        terms.extend([a, b]);
                    }
                    _ => {
                        leaves.clear();
                        break;
                    }
                }
            }
            if leaves.is_empty() {
                continue;
            }
            let at = self.length;
            self.length += graph.shape(node).len();
            self.places.push((node, at));
            for leaf in leaves {
                place_of.insert(leaf, at);
                self.contributions.push((leaf, at));
            }
        }
    }
}

/// What of the forward pass the adjoint can have.
pub(super) struct Known<'a> {
    pub graph: &'a Graph,
    pub forward: Vec<Node>,
}

impl Known<'_> {
    /// Walks from the adjoint's targets to values of the forward pass: the formula's own value is given
    /// back, products and functions are kept, cheap operations are done again.
    pub fn split(
        &self,
        targets: &[Node],
        values: &[(Node, Place)],
        given: &HashMap<Node, Place>,
    ) -> (Vec<(Node, Place)>, Vec<Node>) {
        let graph = self.graph;
        let forward: HashSet<Node> = self.forward.iter().copied().collect();
        let (mut used, mut keep) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        let mut open = targets.to_vec();
        while let Some(node) = open.pop() {
            if !seen.insert(node) || given.contains_key(&node) {
                continue;
            }
            if forward.contains(&node) && graph.shape(node).samples {
                let whole =
                    values.iter().find(|v| v.0 == node && v.1.contiguous(graph.shape(node).rows));
                if let Some(&value) = whole {
                    used.push(value);
                    continue;
                }
                let costly = match graph.op(node) {
                    Op::Map(f, _) => f != Function::Step,
                    Op::Product { .. } | Op::Power(..) => true,
                    _ => false,
                };
                if costly {
                    keep.push(node);
                    continue;
                }
            }
            open.extend(graph.op(node).args());
        }
        keep.sort();
        (used, keep)
    }
}
