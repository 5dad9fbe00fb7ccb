//! Steps chosen by an estimate of their error.
//!
//! Explicit methods with an embedded pair go through diffsol where it takes them, else through a loop of our own
//! that takes the very same steps. What comes out is a grid, and the flow over that grid is a fixed one like any
//! other: its adjoint is the gradient of the steps that were taken, the steps themselves held fixed.

pub mod adjoints;
mod control;
mod drive;
mod equations;
mod explicit;
mod implicit;
mod own;
mod pair;
mod reversed;
mod system;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

pub use control::{Control, StepError};
pub use drive::{Halt, Solution, Step, Wanted, Worst};
pub use implicit::{Implicit, NeedsAdaptive, NoAdjoint};
pub use pair::{NoPair, Pair};

use super::flow::Flow;
use drive::drive;
use equations::Equations;
use explicit::Explicit;
use own::Own;
use system::System;

/// A method that chooses its steps, and what they keep to.
#[derive(Clone, Debug, PartialEq)]
pub struct Adaptive {
    /// The method.
    pub method: Method,
    /// Tolerances and limits.
    pub control: Control,
}

/// A method that chooses its steps.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// An explicit one.
    Pair(Pair),
    /// An implicit one, which has no gradient.
    Implicit(Implicit),
}

/// Who takes the steps of an explicit method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// diffsol.
    Diffsol,
    /// Our own loop.
    Own,
}

impl Adaptive {
    /// Who takes the steps, if both could: diffsol.
    pub fn driver(&self) -> Driver {
        match &self.method {
            Method::Pair(pair) if !pair.fits_diffsol() => Driver::Own,
            _ => Driver::Diffsol,
        }
    }
}

/// Solves for a batch from `start` (width x batch) to the horizon of the flow, whose own grid is not read; the
/// error is that of the whole batch.
pub fn solve(
    flow: &Flow,
    adaptive: &Adaptive,
    theta: &[f64],
    start: &[f64],
    wanted: Wanted<'_>,
) -> Solution {
    solve_by(adaptive.driver(), flow, adaptive, theta, start, wanted)
}

/// Solves for each sample by itself, in parallel.
pub fn solve_each(
    flow: &Flow,
    adaptive: &Adaptive,
    theta: &[f64],
    start: &[f64],
    wanted: Wanted<'_>,
) -> Vec<Solution> {
    let width = flow.width().max(1);
    let samples = start.par_chunks_exact(width);
    let each = samples.enumerate().map(|(sample, start)| {
        let mut solution = solve(flow, adaptive, theta, start, wanted);
        solution.name_sample(sample);
        solution
    });
    each.collect()
}

/// A whole solution by any stepper.
struct Whole<'a> {
    system: &'a System<'a>,
    control: &'a Control,
    wanted: Wanted<'a>,
}

impl implicit::Drive<Solution> for Whole<'_> {
    fn with(self, stepper: &mut impl drive::Stepper) -> Solution {
        drive(self.system, stepper, self.control, self.wanted)
    }
}

/// [`solve`] by one or the other, where both can. An implicit method is always diffsol's; a method of more stages
/// than diffsol takes is not to be asked of it, for diffsol would panic.
pub fn solve_by(
    driver: Driver,
    flow: &Flow,
    adaptive: &Adaptive,
    theta: &[f64],
    start: &[f64],
    wanted: Wanted<'_>,
) -> Solution {
    let system = System::new(flow, theta, start.len() / flow.width().max(1));
    let control = &adaptive.control;
    let whole = Whole { system: &system, control, wanted };
    let solved = match (&adaptive.method, driver) {
        (Method::Implicit(method), _) => {
            explicit::problem(Equations::lanes(&system, start), control, 0.0)
                .and_then(|problem| implicit::with_solver(*method, &problem, control, whole))
        }
        (Method::Pair(pair), Driver::Own) => {
            Ok(drive(&system, &mut Own::new(&system, pair, control, start), control, wanted))
        }
        (Method::Pair(pair), Driver::Diffsol) => {
            explicit::problem(Equations::long(&system, start), control, 0.0).and_then(|problem| {
                let mut stepper = Explicit::new(&problem, pair, control, wanted.errors)?;
                Ok(drive(&system, &mut stepper, control, wanted))
            })
        }
    };
    solved.unwrap_or_else(|error| Solution {
        grid: vec![0.0],
        steps: Vec::new(),
        state: start.to_vec(),
        states: Vec::new(),
        evaluations: system.evaluations(),
        worst: None,
        halt: Some(explicit::halt(error, 0.0, Control::smallest(flow.controls.horizon), 0)),
    })
}
