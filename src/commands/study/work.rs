//! The runs of a study, one point each.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::{is_of_disk, run_path};
use crate::atomic;
use crate::commands::job::Job;
use crate::commands::run_folder::{Run, RunFolder};
use crate::commands::solvers::Subject;
use crate::commands::{Output, Refusal};
use crate::converged;
use crate::spec::Model;
use crate::study::{Row, Solver, Study};
use crate::tableau;
use crate::train::{Score, StopReason, Summary};

/// The folder of the runs.
pub const RUNS: &str = "runs";
/// The scores of a run under other solvers.
const SCORES: &str = "scores.json";

/// What is found of every run.
pub const RESULTS: [&str; 11] = [
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "steps",
    "step",
    "evaluations",
    "parameters",
    "epochs",
    "epoch",
    "seconds",
];

/// The results under a solver that the study names.
pub fn scored_names(name: &str) -> [String; 4] {
    [0, 1, 2, 3].map(|k| format!("{name}.{}", RESULTS[k]))
}

/// What all points share.
pub struct Work<'a> {
    pub study: &'a Study,
    pub models: &'a [Model],
    pub folder: &'a Path,
    /// The columns that are fields of the model.
    pub fields: &'a [String],
    pub progress: &'a Progress<'a>,
}

/// The scores under a solver: losses and accuracies in the order of [`RESULTS`].
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Scores {
    solver: Solver,
    values: [Option<f64>; 4],
}

impl Work<'_> {
    /// Makes a run, or takes one that is done. A run that fails is a row with the reason.
    ///
    /// # Errors
    /// Only what ends the study: a run that cannot be kept, or Ctrl-C.
    pub fn point(&self, number: usize) -> Result<Row, Refusal> {
        let (Some(model), Some(point)) = (self.models.get(number), self.study.points.get(number))
        else {
            return Err(Refusal::work(format!("there is no run {number}")));
        };
        let fields: Vec<String> =
            self.fields.iter().map(|path| plain(model.value(path).unwrap_or_default())).collect();
        let name = name(model, &self.study.varied);
        let mut row = Row { run: name.clone(), fields, failure: None, results: Vec::new() };
        match self.made(model, &name) {
            Ok((summary, scores)) => {
                self.progress.run(&summary.stop_reason, &name);
                match summary.stop_reason {
                    StopReason::Failed { .. } => {
                        row.failure = Some(summary.stop_reason.to_string())
                    }
                    _ => row.results = results(model, &summary, &scores),
                }
            }
            Err(Refusal::Interrupted) => return Err(Refusal::Interrupted),
            Err(refusal) if is_of_disk(&refusal) => return Err(refusal),
            Err(Refusal::Request(error) | Refusal::Work(error)) => {
                let error = match error.downcast::<crate::spec::SpecError>() {
                    Ok(error) => self.study.placed(point, *error).to_string(),
                    Err(error) => error.to_string(),
                };
                self.progress.failed(&name, &error);
                row.failure = Some(error);
            }
        }
        let columns = RESULTS.len() + 4 * self.study.evaluate.len();
        row.results.resize(columns, None);
        Ok(row)
    }

    fn made(&self, model: &Model, name: &str) -> Result<(Summary, Vec<Scores>), Refusal> {
        let path = run_path(self.folder, name);
        let folder = RunFolder::at(&path);
        let ended = folder.ended()?.filter(|s| s.stop_reason != StopReason::Interrupted);
        let summary = match ended {
            Some(summary) => {
                self.progress.epochs(model.training.epochs);
                summary
            }
            None => self.train(model, folder)?,
        };
        match summary.stop_reason {
            StopReason::Interrupted => Err(Refusal::Interrupted),
            StopReason::Failed { .. } => Ok((summary, Vec::new())),
            _ => Ok((summary, self.scores(&path)?)),
        }
    }

    fn train(&self, model: &Model, folder: RunFolder) -> Result<Summary, Refusal> {
        // A run that was stopped goes on; one whose files are none begins anew.
        let begun = Run::open(folder.path(), &[]).ok().and_then(|run| Job::continued(run).ok());
        let job = match begun {
            Some(job) => job,
            None => Job::begun(model.clone(), folder)?,
        };
        self.progress.epochs(job.done());
        let outcome = job.train(&mut |row| self.progress.epochs(usize::from(row.epoch > 0)))?;
        let summary = outcome.summary();
        // Not the epochs that an early stop or a failure leaves out.
        self.progress.epochs(model.training.epochs.saturating_sub(summary.epochs));
        if summary.stop_reason != StopReason::Interrupted {
            job.folder.write_summary(&summary)?;
        }
        Ok(summary)
    }

    /// The scores under the study's solvers, those of an earlier time where they are the same.
    fn scores(&self, path: &Path) -> Result<Vec<Scores>, Refusal> {
        let wanted = &self.study.evaluate;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let file = path.join(SCORES);
        let known: IndexMap<String, Scores> = std::fs::read_to_string(&file)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let mut subject = None;
        let mut all = IndexMap::new();
        for (name, solver) in wanted {
            let found = known.get(name).filter(|scores| scores.solver == *solver).cloned();
            let scores = match found {
                Some(scores) => scores,
                None => {
                    let subject = match &subject {
                        Some(subject) => subject,
                        None => subject.insert(Subject::open(path)?),
                    };
                    Scores { solver: solver.clone(), values: under(subject, solver)? }
                }
            };
            all.insert(name.clone(), scores);
        }
        if subject.is_some() {
            let text = serde_json::to_string_pretty(&all).map_err(Refusal::work)?;
            atomic::write(&file, text.as_bytes()).map_err(Refusal::work)?;
        }
        Ok(all.into_values().collect())
    }
}

