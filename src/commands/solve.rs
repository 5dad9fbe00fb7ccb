//! `kutta solve`: the states of a model or a run in time.

use std::path::Path;

use faer::MatRef;
use serde::Serialize;

use crate::atomic;
use crate::cli;
use crate::data::{Dataset, npy};
use crate::network::{Engine, Network, Trajectories};
use crate::report::table::Table;
use crate::solve::adaptive::{Halt, Step};
use crate::spec::Model;

use super::run_folder::{Run, RunFolder};
use super::steps::{self, Chosen, described};
use super::{Output, Refusal, check_out, overrides};

/// Rows of the table of states that a person reads.
const SHOWN: usize = 20;
/// Most numbers of states in `--json`: more are for `--out`.
const MOST_IN_JSON: usize = 10_000;

#[derive(Serialize)]
struct Report {
    method: String,
    samples: usize,
    width: usize,
    horizon: f64,
    /// None for a grid that is given.
    chosen: Option<Chosen>,
    /// Why the solution ends before the horizon, if it does.
    halt: Option<String>,
    times: Vec<f64>,
    /// Times x samples x width; absent if there are many, for which there is `--out`.
    states: Option<Vec<Vec<Vec<f64>>>>,
    /// All steps, the rejected ones too, of each solution.
    steps: Vec<Vec<Step>>,
}

/// What is solved.
struct Subject {
    model: Model,
    network: Network,
    data: Dataset,
    theta: Vec<f64>,
    /// Where a run keeps its steps.
    folder: Option<RunFolder>,
}

pub fn run(args: &cli::Solve, output: &Output) -> Result<(), Refusal> {
    for out in [&args.out, &args.steps].into_iter().flatten() {
        check_out(out, &[&args.model])?;
    }
    let subject = Subject::open(args)?;
    let Subject { model, network, data, theta, folder } = &subject;
    model.warnings(network).iter().for_each(|warning| output.warn(warning));
    let times = match &args.times {
        Some(text) => Some(times(text, network.flow.controls.horizon)?),
        None => None,
    };
    let mut engine = Engine::new(network);
    let solved = engine.trajectories(theta, data.train.x.as_ref(), times.as_deref());
    let chosen = Chosen::of(&engine);
    let halt = engine.solutions().iter().find_map(|solution| solution.halt.clone());
    if let Some(warning) = chosen.as_ref().and_then(Chosen::warning) {
        output.warn(warning);
    }
    if let Some(path) = &args.out {
        let shape = [solved.times.len(), data.train.count(), network.width()];
        let bytes = npy(&shape, solved.states.iter().flatten().copied());
        atomic::write(path, &bytes).map_err(Refusal::work)?;
    }
    if chosen.is_some() {
        let table = steps::csv_of(engine.solutions())?;
        if let Some(path) = &args.steps {
            atomic::write(path, &table).map_err(Refusal::work)?;
        }
        folder.as_ref().map_or(Ok(()), |folder| folder.write_steps(&table))?;
    }
    let report = report(network, data.train.x.as_ref(), &engine, &solved, chosen, halt.clone());
    output.report(text(&report, &solved, args.out.as_deref(), network), &report)?;
    match halt {
        None => Ok(()),
        Some(halt) => Err(Refusal::work(format!(
            "{halt}; the states up to there are kept: {} of the times that were asked for",
            report.times.len()
        ))),
    }
}

impl Subject {
    fn open(args: &cli::Solve) -> Result<Subject, Refusal> {
        let changes = overrides(&args.changes);
        if args.model.is_dir() {
            let run = Run::open(&args.model, &changes)?;
            let network = run.model.network(&run.schema)?;
            let theta = run.weights(&network)?;
            let data = run.dataset()?;
            return Ok(Subject {
                model: run.model,
                network,
                data,
                theta,
                folder: Some(run.folder),
            });
        }
        let model = Model::read(&args.model, &changes)?;
        let data = model.dataset()?;
        let network = model.network(&data.schema)?;
        let theta = network.initial(model.seed);
        Ok(Subject { model, network, data, theta, folder: None })
    }
}

/// `from:to:count`, or times with commas between them.
fn times(text: &str, horizon: f64) -> Result<Vec<f64>, Refusal> {
    let refuse = |why: &str| Err(Refusal::request(format!("--times {text}: {why}")));
    let number = |part: &str| part.trim().parse::<f64>().ok().filter(|t| t.is_finite());
    let times = match text.split(':').collect::<Vec<_>>().as_slice() {
        [from, to, count] => match (number(from), number(to), count.trim().parse::<usize>()) {
            (Some(from), Some(to), Ok(count)) if (2..=1_000_000).contains(&count) => {
                let last = (count - 1) as f64;
                let at = |i: usize| match i + 1 == count {
                    true => to,
                    false => from + (to - from) * i as f64 / last,
                };
                (0..count).map(at).collect()
            }
            _ => {
                return refuse(
                    "give from:to:count, such as 0:5:101, with a count of 2 to a million",
                );
            }
        },
        [list] => match list.split(',').map(number).collect::<Option<Vec<f64>>>() {
            Some(times) => times,
            None => return refuse("give numbers with commas between them, or from:to:count"),
        },
        _ => {
            return refuse(
                "give from:to:count, such as 0:5:101, or times with commas between them",
            );
        }
    };
    if times.windows(2).any(|pair| pair[0] >= pair[1]) {
        return refuse("the times have to increase");
    }
    let within = |t: &f64| (0.0..=horizon).contains(t);
    if !times.iter().all(within) {
        return refuse(&format!("the solution goes from 0 to the horizon {horizon}"));
    }
    Ok(times)
}

fn report(
    network: &Network,
    x: MatRef<'_, f64>,
    engine: &Engine<'_>,
    solved: &Trajectories,
    chosen: Option<Chosen>,
    halt: Option<Halt>,
) -> Report {
    let width = network.width();
    let few = solved.states.iter().map(Vec::len).sum::<usize>() <= MOST_IN_JSON;
    let samples = |state: &Vec<f64>| state.chunks(width.max(1)).map(<[f64]>::to_vec).collect();
    Report {
        method: network.flow.tableau.name.clone(),
        samples: x.ncols(),
        width,
        horizon: network.flow.controls.horizon,
        chosen,
        halt: halt.map(|halt| halt.to_string()),
        times: solved.times.clone(),
        states: few.then(|| solved.states.iter().map(samples).collect()),
        steps: engine.solutions().iter().map(|solution| solution.steps.clone()).collect(),
    }
}

fn text(report: &Report, solved: &Trajectories, out: Option<&Path>, network: &Network) -> String {
    let width = report.width;
    let described = described(network, report.chosen.as_ref());
    let mut table =
        Table::new(["t".to_owned()].into_iter().chain((1..=width).map(|i| format!("y{i}"))));
    let count = solved.times.len();
    let shown = count.min(SHOWN);
    for row in 0..shown {
        let at = if shown > 1 { row * (count - 1) / (shown - 1) } else { row };
        let state = solved.states[at].iter().take(width).map(|y| format!("{y:.10}"));
        table.row([format!("{:.6}", solved.times[at])].into_iter().chain(state));
    }
    let few = width <= 8;
    let first = if report.samples > 1 { "the first sample:\n" } else { "" };
    let states = match few {
        true => format!("\n\n{first}{}", table.to_string().trim_end()),
        false => String::new(),
    };
    let out = out.map_or(String::new(), |path| {
        format!(
            "\n\n{} x {} x {width} (times, samples, width) in {}",
            count,
            report.samples,
            path.display()
        )
    });
    format!("{described}{states}{out}")
}
