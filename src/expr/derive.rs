//! Derivatives of a graph, written into the same graph.
//!
//! `tangents` is the forward mode: the directional derivative of each node along given directions of the
//! inputs. `cotangents` is the reverse mode: the transposed derivative applied to given cotangents of the
//! outputs. Both are exact and give nodes like any other, so they can be derived again
//! (Griewank and Walther, Evaluating Derivatives, 2008, chapter 3).

use std::collections::HashMap;

use super::graph::{Binary, Function, Graph, Node, Op, Shape};

/// The derivatives of `outputs` along the directions given for inputs; `None` where it is zero.
pub fn tangents(
    graph: &mut Graph,
    outputs: &[Node],
    directions: &HashMap<Node, Node>,
) -> Vec<Option<Node>> {
    let mut known: HashMap<Node, Node> = HashMap::new();
    for node in graph.needed(outputs, |_| false) {
        let d = |n: Node| known.get(&n).copied();
        let tangent = match graph.op(node) {
            Op::Number(_) | Op::Time | Op::Identity => None,
            Op::Input(_) => directions.get(&node).copied(),
            Op::Neg(a) => d(a).map(|da| graph.neg(da)),
            Op::Map(..) | Op::Power(..) => unary_argument(graph, node).and_then(d).map(|da| {
                let slope = slope(graph, node);
                graph.mul(da, slope)
            }),
            Op::Binary(op, a, b) => {
                let (da, db) = (d(a), d(b));
                let left = da.map(|da| partial(graph, op, Side::Left, node, a, b, da));
                let right = db.map(|db| partial(graph, op, Side::Right, node, a, b, db));
                plus(graph, left, right)
            }
            Op::Product { left, left_t, right, right_t } => {
                let (dl, dr) = (d(left), d(right));
                let l = dl.map(|dl| graph.product(dl, left_t, right, right_t));
                let r = dr.map(|dr| graph.product(left, left_t, dr, right_t));
                plus(graph, l, r)
            }
            Op::Transpose(a) => d(a).map(|da| graph.transpose(da)),
            Op::Broadcast(a) => d(a).map(|da| graph.broadcast(da, graph.shape(node))),
            Op::Reduce(a) => d(a).map(|da| graph.reduce(da, graph.shape(node))),
        };
        if let Some(tangent) = tangent.filter(|&d| graph.as_number(d) != Some(0.0)) {
            known.insert(node, tangent);
        }
    }
    outputs.iter().map(|o| known.get(o).copied()).collect()
}

/// The transposed derivative: for each of `inputs` the sum over outputs of (d output / d input)' cotangent;
/// `None` where it is zero.
pub fn cotangents(
    graph: &mut Graph,
    outputs: &[(Node, Node)],
    inputs: &[Node],
) -> Vec<Option<Node>> {
    let targets: Vec<Node> = outputs.iter().map(|o| o.0).collect();
    let order = graph.needed(&targets, |_| false);
    // Nodes that no wanted input reaches are constants here.
    let mut active: HashMap<Node, bool> = HashMap::new();
    for &node in &order {
        let reached = inputs.contains(&node)
            || graph.op(node).args().any(|a| active.get(&a).copied().unwrap_or(false));
        active.insert(node, reached);
    }
    let mut sums: HashMap<Node, Node> = HashMap::new();
    for &(node, cotangent) in outputs {
        add_to(graph, &mut sums, node, cotangent);
    }
    for &node in order.iter().rev() {
        let Some(&bar) = sums.get(&node) else { continue };
        let mut give = |graph: &mut Graph, to: Node, make: &dyn Fn(&mut Graph) -> Node| {
            if active.get(&to).copied().unwrap_or(false) {
                let share = make(graph);
                if graph.as_number(share) != Some(0.0) {
                    add_to(graph, &mut sums, to, share);
                }
            }
        };
        match graph.op(node) {
            Op::Number(_) | Op::Time | Op::Identity | Op::Input(_) => {}
            Op::Neg(a) => give(graph, a, &|g| g.neg(bar)),
            Op::Map(_, a) | Op::Power(a, _) => give(graph, a, &|g| {
                let slope = slope(g, node);
                g.mul(bar, slope)
            }),
            Op::Binary(op, a, b) => {
                give(graph, a, &|g| partial(g, op, Side::Left, node, a, b, bar));
                give(graph, b, &|g| partial(g, op, Side::Right, node, a, b, bar));
            }
            Op::Product { left, left_t, right, right_t } => {
                let samples = (graph.shape(left).samples, graph.shape(right).samples);
                give(graph, left, &|g| match samples {
                    // sum u v': the cotangent of each u is bar v.
                    (true, _) => g.product(bar, false, right, false),
                    (false, _) if left_t => g.product(right, right_t, bar, true),
                    (false, _) => g.product(bar, false, right, !right_t),
                });
                give(graph, right, &|g| match samples {
                    (true, _) => g.product(bar, true, left, false),
                    (false, _) if right_t => g.product(bar, true, left, left_t),
                    (false, _) => g.product(left, !left_t, bar, false),
                });
            }
            Op::Transpose(a) => give(graph, a, &|g| g.transpose(bar)),
            Op::Broadcast(a) => give(graph, a, &|g| g.reduce(bar, g.shape(a))),
            Op::Reduce(a) => give(graph, a, &|g| g.broadcast(bar, g.shape(a))),
        }
    }
    inputs.iter().map(|i| sums.get(i).copied()).collect()
}

