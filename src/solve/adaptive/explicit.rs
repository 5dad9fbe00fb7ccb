//! diffsol's explicit Runge-Kutta methods, with the pair of a tableau.

use diffsol::error::OdeSolverError;
use diffsol::{
    DiffsolError, ExplicitRk, OdeBuilder, OdeSolverMethod, OdeSolverProblem, OdeSolverState, Op,
    RkState, Tableau, TableauMat, TableauVec, Vector, VectorCommon,
};

use super::control::{Control, MOST_REJECTIONS};
use super::drive::{Attempt, Halt, Stepper};
use super::equations::{Equations, Matrix, Monitor, Numbers, set_lanes};
use super::pair::Pair;

/// diffsol's problem for equations, from a time on.
pub(super) fn problem<'a>(
    equations: Equations<'a>,
    control: &Control,
    from: f64,
) -> Result<OdeSolverProblem<Equations<'a>>, DiffsolError> {
    let horizon = equations.system.flow.controls.horizon;
    let context = *equations.context();
    let mut problem = OdeBuilder::<Matrix>::new()
        .context(context)
        .t0(from)
        .rtol(control.rtol)
        .atol([control.atol])
        .p(equations.system.theta[..equations.nparams()].iter().copied())
        .build_from_eqn(equations)?;
    problem.ode_options.min_timestep = Control::smallest(horizon);
    problem.ode_options.max_error_test_failures = MOST_REJECTIONS;
    Ok(problem)
}

/// The pair as diffsol has it.
pub(super) fn tableau(pair: &Pair) -> Tableau<f64> {
    let s = pair.stages();
    let entry = |i: usize, j: usize| pair.a[i].get(j).copied().unwrap_or(0.0);
    // By columns.
    let a: Vec<f64> = (0..s * s).map(|at| entry(at % s, at / s)).collect();
    let b: Vec<f64> = (0..s).map(|j| entry(s - 1, j)).collect();
    Tableau::new(
        TableauMat::from_slice(s, s, &a),
        TableauVec::from_slice(&b),
        TableauVec::from_slice(&pair.c),
        TableauVec::from_slice(&pair.d),
        pair.order,
        None,
    )
}

/// The initial state, and the first step that is given or that diffsol chooses.
pub(super) fn initial<'a, S: OdeSolverState<Numbers>>(
    problem: &OdeSolverProblem<Equations<'a>>,
    order: usize,
    control: &Control,
) -> Result<S, DiffsolError> {
    match control.first_step {
        None => S::new(problem, order),
        Some(h) => {
            let mut state = S::new_without_initialise(problem)?;
            *state.as_mut().h = h;
            Ok(state)
        }
    }
}

/// What diffsol says in our words.
pub(super) fn halt(error: DiffsolError, t: f64, smallest: f64, sample: usize) -> Halt {
    match error {
        DiffsolError::OdeSolverError(
            OdeSolverError::StepSizeTooSmall { .. }
            | OdeSolverError::TooManyErrorTestFailures { .. },
        ) => Halt::TooSmall { t, h: smallest, sample },
        DiffsolError::OdeSolverError(OdeSolverError::TooManyNonlinearSolverFailures { .. })
        | DiffsolError::NonLinearSolverError(_) => Halt::Newton { t },
        error => Halt::Solver { t, error: error.to_string() },
    }
}

/// See the module.
pub(super) struct Explicit<'p, 'a> {
    pub solver: ExplicitRk<'p, Equations<'a>>,
    pair: &'p Pair,
    /// The steps that were taken, for those who go back over them.
    pub record: Option<Vec<Recorded>>,
    /// Whether the slope at hand was evaluated by itself.
    fresh: bool,
}

/// A step that was taken.
pub(super) struct Recorded {
    pub end: RkState<Numbers>,
    /// The piece of the weights.
    pub piece: usize,
    /// Whether its first stage was evaluated by itself, not as the last of the step before.
    pub fresh: bool,
}

