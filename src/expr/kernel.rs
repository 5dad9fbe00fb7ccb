//! A formula made ready: value, derivatives, and the plans that compute them.

use std::collections::HashMap;

use super::blocks::Memory;
use super::body::{Body, Place, Seeding};
use super::derive::{cotangents, tangents};
use super::exec::{self, Cut, Workspace};
use super::graph::{Function, Graph, Input, Node, Op, Shape};
use super::lower::lower;
use super::plan::{Planner, Prepared, TILE, Wanted};
use super::reverse::{Known, Sums};
use super::weights::{At, WeightProgram};
use super::work::{self, Call, Work};
use super::{Block, ExprError, Formula, Weight};
use crate::buffer::LINE;

/// A compiled formula f(t, y; w) with its derivatives.
///
/// States are blocks of samples, a sample a column: `rows * batch` numbers. Weights stand one after the
/// other in the order of their declaration, matrices column by column. [`Kernel::prepare`] is called once
/// for a time; the other methods then share what it left.
#[derive(Clone, Debug)]
pub struct Kernel {
    formula: Formula,
    pub(super) graph: Graph,
    /// Nodes of the derivatives, for those who read them.
    pub(super) derived: Derived,
    in_rows: usize,
    out_rows: usize,
    prepared: Prepared,
    cut: Cut,
    forward: Body,
    tangent: Body,
    adjoint: Body,
    n_kept: usize,
    n_sums: usize,
    gather: WeightProgram,
    /// For each weight: where it begins, its length, where its gradient is.
    gradients: Vec<(usize, usize, At)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Derived {
    /// f, by output block.
    pub value: Vec<Node>,
    /// df along directions of the state, by output block.
    pub tangent: Vec<Option<Node>>,
    /// By state block.
    pub state: Vec<Option<Node>>,
    /// By weight.
    pub weights: Vec<Option<Node>>,
}

impl Kernel {
    /// Compiles a formula. Without `state_cotangent` the adjoint gives gradients of the weights alone.
    ///
    /// # Errors
    /// `(output block, error)`: in which right-hand side something is wrong, and what.
    pub fn new(formula: Formula, state_cotangent: bool) -> Result<Kernel, (usize, ExprError)> {
        Kernel::abreast(formula, state_cotangent, 1)
    }

    /// The same for blocks with `lanes` samples side by side ([`super::abreast`]): 1, or [`super::abreast::LANES`].
    ///
    /// # Errors
    /// Those of [`Kernel::new`].
    pub fn abreast(
        formula: Formula,
        state_cotangent: bool,
        lanes: usize,
    ) -> Result<Kernel, (usize, ExprError)> {
        let mut graph = Graph::default();
        let value = values(&mut graph, &formula)?;
        Kernel::compile(formula, graph, value, state_cotangent, lanes)
    }

