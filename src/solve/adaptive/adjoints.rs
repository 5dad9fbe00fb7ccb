//! Other ways to the gradient of an adaptive solution than the adjoint of the flow over its grid: to compare.
//!
//! diffsol's `step_vjp` is an exact discrete adjoint too, written by others: the two agree to rounding. The
//! continuous adjoint solves
//!
//! ```text
//! lambda' = -(df/dy)' lambda,   g' = -(df/dtheta)' lambda,   lambda(T) given,   g(T) = 0
//! ```
//!
//! back in time with steps of its own along an interpolated y(t); it agrees to the tolerance at best. To solve
//! for y(t) back from y(T) as well, which needs no memory, is wrong wherever the flow contracts: [`reversed`]
//! says by how much.

use std::sync::Arc;

use diffsol::{
    AdjointOdeSolverMethod, DiffsolError, Matrix as _, MatrixCommon, OdeSolverMethod,
    OdeSolverState, StepVjp, Vector, VectorCommon,
};

use super::drive::{Halt, Solution, Wanted, drive};
use super::equations::{Equations, Matrix, Numbers, set_lanes};
use super::explicit::{Explicit, halt, problem};
use super::reversed::Reversed;
use super::system::System;
use super::{Adaptive, Control, Method, solve};
use crate::control::Basis;
use crate::expr::vector::combine;
use crate::solve::flow::{Flow, Prepared, Tape};

/// What a cotangent of the final state is, pulled back.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulled {
    /// The cotangent of the initial state.
    pub state: Vec<f64>,
    /// The gradient by the coefficients of the weights.
    pub gradient: Vec<f64>,
}

/// By the adjoint of a flow over a grid: the one that trains.
pub fn discrete(flow: &Flow, theta: &[f64], start: &[f64], cotangent: &[f64]) -> Pulled {
    let batch = start.len() / flow.width().max(1);
    let (mut prepared, mut tape) = (Prepared::default(), Tape::default());
    flow.prepare(theta, &mut prepared);
    flow.entry(&mut tape, batch).copy_from_slice(start);
    flow.forward(&prepared, &mut tape, batch);
    let (mut state, mut sums) = (cotangent.to_vec(), vec![0.0; flow.n_sums()]);
    flow.backward(&prepared, &mut tape, batch, &mut state, &mut sums, true);
    let mut gradient = vec![0.0; theta.len()];
    let mut workspace = std::mem::take(&mut tape.workspace);
    flow.gather(&prepared, &sums, &mut gradient, &mut Default::default(), &mut workspace);
    Pulled { state, gradient }
}

/// By diffsol's `step_vjp`, with the solution whose steps it goes back; none for a method that diffsol does not
/// take.
///
/// # Errors
/// Where the solution ends early.
pub fn step_vjp(
    flow: &Flow,
    adaptive: &Adaptive,
    theta: &[f64],
    start: &[f64],
    cotangent: &[f64],
) -> Result<Option<(Solution, Pulled)>, Halt> {
    let Method::Pair(pair) = &adaptive.method else { return Ok(None) };
    if !pair.fits_diffsol() {
        return Ok(None);
    }
    let system = System::new(flow, theta, start.len() / flow.width().max(1));
    let control = &adaptive.control;
    let equations = Equations::long(&system, start).with_parameters();
    let problem = problem(equations, control, 0.0).map_err(refused)?;
    let mut stepper = Explicit::new(&problem, pair, control, false).map_err(refused)?;
    stepper.record = Some(Vec::new());
    let solution = drive(&system, &mut stepper, control, Wanted::default());
    if let Some(halt) = solution.halt {
        return Err(halt);
    }
    let recorded = stepper.record.take().unwrap_or_default();
    let Some(last) = recorded.last() else { return Ok(None) };
    let (mut bar, context) = (last.end.zeros_like(), *last.end.as_ref().y.context());
    set_lanes(cotangent, bar.as_mut().y);
    let mut gradient = Numbers::zeros(theta.len(), context);
    let (mut by_state, mut by_weights) = (vec![0.0; start.len()], vec![0.0; theta.len()]);
    for (number, step) in recorded.iter().enumerate().rev() {
        system.enter(step.piece);
        stepper.solver.step_vjp(&step.end, &mut bar, &mut gradient).map_err(refused)?;
        if !step.fresh {
            continue;
        }
        // The first stage of this step is no stage of the one before: its cotangent is closed here.
        let before = number.checked_sub(1).and_then(|before| recorded.get(before));
        let y = before.map_or(start, |before| before.end.as_ref().y.inner().col_as_slice(0));
        let parts = bar.as_mut();
        let slope = parts.dy.inner_mut().col_as_slice_mut(0);
        let t = solution.grid[number];
        system.vjp(t, y, slope, &mut by_state, Some(&mut by_weights));
        slope.fill(0.0);
        let state = parts.y.inner_mut().col_as_slice_mut(0);
        combine(state, 1.0, [(1.0, &by_state[..])].into_iter());
        let gradient = gradient.inner_mut().col_as_slice_mut(0);
        combine(gradient, 1.0, [(1.0, &by_weights[..])].into_iter());
    }
    let state = bar.as_ref().y.inner().col_as_slice(0).to_vec();
    let gradient = gradient.inner().col_as_slice(0).to_vec();
    Ok(Some((solution, Pulled { state, gradient })))
}

