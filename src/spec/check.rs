//! Numbers that cannot make sense whatever the rest of the model is.

use std::cmp::Ordering;
use std::fmt::Display;

use crate::control::Basis;
use crate::field::{Size, WeightShape};
use crate::network::Opening;
use crate::solve::Stepping;
use crate::train::{EarlyStop, Optimiser, Schedule};

use super::error::{GridFault, Problem, SpecError};
use super::{FieldSpec, Model, Network};

/// The largest width, and the largest number of steps, nodes and the like, that is not taken for a slip of the hand.
const MANY: usize = 1_000_000;

/// Checks every number of a model by itself.
pub(crate) fn check(model: &Model) -> Result<(), SpecError> {
    let check = Check { model };
    check.network(&model.network)?;
    for (key, penalty) in
        [("tikhonov", model.penalties.tikhonov), ("smoothness", model.penalties.smoothness)]
    {
        check.not_negative(&format!("penalties.{key}"), penalty)?;
    }
    check.optimiser(&model.training.optimiser)?;
    check.count("training.epochs", model.training.epochs)?;
    if let Some(batch) = model.training.batch {
        check.at_least_one("training.batch", batch)?;
    }
    check.at_least_one("training.checkpoint", model.training.checkpoint)?;
    if let Some(EarlyStop { patience, min_delta }) = &model.training.stop {
        check.at_least_one("training.stop.patience", *patience)?;
        check.not_negative("training.stop.min_delta", *min_delta)?;
    }
    Ok(())
}

struct Check<'m> {
    model: &'m Model,
}

