//! What a run comes to: why it stopped, its weights, and the figures of `summary.json`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::history::Row;
use super::objective::{Failure, Part};

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All epochs are done.
    Epochs,
    /// The validation loss has not fallen for as long as the patience allows.
    EarlyStop {
        /// The epoch of the lowest validation loss, whose weights are kept.
        best_epoch: usize,
    },
    /// The run was asked to stop; its checkpoint goes on from the last whole epoch.
    Interrupted,
    /// A value stopped being finite, or the solver gave up.
    Failed {
        /// What the run was doing.
        during: Activity,
        /// What happened, and where.
        failure: Failure,
    },
}

/// What a run does, an epoch being named by the row that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// An update.
    Update {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch within it, counted from 1.
        batch: usize,
    },
    /// The evaluation at the end of an epoch.
    Evaluation {
        /// The epoch; 0 is the initial network.
        epoch: usize,
        /// What is evaluated.
        part: Part,
    },
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Epochs => write!(f, "all epochs are done"),
            StopReason::EarlyStop { best_epoch } => {
                write!(
                    f,
                    "the validation loss no longer falls, it was lowest at epoch {best_epoch}"
                )
            }
            StopReason::Interrupted => write!(f, "interrupted"),
            StopReason::Failed { during, failure } => {
                write!(f, "{during}: {failure}; {}", failure.remedy())
            }
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activity::Update { epoch, batch } => write!(f, "epoch {epoch}, batch {batch}"),
            Activity::Evaluation { epoch, part } => {
                let part = match part {
                    Part::Train => "training",
                    Part::Validation => "validation",
                };
                write!(f, "epoch {epoch}, evaluation of the {part} set")
            }
        }
    }
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The weights: of the last epoch; of the best one if the run had an early stop and was not
    /// interrupted; after a failure, the last weights whose loss was finite.
    pub weights: Vec<f64>,
    /// The epoch whose row describes the weights (after a failure: the last one that was finished).
    pub epoch: usize,
    /// All rows, the initial network's first; empty if that one failed already.
    pub history: Vec<Row>,
    /// Seconds of training, over all resumes.
    pub seconds: f64,
    /// Why the run stopped.
    pub stop: StopReason,
}

/// The values of `summary.json`; the losses and accuracies are those of `epoch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Mean loss over the training set; absent if the initial network failed already.
    pub train_loss: Option<f64>,
    /// Share of the training set told right.
    pub train_accuracy: Option<f64>,
    /// Mean loss over the validation set.
    pub validation_loss: Option<f64>,
    /// Share of the validation set told right.
    pub validation_accuracy: Option<f64>,
    /// Number of weights.
    pub parameters: usize,
    /// Epochs done.
    pub epochs: usize,
    /// The epoch whose weights were kept.
    pub epoch: usize,
    /// Seconds of training, over all resumes.
    pub seconds: f64,
    /// Why the run stopped.
    pub stop_reason: StopReason,
}

impl Outcome {
    /// The figures of the run, for `summary.json`.
    pub fn summary(&self) -> Summary {
        let row = self.history.get(self.epoch);
        Summary {
            train_loss: row.map(|row| row.train_loss),
            train_accuracy: row.and_then(|row| row.train_accuracy),
            validation_loss: row.and_then(|row| row.validation_loss),
            validation_accuracy: row.and_then(|row| row.validation_accuracy),
            parameters: self.weights.len(),
            epochs: self.history.len().saturating_sub(1),
            epoch: self.epoch,
            seconds: self.seconds,
            stop_reason: self.stop.clone(),
        }
    }
}