fn add_to(graph: &mut Graph, sums: &mut HashMap<Node, Node>, to: Node, share: Node) {
    let total = match sums.get(&to) {
        Some(&sum) => graph.add(sum, share),
        None => share,
    };
    sums.insert(to, total);
}

fn plus(graph: &mut Graph, a: Option<Node>, b: Option<Node>) -> Option<Node> {
    match (a, b) {
        (Some(a), Some(b)) => Some(graph.add(a, b)),
        (a, b) => a.or(b),
    }
}

fn unary_argument(graph: &Graph, node: Node) -> Option<Node> {
    graph.op(node).args().next()
}

enum Side {
    Left,
    Right,
}

/// The derivative of an elementwise `node = a op b` with respect to one side, times `d`: its own transpose.
fn partial(g: &mut Graph, op: Binary, side: Side, node: Node, a: Node, b: Node, d: Node) -> Node {
    match (op, side) {
        (Binary::Add, _) | (Binary::Sub, Side::Left) => d,
        (Binary::Sub, Side::Right) => g.neg(d),
        (Binary::Mul, Side::Left) => g.mul(d, b),
        (Binary::Mul, Side::Right) => g.mul(d, a),
        (Binary::Div, Side::Left) => g.binary(Binary::Div, d, b),
        (Binary::Div, Side::Right) => {
            // d(a/b)/db = -(a/b)/b
            let scaled = g.mul(d, node);
            let quotient = g.binary(Binary::Div, scaled, b);
            g.neg(quotient)
        }
        (Binary::Pow, Side::Left) => {
            // b a^(b-1)
            let one = g.filled(1.0, g.shape(b));
            let less = g.binary(Binary::Sub, b, one);
            let power = g.binary(Binary::Pow, a, less);
            let slope = g.mul(b, power);
            g.mul(d, slope)
        }
        (Binary::Pow, Side::Right) => {
            // a^b log a
            let log = g.map(Function::Log, a);
            let slope = g.mul(node, log);
            g.mul(d, slope)
        }
    }
}

/// The derivative of an elementwise function at its argument, by its own value where that is known.
fn slope(g: &mut Graph, node: Node) -> Node {
    let shape: Shape = g.shape(node);
    let one = g.filled(1.0, shape);
    match g.op(node) {
        Op::Power(a, p) => {
            let power = g.power(a, p.get() - 1.0);
            g.scale(p.get(), power)
        }
        Op::Map(f, a) => match f {
            Function::Tanh => {
                let square = g.mul(node, node);
                g.binary(Binary::Sub, one, square)
            }
            // relu(x) > 0 exactly where x > 0.
            Function::Relu => g.map(Function::Step, node),
            Function::Step => g.filled(0.0, shape),
            Function::Sigmoid => {
                let rest = g.binary(Binary::Sub, one, node);
                g.mul(node, rest)
            }
            Function::Softplus => g.map(Function::Sigmoid, a),
            Function::NormalCdf => {
                // exp(-x^2/2) / sqrt(2 pi)
                let square = g.mul(a, a);
                let exponent = g.scale(-0.5, square);
                let bell = g.map(Function::Exp, exponent);
                g.scale((0.5 * std::f64::consts::FRAC_1_PI).sqrt(), bell)
            }
            Function::Sin => g.map(Function::Cos, a),
            Function::Cos => {
                let sin = g.map(Function::Sin, a);
                g.neg(sin)
            }
            Function::Exp => node,
            Function::Log => g.binary(Binary::Div, one, a),
            Function::Sqrt => {
                let half = g.filled(0.5, shape);
                g.binary(Binary::Div, half, node)
            }
        },
        _ => one,
    }
}