/// By diffsol's continuous adjoint with its Tsit5, from break to break of the weights.
///
/// Three things spoil it that are mended here: a kink of the weights inside of its steps; a cotangent far smaller
/// than the tolerance, for which nothing is controlled; and gradients that no tolerance is given for.
///
/// # Errors
/// Where a solution ends early.
pub fn continuous(
    flow: &Flow,
    control: &Control,
    theta: &[f64],
    start: &[f64],
    cotangent: &[f64],
) -> Result<Pulled, Halt> {
    let system = System::new(flow, theta, start.len() / flow.width().max(1));
    let breaks = flow.controls.breaks().map(|b| b.t);
    let times: Vec<f64> = [0.0].into_iter().chain(breaks).chain([flow.controls.horizon]).collect();
    let mut starts = vec![start.to_vec()];
    for (piece, pair) in times.windows(2).enumerate() {
        system.enter(piece);
        let y = starts[piece].clone();
        let problem = problem(Equations::long(&system, &y), control, pair[0]).map_err(refused)?;
        let mut solver = problem.tsit45().map_err(refused)?;
        let (y, ..) = solver.solve(pair[1]).map_err(refused)?;
        let last = y.inner();
        starts.push(last.col_as_slice(last.ncols().saturating_sub(1)).to_vec());
    }
    let scale = cotangent.iter().fold(0.0, |most: f64, x| most.max(x.abs())).max(f64::MIN_POSITIVE);
    let mut state: Vec<f64> = cotangent.iter().map(|x| x / scale).collect();
    let mut gradient = vec![0.0; theta.len()];
    for (piece, pair) in times.windows(2).enumerate().rev() {
        system.enter(piece);
        let pulled = back(&system, control, &starts[piece], (pair[0], pair[1]), &state);
        let Pulled { state: before, gradient: share } = pulled.map_err(refused)?;
        state = before;
        combine(&mut gradient, 1.0, [(1.0, &share[..])].into_iter());
    }
    state.iter_mut().chain(&mut gradient).for_each(|x| *x *= scale);
    Ok(Pulled { state, gradient })
}

/// The continuous adjoint over one piece.
fn back(
    system: &System<'_>,
    control: &Control,
    start: &[f64],
    (from, to): (f64, f64),
    cotangent: &[f64],
) -> Result<Pulled, DiffsolError> {
    let equations = Equations::long(system, start).with_parameters();
    let mut problem = problem(equations, control, from)?;
    problem.param_rtol = Some(control.rtol);
    let tolerance = Numbers::from_element(system.theta.len(), control.atol, Default::default());
    problem.param_atol = Some(tolerance);
    let mut solver = problem.tsit45()?;
    let (path, ..) = solver.solve_with_checkpointing(to, None)?;
    let back = problem.tsit45_solver_adjoint(path, Some(solver), Some(1))?;
    let mut given = Matrix::zeros(cotangent.len(), 1, Default::default());
    let mut column = Numbers::zeros(cotangent.len(), Default::default());
    set_lanes(cotangent, &mut column);
    given.set_column(0, &column);
    let (end, _) = back.solve_adjoint_backwards_pass(&[to], &[&given])?;
    let end = end.as_ref();
    let numbers = |v: &Numbers| v.inner().col_as_slice(0).to_vec();
    Ok(Pulled { state: numbers(end.s), gradient: numbers(end.sg) })
}

fn refused(error: DiffsolError) -> Halt {
    halt(error, 0.0, 0.0, 0)
}

/// The initial state as a solution back from the final one has it.
///
/// # Errors
/// Where that solution ends early: going back may leave all bounds.
pub fn reversed(
    flow: &Flow,
    adaptive: &Adaptive,
    theta: &[f64],
    end: &[f64],
) -> Result<Vec<f64>, Halt> {
    let horizon = flow.controls.horizon;
    let field = Arc::new(Reversed { field: flow.field.clone(), horizon });
    let back = Flow::adaptive(field, flow.controls, &flow.tableau, adaptive.clone());
    // w(T - t): nodes and cells in the other order, odd polynomials with the other sign.
    let weights = flow.field.n_weights().max(1);
    let coefficients = theta.chunks_exact(weights);
    let theta: Vec<f64> = match flow.controls.basis {
        Basis::Legendre { .. } => coefficients
            .enumerate()
            .flat_map(|(k, w)| w.iter().map(move |w| if k % 2 == 1 { -w } else { *w }))
            .collect(),
        _ => coefficients.rev().flatten().copied().collect(),
    };
    let solution = solve(&back, adaptive, &theta, end, Wanted::default());
    match solution.halt {
        Some(halt) => Err(halt),
        None => Ok(solution.state),
    }
}
