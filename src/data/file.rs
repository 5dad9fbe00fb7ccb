//! From files to a data set: labels encoded, parts kept apart, features standardised.

use std::path::Path;

use faer::Mat;

use super::csv::{Head, Roles};
use super::error::listed;
use super::label::{self, Label};
use super::{
    Column, DataError, Dataset, Kind, Labels, PART, Samples, Schema, Source, Standardisation,
    Validation, answer_names, array, csv, numbered, open, select_columns, split,
};

/// Samples as they stand in a file.
struct Raw {
    place: String,
    label_place: String,
    /// The line of each sample; empty for arrays.
    lines: Vec<u64>,
    features: Vec<String>,
    columns: Vec<Column>,
    x: Mat<f64>,
    labels: RawLabels,
}

enum RawLabels {
    Classes(Vec<Label>),
    Targets(Mat<f64>),
}

impl Raw {
    fn label_at(&self, i: usize) -> String {
        match self.lines.get(i) {
            Some(line) => format!("{}, line {line}", self.label_place),
            None => format!("{}, sample {i} (from 0)", self.label_place),
        }
    }

    fn kind(&self) -> Result<(Kind, Option<Vec<String>>), DataError> {
        match &self.labels {
            RawLabels::Classes(labels) => label::classes(labels, |i| self.label_at(i)),
            RawLabels::Targets(y) => Ok((Kind::Targets(y.nrows()), None)),
        }
    }

    /// The labels as numbers of known classes, or the targets if there are as many as known.
    fn encode(self, kind: Kind, names: Option<&[String]>) -> Result<Samples, DataError> {
        let labels = match (&self.labels, kind) {
            (RawLabels::Classes(labels), Kind::Classes(classes)) => {
                Labels::Classes(label::encode(labels, classes, names, |i| self.label_at(i))?)
            }
            (RawLabels::Targets(y), Kind::Targets(m)) if y.nrows() == m => {
                Labels::Targets(y.clone())
            }
            (found, expected) => {
                let found = match found {
                    RawLabels::Classes(_) => "class labels".to_owned(),
                    RawLabels::Targets(y) => Kind::Targets(y.nrows()).to_string(),
                };
                let expected = expected.to_string();
                return Err(DataError::KindsDiffer { place: self.place, found, expected });
            }
        };
        Ok(Samples { x: self.x, labels })
    }
}

/// Loads a source of file kind.
pub(super) fn load(source: &Source, base: &Path, seed: u64) -> Result<Dataset, DataError> {
    let raw = read(source, base, None)?;
    let (validation, standardise) = options(source)?;
    let (place, features, columns) = (raw.place.clone(), raw.features.clone(), raw.columns.clone());
    let (kind, class_names) = raw.kind()?;
    let all = raw.encode(kind, class_names.as_deref())?;

    let part =
        |at: &[usize]| Samples { x: select_columns(&all.x, at), labels: all.labels.select(at) };
    let (mut train, mut validation) = match validation {
        None => {
            let none = part(&[]);
            (all, none)
        }
        Some(Validation::Share(share)) => {
            let class = |k: usize| match &class_names {
                Some(names) => names[k].clone(),
                None => k.to_string(),
            };
            let (train, validation) = split::split(&all.labels, class, *share, seed)?;
            (part(&train), part(&validation))
        }
        Some(Validation::File(other)) => {
            if options(other)?.0.is_some() {
                return Err(DataError::ValidationOfValidation);
            }
            let other = read(other, base, Some(source))?;
            if other.features != features {
                return Err(DataError::ColumnsDiffer {
                    place: other.place,
                    found: listed(&other.features),
                    expected: listed(&features),
                });
            }
            let validation = other.encode(kind, class_names.as_deref())?;
            (all, validation)
        }
    };

    let standardisation = if standardise {
        let fitted = Standardisation::fit(&train.x, &place, &features)?;
        fitted.apply(train.x.as_mut())?;
        fitted.apply(validation.x.as_mut())?;
        Some(fitted)
    } else {
        None
    };
    let schema = Schema { features, labels: columns, kind, class_names, standardisation };
    Ok(Dataset { train, validation, schema })
}

/// What all sources of file kind have in common.
fn options(source: &Source) -> Result<(Option<&Validation>, bool), DataError> {
    match source {
        Source::Csv { validation, standardise, .. }
        | Source::Npz { validation, standardise, .. }
        | Source::Npy { validation, standardise, .. }
        | Source::Idx { validation, standardise, .. } => Ok((validation.as_ref(), *standardise)),
        _ => Err(DataError::ValidationNotAFile),
    }
}

