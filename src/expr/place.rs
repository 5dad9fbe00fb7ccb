//! The order of a body's nodes, and where each stands while the body runs.

use std::collections::{HashMap, HashSet};

use super::body::Place;
use super::graph::{Binary, Graph, Node, Op};
use super::plan::Wanted;

/// The argument a of 1 - a.*a.
pub(super) fn bell_of(graph: &Graph, node: Node) -> Option<Node> {
    let Op::Binary(Binary::Sub, one, square) = graph.op(node) else { return None };
    match graph.op(square) {
        Op::Binary(Binary::Mul, a, b) if a == b && graph.as_number(one) == Some(1.0) => Some(a),
        _ => None,
    }
}

/// The order of a body's nodes, and where each stands.
pub(super) struct Work<'a> {
    graph: &'a Graph,
    /// Nodes to compute, arguments first.
    pub order: Vec<Node>,
    /// Nodes that are wanted for themselves, beside what reads them.
    targets: HashSet<Node>,
    pub phase: HashMap<Node, usize>,
    users: HashMap<Node, Vec<Node>>,
    pub places: HashMap<Node, Place>,
    /// Nodes that are part of their only user's operation.
    pub inlined: HashSet<Node>,
    /// Operands of products over samples.
    operands: HashSet<Node>,
    pub scratch: usize,
    pub held: usize,
}

