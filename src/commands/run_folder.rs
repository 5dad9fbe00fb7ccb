//! The folder of a run: what stands in it, how it is begun, kept and read again.
//!
//! Every file is written whole or not at all. `model.ron` comes first and `summary.json` last, so that a folder
//! with a model can be resumed, and one with the summary of a finished run has everything.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::atomic::{self, WriteError};
use crate::data::{DataError, Dataset, Features, Schema, read_features};
use crate::network::Network;
use crate::spec::Model;
use crate::train::{Checkpoint, Outcome, StopReason, Summary, history};
use crate::weights::{self, SaveError, Tensor};

use super::{Refusal, figures};

const MODEL: &str = "model.ron";
const SCHEMA: &str = "schema.json";
const CHECKPOINT: &str = "checkpoint.safetensors";
const WEIGHTS: &str = "weights.safetensors";
const HISTORY: &str = "history.csv";
const SUMMARY: &str = "summary.json";
const STEPS: &str = "steps.csv";
/// The folder of the weights on the way, a file an epoch.
const SNAPSHOTS: &str = "snapshots";

/// Why a folder cannot be the folder of this run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(
        "the folder {} is not empty; --force replaces the files of an earlier run in it, --resume continues that run, \
         and --out names another folder", path.display()
    )]
    NotEmpty { path: PathBuf },
    #[error(
        "the folder {} holds files but no run ({MODEL} and {SCHEMA}); --force replaces runs only, name another folder \
         with --out", path.display()
    )]
    NotARun { path: PathBuf },
    #[error("cannot use {} as a run folder: {source}; name another one with --out", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("{} is no run folder, it has no {MODEL}; `kutta train MODEL --out {0}` makes one", path.display())]
    NoRun { path: PathBuf },
    #[error(
        "{} has no {WEIGHTS}: its training has not come to an end; go on with `kutta train --resume {0}`", path.display()
    )]
    NoWeights { path: PathBuf },
    #[error(
        "{} has weights but no {CHECKPOINT} to go on from; put it back, or train its {MODEL} anew with --out", path.display()
    )]
    NoCheckpoint { path: PathBuf },
    #[error("cannot read {}: {source}; the file belongs to the run, put it back or train again", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is damaged: {source}; put it back or train again", path.display())]
    Damaged { path: PathBuf, source: serde_json::Error },
    #[error(
        "the data that {} names are no longer those of the run: their columns, classes or standardisation differ from \
         {SCHEMA}; put the old data back, or train again", path.display()
    )]
    OtherData { path: PathBuf },
}

impl From<RunError> for Refusal {
    fn from(error: RunError) -> Refusal {
        Refusal::request(error)
    }
}