    /// The kernel of the tangent: what it computes of states (y, dy) and weights (w, dw) is (f, df/dy dy + df/dw dw),
    /// value above derivative. Without `of_state` the states have no tangent and
    /// stand once, and the adjoint gives gradients of the weights alone. The adjoint, with the
    /// cotangents (p, q), has the second derivatives: by y it is (df/dy)' p and the derivative of (df/dy)' q along
    /// (dy, dw) (Griewank and Walther, Evaluating Derivatives, 2008, section 5.2).
    ///
    /// # Errors
    /// As [`Kernel::new`], though what was compiled once is not known to fail here.
    pub fn doubled(&self, of_state: bool) -> Result<Kernel, (usize, ExprError)> {
        let Formula { declared, outputs } = &self.formula;
        let mut graph = Graph::default();
        let mut value = values(&mut graph, &self.formula)?;
        let mut along = HashMap::new();
        let (blocks, weights) = (declared.state.len(), declared.weights.len());
        for (i, block) in declared.state.iter().enumerate().filter(|_| of_state) {
            let shape = Shape::state(block.rows);
            let state = graph.input(Input::State(i), shape);
            along.insert(state, graph.input(Input::State(blocks + i), shape));
        }
        for (i, weight) in declared.weights.iter().enumerate() {
            let shape = Shape::weight(weight.rows, weight.cols);
            let node = graph.input(Input::Weight(i), shape);
            along.insert(node, graph.input(Input::Weight(weights + i), shape));
        }
        let tangent = tangents(&mut graph, &value, &along);
        for (node, (block, _)) in tangent.into_iter().zip(outputs) {
            value.push(node.unwrap_or_else(|| graph.filled(0.0, Shape::state(block.rows))));
        }
        let mut formula = self.formula.clone();
        let named = |name: &str| format!("d{name}");
        if of_state {
            let tangents = declared.state.iter();
            let tangents = tangents.map(|b| Block { name: named(&b.name), rows: b.rows });
            formula.declared.state.extend(tangents);
        }
        let tangents = declared.weights.iter();
        let tangents = tangents.map(|w| Weight { name: named(&w.name), ..w.clone() });
        formula.declared.weights.extend(tangents);
        let tangents = outputs.iter();
        let tangents =
            tangents.map(|(b, text)| (Block { name: named(&b.name), rows: b.rows }, text.clone()));
        formula.outputs.extend(tangents);
        Kernel::compile(formula, graph, value, of_state, self.cut.lanes)
    }

