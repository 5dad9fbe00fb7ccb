//! What the verbs mean: one file each, from what was typed to a report.

mod bench;
mod check;
mod compare;
mod converge;
mod data;
mod evaluate;
mod field;
mod figures;
mod gradcheck;
mod gradient;
mod job;
mod landscape;
mod new;
mod output;
mod predict;
mod run_folder;
mod scores;
mod solve;
mod solvers;
mod spectrum;
mod steps;
mod study;
mod swap;
mod tableau;
mod train;

use std::error::Error;
use std::path::Path;

use crate::cli::{Changes, Cli, FieldVerb, ModelArgs, Verb};
use crate::spec::{Model, SpecError};

pub use output::Output;

/// Far more threads than a gradient has groups.
const MOST_THREADS: usize = 256;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Refusal {
    /// The request was wrong: exit code 2.
    Request(Box<dyn Error + Send + Sync>),
    /// The work failed: exit code 1.
    Work(Box<dyn Error + Send + Sync>),
    /// Ended by Ctrl-C after a checkpoint: exit code 130.
    Interrupted,
}

impl Refusal {
    pub fn request(error: impl Into<Box<dyn Error + Send + Sync>>) -> Refusal {
        Refusal::Request(error.into())
    }

    pub fn work(error: impl Into<Box<dyn Error + Send + Sync>>) -> Refusal {
        Refusal::Work(error.into())
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Refusal::Request(_) => 2,
            Refusal::Work(_) => 1,
            Refusal::Interrupted => 130,
        }
    }
}

impl From<SpecError> for Refusal {
    fn from(error: SpecError) -> Refusal {
        Refusal::request(error)
    }
}

/// Does what was typed, on a pool of the threads that were asked for.
///
/// # Errors
/// [`Refusal`], whose message is not printed yet.
pub fn run(cli: Cli) -> Result<(), Refusal> {
    let output = Output::new(cli.common.json);
    if cli.common.threads == Some(0) {
        return Err(Refusal::request("--threads 0: at least one thread is needed"));
    }
    let threads = cli.common.threads.unwrap_or(0);
    if threads > MOST_THREADS {
        return Err(Refusal::request(format!(
            "--threads {threads}: at most {MOST_THREADS}; more than there are cores gain nothing"
        )));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(Refusal::request)?;
    pool.install(|| match cli.verb {
        Verb::Train(args) => train::run(args, &output),
        Verb::Evaluate(args) => evaluate::run(&args, &output),
        Verb::Gradient(args) => gradient::run(&args, &output),
        Verb::Gradcheck(args) => gradcheck::run(&args, &output),
        Verb::Predict(args) => predict::run(&args, &output),
        Verb::Field { verb: FieldVerb::List } => field::list(&output),
        Verb::Field { verb: FieldVerb::Show { field, width, set } } => {
            field::show(&field, width, &set, &output)
        }
        Verb::Tableau { verb } => tableau::run(&verb, &output),
        Verb::Spectrum(args) => spectrum::run(&args, &output),
        Verb::New(args) => new::run(&args, &output),
        Verb::Check(args) => check::run(&args, &output),
        Verb::Data(args) => data::run(&args, &output),
        Verb::Solve(args) => solve::run(&args, &output),
        Verb::Study(args) => study::run(&args, &output),
        Verb::Swap(args) => swap::run(&args, &output),
        Verb::Converge(args) => converge::run(&args, &output),
        Verb::Landscape(args) => landscape::run(&args, &output),
        Verb::Compare(args) => compare::run(&args, &output),
        Verb::Bench(args) => bench::run(&args, &output),
    })
}

/// Reads a model file with its changes.
fn read_model(args: &ModelArgs) -> Result<Model, Refusal> {
    Ok(Model::read(&args.model, &overrides(&args.changes))?)
}

/// `--set` and `--seed` as overrides of the model file.
fn overrides(changes: &Changes) -> Vec<String> {
    let seed = changes.seed.map(|seed| format!("seed={seed}"));
    changes.set.iter().cloned().chain(seed).collect()
}

/// Refuses an output that cannot be written before any work is done for it.
fn check_out(path: &Path, inputs: &[&Path]) -> Result<(), Refusal> {
    let refuse =
        |why: &str| Err(Refusal::request(format!("cannot write {}: {why}", path.display())));
    if path.is_dir() {
        return refuse("it is a folder; name a file in it");
    }
    let same = |input: &&Path| {
        path.canonicalize().is_ok_and(|path| input.canonicalize().is_ok_and(|input| input == path))
    };
    if inputs.iter().any(same) {
        return refuse("it is read by this very command; name another file");
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            refuse(&format!("there is no folder {}; create it first", folder.display()))
        }
        _ => Ok(()),
    }
}
