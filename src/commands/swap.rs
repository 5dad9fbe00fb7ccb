//! `kutta swap`: trained networks under every method and number of steps.

use std::path::PathBuf;

use serde::Serialize;

use super::solvers::{Subject, Under, check_tolerance, keep};
use super::{Output, Refusal};
use crate::cli;
use crate::report::matrix::{Matrix, matrices};
use crate::report::table::Table;
use crate::report::{Axis, ReportError};
use crate::solve::Stepping;
use crate::tableau::{self, Tableau};

/// By how much an accuracy may differ from the converged one and count as the same.
const POINT: f64 = 0.01;
/// The same for a loss, relative to the converged one, where there is no accuracy.
const SHARE: f64 = 0.05;

#[derive(Serialize)]
struct Report {
    folder: String,
    runs: Vec<Swapped>,
}

#[derive(Serialize)]
struct Swapped {
    run: String,
    part: &'static str,
    trained_method: String,
    trained_steps: usize,
    loss: f64,
    accuracy: Option<f64>,
    converged_loss: f64,
    converged_accuracy: Option<f64>,
    converged_steps: usize,
    /// By how much the states moved at the last refinement.
    converged_change: f64,
    settled: bool,
    /// The longest step below which no method and no finer step changes the answer; none if there is none.
    critical_step: Option<f64>,
    critical_steps: Option<usize>,
    /// The same for each method by itself.
    critical_of_method: Vec<Option<f64>>,
    #[serde(skip)]
    framed: Option<(usize, usize)>,
    table: Vec<Cell>,
}

#[derive(Serialize)]
struct Cell {
    method: String,
    steps: usize,
    step: f64,
    loss: Option<f64>,
    accuracy: Option<f64>,
    distance: Option<f64>,
}

pub fn run(args: &cli::Swap, output: &Output) -> Result<(), Refusal> {
    check_tolerance(args.refined.tolerance)?;
    let methods: Vec<Tableau<f64>> = args
        .methods
        .iter()
        .map(|name| tableau::named(name).map(|method| method.to_f64()).map_err(Refusal::request))
        .collect::<Result<_, _>>()?;
    let subjects: Vec<Subject> =
        args.runs.iter().map(|run| Subject::open(run)).collect::<Result<_, _>>()?;
    for &steps in &args.steps {
        Stepping::Fixed { steps }.check(1.0).map_err(Refusal::request)?;
    }
    let mut steps = args.steps.clone();
    if steps.is_empty() {
        steps = (0..=8).map(|k| 1 << k).collect();
        steps.extend(subjects.iter().map(|subject| subject.network.flow.steps()));
    }
    steps.sort_unstable();
    steps.dedup();
    let runs: Vec<Swapped> = subjects
        .iter()
        .map(|subject| swapped(subject, &methods, &steps, args.refined.tolerance, output))
        .collect::<Result<_, _>>()?;
    let folder: PathBuf = match &args.out {
        Some(out) => out.clone(),
        None => subjects.first().map_or(PathBuf::new(), |s| s.run.folder.path().into()),
    };
    keep(
        draw(&runs, &args.methods, &steps).and_then(|figure| figure.write(&folder, "swap")),
        output,
    );
    let report = Report { folder: folder.display().to_string(), runs };
    output.report(text(&report, &steps), &report)
}

fn swapped(
    subject: &Subject,
    methods: &[Tableau<f64>],
    steps: &[usize],
    tolerance: f64,
    output: &Output,
) -> Result<Swapped, Refusal> {
    let flow = subject.converged(tolerance, output)?;
    let ends = &flow.states;
    let (trained, exact) =
        (subject.under(&subject.network, ends), subject.under(&flow.network, ends));
    let horizon = subject.network.flow.controls.horizon;
    let mut table = Vec::new();
    let rows: Vec<Vec<Under>> = methods
        .iter()
        .map(|method| steps.iter().map(|&n| subject.solved(method, n, ends)).collect())
        .collect();
    // From the finest on: the first number of steps that gives another answer ends it.
    let settled = |rows: &[Vec<Under>]| {
        let same_all =
            |k: &usize| rows.iter().filter_map(|row| row.get(*k)).all(|u| same(u, &exact));
        let first = (0..steps.len()).rev().take_while(same_all).last();
        first.and_then(|k| steps.get(k).copied())
    };
    let critical = settled(&rows);
    let of_method: Vec<Option<usize>> = rows.chunks(1).map(settled).collect();
    let finite = |x: f64| x.is_finite().then_some(x);
    for (method, row) in methods.iter().zip(&rows) {
        for (&steps, under) in steps.iter().zip(row) {
            table.push(Cell {
                method: method.name.clone(),
                steps,
                step: horizon / steps as f64,
                loss: finite(under.loss),
                accuracy: under.accuracy,
                distance: finite(under.distance),
            });
        }
    }
    let name = &subject.network.flow.tableau.name;
    let row = methods.iter().position(|method| method.name == *name);
    let column = steps.iter().position(|&n| n == subject.network.flow.steps());
    Ok(Swapped {
        run: subject.run.folder.path().display().to_string(),
        part: subject.judged_by().0,
        trained_method: name.clone(),
        trained_steps: subject.network.flow.steps(),
        loss: trained.loss,
        accuracy: trained.accuracy,
        converged_loss: exact.loss,
        converged_accuracy: exact.accuracy,
        converged_steps: flow.steps,
        converged_change: flow.change,
        settled: flow.settled,
        critical_step: critical.map(|n| horizon / n as f64),
        critical_steps: critical,
        critical_of_method: of_method.iter().map(|n| n.map(|n| horizon / n as f64)).collect(),
        framed: row.zip(column),
        table,
    })
}