    /// Derives and plans a formula whose values are nodes of the graph.
    fn compile(
        formula: Formula,
        mut graph: Graph,
        value: Vec<Node>,
        state_cotangent: bool,
        lanes: usize,
    ) -> Result<Kernel, (usize, ExprError)> {
        let declared = &formula.declared;
        let state_rows: Vec<usize> = declared.state.iter().map(|b| b.rows).collect();
        let out_blocks: Vec<usize> = formula.outputs.iter().map(|o| o.0.rows).collect();
        let (in_rows, out_rows) = (state_rows.iter().sum(), out_blocks.iter().sum());

        let inputs = |graph: &mut Graph, make: fn(usize) -> Input| -> Vec<Node> {
            let blocks = state_rows.iter().enumerate();
            blocks.map(|(i, &n)| graph.input(make(i), Shape::state(n))).collect()
        };
        let states = inputs(&mut graph, Input::State);
        let directions = inputs(&mut graph, Input::StateTangent);
        let weights: Vec<Node> = declared
            .weights
            .iter()
            .enumerate()
            .map(|(i, w)| graph.input(Input::Weight(i), Shape::weight(w.rows, w.cols)))
            .collect();
        let seeds: Vec<Node> = out_blocks
            .iter()
            .enumerate()
            .map(|(i, &n)| graph.input(Input::Cotangent(i), Shape::state(n)))
            .collect();

        let along: HashMap<Node, Node> =
            states.iter().copied().zip(directions.iter().copied()).collect();
        let tangent = tangents(&mut graph, &value, &along);
        let pairs: Vec<(Node, Node)> = value.iter().copied().zip(seeds.iter().copied()).collect();
        let wanted: Vec<Node> = states.iter().chain(&weights).copied().collect();
        let mut bars = cotangents(&mut graph, &pairs, &wanted);
        let weight_bars = bars.split_off(states.len());
        let derived = Derived { value, tangent, state: bars, weights: weight_bars };

        // Prepared numbers: the weights first.
        let mut prepared = Prepared::new(declared.n_weights());
        let mut at = 0;
        for (node, weight) in weights.iter().zip(&declared.weights) {
            prepared.program.place(*node, At::Own(at));
            at += weight.len();
        }
        let most_rows = graph
            .needed(&all_nodes(&derived), |_| false)
            .into_iter()
            .map(|n| graph.shape(n))
            .filter(|s| s.samples)
            .map(|s| s.rows)
            .chain(state_rows.iter().chain(&out_blocks).copied())
            .max()
            .unwrap_or(1);
        let columns = (TILE / (most_rows * lanes)).max(1) * lanes;

        let places = |nodes: &[Node], rows: &[usize], make: fn(usize, usize) -> Place| {
            let total: usize = rows.iter().sum();
            let mut row = 0;
            let mut places = Vec::new();
            for (&node, &n) in nodes.iter().zip(rows) {
                places.push((node, make(row, total)));
                row += n;
            }
            places
        };
        let out = |row, total| Place::Out { row, total };
        let state_places = places(&states, &state_rows, |row, total| Place::State { row, total });
        let value_places =
            places(&derived.value, &out_blocks, |row, total| Place::Value { row, total });

        // Sums over samples that the gradients of the weights need.
        let mut sums = Sums::default();
        let weight_nodes: Vec<Node> = derived.weights.iter().flatten().copied().collect();
        sums.collect(&graph, &weight_nodes);

        // What the adjoint reads of the forward pass.
        let zero = |graph: &mut Graph, rows: usize| graph.filled(0.0, Shape::state(rows));
        let mut adjoint_outputs = Vec::new();
        if state_cotangent {
            let nodes: Vec<Node> = derived
                .state
                .iter()
                .zip(&state_rows)
                .map(|(bar, &rows)| bar.unwrap_or_else(|| zero(&mut graph, rows)))
                .collect();
            adjoint_outputs = places(&nodes, &state_rows, out);
        }
        let tangent_nodes: Vec<Node> = derived
            .tangent
            .iter()
            .zip(&out_blocks)
            .map(|(node, &rows)| node.unwrap_or_else(|| zero(&mut graph, rows)))
            .collect();

        let mut given: HashMap<Node, Place> = state_places.iter().copied().collect();
        let cotangent: Vec<(Node, usize, usize)> = {
            let total: usize = out_blocks.iter().sum();
            let rows = out_blocks.iter().scan(0, |row, n| Some(std::mem::replace(row, *row + n)));
            seeds.iter().zip(rows).map(|(&seed, row)| (seed, row, total)).collect()
        };
        let targets: Vec<Node> = adjoint_outputs
            .iter()
            .map(|o| o.0)
            .chain(sums.contributions.iter().map(|s| s.0))
            .collect();
        let known = Known { graph: &graph, forward: graph.needed(&derived.value, |_| false) };
        let (values, keep) = known.split(&targets, &value_places, &given);
        let mut n_kept = 0;
        let mut kept = Vec::new();
        for node in keep {
            kept.push((node, Place::Kept(n_kept)));
            n_kept += graph.shape(node).rows;
        }
        given.extend(values);
        given.extend(kept.iter().copied());

        // No formula is known to come to this.
        let unplanned = || {
            let text = formula.outputs.first().map_or("", |o| o.1.as_str());
            let message = "this formula cannot be planned; please report it".to_owned();
            (0, ExprError::new(text, 0..text.len(), message))
        };
        let mut planner = Planner { graph: &graph, prepared: &mut prepared, columns, lanes };
        let state_given: HashMap<Node, Place> = state_places.iter().copied().collect();
        let then = match derived.value.as_slice() {
            &[value] => Some(value),
            _ => None,
        };
        let forward = Wanted {
            outputs: places(&derived.value, &out_blocks, out),
            given: state_given.clone(),
            keep: kept,
            then,
            ..Wanted::default()
        };
        let forward = planner.body(forward).ok_or_else(unplanned)?;
        let mut tangent_given = state_given;
        tangent_given
            .extend(places(&directions, &state_rows, |row, total| Place::Seed { row, total }));
        let tangent = Wanted {
            outputs: places(&tangent_nodes, &out_blocks, out),
            given: tangent_given,
            ..Wanted::default()
        };
        let tangent = planner.body(tangent).ok_or_else(unplanned)?;
        let adjoint = Wanted {
            outputs: adjoint_outputs,
            given,
            sums: sums.contributions.clone(),
            cotangent,
            kept: n_kept,
            ..Wanted::default()
        };
        let adjoint = planner.body(adjoint).ok_or_else(unplanned)?;

        // From sums to gradients, on prepared numbers (given 0) and sums (given 1).
        let mut gather = WeightProgram::new(0);
        for &(node, at) in &sums.places {
            gather.place(node, At::Given(1, at));
        }
        let needed = graph.needed(&weight_nodes, |n| gather.find(n).is_some());
        for node in needed.into_iter().filter(|&n| gather_reads(&graph, n)) {
            if gather.find(node).is_none() {
                let at = prepared.offset(&graph, node).ok_or_else(unplanned)?;
                gather.place(node, At::Given(0, at));
            }
        }
        let mut gradients = Vec::new();
        let mut at = 0;
        for (bar, weight) in derived.weights.iter().zip(&declared.weights) {
            if let Some(bar) = *bar {
                let place = gather.want(&graph, bar).ok_or_else(unplanned)?;
                gradients.push((at, weight.len(), place));
            }
            at += weight.len();
        }
        let tile = (columns * most_rows).next_multiple_of(LINE);
        let n_sums = sums.length;
        Ok(Kernel {
            formula,
            graph,
            derived,
            in_rows,
            out_rows,
            prepared,
            cut: Cut { columns, tile, lanes },
            forward,
            tangent,
            adjoint,
            n_kept,
            n_sums,
            gather,
            gradients,
        })
    }

