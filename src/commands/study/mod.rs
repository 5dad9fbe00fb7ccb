//! `kutta study FILE`: a model varied over fields, one run for each combination.

mod figures;
mod work;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::Serialize;

use super::job::{catch_interrupts, interrupted};
use super::scores::{brief, percent};
use super::{Output, Refusal};
use crate::atomic::{self, WriteError};
use crate::cli;
use crate::parallel::side_by_side;
use crate::report::table::Table as Columns;
use crate::spec::Model;
use crate::study::{Row, Statistics, Study, Table};
use work::{Progress, RESULTS, Work, scored_names};

const STUDY: &str = "study.ron";
const RESULTS_FILE: &str = "results.csv";
const SUMMARY_FILE: &str = "summary.csv";

#[derive(Serialize)]
struct Report<'a> {
    folder: String,
    runs: usize,
    failed: usize,
    #[serde(flatten)]
    table: &'a Table,
    groups: Vec<String>,
    statistics: Vec<Statistics>,
}

pub fn run(args: &cli::Study, output: &Output) -> Result<(), Refusal> {
    let study = Study::read(&args.study)?;
    let models = study.models()?;
    let table = columns(&study, &models);
    let known: Vec<String> = table.fields.iter().chain(&table.results).cloned().collect();
    study.check_figures(&models, &known)?;
    let folder = args.out.clone().unwrap_or_else(|| super::train::default_folder(&args.study));
    begin(&folder, &study)?;
    catch_interrupts(output);
    let epochs = models.iter().map(|model| model.training.epochs).sum();
    let progress = Progress::new(output, models.len(), epochs);
    let rows: Mutex<Vec<Option<Row>>> = Mutex::new(vec![None; models.len()]);
    let ended: Mutex<Option<Refusal>> = Mutex::new(None);
    let work = Work {
        study: &study,
        models: &models,
        folder: &folder,
        fields: &table.fields,
        progress: &progress,
    };
    side_by_side(
        models.len(),
        || (),
        |(), number| match work.point(number) {
            Ok(row) => {
                let mut rows = rows.lock().unwrap_or_else(|e| e.into_inner());
                if let Some(slot) = rows.get_mut(number) {
                    *slot = Some(row);
                }
                true
            }
            Err(refusal) => {
                ended.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(refusal);
                false
            }
        },
    )
    .map_err(Refusal::work)?;
    progress.end();
    let rows = rows.into_inner().unwrap_or_else(|e| e.into_inner());
    let table = Table { rows: rows.into_iter().flatten().collect(), ..table };
    if let Some(refusal) = ended.into_inner().unwrap_or_else(|e| e.into_inner()) {
        // What is done stands in its folders; the tables are a convenience that a full disk may refuse.
        let _ = write_tables(&folder, &table);
        let done = table.rows.len();
        output.say(format_args!(
            "{done} of {} runs are done and kept; the same command goes on with the others",
            models.len()
        ));
        return Err(if interrupted() { Refusal::Interrupted } else { refusal });
    }
    write_tables(&folder, &table)?;
    for error in figures::draw(&study, &table, &folder) {
        output.warn(format_args!("a figure is missing: {error}"));
    }
    let failed = table.rows.iter().filter(|row| row.failure.is_some()).count();
    let report = Report {
        folder: folder.display().to_string(),
        runs: table.rows.len(),
        failed,
        groups: table.groups(),
        statistics: table.statistics(),
        table: &table,
    };
    output.report(text(&report), &report)
}

/// The columns that the table will have: what is varied, what figures show beside it, and the results.
fn columns(study: &Study, models: &[Model]) -> Table {
    let scored = study.evaluate.keys().flat_map(|name| scored_names(name));
    let results: Vec<String> = RESULTS.iter().map(|r| (*r).to_owned()).chain(scored).collect();
    let mut fields = study.varied.clone();
    for (_, column) in study.figures.iter().flat_map(|rule| rule.columns()) {
        let of_model = models.iter().any(|model| model.value(column).is_some());
        if of_model && !fields.iter().chain(&results).any(|known| known == column) {
            fields.push(column.to_owned());
        }
    }
    Table { fields, results, rows: Vec::new() }
}

