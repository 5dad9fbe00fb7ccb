//! The steps of a fixed grid and the times of their stages.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::control::{Break, Controls, Row};
use crate::tableau::Tableau;

/// How time is cut into steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Stepping {
    /// Equal steps.
    Fixed {
        /// Their number.
        steps: usize,
    },
    /// These times, from 0 to the horizon.
    Grid(Vec<f64>),
    /// Steps chosen by an error estimate.
    Adaptive {
        /// Error of a step, relative to the state.
        rtol: f64,
        /// Error of a step where the state is near zero.
        atol: f64,
        /// Steps after which the solver gives up.
        #[serde(default = "default_max_steps")]
        max_steps: usize,
        /// The first step; by default it is chosen by the size of the state, its slope and their change.
        #[serde(default)]
        first_step: Option<f64>,
        /// Whether each sample takes steps of its own, as if solved alone.
        #[serde(default)]
        per_sample: bool,
    },
}

fn default_max_steps() -> usize {
    100_000
}

/// Most steps of a grid that is given.
const MOST_STEPS: usize = 100_000;

/// Why a stepping gives no grid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GridError {
    /// No steps, or more than anybody can mean.
    #[error("a grid has between 1 and {MOST_STEPS} steps, not {steps}")]
    Steps {
        /// As many as were asked for.
        steps: usize,
    },
    /// No step lies between fewer than two times.
    #[error("a grid has at least two times, 0 and the horizon {horizon}; here are {found}")]
    TooShort {
        /// The times that are given.
        found: usize,
        /// The end of the interval.
        horizon: f64,
    },
    /// The flow begins at 0 and ends at the horizon.
    #[error(
        "a grid begins at 0 and ends at the horizon {horizon}; this one goes from {from} to {to}"
    )]
    Ends {
        /// The first time.
        from: f64,
        /// The last.
        to: f64,
        /// The end of the interval.
        horizon: f64,
    },
    /// Time has to go on.
    #[error("the times of a grid increase, but {before} is followed by {after}")]
    Order {
        /// A time.
        before: f64,
        /// The next.
        after: f64,
    },
    /// There is no grid before the solution is known.
    #[error("steps that are chosen by their error are not known before the solution")]
    Adaptive,
}

impl Stepping {
    /// Whether steps that are given are a grid on [0, horizon].
    ///
    /// # Errors
    /// [`GridError`], for [`Stepping::Fixed`] and [`Stepping::Grid`].
    pub fn check(&self, horizon: f64) -> Result<(), GridError> {
        let count = |steps: usize| match steps {
            1..=MOST_STEPS => Ok(()),
            steps => Err(GridError::Steps { steps }),
        };
        match self {
            &Stepping::Fixed { steps } => count(steps),
            Stepping::Grid(times) => {
                let &[from, .., to] = times.as_slice() else {
                    return Err(GridError::TooShort { found: times.len(), horizon });
                };
                count(times.len() - 1)?;
                // A NaN is not in order either.
                let increases = |pair: &[f64]| pair[0] < pair[1];
                if let Some(pair) = times.windows(2).find(|pair| !increases(pair)) {
                    return Err(GridError::Order { before: pair[0], after: pair[1] });
                }
                // 0.1 + 0.2 may stand for a horizon of 0.3.
                let same = |a: f64, b: f64| (a - b).abs() <= 1e-12 * horizon;
                if !same(from, 0.0) || !same(to, horizon) {
                    return Err(GridError::Ends { from, to, horizon });
                }
                Ok(())
            }
            Stepping::Adaptive { .. } => Ok(()),
        }
    }

    /// The times of the steps, from 0 to the horizon.
    ///
    /// # Errors
    /// [`GridError`], where there is no grid.
    pub fn grid(&self, horizon: f64) -> Result<Vec<f64>, GridError> {
        self.check(horizon)?;
        match self {
            &Stepping::Fixed { steps } => {
                Ok((0..=steps).map(|i| horizon * i as f64 / steps as f64).collect())
            }
            Stepping::Grid(times) => Ok(times.clone()),
            Stepping::Adaptive { .. } => Err(GridError::Adaptive),
        }
    }
}

