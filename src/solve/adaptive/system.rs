//! A field with its weights in time, for the whole batch at once: what steps of any kind evaluate.

use std::cell::{Cell, RefCell};

use rayon::prelude::*;

use super::control::{Control, StepError};
use super::pair::Pair;
use crate::expr::vector::combine;
use crate::field::{At, Pass, Workspace};
use crate::solve::flow::Flow;
use crate::solve::grid::Time;

/// Samples of a block: enough for a product to run at full rate, and few enough for all threads to have some.
const BLOCK: usize = 128;

/// y' = f(t, y; w(t)) for a batch, w taken from one piece of the weights at a time.
///
/// Blocks of samples are evaluated in parallel. How they are cut does not depend on the threads, so that the
/// results do not either.
pub(super) struct System<'a> {
    /// The field and its weights in time; its grid is not read.
    pub flow: &'a Flow,
    /// The coefficients of the weights.
    pub theta: &'a [f64],
    /// Samples.
    pub batch: usize,
    piece: Cell<usize>,
    evaluations: Cell<usize>,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The time and piece that the prepared numbers belong to.
    at: Option<(u64, usize)>,
    prepared: Vec<f64>,
    rooms: Vec<Room>,
}

/// The memory of a block.
#[derive(Default)]
struct Room {
    keep: Vec<f64>,
    point: Vec<f64>,
    sums: Vec<f64>,
    workspace: Workspace,
}

/// A part of each block.
struct Block<'a> {
    at: At<'a>,
    /// Where the block begins, in numbers of the state.
    start: usize,
    room: &'a mut Room,
}

