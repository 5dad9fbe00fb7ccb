//! From what stands in a label column to class numbers 0, 1, ..

use std::collections::BTreeSet;
use std::fmt;

use super::error::listed;
use super::{DataError, Kind};

/// A label as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Label {
    Number(f64),
    Text(String),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// The classes of the training data, and their names if the labels are text.
///
/// Text is numbered in sorted order. Integers are class numbers already and have to be 0, 1, ..
/// without a gap: a label out of line is more often a slip than a class.
/// `place(i)` says where the i-th label stands.
pub(super) fn classes(
    labels: &[Label],
    place: impl Fn(usize) -> String,
) -> Result<(Kind, Option<Vec<String>>), DataError> {
    let is_text = |label: &Label| matches!(label, Label::Text(_));
    let Some(first) = labels.first() else {
        return Err(DataError::Empty { place: place(0) });
    };
    if let Some(i) = labels.iter().position(|label| is_text(label) != is_text(first)) {
        return Err(DataError::MixedLabels {
            place: place(i),
            label: labels[i].to_string(),
            first: first.to_string(),
        });
    }
    let distinct: BTreeSet<String> = labels.iter().map(Label::to_string).collect();
    let n = distinct.len();
    if n < 2 {
        return Err(DataError::OneClass { place: place(0), label: first.to_string() });
    }
    if is_text(first) {
        return Ok((Kind::Classes(n), Some(distinct.into_iter().collect())));
    }
    match labels.iter().position(|label| class_number(label, n).is_none()) {
        Some(i) => Err(DataError::LabelRange {
            place: place(i),
            label: labels[i].to_string(),
            distinct: n,
        }),
        None => Ok((Kind::Classes(n), None)),
    }
}

/// The numbers of the labels among known classes.
pub(super) fn encode(
    labels: &[Label],
    classes: usize,
    names: Option<&[String]>,
    place: impl Fn(usize) -> String,
) -> Result<Vec<usize>, DataError> {
    let number = |label: &Label| match (label, names) {
        (Label::Text(text), Some(names)) => names.binary_search(text).ok(),
        (label, None) => class_number(label, classes),
        _ => None,
    };
    let unknown = |i: usize, label: &Label| DataError::UnknownLabel {
        place: place(i),
        label: label.to_string(),
        known: match names {
            Some(names) => listed(names),
            None => format!("0 to {}", classes.saturating_sub(1)),
        },
    };
    labels
        .iter()
        .enumerate()
        .map(|(i, label)| number(label).ok_or_else(|| unknown(i, label)))
        .collect()
}

fn class_number(label: &Label, classes: usize) -> Option<usize> {
    match label {
        Label::Number(v) if v.fract() == 0.0 && *v >= 0.0 && *v < classes as f64 => {
            Some(*v as usize)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Vec<Label> {
        values.iter().map(|&v| Label::Number(v)).collect()
    }

    fn texts(values: &[&str]) -> Vec<Label> {
        values.iter().map(|&v| Label::Text(v.into())).collect()
    }

    fn line(i: usize) -> String {
        format!("a.csv, line {}", i + 1)
    }

    fn refusal(labels: &[Label]) -> String {
        classes(labels, line).unwrap_err().to_string()
    }

    #[test]
    fn text_is_numbered_in_sorted_order() {
        let labels = texts(&["versicolor", "setosa", "versicolor"]);
        let (kind, names) = classes(&labels, line).unwrap();
        assert_eq!(kind, Kind::Classes(2));
        assert_eq!(names.as_deref().unwrap(), ["setosa", "versicolor"]);
        assert_eq!(encode(&labels, 2, names.as_deref(), line).unwrap(), [1, 0, 1]);
    }

    #[test]
    fn integers_are_their_own_numbers() {
        let labels = numbers(&[2.0, 0.0, 1.0]);
        assert_eq!(classes(&labels, line).unwrap(), (Kind::Classes(3), None));
        assert_eq!(encode(&labels, 3, None, line).unwrap(), [2, 0, 1]);
    }

    #[test]
    fn integers_out_of_line_are_refused_with_their_place() {
        let error = refusal(&numbers(&[1.0, 2.0, 3.0]));
        assert!(error.contains("a.csv, line 3: label 3") && error.contains("0 to 2"), "{error}");
        assert!(refusal(&numbers(&[0.0, -1.0])).contains("line 2: label -1"));
        assert!(refusal(&numbers(&[0.0, 1e12])).contains("line 2: label 1000000000000"));
        assert!(refusal(&numbers(&[0.0, 0.5])).contains("line 2: label 0.5"));
    }

    #[test]
    fn one_class_and_mixed_kinds_are_refused() {
        assert!(refusal(&numbers(&[0.0, 0.0])).contains("every sample has the label `0`"));
        let mixed = [numbers(&[0.0]), texts(&["cat"])].concat();
        assert!(refusal(&mixed).contains("line 2: the label `cat` is of another kind"));
    }

    #[test]
    fn labels_unknown_in_training_are_refused() {
        let names = ["cat".to_owned(), "dog".to_owned()];
        let error = encode(&texts(&["dog", "cow"]), 2, Some(&names), line).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("`cat`, `dog`"), "{error}");
        assert!(encode(&numbers(&[2.0]), 2, None, line).is_err());
        assert!(encode(&numbers(&[0.0]), 2, Some(&names), line).is_err());
    }
}