impl<'a> Work<'a> {
    pub fn new(graph: &'a Graph, wanted: &Wanted) -> Work<'a> {
        let targets: Vec<Node> = wanted
            .outputs
            .iter()
            .chain(&wanted.keep)
            .map(|o| o.0)
            .chain(wanted.sums.iter().map(|s| s.0))
            .collect();
        let is_sum = |n: Node| wanted.sums.iter().any(|s| s.0 == n);
        let same_for_all = |n: Node| !graph.shape(n).samples && !is_sum(n);
        let constant = |n: Node| match graph.op(n) {
            Op::Broadcast(a) => !graph.shape(a).samples,
            _ => false,
        };
        let stop = |n: Node| wanted.given.contains_key(&n) || same_for_all(n) || constant(n);
        let order: Vec<Node> =
            graph.needed(&targets, stop).into_iter().filter(|&n| !stop(n)).collect();

        let mut phase: HashMap<Node, usize> = HashMap::new();
        let mut users: HashMap<Node, Vec<Node>> = HashMap::new();
        for &node in &order {
            let product = matches!(graph.op(node), Op::Product { .. });
            let mut at = 0;
            for arg in graph.op(node).args() {
                users.entry(arg).or_default().push(node);
                if let Some(&p) = phase.get(&arg) {
                    let after_loop = product && !matches!(graph.op(arg), Op::Product { .. });
                    at = at.max(p + usize::from(after_loop));
                }
            }
            phase.insert(node, at);
        }
        let outers = order.iter().filter_map(|&n| match graph.op(n) {
            Op::Product { left, right, .. } if graph.shape(left).samples => Some([left, right]),
            _ => None,
        });
        let operands = outers.flatten().collect();
        let places = wanted.given.clone();
        let mut work = Work {
            graph,
            order,
            targets: targets.into_iter().collect(),
            phase,
            users,
            places,
            inlined: HashSet::new(),
            operands,
            scratch: 0,
            held: 0,
        };
        work.inline();
        work
    }

    /// Marks nodes that their only user swallows.
    fn inline(&mut self) {
        let graph = self.graph;
        let only_user = |work: &Work, n: Node, by: Node| {
            work.phase.contains_key(&n)
                && !work.targets.contains(&n)
                && work.phase.get(&n) == work.phase.get(&by)
                && work.users.get(&n).is_some_and(|u| u.iter().all(|&x| x == by))
        };
        let linear = |n: Node| match graph.op(n) {
            Op::Neg(_) | Op::Binary(Binary::Add | Binary::Sub, ..) => true,
            Op::Binary(Binary::Mul, a, _) => graph.as_number(a).is_some(),
            _ => false,
        };
        for &node in self.order.clone().iter().rev() {
            let op = graph.op(node);
            match op {
                Op::Map(_, a) => {
                    if let Op::Binary(Binary::Add, x, y) = graph.op(a)
                        && only_user(self, a, node)
                        && graph.as_number(x).is_none()
                        && graph.as_number(y).is_none()
                    {
                        self.inlined.insert(a);
                    }
                }
                // A bell that is both factors is read as a value.
                Op::Binary(Binary::Mul, a, b) if graph.as_number(a).is_none() && a != b => {
                    for bell in [b, a] {
                        if let Op::Binary(Binary::Sub, _, square) = graph.op(bell)
                            && bell_of(graph, bell).is_some()
                            && only_user(self, bell, node)
                            && only_user(self, square, bell)
                        {
                            self.inlined.insert(bell);
                            self.inlined.insert(square);
                            break;
                        }
                    }
                }
                // Inside a function's own sum (f(a + b)) the terms stay apart.
                _ if linear(node) => {
                    let swallowed_by_map = self.inlined.contains(&node)
                        && self.users[&node].iter().any(|&u| matches!(graph.op(u), Op::Map(..)));
                    if !swallowed_by_map && !self.inlined_in_bell(node) {
                        for a in op.args().filter(|&a| linear(a)).collect::<Vec<_>>() {
                            if only_user(self, a, node) {
                                self.inlined.insert(a);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn inlined_in_bell(&self, node: Node) -> bool {
        self.inlined.contains(&node) && bell_of(self.graph, node).is_some()
    }

    /// Whether an operation of this body reads the node.
    pub fn reads(&self, node: Node) -> bool {
        self.users.contains_key(&node)
    }

    /// Whether the node is an operand of a product over samples.
    pub fn is_operand(&self, node: Node) -> bool {
        self.operands.contains(&node)
    }

    /// Whether all that read the node belong to the first loop.
    pub fn only_in_first_loop(&self, node: Node) -> bool {
        let first = |user: &Node| {
            self.phase[user] == 0 && !matches!(self.graph.op(*user), Op::Product { .. })
        };
        self.users.get(&node).is_some_and(|users| users.iter().all(first))
    }

    /// Gives a place to every value that outlives its loop.
    pub fn place_all(&mut self, wanted: &Wanted) {
        let graph = self.graph;
        let rows = |n: Node| graph.shape(n).rows;
        for &(node, place) in wanted.keep.iter().chain(&wanted.outputs) {
            let computed = self.phase.contains_key(&node);
            let product = matches!(graph.op(node), Op::Product { .. });
            // Elsewhere only a product that nothing reads: blocks of one column after another interlock.
            let direct = place.contiguous(rows(node)) || product && !self.users.contains_key(&node);
            if computed && direct && !self.places.contains_key(&node) {
                self.places.insert(node, place);
            }
        }
        let mut claimed: HashSet<Place> = HashSet::new();
        // The last phase in which a value is read.
        let until = |work: &Work, n: Node| {
            let used = work.users.get(&n).into_iter().flatten().map(|u| work.phase[u]).max();
            used.unwrap_or(work.phase[&n])
        };
        let mut free: Vec<(usize, usize)> = Vec::new();
        let mut busy: Vec<(usize, usize, usize)> = Vec::new();
        let mut now = 0;
        let mut by_phase = self.order.clone();
        by_phase.sort_by_key(|n| (self.phase[n], *n));
        for node in by_phase {
            if !graph.shape(node).samples
                || self.inlined.contains(&node)
                || self.places.contains_key(&node)
            {
                continue;
            }
            let phase = self.phase[&node];
            let product = matches!(graph.op(node), Op::Product { .. });
            let users = self.users.get(&node).cloned().unwrap_or_default();
            let leaves_loop = users
                .iter()
                .any(|u| self.phase[u] != phase || matches!(graph.op(*u), Op::Product { .. }));
            if !product && !leaves_loop {
                continue;
            }
            if product && let Some(place) = self.end_of_chain(node, &claimed) {
                claimed.insert(place);
                self.places.insert(node, place);
                continue;
            }
            if self.operands.contains(&node) {
                let total = rows(node);
                self.places.insert(node, Place::Held { start: self.held, row: 0, total });
                self.held += total;
                continue;
            }
            if phase > now {
                now = phase;
                let (done, still): (Vec<_>, Vec<_>) = busy.into_iter().partition(|b| b.2 < now);
                free.extend(done.into_iter().map(|b| (b.0, b.1)));
                busy = still;
            }
            let n = rows(node);
            let at = match free.iter().position(|f| f.1 == n) {
                Some(i) => free.swap_remove(i).0,
                None => {
                    self.scratch += n;
                    self.scratch - n
                }
            };
            busy.push((at, n, until(self, node)));
            self.places.insert(node, Place::Scratch(at));
        }
    }

    /// The place of the value that replaces this product in the loop behind it: an elementwise operation
    /// that is the only reader, and whose place is known and of the same size. Not for a product that is wanted
    /// for itself: it would be gone.
    fn end_of_chain(&self, product: Node, claimed: &HashSet<Place>) -> Option<Place> {
        if self.targets.contains(&product) {
            return None;
        }
        let graph = self.graph;
        let phase = self.phase[&product];
        let mut node = product;
        loop {
            let [user] = self.users.get(&node)?.as_slice() else { return None };
            let fits = self.phase[user] == phase
                && graph.shape(*user) == graph.shape(product)
                && !matches!(
                    graph.op(*user),
                    Op::Product { .. } | Op::Broadcast(_) | Op::Reduce(_)
                );
            if !fits {
                return None;
            }
            node = *user;
            if !self.inlined.contains(&node) {
                let place = *self.places.get(&node)?;
                let free = place.contiguous(graph.shape(node).rows) && !claimed.contains(&place);
                return (free && matches!(place, Place::Out { .. } | Place::Kept(_)))
                    .then_some(place);
            }
        }
    }
}
