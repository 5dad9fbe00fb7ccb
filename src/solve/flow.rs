//! The flow of a field over a fixed grid, for one block of samples, and its adjoint.

use std::sync::Arc;

use super::grid::Times;
use super::step;
use crate::buffer::{Buffer, LINE};
use crate::control::Controls;
use crate::field::{At, Pass, VectorField, Workspace};
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
}

/// Prepared numbers at all distinct times, shared by all blocks.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    numbers: Buffer,
}

/// The tape of one block at a time, with the memory for going over it.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// For each step and stage: Y, k, kept numbers; then the final state.
    numbers: Buffer,
    /// kbar, and zbar of each stage.
    stages: Buffer,
    /// What the field needs for itself.
    pub workspace: Workspace,
}

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
        let times = Times::new(&grid, &tableau, &controls);
        Flow { field, controls, tableau, grid, times }
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
        self.steps() * self.stages() * self.stage_rows() + self.width()
    }

    /// From the prepared numbers of one time to those of the next.
    fn prepared_stride(&self) -> usize {
        self.field.n_prepared().next_multiple_of(LINE).max(LINE)
    }

    fn sums_stride(&self) -> usize {
        self.field.n_sums().next_multiple_of(LINE)
    }

    fn stage_rows(&self) -> usize {
        2 * self.width() + self.field.n_kept()
    }

    /// Forms the weights at all times, and what the field derives from them.
    pub fn prepare(&self, theta: &[f64], prepared: &mut Prepared) {
        let (n, w) = (self.prepared_stride(), self.field.n_weights());
        let numbers = prepared.numbers.sized(n * self.times.distinct.len());
        for (time, numbers) in self.times.distinct.iter().zip(numbers.chunks_exact_mut(n)) {
            let numbers = &mut numbers[..self.field.n_prepared()];
            Controls::weights(&time.row, theta, &mut numbers[..w]);
            self.field.prepare(time.t, numbers);
        }
    }

    fn at<'a>(&self, prepared: &'a Prepared, batch: usize, step: usize, stage: usize) -> At<'a> {
        let number = self.times.of_stage[step * self.stages() + stage];
        let start = number * self.prepared_stride();
        let prepared = &prepared.numbers.get()[start..start + self.field.n_prepared()];
        At { t: self.times.distinct[number].t, prepared, batch }
    }

    /// The tape's place for the state that enters the flow.
    pub fn entry<'a>(&self, tape: &'a mut Tape, batch: usize) -> &'a mut [f64] {
        let numbers = tape.numbers.sized(self.tape_rows() * batch);
        &mut numbers[..self.width() * batch]
    }

    /// The final state, after [`Flow::forward`].
    pub fn exit<'a>(&self, tape: &'a Tape, batch: usize) -> &'a [f64] {
        let end = self.tape_rows() * batch;
        &tape.numbers.get()[end - self.width() * batch..end]
    }

    /// The state at the beginning of a step (or at the end, for the number of steps), after a forward pass.
    pub fn state<'a>(&self, tape: &'a Tape, batch: usize, step: usize) -> &'a [f64] {
        let start = step * self.stages() * self.stage_rows() * batch;
        &tape.numbers.get()[start..start + self.width() * batch]
    }

    /// Solves forward from the entry, leaving all stages on the tape.
    pub fn forward(&self, prepared: &Prepared, tape: &mut Tape, batch: usize) {
        self.solve(prepared, tape, batch, self.stages() * self.stage_rows() * batch);
    }

    /// Solves forward from the entry on the tape of one step; the final state is where the entry was.
    pub fn forward_only(&self, prepared: &Prepared, tape: &mut Tape, batch: usize) {
        self.solve(prepared, tape, batch, 0);
    }

    /// `advance` is from the tape of one step to that of the next.
    fn solve(&self, prepared: &Prepared, tape: &mut Tape, batch: usize, advance: usize) {
        let Tape { numbers, workspace, .. } = tape;
        let tape = numbers.sized(self.tape_rows() * batch);
        let (stages, width) = (self.stages(), self.width() * batch);
        let rows = self.stage_rows() * batch;
        for (n, times) in self.grid.windows(2).enumerate() {
            let h = times[1] - times[0];
            let start = n * advance;
            for i in 0..stages {
                let (done, rest) = tape[start..].split_at_mut(i * rows);
                let k = |j: usize| &done[j * rows + width..j * rows + 2 * width];
                let (state, rest) = rest.split_at_mut(width);
                if i > 0 {
                    step::stage(&self.tableau, i, h, &done[..width], k, state);
                }
                let (value, rest) = rest.split_at_mut(width);
                let keep = &mut rest[..rows - 2 * width];
                self.field.eval(self.at(prepared, batch, n, i), state, value, keep, workspace);
            }
            let (done, rest) = tape[start..].split_at_mut(stages * rows);
            let k = |j: usize| &done[j * rows + width..j * rows + 2 * width];
            step::advance(&self.tableau, h, &done[..width], k, &mut rest[..width]);
            if advance == 0 {
                tape.copy_within(stages * rows..stages * rows + width, 0);
            }
        }
    }

    /// The adjoint of [`Flow::forward`], whose tape it reads: `lambda` comes in as the cotangent of the final
    /// state and goes out as that of the entry; `sums` grow by what the weights' gradients need.
    pub fn backward(
        &self,
        prepared: &Prepared,
        tape: &mut Tape,
        batch: usize,
        lambda: &mut [f64],
        sums: &mut [f64],
    ) {
        let Tape { numbers, stages: room, workspace } = tape;
        let (stages, width) = (self.stages(), self.width() * batch);
        let rows = self.stage_rows() * batch;
        let tape = numbers.sized(self.tape_rows() * batch);
        let (kbar, zbars) = room.sized((stages + 1) * width).split_at_mut(width);
        for (n, times) in self.grid.windows(2).enumerate().rev() {
            let h = times[1] - times[0];
            let start = n * stages * rows;
            for i in (0..stages).rev() {
                let (front, later) = zbars.split_at_mut((i + 1) * width);
                let zbar = &mut front[i * width..];
                let after = |j: usize| &later[(j - i - 1) * width..(j - i) * width];
                if !step::stage_cotangent(&self.tableau, i, h, lambda, after, kbar) {
                    zbar.fill(0.0);
                    continue;
                }
                let stage = &tape[start + i * rows..start + (i + 1) * rows];
                let (y, stage) = stage.split_at(width);
                let (k, kept) = stage.split_at(width);
                let number = self.times.of_stage[n * stages + i];
                let start = number * self.sums_stride();
                let sums = &mut sums[start..start + self.field.n_sums()];
                let pass = Pass { y, k, kept, u: kbar };
                self.field.vjp(self.at(prepared, batch, n, i), pass, zbar, sums, workspace);
            }
            step::retreat(lambda, zbars.chunks_exact(width));
        }
    }

    /// From sums over samples to the gradient of the coefficients, which is added to.
    pub fn gather(
        &self,
        prepared: &Prepared,
        sums: &[f64],
        gradient: &mut [f64],
        room: &mut Buffer,
        workspace: &mut Workspace,
    ) {
        for (number, time) in self.times.distinct.iter().enumerate() {
            let start = number * self.sums_stride();
            let sums = &sums[start..start + self.field.n_sums()];
            if self.field.sums_are_gradient() {
                Controls::pull_back(&time.row, sums, gradient);
                continue;
            }
            let room = room.zeroed(self.field.n_weights());
            let start = number * self.prepared_stride();
            let prepared = &prepared.numbers.get()[start..start + self.field.n_prepared()];
            let at = At { t: time.t, prepared, batch: 0 };
            self.field.gather(at, sums, room, workspace);
            Controls::pull_back(&time.row, room, gradient);
        }
    }

    /// The first place on the tape where a sample's state or stage is not finite.
    pub fn first_broken(&self, tape: &Tape, batch: usize, sample: usize) -> Option<Broken> {
        let (stages, width) = (self.stages(), self.width());
        let rows = self.stage_rows() * batch;
        for n in 0..self.steps() {
            for i in 0..stages {
                let stage = &tape.numbers.get()[(n * stages + i) * rows..];
                let (y, k) = (&stage[sample * width..], &stage[width * (batch + sample)..]);
                if y[..width].iter().chain(&k[..width]).any(|x| !x.is_finite()) {
                    let t = self.times.distinct[self.times.of_stage[n * stages + i]].t;
                    return Some(Broken { t, stage: Some(i + 1) });
                }
            }
        }
        let end = &self.exit(tape, batch)[sample * width..(sample + 1) * width];
        let t = *self.grid.last()?;
        end.iter().any(|x| !x.is_finite()).then_some(Broken { t, stage: None })
    }
}
