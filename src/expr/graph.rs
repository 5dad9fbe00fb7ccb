//! The graph of a formula: nodes with shapes, equal subexpressions shared, closed under differentiation.
//!
//! A node is either *weight-like* (the same for all samples: a number, vector or matrix) or *sample-like*
//! (a column of `rows` numbers for each sample). The operations are chosen so that the derivative of each is
//! written with the same operations: [`Op::Broadcast`] and [`Op::Reduce`] are each other's transposes, and a
//! product of two sample-like nodes is the sum over samples of their outer products.

use std::collections::HashMap;

use super::functions;

/// Rows, columns, and whether there is one such value for each sample. Sample-like values have one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub rows: usize,
    pub cols: usize,
    pub samples: bool,
}

impl Shape {
    pub const NUMBER: Shape = Shape { rows: 1, cols: 1, samples: false };

    pub fn weight(rows: usize, cols: usize) -> Shape {
        Shape { rows, cols, samples: false }
    }

    pub fn state(rows: usize) -> Shape {
        Shape { rows, cols: 1, samples: true }
    }

    /// Numbers in it, for one sample.
    pub fn len(self) -> usize {
        self.rows * self.cols
    }

    pub fn is_number(self) -> bool {
        self == Shape::NUMBER
    }

    fn transposed(self) -> Shape {
        Shape { rows: self.cols, cols: self.rows, samples: self.samples }
    }
}

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(u32);

impl Node {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a formula is evaluated on. The number is the place of the block or weight in its declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// A block of the state.
    State(usize),
    /// A weight at time t.
    Weight(usize),
    /// The direction of a derivative, beside [`Input::State`].
    StateTangent(usize),
    /// The direction of a derivative, beside [`Input::Weight`].
    WeightTangent(usize),
    /// What multiplies the output block from the left in a transposed derivative.
    Cotangent(usize),
}

/// A function of one number, applied to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    Tanh,
    Relu,
    /// 1 where the argument is positive, else 0: the derivative of relu.
    Step,
    Sigmoid,
    Softplus,
    /// Distribution function of the standard normal, (1 + erf(x / sqrt 2)) / 2; gelu(x) = x .* normal_cdf(x).
    NormalCdf,
    Sin,
    Cos,
    Exp,
    Log,
    Sqrt,
}

impl Function {
    pub const ALL: [Function; 11] = [
        Function::Tanh,
        Function::Relu,
        Function::Step,
        Function::Sigmoid,
        Function::Softplus,
        Function::NormalCdf,
        Function::Sin,
        Function::Cos,
        Function::Exp,
        Function::Log,
        Function::Sqrt,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Function::Tanh => "tanh",
            Function::Relu => "relu",
            Function::Step => "step",
            Function::Sigmoid => "sigmoid",
            Function::Softplus => "softplus",
            Function::NormalCdf => "normal_cdf",
            Function::Sin => "sin",
            Function::Cos => "cos",
            Function::Exp => "exp",
            Function::Log => "log",
            Function::Sqrt => "sqrt",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
}

/// A number as a key: equal bits are equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bits(u64);

impl From<f64> for Bits {
    fn from(x: f64) -> Bits {
        Bits(x.to_bits())
    }
}

impl Bits {
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Number(Bits),
    Time,
    Identity,
    Input(Input),
    Neg(Node),
    Map(Function, Node),
    /// Each element to a power known beforehand.
    Power(Node, Bits),
    /// Elementwise, both of the node's own shape.
    Binary(Binary, Node, Node),
    /// weight * weight, weight * sample, or sample * sample': the last sums over the samples.
    Product {
        left: Node,
        left_t: bool,
        right: Node,
        right_t: bool,
    },
    Transpose(Node),
    /// Repeats the argument along rows, columns or samples up to the node's shape.
    Broadcast(Node),
    /// Sums the argument over rows, columns or samples down to the node's shape.
    Reduce(Node),
}

impl Op {
    /// The arguments, in order.
    pub fn args(self) -> impl Iterator<Item = Node> {
        let (a, b) = match self {
            Op::Number(_) | Op::Time | Op::Identity | Op::Input(_) => (None, None),
            Op::Neg(a)
            | Op::Map(_, a)
            | Op::Power(a, _)
            | Op::Transpose(a)
            | Op::Broadcast(a)
            | Op::Reduce(a) => (Some(a), None),
            Op::Binary(_, a, b) => (Some(a), Some(b)),
            Op::Product { left, right, .. } => (Some(left), Some(right)),
        };
        a.into_iter().chain(b)
    }
}

/// Nodes in the order of their making: arguments come before what uses them.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<(Op, Shape)>,
    seen: HashMap<(Op, Shape), Node>,
}

impl Graph {
    pub fn op(&self, node: Node) -> Op {
        self.nodes[node.index()].0
    }

    pub fn shape(&self, node: Node) -> Shape {
        self.nodes[node.index()].1
    }

