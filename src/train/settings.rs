//! The `training` section of a model file.

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::optimiser::{Adam, AdamW, Rule, Sgd};
use super::schedule::Schedule;

/// How a network is trained, as it stands in the model file:
/// `training: (optimiser: Adam(rate: 0.02, schedule: Cosine), epochs: 300, batch: 250)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The rule of the updates and its rate.
    pub optimiser: Optimiser,
    /// Passes over the training samples.
    pub epochs: usize,
    /// Samples of an update, the last batch of an epoch being what is left; absent, or no smaller
    /// than the training set: all of them, in their own order.
    #[serde(default)]
    pub batch: Option<usize>,
    /// Epochs between two checkpoints; 0 writes one only when the run ends.
    #[serde(default = "ten")]
    pub checkpoint: usize,
    /// Epochs between two snapshots of the weights, which show the way that the training went; 0 keeps none.
    #[serde(default)]
    pub snapshots: usize,
    /// When to give up early; needs a validation part.
    #[serde(default)]
    pub stop: Option<EarlyStop>,
}

/// Ends a run whose validation loss no longer falls. The run then keeps the weights of its best
/// epoch, also when it reaches its last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStop {
    /// Epochs without a better validation loss after which the run ends.
    pub patience: usize,
    /// By how much a validation loss must fall below the best one to be better.
    #[serde(default)]
    pub min_delta: f64,
}

/// The optimisers by name, with the defaults of PyTorch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Optimiser {
    /// Stochastic gradient descent, see [`Sgd`].
    Sgd {
        /// Length of a step along the negative gradient.
        rate: f64,
        /// How much of the last direction is kept, in 0..1.
        #[serde(default)]
        momentum: f64,
        /// Whether the gradient is taken a momentum ahead.
        #[serde(default)]
        nesterov: bool,
        /// How the rate moves.
        #[serde(default)]
        schedule: Schedule,
    },
    /// Adam, see [`Adam`].
    Adam {
        /// About the length of a step in each parameter.
        rate: f64,
        /// Decay of the mean of gradients.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the mean of squared gradients.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Keeps the division by the root of that mean safe.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// How the rate moves.
        #[serde(default)]
        schedule: Schedule,
    },
    /// Adam with decoupled weight decay, see [`AdamW`].
    AdamW {
        /// About the length of a step in each parameter.
        rate: f64,
        /// Share of a weight that a unit of rate takes away.
        #[serde(default = "decay")]
        decay: f64,
        /// Decay of the mean of gradients.
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the mean of squared gradients.
        #[serde(default = "beta2")]
        beta2: f64,
        /// Keeps the division by the root of that mean safe.
        #[serde(default = "epsilon")]
        epsilon: f64,
        /// How the rate moves.
        #[serde(default)]
        schedule: Schedule,
    },
}

fn ten() -> usize {
    10
}
fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}
fn epsilon() -> f64 {
    1e-8
}
fn decay() -> f64 {
    0.01
}

impl Optimiser {
    /// The rate before its schedule.
    pub fn rate(&self) -> f64 {
        match self {
            Optimiser::Sgd { rate, .. }
            | Optimiser::Adam { rate, .. }
            | Optimiser::AdamW { rate, .. } => *rate,
        }
    }

    /// How the rate moves.
    pub fn schedule(&self) -> &Schedule {
        match self {
            Optimiser::Sgd { schedule, .. }
            | Optimiser::Adam { schedule, .. }
            | Optimiser::AdamW { schedule, .. } => schedule,
        }
    }

    /// The rule for `parameters` weights, its state that before the first update.
    pub fn rule(&self, parameters: usize) -> Box<dyn Rule> {
        match *self {
            Optimiser::Sgd { momentum, nesterov, .. } => {
                Box::new(Sgd::new(parameters, momentum, nesterov))
            }
            Optimiser::Adam { beta1, beta2, epsilon, .. } => {
                Box::new(Adam::new(parameters, beta1, beta2, epsilon))
            }
            Optimiser::AdamW { decay, beta1, beta2, epsilon, .. } => {
                Box::new(AdamW::new(decay, Adam::new(parameters, beta1, beta2, epsilon)))
            }
        }
    }

    fn check(&self) -> Result<(), TrainError> {
        let path = |key: &str| format!("optimiser.{key}");
        positive(path("rate"), self.rate())?;
        match *self {
            Optimiser::Sgd { momentum, nesterov, .. } => {
                share(path("momentum"), momentum)?;
                let must = "positive where `nesterov` is true";
                demand(!nesterov || momentum > 0.0, path("momentum"), momentum, must)?;
            }
            Optimiser::Adam { beta1, beta2, epsilon, .. }
            | Optimiser::AdamW { beta1, beta2, epsilon, .. } => {
                share(path("beta1"), beta1)?;
                share(path("beta2"), beta2)?;
                positive(path("epsilon"), epsilon)?;
            }
        }
        if let Optimiser::AdamW { decay, .. } = *self {
            not_negative(path("decay"), decay)?;
        }
        self.schedule().check(path("schedule"))
    }
}

