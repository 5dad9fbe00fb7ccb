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
    Fixed { steps: usize },
    /// These times, from 0 to the horizon.
    Grid(Vec<f64>),
    /// Steps chosen by an error estimate.
    Adaptive {
        rtol: f64,
        atol: f64,
        #[serde(default = "default_max_steps")]
        max_steps: usize,
    },
}

fn default_max_steps() -> usize {
    100_000
}

/// Most steps of a fixed grid.
const MOST_STEPS: usize = 100_000;

/// Why a stepping gives no grid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GridError {
    #[error("{steps} steps; a grid has between 1 and {MOST_STEPS}")]
    Steps { steps: usize },
    #[error("a grid needs at least two times, 0 and the horizon {horizon}")]
    TooShort { horizon: f64 },
    #[error(
        "the grid must begin at 0 and end at the horizon {horizon}; it goes from {from} to {to}"
    )]
    Ends { from: f64, to: f64, horizon: f64 },
    #[error("the grid must increase: time {index} is {t}, after {before}")]
    Order { index: usize, t: f64, before: f64 },
    #[error(
        "steps chosen by an error estimate are not there yet; use Fixed(steps: ..) or Grid([..])"
    )]
    Adaptive,
}

impl Stepping {
    /// The times of the steps.
    ///
    /// # Errors
    /// [`GridError`], where the grid is none.
    pub fn grid(&self, horizon: f64) -> Result<Vec<f64>, GridError> {
        match self {
            &Stepping::Fixed { steps } => {
                if steps == 0 || steps > MOST_STEPS {
                    return Err(GridError::Steps { steps });
                }
                Ok((0..=steps).map(|i| horizon * i as f64 / steps as f64).collect())
            }
            Stepping::Grid(times) => {
                let (Some(&from), Some(&to), true) =
                    (times.first(), times.last(), times.len() >= 2)
                else {
                    return Err(GridError::TooShort { horizon });
                };
                let near = 1e-12 * horizon;
                if !(from.abs() <= near && (to - horizon).abs() <= near) {
                    return Err(GridError::Ends { from, to, horizon });
                }
                for (i, pair) in times.windows(2).enumerate() {
                    let increases = pair[1] > pair[0];
                    if !increases {
                        let (before, t) = (pair[0], pair[1]);
                        return Err(GridError::Order { index: i + 1, t, before });
                    }
                }
                Ok(times.clone())
            }
            Stepping::Adaptive { .. } => Err(GridError::Adaptive),
        }
    }
}

/// A time at which weights are needed.
#[derive(Clone, Debug, PartialEq)]
pub struct Time {
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
    pub distinct: Vec<Time>,
    /// For each step and stage the number of its time.
    pub of_stage: Vec<usize>,
    /// Steps that miss a break, with the first that each misses.
    pub missed: Vec<(usize, Break)>,
}

impl Times {
    pub fn new(grid: &[f64], tableau: &Tableau<f64>, controls: &Controls) -> Times {
        let mut times = Times { distinct: Vec::new(), of_stage: Vec::new(), missed: Vec::new() };
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
                let number = *seen.entry((t.to_bits(), key)).or_insert(next);
                if number == next {
                    times.distinct.push(Time { t, row });
                }
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

    fn distinct(basis: Basis, steps: usize) -> usize {
        let tableau = tableau::named("rk4").map(|t| t.to_f64());
        let grid = Stepping::Fixed { steps }.grid(1.7);
        let (Ok(tableau), Ok(grid)) = (tableau, grid) else { return 0 };
        Times::new(&grid, &tableau, &Controls::new(basis, 1.7)).distinct.len()
    }

    #[test]
    fn stages_share_times_but_not_across_a_jump() {
        // Nodes and middles; a jump gives the end of a step and the begin of the next weights of their own.
        assert_eq!(distinct(Basis::PiecewiseLinear { nodes: 9 }, 8), 17);
        assert_eq!(distinct(Basis::Legendre { degree: 3 }, 8), 17);
        assert_eq!(distinct(Basis::PiecewiseConstant { cells: 8 }, 8), 24);
        assert_eq!(distinct(Basis::PiecewiseConstant { cells: 2 }, 8), 18);
    }
}
