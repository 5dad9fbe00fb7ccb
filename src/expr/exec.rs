//! Execution of a body on a block of samples.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Arch, Simd, WithSimd};

use super::blocks::{Blocks, Memory, Reader, Region, Run, Then};
use super::body::{Arg, Body, Fold, Outer, Place, Seeding, Step, Tile, TileStep};
use super::functions;
use super::graph::{Binary, Function};
use super::vector::{TERMS, bell_of, map_sum_then, map2, sum_into};
use crate::buffer::Buffer;

/// Memory that execution needs for itself; it grows to what is asked and stays.
#[derive(Clone, Debug)]
pub struct Workspace {
    scratch: Buffer,
    temps: Buffer,
    folds: Buffer,
    seeds: Buffer,
    pub(super) held: Buffer,
    pub(super) weights: Buffer,
    /// For a cotangent that a field wants as one block.
    pub(crate) cotangent: Buffer,
    arch: Arch,
}

impl Default for Workspace {
    fn default() -> Workspace {
        Workspace::new()
    }
}

impl Workspace {
    pub fn new() -> Workspace {
        Workspace {
            scratch: Buffer::default(),
            temps: Buffer::default(),
            folds: Buffer::default(),
            seeds: Buffer::default(),
            held: Buffer::default(),
            cotangent: Buffer::default(),
            weights: Buffer::default(),
            arch: Arch::new(),
        }
    }

    /// For a processor kind that is not the best one at hand: results differ by rounding only.
    #[cfg(test)]
    pub fn with_arch(arch: Arch) -> Workspace {
        Workspace { arch, ..Workspace::new() }
    }
}

/// Runs a body. `prepared` belongs to the time, `columns` samples make a tile of at most `tile` numbers.
pub(super) fn run(
    body: &Body,
    prepared: &[f64],
    batch: usize,
    (columns, tile): (usize, usize),
    memory: Memory<'_>,
    workspace: &mut Workspace,
) {
    if batch == 0 {
        return;
    }
    let Workspace { scratch, temps, folds, seeds, arch, .. } = workspace;
    let wanted_temps = body.steps.iter().map(|s| match s {
        Step::Loop { temps, .. } => *temps,
        _ => 0,
    });
    let scratch = scratch.sized(body.scratch * batch);
    let temps = temps.sized(wanted_temps.max().unwrap_or(0) * tile);
    let Memory { series, sums, held, .. } = memory;
    let mut seed: &[f64] = &[];
    match body.seeding {
        Seeding::Tile => {}
        Seeding::Block => {
            seed = match memory.seed.block() {
                Some(block) => block,
                None => {
                    let block = seeds.sized(memory.seed.length());
                    memory.seed.write(block);
                    block
                }
            };
        }
        Seeding::Held => {
            let n = memory.seed.length();
            memory.seed.write(&mut held[series.at * n..(series.at + 1) * n]);
        }
    }
    let nothing = Then { next: &mut [], own: 0.0, sum: memory.seed };
    let (then, after) = match body.then {
        true => (memory.then.unwrap_or(nothing), None),
        false => (nothing, memory.then),
    };
    let mut blocks = Blocks {
        keeps: !memory.keep.is_empty(),
        state: memory.state,
        seed,
        value: memory.value,
        kept: memory.kept,
        prepared,
        out: memory.out,
        keep: memory.keep,
        held,
        next: then.next,
        combination: then.sum,
        own: then.own,
        scratch,
        temps,
        batch,
        series,
        tile,
    };
    for step in &body.steps {
        match step {
            &Step::Product { to, rows, left, left_rows, left_cols, left_t, right, right_rows } => {
                let left = &prepared[left..left + left_rows * left_cols];
                let left = MatRef::from_column_major_slice(left, left_rows, left_cols);
                let left = if left_t { left.transpose() } else { left };
                let to = blocks.run(to, rows, 0);
                let from = blocks.run(right, right_rows, 0);
                // Products write to slices that hold nothing else they read.
                let buffer = blocks.take(to.buffer);
                let (before, rest) = buffer.split_at_mut(to.start);
                let length = to.stride * (batch - 1) + rows;
                let (out, after) = rest.split_at_mut(length);
                let right = if from.buffer != to.buffer {
                    blocks.matrix(from, right_rows, batch)
                } else {
                    let length = from.stride * (batch - 1) + right_rows;
                    let slice = if from.start < to.start {
                        &before[from.start..from.start + length]
                    } else {
                        let at = from.start - (to.start + out.len());
                        &after[at..at + length]
                    };
                    MatRef::from_column_major_slice_with_stride(
                        slice,
                        right_rows,
                        batch,
                        from.stride,
                    )
                };
                let out =
                    MatMut::from_column_major_slice_with_stride_mut(out, rows, batch, to.stride);
                matmul(out, Accum::Replace, left, right, 1.0, Par::Seq);
                blocks.put(to.buffer, buffer);
            }
            Step::Outer(outer) => add_outer(outer, &blocks, sums, batch),
            Step::Loop { tiles, folds: wanted, .. } => {
                let folds = folds.zeroed(wanted.len() * tile);
                arch.dispatch(TileLoop { blocks: &mut blocks, tiles, columns, folds });
                for (fold, sum) in wanted.iter().zip(folds.chunks_exact(tile)) {
                    fold_into(fold, columns, sum, sums, series.fresh);
                }
            }
        }
    }
    if let Some(then) = after {
        then.apply(blocks.out);
    }
}

