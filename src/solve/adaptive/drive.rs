//! The way from 0 to the horizon, step by step, for any stepper: where it stops, when it gives up, what is kept.

use serde::Serialize;

use super::control::{Control, MOST_REJECTIONS, StepError};
use super::implicit::NoAdjoint;
use super::pair::Pair;
use super::system::System;

/// What takes steps.
pub(super) trait Stepper {
    /// Where it stands.
    fn time(&self) -> f64;
    /// The state there.
    fn copy_state(&self, y: &mut [f64]);
    /// The next step that it would take.
    fn step_size(&self) -> f64;
    /// Sets the next step.
    fn aim(&mut self, h: f64);
    /// Lets the next step end here.
    fn cut(&mut self, stop: f64) -> Result<(), Halt> {
        self.aim(stop - self.time());
        Ok(())
    }
    /// Says that the time, up to rounding, is this one.
    fn land(&mut self, t: f64);
    /// Stands here again, and takes a step of this length next; or says that it cannot.
    fn back(&mut self, t: f64, y: &[f64], h: f64) -> bool;
    /// Says that f jumps here.
    fn restart(&mut self);
    /// Goes on by one step; all attempts at it are added to the list.
    fn step(&mut self, attempts: &mut Vec<Attempt>) -> Result<(), Halt>;
    /// The pair, of an explicit method.
    fn pair(&self) -> Option<&Pair>;
    /// The state at a time within the last step, which began at `from` with the state `start`.
    fn within(&self, from: f64, start: &[f64], t: f64, out: &mut [f64]);
}

/// A try at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Attempt {
    pub h: f64,
    pub error: Option<StepError>,
    pub accepted: bool,
}

/// A row of the table of steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Where the step begins.
    pub t: f64,
    /// Its length.
    pub h: f64,
    /// Its error in units of the tolerance, where the solver tells it.
    pub error: Option<f64>,
    /// Whether the step was taken, or tried again with a smaller h.
    pub accepted: bool,
    /// Evaluations of the field since the solution began, for the whole batch each; rejected attempts at a step
    /// have the count after it.
    pub evaluations: usize,
}

/// The largest error of a sample by itself in all steps that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Worst {
    /// The sample.
    pub sample: usize,
    /// Its error in units of the tolerance: above 1, the norm over the batch has hidden it.
    pub error: f64,
    /// Where the step begins.
    pub t: f64,
}

/// Why a solution ends before the horizon.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Halt {
    /// A state is not finite.
    #[error(
        "the state of sample {sample} stops being finite in the step from t = {t}{}",
        stage.map(|stage| format!(", in its stage {stage}")).unwrap_or_default()
    )]
    NotFinite {
        /// The last time at which all was well.
        t: f64,
        /// The stage in which it was lost, from 1, if it was in one.
        stage: Option<usize>,
        /// The sample.
        sample: usize,
    },
    /// The error asks for steps that do not move the time.
    #[error(
        "at t = {t} the step would have to be smaller than {h:.1e} (sample {sample} is the worst): the solution may \
         not exist beyond, or the field is not smooth there"
    )]
    TooSmall {
        /// The last time that was reached.
        t: f64,
        /// The smallest step.
        h: f64,
        /// The sample with the largest error.
        sample: usize,
    },
    /// The limit on steps is reached.
    #[error("{steps} steps reach t = {t} only; raise max_steps, or loosen the tolerances")]
    Steps {
        /// The last time that was reached.
        t: f64,
        /// The limit.
        steps: usize,
    },
    /// The equations of an implicit step have not been solved.
    #[error("Newton's iteration does not converge at t = {t}; loosen the tolerances")]
    Newton {
        /// The last time that was reached.
        t: f64,
    },
    /// There is no gradient through the steps of the method.
    #[error("{0}")]
    NoAdjoint(NoAdjoint),
    /// The solver refuses.
    #[error("the solver stops at t = {t}: {error}")]
    Solver {
        /// The last time that was reached.
        t: f64,
        /// What it says.
        error: String,
    },
}