    /// The nodes that `outputs` need, arguments first, without looking behind nodes for which `stop` holds.
    pub fn needed(&self, outputs: &[Node], stop: impl Fn(Node) -> bool) -> Vec<Node> {
        let mut wanted = vec![false; self.nodes.len()];
        let mut open: Vec<Node> = outputs.to_vec();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut wanted[node.index()], true) && !stop(node) {
                open.extend(self.op(node).args());
            }
        }
        (0..self.nodes.len() as u32).map(Node).filter(|n| wanted[n.index()]).collect()
    }

    fn make(&mut self, op: Op, shape: Shape) -> Node {
        if let Some(&node) = self.seen.get(&(op, shape)) {
            return node;
        }
        let node = Node(self.nodes.len() as u32);
        self.nodes.push((op, shape));
        self.seen.insert((op, shape), node);
        node
    }

    /// The number that every element of the node is, where that is known beforehand.
    pub fn as_number(&self, node: Node) -> Option<f64> {
        match self.op(node) {
            Op::Number(bits) => Some(bits.get()),
            Op::Broadcast(inner) => self.as_number(inner),
            _ => None,
        }
    }

    pub fn number(&mut self, x: f64) -> Node {
        self.make(Op::Number(x.into()), Shape::NUMBER)
    }

    /// The number `x` in every element of `shape`.
    pub fn filled(&mut self, x: f64, shape: Shape) -> Node {
        let number = self.number(x);
        self.broadcast(number, shape)
    }

    pub fn time(&mut self) -> Node {
        self.make(Op::Time, Shape::NUMBER)
    }

    pub fn identity(&mut self, n: usize) -> Node {
        if n == 1 { self.number(1.0) } else { self.make(Op::Identity, Shape::weight(n, n)) }
    }

    pub fn input(&mut self, input: Input, shape: Shape) -> Node {
        self.make(Op::Input(input), shape)
    }

    pub fn neg(&mut self, a: Node) -> Node {
        let shape = self.shape(a);
        if let Some(x) = self.as_number(a) {
            return self.filled(-x, shape);
        }
        match self.op(a) {
            Op::Neg(inner) => inner,
            Op::Binary(Binary::Sub, x, y) => self.binary(Binary::Sub, y, x),
            _ => self.make(Op::Neg(a), shape),
        }
    }

    pub fn map(&mut self, f: Function, a: Node) -> Node {
        let shape = self.shape(a);
        match self.as_number(a) {
            Some(x) => self.filled(functions::apply::<false>(f, x), shape),
            None => self.make(Op::Map(f, a), shape),
        }
    }

    pub fn power(&mut self, a: Node, exponent: f64) -> Node {
        let shape = self.shape(a);
        if exponent == 1.0 {
            a
        } else if exponent == 0.0 {
            self.filled(1.0, shape)
        } else if exponent == 2.0 {
            self.binary(Binary::Mul, a, a)
        } else if let Some(x) = self.as_number(a) {
            self.filled(x.powf(exponent), shape)
        } else {
            self.make(Op::Power(a, exponent.into()), shape)
        }
    }

    /// c a
    pub fn scale(&mut self, c: f64, a: Node) -> Node {
        let shape = self.shape(a);
        let c = self.filled(c, shape);
        self.binary(Binary::Mul, c, a)
    }

    pub fn add(&mut self, a: Node, b: Node) -> Node {
        self.binary(Binary::Add, a, b)
    }

    pub fn mul(&mut self, a: Node, b: Node) -> Node {
        self.binary(Binary::Mul, a, b)
    }

    /// Elementwise; both arguments have the same shape (the caller broadcasts).
    pub fn binary(&mut self, op: Binary, a: Node, b: Node) -> Node {
        let shape = self.shape(a);
        debug_assert_eq!(shape, self.shape(b));
        let (x, y) = (self.as_number(a), self.as_number(b));
        if let (Some(x), Some(y)) = (x, y) {
            let value = match op {
                Binary::Add => x + y,
                Binary::Sub => x - y,
                Binary::Mul => x * y,
                Binary::Div => x / y,
                Binary::Pow => x.powf(y),
            };
            return self.filled(value, shape);
        }
        match (op, x, y) {
            (Binary::Add, Some(0.0), _) => b,
            (Binary::Add | Binary::Sub, _, Some(0.0)) => a,
            (Binary::Sub, Some(0.0), _) => self.neg(b),
            (Binary::Mul, Some(1.0), _) => b,
            (Binary::Mul | Binary::Div, _, Some(1.0)) => a,
            (Binary::Mul, Some(-1.0), _) => self.neg(b),
            (Binary::Mul | Binary::Div, _, Some(-1.0)) => self.neg(a),
            // Zero times anything is zero here: a formula's constant says that the term is not there.
            (Binary::Mul, Some(0.0), _) => a,
            (Binary::Mul, _, Some(0.0)) => b,
            (Binary::Mul, None, Some(_)) => self.binary(Binary::Mul, b, a),
            (Binary::Mul, Some(c), None) => match self.op(b) {
                Op::Neg(inner) => self.scale(-c, inner),
                Op::Binary(Binary::Mul, d, inner) if self.as_number(d).is_some() => {
                    let d = self.as_number(d).unwrap_or(1.0);
                    self.scale(c * d, inner)
                }
                _ => self.make(Op::Binary(Binary::Mul, a, b), shape),
            },
            (Binary::Pow, None, Some(p)) => self.power(a, p),
            _ => match (op, self.op(a), self.op(b)) {
                (Binary::Add, _, Op::Neg(inner)) => self.binary(Binary::Sub, a, inner),
                (Binary::Sub, _, Op::Neg(inner)) => self.binary(Binary::Add, a, inner),
                (Binary::Add, Op::Neg(inner), _) => self.binary(Binary::Sub, b, inner),
                (Binary::Mul, Op::Neg(x), Op::Neg(y)) => self.binary(Binary::Mul, x, y),
                (Binary::Mul, Op::Neg(x), _) => {
                    let product = self.binary(Binary::Mul, x, b);
                    self.neg(product)
                }
                (Binary::Mul, _, Op::Neg(y)) => {
                    let product = self.binary(Binary::Mul, a, y);
                    self.neg(product)
                }
                // Sums and products commute: one order, so that equal terms are found equal.
                (Binary::Add | Binary::Mul, ..) if b < a => self.make(Op::Binary(op, b, a), shape),
                _ => self.make(Op::Binary(op, a, b), shape),
            },
        }
    }

    /// left * right, each transposed first where its flag says so.
    /// The caller has checked that the inner sizes agree (or, for two samples, that it is left * right').
    pub fn product(&mut self, left: Node, left_t: bool, right: Node, right_t: bool) -> Node {
        let (left, left_t) = self.without_transpose(left, left_t);
        let (right, right_t) = self.without_transpose(right, right_t);
        let (l, r) = (self.shape(left), self.shape(right));
        // A value that is the same for all samples needs no product for each of them.
        if r.samples
            && let Some(shared) = self.shared(right)
        {
            if l.samples {
                let sum = self.reduce(left, Shape::weight(l.rows, 1));
                return self.product(sum, false, shared, true);
            }
            let once = self.product(left, left_t, shared, false);
            let rows = self.shape(once).rows;
            return self.broadcast(once, Shape::state(rows));
        }
        if l.samples
            && let Some(shared) = self.shared(left)
        {
            let sum = self.reduce(right, Shape::weight(r.rows, 1));
            return self.product(shared, false, sum, true);
        }
        if l.samples && r.samples {
            debug_assert!(!left_t && right_t);
            return self
                .make(Op::Product { left, left_t, right, right_t }, Shape::weight(l.rows, r.rows));
        }
        let rows = if left_t { l.cols } else { l.rows };
        let cols = if right_t { r.rows } else { r.cols };
        debug_assert_eq!(
            if left_t { l.rows } else { l.cols },
            if right_t { r.cols } else { r.rows }
        );
        if self.op(left) == Op::Identity {
            return if right_t { self.transpose(right) } else { right };
        }
        if self.op(right) == Op::Identity {
            return if left_t { self.transpose(left) } else { left };
        }
        let shape = Shape { rows, cols, samples: r.samples };
        self.make(Op::Product { left, left_t, right, right_t }, shape)
    }

    /// The vector that a sample-like node repeats for all samples, if it does.
    fn shared(&mut self, node: Node) -> Option<Node> {
        match self.op(node) {
            Op::Broadcast(inner) if !self.shape(inner).samples => {
                let rows = self.shape(node).rows;
                Some(self.broadcast(inner, Shape::weight(rows, 1)))
            }
            _ => None,
        }
    }

    fn without_transpose(&self, node: Node, flag: bool) -> (Node, bool) {
        match self.op(node) {
            Op::Transpose(inner) => (inner, !flag),
            _ => (node, flag),
        }
    }

    pub fn transpose(&mut self, a: Node) -> Node {
        let shape = self.shape(a);
        match self.op(a) {
            Op::Transpose(inner) => inner,
            Op::Identity => a,
            Op::Broadcast(inner) if self.shape(inner).is_number() => {
                self.broadcast(inner, shape.transposed())
            }
            _ if shape.len() == 1 => a,
            _ => self.make(Op::Transpose(a), shape.transposed()),
        }
    }

    pub fn broadcast(&mut self, a: Node, shape: Shape) -> Node {
        if self.shape(a) == shape {
            return a;
        }
        match self.op(a) {
            Op::Broadcast(inner) => self.broadcast(inner, shape),
            _ => self.make(Op::Broadcast(a), shape),
        }
    }

    pub fn reduce(&mut self, a: Node, shape: Shape) -> Node {
        let from = self.shape(a);
        if from == shape {
            return a;
        }
        match self.as_number(a) {
            // A constant summed over rows and columns; how many samples there are is not known here.
            Some(x) if from.samples == shape.samples => {
                self.filled(x * (from.len() / shape.len()) as f64, shape)
            }
            _ => self.make(Op::Reduce(a), shape),
        }
    }
}