/// Whether the answer is that of the converged flow.
fn same(under: &Under, exact: &Under) -> bool {
    match (under.accuracy, exact.accuracy) {
        (Some(a), Some(b)) => (a - b).abs() <= POINT,
        _ => (under.loss - exact.loss).abs() <= SHARE * exact.loss,
    }
}

fn draw(
    runs: &[Swapped],
    methods: &[String],
    steps: &[usize],
) -> Result<crate::report::Figure, ReportError> {
    let columns: Vec<String> = steps.iter().map(usize::to_string).collect();
    let mut all = Vec::new();
    for run in runs {
        let trained = format!("{}, {} steps", run.trained_method, run.trained_steps);
        let matrix = |title: String, values: Vec<f64>, texts: Vec<String>, value: Axis| Matrix {
            title,
            row: "method".into(),
            rows: methods.to_vec(),
            column: "steps".into(),
            columns: columns.clone(),
            values,
            texts,
            value,
            framed: run.framed,
        };
        let nan = |x: Option<f64>| x.unwrap_or(f64::NAN);
        if run.accuracy.is_some() {
            let values: Vec<f64> = run.table.iter().map(|cell| nan(cell.accuracy)).collect();
            let percent =
                |x: &f64| if x.is_nan() { "lost".into() } else { format!("{:.1}", 100.0 * x) };
            let texts = values.iter().map(percent).collect();
            let values = values.iter().map(|x| 100.0 * x).collect();
            let value = Axis::linear("accuracy (%)").over((0.0, 100.0));
            let title = format!(
                "trained by {trained}: accuracy in %, of the flow {:.1}",
                100.0 * nan(run.converged_accuracy)
            );
            all.push(matrix(title, values, texts, value));
        } else {
            let values: Vec<f64> = run.table.iter().map(|cell| nan(cell.loss)).collect();
            let texts = values.iter().map(power).collect();
            let title =
                format!("trained by {trained}: loss, of the flow {:.1e}", run.converged_loss);
            all.push(matrix(title, values, texts, Axis::log("loss")));
        }
        let values: Vec<f64> = run.table.iter().map(|cell| nan(cell.distance)).collect();
        let texts = values.iter().map(power).collect();
        let title = "distance of the final states from the flow".to_owned();
        all.push(matrix(title, values, texts, Axis::log("distance")));
    }
    matrices("", if runs.len() > 1 { 2 } else { 1 }, &all)
}

/// A number of many sizes in few characters.
fn power(x: &f64) -> String {
    if x.is_nan() { "lost".into() } else { format!("{x:.0e}") }
}

fn text(report: &Report, steps: &[usize]) -> String {
    let mut parts = Vec::new();
    for run in &report.runs {
        let share = |x: Option<f64>, or: f64| match x {
            Some(x) => format!("{:.2} %", 100.0 * x),
            None => format!("{or:.3e}"),
        };
        let columns = steps.iter().map(usize::to_string);
        let ends = ["method".to_owned(), "critical step".to_owned()];
        let mut table =
            Table::new(ends[..1].iter().cloned().chain(columns).chain(ends[1..].iter().cloned()));
        let rows = run.table.chunks(steps.len().max(1)).zip(&run.critical_of_method);
        for (row, critical) in rows {
            let name = row.first().map_or(String::new(), |cell| cell.method.clone());
            let cells = row.iter().map(|cell| match (cell.accuracy, cell.loss) {
                (Some(x), _) => format!("{:.1}", 100.0 * x),
                (None, Some(x)) => format!("{x:.1e}"),
                (None, None) => "lost".to_owned(),
            });
            let critical = critical.map_or("-".to_owned(), |h| format!("{h:.4}"));
            table.row([name].into_iter().chain(cells).chain([critical]));
        }
        let what = if run.accuracy.is_some() { "accuracy in %" } else { "loss" };
        let critical = match (run.critical_step, run.critical_steps) {
            (Some(h), Some(n)) => {
                format!("critical step {h} ({n} steps): from there on no method changes the answer")
            }
            _ => "no critical step: even the finest steps of the table depend on the method"
                .to_owned(),
        };
        parts.push(format!(
            "{}: trained by {}, {} steps\n{} {}; of the converged flow {} (tsit5, {} steps, changed by {:.0e})\n\n{what} by steps\n{table}\n{critical}",
            run.run,
            run.trained_method,
            run.trained_steps,
            run.part,
            share(run.accuracy, run.loss),
            share(run.converged_accuracy, run.converged_loss),
            run.converged_steps,
            run.converged_change,
        ));
    }
    parts.join("\n\n")
}
