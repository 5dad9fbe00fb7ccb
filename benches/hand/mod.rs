//! The measure of speed: one network written out by hand, against which the symbolic engine is held.
//!
//! y(0) = tanh(W x + b), y' = tanh(K(t) y + b(t)) with weights piecewise linear on the grid of the steps, rk4,
//! a linear head and the mean softmax cross-entropy: value and exact gradient, nothing of the crate in use.

mod block;
pub mod kernel;

use std::ops::Range;
use std::sync::Mutex;

use faer::MatRef;
use pulp::Arch;

use block::Tape;

/// Sums of their own, added in a fixed order: the result does not know how many threads there were.
const GROUPS: usize = 8;

/// What is known before the weights are.
pub struct Shape {
    width: usize,
    features: usize,
    outputs: usize,
    steps: usize,
    horizon: f64,
    batch: usize,
    /// Columns of a block.
    block: usize,
}

impl Shape {
    /// Numbers of a bias tile: whole columns, and enough for a loop.
    fn tile(&self) -> usize {
        self.width * 256_usize.div_ceil(self.width)
    }

    fn times(&self) -> usize {
        2 * self.steps + 1
    }

    /// Where the weights of a node stand among the parameters.
    fn node(&self, i: usize) -> usize {
        let n = self.width;
        n * self.features + n + i * (n * n + n)
    }

    fn parameters(&self) -> usize {
        self.node(self.steps + 1) + self.outputs * (self.width + 1)
    }
}

/// The parameters, and what is made of them once a gradient. Stage time 2k is node k, 2k + 1 the middle.
pub struct Weights<'a> {
    shape: &'a Shape,
    theta: &'a [f64],
    middle: &'a [f64],
    bias: &'a [f64],
}

impl<'a> Weights<'a> {
    fn opening(&self) -> MatRef<'a, f64> {
        let &Shape { width, features, .. } = self.shape;
        MatRef::from_column_major_slice(&self.theta[..width * features], width, features)
    }

    fn field(&self, time: usize) -> MatRef<'a, f64> {
        let n = self.shape.width;
        let (from, start) = if time.is_multiple_of(2) {
            (self.theta, self.shape.node(time / 2))
        } else {
            (self.middle, time / 2 * n * n)
        };
        MatRef::from_column_major_slice(&from[start..start + n * n], n, n)
    }

    fn head(&self) -> (MatRef<'a, f64>, &'a [f64]) {
        let &Shape { width, outputs, steps, .. } = self.shape;
        let head = &self.theta[self.shape.node(steps + 1)..];
        let (weight, bias) = head.split_at(outputs * width);
        (MatRef::from_column_major_slice(weight, outputs, width), bias)
    }

    fn field_bias(&self, time: usize) -> &'a [f64] {
        let tile = self.shape.tile();
        &self.bias[time * tile..(time + 1) * tile]
    }

    fn opening_bias(&self) -> &'a [f64] {
        self.field_bias(self.shape.times())
    }
}

/// The gradient at stage times, biases by tiles, the opening's last.
pub struct Sums {
    field: Vec<f64>,
    bias: Vec<f64>,
    opening: Vec<f64>,
    head: Vec<f64>,
    head_bias: Vec<f64>,
}

impl Sums {
    fn new(shape: &Shape) -> Sums {
        let n = shape.width;
        Sums {
            field: vec![0.0; shape.times() * n * n],
            bias: vec![0.0; (shape.times() + 1) * shape.tile()],
            opening: vec![0.0; n * shape.features],
            head: vec![0.0; n * shape.outputs],
            head_bias: vec![0.0; shape.outputs],
        }
    }

    fn add(&mut self, other: &Sums) {
        add(&mut self.field, &other.field);
        add(&mut self.bias, &other.bias);
        add(&mut self.opening, &other.opening);
        add(&mut self.head, &other.head);
        add(&mut self.head_bias, &other.head_bias);
    }
}

fn add(to: &mut [f64], from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
}

struct Group {
    columns: Range<usize>,
    loss: f64,
    sums: Sums,
}

/// Columns of a block: a tape of 4 MB stays in the cache. Fewer than 64, or than half the width, and a
/// product is as long in reading its matrix as in using it; more than 128 gain nothing.
fn columns(width: usize, steps: usize) -> usize {
    let kept = 8 * width * steps * size_of::<f64>();
    (4_000_000 / kept).clamp(64, 128).max(width / 2)
}

/// A network of fixed shape on batches of fixed length, with all the memory it needs.
pub struct Hand {
    shape: Shape,
    middle: Vec<f64>,
    bias: Vec<f64>,
    groups: Vec<Group>,
    /// As many as threads have been at work at once.
    tapes: Mutex<Vec<Tape>>,
    arch: Arch,
}

impl Hand {
    /// Nothing here may be zero.
    pub fn new(
        width: usize,
        features: usize,
        outputs: usize,
        steps: usize,
        horizon: f64,
        batch: usize,
    ) -> Hand {
        // Groups of equal length, and in them blocks of equal length.
        let group = batch.div_ceil(GROUPS);
        let block = group.div_ceil(group.div_ceil(columns(width, steps)));
        let shape = Shape { width, features, outputs, steps, horizon, batch, block };
        let starts = (0..batch).step_by(group);
        let groups = starts.map(|start| Group {
            columns: start..(start + group).min(batch),
            loss: 0.0,
            sums: Sums::new(&shape),
        });
        Hand {
            groups: groups.collect(),
            middle: vec![0.0; steps * width * width],
            bias: vec![0.0; (shape.times() + 1) * shape.tile()],
            tapes: Mutex::new(Vec::new()),
            arch: Arch::new(),
            shape,
        }
    }

