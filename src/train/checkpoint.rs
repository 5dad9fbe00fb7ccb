//! The state of a run between two epochs, and its file.
//!
//! The file is a safetensors file: tensors `weights`, `optimiser.<name>` and, with an early stop,
//! `best.weights`, all F64 bit for bit, and in the metadata a checksum and the rest as JSON.
//! Everything a run does after an epoch follows from this state, the settings and the seed, so that
//! a run killed at any moment goes on from its last checkpoint to the very same weights.

use std::path::{Path, PathBuf};

use safetensors::SafeTensorError;
use serde::{Deserialize, Serialize};

use crate::atomic;
use crate::weights::{self, FormatError, SaveError, Tensor};

use super::history::Row;

const VERSION: u32 = 1;

/// A run at the end of an epoch, or before its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Tells the model that is trained from any other.
    pub fingerprint: String,
    /// Seconds of training so far; an epoch that was interrupted counts.
    pub seconds: f64,
    /// The rows so far: row 0 and one for each epoch done; none before the start.
    pub history: Vec<Row>,
    /// The weights at the end of the last epoch.
    pub weights: Vec<f64>,
    /// The optimiser's memory, by name; empty before the start.
    pub optimiser: Vec<(String, Vec<f64>)>,
    /// The best epoch so far, in a run with an early stop.
    pub best: Option<Best>,
}

/// The epoch of the lowest validation loss so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// The epoch.
    pub epoch: usize,
    /// Its validation loss.
    pub loss: f64,
    /// The weights at its end.
    pub weights: Vec<f64>,
}

/// Why a checkpoint could not be resumed from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file could not be read.
    #[error("cannot read the checkpoint {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The content of the file is damaged or of another kind.
    #[error("the checkpoint {} {fault}; delete it and start the run anew", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The checkpoint belongs to another model.
    #[error("the checkpoint {} belongs to another model (its fingerprint is {found}, this model's {expected}); resume with the model of its own run, or start a new run", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// The fingerprint in the file.
        found: String,
        /// The fingerprint of the model at hand.
        expected: String,
    },
}

/// What is wrong with the bytes of a checkpoint; completes the sentence "the checkpoint ..".
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Not a tensor file.
    #[error("is {0}")]
    Format(#[from] FormatError),
    /// A tensor file without a checkpoint's metadata.
    #[error("is a tensor file without the state of a run")]
    NoState,
    /// The content is not what was written.
    #[error("has the checksum {found:08x} where {expected:08x} was written")]
    Checksum {
        /// The checksum of the content.
        found: u32,
        /// The checksum kept beside it.
        expected: u32,
    },
    /// The metadata cannot be read.
    #[error("has a state that cannot be read ({0})")]
    State(#[from] serde_json::Error),
    /// Written by another version of the format.
    #[error("has format {0}, and this version reads format {VERSION}")]
    Version(u32),
    /// A tensor is missing.
    #[error("has no tensor `{0}`")]
    Missing(&'static str),
}

/// What is kept as JSON.
#[derive(Serialize, Deserialize)]
struct State {
    version: u32,
    fingerprint: String,
    seconds: f64,
    /// Epoch and loss.
    best: Option<(usize, f64)>,
    history: Vec<Row>,
}

const WEIGHTS: &str = "weights";
const BEST: &str = "best.weights";
const OPTIMISER: &str = "optimiser.";

impl Checkpoint {
    /// A run before its start, from these weights.
    pub fn fresh(fingerprint: impl Into<String>, weights: Vec<f64>) -> Self {
        Checkpoint {
            fingerprint: fingerprint.into(),
            seconds: 0.0,
            history: Vec::new(),
            weights,
            optimiser: Vec::new(),
            best: None,
        }
    }

    /// Epochs done.
    pub fn epoch(&self) -> usize {
        self.history.len().saturating_sub(1)
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// [`SaveError`], when the folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SaveError> {
        Ok(atomic::write(path, &self.encode()?)?)
    }

    /// Reads the file, for the model of this fingerprint.
    ///
    /// # Errors
    /// [`CheckpointError`], when the file cannot be read, is damaged or belongs to another model.
    pub fn read(path: &Path, fingerprint: &str) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path)
            .map_err(|source| CheckpointError::Read { path: path.into(), source })?;
        let checkpoint = Checkpoint::decode(&bytes)
            .map_err(|fault| CheckpointError::Damaged { path: path.into(), fault })?;
        if checkpoint.fingerprint != fingerprint {
            return Err(CheckpointError::OtherModel {
                path: path.into(),
                found: checkpoint.fingerprint,
                expected: fingerprint.into(),
            });
        }
        Ok(checkpoint)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let tensor = |name: String, values: &[f64]| Tensor {
            name,
            shape: vec![values.len()],
            values: values.to_vec(),
        };
        let mut tensors = vec![tensor(WEIGHTS.into(), &self.weights)];
        for (name, values) in &self.optimiser {
            tensors.push(tensor(format!("{OPTIMISER}{name}"), values));
        }
        if let Some(best) = &self.best {
            tensors.push(tensor(BEST.into(), &best.weights));
        }
        let state = serde_json::to_string(&State {
            version: VERSION,
            fingerprint: self.fingerprint.clone(),
            seconds: self.seconds,
            best: self.best.as_ref().map(|best| (best.epoch, best.loss)),
            history: self.history.clone(),
        })
        .map_err(SafeTensorError::from)?;
        tensors.sort_by(|left, right| left.name.cmp(&right.name));
        let checksum = checksum(&state, &tensors);
        weights::encode(&tensors, Some(&format!("{checksum:08x} {state}")))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let (tensors, note) = weights::decode(bytes)?;
        let note = note.ok_or(Fault::NoState)?;
        let (expected, state) = note.split_once(' ').ok_or(Fault::NoState)?;
        let expected = u32::from_str_radix(expected, 16).map_err(|_| Fault::NoState)?;
        let found = checksum(state, &tensors);
        if found != expected {
            return Err(Fault::Checksum { found, expected });
        }
        let state: State = serde_json::from_str(state)?;
        if state.version != VERSION {
            return Err(Fault::Version(state.version));
        }
        let (mut weights, mut best_weights, mut optimiser) = (None, None, Vec::new());
        for tensor in tensors {
            match tensor.name.as_str() {
                WEIGHTS => weights = Some(tensor.values),
                BEST => best_weights = Some(tensor.values),
                name => {
                    let name = name.strip_prefix(OPTIMISER).unwrap_or(name);
                    optimiser.push((name.to_string(), tensor.values));
                }
            }
        }
        let best = match state.best {
            None => None,
            Some((epoch, loss)) => {
                let weights = best_weights.ok_or(Fault::Missing(BEST))?;
                Some(Best { epoch, loss, weights })
            }
        };
        Ok(Checkpoint {
            fingerprint: state.fingerprint,
            seconds: state.seconds,
            history: state.history,
            weights: weights.ok_or(Fault::Missing(WEIGHTS))?,
            optimiser,
            best,
        })
    }
}

