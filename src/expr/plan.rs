//! The plan of a formula: what is executed on a block of samples.
//!
//! Parts that are the same for all samples are done once for each time ([`super::weights`]). What remains
//! is ordered into phases: products of matrices with blocks of samples, then one loop over all elementwise
//! operations between them, tile by tile, so that intermediate values never leave the first cache.
//! Products are written where the loop that follows leaves its result.

use std::collections::{HashMap, HashSet};

use super::graph::{Binary, Function, Graph, Node, Op};
use super::weights::{At, WeightProgram};

/// Elements of a tile: a few of them fit the first cache together, and the work on one pays for its dispatch.
pub(super) const TILE: usize = 512;

/// Where the rows of a block of samples stand. Offsets are rows; `total` rows make a column there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// A tile of the loop's own.
    Temp(usize),
    Scratch(usize),
    /// What the forward pass leaves for the adjoint.
    Kept(usize),
    State {
        row: usize,
        total: usize,
    },
    /// The tangent or cotangent that comes in.
    Seed {
        row: usize,
        total: usize,
    },
    /// The formula's value, given back to the adjoint.
    Value {
        row: usize,
        total: usize,
    },
    Out {
        row: usize,
        total: usize,
    },
}

impl Place {
    /// Whether `rows` rows there are one run of memory for all samples.
    pub fn contiguous(self, rows: usize) -> bool {
        match self {
            Place::Temp(_) | Place::Scratch(_) | Place::Kept(_) => true,
            Place::State { total, .. }
            | Place::Seed { total, .. }
            | Place::Value { total, .. }
            | Place::Out { total, .. } => total == rows,
        }
    }
}

/// An argument of a tile operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Arg {
    At(Place),
    /// A vector or number of the weights, repeated over a tile at this place of the prepared numbers.
    Repeated(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tile {
    /// constant + sum c_k x_k
    Sum {
        constant: f64,
        terms: Vec<(f64, Arg)>,
    },
    Map(Function, Arg),
    /// f(a + b)
    MapSum(Function, Arg, Arg),
    Power(Arg, f64),
    Binary(Binary, Arg, Arg),
    /// u (1 - a^2): back through tanh
    Bell(Arg, Arg),
    /// One row repeated over the destination's rows.
    Spread(Arg),
    /// The sum over `from` rows, in one row.
    RowSum {
        from: usize,
        of: Arg,
    },
    /// Adds to the sum over samples with this number; `fold` rows remain.
    Accumulate(usize, Arg),
    /// To and from places where rows are not one run of memory.
    Gather(Place),
    Scatter(Place, Arg),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct TileStep {
    pub to: Place,
    pub rows: usize,
    pub tile: Tile,
}

/// A sum over samples that grows during a loop, folded into the sums at its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fold {
    pub rows: usize,
    pub into: usize,
    pub into_rows: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Product {
        to: Place,
        rows: usize,
        left: usize,
        left_rows: usize,
        left_cols: usize,
        left_t: bool,
        right: Place,
        right_rows: usize,
    },
    /// sums[into] += u v', summed over samples
    Outer {
        into: usize,
        left: Place,
        rows: usize,
        right: Place,
        cols: usize,
    },
    Loop {
        tiles: Vec<TileStep>,
        folds: Vec<Fold>,
        temps: usize,
    },
}

/// What is executed on a block.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub steps: Vec<Step>,
    /// Rows of scratch memory.
    pub scratch: usize,
}

/// A weight-like value repeated over a tile.
#[derive(Clone, Debug)]
pub(super) struct Repeat {
    pub from: usize,
    pub length: usize,
    pub to: usize,
    pub tile: usize,
}

/// The numbers prepared for each time: weights, values derived from them, repeated tiles.
#[derive(Clone, Debug, Default)]
pub(super) struct Prepared {
    pub program: WeightProgram,
    pub repeats: Vec<Repeat>,
    seen: HashMap<(Node, usize), usize>,
}

impl Prepared {
    pub fn new(n_weights: usize) -> Prepared {
        Prepared { program: WeightProgram::new(n_weights), ..Prepared::default() }
    }

