//! From the syntax of a formula to its graph: names are resolved and shapes inferred.

use std::ops::Range;

use super::graph::{Binary, Function, Graph, Input, Node, Shape};
use super::syntax::{Id, Operator, Syntax, Tree, parse};
use super::{Declarations, ExprError};
use crate::nearest::known;

/// A value of a formula while its shape is not yet a node's alone.
#[derive(Clone, Copy)]
enum Value {
    Node(Node),
    /// The transpose of a state: the left factor of an inner product, nothing else.
    StateTransposed(Node),
    /// A multiple of the identity, whose size follows from what it meets.
    Identity(Node),
}

/// Functions written in terms of others.
const COMPOSED: [&str; 3] = ["gelu", "silu", "sum"];

/// Reads the right-hand side of block `block` and gives its node, of shape `rows` for each sample.
pub fn lower(
    graph: &mut Graph,
    declared: &Declarations,
    text: &str,
    rows: usize,
    block: &str,
) -> Result<Node, ExprError> {
    let tree = parse(text)?;
    let mut lowering = Lowering { graph, declared, text, values: Vec::new(), single: Vec::new() };
    for (syntax, span) in &tree.nodes {
        let value = lowering.value(*syntax, span.clone())?;
        let single = lowering.is_single(*syntax, value, span)?;
        lowering.values.push(value);
        lowering.single.push(single);
    }
    lowering.result(&tree, rows, block)
}

struct Lowering<'a> {
    graph: &'a mut Graph,
    declared: &'a Declarations,
    text: &'a str,
    values: Vec<Value>,
    /// For each value whether it is a 1 x 1 matrix that has taken in the identity.
    single: Vec<bool>,
}

