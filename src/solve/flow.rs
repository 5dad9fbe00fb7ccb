//! The flow of a field over a fixed grid, for one block of samples, and its adjoint.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::adaptive::Adaptive;
use super::grid::{Time, Times};
use super::step;
use crate::buffer::{Buffer, LINE};
use crate::control::Controls;
use crate::expr::vector::combine;
use crate::field::{
    At, Combination, Pull, Series, Then, VectorField, Workspace, clear_filling, turn, turn_back,
};
use crate::tableau::Tableau;

/// A field, its weights in time, a method, and a grid of steps.
#[derive(Clone)]
pub struct Flow {
    /// f in y' = f(t, y; w(t)).
    pub field: Arc<dyn VectorField>,
    /// w(t).
    pub controls: Controls,
    /// The method, without stages that do not reach the result.
    pub tableau: Tableau<f64>,
    /// t_0 = 0 < t_1 < .. < t_N = horizon.
    pub grid: Vec<f64>,
    /// The distinct times of the stages.
    pub times: Times,
    /// How steps are chosen, if they are: the grid is then of the breaks alone, and the flow over the grid of a
    /// solution is made by [`Flow::over`].
    pub adaptive: Option<Arc<Adaptive>>,
    /// Evaluations one after the other that share a time, in the order of time.
    pub(super) series: Vec<Range<usize>>,
    /// What stays on the tape.
    pub(super) keeps: Keeps,
    /// For each coefficient of the weights the times at which it counts: its factor, and the time's number.
    pulls: Vec<Vec<(f64, usize)>>,
}

/// Prepared numbers at all distinct times, shared by all blocks.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    numbers: Buffer,
}

/// The tape of one block at a time, with the memory for going over it.
///
/// What is of one kind stands together, one evaluation of the field after the other: neighbours in time that
/// share their weights are one matrix. Of a long tape the points Y_i of the stages are left out, and formed again
/// from the y_n and the k_j: to read twice as much from far memory takes longer.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// The state that enters and the one that leaves, by columns, where the field wants samples side by side.
    door: Buffer,
    /// The cotangent on its way back, in the same case.
    lambda: Buffer,
    /// Samples of the largest batch to come, if that is known: samples side by side are filled up to so many, so that
    /// no batch asks for more memory than the one before.
    pub largest: usize,
    /// Two points, in turns, and then all points or the states y_n alone.
    states: Buffer,
    /// k of each stage.
    slopes: Buffer,
    /// What the field keeps of each stage.
    kept: Buffer,
    /// zbar of each stage of a step.
    cotangents: Buffer,
    /// The points of a series.
    points: Buffer,
    /// What the field holds back of a series.
    held: Buffer,
    /// Factors, and where their blocks begin.
    terms: Vec<(f64, usize)>,
    /// Where the final state is among the states.
    end: usize,
    /// What the field needs for itself.
    pub workspace: Workspace,
}

/// Which states and slopes stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Keeps {
    /// All, for the adjoint.
    All,
    /// The same without the points inside steps.
    Ends,
    /// Those that are still to be read.
    Step,
}

/// The first states of a tape are points.
const POINTS: usize = 2;

impl Keeps {
    /// Where Y_i of step n is among the states.
    fn state(self, stages: usize, n: usize, i: usize) -> usize {
        match self {
            Keeps::All => POINTS + n * stages + i,
            _ if i > 0 => i % POINTS,
            Keeps::Ends => POINTS + n,
            Keeps::Step => POINTS + n % 2,
        }
    }

    /// How many states there are.
    fn states(self, stages: usize, steps: usize) -> usize {
        match self {
            Keeps::Step => POINTS + 2,
            _ => self.state(stages, steps, 0) + 1,
        }
    }
}

/// Numbers of tape a sample from which on a block of 64 samples, then 6.5 MB, leaves the caches.
const LONG: usize = 13_000;

/// Numbers from which on it pays to spread the forming of weights over threads.
const SHARE: usize = 1 << 16;

/// Most evaluations of a series: with 64 samples each, their product over samples runs at full rate.
const ABREAST: usize = 4;

/// Where a state stopped being finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Broken {
    /// Time of the stage, t_n + c_i h_n.
    pub t: f64,
    /// From 1; none for the final state.
    pub stage: Option<usize>,
}