impl<'p, 'a> Explicit<'p, 'a> {
    /// Stands at the initial state; `errors`: whether the error of each step is told.
    pub fn new(
        problem: &'p OdeSolverProblem<Equations<'a>>,
        pair: &'p Pair,
        control: &Control,
        errors: bool,
    ) -> Result<Explicit<'p, 'a>, DiffsolError> {
        let tableau = tableau(pair);
        let state: RkState<Numbers> = initial(problem, tableau.order(), control)?;
        let solver = problem.explicit_rk_solver(state, tableau)?;
        if errors {
            let monitor = Monitor::new(pair, control, problem.eqn.system.len());
            *problem.eqn.monitor.borrow_mut() = Some(monitor);
        }
        Ok(Explicit { solver, pair, record: None, fresh: true })
    }

    fn equations(&self) -> &'p Equations<'a> {
        &self.solver.problem().eqn
    }
}

impl Stepper for Explicit<'_, '_> {
    fn time(&self) -> f64 {
        self.solver.state().t
    }

    fn copy_state(&self, y: &mut [f64]) {
        y.copy_from_slice(self.solver.state().y.inner().col_as_slice(0));
    }

    fn step_size(&self) -> f64 {
        self.solver.state().h
    }

    fn aim(&mut self, h: f64) {
        *self.solver.state_mut().h = h;
    }

    fn land(&mut self, t: f64) {
        *self.solver.state_mut().t = t;
    }

    fn back(&mut self, t: f64, y: &[f64], h: f64) -> bool {
        // In the memory of the old solver what is not a number stays: diffsol clears it by a product with 0.
        let problem = self.solver.problem();
        let state = RkState::new_without_initialise(problem);
        let anew = state.and_then(|mut state: RkState<Numbers>| {
            let parts = state.as_mut();
            (*parts.t, *parts.h) = (t, h);
            set_lanes(y, parts.y);
            problem.explicit_rk_solver(state, tableau(self.pair))
        });
        let Ok(solver) = anew else { return false };
        self.solver = solver;
        if let Some(record) = &mut self.record {
            record.pop();
        }
        self.restart();
        true
    }

    fn restart(&mut self) {
        let system = self.equations().system;
        let state = self.solver.state_mut();
        let (y, k) = (state.y.inner(), state.dy.inner_mut());
        system.value(*state.t, y.col_as_slice(0), k.col_as_slice_mut(0));
        self.fresh = true;
    }

    fn step(&mut self, attempts: &mut Vec<Attempt>) -> Result<(), Halt> {
        let equations = self.equations();
        let (t, h) = (self.time(), self.step_size());
        if let Some(monitor) = equations.monitor.borrow_mut().as_mut() {
            let state = self.solver.state();
            let (y, k) = (state.y.inner(), state.dy.inner());
            monitor.begin(t, y.col_as_slice(0), k.col_as_slice(0));
        }
        let before = self.solver.get_statistics().number_of_error_test_failures;
        let done = self.solver.step();
        let rejected = self.solver.get_statistics().number_of_error_test_failures - before;
        let mut sample = 0;
        match equations.monitor.borrow_mut().as_mut() {
            Some(monitor) => {
                attempts.append(&mut monitor.attempts);
                let error = attempts.last().and_then(|attempt| attempt.error);
                sample = error.map_or(0, |error| error.sample);
                if let (Ok(_), Some(last)) = (&done, attempts.last_mut()) {
                    last.accepted = true;
                }
            }
            // How long they were, diffsol does not tell.
            None => {
                let rejected = (0..rejected).map(|_| (h, false));
                let accepted = done.iter().map(|_| (self.solver.state().t - t, true));
                let all = rejected.chain(accepted);
                attempts.extend(all.map(|(h, accepted)| Attempt { h, error: None, accepted }));
            }
        }
        let fresh = std::mem::take(&mut self.fresh);
        if let (Some(record), Ok(_)) = (&mut self.record, &done) {
            let (end, piece) = (self.solver.state_clone(), equations.system.piece());
            record.push(Recorded { end, piece, fresh });
        }
        let smallest = Control::smallest(equations.system.flow.controls.horizon);
        done.map(|_| ()).map_err(|error| halt(error, t, smallest, sample))
    }

    fn pair(&self) -> Option<&Pair> {
        Some(self.pair)
    }

    fn within(&self, from: f64, start: &[f64], t: f64, out: &mut [f64]) {
        self.equations().system.advance(self.pair, from, t - from, start, out);
    }
}