/// Makes the folder of the study; one that holds something else is refused.
fn begin(folder: &Path, study: &Study) -> Result<(), Refusal> {
    let refuse = |why: String| {
        Refusal::request(format!(
            "cannot use {} as the folder of a study: {why}; name another one with --out",
            folder.display()
        ))
    };
    let foreign = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some() && !folder.join(STUDY).is_file(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(refuse(error.to_string())),
    };
    if foreign {
        return Err(refuse(format!("it is not empty and has no {STUDY}")));
    }
    fs::create_dir_all(folder.join(work::RUNS)).map_err(|error| refuse(error.to_string()))?;
    atomic::sweep(folder).map_err(|error| refuse(error.to_string()))?;
    atomic::write(&folder.join(STUDY), study.source().as_bytes()).map_err(Refusal::work)
}

fn write_tables(folder: &Path, table: &Table) -> Result<(), Refusal> {
    table.csv().save(&folder.join(RESULTS_FILE)).map_err(Refusal::work)?;
    table.summary().save(&folder.join(SUMMARY_FILE)).map_err(Refusal::work)
}

/// Whether a run could not be kept, rather than not be made.
fn is_of_disk(refusal: &Refusal) -> bool {
    let (Refusal::Request(error) | Refusal::Work(error)) = refusal else { return false };
    error.is::<WriteError>()
        || error.is::<crate::weights::SaveError>()
        || matches!(
            error.downcast_ref::<super::run_folder::RunError>(),
            Some(super::run_folder::RunError::Unusable { .. })
        )
}

/// A table of the groups: each with its runs, and mean and deviation of what says most.
fn text(report: &Report<'_>) -> String {
    let accuracies = report.statistics.iter().any(|s| s.quantity.ends_with("_accuracy"));
    let ending = if accuracies { "_accuracy" } else { "_loss" };
    let mut quantities: Vec<&str> = Vec::new();
    for s in report.statistics.iter().filter(|s| s.quantity.ends_with(ending)) {
        if !quantities.contains(&s.quantity.as_str()) {
            quantities.push(&s.quantity);
        }
    }
    let headers = report.groups.iter().map(String::as_str).chain(["runs", "failed"]);
    let mut table = Columns::new(headers.chain(quantities.iter().copied()));
    let mut groups: Vec<&Vec<String>> = Vec::new();
    for s in &report.statistics {
        if !groups.contains(&&s.fields) {
            groups.push(&s.fields);
        }
    }
    for group in groups {
        let of = |quantity: &str| {
            report.statistics.iter().find(|s| s.fields == *group && s.quantity == quantity)
        };
        let first = quantities.first().and_then(|q| of(q));
        let count = |n: fn(&Statistics) -> usize| first.map_or(String::new(), |s| n(s).to_string());
        let cell = |quantity: &&str| {
            of(quantity).filter(|s| s.runs > 0).map_or("-".to_owned(), |s| match s.deviation {
                Some(deviation) if accuracies => {
                    format!("{:.2} ± {:.2} %", 100.0 * s.mean, 100.0 * deviation)
                }
                Some(deviation) => format!("{} ± {:.1e}", brief(s.mean), deviation),
                None if accuracies => percent(Some(s.mean)),
                None => brief(s.mean),
            })
        };
        let counts = [count(|s| s.runs), count(|s| s.failed)];
        table.row(group.iter().cloned().chain(counts).chain(quantities.iter().map(cell)));
    }
    let failed = match report.failed {
        0 => String::new(),
        n => format!(", {n} failed ({RESULTS_FILE} has the reasons)"),
    };
    format!("{table}\n{} runs{failed}\n{}", report.runs, report.folder)
}

/// The folder of a run below that of the study.
fn run_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(work::RUNS).join(name)
}
