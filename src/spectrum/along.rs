//! Jacobians of a field along the states of a flow: at the steps, at their stages, or on a grid of times.

use super::walk::Walker;
use crate::jacobian::{self, jacobians};
use crate::solve::Flow;

/// Most bytes of Jacobians that are held at once.
const BYTES: usize = 1 << 26;

/// The times at which Jacobians are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The times of the steps, from 0 to the horizon.
    Steps,
    /// All stages of all steps: the Jacobians that the method itself sees.
    Stages,
    /// So many equally spaced times, both ends included; between the steps a shorter step leads to the state.
    Grid(usize),
}

impl When {
    /// The times, in their order.
    pub fn times(self, flow: &Flow) -> Vec<f64> {
        match self {
            When::Steps => flow.grid.clone(),
            When::Stages => {
                let steps = flow.grid.windows(2);
                let stages = |step: &[f64]| {
                    let (from, h) = (step[0], step[1] - step[0]);
                    flow.tableau.c.iter().map(move |c| from + c * h).collect::<Vec<_>>()
                };
                steps.flat_map(stages).collect()
            }
            When::Grid(count) => {
                let horizon = flow.controls.horizon;
                let last = count.saturating_sub(1).max(1) as f64;
                (0..count).map(|k| horizon * k as f64 / last).collect()
            }
        }
    }

    /// The length of the step that is in use at each of the times; at the horizon that of the last.
    pub fn steps(self, flow: &Flow) -> Vec<f64> {
        let length = |n: usize| flow.grid[n + 1] - flow.grid[n];
        match self {
            When::Stages => {
                let stages = flow.stages();
                (0..flow.steps()).flat_map(|n| std::iter::repeat_n(length(n), stages)).collect()
            }
            _ => self.times(flow).into_iter().map(|t| length(step_at(flow, t))).collect(),
        }
    }
}

/// The step that begins at or before t; the last at the horizon.
fn step_at(flow: &Flow, t: f64) -> usize {
    flow.grid.partition_point(|g| *g <= t).saturating_sub(1).min(flow.steps() - 1)
}

/// Jacobians of some samples at one time.
pub struct Frame<'a> {
    /// Which of the times.
    pub time: usize,
    /// The time itself.
    pub t: f64,
    /// The first of the samples.
    pub first: usize,
    /// The weights at t and what the field made of them.
    pub prepared: &'a [f64],
    /// width x samples.
    pub states: &'a [f64],
    /// samples x width x width, each by columns; what is done to them stays within the frame.
    pub jacobians: &'a mut [f64],
}

/// Shows the Jacobians at all times for all states: the samples in pieces, so that no more than 64 MB of
/// Jacobians are there at once, and for each piece the times in their order.
///
/// `theta` has the coefficients of the field's weights, `entries` the states at t = 0, width x samples. `see` ends
/// the work by returning false.
pub fn along(
    flow: &Flow,
    theta: &[f64],
    entries: &[f64],
    when: When,
    mut see: impl FnMut(Frame<'_>) -> bool,
) {
    let width = flow.width().max(1);
    let samples = entries.len() / width;
    let piece = (BYTES / (8 * width * width)).clamp(1, samples.max(1));
    let mut room = jacobian::Room::default();
    let mut matrices = vec![0.0; piece * width * width];
    let times = when.times(flow);
    for first in (0..samples).step_by(piece) {
        let of = piece.min(samples - first);
        let mut y = entries[first * width..(first + of) * width].to_vec();
        let matrices = &mut matrices[..of * width * width];
        let mut time = 0;
        let mut goes_on = true;
        let mut show = |t: f64, prepared: &[f64], states: &[f64]| {
            if goes_on {
                jacobians(flow.field.as_ref(), t, prepared, states, &mut room, matrices);
                goes_on = see(Frame { time, t, first, prepared, states, jacobians: matrices });
                time += 1;
            }
            goes_on
        };
        let mut walker = Walker::new(flow, theta, &flow.tableau);
        for (n, step) in flow.grid.windows(2).enumerate() {
            let (from, to) = (step[0], step[1]);
            match when {
                When::Steps => {
                    let prepared = walker.weights_at(from);
                    show(from, prepared, &y);
                }
                When::Grid(_) => {
                    for &t in times.iter().filter(|t| step_at(flow, **t) == n && **t < to) {
                        let mut between = y.clone();
                        if t > from {
                            walker.step(from, t, &mut between, |_| {});
                        }
                        show(t, walker.weights_at(t), &between);
                    }
                }
                When::Stages => {}
            }
            walker.step(from, to, &mut y, |stage| {
                if when == When::Stages {
                    show(stage.t, stage.prepared, stage.y);
                }
            });
        }
        if let (When::Steps | When::Grid(_), Some(&end)) = (when, flow.grid.last())
            && (when == When::Steps || times.last().is_some_and(|t| *t >= end))
        {
            show(end, walker.weights_at(end), &y);
        }
        if !goes_on {
            return;
        }
    }
}
