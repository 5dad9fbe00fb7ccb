//! What came of the runs of a study: a row a run, and statistics over the seeds.

use serde::Serialize;

use super::figure::{Picture, Rule};
use crate::report::Data;

/// The field that statistics are taken over.
const SEED: &str = "seed";

/// A row a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Table {
    /// The fields of the model that tell runs apart, and others that a figure asks for.
    pub fields: Vec<String>,
    /// What was found, such as `validation_accuracy`.
    pub results: Vec<String>,
    /// The runs, in the order of the plan.
    pub rows: Vec<Row>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Row {
    /// Its folder.
    pub run: String,
    /// The values of [`Table::fields`], as they would be typed.
    pub fields: Vec<String>,
    /// Why there are no results, or not all.
    pub failure: Option<String>,
    /// The values of [`Table::results`].
    pub results: Vec<Option<f64>>,
}

/// A result over all runs that differ in nothing but the seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// The values of [`Table::fields`] without the seed.
    pub fields: Vec<String>,
    /// The result.
    pub quantity: String,
    /// Runs that have it.
    pub runs: usize,
    /// Runs that failed.
    pub failed: usize,
    /// Their mean.
    pub mean: f64,
    /// The standard deviation of a sample, with n - 1; none for one run.
    pub deviation: Option<f64>,
    /// The lowest, of an accuracy the highest.
    pub best: f64,
    /// The highest, of an accuracy the lowest.
    pub worst: f64,
}

impl Table {
    /// Where the values of a column stand, fields and results alike.
    pub fn column(&self, name: &str) -> Option<Vec<Option<String>>> {
        if let Some(at) = self.fields.iter().position(|field| field == name) {
            return Some(self.rows.iter().map(|row| row.fields.get(at).cloned()).collect());
        }
        let at = self.results.iter().position(|result| result == name)?;
        let value = |row: &Row| row.results.get(at).copied().flatten().map(number);
        Some(self.rows.iter().map(value).collect())
    }

    /// The rows as CSV: run, fields, failure, results. What is missing is an empty cell.
    pub fn csv(&self) -> Data {
        let headers = ["run"].into_iter().chain(self.fields.iter().map(String::as_str));
        let headers = headers.chain(["failure"]).chain(self.results.iter().map(String::as_str));
        let row = |row: &Row| {
            let results = row.results.iter().map(|x| x.map_or(String::new(), number));
            let cells = [row.run.clone()].into_iter().chain(row.fields.iter().cloned());
            cells.chain([row.failure.clone().unwrap_or_default()]).chain(results).collect()
        };
        Data {
            headers: headers.map(str::to_owned).collect(),
            rows: self.rows.iter().map(row).collect(),
        }
    }

    /// Losses, accuracies and seconds over the seeds, in the order in which groups first stand in the table.
    pub fn statistics(&self) -> Vec<Statistics> {
        let mut groups: Vec<(Vec<String>, Vec<&Row>)> = Vec::new();
        for row in &self.rows {
            let fields = self.without_seed(&row.fields);
            match groups.iter_mut().find(|group| group.0 == fields) {
                Some(group) => group.1.push(row),
                None => groups.push((fields, vec![row])),
            }
        }
        let quantities = self.results.iter().enumerate().filter(|(_, name)| {
            name.ends_with("_loss") || name.ends_with("_accuracy") || *name == "seconds"
        });
        let quantities: Vec<(usize, &String)> = quantities.collect();
        let mut all = Vec::new();
        for (fields, rows) in groups {
            let failed = rows.iter().filter(|row| row.failure.is_some()).count();
            for &(at, quantity) in &quantities {
                let values: Vec<f64> =
                    rows.iter().filter_map(|row| row.results.get(at).copied().flatten()).collect();
                let [mean, low, high] = spread(&values);
                let (n, higher) = (values.len(), quantity.ends_with("_accuracy"));
                let square = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
                all.push(Statistics {
                    fields: fields.clone(),
                    quantity: quantity.clone(),
                    runs: n,
                    failed,
                    mean,
                    deviation: (n > 1).then(|| (square / (n - 1) as f64).sqrt()),
                    best: if higher { high } else { low },
                    worst: if higher { low } else { high },
                });
            }
        }
        // What no run has, as validation without such data, says nothing.
        let absent = |name: &str| all.iter().all(|s| s.quantity != name || s.runs == 0);
        let absent: Vec<String> =
            quantities.iter().filter(|q| absent(q.1)).map(|q| q.1.clone()).collect();
        all.retain(|s| !absent.contains(&s.quantity));
        all
    }

