//! The text of the nodes of a graph, and which of them get names.

use std::collections::{HashMap, HashSet};

use super::graph::{Binary, Graph, Input, Node, Op, Shape};
use super::written::{Extent, Kind, Written};
use super::{Formula, function_names};

/// A part with more characters than this gets a name.
const LONG: usize = 60;

fn some(nodes: &[Option<Node>]) -> Vec<Node> {
    nodes.iter().flatten().copied().collect()
}

/// What the inputs are called.
pub struct Names<'a> {
    formula: &'a Formula,
    pub state_directions: Vec<String>,
    pub weight_directions: Vec<String>,
    pub cotangents: Vec<String>,
    /// Names that mean something already.
    taken: HashSet<String>,
}

impl<'a> Names<'a> {
    pub fn new(formula: &'a Formula) -> Names<'a> {
        let declared = &formula.declared;
        let words = ["t", "I", "pi"].into_iter().chain(function_names()).map(str::to_owned);
        let mut taken: HashSet<String> = declared.names().chain(words).collect();
        let mut fresh = |mut name: String| {
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            name
        };
        let state_directions =
            declared.state.iter().map(|b| fresh(format!("d{}", b.name))).collect();
        let weight_directions =
            declared.weights.iter().map(|w| fresh(format!("d{}", w.name))).collect();
        let cotangents = match formula.outputs.as_slice() {
            [_] => vec![fresh("u".into())],
            many => many.iter().map(|(b, _)| fresh(format!("u_{}", b.name))).collect(),
        };
        Names { formula, state_directions, weight_directions, cotangents, taken }
    }

    /// The first of some letters that is no name by itself, or the very first: `z1` beside a block `z` would
    /// look like a part of it.
    fn letter(&self, letters: &'static str) -> &'static str {
        let free = |at: &usize| !self.taken.contains(&letters[*at..=*at]);
        let at = (0..letters.len()).find(free).unwrap_or(0);
        &letters[at..=at]
    }

    fn input(&self, input: Input) -> &str {
        let declared = &self.formula.declared;
        match input {
            Input::State(i) => &declared.state[i].name,
            Input::Weight(i) => &declared.weights[i].name,
            Input::StateTangent(i) => &self.state_directions[i],
            Input::WeightTangent(i) => &self.weight_directions[i],
            Input::Cotangent(i) => &self.cotangents[i],
        }
    }

    /// The name of the direction of a block.
    pub fn direction(&self, block: &str) -> String {
        let mut known = self.formula.declared.state.iter().zip(&self.state_directions);
        known.find(|(b, _)| b.name == block).map_or_else(|| format!("d{block}"), |(_, d)| d.clone())
    }

    /// Something of this size, for the sake of its size.
    fn example(&self, rows: usize, cols: usize) -> Option<Written> {
        let declared = &self.formula.declared;
        let name = |name: &str| Written::name(name, Extent::Full);
        let weight = |r, c| declared.weights.iter().find(move |w| (w.rows, w.cols) == (r, c));
        let state = declared.state.iter().find(|b| (b.rows, 1) == (rows, cols));
        weight(rows, cols)
            .map(|w| name(&w.name))
            .or_else(|| state.map(|b| name(&b.name).marked(true, false)))
            .or_else(|| weight(cols, rows).map(|w| name(&w.name).transpose()))
    }
}

/// Nodes to text, section by section. What one section wrote, the next may use.
#[derive(Clone)]
pub struct Printer<'a> {
    graph: &'a Graph,
    names: &'a Names<'a>,
    written: HashMap<Node, Written>,
    taken: HashSet<String>,
}

/// The lines of a section so far, and how its parts are named.
struct Section {
    lines: Vec<(String, String)>,
    prefix: &'static str,
    alone: bool,
    next: usize,
}

impl<'a> Printer<'a> {
    pub fn new(graph: &'a Graph, names: &'a Names<'a>) -> Printer<'a> {
        Printer { graph, names, written: HashMap::new(), taken: names.taken.clone() }
    }

    /// Repetition is not printed.
    fn behind_broadcast(&self, mut node: Node) -> Node {
        while let Op::Broadcast(inner) = self.graph.op(node) {
            node = inner;
        }
        node
    }

    /// How often each node not yet written is read on the way to `targets`.
    pub fn uses(&self, targets: &[Option<Node>]) -> HashMap<Node, usize> {
        let targets = some(targets);
        let mut uses = HashMap::new();
        let mut read = |node: Node| *uses.entry(self.behind_broadcast(node)).or_insert(0) += 1;
        targets.iter().copied().for_each(&mut read);
        for node in self.graph.needed(&targets, |n| self.written.contains_key(&n)) {
            match self.graph.op(node) {
                Op::Broadcast(_) => {}
                _ if self.written.contains_key(&node) => {}
                Op::Binary(Binary::Add, a, b) if a == b => read(a),
                op => op.args().for_each(&mut read),
            }
        }
        uses
    }

    /// The lines of `targets`, under these labels, and before them of the parts that get names: what is used
    /// more than once or is long. They are numbered from 1 behind one of `letters`; a name that is alone has no number.
    pub fn section(
        &mut self,
        targets: &[Option<Node>],
        labels: Vec<String>,
        uses: &HashMap<Node, usize>,
        (letters, alone): (&'static str, bool),
    ) -> Vec<(String, String)> {
        let prefix = self.names.letter(letters);
        let mut section = Section { lines: Vec::new(), prefix, alone, next: 1 };
        let outputs: HashSet<Node> =
            targets.iter().flatten().map(|&n| self.behind_broadcast(n)).collect();
        // Arguments come before what uses them, so that no recursion is needed.
        for node in self.graph.needed(&some(targets), |n| self.written.contains_key(&n)) {
            if matches!(self.graph.op(node), Op::Broadcast(_)) || self.written.contains_key(&node) {
                continue;
            }
            let written = self.write(node, &mut section);
            let once = uses.get(&node).is_none_or(|&n| n == 1);
            let long = written.len() > LONG && !outputs.contains(&node);
            let named = written.kind == Kind::Compound && (!once || long);
            let written = if named { self.define(written, &mut section) } else { written };
            self.written.insert(node, written);
        }
        for (label, target) in labels.into_iter().zip(targets) {
            let text = match *target {
                None => "0".to_owned(),
                Some(node) => {
                    let written = self.get(node);
                    // The same number in every row of every sample needs no saying.
                    let number = written.extent == Extent::Number && !written.samples;
                    let fits = number && self.graph.shape(node).samples;
                    if fits { written.to_string() } else { self.sized(node).to_string() }
                }
            };
            section.lines.push((label, text));
        }
        section.lines
    }

    fn define(&mut self, written: Written, section: &mut Section) -> Written {
        let mut name = section.prefix.to_owned();
        if !section.alone || !self.taken.insert(name.clone()) {
            loop {
                name = format!("{}{}", section.prefix, section.next);
                section.next += 1;
                if self.taken.insert(name.clone()) {
                    break;
                }
            }
        }
        section.lines.push((name.clone(), written.to_string()));
        written.renamed(&name)
    }

    fn get(&self, node: Node) -> Written {
        self.written[&self.behind_broadcast(node)].clone()
    }

    /// The text such that the parser gives it the node's own size.
    fn sized(&self, node: Node) -> Written {
        let written = self.get(node);
        let Shape { rows, cols, .. } = self.graph.shape(node);
        if written.extent == Extent::Full || rows * cols == 1 {
            return written;
        }
        let zero = self.graph.as_number(node) == Some(0.0);
        match self.names.example(rows, cols) {
            Some(example) => {
                let nothing = Written::number(0.0).mul(example);
                if zero { nothing } else { written.add(nothing) }
            }
            None if written.extent == Extent::Identity => written,
            None => written.mul(Written::name(&format!("ones({rows}, {cols})"), Extent::Full)),
        }
    }

    /// The text for use beside others elementwise: `I` only where the parser takes it.
    fn beside(&self, node: Node) -> Written {
        match self.get(node) {
            written if written.extent == Extent::Identity => self.sized(node),
            written => written,
        }
    }

    fn write(&mut self, node: Node, section: &mut Section) -> Written {
        let shape = self.graph.shape(node);
        let extent = if shape.len() == 1 { Extent::Number } else { Extent::Full };
        match self.graph.op(node) {
            Op::Number(x) => Written::number(x.get()),
            Op::Time => Written::name("t", Extent::Number),
            Op::Identity => Written::name("I", Extent::Identity),
            Op::Input(input) => {
                let direction = !matches!(input, Input::State(_) | Input::Weight(_));
                Written::name(self.names.input(input), extent).marked(shape.samples, direction)
            }
            Op::Neg(a) => self.get(a).neg(),
            Op::Map(f, a) => self.beside(a).call(f.name()),
            Op::Power(a, p) => self.beside(a).pow(Written::number(p.get())),
            Op::Binary(Binary::Add, a, b) if a == b => Written::number(2.0).mul(self.get(a)),
            Op::Binary(op, a, b) => self.binary(op, a, b),
            Op::Product { left, right, .. } if self.graph.shape(left).samples => {
                self.sum_of_products(left, right, section)
            }
            Op::Product { left, left_t, right, right_t } => {
                let operand = |node, turned| {
                    let written = match self.get(node) {
                        written if written.extent == Extent::Identity => written,
                        _ => self.sized(node),
                    };
                    if turned { written.transpose() } else { written }
                };
                operand(left, left_t).times(operand(right, right_t)).of_extent(extent)
            }
            // (sum a*b')' = sum b*a'
            Op::Transpose(a) => {
                let (inner, negative) = match self.graph.op(a) {
                    Op::Neg(inner) => (inner, true),
                    _ => (a, false),
                };
                match (self.get(a), self.graph.op(inner)) {
                    (sum, Op::Product { left, right, .. }) if sum.is_over_samples() => {
                        let turned = self.sum_of_products(right, left, section);
                        if negative { turned.neg() } else { turned }
                    }
                    (written, _) => written.transpose(),
                }
            }
            Op::Broadcast(a) => self.get(a),
            Op::Reduce(a) => {
                let from = self.graph.shape(a);
                let rows = from.len() > shape.len();
                let sum = || self.sized(a).call("sum").of_extent(Extent::Number);
                match (rows, from.samples && !shape.samples) {
                    (true, true) => sum().over_samples(),
                    (true, false) => sum(),
                    (false, _) => {
                        let term = self.get(a);
                        let clear = term.follows_sum(false);
                        let term = if clear { term } else { self.factor(a, section) };
                        term.over_samples()
                    }
                }
            }
        }
    }

    fn sum_of_products(&mut self, left: Node, right: Node, section: &mut Section) -> Written {
        let left = self.factor(left, section);
        left.times(self.factor(right, section).transpose()).over_samples()
    }

    fn binary(&self, op: Binary, a: Node, b: Node) -> Written {
        let (x, y) = (self.get(a), self.get(b));
        let extents = (x.extent, y.extent);
        let (beside_a, beside_b) = (|| self.beside(a), || self.beside(b));
        match (op, extents) {
            (Binary::Add, (Extent::Number, Extent::Identity)) => self.sized(a).add(y),
            (Binary::Add, (Extent::Identity, Extent::Number)) => x.add(self.sized(b)),
            (Binary::Add, _) => x.add(y),
            (Binary::Sub, (Extent::Number, Extent::Identity)) => self.sized(a).add(y.neg()),
            (Binary::Sub, (Extent::Identity, Extent::Number)) => x.add(self.sized(b).neg()),
            (Binary::Sub, _) => x.add(y.neg()),
            (Binary::Mul, (Extent::Number, _) | (_, Extent::Number)) => x.mul(y),
            (Binary::Mul, _) => beside_a().mul(beside_b()),
            (Binary::Div, (_, Extent::Number)) => x.div(y),
            (Binary::Div, _) => beside_a().div(beside_b()),
            (Binary::Pow, _) => beside_a().pow(beside_b()),
        }
    }

    /// A factor of a sum over samples, in one word: parentheses behind `sum` would read as a call.
    fn factor(&mut self, node: Node, section: &mut Section) -> Written {
        let written = self.sized(node);
        if written.follows_sum(true) {
            return written;
        }
        let own = written.extent == self.get(node).extent;
        let named = self.define(written, section);
        if own {
            self.written.insert(self.behind_broadcast(node), named.clone());
        }
        named
    }
}
