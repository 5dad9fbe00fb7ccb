//! `kutta landscape`: the objective on lines and planes about trained weights, and its Hessian's spectrum.

mod figures;
mod hessian;
mod plan;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::job::{catch_interrupts, interrupted};
use super::solvers::{Subject, keep};
use super::{Output, Refusal};
use crate::atomic;
use crate::cli;
use crate::data::npy;
use crate::landscape::{Point, QUANTITIES, Section};
use crate::report::table::Table;
pub use plan::{Grid, Plan};
use plan::{places, plan};

/// How often what is known is kept.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Report {
    folder: String,
    along: String,
    grid: Vec<Grid>,
    points: usize,
    /// The values where the directions meet.
    centre: Option<Named>,
    least: Option<Named>,
    /// Shares of the path's squared distances, of principal directions.
    shares: Option<[f64; 2]>,
    /// Of the eigenvectors that are the directions.
    eigenvalues: Option<Vec<f64>>,
    /// What the values at both ends of a line between runs are.
    ends: Option<Vec<Named>>,
}

#[derive(Clone, Debug, Serialize)]
struct Named {
    place: Vec<f64>,
    train_loss: Option<f64>,
    train_accuracy: Option<f64>,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
    objective: Option<f64>,
}

pub fn run(args: &cli::Landscape, output: &Output) -> Result<(), Refusal> {
    let subjects: Vec<Subject> =
        args.runs.iter().map(|run| Subject::open(run)).collect::<Result<_, _>>()?;
    let Some(subject) = subjects.first() else {
        return Err(Refusal::request("name a run folder"));
    };
    let folder = args.out.clone().unwrap_or_else(|| subject.run.folder.path().into());
    std::fs::create_dir_all(&folder).map_err(Refusal::request)?;
    if args.spectrum {
        return hessian::spectrum(args, subject, &folder, output);
    }
    let plan = plan(args, &subjects)?;
    let places = places(&plan.grid)?;
    let section = Section {
        network: &subject.network,
        data: &subject.dataset,
        origin: &subject.weights,
        directions: &plan.directions,
    };
    let file = folder.join(format!("{}.safetensors", plan.stem));
    let question = state::question(
        &subject.weights,
        &plan,
        &subject.run.model.resolved_source(subject.run.folder.path()),
    );
    let known = state::read(&file, &question, places.len());
    let done = known.iter().flatten().count();
    if done > 0 {
        output.say(format_args!(
            "{done} of {} points are known from {}",
            places.len(),
            file.display()
        ));
    }
    catch_interrupts(output);
    let bar = output.shows_progress().then(|| indicatif::ProgressBar::new(places.len() as u64));
    let failed = std::sync::Mutex::new(None);
    let values = section
        .evaluate(&places, known, EVERY, |known| {
            if let Some(bar) = &bar {
                bar.set_position(known.iter().flatten().count() as u64);
            }
            let written = state::write(&file, &question, known);
            let fine = written.is_ok();
            if let Err(error) = written {
                failed.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(error);
            }
            fine && !interrupted()
        })
        .map_err(Refusal::work)?;
    bar.iter().for_each(indicatif::ProgressBar::finish_and_clear);
    if let Some(refusal) = failed.into_inner().unwrap_or_else(|e| e.into_inner()) {
        return Err(refusal);
    }
    if values.iter().any(Option::is_none) {
        output.say("interrupted; the same command goes on with the points that are missing");
        return Err(Refusal::Interrupted);
    }
    write_array(&folder, &plan, &values)?;
    for (stem, figure) in figures::draw(&plan, &places, &values) {
        keep(figure.and_then(|figure| figure.write(&folder, &stem)), output);
    }
    let report = report(&plan, &places, &values, folder);
    output.report(text(&report, &plan), &report)
}

fn write_array(folder: &std::path::Path, plan: &Plan, values: &[Point]) -> Result<(), Refusal> {
    // Quantity, then rows along the second direction, then the first.
    let sizes = plan.grid.iter().rev().map(|grid| grid.count);
    let shape: Vec<usize> = [QUANTITIES.len()].into_iter().chain(sizes).collect();
    let by_quantity = (0..QUANTITIES.len())
        .flat_map(|k| values.iter().map(move |point| point.map_or(f64::NAN, |values| values[k])));
    let path = folder.join(format!("{}.npy", plan.stem));
    atomic::write(&path, &npy(&shape, by_quantity)).map_err(Refusal::work)
}

fn named(place: &[f64], values: &Point) -> Option<Named> {
    let finite = |x: f64| x.is_finite().then_some(x);
    let [train_loss, train_accuracy, validation_loss, validation_accuracy, objective] =
        (*values)?.map(finite);
    let place = place.to_vec();
    Some(Named {
        place,
        train_loss,
        train_accuracy,
        validation_loss,
        validation_accuracy,
        objective,
    })
}

fn report(plan: &Plan, places: &[Vec<f64>], values: &[Point], folder: PathBuf) -> Report {
    let pairs = || places.iter().zip(values);
    let at =
        |wanted: &[f64]| pairs().find(|(place, _)| *place == wanted).and_then(|(p, v)| named(p, v));
    let loss = |values: &Point| values.map_or(f64::INFINITY, |values| values[0]);
    let least = pairs().min_by(|a, b| loss(a.1).total_cmp(&loss(b.1)));
    let ends = plan.marks.iter().map(|(_, place)| at(place)).collect::<Option<Vec<_>>>();
    Report {
        folder: folder.display().to_string(),
        along: plan.stem.clone(),
        grid: plan.grid.clone(),
        points: places.len(),
        centre: at(&vec![0.0; plan.grid.len()]),
        least: least.and_then(|(place, values)| named(place, values)),
        shares: plan.shares,
        eigenvalues: plan.eigenvalues.clone(),
        ends: ends.filter(|ends| !ends.is_empty()),
    }
}

fn text(report: &Report, plan: &Plan) -> String {
    let mut table =
        Table::new(["", "place", "train loss", "accuracy", "validation loss", "accuracy"]);
    let number = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.6e}"));
    let share = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{:.2} %", 100.0 * x));
    let mut row = |what: &str, at: &Option<Named>| {
        let Some(at) = at else { return };
        let place: Vec<String> = at.place.iter().map(|x| format!("{x:.4}")).collect();
        table.row([
            what.to_owned(),
            place.join(", "),
            number(at.train_loss),
            share(at.train_accuracy),
            number(at.validation_loss),
            share(at.validation_accuracy),
        ]);
    };
    row("centre", &report.centre);
    row("least", &report.least);
    if let Some(ends) = &report.ends {
        for ((name, _), end) in plan.marks.iter().zip(ends) {
            row(name, &Some(end.clone()));
        }
    }
    format!(
        "{}, {} points\n{}\n{table}\n{}",
        report.along,
        report.points,
        plan.names.join("; "),
        report.folder
    )
}
