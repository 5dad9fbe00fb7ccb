//! Training: an [`Objective`] is minimised over its weights by an optimiser of the user's choice.
//!
//! [`train`] starts from a [`Checkpoint`], fresh or read from a file, tells an [`Observer`] what
//! happens, and returns an [`Outcome`]. It writes nothing itself. The order of the batches of an
//! epoch depends on the seed and the epoch alone, and a checkpoint always stands between two
//! epochs: a run that was interrupted or killed repeats its unfinished epoch when it is resumed,
//! and so comes to the same weights, bit for bit, as one that was left alone.

mod checkpoint;
mod fit;
pub mod history;
mod objective;
pub mod optimiser;
mod order;
mod outcome;
mod run;
mod schedule;
mod settings;

pub use checkpoint::{Best, Checkpoint, CheckpointError, Fault};
pub use fit::{Fit, SecondOrder, frozen, score, targets};
pub use history::Row;
pub use objective::{Cause, Failure, Objective, Part};

pub use crate::network::Score;
pub use order::ORDER_STREAM;
pub use outcome::{Activity, Outcome, StopReason, Summary};
pub use run::{check, train};
pub use schedule::Schedule;
pub use settings::{EarlyStop, Optimiser, Training};

use crate::weights::SaveError;

/// What happens in a run.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// An epoch was finished; epoch 0 is the evaluation of the initial network.
    EpochDone {
        /// All rows so far, that of the epoch last.
        history: &'a [Row],
        /// The weights at the end of the epoch.
        weights: &'a [f64],
        /// Epochs of the whole run.
        epochs: usize,
    },
    /// The state is to be kept: after epoch 0, then as often as the settings say, and when the run
    /// ends in any way but by a failure.
    Checkpoint(&'a Checkpoint),
    /// The run has stopped; the last event.
    Stopped(&'a StopReason),
}

/// Someone who is told what happens in a run: shows its progress, writes its files.
pub trait Observer {
    /// Takes notice of an event.
    ///
    /// # Errors
    /// A file that could not be written; it ends the run.
    fn notice(&mut self, event: Event<'_>) -> Result<(), SaveError>;
}

impl<F: FnMut(Event<'_>) -> Result<(), SaveError>> Observer for F {
    fn notice(&mut self, event: Event<'_>) -> Result<(), SaveError> {
        self(event)
    }
}

/// Why a run could not be started or carried on. A loss that stops being finite is none of these:
/// it is a [`StopReason`], and the run keeps its last good weights.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A number of the `training` section is out of its range.
    #[error("training.{field} is {value}, and must be {demand}")]
    Setting {
        /// The field, below `training`.
        field: String,
        /// Its value.
        value: f64,
        /// What it must be.
        demand: &'static str,
    },
    /// There is nothing to train on.
    #[error("there are no training samples; give the data a training part")]
    NoSamples,
    /// An early stop without validation samples.
    #[error(
        "training.stop watches the validation loss, and there are no validation samples; give the \
         data a validation part or leave `stop` out"
    )]
    NoValidation,
    /// Weights of another length than the network's.
    #[error("the network has {expected} parameters, and training was to start from {found}")]
    Parameters {
        /// Parameters of the objective.
        expected: usize,
        /// Length of the weights to start from.
        found: usize,
    },
    /// The optimiser's memory in a checkpoint is not that of the optimiser at hand.
    #[error(
        "the checkpoint holds the memory of another optimiser ({}), and training.optimiser needs \
         {}; resume with the optimiser of the run",
        found.join(", "), expected.join(", ")
    )]
    Memory {
        /// Name and length of each slice that the optimiser keeps.
        expected: Vec<String>,
        /// Name and length of each slice in the checkpoint.
        found: Vec<String>,
    },
    /// The observer could not write a file.
    #[error(transparent)]
    Save(#[from] SaveError),
}

#[cfg(test)]
mod tests;
