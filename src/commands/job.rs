//! The training of one run: what it needs, and the files that it leaves.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::data::Dataset;
use crate::network::Network;
use crate::spec::Model;
use crate::train::{self, Checkpoint, Event, Fit, Outcome, Row, TrainError};

use super::run_folder::{Run, RunFolder, fresh};
use super::{Output, Refusal};

/// Set by Ctrl-C; training looks at it before each batch.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Everything that training needs, with its outputs open.
pub struct Job {
    pub folder: RunFolder,
    pub model: Model,
    pub dataset: Dataset,
    pub network: Network,
    start: Checkpoint,
}

impl Job {
    /// A new run: everything is read, checked and opened before the work. What stands in the folder is replaced.
    pub fn begun(model: Model, folder: RunFolder) -> Result<Job, Refusal> {
        model.check_trainable()?;
        let dataset = model.dataset()?;
        let network = model.network(&dataset.schema)?;
        train::check(&Fit::new(&network, &dataset), &model.training).map_err(refusal)?;
        let source = folder.begin(&model, &dataset.schema)?;
        let start = fresh(&source, &model, &network);
        Ok(Job { folder, model, dataset, network, start })
    }

    /// A run that goes on from its last checkpoint.
    pub fn continued(run: Run) -> Result<Job, Refusal> {
        let dataset = run.dataset()?;
        let network = run.model.network(&dataset.schema)?;
        let start = run.checkpoint(&network)?;
        run.folder.sweep()?;
        Ok(Job { folder: run.folder, model: run.model, dataset, network, start })
    }

    /// Epochs that are done already.
    pub fn done(&self) -> usize {
        self.start.epoch()
    }

    /// Trains, keeping checkpoints, and writes history and weights; `epoch` is told of every epoch.
    pub fn train(&self, epoch: &mut dyn FnMut(&Row)) -> Result<Outcome, Refusal> {
        let outcome = train::train(
            &mut Fit::new(&self.network, &self.dataset),
            self.start.clone(),
            &self.model.training,
            self.model.seed,
            &INTERRUPT,
            &mut |event: Event<'_>| {
                match event {
                    Event::EpochDone { history, weights, .. } => {
                        let Some(row) = history.last() else { return Ok(()) };
                        let every = self.model.training.snapshots;
                        if every > 0 && row.epoch.is_multiple_of(every) {
                            self.folder.snapshot(&self.network, row.epoch, weights)?;
                        }
                        epoch(row);
                    }
                    Event::Checkpoint(checkpoint) => self.folder.keep(checkpoint)?,
                    Event::Stopped(_) => {}
                }
                Ok(())
            },
        )
        .map_err(refusal)?;
        self.folder.write_outcome(&self.network, &outcome)?;
        Ok(outcome)
    }
}

/// Lets the first Ctrl-C end the work after a checkpoint.
pub fn catch_interrupts(output: &Output) {
    let caught = ctrlc::set_handler(|| {
        // Who asks twice does not want to wait for the checkpoint.
        if INTERRUPT.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Refusal::Interrupted.exit_code()));
        }
    });
    if let Err(error) = caught {
        output.warn(format_args!("Ctrl-C will end the run without a checkpoint: {error}"));
    }
}

/// Whether Ctrl-C was typed.
pub fn interrupted() -> bool {
    INTERRUPT.load(Ordering::Relaxed)
}

/// A file that could not be written is the work's fault, all else that of the request.
fn refusal(error: TrainError) -> Refusal {
    match error {
        TrainError::Save(error) => Refusal::work(error),
        error => Refusal::request(error),
    }
}