fn under(subject: &Subject, solver: &Solver) -> Result<[Option<f64>; 4], Refusal> {
    let network = match solver {
        Solver::Fixed { method, steps } => {
            let method = tableau::named(method).map_err(Refusal::request)?.to_f64();
            converged::resolved(&subject.network, &method, *steps)
        }
        Solver::Converged => {
            let x = subject.judged_by().1.x.as_ref();
            let flow =
                converged::converged(&subject.network, &subject.weights, x, converged::TOLERANCE);
            flow.map_err(Refusal::work)?.network
        }
    };
    let data = &subject.dataset;
    let train = subject.score(&network, &data.train);
    let none = Score { loss: f64::NAN, accuracy: None };
    let validation = match data.validation.count() {
        0 => none,
        _ => subject.score(&network, &data.validation),
    };
    let finite = |x: f64| x.is_finite().then_some(x);
    Ok([finite(train.loss), train.accuracy, finite(validation.loss), validation.accuracy])
}

fn results(model: &Model, summary: &Summary, scores: &[Scores]) -> Vec<Option<f64>> {
    let steps = model.network.stepping.grid(model.network.horizon).map_or(0, |grid| grid.len() - 1);
    let stages = model.tableau().map_or(0, |tableau| tableau.reduced().b.len());
    let count = |n: usize| Some(n as f64);
    let own = [
        summary.train_loss,
        summary.train_accuracy,
        summary.validation_loss,
        summary.validation_accuracy,
        count(steps),
        Some(model.network.horizon / steps as f64),
        count(steps * stages),
        count(summary.parameters),
        count(summary.epochs),
        count(summary.epoch),
        Some(summary.seconds),
    ];
    own.into_iter().chain(scores.iter().flat_map(|scores| scores.values)).collect()
}

/// A value as it is read in a table: without quotes, on one line.
fn plain(value: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = line.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    bare.map_or(line.clone(), str::to_owned)
}

/// The name of a run's folder: its values in letters that every system takes, and a checksum of its model, so that
/// a run of another model has another folder.
fn name(model: &Model, varied: &[String]) -> String {
    const LONGEST: usize = 60;
    let values: Vec<String> =
        varied.iter().map(|path| plain(model.value(path).unwrap_or_default())).collect();
    let mut name = String::new();
    for c in values.join(" ").chars() {
        let usable = c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        match usable {
            true => name.push(c),
            false if !name.ends_with('-') && !name.is_empty() => name.push('-'),
            false => {}
        }
    }
    name.truncate(LONGEST);
    let mut crc = flate2::Crc::new();
    crc.update(model.resolved_source(model.folder()).as_bytes());
    format!("{}-{:08x}", name.trim_matches(['-', '.']), crc.sum())
        .trim_start_matches('-')
        .to_owned()
}

/// A bar over all epochs of all runs where it can be seen, else a line for each run that is done.
pub struct Progress<'o> {
    output: &'o Output,
    bar: Option<ProgressBar>,
    counts: Mutex<(usize, usize)>,
    runs: usize,
}

impl<'o> Progress<'o> {
    pub fn new(output: &'o Output, runs: usize, epochs: usize) -> Progress<'o> {
        let bar = output.shows_progress().then(|| {
            let bar = ProgressBar::new(epochs as u64);
            let style = ProgressStyle::with_template("{bar:24} {msg}  {percent} %  {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(format!("run 0/{runs}"));
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        Progress { output, bar, counts: Mutex::new((0, 0)), runs }
    }

    /// So many epochs more are done.
    pub fn epochs(&self, more: usize) {
        self.bar.iter().for_each(|bar| bar.inc(more as u64));
    }

    fn run(&self, stop: &StopReason, name: &str) {
        match stop {
            StopReason::Failed { .. } => self.failed(name, &stop.to_string()),
            _ => self.count(0, name, "done"),
        }
    }

    fn failed(&self, name: &str, reason: &str) {
        self.count(1, name, reason);
    }

    fn count(&self, failed: usize, name: &str, what: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(|e| e.into_inner());
        counts.0 += 1;
        counts.1 += failed;
        let (done, lost) = *counts;
        let message = match lost {
            0 => format!("run {done}/{}", self.runs),
            _ => format!("run {done}/{}, {lost} failed", self.runs),
        };
        if let Some(bar) = &self.bar {
            bar.set_message(message);
        } else if !self.output.json() {
            self.output.say(format_args!("{message}  {name}: {what}"));
        }
    }

    pub fn end(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