    /// The names of [`Statistics::fields`].
    pub fn groups(&self) -> Vec<String> {
        self.without_seed(&self.fields)
    }

    /// The statistics as CSV.
    pub fn summary(&self) -> Data {
        let names = ["quantity", "runs", "failed", "mean", "deviation", "best", "worst"];
        let headers = self.groups().into_iter().chain(names.map(String::from)).collect();
        let number = |x: f64| if x.is_nan() { String::new() } else { number(x) };
        let row = |s: Statistics| -> Vec<String> {
            let numbers = [s.mean, s.deviation.unwrap_or(f64::NAN), s.best, s.worst].map(number);
            let counts = [s.quantity, s.runs.to_string(), s.failed.to_string()];
            s.fields.into_iter().chain(counts).chain(numbers).collect()
        };
        Data { headers, rows: self.statistics().into_iter().map(row).collect() }
    }

    /// What a figure shows of the table.
    pub fn picture(&self, rule: &Rule) -> Picture {
        Picture::new(self, rule)
    }

    fn without_seed(&self, values: &[String]) -> Vec<String> {
        let kept = self.fields.iter().zip(values).filter(|(field, _)| *field != SEED);
        kept.map(|(_, value)| value.clone()).collect()
    }
}

/// A number that reads back as the same, whole ones without a point.
fn number(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e15 { x.to_string() } else { format!("{x:?}") }
}

/// Mean, lowest and highest; NaN without values.
pub(super) fn spread(values: &[f64]) -> [f64; 3] {
    let fold = |f: fn(f64, f64) -> f64| values.iter().copied().fold(f64::NAN, f);
    [values.iter().sum::<f64>() / values.len() as f64, fold(f64::min), fold(f64::max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn table() -> Table {
        let row = |method: &str, seed: u32, failure: Option<&str>, accuracy: Option<f64>| Row {
            run: format!("{method}{seed}"),
            fields: vec![method.into(), seed.to_string()],
            failure: failure.map(String::from),
            results: vec![accuracy, None],
        };
        Table {
            fields: vec!["method".into(), "seed".into()],
            results: vec!["train_accuracy".into(), "validation_loss".into()],
            rows: vec![
                row("euler", 0, None, Some(0.5)),
                row("rk4", 0, None, Some(1.0)),
                row("euler", 1, None, Some(0.9)),
                row("rk4", 1, Some("lost, and \"gone\""), None),
            ],
        }
    }

    #[test]
    fn statistics_are_taken_over_seeds_alone() {
        let found = table().statistics();
        assert_eq!(found.len(), 2, "one group a method, and nothing of what no run has");
        let euler = &found[0];
        assert_eq!((euler.runs, euler.failed, euler.best, euler.worst), (2, 0, 0.9, 0.5));
        assert!((euler.mean - 0.7).abs() < 1e-15);
        assert!((euler.deviation.unwrap() - 0.2 * 2f64.sqrt()).abs() < 1e-15);
        let rk4 = &found[1];
        assert_eq!(
            (rk4.fields.as_slice(), rk4.runs, rk4.failed),
            (["rk4".to_owned()].as_slice(), 1, 1)
        );
        assert_eq!(rk4.deviation, None);
    }

    #[test]
    fn failures_keep_their_row() {
        let data = table().csv();
        assert_eq!(
            data.headers,
            ["run", "method", "seed", "failure", "train_accuracy", "validation_loss"]
        );
        assert_eq!(data.rows[3], ["rk41", "rk4", "1", "lost, and \"gone\"", "", ""]);
    }
}