impl Flow {
    /// The flow over this grid; stages of the method that do not reach b are left out.
    pub fn new(
        field: Arc<dyn VectorField>,
        controls: Controls,
        tableau: &Tableau<f64>,
        grid: Vec<f64>,
    ) -> Flow {
        let tableau = tableau.reduced();
        let times = Times::new(&grid, &tableau, &controls, field.is_autonomous());
        let mut series: Vec<Range<usize>> = Vec::new();
        for (evaluation, number) in times.of_stage.iter().enumerate() {
            match series.last_mut() {
                Some(last) if times.of_stage[last.start] == *number && last.len() < ABREAST => {
                    last.end += 1;
                }
                _ => series.push(evaluation..evaluation + 1),
            }
        }
        let mut pulls = vec![Vec::new(); controls.coefficients()];
        for (number, time) in times.distinct.iter().enumerate() {
            time.row.iter().for_each(|&(i, p)| pulls[i].push((p, number)));
        }
        let keeps = Keeps::All;
        let adaptive = None;
        let mut flow =
            Flow { field, controls, tableau, grid, times, adaptive, series, keeps, pulls };
        if flow.tape_rows() > LONG {
            flow.keeps = Keeps::Ends;
        }
        flow
    }

    /// The flow whose steps are chosen by their error.
    pub fn adaptive(
        field: Arc<dyn VectorField>,
        controls: Controls,
        tableau: &Tableau<f64>,
        adaptive: Adaptive,
    ) -> Flow {
        let breaks = controls.breaks().map(|b| b.t);
        let grid = [0.0].into_iter().chain(breaks).chain([controls.horizon]).collect();
        let adaptive = Some(Arc::new(adaptive));
        Flow { adaptive, ..Flow::new(field, controls, tableau, grid) }
    }

    /// The same flow over a grid that is given.
    pub fn over(&self, grid: Vec<f64>) -> Flow {
        Flow::new(self.field.clone(), self.controls, &self.tableau, grid)
    }

    /// Rows of the state.
    pub fn width(&self) -> usize {
        self.field.width()
    }

    /// Steps of the grid.
    pub fn steps(&self) -> usize {
        self.grid.len() - 1
    }

    /// Stages of a step.
    pub fn stages(&self) -> usize {
        self.tableau.b.len()
    }

    /// Samples that the tape has side by side; a batch is filled up to a multiple of it.
    fn lanes(&self) -> usize {
        self.field.lanes().max(1)
    }

    /// Samples on the tape of a batch.
    fn filled(&self, tape: &Tape, batch: usize) -> usize {
        match self.lanes() {
            1 => batch,
            lanes => batch.max(tape.largest).next_multiple_of(lanes),
        }
    }

    /// Trained numbers: coefficients times weights.
    pub fn n_parameters(&self) -> usize {
        self.controls.coefficients() * self.field.n_weights()
    }

    /// Numbers summed over samples by the adjoint, over all distinct times.
    pub fn n_sums(&self) -> usize {
        self.times.distinct.len() * self.sums_stride()
    }

    /// Numbers of tape a sample.
    pub fn tape_rows(&self) -> usize {
        let evaluations = self.steps() * self.stages();
        let states = self.keeps.states(self.stages(), self.steps());
        (states + evaluations) * self.width() + evaluations * self.field.n_kept()
    }

    /// Whether the tape of a block of 64 samples is too long for the caches.
    pub fn leaves_cache(&self) -> bool {
        self.keeps != Keeps::All
    }

    /// From the prepared numbers of one time to those of the next.
    fn prepared_stride(&self) -> usize {
        self.field.n_prepared().next_multiple_of(LINE).max(LINE)
    }

    fn sums_stride(&self) -> usize {
        self.field.n_sums().next_multiple_of(LINE)
    }

    /// Numbers a sample that a forward pass without a tape goes over.
    pub fn step_rows(&self) -> usize {
        let states = Keeps::Step.states(self.stages(), self.steps());
        (states + self.stages()) * self.width() + self.field.n_kept()
    }

    /// Forms the weights at all times, and what the field derives from them.
    pub fn prepare(&self, theta: &[f64], prepared: &mut Prepared) {
        let n = self.prepared_stride();
        let numbers = prepared.numbers.sized(n * self.times.distinct.len());
        let at_once = (SHARE / n).max(1);
        let times = self.times.distinct.par_iter().with_min_len(at_once);
        times.zip(numbers.par_chunks_exact_mut(n)).for_each(|(time, numbers)| {
            self.prepare_time(time, theta, &mut numbers[..self.field.n_prepared()]);
        });
    }

