//! Data sets: drawn from a seed or read from a file, split, standardised.
//!
//! A [`Source`] is the `data` section of a model file; [`Source::load`] makes a [`Dataset`] of it.
//! A sample is a column, so features are a matrix `d x count`.
//!
//! Everything random comes from ChaCha8 (D. J. Bernstein, 2008) seeded by the model's seed, each
//! purpose from its own stream: the training points, the validation points and the split do not
//! move one another. The stream's number spells its purpose, for example `data:trn`.

mod array;
mod csv;
mod error;
mod file;
mod generate;
mod label;
mod npy;
mod open;
mod source;
mod split;
mod standardise;
mod write;

pub use array::complex_numbers;
pub use error::DataError;
pub use file::{Features, read_features};
pub use npy::{Number, npy};
pub use source::{Column, Ring, Source, Validation};
pub use standardise::Standardisation;
pub use write::write_csv;

use std::fmt;

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The most numbers that a part of a data set may hold: 2^30, which is 8 GiB.
pub const MAX_VALUES: u64 = 1 << 30;

/// Training and validation samples, and what their columns mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The samples to learn from.
    pub train: Samples,
    /// The samples to judge by; none when the source names no validation.
    pub validation: Samples,
    /// Names, classes and standardisation.
    pub schema: Schema,
}

/// Samples with their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Features x count, a sample a column.
    pub x: Mat<f64>,
    /// One label for each sample.
    pub labels: Labels,
}

/// What is to be learned.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// Class numbers 0, 1, ..
    Classes(Vec<usize>),
    /// Regression targets, targets x count.
    Targets(Mat<f64>),
}

/// How many classes or targets there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Classification into so many classes.
    Classes(usize),
    /// Regression onto so many targets.
    Targets(usize),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classes(n) => write!(f, "{n} classes"),
            Self::Targets(m) => write!(f, "{m} target columns"),
        }
    }
}

/// What the columns of a data set mean. A run keeps it, so that data seen later are read alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Names of the features: those of the header, or x1, x2, ..
    pub features: Vec<String>,
    /// The label column, or the target columns, as the source named them.
    pub labels: Vec<Column>,
    /// Classes or targets, and how many.
    pub kind: Kind,
    /// The class names where labels were text: class k is the k-th in sorted order.
    pub class_names: Option<Vec<String>>,
    /// Fitted on the training part; none for generated data and for `standardise: false`.
    pub standardisation: Option<Standardisation>,
}

impl Samples {
    /// The number of samples.
    pub fn count(&self) -> usize {
        self.x.ncols()
    }
}

impl Labels {
    /// The labels of the samples `at`; indices beyond the end are passed over.
    pub fn select(&self, at: &[usize]) -> Self {
        match self {
            Self::Classes(classes) => {
                Self::Classes(at.iter().filter_map(|&i| classes.get(i).copied()).collect())
            }
            Self::Targets(y) => Self::Targets(select_columns(y, at)),
        }
    }
}

/// The columns `at` of a matrix; indices beyond the end are passed over.
fn select_columns(x: &Mat<f64>, at: &[usize]) -> Mat<f64> {
    let at: Vec<usize> = at.iter().copied().filter(|&j| j < x.ncols()).collect();
    Mat::from_fn(x.nrows(), at.len(), |i, j| x[(i, at[j])])
}

/// Names x1, x2, .. (or y1, y2, ..).
fn numbered(letter: char, count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("{letter}{i}")).collect()
}

/// The names of the label or target columns where nothing else names them.
fn answer_names(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Classes(_) => vec!["label".to_owned()],
        Kind::Targets(m) => numbered('y', m),
    }
}

/// The first column of an exported data set.
const PART: &str = "part";

const TRAIN_STREAM: u64 = u64::from_be_bytes(*b"data:trn");
const VALIDATION_STREAM: u64 = u64::from_be_bytes(*b"data:val");
const SPLIT_STREAM: u64 = u64::from_be_bytes(*b"data:spl");

fn rng(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// Refuses sizes before anything of that size is allocated.
fn check_size(place: &str, rows: usize, columns: usize) -> Result<(), DataError> {
    let size = rows as u128 * columns as u128;
    if size > u128::from(MAX_VALUES) {
        return Err(DataError::TooLarge {
            place: place.to_owned(),
            what: "numbers",
            size,
            limit: MAX_VALUES,
        });
    }
    Ok(())
}
