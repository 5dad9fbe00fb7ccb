//! Networks whose flow chooses its steps: one grid for all samples of a call, or one for each sample.
//!
//! A gradient solves first, over its whole batch, and is then that of the flow over the grid that was found: the
//! derivative of the steps that were taken, not of the choice of them. Values need no second pass.

use super::engine::{Engine, Job, Unfinished, Worker};
use super::Network;
use crate::expr::vector::combine;
use crate::solve::adaptive::{Solution, Wanted, solve, solve_each};
use faer::MatRef;

/// Samples that are opened at once.
const OPENED: usize = 256;

impl Engine<'_> {
    /// What the last call of a flow that chooses its steps came to: one solution, or one for each sample.
    pub fn solutions(&self) -> &[Solution] {
        &self.solutions
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
        let starts = self.starts(job.x, job.samples);
        let field = self.network.field_weights(theta);
        let wanted = Wanted { times: &[], errors: !job.gradient };
        self.solutions = match self.per_sample() {
            true => solve_each(flow, adaptive, field, &starts, wanted),
            false => vec![solve(flow, adaptive, field, &starts, wanted)],
        };
        for (number, solution) in self.solutions.iter().enumerate() {
            let Some(halt) = &solution.halt else { continue };
            let within = halt.sample().unwrap_or(0);
            let sample = job.samples.get(number + within).copied().unwrap_or(0);
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
