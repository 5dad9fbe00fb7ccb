//! Numbers that cannot make sense whatever the rest of the model is.

use std::fmt::Display;

use crate::control::Basis;
use crate::field::{Size, WeightShape};
use crate::network::Opening;
use crate::solve::Stepping;
use crate::train::TrainError;

use super::error::{Problem, SpecError};
use super::{FieldSpec, Model, Network};

/// The largest width, number of nodes and the like that is not taken for a slip of the hand.
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
    model.training.check().map_err(|error| match error {
        TrainError::Setting { field, value, demand } => {
            check.out_of_range(&format!("training.{field}"), demand, value)
        }
        error => model.build_error("training", error),
    })
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
        network.stepping.check(network.horizon).map_err(|error| {
            let path = match network.stepping {
                Stepping::Fixed { .. } => "network.stepping.steps",
                _ => "network.stepping",
            };
            self.model.build_error(path, error)
        })?;
        if let Stepping::Adaptive { rtol, atol, max_steps, first_step, .. } = network.stepping {
            let at = |key: &str| format!("network.stepping.{key}");
            self.positive(&at("rtol"), rtol)?;
            self.positive(&at("atol"), atol)?;
            self.must(max_steps >= 1, &at("max_steps"), "at least 1", max_steps)?;
            first_step.map_or(Ok(()), |h| self.positive(&at("first_step"), h))?;
        }
        Ok(())
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

    fn count(&self, path: &str, value: usize) -> Result<(), SpecError> {
        self.must((1..=MANY).contains(&value), path, "at least 1 and at most a million", value)
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
        if holds { Ok(()) } else { Err(self.out_of_range(path, must, found)) }
    }

    fn out_of_range(&self, path: &str, must: &'static str, found: impl Display) -> SpecError {
        let problem = Problem::OutOfRange { path: path.to_owned(), must, found: found.to_string() };
        self.model.error(path, problem)
    }
}
