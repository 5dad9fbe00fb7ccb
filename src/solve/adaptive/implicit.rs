//! diffsol's implicit methods, for stiff equations: forward only.
//!
//! Each sample is a lane, so that a Newton matrix is one of a single sample's width, formed by as many `jvp` of the
//! whole batch; all samples take the same steps, by the largest error of a sample.

use diffsol::{DiffsolError, FaerLU, OdeSolverMethod, OdeSolverProblem, Tableau};

use super::control::Control;
use super::drive::{Attempt, Halt, Stepper};
use super::equations::{Equations, copy_lanes, set_lanes};
use super::explicit::{halt, initial};
use super::pair::Pair;
use crate::tableau::Tableau as Coefficients;

/// An implicit method of diffsol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implicit {
    /// Backward differentiation formulas of order 1 to 5 (Byrne & Hindmarsh, ACM TOMS 1, 1975; Shampine &
    /// Reichelt, SIAM J. Sci. Comput. 18, 1997).
    Bdf,
    /// The trapezoidal rule and BDF 2 (Hosea & Shampine, Appl. Numer. Math. 20, 1996).
    TrBdf2,
    /// ESDIRK of order 3 with 4 stages (Jørgensen, Kristensen & Thomsen, arXiv:1803.01613, 2018).
    Esdirk34,
}

/// A method that chooses its steps, on a grid that is given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{name} chooses its steps by their error; take stepping: Adaptive(rtol: 1e-6, atol: 1e-8), or --rtol 1e-6 where a run is evaluated"
)]
pub struct NeedsAdaptive {
    /// The method.
    pub name: &'static str,
}

/// A gradient through a method that has none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{name} solves forward only, there is no gradient through its steps; train with an explicit pair such as \"dopri5\" \
     and evaluate with --method {name} --rtol 1e-6"
)]
pub struct NoAdjoint {
    /// The method.
    pub name: String,
}

impl Implicit {
    /// All of them.
    pub const ALL: [Implicit; 3] = [Implicit::Bdf, Implicit::TrBdf2, Implicit::Esdirk34];

    /// How a model file names it.
    pub fn name(self) -> &'static str {
        match self {
            Implicit::Bdf => "bdf",
            Implicit::TrBdf2 => "tr_bdf2",
            Implicit::Esdirk34 => "esdirk34",
        }
    }

    /// The method of this name.
    pub fn named(name: &str) -> Option<Implicit> {
        Implicit::ALL.into_iter().find(|method| method.name() == name)
    }

    /// A tableau without stages, for its name and order: nothing explicit is ever done with it.
    pub fn tableau(self) -> Coefficients<f64> {
        let (order, note) = match self {
            Implicit::Bdf => (5, "order 1 to 5"),
            Implicit::TrBdf2 => (2, "order 2"),
            Implicit::Esdirk34 => (3, "order 3"),
        };
        Coefficients {
            name: self.name().to_owned(),
            a: Vec::new(),
            b: Vec::new(),
            c: Vec::new(),
            embedded: None,
            order,
            digits: None,
            shu_osher: None,
            citation: None,
            note: Some(note.to_owned()),
            aliases: Vec::new(),
        }
    }
}

/// Calls `use_it` with the solver of a method.
pub(super) fn with_solver<'p, 'a, R>(
    method: Implicit,
    problem: &'p OdeSolverProblem<Equations<'a>>,
    control: &Control,
    drive: impl Drive<R>,
) -> Result<R, DiffsolError> {
    type Solver = FaerLU<f64>;
    Ok(match method {
        Implicit::Bdf => {
            let state = initial(problem, 1, control)?;
            drive.with(&mut Stiff { solver: problem.bdf_solver::<Solver>(state)?, multistep: true })
        }
        Implicit::TrBdf2 => {
            let state = initial(problem, Tableau::<f64>::tr_bdf2().order(), control)?;
            let solver = problem.tr_bdf2_solver::<Solver>(state)?;
            drive.with(&mut Stiff { solver, multistep: false })
        }
        Implicit::Esdirk34 => {
            let state = initial(problem, Tableau::<f64>::esdirk34().order(), control)?;
            let solver = problem.esdirk34_solver::<Solver>(state)?;
            drive.with(&mut Stiff { solver, multistep: false })
        }
    })
}

/// What is done with a stepper whose type depends on the method.
pub(super) trait Drive<R> {
    fn with(self, stepper: &mut impl Stepper) -> R;
}

struct Stiff<S> {
    solver: S,
    /// Whether a change of the state costs the history.
    multistep: bool,
}

impl<'p, 'a: 'p, S: OdeSolverMethod<'p, Equations<'a>>> Stepper for Stiff<S> {
    fn time(&self) -> f64 {
        self.solver.state().t
    }

    fn copy_state(&self, y: &mut [f64]) {
        copy_lanes(self.solver.state().y, y);
    }

    fn step_size(&self) -> f64 {
        self.solver.state().h
    }

    fn aim(&mut self, h: f64) {
        if !self.multistep {
            *self.solver.state_mut().h = h;
        }
    }

    fn cut(&mut self, stop: f64) -> Result<(), Halt> {
        let t = self.time();
        self.solver
            .set_stop_time(stop)
            .map_err(|error| Halt::Solver { t, error: error.to_string() })
    }

    fn land(&mut self, t: f64) {
        if !self.multistep {
            *self.solver.state_mut().t = t;
        }
    }

    fn back(&mut self, _t: f64, _y: &[f64], _h: f64) -> bool {
        // What is not a number would stay in diffsol's memory.
        false
    }

    fn restart(&mut self) {
        let system = self.solver.problem().eqn.system;
        let mut y = vec![0.0; system.len()];
        let mut slope = y.clone();
        copy_lanes(self.solver.state().y, &mut y);
        let state = self.solver.state_mut();
        system.value(*state.t, &y, &mut slope);
        set_lanes(&slope, state.dy);
    }

    fn step(&mut self, attempts: &mut Vec<Attempt>) -> Result<(), Halt> {
        let (t, h) = (self.time(), self.step_size());
        let failures = |solver: &S| {
            let counts = solver.get_statistics();
            counts.number_of_error_test_failures + counts.number_of_nonlinear_solver_fails
        };
        let before = failures(&self.solver);
        let done = self.solver.step();
        // How long they were, diffsol does not tell.
        for _ in before..failures(&self.solver) {
            attempts.push(Attempt { h, error: None, accepted: false });
        }
        let smallest = Control::smallest(self.solver.problem().eqn.system.flow.controls.horizon);
        done.map_err(|error| halt(error, t, smallest, 0))?;
        attempts.push(Attempt { h: self.time() - t, error: None, accepted: true });
        Ok(())
    }

    fn pair(&self) -> Option<&Pair> {
        None
    }

    fn within(&self, _from: f64, _start: &[f64], t: f64, out: &mut [f64]) {
        // A time within the last step is always there.
        if let Ok(y) = self.solver.interpolate(t) {
            copy_lanes(&y, out);
        }
    }
}