impl Lowering<'_> {
    fn error<T>(&self, span: Range<usize>, message: String) -> Result<T, ExprError> {
        Err(ExprError::new(self.text, span, message))
    }

    fn value(&mut self, syntax: Syntax, span: Range<usize>) -> Result<Value, ExprError> {
        match syntax {
            Syntax::Number(x) => Ok(Value::Node(self.graph.number(x))),
            Syntax::Name => self.name(span),
            Syntax::Neg(a) => Ok(match self.values[a.index()] {
                Value::Node(a) => Value::Node(self.graph.neg(a)),
                Value::StateTransposed(a) => Value::StateTransposed(self.graph.neg(a)),
                Value::Identity(a) => Value::Identity(self.graph.neg(a)),
            }),
            Syntax::Transpose(a) => Ok(match self.values[a.index()] {
                Value::Node(a) if self.graph.shape(a).samples && self.graph.shape(a).rows > 1 => {
                    Value::StateTransposed(a)
                }
                Value::Node(a) => Value::Node(self.graph.transpose(a)),
                Value::StateTransposed(a) => Value::Node(a),
                Value::Identity(a) => Value::Identity(a),
            }),
            Syntax::Binary(op, a, b) => {
                self.binary(op, self.values[a.index()], self.values[b.index()], span)
            }
            Syntax::Call { function, argument } => {
                self.call(function.0..function.1, self.values[argument.index()])
            }
        }
    }

    /// Whether a value is a 1 x 1 matrix because of an `I` in it: where the network is one wide, it is what
    /// `K - g*I` is. A number beside `I` would be that too, and must not be repeated over anything larger.
    fn is_single(
        &self,
        syntax: Syntax,
        value: Value,
        span: &Range<usize>,
    ) -> Result<bool, ExprError> {
        let Value::Node(node) = value else { return Ok(false) };
        let (a, b) = match syntax {
            Syntax::Number(_) | Syntax::Name => return Ok(false),
            Syntax::Neg(a) | Syntax::Transpose(a) | Syntax::Call { argument: a, .. } => (a, a),
            Syntax::Binary(_, a, b) => (a, b),
        };
        let identity = |i: Id| matches!(self.values[i.index()], Value::Identity(_));
        let takes_identity = matches!(syntax, Syntax::Binary(Operator::Add | Operator::Sub, ..))
            && (identity(a) || identity(b));
        let single = self.single[a.index()] || self.single[b.index()];
        let larger = [a, b].into_iter().find_map(|i| match self.values[i.index()] {
            Value::Node(x) if single && self.graph.shape(x).len() > 1 => Some(x),
            _ => None,
        });
        match larger {
            Some(x) => self.error(span.clone(), self.too_small(x)),
            None => Ok((single || takes_identity) && self.graph.shape(node).is_number()),
        }
    }

    fn too_small(&self, beside: Node) -> String {
        let what = self.describe(beside);
        format!(
            "a number and `I` make a 1 x 1 matrix, and here is {what}; write s*I for s on the diagonal"
        )
    }

    fn name(&mut self, span: Range<usize>) -> Result<Value, ExprError> {
        let name = &self.text[span.clone()];
        let declared = self.declared;
        if let Some(i) = declared.state.iter().position(|b| b.name == name) {
            let shape = Shape::state(declared.state[i].rows);
            return Ok(Value::Node(self.graph.input(Input::State(i), shape)));
        }
        if let Some(i) = declared.weights.iter().position(|w| w.name == name) {
            let shape = Shape::weight(declared.weights[i].rows, declared.weights[i].cols);
            return Ok(Value::Node(self.graph.input(Input::Weight(i), shape)));
        }
        if let Some((_, x)) = declared.constants.iter().find(|(n, _)| n == name) {
            return Ok(Value::Node(self.graph.number(*x)));
        }
        match name {
            "t" => Ok(Value::Node(self.graph.time())),
            "pi" => Ok(Value::Node(self.graph.number(std::f64::consts::PI))),
            "I" => Ok(Value::Identity(self.graph.number(1.0))),
            _ if function_names().any(|f| f == name) => {
                self.error(span, format!("`{name}` is a function: write {name}(..)"))
            }
            _ => {
                let names: Vec<String> =
                    declared.names().chain(["t", "I", "pi"].map(str::to_owned)).collect();
                self.error(span, format!("there is no name `{name}` here{}", known(name, &names)))
            }
        }
    }

    fn call(&mut self, function: Range<usize>, argument: Value) -> Result<Value, ExprError> {
        let name = &self.text[function.clone()];
        let Value::Node(x) = argument else {
            let what = match argument {
                Value::Identity(_) => "the identity, whose size is not known here",
                _ => "a transposed state",
            };
            return self.error(function, format!("`{name}` cannot be applied to {what}"));
        };
        let shape = self.graph.shape(x);
        let node = match name {
            "gelu" => {
                let cdf = self.graph.map(Function::NormalCdf, x);
                self.graph.mul(x, cdf)
            }
            "silu" => {
                let sigmoid = self.graph.map(Function::Sigmoid, x);
                self.graph.mul(x, sigmoid)
            }
            "sum" => self.graph.reduce(x, Shape { rows: 1, cols: 1, samples: shape.samples }),
            _ => match Function::ALL.into_iter().find(|f| f.name() == name) {
                Some(f) => self.graph.map(f, x),
                None if self.declared.names().any(|n| n == name) => {
                    return self.error(
                        function,
                        format!("`{name}` is not a function: write {name}*(..) to multiply"),
                    );
                }
                None => {
                    let names: Vec<&str> = function_names().collect();
                    let message = format!("there is no function `{name}`{}", known(name, &names));
                    return self.error(function, message);
                }
            },
        };
        Ok(Value::Node(node))
    }

    fn binary(
        &mut self,
        op: Operator,
        a: Value,
        b: Value,
        span: Range<usize>,
    ) -> Result<Value, ExprError> {
        use Value::{Identity, Node as N, StateTransposed};
        match (op, a, b) {
            (Operator::Add | Operator::Sub, Identity(a), Identity(b)) => {
                let op = elementwise(op).unwrap_or(Binary::Add);
                Ok(Identity(self.graph.binary(op, a, b)))
            }
            (Operator::Add | Operator::Sub, Identity(c), N(m))
            | (Operator::Add | Operator::Sub, N(m), Identity(c)) => {
                let shape = self.graph.shape(m);
                if shape.samples || shape.rows != shape.cols {
                    let what = self.describe(m);
                    return self.error(
                        span,
                        format!("`I` can be added to a square matrix, not to {what}"),
                    );
                }
                let eye = self.graph.identity(shape.rows);
                let c = self.graph.broadcast(c, shape);
                let eye = self.graph.mul(c, eye);
                let (a, b) = if matches!(a, Identity(_)) { (eye, m) } else { (m, eye) };
                let op = elementwise(op).unwrap_or(Binary::Add);
                Ok(N(self.graph.binary(op, a, b)))
            }
            (Operator::Times, Identity(c), Identity(d)) => Ok(Identity(self.graph.mul(c, d))),
            (Operator::Times, Identity(c), N(x)) | (Operator::Times, N(x), Identity(c)) => {
                let shape = self.graph.shape(x);
                if shape.is_number() {
                    return Ok(Identity(self.graph.mul(c, x)));
                }
                let c = self.graph.broadcast(c, shape);
                Ok(N(self.graph.mul(c, x)))
            }
            (Operator::Over, Identity(c), N(x)) if self.graph.shape(x).is_number() => {
                Ok(Identity(self.graph.binary(Binary::Div, c, x)))
            }
            (_, Identity(_), _) | (_, _, Identity(_)) => self.error(
                span,
                format!(
                    "`I` has no size of its own here: `{}` needs a value beside it",
                    op.symbol()
                ),
            ),
            (Operator::Times, StateTransposed(x), N(y)) => {
                let (sx, sy) = (self.graph.shape(x), self.graph.shape(y));
                if sy.cols != 1 || sx.rows != sy.rows {
                    let (a, b) = (self.describe(x), self.describe(y));
                    return self.error(
                        span,
                        format!("an inner product needs two of one size; here are {a}, transposed, and {b}"),
                    );
                }
                let y = self.graph.broadcast(y, sx);
                let product = self.graph.mul(x, y);
                Ok(N(self.graph.reduce(product, Shape::state(1))))
            }
            (_, StateTransposed(_), _) | (_, _, StateTransposed(_)) => self.error(
                span,
                "a transposed state may only stand left of `*`, for an inner product (u' * v)"
                    .into(),
            ),
            (Operator::Times, N(a), N(b)) => self.times(a, b, span),
            (Operator::Over, N(a), N(b)) => {
                if self.graph.shape(b).len() != 1 {
                    let what = self.describe(b);
                    return self.error(
                        span,
                        format!("`/` divides by a number, not by {what}; elementwise is `./`"),
                    );
                }
                self.together(Binary::Div, a, b, op, span)
            }
            (Operator::Hat, N(a), N(b)) => {
                if self.graph.shape(b).len() != 1 {
                    let what = self.describe(b);
                    return self.error(
                        span,
                        format!("`^` takes a number as exponent, not {what}; elementwise is `.^`"),
                    );
                }
                if self.graph.shape(a).cols > 1 {
                    let what = self.describe(a);
                    return self.error(
                        span,
                        format!("`^` of {what} could mean two things: write the product, or `.^` for each element"),
                    );
                }
                self.together(Binary::Pow, a, b, op, span)
            }
            (_, N(a), N(b)) => {
                let binary = elementwise(op).unwrap_or(Binary::Mul);
                self.together(binary, a, b, op, span)
            }
        }
    }

    /// Matrix product, or a number times anything.
    fn times(&mut self, a: Node, b: Node, span: Range<usize>) -> Result<Value, ExprError> {
        let (sa, sb) = (self.graph.shape(a), self.graph.shape(b));
        if sa.len() == 1 || sb.len() == 1 {
            // A 1-vector times a row is a matrix product too, and the same thing.
            return self.together(Binary::Mul, a, b, Operator::Times, span);
        }
        if sa.samples {
            let (x, y) = (self.describe(a), self.describe(b));
            let help = if sb.samples || sb.cols == 1 {
                "; elementwise is `.*`, an inner product u' * v"
            } else {
                "; a matrix stands left of the state"
            };
            return self.error(span, format!("{x} times {y} is no matrix product{help}"));
        }
        if sa.cols != sb.rows {
            let (x, y) = (self.describe(a), self.describe(b));
            let help = if sa.rows == sb.rows && sa.cols != sa.rows {
                "; is a `'` missing?"
            } else if sa.cols == 1 && sa.rows == sb.rows {
                "; elementwise is `.*`"
            } else {
                ""
            };
            return self.error(
                span,
                format!("{x} times {y}: {} columns meet {} rows{help}", sa.cols, sb.rows),
            );
        }
        Ok(Value::Node(self.graph.product(a, false, b, false)))
    }

    /// Elementwise, after numbers are repeated and vectors given to each sample.
    fn together(
        &mut self,
        binary: Binary,
        a: Node,
        b: Node,
        op: Operator,
        span: Range<usize>,
    ) -> Result<Value, ExprError> {
        let (sa, sb) = (self.graph.shape(a), self.graph.shape(b));
        let samples = sa.samples || sb.samples;
        let shape = if sa.len() == 1 {
            Shape { samples, ..sb }
        } else if sb.len() == 1 || (sa.rows, sa.cols) == (sb.rows, sb.cols) {
            Shape { samples, ..sa }
        } else {
            let (x, y) = (self.describe(a), self.describe(b));
            return self
                .error(span, format!("`{}` joins {x} with {y}: the sizes differ", op.symbol()));
        };
        if samples && shape.cols > 1 {
            let (x, y) = (self.describe(a), self.describe(b));
            return self.error(
                span,
                format!(
                    "`{}` joins {x} with {y}: that would be a matrix for each sample",
                    op.symbol()
                ),
            );
        }
        let a = self.graph.broadcast(a, shape);
        let b = self.graph.broadcast(b, shape);
        Ok(Value::Node(self.graph.binary(binary, a, b)))
    }

    fn result(&mut self, tree: &Tree, rows: usize, block: &str) -> Result<Node, ExprError> {
        let span = 0..self.text.len();
        let node = match self.values[tree.root.index()] {
            Value::Node(node) => node,
            Value::StateTransposed(_) => {
                return self.error(span, "the result is a transposed state".into());
            }
            Value::Identity(_) => {
                return self.error(span, "the result is a matrix, not a state".into());
            }
        };
        let shape = self.graph.shape(node);
        if self.single[tree.root.index()] && rows > 1 {
            let message = format!("the result is a 1 x 1 matrix, but `{block}` has {rows} rows");
            return self.error(span, message);
        }
        let fits = shape.cols == 1 && (shape.rows == rows || shape.rows == 1 && !shape.samples);
        if !fits {
            let what = self.describe(node);
            return self
                .error(span, format!("the result is {what}, but `{block}` has {rows} rows"));
        }
        Ok(self.graph.broadcast(node, Shape::state(rows)))
    }

    fn describe(&self, node: Node) -> String {
        match self.graph.shape(node) {
            Shape { samples: true, rows: 1, .. } => "a state of one row".into(),
            Shape { samples: true, rows, .. } => format!("a state of {rows} rows"),
            Shape { rows: 1, cols: 1, .. } => "a number".into(),
            Shape { rows, cols: 1, .. } => format!("a vector of {rows}"),
            Shape { rows, cols, .. } => format!("a {rows} x {cols} matrix"),
        }
    }
}

fn elementwise(op: Operator) -> Option<Binary> {
    match op {
        Operator::Add => Some(Binary::Add),
        Operator::Sub => Some(Binary::Sub),
        Operator::Mul => Some(Binary::Mul),
        Operator::Div => Some(Binary::Div),
        Operator::Pow => Some(Binary::Pow),
        Operator::Times | Operator::Over | Operator::Hat => None,
    }
}

/// All functions that a formula may call.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    Function::ALL.into_iter().map(Function::name).chain(COMPOSED)
}