impl<'a> System<'a> {
    pub fn new(flow: &'a Flow, theta: &'a [f64], batch: usize) -> System<'a> {
        let mut rooms = Vec::new();
        rooms.resize_with(batch.div_ceil(BLOCK), Room::default);
        let prepared = vec![0.0; flow.field.n_prepared()];
        let inner = RefCell::new(Inner { at: None, prepared, rooms });
        System { flow, theta, batch, piece: Cell::new(0), evaluations: Cell::new(0), inner }
    }

    /// Numbers of the state of all samples.
    pub fn len(&self) -> usize {
        self.flow.width() * self.batch
    }

    /// Takes the weights from this piece from now on.
    pub fn enter(&self, piece: usize) {
        self.piece.set(piece);
    }

    /// The piece that weights are taken from.
    pub fn piece(&self) -> usize {
        self.piece.get()
    }

    /// Evaluations of the field so far.
    pub fn evaluations(&self) -> usize {
        self.evaluations.get()
    }

    /// k = f(t, y)
    pub fn value(&self, t: f64, y: &[f64], k: &mut [f64]) {
        self.evaluations.set(self.evaluations.get() + 1);
        self.blocks(t, k, |block, k| {
            let Block { at, start, room } = block;
            let y = &y[start..start + k.len()];
            let keep = sized(&mut room.keep, self.flow.field.n_kept() * at.batch);
            self.flow.field.eval(at, y, k, keep, &mut room.workspace);
        });
    }

    /// point = y + h sum_j row_j k_j, and k = f(t, point) for the stage after those.
    pub fn stage(&self, t: f64, y: &[f64], (h, row): (f64, &[f64]), stages: Stages<'_>) {
        self.evaluations.set(self.evaluations.get() + 1);
        let Stages { done, point, k } = stages;
        let n = self.len();
        self.blocks2(t, point, k, |block, point, k| {
            let Block { at, start, room } = block;
            let part = start..start + k.len();
            point.copy_from_slice(&y[part.clone()]);
            let terms = row.iter().enumerate().filter(|(_, a)| **a != 0.0);
            let terms = terms.map(|(j, a)| (h * a, &done[j * n..][part.clone()]));
            combine(point, 1.0, terms);
            let keep = sized(&mut room.keep, self.flow.field.n_kept() * at.batch);
            self.flow.field.eval(at, point, k, keep, &mut room.workspace);
        });
    }

    /// The error h sum_j d_j k_j in units of the tolerance at y.
    pub fn error(
        &self,
        control: &Control,
        (h, d): (f64, &[f64]),
        y: &[f64],
        stages: &[f64],
    ) -> StepError {
        let (n, width) = (self.len(), self.flow.width().max(1));
        let mut inner = self.inner.borrow_mut();
        let of = |block: usize, room: &mut Room| {
            let start = block * BLOCK * width;
            let part = start..(start + BLOCK * width).min(n);
            let terms = d.iter().enumerate().filter(|(_, d)| **d != 0.0);
            let terms = terms.map(|(j, d)| (h * d, &stages[j * n..][part.clone()]));
            let error = sized(&mut room.point, part.len());
            combine(error, 0.0, terms);
            let each = error.chunks_exact(width).zip(y[part].chunks_exact(width));
            room.sums.clear();
            room.sums.extend(each.map(|(e, y)| control.squares(e, y)));
        };
        match inner.rooms.as_mut_slice() {
            [room] => of(0, room),
            rooms => rooms.par_iter_mut().enumerate().for_each(|(block, room)| of(block, room)),
        }
        let sums: Vec<f64> =
            inner.rooms.iter().flat_map(|room| room.sums.iter().copied()).collect();
        StepError::of(&sums, width)
    }

    /// y(t + h) by one step of the pair; none of its stages is used again.
    pub fn advance(&self, pair: &Pair, t: f64, h: f64, y: &[f64], out: &mut [f64]) {
        let (n, stages) = (self.len(), pair.stages());
        // The last stage is evaluated at the end of the step, where the value is already known.
        let mut all = vec![0.0; n * (stages - 1)];
        self.value(t, y, &mut all[..n]);
        for i in 1..stages - 1 {
            let (done, rest) = all.split_at_mut(i * n);
            let stages = Stages { done, point: &mut *out, k: &mut rest[..n] };
            self.stage(t + pair.c[i] * h, y, (h, &pair.a[i]), stages);
        }
        out.copy_from_slice(y);
        let b = pair.a[stages - 1].iter().enumerate();
        combine(out, 1.0, b.map(|(j, b)| (h * b, &all[j * n..(j + 1) * n])));
    }

    /// The first stage of a step, from 1, in which a sample is lost, and the sample.
    pub fn lost(&self, pair: &Pair, t: f64, h: f64, y: &[f64]) -> Option<(usize, usize)> {
        let (n, count) = (self.len(), pair.stages());
        let (mut all, mut point) = (vec![0.0; n * count], vec![0.0; n]);
        (0..count).find_map(|i| {
            let (done, rest) = all.split_at_mut(i * n);
            let stages = Stages { done, point: &mut point, k: &mut rest[..n] };
            self.stage(t + pair.c[i] * h, y, (h, &pair.a[i]), stages);
            let lost = point.iter().zip(&rest[..n]).position(|(y, k)| !(y + k).is_finite());
            lost.map(|at| (i + 1, at / self.flow.width().max(1)))
        })
    }

    /// out = (df/dy) v
    pub fn jvp(&self, t: f64, y: &[f64], v: &[f64], out: &mut [f64]) {
        self.blocks(t, out, |block, out| {
            let Block { at, start, room } = block;
            let part = start..start + out.len();
            self.flow.field.jvp(at, &y[part.clone()], &v[part], out, &mut room.workspace);
        });
    }

    /// gy = (df/dy)' u, and the gradient by all coefficients, (df/dtheta)' u, where it is wanted.
    pub fn vjp(&self, t: f64, y: &[f64], u: &[f64], gy: &mut [f64], gradient: Option<&mut [f64]>) {
        let field = &self.flow.field;
        let sums_wanted = field.n_sums();
        self.blocks(t, gy, |block, gy| {
            let Block { at, start, room } = block;
            let part = start..start + gy.len();
            let (y, u) = (&y[part.clone()], &u[part]);
            let keep = sized(&mut room.keep, field.n_kept() * at.batch);
            let k = sized(&mut room.point, y.len());
            field.eval(at, y, k, keep, &mut room.workspace);
            let sums = sized(&mut room.sums, sums_wanted);
            sums.fill(0.0);
            let pass = Pass { y, k, kept: keep, u };
            field.vjp(at, pass, gy, sums, &mut room.workspace);
        });
        let Some(gradient) = gradient else { return };
        gradient.fill(0.0);
        let mut inner = self.inner.borrow_mut();
        let Inner { prepared, rooms, .. } = &mut *inner;
        let mut sums = vec![0.0; sums_wanted];
        combine(&mut sums, 0.0, rooms.iter().map(|room| (1.0, &room.sums[..sums_wanted])));
        let mut by_weights = vec![0.0; field.n_weights()];
        let at = At { t, prepared, batch: 0, lanes: 1 };
        let mut workspace = Workspace::default();
        field.gather(at, &sums, &mut by_weights, &mut workspace);
        let w = by_weights.len();
        for (i, p) in self.flow.controls.row(t, self.piece.get()) {
            combine(&mut gradient[i * w..(i + 1) * w], 1.0, [(p, &by_weights[..])].into_iter());
        }
    }

    /// Prepares the weights at t, and calls `work` on the blocks of a vector.
    fn blocks(&self, t: f64, out: &mut [f64], work: impl Fn(Block<'_>, &mut [f64]) + Sync) {
        self.blocks2(t, out, &mut [], |block, out, _| work(block, out));
    }

    /// The same for two vectors, of which the second may be empty.
    fn blocks2(
        &self,
        t: f64,
        first: &mut [f64],
        second: &mut [f64],
        work: impl Fn(Block<'_>, &mut [f64], &mut [f64]) + Sync,
    ) {
        let mut inner = self.inner.borrow_mut();
        let Inner { at, prepared, rooms } = &mut *inner;
        let wanted = (t.to_bits(), self.piece.get());
        if *at != Some(wanted) {
            let row = self.flow.controls.row(t, self.piece.get());
            self.flow.prepare_time(&Time { t, row }, self.theta, prepared);
            *at = Some(wanted);
        }
        let (prepared, width) = (&prepared[..], self.flow.width().max(1));
        let call = |number: usize, first: &mut [f64], second: &mut [f64], room: &mut Room| {
            let at = At { t, prepared, batch: first.len() / width, lanes: 1 };
            work(Block { at, start: number * BLOCK * width, room }, first, second);
        };
        if let [room] = rooms.as_mut_slice() {
            call(0, first, second, room);
            return;
        }
        let size = BLOCK * width;
        let firsts = first.par_chunks_mut(size).zip(rooms.par_iter_mut()).enumerate();
        match second {
            [] => firsts.for_each(|(number, (first, room))| call(number, first, &mut [], room)),
            second => firsts
                .zip(second.par_chunks_mut(size))
                .for_each(|((number, (first, room)), second)| call(number, first, second, room)),
        }
    }
}

/// The stages of a step that are done, and room for the next.
pub(super) struct Stages<'a> {
    /// k_1, k_2, .., one after the other.
    pub done: &'a [f64],
    /// Y_i
    pub point: &'a mut [f64],
    /// k_i
    pub k: &'a mut [f64],
}

/// The first numbers of memory that grows.
fn sized(memory: &mut Vec<f64>, length: usize) -> &mut [f64] {
    if memory.len() < length {
        memory.resize(length, 0.0);
    }
    &mut memory[..length]
}
