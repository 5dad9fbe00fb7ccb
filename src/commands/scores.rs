//! Losses and accuracies as people read them.

use crate::report::table::Table;

/// The score of a part of the data.
pub struct Line<'a> {
    pub part: &'a str,
    /// How many there are, where that is to be said.
    pub samples: Option<usize>,
    pub loss: f64,
    /// None for regression.
    pub accuracy: Option<f64>,
}

/// A table of scores; columns that no line fills are left out.
pub fn table(lines: &[Line<'_>]) -> String {
    let samples = lines.iter().any(|line| line.samples.is_some());
    let accuracy = lines.iter().any(|line| line.accuracy.is_some());
    let row = |part: &str, n: String, loss: String, share: String| -> Vec<String> {
        let cells =
            [Some(part.to_owned()), samples.then_some(n), Some(loss), accuracy.then_some(share)];
        cells.into_iter().flatten().collect()
    };
    let mut table = Table::new(row("", "samples".into(), "loss".into(), "accuracy".into()));
    for Line { part, samples, loss, accuracy } in lines {
        let samples = samples.map_or(String::new(), |n| n.to_string());
        table.row(row(part, samples, brief(*loss), percent(*accuracy)));
    }
    table.to_string().trim_end().to_owned()
}

/// A loss with at least four digits that count.
pub fn brief(loss: f64) -> String {
    match loss.abs() {
        size if size == 0.0 || (1e-2..1e6).contains(&size) => format!("{loss:.5}"),
        _ => format!("{loss:.4e}"),
    }
}

/// A share as percents; nothing where there is none.
pub fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.2} %", 100.0 * share))
}