impl Halt {
    /// The last time that was reached.
    pub fn time(&self) -> f64 {
        match self {
            Halt::NotFinite { t, .. }
            | Halt::TooSmall { t, .. }
            | Halt::Steps { t, .. }
            | Halt::Newton { t }
            | Halt::Solver { t, .. } => *t,
            Halt::NoAdjoint(_) => 0.0,
        }
    }

    /// The sample that is to blame, if it is known.
    pub fn sample(&self) -> Option<usize> {
        match self {
            Halt::NotFinite { sample, .. } | Halt::TooSmall { sample, .. } => Some(*sample),
            _ => None,
        }
    }
}

/// What is wanted beside the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Times at which the state is wanted, in order.
    pub times: &'a [f64],
    /// Whether the states at the ends of all steps are wanted, instead of at given times.
    pub every: bool,
    /// Whether the error of each step is told, and the worst sample, where that costs something.
    pub errors: bool,
}

/// A solution, as far as it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// t_0 = 0, t_1, .. of the steps that were taken.
    pub grid: Vec<f64>,
    /// All steps, the rejected ones too.
    pub steps: Vec<Step>,
    /// The state at the last time of the grid, width x batch.
    pub state: Vec<f64>,
    /// The states at the wanted times, as far as they were reached.
    pub states: Vec<Vec<f64>>,
    /// Evaluations of the field for the whole batch.
    pub evaluations: usize,
    /// The sample with the largest error, where errors were wanted and the solver tells them.
    pub worst: Option<Worst>,
    /// Why it ends before the horizon, if it does.
    pub halt: Option<Halt>,
}

impl Solution {
    /// Gives the only sample its number among all that are solved for.
    pub(super) fn name_sample(&mut self, number: usize) {
        if let Some(worst) = &mut self.worst {
            worst.sample = number;
        }
        if let Some(Halt::NotFinite { sample, .. } | Halt::TooSmall { sample, .. }) = &mut self.halt
        {
            *sample = number;
        }
    }
}

/// Goes from 0 to the horizon, from break to break of the weights.
///
/// A step that would go beyond a break is cut to end on it; afterwards the step goes on from its length before
/// the cut, unless the error asks for less.
pub(super) fn drive(
    system: &System<'_>,
    stepper: &mut impl Stepper,
    control: &Control,
    wanted: Wanted<'_>,
) -> Solution {
    let mut state = vec![0.0; system.len()];
    stepper.copy_state(&mut state);
    let mut solution = Solution {
        grid: vec![0.0],
        steps: Vec::new(),
        state,
        states: Vec::new(),
        evaluations: 0,
        worst: None,
        halt: None,
    };
    let controls = &system.flow.controls;
    let breaks = controls.breaks().map(|b| (b.t, b.jump));
    let stops: Vec<(f64, bool)> = breaks.chain([(controls.horizon, false)]).collect();
    let mut way = Way { system, control, wanted, solution: &mut solution, room: Vec::new() };
    way.room.resize(system.len(), 0.0);
    way.pass(stepper);
    for (piece, &(stop, jump)) in stops.iter().enumerate() {
        system.enter(piece);
        if let Err(halt) = way.to(stepper, stop) {
            solution.halt = Some(halt);
            break;
        }
        if jump {
            system.enter(piece + 1);
            stepper.restart();
        }
    }
    solution.evaluations = system.evaluations();
    solution
}

struct Way<'a, 'w> {
    system: &'a System<'a>,
    control: &'a Control,
    wanted: Wanted<'w>,
    solution: &'a mut Solution,
    room: Vec<f64>,
}