impl Schedule {
    /// `path` is where it stands in the section.
    fn check(&self, path: String) -> Result<(), TrainError> {
        match self {
            Schedule::Constant | Schedule::Cosine => Ok(()),
            Schedule::CosineTo { share } => {
                let within = (0.0..=1.0).contains(share);
                demand(within, format!("{path}.share"), *share, "between 0 and 1")
            }
            Schedule::Step { every, factor } => {
                count(format!("{path}.every"), *every)?;
                positive(format!("{path}.factor"), *factor)
            }
            Schedule::Warmup { epochs, then } => {
                count(format!("{path}.epochs"), *epochs)?;
                then.check(format!("{path}.then"))
            }
        }
    }
}

impl Training {
    /// Checks the numbers of the section.
    ///
    /// # Errors
    /// [`TrainError::Setting`] names the first field that is out of its range.
    pub fn check(&self) -> Result<(), TrainError> {
        self.optimiser.check()?;
        count("epochs".into(), self.epochs)?;
        if let Some(batch) = self.batch {
            count("batch".into(), batch)?;
        }
        if let Some(stop) = &self.stop {
            count("stop.patience".into(), stop.patience)?;
            not_negative("stop.min_delta".into(), stop.min_delta)?;
        }
        Ok(())
    }
}

fn demand(holds: bool, field: String, value: f64, demand: &'static str) -> Result<(), TrainError> {
    if holds { Ok(()) } else { Err(TrainError::Setting { field, value, demand }) }
}

fn positive(field: String, value: f64) -> Result<(), TrainError> {
    demand(value > 0.0 && value.is_finite(), field, value, "finite and greater than 0")
}

fn not_negative(field: String, value: f64) -> Result<(), TrainError> {
    demand(value >= 0.0 && value.is_finite(), field, value, "finite and not negative")
}

fn share(field: String, value: f64) -> Result<(), TrainError> {
    demand((0.0..1.0).contains(&value), field, value, "at least 0 and less than 1")
}

/// A number of epochs or samples; more than a million is taken for a slip of the hand.
fn count(field: String, value: usize) -> Result<(), TrainError> {
    let within = (1..=1_000_000).contains(&value);
    demand(within, field, value as f64, "at least 1 and at most a million")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::RON;

    fn read(text: &str) -> Result<Training, ron::error::SpannedError> {
        RON.from_str(text)
    }

    #[test]
    fn a_section_is_read_with_its_defaults() {
        let training = read("(optimiser: Adam(rate: 0.02), epochs: 3)").unwrap();
        let adam = Optimiser::Adam {
            rate: 0.02,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            schedule: Schedule::Constant,
        };
        assert_eq!(
            training,
            Training {
                optimiser: adam,
                epochs: 3,
                batch: None,
                checkpoint: 10,
                snapshots: 0,
                stop: None
            }
        );
    }

    #[test]
    fn every_form_survives_being_written_and_read() {
        for text in [
            "(optimiser: Sgd(rate: 0.1, momentum: 0.9, nesterov: true, schedule: Cosine), epochs: 2, batch: 5, checkpoint: 1)",
            "(optimiser: AdamW(rate: 0.1, decay: 0.2, schedule: Warmup(epochs: 2, then: CosineTo(share: 0.1))), epochs: 2)",
            "(optimiser: Adam(rate: 0.1, schedule: Step(every: 10, factor: 0.5)), epochs: 9, stop: (patience: 5, min_delta: 1e-3))",
        ] {
            let training = read(text).unwrap();
            training.check().unwrap();
            assert_eq!(read(&RON.to_string(&training).unwrap()).unwrap(), training);
        }
        assert!(read("(optimiser: Sgd(rate: 0.1, beta1: 0.9), epochs: 2)").is_err());
        assert!(read("(optimiser: Sgd(rate: 0.1), epochs: 2, bach: 5)").is_err());
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        for (text, field) in [
            ("(optimiser: Sgd(rate: 0), epochs: 1)", "optimiser.rate"),
            ("(optimiser: Adam(rate: NaN), epochs: 1)", "optimiser.rate"),
            ("(optimiser: Adam(rate: inf), epochs: 1)", "optimiser.rate"),
            ("(optimiser: Sgd(rate: 1, momentum: 1), epochs: 1)", "optimiser.momentum"),
            ("(optimiser: Sgd(rate: 1, nesterov: true), epochs: 1)", "optimiser.momentum"),
            ("(optimiser: Adam(rate: 1, beta1: -0.1), epochs: 1)", "optimiser.beta1"),
            ("(optimiser: AdamW(rate: 1, beta2: 1), epochs: 1)", "optimiser.beta2"),
            ("(optimiser: Adam(rate: 1, epsilon: 0), epochs: 1)", "optimiser.epsilon"),
            ("(optimiser: AdamW(rate: 1, decay: -1), epochs: 1)", "optimiser.decay"),
            ("(optimiser: Sgd(rate: 1), epochs: 1, batch: 0)", "batch"),
            ("(optimiser: Sgd(rate: 1), epochs: 1, stop: (patience: 0))", "stop.patience"),
            (
                "(optimiser: Sgd(rate: 1, schedule: CosineTo(share: 2)), epochs: 1)",
                "optimiser.schedule.share",
            ),
            (
                "(optimiser: Sgd(rate: 1, schedule: Warmup(epochs: 1, then: Step(every: 0, factor: 1))), epochs: 1)",
                "optimiser.schedule.then.every",
            ),
        ] {
            let error = read(text).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("training.{field} is ")), "{text}: {error}");
        }
    }
}
