//! Forward, loss and backward of one block of columns, while its tape is in the cache.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::Arch;

use super::kernel::{Activate, Back, BackFirst, BackLast, End, Kernel, Softmax, Stage};
use super::{Shape, Sums, Weights};

/// The memory of a block. Of stage i of step k the point stands in slot 4k + i of `z`, and in that of `a`
/// the activation, later the cotangent before it: what is multiplied side by side stands side by side.
pub struct Tape {
    z: Vec<f64>,
    a: Vec<f64>,
    lambda: Vec<f64>,
    q: Vec<f64>,
    logits: Vec<f64>,
    samples: Vec<f64>,
}

impl Tape {
    pub fn new(shape: &Shape) -> Tape {
        let slot = shape.width * shape.block;
        Tape {
            z: aligned(slot * (4 * shape.steps + 1)),
            a: aligned(slot * 4 * shape.steps),
            lambda: aligned(slot),
            q: aligned(slot * 3),
            logits: aligned(shape.outputs * shape.block),
            samples: aligned(2 * shape.block),
        }
    }
}

/// Room for a start on a cache line.
fn aligned(length: usize) -> Vec<f64> {
    vec![0.0; length + 7]
}

/// The memory from the first cache line on.
fn line(memory: &mut [f64]) -> &mut [f64] {
    let offset = memory.as_ptr().align_offset(64);
    &mut memory[offset..]
}

fn columns(slice: &[f64], rows: usize) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(slice, rows, slice.len() / rows)
}

fn columns_mut(slice: &mut [f64], rows: usize) -> MatMut<'_, f64> {
    let n = slice.len() / rows;
    MatMut::from_column_major_slice_mut(slice, rows, n)
}

fn product(to: MatMut<'_, f64>, accum: Accum, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
    matmul(to, accum, left, right, 1.0, Par::Seq);
}

