//! The parts of a formula that are the same for all samples: executed once for each time, on plain matrices.

use std::collections::HashMap;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::functions;
use super::graph::{Binary, Graph, Node, Op, Shape};
use super::work::{Product, ProductKind, Work};
use crate::buffer::LINE;

/// Where a value stands: in one of the slices given, or in the program's own buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum At {
    Given(usize, usize),
    Own(usize),
}

#[derive(Clone, Debug)]
struct Step {
    op: Op,
    args: [At; 2],
    shapes: [Shape; 2],
    to: usize,
    shape: Shape,
}

/// Weight-like nodes in order, each with its place in a buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct WeightProgram {
    steps: Vec<Step>,
    places: HashMap<Node, At>,
    length: usize,
}

impl WeightProgram {
    /// A program whose own buffer begins with `reserved` numbers that are there before it runs.
    pub fn new(reserved: usize) -> WeightProgram {
        WeightProgram { length: reserved, ..WeightProgram::default() }
    }

    pub fn place(&mut self, node: Node, at: At) {
        self.places.insert(node, at);
    }

    pub fn find(&self, node: Node) -> Option<At> {
        self.places.get(&node).copied()
    }

    /// Numbers in the buffer.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Room for `n` more numbers at the end, from a cache line on.
    pub fn reserve(&mut self, n: usize) -> usize {
        let start = self.length.next_multiple_of(LINE);
        self.length = start + n;
        start
    }

    /// Adds what is missing to have `node`, and says where it is. `None` if it comes from samples or inputs
    /// that have no place.
    pub fn want(&mut self, graph: &Graph, node: Node) -> Option<At> {
        for n in graph.needed(&[node], |n| self.places.contains_key(&n)) {
            if self.places.contains_key(&n) {
                continue;
            }
            let shape = graph.shape(n);
            if shape.samples || matches!(graph.op(n), Op::Input(_)) {
                return None;
            }
            let mut args = [At::Own(0); 2];
            let mut shapes = [Shape::NUMBER; 2];
            for (i, arg) in graph.op(n).args().enumerate() {
                args[i] = self.find(arg)?;
                shapes[i] = graph.shape(arg);
            }
            let to = self.reserve(shape.len());
            self.steps.push(Step { op: graph.op(n), args, shapes, to, shape });
            self.places.insert(n, At::Own(to));
        }
        self.find(node)
    }

    /// The work of a run.
    pub fn work(&self) -> Work {
        self.steps.iter().map(Step::work).sum()
    }

    /// Runs on `own`, whose reserved part is filled, reading `given` where a place says so.
    pub fn run(&self, t: f64, given: &[&[f64]], own: &mut [f64]) {
        for step in &self.steps {
            let (before, rest) = own.split_at_mut(step.to);
            let out = &mut rest[..step.shape.len()];
            let arg = |i: usize| -> &[f64] {
                let len = step.shapes[i].len();
                match step.args[i] {
                    At::Given(slice, at) => &given[slice][at..at + len],
                    At::Own(at) => &before[at..at + len],
                }
            };
            run_step(step, t, arg, out);
        }
    }
}

impl Step {
    fn work(&self) -> Work {
        let n = self.shape.len();
        let read: usize = self.op.args().zip(&self.shapes).map(|(_, shape)| shape.len()).sum();
        let mut work = match self.op {
            Op::Product { left_t, .. } => {
                let inner = if left_t { self.shapes[0].rows } else { self.shapes[0].cols };
                let Shape { rows, cols: columns, .. } = self.shape;
                return Work::product(Product { kind: ProductKind::Plain, rows, inner, columns });
            }
            Op::Map(f, _) => Work::map(f, n),
            Op::Power(..) => Work::function("^", n),
            Op::Binary(op, ..) => Work::binary(op, n),
            _ => Work::default(),
        };
        work += Work::moved(read + n, 1);
        work
    }
}

fn run_step<'a>(step: &Step, t: f64, arg: impl Fn(usize) -> &'a [f64], out: &mut [f64]) {
    let (rows, cols) = (step.shape.rows, step.shape.cols);
    let each1 = |out: &mut [f64], f: &dyn Fn(f64) -> f64| {
        out.iter_mut().zip(arg(0)).for_each(|(o, &a)| *o = f(a));
    };
    match step.op {
        Op::Number(x) => out.fill(x.get()),
        Op::Time => out.fill(t),
        Op::Identity => {
            out.fill(0.0);
            out.iter_mut().step_by(rows + 1).for_each(|o| *o = 1.0);
        }
        // Inputs have their places before the program runs.
        Op::Input(_) => {}
        Op::Neg(_) => each1(out, &|a| -a),
        Op::Map(f, _) => each1(out, &|a| functions::apply::<false>(f, a)),
        Op::Power(_, p) => each1(out, &|a| functions::power(a, p.get())),
        Op::Binary(op, ..) => {
            let pairs = out.iter_mut().zip(arg(0)).zip(arg(1));
            match op {
                Binary::Add => pairs.for_each(|((o, &a), &b)| *o = a + b),
                Binary::Sub => pairs.for_each(|((o, &a), &b)| *o = a - b),
                Binary::Mul => pairs.for_each(|((o, &a), &b)| *o = a * b),
                Binary::Div => pairs.for_each(|((o, &a), &b)| *o = a / b),
                Binary::Pow => pairs.for_each(|((o, &a), &b)| *o = a.powf(b)),
            }
        }
        Op::Product { left_t, right_t, .. } => {
            let view = |i: usize, transposed: bool| {
                let Shape { rows, cols, .. } = step.shapes[i];
                let matrix = MatRef::from_column_major_slice(arg(i), rows, cols);
                if transposed { matrix.transpose() } else { matrix }
            };
            let out = MatMut::from_column_major_slice_mut(out, rows, cols);
            matmul(out, Accum::Replace, view(0, left_t), view(1, right_t), 1.0, Par::Seq);
        }
        Op::Transpose(_) => {
            let a = arg(0);
            for (j, column) in out.chunks_exact_mut(rows).enumerate() {
                column.iter_mut().enumerate().for_each(|(i, o)| *o = a[j + i * cols]);
            }
        }
        Op::Broadcast(_) => {
            let (a, from) = (arg(0), step.shapes[0]);
            for (j, column) in out.chunks_exact_mut(rows).enumerate() {
                let j = if from.cols == 1 { 0 } else { j };
                let a = &a[j * from.rows..(j + 1) * from.rows];
                match a {
                    [one] => column.fill(*one),
                    _ => column.copy_from_slice(a),
                }
            }
        }
        Op::Reduce(_) => {
            let (a, from) = (arg(0), step.shapes[0]);
            out.fill(0.0);
            for (j, column) in a.chunks_exact(from.rows).enumerate() {
                let j = if cols == 1 { 0 } else { j };
                for (i, &x) in column.iter().enumerate() {
                    out[if rows == 1 { 0 } else { i } + j * rows] += x;
                }
            }
        }
    }
}