    pub fn formula(&self) -> &Formula {
        &self.formula
    }

    /// Samples side by side in the blocks of a call, which hold a multiple of so many samples; 1 is by columns.
    pub fn lanes(&self) -> usize {
        self.cut.lanes
    }

    /// Rows of the state.
    pub fn in_rows(&self) -> usize {
        self.in_rows
    }

    /// Rows of the value.
    pub fn out_rows(&self) -> usize {
        self.out_rows
    }

    pub fn n_weights(&self) -> usize {
        self.formula.declared.n_weights()
    }

    /// Numbers prepared for a time.
    pub fn n_prepared(&self) -> usize {
        self.prepared.program.length()
    }

    /// Numbers a sample that the forward pass keeps for the adjoint, beside state and value.
    pub fn n_kept(&self) -> usize {
        self.n_kept
    }

    /// Numbers a sample that the adjoint holds back for products over a series of evaluations.
    pub fn n_held(&self) -> usize {
        self.adjoint.held
    }

    /// Numbers summed over samples by the adjoint.
    pub fn n_sums(&self) -> usize {
        self.n_sums
    }

    /// Whether the sums are the gradient of the weights, number for number.
    pub fn sums_are_gradient(&self) -> bool {
        let whole = self.gradients.iter().map(|g| g.1).sum::<usize>();
        let in_place = self.gradients.iter().all(|g| g.2 == At::Given(1, g.0));
        whole == self.n_sums && whole == self.n_weights() && in_place
    }

    /// The work of a call, by the plan.
    pub fn work(&self, call: Call) -> Work {
        let rows = self.out_rows;
        match call {
            Call::Value { batch, then } => {
                let mut work = self.forward.work(batch, self.cut, then);
                if let (false, Some(terms)) = (self.forward.then, then) {
                    work += work::combination(rows * batch, terms + 1);
                }
                work
            }
            Call::Pull { batch, terms } => {
                let mut work = self.adjoint.work(batch, self.cut, Some(terms));
                // Elsewhere than in a loop the cotangent is formed first.
                if self.adjoint.seeding != Seeding::Tile {
                    work += work::combination(rows * batch, terms);
                }
                work
            }
            Call::Held { columns } => self.adjoint.held_work(columns, self.cut),
            Call::Prepare => {
                let mut work = self.prepared.program.work();
                let repeated: usize = self.prepared.repeats.iter().map(|r| r.tile).sum();
                work += Work::moved(2 * repeated, self.prepared.repeats.len());
                work
            }
            Call::Gather => {
                let mut work = self.gather.work();
                let numbers: usize = self.gradients.iter().map(|g| g.1).sum();
                work += Work::moved(3 * numbers, self.gradients.len());
                work
            }
        }
    }