    /// Where a weight-like node stands among the prepared numbers.
    pub fn offset(&mut self, graph: &Graph, node: Node) -> Option<usize> {
        match self.program.want(graph, node)? {
            At::Own(at) => Some(at),
            At::Given(..) => None,
        }
    }

    fn repeated(
        &mut self,
        graph: &Graph,
        node: Node,
        rows: usize,
        columns: usize,
    ) -> Option<usize> {
        if let Some(&at) = self.seen.get(&(node, rows)) {
            return Some(at);
        }
        let from = self.offset(graph, node)?;
        let length = graph.shape(node).len();
        let tile = rows * columns;
        let to = self.program.reserve(tile);
        self.repeats.push(Repeat { from, length, to, tile });
        self.seen.insert((node, rows), to);
        Some(to)
    }
}

/// What a body is to compute.
#[derive(Default)]
pub(super) struct Wanted {
    /// Nodes and where they go; several may be the same node.
    pub outputs: Vec<(Node, Place)>,
    /// Nodes that are known, with their places.
    pub given: HashMap<Node, Place>,
    /// Nodes to leave in the kept rows.
    pub keep: Vec<(Node, Place)>,
    /// Sums over samples: the node and its place among the sums.
    pub sums: Vec<(Node, usize)>,
}

/// Makes bodies that share prepared numbers. `columns` samples make a tile.
///
/// `None`, here and below, is a value whose place or operation is not known: a fault of the planner, which is
/// told as such, for a default in its place would read other numbers.
pub(super) struct Planner<'a> {
    pub graph: &'a Graph,
    pub prepared: &'a mut Prepared,
    pub columns: usize,
}

