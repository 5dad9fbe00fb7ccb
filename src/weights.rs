//! Named tensors and their file: `weights.safetensors`, F64, row-major.
//!
//! [`encode`] and [`decode`] go between tensors and the bytes of a safetensors file; [`write()`] and
//! [`read`] are the checked way to and from disk. Files written by others in F32 are read too, each
//! value widened exactly.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};

use crate::atomic::{self, WriteError};
use crate::nearest::{did_you_mean, nearest};

/// The metadata key under which a note travels with the tensors.
const NOTE: &str = "kutta";

/// A named array of any rank, its values row-major (the last index runs fastest).
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The name in the file, such as `field.K`.
    pub name: String,
    /// The extents; the empty shape is a scalar.
    pub shape: Vec<usize>,
    /// The product of the extents many values.
    pub values: Vec<f64>,
}

/// What is wrong with the bytes of a tensor file, whichever file it was.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Not a whole safetensors file.
    #[error("not a whole safetensors file ({0}); it may be cut off or of another format")]
    Safetensors(#[from] SafeTensorError),
    /// An element type other than F64 and F32.
    #[error("tensor `{name}` has element type {dtype}; F64 and F32 are read, convert it first")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its element type, as safetensors writes it.
        dtype: String,
    },
}

/// Why weights could not be read. Each message names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file could be read but not understood.
    #[error("{}: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: FormatError,
    },
    /// A tensor of the network is not in the file.
    #[error("{}: tensor `{name}` {} is missing{} The file holds: {}", path.display(), extents(shape), did_you_mean(nearest(name, found)), found.join(", "))]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor that the network has.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The names in the file.
        found: Vec<String>,
    },
    /// A tensor of the file is not in the network.
    #[error("{}: tensor `{name}` is not one of this network's{} The network has: {}", path.display(), did_you_mean(nearest(name, expected)), expected.join(", "))]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// The tensor in the file.
        name: String,
        /// The names the network has.
        expected: Vec<String>,
    },
    /// A tensor has another shape than the network's.
    #[error("{}: tensor `{name}` has shape {} where {} is expected; the weights belong to a network of other sizes", path.display(), extents(found), extents(expected))]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape of the network.
        expected: Vec<usize>,
    },
    /// A value is infinite or not a number.
    #[error("{}: tensor `{name}` holds {value} at {}; weights must be finite", path.display(), extents(index))]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The index, from 0, one entry an extent.
        index: Vec<usize>,
        /// The value there.
        value: f64,
    },
}

fn extents(numbers: &[usize]) -> String {
    format!("{numbers:?}")
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        Dtype::F64
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into()
    }
    fn data_len(&self) -> usize {
        self.values.len() * size_of::<f64>()
    }
}

/// The bytes of a safetensors file with these tensors and, if given, a note in its metadata.
/// The same tensors give the same bytes.
///
/// # Errors
/// [`FormatError::Safetensors`] if a tensor's number of values is not the product of its extents.
pub fn encode(tensors: &[Tensor], note: Option<&str>) -> Result<Vec<u8>, FormatError> {
    let note = note.map(|note| HashMap::from([(NOTE.to_string(), note.to_string())]));
    Ok(safetensors::serialize(tensors.iter().map(|tensor| (&tensor.name, tensor)), note)?)
}

/// The tensors of a safetensors file, sorted by name, and the note that [`encode`] put there.
///
/// # Errors
/// [`FormatError`] for anything but a whole file of F64 and F32 tensors. Values may be infinite or
/// NaN here; [`read`] is the one to refuse them.
pub fn decode(bytes: &[u8]) -> Result<(Vec<Tensor>, Option<String>), FormatError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    let note = metadata.metadata().as_ref().and_then(|notes| notes.get(NOTE)).cloned();
    let mut tensors = SafeTensors::deserialize(bytes)?
        .iter()
        .map(|(name, view)| {
            let values = match view.dtype() {
                Dtype::F64 => elements(view.data(), f64::from_le_bytes),
                Dtype::F32 => elements(view.data(), |bytes| f32::from_le_bytes(bytes).into()),
                other => {
                    return Err(FormatError::Dtype { name: name.into(), dtype: other.to_string() });
                }
            };
            Ok(Tensor { name: name.into(), shape: view.shape().to_vec(), values })
        })
        .collect::<Result<Vec<_>, _>>()?;
    tensors.sort_by(|left, right| left.name.cmp(&right.name));
    Ok((tensors, note))
}

fn elements<const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    data.as_chunks().0.iter().map(|bytes| value(*bytes)).collect()
}

/// Why weights could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The tensors contradict themselves.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Writes tensors to a file, atomically.
///
/// # Errors
/// [`SaveError`], when a tensor contradicts its shape or the folder cannot be written.
pub fn write(path: &Path, tensors: &[Tensor]) -> Result<(), SaveError> {
    Ok(atomic::write(path, &encode(tensors, None)?)?)
}

