//! From the model file to what it describes: names are looked up, and errors get their place.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{FieldSpec, Method, Model, SpecError};
use crate::control::Controls;
use crate::data::{DataError, Dataset, Kind, Schema};
use crate::field::{FieldError, SymbolicField, VectorField, named};
use crate::loss::Loss;
use crate::nearest::known;
use crate::network::{Network, NetworkError, Task};
use crate::solve::adaptive::{self, Adaptive, Control, Implicit, NeedsAdaptive, NoAdjoint, Pair};
use crate::solve::{Flow, Stepping, Times};
use crate::tableau::{self, Rational, Tableau};

/// A name that is no loss.
#[derive(Debug, thiserror::Error)]
#[error("unknown loss `{name}`{}", known(name, &Loss::names()))]
struct UnknownLoss {
    name: String,
}

/// Data without anything to learn.
#[derive(Debug, thiserror::Error)]
#[error("initial states are there to be solved from, not learned from; use `kutta solve`")]
struct NothingToLearn;

impl Model {
    /// Draws or reads the data.
    ///
    /// # Errors
    /// What is wrong with the data section or its files.
    pub fn dataset(&self) -> Result<Dataset, SpecError> {
        // Not `folder`, which is never empty: messages name d.csv rather than ./d.csv.
        let base = self.path().parent().unwrap_or(Path::new(""));
        self.data.load(base, self.seed).map_err(|error| {
            let path = match &error {
                // The rings stand in lists, which have no keys.
                DataError::Parameter { name: "inner" | "outer" | "count", .. }
                | DataError::EmptyBin { .. } => "data.classes",
                // Nor have initial states.
                DataError::Parameter { name: "states", .. } => "data",
                DataError::Parameter { name, .. } => &format!("data.{name}"),
                DataError::Share { .. }
                | DataError::TooFewToSplit { .. }
                | DataError::ValidationNotAFile
                | DataError::ValidationOfValidation => "data.validation",
                _ => "data",
            };
            self.build_error(path, error)
        })
    }

    /// The method, proved.
    ///
    /// # Errors
    /// An unknown name, or a tableau that is none.
    pub fn tableau(&self) -> Result<Tableau<Rational>, SpecError> {
        let tableau = match &self.network.method {
            Method::Named(name) => tableau::named(name),
            Method::Tableau(file) => file.prove(),
        };
        tableau.map_err(|e| self.build_error("network.method", e))
    }

    /// The field, for a network of this width.
    ///
    /// # Errors
    /// An unknown name, sizes that do not fit, a formula that is wrong.
    pub fn field(&self, width: usize) -> Result<SymbolicField, SpecError> {
        let at = "network.field";
        let no_constants = IndexMap::new();
        let (file, constants) = match &self.network.field {
            FieldSpec::Named { name, constants } => {
                (named(name).map_err(|e| self.build_error(at, e))?, constants)
            }
            FieldSpec::Formula(file) => (&**file, &no_constants),
        };
        SymbolicField::new(file, width, constants).map_err(|error| match &error {
            FieldError::Formula { block, error: inner }
                if matches!(self.network.field, FieldSpec::Formula(_)) =>
            {
                let path = format!("{at}.rhs.{block}");
                self.build_error_in(&path, inner.span.start, error.clone())
            }
            _ => self.build_error(at, error),
        })
    }

    /// The network for data of this schema.
    ///
    /// # Errors
    /// Whatever does not fit together, with its place.
    pub fn network(&self, schema: &Schema) -> Result<Network, SpecError> {
        let spec = &self.network;
        let features = schema.features.len();
        let loss = Loss::named(&self.loss)
            .ok_or_else(|| self.build_error("loss", UnknownLoss { name: self.loss.clone() }))?;
        let field = self.field(spec.opening.width(features))?;
        let controls = Controls::new(spec.controls, spec.horizon);
        let flow = self.flow(Arc::new(field), controls)?;
        let task = match schema.kind {
            Kind::Classes(n) => Task::Classes(n),
            Kind::Targets(n) => Task::Targets(n),
        };
        let network =
            Network::new(&spec.opening, flow, spec.head, loss, self.penalties, features, task);
        network.map_err(|error| {
            let path = match &error {
                NetworkError::Activation { .. } => "network.opening.activation",
                NetworkError::PadTooNarrow { .. } => "network.opening.width",
                NetworkError::Width { .. } => "network.opening",
                NetworkError::Outputs { .. } => "network.head",
                NetworkError::LogisticClasses { .. } | NetworkError::LossTargets { .. } => "loss",
                NetworkError::Layer { .. } | NetworkError::TooLarge { .. } => "network",
            };
            self.build_error(path, error)
        })
    }

    /// The flow over the grid of the model, or with steps that it will choose.
    fn flow(&self, field: Arc<dyn VectorField>, controls: Controls) -> Result<Flow, SpecError> {
        let Stepping::Adaptive { rtol, atol, max_steps, first_step, per_sample } =
            self.network.stepping
        else {
            if let Some(name) = self.implicit().map(Implicit::name) {
                return Err(self.build_error("network.stepping", NeedsAdaptive { name }));
            }
            let tableau = self.tableau()?.to_f64();
            let grid = self.network.stepping.grid(self.network.horizon);
            let grid = grid.map_err(|e| self.build_error("network.stepping", e))?;
            return Ok(Flow::new(field, controls, &tableau, grid));
        };
        let control = Control { rtol, atol, max_steps, first_step, per_sample };
        let (tableau, method) = match self.implicit() {
            Some(implicit) => (implicit.tableau(), adaptive::Method::Implicit(implicit)),
            None => {
                let tableau = self.tableau()?.to_f64();
                let pair = Pair::new(&tableau);
                let pair = pair.map_err(|e| self.build_error("network.method", e))?;
                (tableau, adaptive::Method::Pair(pair))
            }
        };
        Ok(Flow::adaptive(field, controls, &tableau, Adaptive { method, control }))
    }

    /// The method, if it is one of those that only an adaptive solver has.
    pub fn implicit(&self) -> Option<Implicit> {
        match &self.network.method {
            Method::Named(name) => Implicit::named(name),
            Method::Tableau(_) => None,
        }
    }

    /// Whether there is something to learn, and a gradient to learn it by.
    ///
    /// # Errors
    /// Data that are initial states; a method that solves forward only.
    pub fn check_trainable(&self) -> Result<(), SpecError> {
        if self.is_plain() {
            return Err(self.build_error("data", NothingToLearn));
        }
        match self.implicit() {
            Some(method) => {
                let name = method.name().to_owned();
                Err(self.build_error("network.method", NoAdjoint { name }))
            }
            None => Ok(()),
        }
    }

    /// What a reader of this model should know though it is no error.
    pub fn warnings(&self, network: &Network) -> Vec<String> {
        let mut warnings = Vec::new();
        warnings.extend(missed_breaks(&network.flow.times, &network.flow));
        warnings
    }
}

fn missed_breaks(times: &Times, flow: &Flow) -> Option<String> {
    let (step, first) = times.missed.first()?;
    let kind = if first.jump { "jump" } else { "kink" };
    let order = if first.jump { "1" } else { "2" };
    Some(format!(
        "{} of {} steps have a {kind} of the weights inside, the first in step {} at t = {}: every method then has order {order} at most; take a multiple of {} steps, or a Grid([..]) with the nodes on it",
        times.missed.len(),
        flow.steps(),
        step + 1,
        first.t,
        flow.controls.breaks().len() + 1,
    ))
}
