//! `kutta train`: a model file, or a run to continue, into a run folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::awake::Awake;
use crate::cli;
use crate::network::Engine;
use crate::spec::Model;
use crate::train::{Row, StopReason, Summary, Training, score};

use super::job::{Job, catch_interrupts};
use super::run_folder::{Run, RunFolder};
use super::scores::{self, Line, brief, percent};
use super::{Output, Refusal, figures, overrides, steps};

pub fn run(args: cli::Train, output: &Output) -> Result<(), Refusal> {
    let job = match (&args.resume, &args.model) {
        (Some(path), _) => {
            let run = Run::open(path, &[])?;
            // A checkpoint of another model is refused even if the summary says that all is done.
            run.kept()?;
            if let Some(summary) = run.folder.finished()? {
                output.say(format_args!(
                    "{} is finished already ({}); nothing was changed",
                    path.display(),
                    summary.stop_reason
                ));
                return report(&run.folder, &summary, output);
            }
            Job::continued(run)?
        }
        (None, Some(model)) => begun(model, &args)?,
        (None, None) => return Err(Refusal::request("name a model file, or a run with --resume")),
    };
    for warning in job.model.warnings(&job.network) {
        output.warn(warning);
    }
    catch_interrupts(output);
    work(&job, output)
}

/// A new run, into a folder where nothing is lost.
fn begun(path: &Path, args: &cli::Train) -> Result<Job, Refusal> {
    let model = Model::read(path, &overrides(&args.changes))?;
    let folder = RunFolder::at(args.out.clone().unwrap_or_else(|| default_folder(path)));
    folder.check_vacant(args.force)?;
    Job::begun(model, folder)
}

/// `runs/` and the name of the model file.
pub fn default_folder(model: &Path) -> PathBuf {
    Path::new("runs").join(model.file_stem().unwrap_or(model.as_os_str()))
}

fn work(job: &Job, output: &Output) -> Result<(), Refusal> {
    let progress = Progress::new(output, job.done(), &job.model.training);
    let awake = Awake::keep();
    let outcome = job.train(&mut |row| progress.epoch(row));
    drop(awake);
    progress.end();
    let outcome = outcome?;
    let Job { folder, dataset, network, .. } = job;
    let trained = figures::Trained { network, dataset, outcome: &outcome };
    for error in trained.draw(folder.path()) {
        output.warn(format_args!("a figure is missing: {error}"));
    }
    if network.flow.adaptive.is_some() {
        let mut engine = Engine::new(network);
        engine.tells_errors = true;
        // A failure is told by the outcome; the table then ends where the solver gave up.
        let _ = score(&mut engine, &outcome.weights, &dataset.train);
        folder.write_steps(&steps::csv_of(engine.solutions())?)?;
    }
    let summary = outcome.summary();
    folder.write_summary(&summary)?;
    report(folder, &summary, output)?;
    match summary.stop_reason {
        StopReason::Epochs | StopReason::EarlyStop { .. } => Ok(()),
        StopReason::Interrupted => {
            output.say(format_args!(
                "interrupted after epoch {}; go on with `kutta train --resume {}`",
                summary.epochs,
                folder.path().display()
            ));
            Err(Refusal::Interrupted)
        }
        StopReason::Failed { .. } => Err(Refusal::work(format!(
            "{}. The last good weights are in {}",
            summary.stop_reason,
            folder.path().display()
        ))),
    }
}

/// The summary and where it stands.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    folder: String,
}

fn report(folder: &RunFolder, summary: &Summary, output: &Output) -> Result<(), Refusal> {
    let folder = folder.path().display().to_string();
    output.report(text(summary, &folder), &Report { summary, folder })
}

fn text(summary: &Summary, folder: &str) -> String {
    let parts = [
        ("training", summary.train_loss, summary.train_accuracy),
        ("validation", summary.validation_loss, summary.validation_accuracy),
    ];
    let lines: Vec<Line<'_>> = parts
        .into_iter()
        .filter_map(|(part, loss, accuracy)| {
            Some(Line { part, samples: None, loss: loss?, accuracy })
        })
        .collect();
    let Summary { parameters, epochs, epoch, seconds, stop_reason, .. } = summary;
    let stop = match stop_reason {
        StopReason::Failed { .. } => "stopped, a value is not finite".to_owned(),
        reason => reason.to_string(),
    };
    let kept = if epoch == epochs { String::new() } else { format!(", weights of epoch {epoch}") };
    format!(
        "{}\n\n{parameters} parameters, {epochs} epochs, {seconds:.1} s: {stop}{kept}\n{folder}",
        scores::table(&lines)
    )
}

/// A bar where it can be seen, else a line now and then; with `--json` nothing but a bar.
struct Progress<'o> {
    output: &'o Output,
    bar: Option<ProgressBar>,
    epochs: usize,
}

/// Lines of a whole run where there is no terminal.
const LINES: usize = 10;

impl<'o> Progress<'o> {
    fn new(output: &'o Output, done: usize, training: &Training) -> Progress<'o> {
        let epochs = training.epochs;
        let bar = output.shows_progress().then(|| {
            let bar = ProgressBar::new(epochs as u64).with_position(done as u64);
            let style =
                ProgressStyle::with_template("{bar:24} epoch {pos}/{len}  {msg}  {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        Progress { output, bar, epochs }
    }

    fn epoch(&self, row: &Row) {
        if let Some(bar) = &self.bar {
            bar.set_position(row.epoch as u64);
            bar.set_message(line(row));
        } else if !self.output.json() && self.is_due(row.epoch) {
            self.output.say(format_args!("epoch {}/{}  {}", row.epoch, self.epochs, line(row)));
        }
    }

    fn is_due(&self, epoch: usize) -> bool {
        epoch.is_multiple_of(self.epochs.div_ceil(LINES).max(1)) || epoch == self.epochs
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Losses and accuracies of an epoch in a line.
fn line(row: &Row) -> String {
    let part = |name: &str, loss: f64, accuracy: Option<f64>| {
        format!("{name} {} {}", brief(loss), percent(accuracy)).trim_end().to_owned()
    };
    let train = part("train", row.train_loss, row.train_accuracy);
    match row.validation_loss {
        Some(loss) => {
            format!("{train}  {}", part("validation", loss, row.validation_accuracy))
        }
        None => train,
    }
}