/// Adds the block's gradient to `sums`, or sets it if the block is the `first`; gives the sum of its losses.
pub fn gradient(
    shape: &Shape,
    weights: &Weights<'_>,
    (x, labels): (&[f64], &[usize]),
    tape: &mut Tape,
    sums: &mut Sums,
    first: bool,
    arch: Arch,
) -> f64 {
    let &Shape { width, outputs, steps, features, .. } = shape;
    let m = labels.len();
    let slot = width * m;
    let h = shape.horizon / steps as f64;
    let z = &mut line(&mut tape.z)[..slot * (4 * steps + 1)];
    let a = &mut line(&mut tape.a)[..slot * 4 * steps];
    let x = columns(x, features);

    // Forward.
    product(columns_mut(&mut z[..slot], width), Accum::Replace, weights.opening(), x);
    Activate { a: &mut z[..slot], bias: weights.opening_bias() }.dispatch(arch);
    for k in 0..steps {
        let (y, z) = z[4 * k * slot..(4 * k + 5) * slot].split_at_mut(slot);
        let a = &mut a[4 * k * slot..(4 * k + 4) * slot];
        for i in 0..4 {
            let time = 2 * k + [0, 1, 1, 2][i];
            let (before, at) = a.split_at_mut(i * slot);
            let at = &mut at[..slot];
            let point = if i == 0 { &*y } else { &z[(i - 1) * slot..i * slot] };
            product(
                columns_mut(at, width),
                Accum::Replace,
                weights.field(time),
                columns(point, width),
            );
            let bias = weights.field_bias(time);
            let z = &mut z[i * slot..(i + 1) * slot];
            if i < 3 {
                Stage { a: at, bias, y, c: [0.5 * h, 0.5 * h, h][i], z }.dispatch(arch);
            } else {
                let a = [&before[..slot], &before[slot..2 * slot], &before[2 * slot..]];
                End { a, last: at, bias, y, c: h / 6.0, z }.dispatch(arch);
            }
        }
    }

    // Loss.
    let end = columns(&z[4 * steps * slot..], width);
    let logits = &mut line(&mut tape.logits)[..m * outputs];
    let (head, head_bias) = weights.head();
    product(columns_mut(logits, m), Accum::Replace, end.transpose(), head.transpose());
    let (top, sum) = tape.samples.split_at_mut(shape.block);
    let accum = if first { Accum::Replace } else { Accum::Add };
    let loss = Softmax {
        logits,
        bias: head_bias,
        labels,
        scale: 1.0 / shape.batch as f64,
        top: &mut top[..m],
        sum: &mut sum[..m],
        bias_sums: &mut sums.head_bias,
    }
    .dispatch(arch);

    // Backward.
    let slope = columns(logits, m).transpose();
    product(columns_mut(&mut sums.head, outputs), accum, slope, end.transpose());
    let lambda = &mut line(&mut tape.lambda)[..slot];
    product(columns_mut(lambda, width), Accum::Replace, head.transpose(), slope);
    let q = &mut line(&mut tape.q)[..3 * slot];
    let (q2, q) = q.split_at_mut(slot);
    let (q3, q4) = q.split_at_mut(slot);
    let tile = shape.tile();
    let square = width * width;
    let mut outer = |time: usize, u: &[f64], z: &[f64]| {
        let to = columns_mut(&mut sums.field[time * square..(time + 1) * square], width);
        product(to, accum, columns(u, width), columns(z, width).transpose());
    };
    for k in (0..steps).rev() {
        let (t1, tm, t0) = (2 * k + 2, 2 * k + 1, 2 * k);
        let bias = &mut sums.bias;
        let [a1, a2, a3, a4] = slots(&mut a[4 * k * slot..], slot);
        let at = |time: usize| time * tile..(time + 1) * tile;
        let back = |time: usize, u: &[f64], to: &mut [f64], accum: Accum| {
            product(
                columns_mut(to, width),
                accum,
                weights.field(time).transpose(),
                columns(u, width),
            );
        };
        BackLast { a: a4, lambda, c: h / 6.0, sums: &mut bias[at(t1)] }.dispatch(arch);
        back(t1, a4, q4, Accum::Replace);
        Back { a: a3, lambda, c: h / 3.0, q: q4, d: h, sums: &mut bias[at(tm)] }.dispatch(arch);
        back(tm, a3, q3, Accum::Replace);
        let sums = &mut bias[at(tm)];
        Back { a: a2, lambda, c: h / 3.0, q: q3, d: 0.5 * h, sums }.dispatch(arch);
        back(tm, a2, q2, Accum::Replace);
        let q = [&*q2, &*q3, &*q4];
        let sums = &mut bias[at(t0)];
        BackFirst { a: a1, lambda, c: h / 6.0, q, d: 0.5 * h, sums }.dispatch(arch);
        back(t0, a1, lambda, Accum::Add);

        // Stages of one time together, over the end of the step as well.
        let both = |from: usize, to: usize| from * slot..to * slot;
        let node = both(4 * k + 3, (4 * k + 5).min(4 * steps));
        outer(t1, &a[node.clone()], &z[node]);
        let middle = both(4 * k + 1, 4 * k + 3);
        outer(tm, &a[middle.clone()], &z[middle]);
    }
    outer(0, &a[..slot], &z[..slot]);
    let start = &mut z[..slot];
    let opening = (2 * steps + 1) * tile;
    let bias = &mut sums.bias[opening..opening + tile];
    BackLast { a: start, lambda, c: 1.0, sums: bias }.dispatch(arch);
    let to = columns_mut(&mut sums.opening, width);
    product(to, accum, columns(start, width), x.transpose());
    loss
}

fn slots(memory: &mut [f64], slot: usize) -> [&mut [f64]; 4] {
    let (a1, rest) = memory.split_at_mut(slot);
    let (a2, rest) = rest.split_at_mut(slot);
    let (a3, rest) = rest.split_at_mut(slot);
    [a1, a2, a3, &mut rest[..slot]]
}