    /// The same at one time: w = sum p_i theta_i, then what the field derives from them.
    pub fn prepare_time(&self, time: &Time, theta: &[f64], numbers: &mut [f64]) {
        let w = self.field.n_weights();
        let terms = time.row.iter().map(|&(i, p)| (p, &theta[i * w..(i + 1) * w]));
        combine(&mut numbers[..w], 0.0, terms);
        self.field.prepare(time.t, numbers);
    }

    /// The time of an evaluation.
    fn at<'a>(&self, prepared: &'a Prepared, batch: usize, evaluation: usize) -> At<'a> {
        let number = self.times.of_stage[evaluation];
        let start = number * self.prepared_stride();
        let prepared = &prepared.numbers.get()[start..start + self.field.n_prepared()];
        At { t: self.times.distinct[number].t, prepared, batch, lanes: self.lanes() }
    }

    /// The place for the state that enters the flow, width x batch by columns.
    pub fn entry<'a>(&self, tape: &'a mut Tape, batch: usize) -> &'a mut [f64] {
        let width = self.width() * batch;
        if self.lanes() > 1 {
            return &mut tape.door.sized(2 * width)[..width];
        }
        &mut tape.states.sized((POINTS + 1) * width)[POINTS * width..]
    }

    /// The final state, after [`Flow::forward`] or [`Flow::forward_only`].
    pub fn exit<'a>(&self, tape: &'a Tape, batch: usize) -> &'a [f64] {
        let width = self.width() * batch;
        if self.lanes() > 1 {
            return &tape.door.get()[width..][..width];
        }
        &tape.states.get()[tape.end * width..][..width]
    }

    /// The state that entered, after [`Flow::forward`].
    pub fn entered<'a>(&self, tape: &'a Tape, batch: usize) -> &'a [f64] {
        let width = self.width() * batch;
        if self.lanes() > 1 {
            return &tape.door.get()[..width];
        }
        &tape.states.get()[POINTS * width..][..width]
    }

    /// Copies the state at the beginning of a step (or at the end, for the number of steps), after
    /// [`Flow::forward`].
    pub fn copy_state(&self, tape: &Tape, batch: usize, step: usize, out: &mut [f64]) {
        let width = self.width() * self.filled(tape, batch);
        let slot = self.keeps.state(self.stages(), step, 0);
        turn_back(&tape.states.get()[slot * width..][..width], self.width(), self.lanes(), out);
    }

    /// Solves forward from the entry, leaving all stages on the tape.
    pub fn forward(&self, prepared: &Prepared, tape: &mut Tape, batch: usize) {
        self.solve(prepared, tape, batch, self.keeps);
    }

    /// Solves forward from the entry, leaving nothing but the final state.
    pub fn forward_only(&self, prepared: &Prepared, tape: &mut Tape, batch: usize) {
        self.solve(prepared, tape, batch, Keeps::Step);
    }

    fn solve(&self, prepared: &Prepared, tape: &mut Tape, batch: usize, keeps: Keeps) {
        let (rows, lanes) = (self.width(), self.lanes());
        if lanes == 1 {
            return self.stages_forward(prepared, tape, batch, keeps);
        }
        let filled = self.filled(tape, batch);
        let width = rows * filled;
        let entry = &mut tape.states.sized((POINTS + 1) * width)[POINTS * width..];
        turn(&tape.door.get()[..rows * batch], rows, lanes, entry);
        self.stages_forward(prepared, tape, filled, keeps);
        let exit = &tape.states.get()[tape.end * width..][..width];
        turn_back(exit, rows, lanes, &mut tape.door.sized(2 * rows * batch)[rows * batch..]);
    }

    /// All stages of all steps, with so many samples on the tape.
    fn stages_forward(&self, prepared: &Prepared, tape: &mut Tape, batch: usize, keeps: Keeps) {
        let (stages, width) = (self.stages(), self.width() * batch);
        let rows = self.field.n_kept() * batch;
        let states = keeps.states(stages, self.steps());
        let evaluations = match keeps {
            Keeps::All | Keeps::Ends => self.steps() * stages,
            Keeps::Step => stages,
        };
        tape.end = keeps.state(stages, self.steps(), 0);
        // The entry stays where it is: room that has to grow is grown with it.
        let states = tape.states.grown(states * width);
        let slopes = tape.slopes.sized(evaluations * width);
        let kept = tape.kept.sized(evaluations * rows);
        for evaluation in 0..self.steps() * stages {
            let (n, i) = (evaluation / stages, evaluation % stages);
            let h = self.grid[n + 1] - self.grid[n];
            let next = match i + 1 < stages {
                true => keeps.state(stages, n, i + 1),
                false => keeps.state(stages, n + 1, 0),
            };
            let (before, rest) = states.split_at_mut(next * width);
            let (next_state, after) = rest.split_at_mut(width);
            let state = |slot: usize| match slot < next {
                true => &before[slot * width..][..width],
                false => &after[(slot - next - 1) * width..][..width],
            };
            let (y, point) = (state(keeps.state(stages, n, 0)), state(keeps.state(stages, n, i)));
            let slot = evaluation % evaluations;
            let (done, rest) = slopes.split_at_mut(slot * width);
            let earlier = &done[(slot - i) * width..];
            let row = step::row(&self.tableau, i + 1);
            fill(&mut tape.terms, row[..i].iter().enumerate().map(|(j, a)| (h * a, j * width)));
            let sum = Combination { first: (1.0, y), memory: earlier, rest: &tape.terms };
            let then = Then { next: next_state, own: h * row[i], sum };
            let keep = &mut kept[slot * rows..][..rows];
            let at = self.at(prepared, batch, evaluation);
            self.field.eval_then(at, point, &mut rest[..width], keep, then, &mut tape.workspace);
        }
    }

    /// The adjoint of [`Flow::forward`], whose tape it reads: `lambda` comes in as the cotangent of the final
    /// state and goes out as that of the entry; `sums` grow by what the weights' gradients need, or are set to
    /// it if they are `fresh`.
    pub fn backward(
        &self,
        prepared: &Prepared,
        tape: &mut Tape,
        batch: usize,
        lambda: &mut [f64],
        sums: &mut [f64],
        fresh: bool,
    ) {
        let (rows, lanes) = (self.width(), self.lanes());
        if lanes == 1 {
            return self.stages_backward(prepared, tape, batch, lambda, sums, fresh);
        }
        let filled = self.filled(tape, batch);
        let mut room = std::mem::take(&mut tape.lambda);
        let abreast = room.sized(rows * filled);
        turn(lambda, rows, lanes, abreast);
        clear_filling(abreast, rows, lanes, batch);
        self.stages_backward(prepared, tape, filled, abreast, sums, fresh);
        turn_back(abreast, rows, lanes, lambda);
        tape.lambda = room;
    }

    /// Back over all stages of all steps.
    fn stages_backward(
        &self,
        prepared: &Prepared,
        tape: &mut Tape,
        batch: usize,
        lambda: &mut [f64],
        sums: &mut [f64],
        fresh: bool,
    ) {
        let (stages, width) = (self.stages(), self.width() * batch);
        let rows = self.field.n_kept() * batch;
        let Tape { states, slopes, kept, cotangents, points, held, terms, workspace, .. } = tape;
        let (states, slopes, kept) = (states.get(), slopes.get(), kept.get());
        let zbars = cotangents.sized(stages * width);
        let points = points.sized(ABREAST * width);
        let held = held.sized(ABREAST * self.field.n_held() * batch);
        for series in self.series.iter().rev() {
            let (first, of) = (series.start, series.len());
            let number = self.times.of_stage[first];
            let start = number * self.sums_stride();
            let sums = &mut sums[start..start + self.field.n_sums()];
            // Backwards, the last evaluation at a time is the first to add to its sums.
            let fresh = fresh && self.times.last_of[number] < series.end;
            let time = self.at(prepared, batch, first);
            let points = match self.keeps {
                Keeps::All => &states[(POINTS + first) * width..][..of * width],
                _ => {
                    for (evaluation, point) in series.clone().zip(points.chunks_exact_mut(width)) {
                        self.point(states, slopes, evaluation, terms, point);
                    }
                    &points[..of * width]
                }
            };
            let held = &mut held[..of * self.field.n_held() * batch];
            for (at, evaluation) in series.clone().enumerate().rev() {
                let (n, i) = (evaluation / stages, evaluation % stages);
                let h = self.grid[n + 1] - self.grid[n];
                let (front, later) = zbars.split_at_mut((i + 1) * width);
                let (b, column) = step::column(&self.tableau, i);
                fill(terms, column.map(|(j, a)| (h * a, (j - i - 1) * width)));
                let pull = Pull {
                    y: &points[at * width..][..width],
                    k: &slopes[evaluation * width..][..width],
                    kept: &kept[evaluation * rows..][..rows],
                    u: Combination { first: (h * b, &*lambda), memory: later, rest: terms },
                    held: &mut *held,
                    series: Series { of, at, fresh: fresh && at + 1 == of },
                };
                let zbar = &mut front[i * width..];
                self.field.pull(time, pull, zbar, sums, workspace);
                if i == 0 {
                    combine(lambda, 1.0, zbars.chunks_exact(width).map(|zbar| (1.0, zbar)));
                }
            }
            let whole = Pull {
                y: points,
                k: &slopes[first * width..][..of * width],
                kept: &kept[first * rows..][..of * rows],
                u: Combination::default(),
                held,
                series: Series { of, at: 0, fresh },
            };
            self.field.sum_held(time, whole, sums);
        }
    }

    /// The point Y_i of an evaluation on the tape: as many samples as `point` has.
    fn point(
        &self,
        states: &[f64],
        slopes: &[f64],
        evaluation: usize,
        terms: &mut Vec<(f64, usize)>,
        point: &mut [f64],
    ) {
        let (stages, width) = (self.stages(), point.len());
        let (n, i) = (evaluation / stages, evaluation % stages);
        let h = self.grid[n + 1] - self.grid[n];
        let row = step::row(&self.tableau, i)[..i].iter().enumerate();
        fill(terms, row.map(|(j, a)| (h * a, j * width)));
        let y = &states[self.keeps.state(stages, n, 0) * width..][..width];
        let memory = &slopes[n * stages * width..];
        Combination { first: (1.0, y), memory, rest: terms }.write(point);
    }

    /// From sums over samples to the gradient of the coefficients, which is overwritten.
    pub fn gather(
        &self,
        prepared: &Prepared,
        sums: &[f64],
        gradient: &mut [f64],
        room: &mut Buffer,
        workspace: &mut Workspace,
    ) {
        let (w, times) = (self.field.n_weights(), self.times.distinct.iter().enumerate());
        if self.field.sums_are_gradient() {
            for (gradient, terms) in gradient.chunks_exact_mut(w.max(1)).zip(&self.pulls) {
                let terms = terms.iter().map(|&(p, number)| (p, number * self.sums_stride()));
                combine(gradient, 0.0, terms.map(|(p, at)| (p, &sums[at..at + w])));
            }
            return;
        }
        gradient.fill(0.0);
        for (number, time) in times {
            let sums = &sums[number * self.sums_stride()..][..self.field.n_sums()];
            let room = room.zeroed(w);
            let start = number * self.prepared_stride();
            let prepared = &prepared.numbers.get()[start..start + self.field.n_prepared()];
            let at = At { t: time.t, prepared, batch: 0, lanes: self.lanes() };
            self.field.gather(at, sums, room, workspace);
            for &(i, p) in &time.row {
                combine(&mut gradient[i * w..(i + 1) * w], 1.0, [(p, &*room)].into_iter());
            }
        }
    }

    /// The first place where the state or a stage of a sample is not finite, which was solved by itself.
    pub fn first_broken(&self, tape: &mut Tape) -> Option<Broken> {
        let (stages, width) = (self.stages(), self.width() * self.lanes());
        let Tape { states, slopes, points, terms, .. } = tape;
        let (states, slopes) = (states.get(), slopes.get());
        let point = points.sized(width);
        let lost = |numbers: &[f64]| numbers.iter().any(|x| !x.is_finite());
        for evaluation in 0..self.steps() * stages {
            let (n, i) = (evaluation / stages, evaluation % stages);
            self.point(states, slopes, evaluation, terms, point);
            if lost(point) || lost(&slopes[evaluation * width..][..width]) {
                let (from, to) = (self.grid[n], self.grid[n + 1]);
                return Some(Broken {
                    t: from + self.tableau.c[i] * (to - from),
                    stage: Some(i + 1),
                });
            }
        }
        let t = *self.grid.last()?;
        lost(self.exit(tape, 1)).then_some(Broken { t, stage: None })
    }
}

/// Terms that are not zero.
fn fill(terms: &mut Vec<(f64, usize)>, all: impl Iterator<Item = (f64, usize)>) {
    terms.clear();
    terms.extend(all.filter(|(factor, _)| *factor != 0.0));
}