/// Reads a file; as validation of a `parent` it takes the label columns from it if it has none.
fn read(source: &Source, base: &Path, parent: Option<&Source>) -> Result<Raw, DataError> {
    match source {
        Source::Csv { path, label, header, targets, .. } => {
            let (label, targets) = match (label, targets, parent) {
                (None, None, Some(Source::Csv { label, targets, .. })) => (label, targets),
                _ => (label, targets),
            };
            read_csv(&base.join(path), *header, label.as_ref(), targets.as_deref())
        }
        Source::Npz { path, features, labels, targets, .. } => {
            let path = base.join(path);
            let (answer, is_label) = match (labels, targets) {
                (Some(labels), None) => (labels, true),
                (None, Some(targets)) => (targets, false),
                (None, None) => {
                    return Err(DataError::NoLabel { place: path.display().to_string() });
                }
                (Some(_), Some(_)) => {
                    return Err(DataError::LabelAndTargets { place: path.display().to_string() });
                }
            };
            let mut arrays = array::read_npz(&path, &[features, answer])?.into_iter();
            match (arrays.next(), arrays.next()) {
                (Some(x), Some(answer)) => from_arrays(&x, &answer, is_label),
                _ => Err(DataError::NoLabel { place: path.display().to_string() }),
            }
        }
        Source::Npy { path: features, labels, .. }
        | Source::Idx { images: features, labels, .. } => {
            let x = array::read(&base.join(features))?;
            from_arrays(&x, &array::read(&base.join(labels))?, true)
        }
        _ => Err(DataError::ValidationNotAFile),
    }
}

fn read_csv(
    path: &Path,
    header: bool,
    label: Option<&Column>,
    targets: Option<&[Column]>,
) -> Result<Raw, DataError> {
    let asked: Vec<Column> =
        label.iter().copied().chain(targets.unwrap_or_default()).cloned().collect();
    let place = path.display().to_string();
    let table = csv::parse(&open::read(path)?, place, header, |head| {
        let place = || head.place.clone();
        if label.is_some() && targets.is_some() {
            return Err(DataError::LabelAndTargets { place: place() });
        }
        let mut answers = Vec::new();
        for column in &asked {
            let at = head.find(column)?;
            if answers.contains(&at) {
                return Err(DataError::RoleTwice { place: place(), name: head.name(at) });
            }
            answers.push(at);
        }
        if answers.is_empty() {
            return Err(DataError::NoLabel { place: place() });
        }
        let features: Vec<usize> = (0..head.width).filter(|i| !answers.contains(i)).collect();
        if features.is_empty() {
            return Err(DataError::NoFeatures { place: place() });
        }
        Ok(roles(features, answers, label.is_some()))
    })?;
    let features = match &table.head.names {
        Some(names) => table.roles.features.iter().map(|&i| names[i].clone()).collect(),
        None => numbered('x', table.roles.features.len()),
    };
    Ok(Raw {
        place: table.head.place.clone(),
        label_place: table.head.place,
        lines: table.lines,
        features,
        columns: asked,
        x: table.x,
        labels: if label.is_some() {
            RawLabels::Classes(table.labels)
        } else {
            RawLabels::Targets(table.targets)
        },
    })
}

fn roles(features: Vec<usize>, answers: Vec<usize>, is_label: bool) -> Roles {
    if is_label {
        Roles { features, label: answers.first().copied(), targets: Vec::new() }
    } else {
        Roles { features, label: None, targets: answers }
    }
}

fn from_arrays(
    features: &array::Array,
    answer: &array::Array,
    is_label: bool,
) -> Result<Raw, DataError> {
    let (x, y) = (features.columns()?, answer.columns()?);
    if y.ncols() != x.ncols() {
        let (labels, samples) = (y.ncols(), x.ncols());
        return Err(DataError::LabelCount { place: answer.place.clone(), labels, samples });
    }
    if is_label && y.nrows() != 1 {
        return Err(answer.wrong_shape("one label for each sample is expected"));
    }
    let (columns, labels) = if is_label {
        let labels = y.row(0).iter().map(|v| Label::Number(v + 0.0)).collect();
        (answer_names(Kind::Classes(1)), RawLabels::Classes(labels))
    } else {
        (answer_names(Kind::Targets(y.nrows())), RawLabels::Targets(y))
    };
    Ok(Raw {
        place: features.place.clone(),
        label_place: answer.place.clone(),
        lines: Vec::new(),
        features: numbered('x', x.nrows()),
        columns: columns.into_iter().map(Column::Name).collect(),
        x,
        labels,
    })
}

