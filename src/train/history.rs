//! The history of a run, one row an epoch, and its file `history.csv`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic::{self, WriteError};

/// The columns of `history.csv`, in order: the names of the fields of [`Row`].
pub const COLUMNS: [&str; 8] = [
    "epoch",
    "work_units",
    "seconds",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "gradient_norm",
];

/// The end of an epoch; row 0 is the initial network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Epochs done.
    pub epoch: usize,
    /// Work so far. A unit is one forward or one backward pass over the training set; a gradient
    /// on m of N samples counts 2 m/N, the evaluation of the training set 1, validation nothing.
    pub work_units: f64,
    /// Seconds since the start of training, over all resumes.
    pub seconds: f64,
    /// Mean loss over the whole training set, without penalties.
    pub train_loss: f64,
    /// Share of the training set told right, in 0..1; absent for regression.
    pub train_accuracy: Option<f64>,
    /// Mean loss over the validation set, if there is one.
    pub validation_loss: Option<f64>,
    /// Share of the validation set told right.
    pub validation_accuracy: Option<f64>,
    /// Euclidean norm of the last batch's gradient, penalties included; absent in row 0.
    pub gradient_norm: Option<f64>,
}

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file could not be read, or a cell is not a number.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The place and the reason.
        source: csv::Error,
    },
    /// The columns are not those of a history.
    #[error("{}: the columns are {}, those of a history {}", path.display(), found.join(","), COLUMNS.join(","))]
    Columns {
        /// The file.
        path: PathBuf,
        /// Its header.
        found: Vec<String>,
    },
}

/// Writes `history.csv` whole and atomically; absent values are empty cells, floats are written so
/// that reading gives the same bits.
///
/// # Errors
/// [`WriteError`], when the folder cannot be written.
pub fn write(path: &Path, rows: &[Row]) -> Result<(), WriteError> {
    let cell = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let mut text = COLUMNS.join(",") + "\n";
    for row in rows {
        let cells = [
            row.epoch.to_string(),
            row.work_units.to_string(),
            row.seconds.to_string(),
            row.train_loss.to_string(),
            cell(row.train_accuracy),
            cell(row.validation_loss),
            cell(row.validation_accuracy),
            cell(row.gradient_norm),
        ];
        text += &cells.join(",");
        text += "\n";
    }
    atomic::write(path, text.as_bytes())
}

/// Reads `history.csv`.
///
/// # Errors
/// [`HistoryError`] with the line of a bad cell, or the columns of a file that is none.
pub fn read(path: &Path) -> Result<Vec<Row>, HistoryError> {
    let fail = |source| HistoryError::Read { path: path.into(), source };
    let mut reader = csv::Reader::from_path(path).map_err(fail)?;
    let found = reader.headers().map_err(fail)?;
    if *found != COLUMNS[..] {
        let found = found.iter().map(String::from).collect();
        return Err(HistoryError::Columns { path: path.into(), found });
    }
    reader.deserialize().collect::<Result<_, _>>().map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let first = Row {
            epoch: 0,
            work_units: 1.0,
            seconds: 0.1 + 0.2,
            train_loss: 1e-300 / 3.0,
            train_accuracy: None,
            validation_loss: None,
            validation_accuracy: None,
            gradient_norm: None,
        };
        let second = Row {
            epoch: 1,
            work_units: 4.0,
            train_accuracy: Some(2.0 / 3.0),
            validation_loss: Some(std::f64::consts::PI),
            validation_accuracy: Some(1.0),
            gradient_norm: Some(1e300 / 7.0),
            ..first.clone()
        };
        vec![first, second]
    }

    #[test]
    fn the_file_has_the_promised_header_and_gives_back_the_bits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        write(&path, &rows()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.lines().next().unwrap(),
            "epoch,work_units,seconds,train_loss,train_accuracy,validation_loss,validation_accuracy,gradient_norm"
        );
        assert!(text.lines().nth(1).unwrap().ends_with(",,,,"));
        assert_eq!(read(&path).unwrap(), rows());
    }

    #[test]
    fn the_columns_are_the_fields_of_a_row() {
        let value = serde_json::to_value(&rows()[0]).unwrap();
        let fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, COLUMNS);
    }

    #[test]
    fn other_columns_and_bad_cells_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        std::fs::write(&path, "epoch,loss\n0,1\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("the columns are epoch,loss, those of a history epoch,work_units"));
        write(&path, &rows()).unwrap();
        let broken = std::fs::read_to_string(&path).unwrap().replace("\n1,4", "\n1,four");
        std::fs::write(&path, broken).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line: 3"));
    }
}
