//! What can be wrong with data, each with its place and its remedy.

use std::path::PathBuf;

use crate::nearest::{did_you_mean, nearest};

/// Everything that [`Source::load`](super::Source::load) and the readers refuse.
///
/// `place` is where the fault was found, for example ``wine.csv, line 7, column `alcohol` ``.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages show
pub enum DataError {
    #[error("{}: there is no such file{}", path.display(), did_you_mean(near.as_ref()))]
    Missing { path: PathBuf, near: Option<String> },
    #[error("there is no folder {} to look for {file} in", folder.display())]
    MissingFolder { folder: PathBuf, file: String },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write the data: {0}")]
    Write(#[from] std::io::Error),
    #[error("{}: its gzip stream is damaged or cut short ({source}); fetch or compress the file again", path.display())]
    Gzip { path: PathBuf, source: std::io::Error },
    #[error("{}: not a readable .npz archive ({reason}); write it again with numpy.savez", path.display())]
    Archive { path: PathBuf, reason: String },
    #[error("{place} is empty; it should hold at least one sample")]
    Empty { place: String },
    #[error(
        "{place} has a header but no rows; add samples, or say `header: false` if line 1 is one"
    )]
    HeaderOnly { place: String },
    #[error(
        "{place} holds only numbers where the column names should be; say `header: false` if it is a sample"
    )]
    HeaderOfNumbers { place: String },
    #[error("{place}: the column name `{name}` stands twice; rename one of them")]
    ColumnTwice { place: String, name: String },
    #[error("{place} has {found} fields where {} has {expected}", if *header { "the header" } else { "line 1" })]
    Ragged { place: String, found: usize, expected: usize, header: bool },
    #[error("{place}: not readable as CSV ({reason}); save it as comma-separated UTF-8 text")]
    Csv { place: String, reason: String },
    #[error("{place}: `{text}` is not a number; {remedy}")]
    NotANumber { place: String, text: String, remedy: &'static str },
    #[error("{place}: {value} is not finite; drop the sample or fill in a number")]
    NotFinite { place: String, value: f64 },
    #[error(
        "{place}: the values of column `{column}` are too large to standardise; rescale them, or say `standardise: false`"
    )]
    Overflow { place: String, column: String },
    #[error(
        "{place} has no column `{name}`{} It has {}",
        did_you_mean(nearest(name, names)),
        listed(names)
    )]
    UnknownColumn { place: String, name: String, names: Vec<String> },
    #[error(
        "{place} has no header to find the column `{name}` in; give its number, counted from 0"
    )]
    NamedWithoutHeader { place: String, name: String },
    #[error("{place} has no column {number}: it has {columns}, counted from 0")]
    ColumnNumber { place: String, number: usize, columns: usize },
    #[error("{place}: column `{name}` is asked for twice, as label or target; name it once")]
    RoleTwice { place: String, name: String },
    #[error(
        "{place}: which column is to be learned? give `label: \"..\"` for classes or `targets: [\"..\"]` for regression"
    )]
    NoLabel { place: String },
    #[error(
        "{place}: both a label and targets are given; keep the label for classes or the targets for regression"
    )]
    LabelAndTargets { place: String },
    #[error("{place} has no feature left beside its labels; add at least one column")]
    NoFeatures { place: String },
    #[error(
        "{place}: the label `{label}` is of another kind than the first, `{first}`; labels are all names or all integers"
    )]
    MixedLabels { place: String, label: String, first: String },
    #[error(
        "{place}: label {label}, but there are {distinct} different labels, so 0 to {} are expected; renumber them, write names instead, or use `targets` for regression", distinct - 1
    )]
    LabelRange { place: String, label: String, distinct: usize },
    #[error("{place}: the training data have no class `{label}`; their classes are {known}")]
    UnknownLabel { place: String, label: String, known: String },
    #[error("{place}: every sample has the label `{label}`; at least two classes are needed")]
    OneClass { place: String, label: String },
    #[error("a validation share of {share} is not between 0 and 1; 0.2 keeps a fifth apart")]
    Share { share: f64 },
    #[error(
        "{group} has {count} sample, too few to have one in each part; add samples or leave `validation` out"
    )]
    TooFewToSplit { group: String, count: usize },
    #[error("validation data must come from a file, as in `validation: Csv(path: \"..\")`")]
    ValidationNotAFile,
    #[error("validation data cannot be split again; leave out the inner `validation`")]
    ValidationOfValidation,
    #[error("{place} has the columns {found}, the training data {expected}; both need the same")]
    ColumnsDiffer { place: String, found: String, expected: String },
    #[error("{place} has {found} features where {expected} are expected")]
    FeatureCount { place: String, found: usize, expected: usize },
    #[error("{place} has {labels} labels for {samples} samples; there must be one for each")]
    LabelCount { place: String, labels: usize, samples: usize },
    #[error("{place} has {found} where the training data have {expected}")]
    KindsDiffer { place: String, found: String, expected: String },
    #[error("{place}: not {expected}; {remedy}")]
    Format { place: String, expected: &'static str, remedy: &'static str },
    #[error("{place}: entries of type {found}; kutta reads {expected}")]
    ElementType { place: String, found: String, expected: &'static str },
    #[error("{place} has shape {shape:?}; {expected}")]
    Shape { place: String, shape: Vec<u64>, expected: &'static str },
    #[error(
        "{place} holds {found} bytes of entries where its header promises {promised}; the file is damaged or cut short"
    )]
    Length { place: String, found: u64, promised: u64 },
    #[error("{place}: {size} {what} are more than the {limit} that kutta takes")]
    TooLarge { place: String, what: &'static str, size: u128, limit: u64 },
    #[error("{source_name}: `{name}` is {value}, but must be {expected}")]
    Parameter { source_name: &'static str, name: &'static str, value: String, expected: String },
    #[error(
        "Peaks: of {classes} equal bins of height, bin {bin} holds no point of the 256 x 256 grid; ask for fewer classes"
    )]
    EmptyBin { classes: usize, bin: usize },
}

/// The names, quoted and separated by commas; a long list is cut.
pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    const SHOWN: usize = 12;
    let mut text: Vec<String> =
        names.iter().take(SHOWN).map(|name| format!("`{}`", name.as_ref())).collect();
    if names.len() > SHOWN {
        text.push(format!("and {} more", names.len() - SHOWN));
    }
    text.join(", ")
}