/// Reads the tensors that `expected` lists by name and shape, and returns them in that order.
///
/// # Errors
/// [`WeightsError`], when the file is unreadable, when a tensor is missing, unexpected or of another
/// shape, or when a value is not finite.
pub fn read(path: &Path, expected: &[(String, Vec<usize>)]) -> Result<Vec<Tensor>, WeightsError> {
    let bytes =
        std::fs::read(path).map_err(|source| WeightsError::Read { path: path.into(), source })?;
    let (tensors, _) =
        decode(&bytes).map_err(|source| WeightsError::Format { path: path.into(), source })?;
    let found: Vec<String> = tensors.iter().map(|tensor| tensor.name.clone()).collect();
    let mut by_name: HashMap<String, Tensor> =
        tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();

    let mut taken = Vec::with_capacity(expected.len());
    for (name, shape) in expected {
        let tensor = by_name.remove(name).ok_or_else(|| WeightsError::Missing {
            path: path.into(),
            name: name.clone(),
            shape: shape.clone(),
            found: found.clone(),
        })?;
        if tensor.shape != *shape {
            return Err(WeightsError::Shape {
                path: path.into(),
                name: name.clone(),
                found: tensor.shape,
                expected: shape.clone(),
            });
        }
        check_finite(path, &tensor)?;
        taken.push(tensor);
    }
    // The smallest name left over, so that the message does not depend on a hash order.
    match by_name.into_keys().min() {
        Some(name) => {
            let expected: Vec<String> = expected.iter().map(|(name, _)| name.clone()).collect();
            Err(WeightsError::Unexpected { path: path.into(), name, expected })
        }
        None => Ok(taken),
    }
}

fn check_finite(path: &Path, tensor: &Tensor) -> Result<(), WeightsError> {
    let Some((position, value)) = tensor.values.iter().enumerate().find(|(_, v)| !v.is_finite())
    else {
        return Ok(());
    };
    let mut rest = position;
    let mut index: Vec<usize> = tensor
        .shape
        .iter()
        .rev()
        .map(|extent| {
            let digit = rest % extent;
            rest /= extent;
            digit
        })
        .collect();
    index.reverse();
    Err(WeightsError::NotFinite {
        path: path.into(),
        name: tensor.name.clone(),
        index,
        value: *value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tensor(name: &str, shape: &[usize]) -> Tensor {
        let n: usize = shape.iter().product();
        let values = (0..n).map(|i| (i as f64).sin()).collect();
        Tensor { name: name.into(), shape: shape.into(), values }
    }

    fn expected(tensors: &[Tensor]) -> Vec<(String, Vec<usize>)> {
        tensors.iter().map(|t| (t.name.clone(), t.shape.clone())).collect()
    }

    /// Writes `tensors`, reads them as `wanted`, and returns the message of the refusal.
    fn refusal(tensors: &[Tensor], wanted: &[(&str, &[usize])]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        write(&path, tensors).unwrap();
        let wanted: Vec<_> = wanted.iter().map(|(n, s)| (n.to_string(), s.to_vec())).collect();
        read(&path, &wanted).unwrap_err().to_string()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_written_is_read_back_bit_for_bit(
            values in prop::collection::vec(
                prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 0..40)
        ) {
            let tensors = [
                Tensor { name: "field.K".into(), shape: vec![1, values.len(), 1], values },
                tensor("opening.bias", &[3]),
                tensor("a scalar", &[]),
            ];
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("weights.safetensors");
            write(&path, &tensors).unwrap();
            let back = read(&path, &expected(&tensors)).unwrap();
            for (tensor, back) in tensors.iter().zip(&back) {
                prop_assert_eq!(&tensor.name, &back.name);
                prop_assert_eq!(&tensor.shape, &back.shape);
                let bits = |t: &Tensor| t.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(tensor), bits(back));
            }
        }
    }

    #[test]
    fn f32_is_widened_exactly_and_integers_are_refused() {
        let file = |dtype: &str, data: &[u8], shape: &str| {
            let header = format!(
                r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{}]}}}}"#,
                data.len()
            );
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend(header.as_bytes());
            bytes.extend(data);
            bytes
        };
        let data: Vec<u8> = [0.1f32, -2.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        let (tensors, _) = decode(&file("F32", &data, "[2]")).unwrap();
        assert_eq!(tensors[0].values, [f64::from(0.1f32), -2.5]);
        let error = decode(&file("I64", &[0; 8], "[1]")).unwrap_err().to_string();
        assert!(error.contains("`x` has element type I64; F64 and F32 are read"), "{error}");
    }

    #[test]
    fn names_and_shapes_are_checked_with_a_remedy() {
        let file = [tensor("field.K", &[9, 16, 8]), tensor("head.bias", &[5])];
        let text = refusal(&file, &[("field.K", &[9, 16, 16]), ("head.bias", &[5])]);
        assert!(text.contains("`field.K` has shape [9, 16, 8] where [9, 16, 16] is expected"));
        let text = refusal(&file, &[("field.k", &[9, 16, 8]), ("head.bias", &[5])]);
        assert!(text.contains("`field.k` [9, 16, 8] is missing; did you mean `field.K`?"));
        let text = refusal(&file, &[("opening.weight", &[16, 2])]);
        assert!(text.contains("is missing. The file holds: field.K, head.bias"), "{text}");
        let text = refusal(&file, &[("field.K", &[9, 16, 8])]);
        assert!(
            text.contains("`head.bias` is not one of this network's. The network has: field.K")
        );
    }

    #[test]
    fn a_value_that_is_not_finite_is_refused_by_its_place() {
        let mut file = [tensor("field.K", &[2, 3, 4])];
        file[0].values[12 + 4 + 3] = f64::NAN;
        let text = refusal(&file, &[("field.K", &[2, 3, 4])]);
        assert!(text.contains("`field.K` holds NaN at [1, 1, 3]"), "{text}");
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused() {
        let bytes = encode(&[tensor("field.K", &[2, 3]), tensor("b", &[1])], Some("note")).unwrap();
        assert_eq!(decode(&bytes).unwrap().1.as_deref(), Some("note"));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn a_tensor_that_contradicts_its_shape_is_not_written() {
        let wrong = Tensor { name: "w".into(), shape: vec![2, 2], values: vec![1.0] };
        assert!(encode(&[wrong], None).is_err());
    }
}