/// CRC-32 of the state and of the tensors with their names, in the order of the names.
fn checksum(state: &str, tensors: &[Tensor]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(state.as_bytes());
    for tensor in tensors {
        crc.update(tensor.name.as_bytes());
        for value in &tensor.values {
            crc.update(&value.to_le_bytes());
        }
    }
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let row = Row {
            epoch: 0,
            work_units: 1.0,
            seconds: 0.1,
            train_loss: 1.0 / 3.0,
            train_accuracy: None,
            validation_loss: Some(0.7),
            validation_accuracy: None,
            gradient_norm: None,
        };
        Checkpoint {
            seconds: 0.1 + 0.2,
            history: vec![row.clone(), Row { epoch: 1, gradient_norm: Some(1e-7), ..row }],
            optimiser: vec![("mean".into(), vec![1e-310, f64::MAX]), ("powers".into(), vec![0.9])],
            best: Some(Best { epoch: 1, loss: 0.1 * 7.0, weights: vec![5.0, -0.0] }),
            ..Checkpoint::fresh("a1b2", vec![0.1, -0.0])
        }
    }

    #[test]
    fn a_checkpoint_is_read_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        for checkpoint in [checkpoint(), Checkpoint::fresh("a1b2", vec![1.0])] {
            checkpoint.write(&path).unwrap();
            let back = Checkpoint::read(&path, "a1b2").unwrap();
            assert_eq!(back, checkpoint);
            assert_eq!(back.encode().unwrap(), checkpoint.encode().unwrap(), "equal but for bits");
        }
    }

    #[test]
    fn another_model_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        checkpoint().write(&path).unwrap();
        let error = Checkpoint::read(&path, "c3d4").unwrap_err().to_string();
        assert!(error.contains("its fingerprint is a1b2, this model's c3d4"), "{error}");
    }

    #[test]
    fn a_file_cut_off_at_any_length_is_refused() {
        let bytes = checkpoint().encode().unwrap();
        for length in 0..bytes.len() {
            assert!(Checkpoint::decode(&bytes[..length]).is_err(), "{length}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.safetensors");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = Checkpoint::read(&path, "a1b2").unwrap_err().to_string();
        assert!(error.contains("it may be cut off"), "{error}");
        assert!(error.ends_with("delete it and start the run anew"), "{error}");
    }

    #[test]
    fn a_bit_flipped_anywhere_is_noticed() {
        let bytes = checkpoint().encode().unwrap();
        for place in 0..bytes.len() {
            for bit in [0, 3, 7] {
                let mut damaged = bytes.clone();
                damaged[place] ^= 1 << bit;
                assert!(Checkpoint::decode(&damaged).is_err(), "byte {place}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_tensor_file_of_another_kind_is_told_apart() {
        let tensor = Tensor { name: "weights".into(), shape: vec![1], values: vec![1.0] };
        let bytes = weights::encode(&[tensor], None).unwrap();
        assert!(matches!(Checkpoint::decode(&bytes), Err(Fault::NoState)));
    }
}