impl Check<'_> {
    fn network(&self, network: &Network) -> Result<(), SpecError> {
        if let Opening::Dense { width, .. } | Opening::Pad { width } = network.opening {
            self.count("network.opening.width", width)?;
        }
        self.positive("network.horizon", network.horizon)?;
        self.field(&network.field)?;
        match network.controls {
            Basis::Constant => {}
            Basis::PiecewiseConstant { cells } => self.count("network.controls.cells", cells)?,
            Basis::PiecewiseLinear { nodes } => {
                let must = "at least 2 and at most a million";
                self.must((2..=MANY).contains(&nodes), "network.controls.nodes", must, nodes)?;
            }
            Basis::Legendre { degree } => {
                // Beyond it the polynomials are of no use as a basis, and forming them takes degree squared.
                let must = "at most 1000";
                self.must(degree <= 1000, "network.controls.degree", must, degree)?;
            }
        }
        match &network.stepping {
            Stepping::Fixed { steps } => self.count("network.stepping.steps", *steps),
            Stepping::Grid(points) => match grid_fault(points, network.horizon) {
                Some(fault) => {
                    let problem = Problem::Grid { horizon: network.horizon, fault };
                    Err(self.model.error("network.stepping", problem))
                }
                None => Ok(()),
            },
            Stepping::Adaptive { rtol, atol, max_steps } => {
                self.positive("network.stepping.rtol", *rtol)?;
                self.positive("network.stepping.atol", *atol)?;
                self.at_least_one("network.stepping.max_steps", *max_steps)
            }
        }
    }

    fn field(&self, field: &FieldSpec) -> Result<(), SpecError> {
        let (constants, formula) = match field {
            FieldSpec::Named { constants, .. } => (constants, None),
            FieldSpec::Formula(formula) => (&formula.constants, Some(formula)),
        };
        for (name, &value) in constants {
            let path = format!("network.field.constants.{name}");
            self.must(value.is_finite(), &path, "finite", value)?;
        }
        let Some(formula) = formula else { return Ok(()) };
        for (name, size) in &formula.state {
            self.size(&format!("network.field.state.{name}"), size)?;
        }
        for (name, shape) in &formula.weights {
            let path = format!("network.field.weights.{name}");
            match shape {
                WeightShape::Matrix(rows, columns) => {
                    self.size(&format!("{path}.0"), rows)?;
                    self.size(&format!("{path}.1"), columns)?;
                }
                WeightShape::Vector(rows) => self.size(&path, rows)?,
                WeightShape::Scalar => {}
            }
        }
        Ok(())
    }

    fn size(&self, path: &str, size: &Size) -> Result<(), SpecError> {
        match size {
            Size::Number(rows) => self.count(path, *rows),
            Size::Formula(_) => Ok(()),
        }
    }

    fn optimiser(&self, optimiser: &Optimiser) -> Result<(), SpecError> {
        let path = |key: &str| format!("training.optimiser.{key}");
        let share = |key: &str, value: f64| {
            let must = "at least 0 and less than 1";
            self.must((0.0..1.0).contains(&value), &path(key), must, value)
        };
        let (rate, schedule) = match optimiser {
            Optimiser::Sgd { rate, momentum, schedule, .. } => {
                share("momentum", *momentum)?;
                (rate, schedule)
            }
            Optimiser::Adam { rate, beta1, beta2, epsilon, schedule }
            | Optimiser::AdamW { rate, beta1, beta2, epsilon, schedule, .. } => {
                share("beta1", *beta1)?;
                share("beta2", *beta2)?;
                self.positive(&path("epsilon"), *epsilon)?;
                (rate, schedule)
            }
        };
        if let Optimiser::AdamW { decay, .. } = optimiser {
            self.not_negative(&path("decay"), *decay)?;
        }
        self.positive(&path("rate"), *rate)?;
        self.schedule(&path("schedule"), schedule)
    }

    fn schedule(&self, path: &str, schedule: &Schedule) -> Result<(), SpecError> {
        let (mut path, mut schedule) = (path.to_owned(), schedule);
        while let Schedule::Warmup { epochs, then } = schedule {
            self.count(&format!("{path}.epochs"), *epochs)?;
            (path, schedule) = (format!("{path}.then"), then);
        }
        match schedule {
            Schedule::CosineTo { share } => {
                let within = (0.0..=1.0).contains(share);
                self.must(within, &format!("{path}.share"), "between 0 and 1", share)
            }
            Schedule::Step { every, factor } => {
                self.at_least_one(&format!("{path}.every"), *every)?;
                self.positive(&format!("{path}.factor"), *factor)
            }
            Schedule::Constant | Schedule::Cosine | Schedule::Warmup { .. } => Ok(()),
        }
    }

    fn count(&self, path: &str, value: usize) -> Result<(), SpecError> {
        self.must((1..=MANY).contains(&value), path, "at least 1 and at most a million", value)
    }

    fn at_least_one(&self, path: &str, value: usize) -> Result<(), SpecError> {
        self.must(value >= 1, path, "at least 1", value)
    }

    fn positive(&self, path: &str, value: f64) -> Result<(), SpecError> {
        self.must(value.is_finite() && value > 0.0, path, "finite and greater than 0", value)
    }

    fn not_negative(&self, path: &str, value: f64) -> Result<(), SpecError> {
        self.must(value.is_finite() && value >= 0.0, path, "finite and not negative", value)
    }

    fn must(
        &self,
        holds: bool,
        path: &str,
        must: &'static str,
        found: impl Display,
    ) -> Result<(), SpecError> {
        if holds {
            return Ok(());
        }
        let problem = Problem::OutOfRange { path: path.to_owned(), must, found: found.to_string() };
        Err(self.model.error(path, problem))
    }
}

/// What keeps points from being a grid on [0, horizon], if anything does.
fn grid_fault(points: &[f64], horizon: f64) -> Option<GridFault> {
    let (&[first, .., last], [_, _, ..]) = (points, points) else {
        return Some(GridFault::TooFewPoints(points.len()));
    };
    // Not `before >= after`: a NaN is not in order either.
    let increases = |pair: &[f64]| pair[0].partial_cmp(&pair[1]) == Some(Ordering::Less);
    if let Some(pair) = points.windows(2).find(|pair| !increases(pair)) {
        return Some(GridFault::NotIncreasing { before: pair[0], after: pair[1] });
    }
    // 0.1 + 0.2 may stand for a horizon of 0.3.
    let same = |a: f64, b: f64| (a - b).abs() <= 1e-12 * horizon;
    (!same(first, 0.0) || !same(last, horizon)).then_some(GridFault::OtherInterval { first, last })
}
