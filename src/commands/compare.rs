//! `kutta compare RUN..`: trained runs beside each other.

use std::path::Path;

use serde::Serialize;

use super::run_folder::Run;
use super::scores::{brief, percent};
use super::solvers::keep;
use super::{Output, Refusal};
use crate::cli;
use crate::report::chart::{Look, Series, chart};
use crate::report::table::Table;
use crate::report::{Axis, Data, Figure, ReportError, Scale};
use crate::train::{Row, StopReason, history};

/// What differs between two models, by path, and is worth a column.
const FIELDS: [&str; 7] = [
    "data",
    "network.opening",
    "network.field",
    "network.controls",
    "network.method",
    "network.stepping",
    "seed",
];
/// Longest value of a field in the table.
const LONGEST: usize = 40;

#[derive(Serialize)]
struct Report {
    runs: Vec<Compared>,
}

#[derive(Serialize)]
struct Compared {
    run: String,
    /// Fields of the model in which the runs differ.
    fields: Vec<(String, String)>,
    train_loss: Option<f64>,
    train_accuracy: Option<f64>,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
    parameters: Option<usize>,
    epochs: usize,
    seconds: Option<f64>,
    stop_reason: Option<StopReason>,
    #[serde(skip)]
    history: Vec<Row>,
}

pub fn run(args: &cli::Compare, output: &Output) -> Result<(), Refusal> {
    let opened: Vec<Run> =
        args.runs.iter().map(|run| Run::open(run, &[])).collect::<Result<_, _>>()?;
    let value = |run: &Run, field: &str| -> String {
        let value = run.model.value(field).unwrap_or_default();
        value.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let differ = |field: &&str| {
        opened.windows(2).any(|pair| value(&pair[0], field) != value(&pair[1], field))
    };
    let fields: Vec<&str> = FIELDS.into_iter().filter(|field| differ(field)).collect();
    let mut runs = Vec::new();
    for run in &opened {
        let summary = run.folder.ended()?;
        let history = history::read(&run.folder.history()).map_err(Refusal::request)?;
        let last = history.last();
        let of = |end: Option<f64>, row: fn(&Row) -> Option<f64>| end.or_else(|| row(last?));
        let end = summary.as_ref();
        runs.push(Compared {
            run: run.folder.path().display().to_string(),
            fields: fields.iter().map(|f| ((*f).to_owned(), value(run, f))).collect(),
            train_loss: of(end.and_then(|s| s.train_loss), |row| Some(row.train_loss)),
            train_accuracy: of(end.and_then(|s| s.train_accuracy), |row| row.train_accuracy),
            validation_loss: of(end.and_then(|s| s.validation_loss), |row| row.validation_loss),
            validation_accuracy: of(end.and_then(|s| s.validation_accuracy), |row| {
                row.validation_accuracy
            }),
            parameters: end.map(|s| s.parameters),
            epochs: history.len().saturating_sub(1),
            seconds: last.map(|row| row.seconds),
            stop_reason: summary.as_ref().map(|s| s.stop_reason.clone()),
            history,
        });
    }
    if let Some(out) = &args.out {
        keep(draw(&runs).and_then(|figure| figure.write(out, "compare")), output);
        write(out, &runs).map_err(Refusal::work)?;
    }
    let report = Report { runs };
    output.report(text(&report.runs), &report)
}

/// The table as CSV, beside the figure.
fn write(out: &Path, runs: &[Compared]) -> Result<(), ReportError> {
    let table = table(runs, &|x: Option<f64>| x.map_or(String::new(), |x| x.to_string()), &|x| {
        x.map_or(String::new(), |x| x.to_string())
    });
    let data = Data { headers: table.headers().to_vec(), rows: table.rows().to_vec() };
    data.save(&out.join("runs.csv"))
}

fn table(
    runs: &[Compared],
    loss: &dyn Fn(Option<f64>) -> String,
    share: &dyn Fn(Option<f64>) -> String,
) -> Table {
    let fields = runs.first().map_or(&[][..], |run| &run.fields);
    let headers = ["run"].into_iter().chain(fields.iter().map(|(field, _)| field.as_str()));
    let results = [
        "parameters",
        "epochs",
        "seconds",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
    ];
    let mut table = Table::new(headers.chain(results));
    for run in runs {
        let short = |value: &String| value.chars().take(LONGEST).collect::<String>();
        let values = run.fields.iter().map(|(_, value)| short(value));
        let results = [
            run.parameters.map_or(String::new(), |n| n.to_string()),
            run.epochs.to_string(),
            run.seconds.map_or(String::new(), |s| format!("{s:.1}")),
            loss(run.train_loss),
            share(run.train_accuracy),
            loss(run.validation_loss),
            share(run.validation_accuracy),
        ];
        table.row([run.run.clone()].into_iter().chain(values).chain(results));
    }
    table
}

fn text(runs: &[Compared]) -> String {
    let loss = |x: Option<f64>| x.map_or("-".to_owned(), brief);
    let table = table(runs, &loss, &percent);
    let failed = runs.iter().filter_map(|run| match &run.stop_reason {
        Some(reason @ StopReason::Failed { .. }) => Some(format!("{}: {reason}", run.run)),
        None => Some(format!("{}: has not come to its end", run.run)),
        _ => None,
    });
    let notes: Vec<String> = failed.collect();
    format!("{table}{}", notes.iter().map(|note| format!("\n{note}")).collect::<String>())
        .trim_end()
        .to_owned()
}

/// Losses and accuracies of all runs over the work that they took.
fn draw(runs: &[Compared]) -> Result<Figure, ReportError> {
    let validated =
        runs.iter().flat_map(|run| &run.history).any(|row| row.validation_loss.is_some());
    let name = |run: &Compared| {
        let path = Path::new(&run.run);
        path.file_name().map_or(run.run.clone(), |name| name.to_string_lossy().into_owned())
    };
    let series = |value: &dyn Fn(&Row) -> Option<f64>| -> Vec<Series> {
        let points = |run: &Compared| {
            run.history.iter().filter_map(|row| Some([row.work_units, value(row)?])).collect()
        };
        runs.iter().map(|run| Series { name: name(run), points: points(run) }).collect()
    };
    let part = if validated { "validation" } else { "training" };
    let loss = series(&|row| if validated { row.validation_loss } else { Some(row.train_loss) });
    let positive = loss.iter().flat_map(|s| &s.points).all(|p| p[1] > 0.0);
    let x = || Axis::linear("passes over the training set");
    let scale = if positive { Scale::Log } else { Scale::Linear };
    let y = Axis { scale, ..Axis::linear(format!("{part} loss")) };
    let mut figure = chart("", x(), y, Look::Lines, &loss)?;
    let share = series(&|row| {
        if validated { row.validation_accuracy } else { row.train_accuracy }.map(|x| 100.0 * x)
    });
    if share.iter().any(|s| !s.points.is_empty()) {
        let y = Axis::linear(format!("{part} accuracy (%)"));
        let second = chart("", x(), y, Look::Lines, &share)?;
        figure.panels.extend(second.panels);
    }
    figure.columns = 2;
    Ok(figure)
}