/// What [`read_features`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Features x count, standardised as the training data were.
    pub x: Mat<f64>,
    /// The labels, if the file has their columns.
    pub labels: Option<Labels>,
}

/// Reads samples for a trained network, whose data are described by `schema`: CSV, or the
/// features alone as `.npy` or IDX; which one it is, the first bytes tell.
///
/// With a header the features are found by their names, or else by x1, x2, .. as
/// [`write_csv`](super::write_csv) names them, in whatever order and among whatever other columns;
/// the labels likewise. Without one the file has the features alone, or the columns of the file
/// that was trained on, if its label columns were given by number.
///
/// A file whose first column is `part` was written by [`write_csv`](super::write_csv): its features are as the
/// network sees them already, its classes are numbers. Labels are read only if they are wanted.
///
/// # Errors
/// See [`DataError`]; above all a feature that is not there and another number of columns.
pub fn read_features(
    path: &Path,
    header: bool,
    schema: &Schema,
    labels: bool,
) -> Result<Features, DataError> {
    let (bytes, place) = (open::read(path)?, path.display().to_string());
    let mut exported = false;
    let (mut x, labels) = if array::is_array(&bytes) {
        let array = array::parse(&bytes, place)?;
        let x = array.columns()?;
        if x.nrows() != schema.features.len() {
            let (found, expected) = (x.nrows(), schema.features.len());
            return Err(DataError::FeatureCount { place: array.place, found, expected });
        }
        (x, None)
    } else {
        let is_label = matches!(schema.kind, Kind::Classes(_));
        let table = csv::parse(&bytes, place, header, |head| {
            let features = find_features(head, schema)?;
            let answers = if labels { find_answers(head, schema, &features) } else { Vec::new() };
            Ok(roles(features, answers, is_label))
        })?;
        let names = table.head.names.as_ref();
        exported = names.and_then(|n| n.first()).is_some_and(|first| first == PART);
        let found = table.roles.label.is_some() || !table.roles.targets.is_empty();
        let raw = Raw {
            place: table.head.place.clone(),
            label_place: table.head.place,
            lines: table.lines,
            features: schema.features.clone(),
            columns: schema.labels.clone(),
            x: table.x,
            labels: if is_label {
                RawLabels::Classes(table.labels)
            } else {
                RawLabels::Targets(table.targets)
            },
        };
        if found {
            let class_names = schema.class_names.as_deref().filter(|_| !exported);
            let samples = raw.encode(schema.kind, class_names)?;
            (samples.x, Some(samples.labels))
        } else {
            (raw.x, None)
        }
    };
    if let Some(standardisation) = schema.standardisation.as_ref().filter(|_| !exported) {
        standardisation.apply(x.as_mut())?;
    }
    Ok(Features { x, labels })
}

/// Where the features of a trained network stand; without a header the columns of its labels are
/// left out.
fn find_features(head: &Head, schema: &Schema) -> Result<Vec<usize>, DataError> {
    let d = schema.features.len();
    let find = |names: &[String]| -> Result<Vec<usize>, DataError> {
        names.iter().map(|name| head.find(&Column::Name(name.clone()))).collect()
    };
    if head.names.is_some() {
        return find(&schema.features).or_else(|error| find(&numbered('x', d)).map_err(|_| error));
    }
    if head.width == d {
        return Ok((0..d).collect());
    }
    let answers: Vec<usize> = schema.labels.iter().filter_map(|c| head.find(c).ok()).collect();
    let features: Vec<usize> = (0..head.width).filter(|i| !answers.contains(i)).collect();
    if features.len() != d || answers.len() != schema.labels.len() {
        let (place, found) = (head.place.clone(), head.width);
        return Err(DataError::FeatureCount { place, found, expected: d });
    }
    Ok(features)
}

/// Where its labels or targets stand, if they are all there.
fn find_answers(head: &Head, schema: &Schema, features: &[usize]) -> Vec<usize> {
    let wanted = schema.labels.len();
    // A number means the same column only in a file of the same width.
    let same_width = head.width == features.len() + wanted;
    let find = |column: &Column| match column {
        Column::Number(_) if !same_width => None,
        column => head.find(column).ok().filter(|at| !features.contains(at)),
    };
    let found: Vec<usize> = schema.labels.iter().filter_map(find).collect();
    if found.len() == wanted {
        return found;
    }
    let names = answer_names(schema.kind).into_iter().map(Column::Name);
    let found: Vec<usize> = names.filter_map(|column| find(&column)).collect();
    if found.len() == wanted { found } else { Vec::new() }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