impl Way<'_, '_> {
    /// Steps up to a stop.
    fn to(&mut self, stepper: &mut impl Stepper, stop: f64) -> Result<(), Halt> {
        let (mut attempts, mut halved) = (Vec::new(), 0);
        loop {
            let (from, h) = (stepper.time(), stepper.step_size());
            if self.solution.grid.len() > self.control.max_steps {
                return Err(Halt::Steps { t: from, steps: self.control.max_steps });
            }
            if !h.is_finite() {
                return Err(self.lost(stepper, from, 0.0, 0));
            }
            let near = 100.0 * f64::EPSILON * (from.abs() + h.abs());
            let cut = from + h >= stop - near;
            if cut {
                stepper.cut(stop)?;
            }
            attempts.clear();
            let done = stepper.step(&mut attempts);
            if let Err(halt) = done {
                self.note(from, &attempts);
                return Err(halt);
            }
            stepper.copy_state(&mut self.room);
            let lost = self.room.iter().position(|y| !y.is_finite());
            if let (Some(_), Some(attempt)) = (lost, attempts.last_mut()) {
                attempt.accepted = false;
            }
            self.note(from, &attempts);
            let (first, mut t) = (attempts.len() == 1 && halved == 0, stepper.time());
            if let Some(at) = lost {
                // The step may have been too long; diffsol takes what is not a number for no error.
                let half = 0.5 * attempts.last().map_or(h, |attempt| attempt.h);
                halved += 1;
                let smallest = Control::smallest(self.system.flow.controls.horizon);
                let hopeless = halved >= MOST_REJECTIONS || half.is_nan() || half < smallest;
                if hopeless || !stepper.back(from, &self.solution.state, half) {
                    return Err(self.lost(stepper, from, 2.0 * half, at));
                }
                continue;
            }
            halved = 0;
            let arrived = (t - stop).abs() <= near;
            if arrived {
                t = stop;
                stepper.land(stop);
            }
            // What the cut took is given back if the error let the step grow.
            if cut && first && stepper.step_size() >= stop - from {
                stepper.aim(stepper.step_size().max(h));
            }
            self.solution.grid.push(t);
            std::mem::swap(&mut self.room, &mut self.solution.state);
            self.dense(stepper, from, t);
            if arrived {
                return Ok(());
            }
        }
    }

    /// A number of the state is lost in a step: when and whose.
    fn lost(&self, stepper: &impl Stepper, t: f64, h: f64, at: usize) -> Halt {
        let width = self.system.flow.width().max(1);
        let found = stepper.pair().and_then(|pair| {
            let h = if h.is_finite() { h } else { 0.0 };
            self.system.lost(pair, t, h, &self.solution.state)
        });
        let sample = found.map_or(at / width, |(_, sample)| sample);
        Halt::NotFinite { t, stage: found.map(|(stage, _)| stage), sample }
    }

    /// The wanted times that the solution stands on at its beginning.
    fn pass(&mut self, stepper: &impl Stepper) {
        if self.wanted.every {
            self.solution.states.push(self.solution.state.clone());
        }
        while !self.wanted.every
            && let Some(&t) = self.wanted.times.get(self.solution.states.len())
            && t <= stepper.time()
        {
            self.solution.states.push(self.solution.state.clone());
        }
    }

    /// The wanted times within the last step, whose first state is in the room.
    fn dense(&mut self, stepper: &impl Stepper, from: f64, to: f64) {
        if self.wanted.every {
            self.solution.states.push(self.solution.state.clone());
            return;
        }
        while let Some(&t) = self.wanted.times.get(self.solution.states.len())
            && t <= to
        {
            let mut y = self.solution.state.clone();
            if t < to {
                stepper.within(from, &self.room, t, &mut y);
            }
            self.solution.states.push(y);
        }
    }

    fn note(&mut self, t: f64, attempts: &[Attempt]) {
        let evaluations = self.system.evaluations();
        for attempt in attempts {
            let Attempt { h, error, accepted } = *attempt;
            let all = error.map(|error| error.all);
            self.solution.steps.push(Step { t, h, error: all, accepted, evaluations });
            let Some(error) = error.filter(|_| accepted) else { continue };
            if self.solution.worst.is_none_or(|worst| worst.error < error.worst) {
                let StepError { sample, worst, .. } = error;
                self.solution.worst = Some(Worst { sample, error: worst, t });
            }
        }
    }
}