/// The products of a body over all evaluations of a series.
pub(super) fn sum_held(body: &Body, batch: usize, memory: Memory<'_>) {
    if batch == 0 {
        return;
    }
    let Memory { state, value, kept, held, sums, series, .. } = memory;
    let blocks = Blocks { state, value, kept, held, series, batch, ..Blocks::default() };
    for outer in &body.outers {
        add_outer(outer, &blocks, sums, batch * series.of);
    }
}

/// `columns` are the samples, of one evaluation or of all of a series.
fn add_outer(outer: &Outer, blocks: &Blocks<'_>, sums: &mut [f64], columns: usize) {
    let &Outer { into, left, rows, right, cols, opens } = outer;
    let u = blocks.matrix(blocks.run(left, rows, 0), rows, columns);
    let v = blocks.matrix(blocks.run(right, cols, 0), cols, columns);
    let sum = &mut sums[into..into + rows * cols];
    let sum = MatMut::from_column_major_slice_mut(sum, rows, cols);
    let accum = if opens && blocks.series.fresh { Accum::Replace } else { Accum::Add };
    matmul(sum, accum, u, v.transpose(), 1.0, Par::Seq);
}

fn fold_into(fold: &Fold, columns: usize, tile: &[f64], sums: &mut [f64], fresh: bool) {
    let sums = &mut sums[fold.into..fold.into + fold.into_rows];
    if fold.opens && fresh {
        sums.fill(0.0);
    }
    for column in tile[..fold.rows * columns].chunks_exact(fold.rows) {
        match sums {
            [one] => *one += column.iter().sum::<f64>(),
            _ => sums.iter_mut().zip(column).for_each(|(s, x)| *s += x),
        }
    }
}

struct TileLoop<'l, 'b> {
    blocks: &'l mut Blocks<'b>,
    tiles: &'l [TileStep],
    columns: usize,
    folds: &'l mut [f64],
}

impl WithSimd for TileLoop<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if S::IS_SCALAR { self.all::<false>() } else { self.all::<true>() }
    }
}

impl TileLoop<'_, '_> {
    #[inline(always)]
    fn all<const FMA: bool>(self) {
        let batch = self.blocks.batch;
        let mut sample = 0;
        while sample < batch {
            let columns = self.columns.min(batch - sample);
            for step in self.tiles {
                tile::<FMA>(self.blocks, step, sample, columns, self.folds);
            }
            sample += columns;
        }
    }
}