    /// The number of parameters.
    pub fn parameters(&self) -> usize {
        self.shape.parameters()
    }

    /// The mean loss, and its gradient in the layout of `theta`: opening weight and bias, then of each node
    /// the field's weight and bias, then head weight and bias, matrices by columns.
    pub fn gradient(
        &mut self,
        theta: &[f64],
        x: &[f64],
        labels: &[usize],
        gradient: &mut [f64],
    ) -> f64 {
        self.prepare(theta);
        let Hand { shape, middle, bias, groups, tapes, arch } = self;
        let work = Work {
            shape,
            weights: Weights { shape, theta, middle, bias },
            x,
            labels,
            tapes,
            arch: *arch,
        };
        work.run(groups);
        collect(shape, &groups[0].sums, gradient);
        groups[0].loss / shape.batch as f64
    }

    /// Weights in the middle of steps, and biases as tiles.
    fn prepare(&mut self, theta: &[f64]) {
        let Hand { shape, middle, bias, .. } = self;
        let n = shape.width;
        let square = n * n;
        let node = |i: usize| &theta[shape.node(i)..][..square + n];
        for (k, middle) in middle.chunks_exact_mut(square).enumerate() {
            for ((m, a), b) in middle.iter_mut().zip(node(k)).zip(node(k + 1)) {
                *m = 0.5 * (a + b);
            }
        }
        let times = shape.times();
        for (time, tile) in bias.chunks_exact_mut(shape.tile()).enumerate() {
            for column in tile.chunks_exact_mut(n) {
                if time == times {
                    column.copy_from_slice(&theta[n * shape.features..][..n]);
                } else {
                    let (a, b) = (node(time / 2), node(time.div_ceil(2)));
                    for ((c, a), b) in column.iter_mut().zip(&a[square..]).zip(&b[square..]) {
                        *c = 0.5 * (a + b);
                    }
                }
            }
        }
    }
}

/// One gradient's work, seen by all threads.
struct Work<'a> {
    shape: &'a Shape,
    weights: Weights<'a>,
    x: &'a [f64],
    labels: &'a [usize],
    tapes: &'a Mutex<Vec<Tape>>,
    arch: Arch,
}

impl Work<'_> {
    /// Leaves the sum of all groups in the first.
    fn run(&self, groups: &mut [Group]) {
        if let [group] = groups {
            return self.group(group);
        }
        let (left, right) = groups.split_at_mut(groups.len().div_ceil(2));
        rayon::join(|| self.run(left), || self.run(right));
        left[0].sums.add(&right[0].sums);
        left[0].loss += right[0].loss;
    }

    fn group(&self, group: &mut Group) {
        let tape = self.tapes.lock().ok().and_then(|mut tapes| tapes.pop());
        let mut tape = tape.unwrap_or_else(|| Tape::new(self.shape));
        let Group { columns, loss, sums } = group;
        *loss = 0.0;
        sums.bias.fill(0.0);
        sums.head_bias.fill(0.0);
        let features = self.shape.features;
        for start in columns.clone().step_by(self.shape.block) {
            let end = (start + self.shape.block).min(columns.end);
            let data = (&self.x[start * features..end * features], &self.labels[start..end]);
            let first = start == columns.start;
            *loss +=
                block::gradient(self.shape, &self.weights, data, &mut tape, sums, first, self.arch);
        }
        if let Ok(mut tapes) = self.tapes.lock() {
            tapes.push(tape);
        }
    }
}

/// From stage times to nodes, and from tiles to biases: the transpose of [`Hand::prepare`].
fn collect(shape: &Shape, sums: &Sums, gradient: &mut [f64]) {
    let n = shape.width;
    let square = n * n;
    let (opening, rest) = gradient.split_at_mut(n * shape.features + n);
    let (nodes, head) = rest.split_at_mut((shape.steps + 1) * (square + n));
    let (weight, bias) = opening.split_at_mut(n * shape.features);
    let tile = |time: usize| &sums.bias[time * shape.tile()..(time + 1) * shape.tile()];
    weight.copy_from_slice(&sums.opening);
    bias.fill(0.0);
    fold(tile(shape.times()), 1.0, bias);
    for (i, node) in nodes.chunks_exact_mut(square + n).enumerate() {
        let (weight, bias) = node.split_at_mut(square);
        bias.fill(0.0);
        fold(tile(2 * i), 1.0, bias);
        weight.copy_from_slice(&sums.field[2 * i * square..(2 * i + 1) * square]);
        let before = (i > 0).then(|| 2 * i - 1);
        let after = (i < shape.steps).then_some(2 * i + 1);
        for time in before.into_iter().chain(after) {
            let sums = &sums.field[time * square..(time + 1) * square];
            weight.iter_mut().zip(sums).for_each(|(w, s)| *w += 0.5 * s);
            fold(tile(time), 0.5, bias);
        }
    }
    let (weight, bias) = head.split_at_mut(shape.outputs * n);
    weight.copy_from_slice(&sums.head);
    bias.copy_from_slice(&sums.head_bias);
}

/// bias += factor * the sum of the tile's columns
fn fold(tile: &[f64], factor: f64, bias: &mut [f64]) {
    for column in tile.chunks_exact(bias.len()) {
        bias.iter_mut().zip(column).for_each(|(b, s)| *b += factor * s);
    }
}