/// A time at which weights are needed.
#[derive(Clone, Debug, PartialEq)]
pub struct Time {
    /// In [0, horizon].
    pub t: f64,
    /// The basis of the weights there.
    pub row: Row,
}

/// The distinct times of all stages of all steps.
///
/// A step between breaks of the weights takes them all from the piece that holds its midpoint, so that the
/// method keeps its order; a step with a break inside takes each from the piece at its stage time.
/// Stages share a time only if they share the weights: not across a jump.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// The times, in the order in which they are first needed.
    pub distinct: Vec<Time>,
    /// For each step and stage the number of its time.
    pub of_stage: Vec<usize>,
    /// For each time the last of its evaluations.
    pub last_of: Vec<usize>,
    /// Steps that miss a break, with the first that each misses.
    pub missed: Vec<(usize, Break)>,
}

impl Times {
    /// The times t_n + c_i h_n of a grid, each with the weights that a step takes there.
    ///
    /// An autonomous field is the same wherever its weights are.
    pub fn new(
        grid: &[f64],
        tableau: &Tableau<f64>,
        controls: &Controls,
        autonomous: bool,
    ) -> Times {
        let mut times = Times {
            distinct: Vec::new(),
            of_stage: Vec::new(),
            last_of: Vec::new(),
            missed: Vec::new(),
        };
        // At a kink the pieces on both sides give the same weights: what counts is the row, not the piece.
        let mut seen: HashMap<(u64, Vec<(usize, u64)>), usize> = HashMap::new();
        for (n, step) in grid.windows(2).enumerate() {
            let (from, to) = (step[0], step[1]);
            let missed = controls.break_inside(from, to);
            times.missed.extend(missed.map(|b| (n, b)));
            for &c in &tableau.c {
                let t = match c {
                    0.0 => from,
                    1.0 => to,
                    c => from + c * (to - from),
                };
                let holds = if missed.is_some() { t } else { 0.5 * (from + to) };
                let row = controls.row(t, controls.piece(holds));
                let key = row.iter().map(|&(i, p)| (i, p.to_bits())).collect();
                let next = times.distinct.len();
                let time = if autonomous { 0 } else { t.to_bits() };
                let number = *seen.entry((time, key)).or_insert(next);
                if number == next {
                    times.distinct.push(Time { t, row });
                    times.last_of.push(0);
                }
                times.last_of[number] = times.of_stage.len();
                times.of_stage.push(number);
            }
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Basis;
    use crate::tableau;

    fn distinct(basis: Basis, steps: usize, autonomous: bool) -> usize {
        let tableau = tableau::named("rk4").map(|t| t.to_f64());
        let grid = Stepping::Fixed { steps }.grid(1.7);
        let (Ok(tableau), Ok(grid)) = (tableau, grid) else { return 0 };
        Times::new(&grid, &tableau, &Controls::new(basis, 1.7), autonomous).distinct.len()
    }

    #[test]
    fn stages_share_times_but_not_across_a_jump() {
        // Nodes and middles; a jump gives the end of a step and the begin of the next weights of their own.
        for (basis, in_time, autonomous) in [
            (Basis::PiecewiseLinear { nodes: 9 }, 17, 17),
            (Basis::Legendre { degree: 3 }, 17, 17),
            (Basis::PiecewiseConstant { cells: 8 }, 24, 8),
            (Basis::PiecewiseConstant { cells: 2 }, 18, 2),
            (Basis::Constant, 17, 1),
        ] {
            assert_eq!(distinct(basis, 8, false), in_time, "{basis:?}");
            assert_eq!(distinct(basis, 8, true), autonomous, "{basis:?}");
        }
    }
}