#[inline(always)]
fn tile<const FMA: bool>(
    blocks: &mut Blocks<'_>,
    step: &TileStep,
    sample: usize,
    columns: usize,
    folds: &mut [f64],
) {
    let rows = step.rows;
    let length = rows * columns;
    if let Tile::Accumulate(fold, arg) = step.tile {
        let run = match arg {
            Arg::Repeated(start) => Run { buffer: Region::Prepared, start, stride: rows },
            Arg::At(place) => blocks.run(place, rows, sample),
        };
        let from = &blocks.whole(run.buffer)[run.start..run.start + length];
        let start = fold * blocks.tile;
        map2(&mut folds[start..start + length], None, Some(from), |a, b| a + b);
        return;
    }
    if let Tile::Scatter(to, arg) = step.tile {
        let to = blocks.run(to, rows, sample);
        let buffer = blocks.take(to.buffer);
        let reader = Reader { blocks, sample, to, before: &[], after: &[], length: 0 };
        if let Some(from) = reader.get(arg, rows, length) {
            for (i, column) in from.chunks_exact(rows).enumerate() {
                let at = to.start + i * to.stride;
                buffer[at..at + rows].copy_from_slice(column);
            }
        }
        blocks.put(to.buffer, buffer);
        return;
    }
    if step.to == Place::Next && blocks.next.is_empty() {
        return;
    }
    // This one writes to two places.
    let next: &mut [f64] = match step.tile {
        Tile::MapSumThen(..) => std::mem::take(&mut blocks.next),
        _ => &mut [],
    };
    let to = blocks.run(step.to, rows, sample);
    let buffer = blocks.take(to.buffer);
    let (before, rest) = buffer.split_at_mut(to.start);
    let (dst, after) = rest.split_at_mut(length);
    let reader = Reader { blocks, sample, to, before, after, length };
    let get = |arg: Arg| reader.get(arg, rows, length);
    match &step.tile {
        Tile::Cotangent => {
            sum_into(dst, 0.0, 0.0, blocks.combination.terms(rows * sample, length));
        }
        &Tile::Then(value) => {
            let own = get(value).map(|k| (blocks.own, k)).filter(|own| own.0 != 0.0);
            let others = blocks.combination.terms(rows * sample, length);
            sum_into(dst, 0.0, 0.0, others.chain(own));
        }
        Tile::Sum { constant, terms } => {
            let old: f64 = terms.iter().filter(|t| get(t.1).is_none()).map(|t| t.0).sum();
            let others = terms.iter().filter_map(|&(c, arg)| get(arg).map(|x| (c, x)));
            sum_into(dst, old, *constant, others);
        }
        &Tile::MapSumThen(f, a, b) => {
            let from = rows * sample;
            let terms = blocks.combination.terms(from, length);
            let next = next.get_mut(from..from + length);
            match (get(a), get(b), next) {
                (None, Some(b), Some(next)) => {
                    fused_map_sum::<FMA>(dst, f, b, next, blocks.own, terms);
                }
                (a, b, next) => {
                    map_sum::<FMA>(dst, f, a, b);
                    if let Some(next) = next {
                        sum_into(next, 0.0, 0.0, terms.chain([(blocks.own, &*dst)]));
                    }
                }
            }
        }
        &Tile::BellOf(a, fold) => {
            let terms = blocks.combination.terms(rows * sample, length);
            let start = fold * blocks.tile;
            let sums = &mut folds[start..start + length];
            // It never stands where its result does.
            let a = get(a).unwrap_or(&[]);
            if blocks.combination.rest.len() < TERMS {
                bell_of(dst, a, terms, sums);
            } else {
                sum_into(dst, 0.0, 0.0, terms);
                map2(dst, None, Some(a), |u, a| u * (1.0 - a * a));
                map2(sums, None, Some(dst), |sum, u| sum + u);
            }
        }
        &Tile::Map(f, a) => functions::map::<FMA>(dst, f, get(a)),
        &Tile::MapSum(f, a, b) => map_sum::<FMA>(dst, f, get(a), get(b)),
        &Tile::Power(a, p) => functions::map_power(dst, get(a), p),
        &Tile::Binary(op, a, b) => {
            let (a, b) = (get(a), get(b));
            match op {
                Binary::Add => map2(dst, a, b, |a, b| a + b),
                Binary::Sub => map2(dst, a, b, |a, b| a - b),
                Binary::Mul => map2(dst, a, b, |a, b| a * b),
                Binary::Div => map2(dst, a, b, |a, b| a / b),
                Binary::Pow => map2(dst, a, b, f64::powf),
            }
        }
        &Tile::Bell(u, a) => {
            // u - (u a) a keeps the sign of tiny values and needs no constant.
            map2(dst, get(u), get(a), |u, a| u * (1.0 - a * a));
        }
        &Tile::Spread(a) => {
            if let Some(a) = reader.get(a, 1, columns) {
                for (column, &x) in dst.chunks_exact_mut(rows).zip(a) {
                    column.fill(x);
                }
            }
        }
        &Tile::RowSum { from, of } => {
            if let Some(a) = reader.get(of, from, from * columns) {
                for (d, column) in dst.iter_mut().zip(a.chunks_exact(from)) {
                    *d = column.iter().sum();
                }
            }
        }
        &Tile::Gather(place) => {
            let run = blocks.run(place, rows, sample);
            let whole = blocks.whole(run.buffer);
            for (i, column) in dst.chunks_exact_mut(rows).enumerate() {
                let at = run.start + i * run.stride;
                column.copy_from_slice(&whole[at..at + rows]);
            }
        }
        Tile::Accumulate(..) | Tile::Scatter(..) => {}
    }
    blocks.put(to.buffer, buffer);
    if !next.is_empty() {
        blocks.next = next;
    }
}

#[inline(always)]
fn fused_map_sum<'a, const FMA: bool>(
    dst: &mut [f64],
    f: Function,
    b: &[f64],
    next: &mut [f64],
    own: f64,
    terms: impl Iterator<Item = (f64, &'a [f64])>,
) {
    // The function is a constant where the loop is compiled.
    macro_rules! by_name {
        ($($name:ident)*) => {
            match f {
                $(Function::$name => {
                    map_sum_then::<FMA>(dst, Function::$name, b, next, own, terms);
                })*
                _ => {
                    map_sum::<FMA>(dst, f, None, Some(b));
                    sum_into(next, 0.0, 0.0, terms);
                    map2(next, None, Some(dst), |next, k| next + own * k);
                }
            }
        };
    }
    by_name!(Tanh Sigmoid Relu);
}

#[inline(always)]
fn map_sum<const FMA: bool>(dst: &mut [f64], f: Function, a: Option<&[f64]>, b: Option<&[f64]>) {
    match f {
        Function::Tanh => map2(dst, a, b, |x, y| functions::tanh::<FMA>(x + y)),
        Function::Relu => map2(dst, a, b, |x, y| functions::relu(x + y)),
        Function::Sigmoid => map2(dst, a, b, |x, y| functions::sigmoid::<FMA>(x + y)),
        _ => {
            map2(dst, a, b, |x, y| x + y);
            functions::map::<FMA>(dst, f, None);
        }
    }
}