impl Planner<'_> {
    pub fn body(&mut self, wanted: &Wanted) -> Option<Body> {
        let mut work = Work::new(self.graph, wanted);
        work.place_all(wanted);
        let last = work.phase.values().copied().max().unwrap_or(0);
        let mut steps = Vec::new();
        for phase in 0..=last {
            self.products(&work, wanted, phase, &mut steps)?;
            self.tiles(&work, wanted, phase, phase == last, &mut steps)?;
        }
        Some(Body { steps, scratch: work.scratch })
    }

    fn products(
        &mut self,
        work: &Work,
        wanted: &Wanted,
        phase: usize,
        steps: &mut Vec<Step>,
    ) -> Option<()> {
        let graph = self.graph;
        let place = |node: Node| work.places.get(&node).copied();
        for &node in work.order.iter().filter(|n| work.phase.get(n) == Some(&phase)) {
            let Op::Product { left, left_t, right, .. } = graph.op(node) else { continue };
            let right_rows = graph.shape(right).rows;
            if graph.shape(left).samples {
                for &(_, into) in wanted.sums.iter().filter(|s| s.0 == node) {
                    let (rows, cols) = (graph.shape(left).rows, right_rows);
                    let (left, right) = (place(left)?, place(right)?);
                    steps.push(Step::Outer { into, left, rows, right, cols });
                }
            } else {
                let shape = graph.shape(left);
                steps.push(Step::Product {
                    to: place(node)?,
                    rows: graph.shape(node).rows,
                    left: self.prepared.offset(graph, left)?,
                    left_rows: shape.rows,
                    left_cols: shape.cols,
                    left_t,
                    right: place(right)?,
                    right_rows,
                });
            }
        }
        Some(())
    }

    /// The loop of a phase.
    fn tiles(
        &mut self,
        work: &Work,
        wanted: &Wanted,
        phase: usize,
        last: bool,
        steps: &mut Vec<Step>,
    ) -> Option<()> {
        let mut tape = Tape::new(work);
        for &node in work.order.iter().filter(|n| work.phase.get(n) == Some(&phase)) {
            let is_product = matches!(self.graph.op(node), Op::Product { .. });
            if !is_product && !work.inlined.contains(&node) {
                self.tile(&mut tape, wanted, node)?;
            }
        }
        // Outputs that stand elsewhere are copied when they are known.
        for &(node, to) in wanted.outputs.iter().chain(&wanted.keep) {
            let known = work.phase.get(&node).map_or(last, |p| *p == phase);
            if !known || work.places.get(&node) == Some(&to) {
                continue;
            }
            let rows = self.graph.shape(node).rows;
            let arg = self.arg(&mut tape, node)?;
            let tile = if to.contiguous(rows) {
                Tile::Sum { constant: 0.0, terms: vec![(1.0, arg)] }
            } else {
                Tile::Scatter(to, arg)
            };
            tape.tiles.push(TileStep { to, rows, tile });
        }
        if !tape.tiles.is_empty() {
            steps.push(Step::Loop { tiles: tape.tiles, folds: tape.folds, temps: tape.temps });
        }
        Some(())
    }

    fn tile(&mut self, tape: &mut Tape, wanted: &Wanted, node: Node) -> Option<()> {
        let graph = self.graph;
        let rows = graph.shape(node).rows;
        if !graph.shape(node).samples {
            let Op::Reduce(a) = graph.op(node) else { return None };
            let from = graph.shape(a).rows;
            let arg = self.arg(tape, a)?;
            for &(_, into) in wanted.sums.iter().filter(|s| s.0 == node) {
                tape.tiles.push(TileStep {
                    to: Place::Temp(usize::MAX),
                    rows: from,
                    tile: Tile::Accumulate(tape.folds.len(), arg),
                });
                tape.folds.push(Fold { rows: from, into, into_rows: rows });
            }
            return Some(());
        }
        let tile = self.operation(tape, node)?;
        let to = match tape.work.places.get(&node) {
            Some(&place) => place,
            None => tape.fresh(node),
        };
        tape.tiles.push(TileStep { to, rows, tile });
        Some(())
    }

    fn operation(&mut self, tape: &mut Tape, node: Node) -> Option<Tile> {
        let graph = self.graph;
        Some(match graph.op(node) {
            Op::Map(f, a) => {
                if tape.work.inlined.contains(&a)
                    && let Op::Binary(Binary::Add, x, y) = graph.op(a)
                {
                    return Some(Tile::MapSum(f, self.arg(tape, x)?, self.arg(tape, y)?));
                }
                Tile::Map(f, self.arg(tape, a)?)
            }
            Op::Power(a, p) => Tile::Power(self.arg(tape, a)?, p.get()),
            Op::Binary(Binary::Mul, a, b) if graph.as_number(a).is_none() => {
                for (u, bell) in [(a, b), (b, a)] {
                    if tape.work.inlined.contains(&bell)
                        && let Some(inner) = bell_of(graph, bell)
                    {
                        return Some(Tile::Bell(self.arg(tape, u)?, self.arg(tape, inner)?));
                    }
                }
                Tile::Binary(Binary::Mul, self.arg(tape, a)?, self.arg(tape, b)?)
            }
            Op::Binary(op @ (Binary::Div | Binary::Pow), a, b) => match graph.as_number(b) {
                Some(c) if op == Binary::Div => {
                    Tile::Sum { constant: 0.0, terms: vec![(1.0 / c, self.arg(tape, a)?)] }
                }
                Some(c) => Tile::Power(self.arg(tape, a)?, c),
                None => Tile::Binary(op, self.arg(tape, a)?, self.arg(tape, b)?),
            },
            Op::Neg(_) | Op::Binary(..) => {
                let mut sum = (0.0, Vec::new());
                self.flatten(tape, node, 1.0, &mut sum, true)?;
                Tile::Sum { constant: sum.0, terms: sum.1 }
            }
            Op::Broadcast(a) if graph.shape(a).samples => Tile::Spread(self.arg(tape, a)?),
            Op::Reduce(a) => Tile::RowSum { from: graph.shape(a).rows, of: self.arg(tape, a)? },
            _ => return None,
        })
    }

    /// Writes a tree of sums, differences, signs and numbers as one sum.
    fn flatten(
        &mut self,
        tape: &mut Tape,
        node: Node,
        factor: f64,
        sum: &mut (f64, Vec<(f64, Arg)>),
        root: bool,
    ) -> Option<()> {
        let graph = self.graph;
        if let Some(c) = graph.as_number(node) {
            sum.0 += factor * c;
            return Some(());
        }
        if root || tape.work.inlined.contains(&node) {
            match graph.op(node) {
                Op::Neg(a) => return self.flatten(tape, a, -factor, sum, false),
                Op::Binary(Binary::Add, a, b) => {
                    self.flatten(tape, a, factor, sum, false)?;
                    return self.flatten(tape, b, factor, sum, false);
                }
                Op::Binary(Binary::Sub, a, b) => {
                    self.flatten(tape, a, factor, sum, false)?;
                    return self.flatten(tape, b, -factor, sum, false);
                }
                Op::Binary(Binary::Mul, a, b) => {
                    if let Some(c) = graph.as_number(a) {
                        return self.flatten(tape, b, c * factor, sum, false);
                    }
                }
                _ => {}
            }
        }
        sum.1.push((factor, self.arg(tape, node)?));
        Some(())
    }

    /// Where the tile of a node is read; what stands nowhere yet is computed here.
    fn arg(&mut self, tape: &mut Tape, node: Node) -> Option<Arg> {
        let graph = self.graph;
        let rows = graph.shape(node).rows;
        if let Some(&place) = tape.temp_of.get(&node) {
            return Some(Arg::At(place));
        }
        if graph.as_number(node).is_none()
            && let Op::Broadcast(a) = graph.op(node)
            && !graph.shape(a).samples
        {
            return Some(Arg::Repeated(self.prepared.repeated(graph, a, rows, self.columns)?));
        }
        let tile = match (tape.work.places.get(&node), graph.as_number(node)) {
            (Some(&place), _) if place.contiguous(rows) => return Some(Arg::At(place)),
            (Some(&place), _) => Tile::Gather(place),
            (None, Some(constant)) => Tile::Sum { constant, terms: Vec::new() },
            (None, None) => self.operation(tape, node)?,
        };
        let to = tape.fresh(node);
        tape.tiles.push(TileStep { to, rows, tile });
        Some(Arg::At(to))
    }
}

