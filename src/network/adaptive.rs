//! Networks whose flow chooses its steps: one grid for all samples of a call, or one for each sample.
//!
//! A gradient solves first, over its whole batch, and is then that of the flow over the grid that was found: the
//! derivative of the steps that were taken, not of the choice of them. Values need no second pass.

use super::Network;
use super::engine::{Engine, Job, Unfinished, Worker};
use crate::expr::vector::combine;
use crate::solve::adaptive::{Halt, Method, NoAdjoint, Solution, Wanted, solve, solve_each};
use crate::solve::{Prepared, Tape};
use faer::{Mat, MatRef};

/// States of samples in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectories {
    /// The times.
    pub times: Vec<f64>,
    /// The states at each time, width x samples.
    pub states: Vec<Vec<f64>>,
}

/// Samples that are opened at once.
const OPENED: usize = 256;

impl Engine<'_> {
    /// What the last call of a flow that chooses its steps came to: one solution, or one for each sample.
    pub fn solutions(&self) -> &[Solution] {
        &self.solutions
    }

    /// The same network over the grid that its flow chooses for these samples as one batch, if it chooses one.
    ///
    /// # Errors
    /// [`Unfinished`], where the solver gives up.
    pub fn frozen(
        &mut self,
        theta: &[f64],
        x: MatRef<'_, f64>,
    ) -> Result<Option<Network>, Unfinished> {
        let Some(adaptive) = self.network.flow.adaptive.as_deref() else { return Ok(None) };
        let starts = self.opened(theta, x);
        let field = self.network.field_weights(theta);
        let solution = solve(&self.network.flow, adaptive, field, &starts, Wanted::default());
        match solution.halt {
            Some(halt) => {
                let sample = halt.sample().unwrap_or(0);
                Err(Unfinished { sample, broken: None, halt: Some(halt) })
            }
            None => {
                let flow = self.network.flow.over(solution.grid);
                Ok(Some(Network { flow, ..self.network.clone() }))
            }
        }
    }

    /// The states of all samples at given times, or at the ends of all steps; as far as the solver gets.
    pub fn trajectories(
        &mut self,
        theta: &[f64],
        x: MatRef<'_, f64>,
        times: Option<&[f64]>,
    ) -> Trajectories {
        let flow = &self.network.flow;
        let Some(adaptive) = flow.adaptive.as_deref() else {
            return self.over_the_grid(theta, x, times);
        };
        let starts = self.opened(theta, x);
        let field = self.network.field_weights(theta);
        let horizon = flow.controls.horizon;
        // Samples with grids of their own have no other times in common.
        let even: Vec<f64> = (0..=100).map(|i| horizon * f64::from(i) / 100.0).collect();
        let times = times.or(self.per_sample().then_some(&even));
        let every = times.is_none();
        let wanted = Wanted { times: times.unwrap_or_default(), every, errors: true };
        self.solutions = match self.per_sample() {
            true => solve_each(flow, adaptive, field, &starts, wanted),
            false => vec![solve(flow, adaptive, field, &starts, wanted)],
        };
        let reached = self.solutions.iter().map(|solution| solution.states.len()).min();
        let reached = reached.unwrap_or(0);
        let times = match (times, self.solutions.first()) {
            (Some(times), _) => times[..reached].to_vec(),
            (None, Some(solution)) => solution.grid.clone(),
            (None, None) => Vec::new(),
        };
        let state = |at: usize| -> Vec<f64> {
            self.solutions.iter().flat_map(|s| s.states[at].iter().copied()).collect()
        };
        Trajectories { times, states: (0..reached).map(state).collect() }
    }

    /// The same for a flow over a grid. A time within a step is reached by a shorter one from its beginning.
    fn over_the_grid(
        &mut self,
        theta: &[f64],
        x: MatRef<'_, f64>,
        times: Option<&[f64]>,
    ) -> Trajectories {
        let trace = self.trace(theta, x);
        let flat = |state: &Mat<f64>| -> Vec<f64> {
            state.col_iter().flat_map(|column| column.iter().copied().collect::<Vec<_>>()).collect()
        };
        let Some(times) = times else {
            let (times, states) = trace.iter().map(|(t, state)| (*t, flat(state))).unzip();
            return Trajectories { times, states };
        };
        let (flow, batch) = (&self.network.flow, x.ncols());
        let (mut prepared, mut tape) = (Prepared::default(), Tape::default());
        let mut states = Vec::with_capacity(times.len());
        for &t in times {
            let step = trace.iter().rposition(|(from, _)| *from <= t).unwrap_or(0);
            let Some((from, state)) = trace.get(step) else { break };
            let state = flat(state);
            if t <= *from {
                states.push(state);
                continue;
            }
            let within = flow.over(vec![*from, t]);
            within.prepare(self.network.field_weights(theta), &mut prepared);
            within.entry(&mut tape, batch).copy_from_slice(&state);
            within.forward_only(&prepared, &mut tape, batch);
            states.push(within.exit(&tape, batch).to_vec());
        }
        Trajectories { times: times.to_vec(), states }
    }

    pub(super) fn per_sample(&self) -> bool {
        self.network.flow.adaptive.as_ref().is_some_and(|adaptive| adaptive.control.per_sample)
    }

    /// The states y(0), width x samples.
    pub fn opened(&mut self, theta: &[f64], x: MatRef<'_, f64>) -> Vec<f64> {
        self.prepare(theta);
        self.starts(x, &(0..x.ncols()).collect::<Vec<_>>())
    }

    fn starts(&self, x: MatRef<'_, f64>, samples: &[usize]) -> Vec<f64> {
        let mut worker = Worker::default();
        let mut starts = Vec::with_capacity(self.network.width() * samples.len());
        for samples in samples.chunks(OPENED) {
            worker.open(self.network, &self.shared, x, samples);
            let entry = self.network.flow.entry(&mut worker.tape, samples.len());
            starts.extend_from_slice(entry);
        }
        starts
    }

    /// Solves for the samples of a call: finds their grid for a gradient, else their final states.
    pub(super) fn find(&mut self, theta: &[f64], job: Job<'_>) -> Result<(), Unfinished> {
        let Network { flow, .. } = self.network;
        let Some(adaptive) = flow.adaptive.as_deref() else { return Ok(()) };
        // How samples are cut into blocks must not depend on the call before.
        (self.shared.ends, self.shared.found) = (None, None);
        if let (Method::Implicit(method), true) = (&adaptive.method, job.gradient) {
            let halt = Halt::NoAdjoint(NoAdjoint { name: method.name().to_owned() });
            return Err(Unfinished { sample: 0, broken: None, halt: Some(halt) });
        }
        let starts = self.starts(job.x, job.samples);
        let field = self.network.field_weights(theta);
        let wanted = Wanted { errors: self.tells_errors, ..Wanted::default() };
        self.solutions = match self.per_sample() {
            true => solve_each(flow, adaptive, field, &starts, wanted),
            false => vec![solve(flow, adaptive, field, &starts, wanted)],
        };
        for (number, solution) in self.solutions.iter().enumerate() {
            let Some(halt) = &solution.halt else { continue };
            let sample = job.samples.get(halt.sample().unwrap_or(number)).copied().unwrap_or(0);
            return Err(Unfinished { sample, broken: None, halt: Some(halt.clone()) });
        }
        if !job.gradient {
            let ends = self.solutions.iter().flat_map(|solution| solution.state.iter().copied());
            self.shared.ends = Some(ends.collect());
        } else if let [solution] = self.solutions.as_slice() {
            let found = flow.over(solution.grid.clone());
            found.prepare(field, &mut self.shared.prepared);
            self.shared.found = Some(found);
        }
        Ok(())
    }

    /// The mean of the gradients of single samples, each over its own grid.
    pub(super) fn gradient_each(
        &mut self,
        theta: &[f64],
        job: Job<'_>,
        gradient: &mut [f64],
    ) -> Result<f64, Unfinished> {
        let Some(targets) = job.targets else { return Ok(0.0) };
        let share = 1.0 / job.samples.len().max(1) as f64;
        let (mut loss, mut one) = (0.0, vec![0.0; gradient.len()]);
        gradient.fill(0.0);
        let mut solutions = Vec::with_capacity(job.samples.len());
        for sample in job.samples.chunks(1) {
            loss += share * self.gradient(theta, job.x, targets, sample, &mut one)?;
            combine(gradient, 1.0, [(share, &one[..])].into_iter());
            solutions.append(&mut self.solutions);
        }
        self.solutions = solutions;
        Ok(loss)
    }
}