/// The place of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    pub fn at(path: impl Into<PathBuf>) -> RunFolder {
        RunFolder { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a folder in which something stands already, unless its run is to be replaced.
    pub fn check_vacant(&self, force: bool) -> Result<(), RunError> {
        match fs::read_dir(&self.path) {
            // Only a run is replaced: a folder of other things is not what --force was meant for.
            Ok(_) if force && self.file(SCHEMA).is_file() && self.file(MODEL).is_file() => Ok(()),
            Ok(mut entries) if force => match entries.next() {
                Some(_) => Err(RunError::NotARun { path: self.path.clone() }),
                None => Ok(()),
            },
            Ok(mut entries) => match entries.next() {
                Some(_) => Err(RunError::NotEmpty { path: self.path.clone() }),
                None => Ok(()),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(source) => Err(RunError::Unusable { path: self.path.clone(), source }),
        }
    }

    /// Makes the folder, removes the files of an earlier run and writes those that a run begins with.
    /// Returns the source of the model as the folder has it.
    pub fn begin(&self, model: &Model, schema: &Schema) -> Result<String, Refusal> {
        let unusable = |source| RunError::Unusable { path: self.path.clone(), source };
        fs::create_dir_all(&self.path).map_err(unusable)?;
        self.check_writable().map_err(Refusal::request)?;
        self.clear().map_err(unusable)?;
        self.sweep()?;
        // The way to the data can be found only once the folder exists, for links may lie on it.
        let source = model.resolved_source(&self.path);
        let schema = serde_json::to_string_pretty(schema).map_err(Refusal::work)?;
        atomic::write(&self.file(SCHEMA), schema.as_bytes()).map_err(Refusal::work)?;
        atomic::write(&self.file(MODEL), source.as_bytes()).map_err(Refusal::work)?;
        Ok(source)
    }

    /// Removes what a killed process left half written.
    pub fn sweep(&self) -> Result<(), RunError> {
        atomic::sweep(&self.path)
            .map_err(|source| RunError::Unusable { path: self.path.clone(), source })
    }

    /// Tries to write before anything is removed or computed.
    fn check_writable(&self) -> Result<(), WriteError> {
        let probe = self.file(&format!("{}probe", atomic::UNFINISHED));
        atomic::write(&probe, b"")?;
        fs::remove_file(&probe).map_err(|source| WriteError::Replace { path: probe, source })
    }

    /// Removes what a run leaves, the checkpoint before the model that it belongs to.
    fn clear(&self) -> io::Result<()> {
        let names = [CHECKPOINT, SUMMARY, WEIGHTS, HISTORY, STEPS, MODEL, SCHEMA].map(String::from);
        match fs::remove_dir_all(self.file(SNAPSHOTS)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for name in names.into_iter().chain(figures::file_names()) {
            match fs::remove_file(self.file(&name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps the state of a run between two epochs.
    pub fn keep(&self, checkpoint: &Checkpoint) -> Result<(), SaveError> {
        history::write(&self.file(HISTORY), &checkpoint.history)?;
        checkpoint.write(&self.file(CHECKPOINT))
    }

    /// Writes history and weights of a run that has stopped.
    pub fn write_outcome(&self, network: &Network, outcome: &Outcome) -> Result<(), Refusal> {
        history::write(&self.file(HISTORY), &outcome.history).map_err(Refusal::work)?;
        weights::write(&self.file(WEIGHTS), &tensors(network, &outcome.weights))
            .map_err(Refusal::work)
    }

    /// Keeps the weights of an epoch for those who ask for the way of the training.
    pub fn snapshot(
        &self,
        network: &Network,
        epoch: usize,
        weights: &[f64],
    ) -> Result<(), SaveError> {
        let folder = self.file(SNAPSHOTS);
        let path = folder.join(format!("{epoch:07}.safetensors"));
        fs::create_dir_all(&folder)
            .map_err(|source| WriteError::Replace { path: folder, source })?;
        weights::write(&path, &tensors(network, weights))
    }

    /// Writes the steps that a solver chose.
    pub fn write_steps(&self, table: &[u8]) -> Result<(), Refusal> {
        atomic::write(&self.file(STEPS), table).map_err(Refusal::work)
    }

    /// Writes the summary, the last file of a run.
    pub fn write_summary(&self, summary: &Summary) -> Result<(), Refusal> {
        let mut text = serde_json::to_string_pretty(summary).map_err(Refusal::work)?;
        text.push('\n');
        atomic::write(&self.file(SUMMARY), text.as_bytes()).map_err(Refusal::work)
    }

    /// The summary of a run that has come to its end; none while there is something left to do.
    pub fn finished(&self) -> Result<Option<Summary>, RunError> {
        let finished =
            |stop: &StopReason| matches!(stop, StopReason::Epochs | StopReason::EarlyStop { .. });
        Ok(self.ended()?.filter(|summary| finished(&summary.stop_reason)))
    }

    /// The summary of a run that has stopped, also of one that failed: it would fail again.
    pub fn ended(&self) -> Result<Option<Summary>, RunError> {
        let path = self.file(SUMMARY);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_text(&path)?;
        let summary: Summary =
            serde_json::from_str(&text).map_err(|source| RunError::Damaged { path, source })?;
        Ok(Some(summary))
    }

    /// Where its history stands.
    pub fn history(&self) -> PathBuf {
        self.file(HISTORY)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// A run folder whose model has been read.
#[derive(Debug)]
pub struct Run {
    pub folder: RunFolder,
    pub model: Model,
    pub schema: Schema,
    /// What stands in its `model.ron`.
    source: String,
}

impl Run {
    /// Reads model and schema of a run, with overrides put into the model.
    pub fn open(path: &Path, overrides: &[String]) -> Result<Run, Refusal> {
        let folder = RunFolder::at(path);
        let model_path = folder.file(MODEL);
        if !model_path.is_file() {
            return Err(RunError::NoRun { path: path.into() }.into());
        }
        let model = Model::read(&model_path, overrides)?;
        let source = read_text(&model_path)?;
        let schema_path = folder.file(SCHEMA);
        let schema = serde_json::from_str(&read_text(&schema_path)?)
            .map_err(|source| RunError::Damaged { path: schema_path, source })?;
        Ok(Run { folder, model, schema, source })
    }

    /// The data of the model, which must still be those that the run was trained on.
    pub fn dataset(&self) -> Result<Dataset, Refusal> {
        let dataset = self.model.dataset()?;
        if dataset.schema != self.schema {
            return Err(RunError::OtherData { path: self.model.path().into() }.into());
        }
        Ok(dataset)
    }

    /// Other data as the network takes them; with their labels if these are wanted and the file has them.
    pub fn features(
        &self,
        file: &Path,
        no_header: bool,
        labels: bool,
    ) -> Result<Features, Refusal> {
        read_features(file, !no_header, &self.schema, labels).map_err(|error| match error {
            DataError::HeaderOfNumbers { .. } | DataError::HeaderOnly { .. } => {
                Refusal::request(format!("{error}, which here is --no-header"))
            }
            error => Refusal::request(error),
        })
    }

    /// The trained weights.
    pub fn weights(&self, network: &Network) -> Result<Vec<f64>, Refusal> {
        let path = self.folder.file(WEIGHTS);
        if !path.exists() {
            return Err(RunError::NoWeights { path: self.folder.path.clone() }.into());
        }
        let tensors =
            weights::read(&path, &network.layout().expected()).map_err(Refusal::request)?;
        Ok(network.layout().from_values(tensors.iter().map(|tensor| tensor.values.as_slice())))
    }

    /// The weights on the way, with their epochs in order.
    pub fn snapshots(&self, network: &Network) -> Result<Vec<(usize, Vec<f64>)>, Refusal> {
        let Ok(entries) = fs::read_dir(self.folder.file(SNAPSHOTS)) else { return Ok(Vec::new()) };
        let epoch = |path: &PathBuf| path.file_stem()?.to_str()?.parse::<usize>().ok();
        let mut paths: Vec<(usize, PathBuf)> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter_map(|path| Some((epoch(&path)?, path)))
            .collect();
        paths.sort();
        let read = |(epoch, path): &(usize, PathBuf)| {
            let tensors =
                weights::read(path, &network.layout().expected()).map_err(Refusal::request)?;
            let values = tensors.iter().map(|tensor| tensor.values.as_slice());
            Ok((*epoch, network.layout().from_values(values)))
        };
        paths.iter().map(read).collect()
    }

    /// Where training goes on: at the last checkpoint, or at the start if it was stopped before the first.
    pub fn checkpoint(&self, network: &Network) -> Result<Checkpoint, Refusal> {
        match self.kept()? {
            Some(checkpoint) => Ok(checkpoint),
            // A run that was ended before its first checkpoint begins again; one that has weights had some.
            None if self.folder.file(WEIGHTS).exists() => {
                Err(RunError::NoCheckpoint { path: self.folder.path().into() }.into())
            }
            None => Ok(fresh(&self.source, &self.model, network)),
        }
    }

    /// The last checkpoint, if there is one; it must belong to the model of the folder.
    pub fn kept(&self) -> Result<Option<Checkpoint>, Refusal> {
        let path = self.folder.file(CHECKPOINT);
        if !path.exists() {
            return Ok(None);
        }
        Checkpoint::read(&path, &fingerprint(&self.source)).map(Some).map_err(Refusal::request)
    }
}

/// The start of a run whose folder has this model source.
pub fn fresh(source: &str, model: &Model, network: &Network) -> Checkpoint {
    Checkpoint::fresh(fingerprint(source), network.initial(model.seed))
}

fn tensors(network: &Network, weights: &[f64]) -> Vec<Tensor> {
    let named = network.layout().to_tensors(weights).into_iter();
    named.map(|(name, shape, values)| Tensor { name, shape, values }).collect()
}

/// Length and CRC-32 of the model's source.
fn fingerprint(source: &str) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(source.as_bytes());
    format!("{}-{:08x}", source.len(), crc.sum())
}

fn read_text(path: &Path) -> Result<String, RunError> {
    fs::read_to_string(path).map_err(|source| RunError::Read { path: path.into(), source })
}
