//! The plan of a formula: what is executed on a block of samples.
//!
//! Parts that are the same for all samples are done once for each time ([`super::weights`]). What remains
//! is ordered into phases: products of matrices with blocks of samples, then one loop over all elementwise
//! operations between them, tile by tile, so that intermediate values never leave the first cache.
//! Products are written where the loop that follows leaves its result.

use std::collections::HashMap;

use super::body::{Arg, Body, Fold, Outer, Place, Seeding, Step, Tile, TileStep, fused};
use super::graph::{Binary, Graph, Input, Node, Op};
use super::place::{Work, bell_of};
use super::weights::{At, WeightProgram};

/// Elements of a tile: a few of them fit the first cache together, and the work on one pays for its dispatch.
pub(super) const TILE: usize = 512;

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
    /// The blocks of the cotangent, which may come in as a combination: node, first row, rows of all.
    pub cotangent: Vec<(Node, usize, usize)>,
    /// The value, if it is one block: a combination may go on from it.
    pub then: Option<Node>,
    /// Rows that are kept of the forward pass.
    pub kept: usize,
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
    pub fn body(&mut self, mut wanted: Wanted) -> Option<Body> {
        let seeding = self.seeding(&mut wanted);
        let mut work = Work::new(self.graph, &wanted);
        if seeding == Seeding::Held {
            work.held = wanted.cotangent.first().map_or(0, |seed| seed.2);
        }
        work.place_all(&wanted);
        let last = work.phase.values().copied().max().unwrap_or(0);
        let mut body = Body { seeding, then: wanted.then.is_some(), ..Body::default() };
        for phase in 0..=last {
            self.products(&work, &wanted, phase, &mut body)?;
            self.tiles(&work, &wanted, phase, phase == last, &mut body.steps)?;
        }
        (body.scratch, body.held) = (work.scratch, work.held);
        body.mark_first_writers();
        Some(body)
    }

    /// Where the cotangent stands, which is added to what is given.
    fn seeding(&self, wanted: &mut Wanted) -> Seeding {
        let seeds = wanted.cotangent.clone();
        let blocks = seeds.iter().map(|&(n, row, total)| (n, Place::Seed { row, total }));
        wanted.given.extend(blocks);
        let work = Work::new(self.graph, wanted);
        let read = seeds.iter().filter(|seed| work.reads(seed.0));
        if read.clone().any(|seed| work.is_operand(seed.0)) {
            let held = |&(n, row, total)| (n, Place::Held { start: 0, row, total });
            wanted.given.extend(seeds.iter().map(held));
            return Seeding::Held;
        }
        if let [(seed, ..)] = seeds.as_slice()
            && read.clone().all(|seed| work.only_in_first_loop(seed.0))
        {
            wanted.given.remove(seed);
            return Seeding::Tile;
        }
        Seeding::Block
    }

    fn products(
        &mut self,
        work: &Work,
        wanted: &Wanted,
        phase: usize,
        body: &mut Body,
    ) -> Option<()> {
        let graph = self.graph;
        let place = |node: Node| work.places.get(&node).copied();
        // Places where the evaluations of a series stand side by side.
        let side_by_side = |place: Place, rows: usize| match place {
            Place::State { .. } | Place::Value { .. } | Place::Held { .. } => true,
            Place::Kept(_) => rows == wanted.kept,
            _ => false,
        };
        for &node in work.order.iter().filter(|n| work.phase.get(n) == Some(&phase)) {
            let Op::Product { left, left_t, right, .. } = graph.op(node) else { continue };
            let right_rows = graph.shape(right).rows;
            if graph.shape(left).samples {
                for &(_, into) in wanted.sums.iter().filter(|s| s.0 == node) {
                    let (rows, cols) = (graph.shape(left).rows, right_rows);
                    let (left, right) = (place(left)?, place(right)?);
                    let outer = Outer { into, left, rows, right, cols, opens: false };
                    if side_by_side(left, rows) && side_by_side(right, cols) {
                        body.outers.push(outer);
                    } else {
                        body.steps.push(Step::Outer(outer));
                    }
                }
            } else {
                let shape = graph.shape(left);
                body.steps.push(Step::Product {
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
        if let Some(value) = wanted.then.filter(|_| last) {
            let (rows, arg) = (self.graph.shape(value).rows, self.arg(&mut tape, value)?);
            tape.tiles.push(TileStep { to: Place::Next, rows, tile: Tile::Then(arg) });
        }
        if !tape.tiles.is_empty() {
            let tiles = fused(tape.tiles);
            steps.push(Step::Loop { tiles, folds: tape.folds, temps: tape.temps });
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
                tape.folds.push(Fold { rows: from, into, into_rows: rows, opens: false });
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
            Op::Input(Input::Cotangent(_)) => Tile::Cotangent,
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