/// The argument a of 1 - a.*a.
fn bell_of(graph: &Graph, node: Node) -> Option<Node> {
    let Op::Binary(Binary::Sub, one, square) = graph.op(node) else { return None };
    match graph.op(square) {
        Op::Binary(Binary::Mul, a, b) if a == b && graph.as_number(one) == Some(1.0) => Some(a),
        _ => None,
    }
}

/// The order of a body's nodes, and where each stands.
struct Work<'a> {
    graph: &'a Graph,
    /// Nodes to compute, arguments first.
    order: Vec<Node>,
    /// Nodes that are wanted for themselves, beside what reads them.
    targets: HashSet<Node>,
    phase: HashMap<Node, usize>,
    users: HashMap<Node, Vec<Node>>,
    places: HashMap<Node, Place>,
    /// Nodes that are part of their only user's operation.
    inlined: HashSet<Node>,
    scratch: usize,
}

impl<'a> Work<'a> {
    fn new(graph: &'a Graph, wanted: &Wanted) -> Work<'a> {
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
        let places = wanted.given.clone();
        let mut work = Work {
            graph,
            order,
            targets: targets.into_iter().collect(),
            phase,
            users,
            places,
            inlined: HashSet::new(),
            scratch: 0,
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

    /// Gives a place to every value that outlives its loop.
    fn place_all(&mut self, wanted: &Wanted) {
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

/// The tile operations of one loop while it is made.
struct Tape<'a> {
    work: &'a Work<'a>,
    tiles: Vec<TileStep>,
    folds: Vec<Fold>,
    temp_of: HashMap<Node, Place>,
    temps: usize,
}

impl<'a> Tape<'a> {
    fn new(work: &'a Work<'a>) -> Tape<'a> {
        Tape { work, tiles: Vec::new(), folds: Vec::new(), temp_of: HashMap::new(), temps: 0 }
    }

    fn fresh(&mut self, node: Node) -> Place {
        let place = Place::Temp(self.temps);
        self.temps += 1;
        self.temp_of.insert(node, place);
        place
    }
}