    /// Whether the value has kinks or jumps: relu, step and what is made of them.
    pub fn has_kinks(&self) -> bool {
        let kink = |node: &Node| {
            matches!(self.graph.op(*node), Op::Map(Function::Relu | Function::Step, _))
        };
        self.behind_value().iter().any(kink)
    }

    /// Whether t stands in the value.
    pub fn depends_on_time(&self) -> bool {
        self.behind_value().iter().any(|n| self.graph.op(*n) == Op::Time)
    }

    /// The function of which the value is one layer, function(M*y + b) with M and b free of the state.
    pub fn layer(&self) -> Option<Function> {
        let (&[value], [block]) = (self.derived.value.as_slice(), &*self.formula.declared.state)
        else {
            return None;
        };
        let Op::Map(function, inner) = self.graph.op(value) else { return None };
        let mut graph = self.graph.clone();
        let state = graph.input(Input::State(0), Shape::state(block.rows));
        let direction = graph.input(Input::StateTangent(0), Shape::state(block.rows));
        let along = HashMap::from([(state, direction)]);
        let slope = (*tangents(&mut graph, &[inner], &along).first()?)?;
        let affine = !graph.needed(&[slope], |_| false).contains(&state);
        (affine && graph.shape(inner).rows == block.rows).then_some(function)
    }

    fn behind_value(&self) -> Vec<Node> {
        self.graph.needed(&self.derived.value, |_| false)
    }

    /// Completes `prepared`, whose first numbers are the weights at time t.
    pub fn prepare(&self, t: f64, prepared: &mut [f64]) {
        self.prepared.program.run(t, &[], prepared);
        self.prepared.repeats.iter().for_each(|repeat| repeat.fill(prepared));
    }

    /// out = f(t, state), leaving in `keep` what the adjoint will read: [`Kernel::n_kept`] numbers a sample.
    pub fn value(&self, prepared: &[f64], batch: usize, memory: Memory<'_>, ws: &mut Workspace) {
        exec::run(&self.forward, prepared, batch, self.cut, memory, ws);
    }

    /// out = (df/dy) seed
    pub fn tangent(&self, prepared: &[f64], batch: usize, memory: Memory<'_>, ws: &mut Workspace) {
        exec::run(&self.tangent, prepared, batch, self.cut, memory, ws);
    }

    /// out = (df/dy)' seed, and sums += what the gradient of the weights needs of these samples.
    pub fn adjoint(&self, prepared: &[f64], batch: usize, memory: Memory<'_>, ws: &mut Workspace) {
        let mut held = std::mem::take(&mut ws.held);
        let Memory { state, seed, value, kept, out, sums, series, .. } = memory;
        let room = held.sized(self.n_held() * batch);
        let first = Memory {
            state,
            seed,
            value,
            kept,
            out,
            held: &mut *room,
            sums: &mut *sums,
            series,
            ..Memory::default()
        };
        self.pull(prepared, batch, first, ws);
        let rest = Memory { state, value, kept, held: room, sums, series, ..Memory::default() };
        self.sum_held(batch, rest);
        ws.held = held;
    }

    /// [`Kernel::adjoint`] of one evaluation of a series, but for the sums that are held back
    /// ([`Kernel::n_held`] numbers a sample) until [`Kernel::sum_held`].
    pub fn pull(&self, prepared: &[f64], batch: usize, memory: Memory<'_>, ws: &mut Workspace) {
        exec::run(&self.adjoint, prepared, batch, self.cut, memory, ws);
    }

    /// Adds what [`Kernel::pull`] held back, for all evaluations of a series: their states, values and kept
    /// numbers stand side by side.
    pub fn sum_held(&self, batch: usize, memory: Memory<'_>) {
        exec::sum_held(&self.adjoint, batch, self.cut.lanes, memory);
    }

    /// gradient += (df/dw)' seed, from the sums over samples.
    pub fn gather(
        &self,
        t: f64,
        prepared: &[f64],
        sums: &[f64],
        gradient: &mut [f64],
        ws: &mut Workspace,
    ) {
        let own = ws.weights.sized(self.gather.length());
        self.gather.run(t, &[prepared, sums], own);
        for &(at, length, place) in &self.gradients {
            let from = match place {
                At::Given(0, from) => &prepared[from..from + length],
                At::Given(_, from) => &sums[from..from + length],
                At::Own(from) => &own[from..from + length],
            };
            gradient[at..at + length].iter_mut().zip(from).for_each(|(g, x)| *g += x);
        }
    }
}

/// The formula's values, by output block.
fn values(graph: &mut Graph, formula: &Formula) -> Result<Vec<Node>, (usize, ExprError)> {
    let each = formula.outputs.iter().enumerate().map(|(i, (block, text))| {
        lower(graph, &formula.declared, text, block.rows, &block.name).map_err(|error| (i, error))
    });
    each.collect()
}

fn all_nodes(derived: &Derived) -> Vec<Node> {
    let optional = derived.tangent.iter().chain(&derived.state).chain(&derived.weights);
    derived.value.iter().copied().chain(optional.flatten().copied()).collect()
}

/// Weight-like nodes that do not come from samples: the gradients read them as prepared.
fn gather_reads(graph: &Graph, node: Node) -> bool {
    let behind = graph.needed(&[node], |_| false);
    !graph.shape(node).samples && behind.iter().all(|&n| !graph.shape(n).samples)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::expr::tests::formula;

    fn kernel(weights: &[(&str, usize, usize)], rhs: &str) -> Kernel {
        Kernel::new(formula(&[("y", 4)], weights, &[], &[rhs]), true).unwrap()
    }

    fn value(weights: &[(&str, usize, usize)], rhs: &str) -> Work {
        kernel(weights, rhs).work(Call::Value { batch: 1, then: None })
    }

    #[test]
    fn products_with_the_state_are_counted_and_no_others() {
        let narrow = [("A", 4, 2), ("B", 2, 4)];
        for (rhs, products) in [("A*(B*y)", 2 * (2 * 4 + 4 * 2)), ("(A*B)*y", 2 * 4 * 4)] {
            assert_eq!(value(&narrow, rhs).flop(), products, "{rhs}");
        }
        // A transposed matrix has as many products, and one that stands twice is formed once.
        let square = [("K", 4, 4)];
        assert_eq!(value(&square, "K'*tanh(K*y) + K*y").flop(), 2 * 2 * 4 * 4);
        assert_eq!(value(&square, "tanh(y) .* y").flop(), 0);
    }

    #[test]
    fn the_work_of_tanh_is_what_its_loops_do() {
        let kernel = kernel(&[("K", 4, 4), ("b", 4, 1)], "tanh(K*y + b)");
        let batch = 10;
        let value = kernel.work(Call::Value { batch, then: Some(2) });
        assert_eq!(value.flop(), 2 * 4 * 4 * batch);
        assert_eq!(value.functions, BTreeMap::from([("tanh", 4 * batch)]));
        // tanh(Ky + b) reads two and writes one; next = k + two terms reads two and writes one.
        assert_eq!((value.numbers, value.calls), (4 * batch * (3 + 3), 2));
        // Five terms beside the value are two passes, the second reads and writes next again.
        let five = kernel.work(Call::Value { batch, then: Some(5) });
        assert_eq!(five.numbers, 4 * batch * (3 + 5 + 2 + 1));

        // Back: K'z, and z y' for all evaluations of a series.
        let back = kernel.work(Call::Pull { batch, terms: 1 });
        assert_eq!((back.flop(), back.evaluations()), (2 * 4 * 4 * batch, 0));
        let held = kernel.work(Call::Held { columns: 3 * batch });
        assert_eq!((held.flop(), held.calls), (2 * 4 * 4 * 3 * batch, 1));
    }

    #[test]
    fn kinks_are_those_of_the_value() {
        let square = [("K", 4, 4)];
        assert!(kernel(&square, "relu(K*y)").has_kinks());
        assert!(!kernel(&square, "tanh(K*y)").has_kinks());
    }
}
