//! `kutta converge RUN`: error against step, its order, and whether the network is an ODE.

use std::path::PathBuf;

use serde::Serialize;

use super::solvers::{Subject, Under, check_tolerance, keep};
use super::{Output, Refusal};
use crate::cli;
use crate::converged::{observed_orders, pieces};
use crate::data::{Labels, Samples};
use crate::report::chart::{Look, Series, chart};
use crate::report::table::Table;
use crate::report::{Axis, Figure, ReportError};
use crate::tableau;

/// By how much the accuracy of an ODE may differ from that of its steps.
const POINT: f64 = 0.01;
/// The same for the loss of regression: of the loss of predicting the mean.
const SHARE: f64 = 0.01;
/// How often steps are halved, and doubled where that is possible.
const FINER: u32 = 6;
const COARSER: u32 = 3;

#[derive(Serialize)]
struct Report {
    run: String,
    part: &'static str,
    method: String,
    order: usize,
    trained_steps: usize,
    converged_steps: usize,
    converged_change: f64,
    converged_loss: f64,
    converged_accuracy: Option<f64>,
    is_ode: bool,
    least_loss_at_trained_step: bool,
    verdict: String,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    steps: usize,
    step: f64,
    loss: Option<f64>,
    accuracy: Option<f64>,
    distance: Option<f64>,
    order: Option<f64>,
}

pub fn run(args: &cli::Converge, output: &Output) -> Result<(), Refusal> {
    check_tolerance(args.refined.tolerance)?;
    let subject = Subject::open(&args.run)?;
    let method = match &args.method {
        Some(name) => tableau::named(name).map_err(Refusal::request)?.to_f64(),
        None => subject.run.model.tableau()?.to_f64(),
    };
    let flow = subject.converged(args.refined.tolerance, output)?;
    let trained_steps = subject.network.flow.steps();
    if trained_steps % pieces(&subject.network) != 0 {
        output.warn(format_args!(
            "the weights have {} pieces and the training {trained_steps} steps: breaks inside of steps hold the order at 2 or less",
            pieces(&subject.network)
        ));
    }
    let steps = steps(trained_steps);
    let found: Vec<Under> =
        steps.iter().map(|&n| subject.solved(&method, n, &flow.states)).collect();
    let exact = subject.under(&flow.network, &flow.states);
    let trained = subject.under(&subject.network, &flow.states);
    let errors: Vec<f64> = found.iter().map(|under| under.distance).collect();
    let orders = observed_orders(&steps, &errors);
    let horizon = subject.network.flow.controls.horizon;
    let finite = |x: f64| x.is_finite().then_some(x);
    let rows = steps.iter().zip(&found).enumerate().map(|(k, (&steps, under))| Row {
        steps,
        step: horizon / steps as f64,
        loss: finite(under.loss),
        accuracy: under.accuracy,
        distance: finite(under.distance),
        order: k.checked_sub(1).and_then(|k| orders.get(k).copied().flatten()),
    });
    let rows: Vec<Row> = rows.collect();
    let (part, samples) = subject.judged_by();
    let is_ode = match (trained.accuracy, exact.accuracy) {
        (Some(a), Some(b)) => (a - b).abs() <= POINT,
        _ => (trained.loss - exact.loss).abs() <= SHARE * spread(samples),
    };
    // No loss at other steps, nor that of the flow, is below it.
    let others = found.iter().zip(&steps).filter(|(_, n)| **n != trained_steps);
    let least = others
        .map(|(under, _)| under.loss)
        .chain([exact.loss])
        .all(|l| l >= trained.loss || l.is_nan());
    let report = Report {
        run: args.run.display().to_string(),
        part,
        method: method.name.clone(),
        order: method.order,
        trained_steps,
        converged_steps: flow.steps,
        converged_change: flow.change,
        converged_loss: exact.loss,
        converged_accuracy: exact.accuracy,
        is_ode,
        least_loss_at_trained_step: least,
        verdict: verdict(is_ode, least, &trained, &exact),
        rows,
    };
    let folder: PathBuf = args.out.clone().unwrap_or_else(|| args.run.clone());
    keep(draw(&report, &exact).and_then(|figure| figure.write(&folder, "converge")), output);
    output.report(text(&report), &report)
}

/// Steps of the training, halved and doubled.
fn steps(trained: usize) -> Vec<usize> {
    let coarser = (1..=COARSER).rev().map(|k| 1_usize << k).filter(|k| trained.is_multiple_of(*k));
    let coarser: Vec<usize> = coarser.map(|k| trained / k).collect();
    coarser.into_iter().chain((0..=FINER).map(|k| trained << k)).collect()
}

/// The loss of the answer that is the same for all samples, half the variance of the targets.
fn spread(samples: &Samples) -> f64 {
    let Labels::Targets(targets) = &samples.labels else { return 1.0 };
    let n = targets.ncols().max(1) as f64;
    targets
        .row_iter()
        .map(|row| {
            let mean = row.iter().sum::<f64>() / n;
            0.5 * row.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / n
        })
        .sum()
}

fn verdict(is_ode: bool, least: bool, trained: &Under, exact: &Under) -> String {
    let at = |under: &Under| match under.accuracy {
        Some(share) => format!("{:.2} %", 100.0 * share),
        None => format!("a loss of {:.3e}", under.loss),
    };
    let (here, there) = (at(trained), at(exact));
    match (is_ode, least) {
        (true, _) => format!("an ODE: {here} with the steps of the training, {there} on the flow"),
        (false, true) => format!(
            "not an ODE: the loss has its minimum at the step of the training; {here} there, {there} on the flow"
        ),
        (false, false) => format!(
            "not an ODE: the answer depends on the steps; {here} with those of the training, {there} on the flow"
        ),
    }
}

fn draw(report: &Report, exact: &Under) -> Result<Figure, ReportError> {
    let of = |value: fn(&Row) -> Option<f64>| -> Vec<[f64; 2]> {
        report.rows.iter().filter_map(|row| Some([row.step, value(row)?])).collect()
    };
    let distance = of(|row| row.distance);
    // The slope of the method's order through the finest error that rounding leaves alone.
    let anchor = distance.iter().copied().rfind(|p| p[1] > 1e-11).unwrap_or([1.0, 1.0]);
    let slope = |p: &[f64; 2]| [p[0], anchor[1] * (p[0] / anchor[0]).powi(report.order as i32)];
    let series = [
        Series {
            name: "distance of the final states from the flow".into(),
            points: distance.clone(),
        },
        Series { name: "loss".into(), points: of(|row| row.loss) },
    ];
    let mut figure =
        chart("", Axis::log("step"), Axis::log("distance, loss"), Look::LinesAndPoints, &series)?;
    if let Some(panel) = figure.panels.first_mut() {
        use crate::report::Layer;
        use crate::report::palette::{AXIS, INK, class_colour};
        let (low, high) = report.rows.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), row| {
            (low.min(row.step), high.max(row.step))
        });
        let guide = Layer::Line {
            name: Some(format!("order {}", report.order)),
            points: distance.iter().map(slope).collect(),
            colour: AXIS,
            dashed: true,
        };
        let of_flow = Layer::Line {
            name: Some("loss of the flow".into()),
            points: vec![[low, exact.loss], [high, exact.loss]],
            colour: class_colour(1, 2),
            dashed: true,
        };
        let here = report.rows.iter().find(|row| row.steps == report.trained_steps);
        let heights = panel.layers.iter().flat_map(|layer| match layer {
            Layer::Line { points, .. } => points.iter().map(|p| p[1]).collect(),
            _ => Vec::new(),
        });
        let (from, to) = crate::report::extent(heights, crate::report::Scale::Log, 0.05);
        let trained = here.map(|row| Layer::Line {
            name: Some("step of the training".into()),
            points: vec![[row.step, from], [row.step, to]],
            colour: INK,
            dashed: false,
        });
        panel.y.range = Some((from, to));
        panel.layers.splice(0..0, [Some(guide), Some(of_flow), trained].into_iter().flatten());
    }
    Ok(figure)
}

fn text(report: &Report) -> String {
    let mut table = Table::new(["steps", "step", "loss", "accuracy", "distance", "order"]);
    for row in &report.rows {
        let star = if row.steps == report.trained_steps { "*" } else { "" };
        table.row([
            format!("{}{star}", row.steps),
            format!("{:.4e}", row.step),
            row.loss.map_or("lost".into(), |loss| format!("{loss:.4e}")),
            row.accuracy.map_or("-".into(), |a| format!("{:.2} %", 100.0 * a)),
            row.distance.map_or("lost".into(), |d| format!("{d:.2e}")),
            row.order.map_or("-".into(), |p| format!("{p:.2}")),
        ]);
    }
    format!(
        "{}, order {}, on the {} samples; * as trained\n{table}\nflow: tsit5, {} steps, changed by {:.0e}, loss {:.4e}\n{}",
        report.method,
        report.order,
        report.part,
        report.converged_steps,
        report.converged_change,
        report.converged_loss,
        report.verdict
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn steps_are_halved_while_they_are_whole() {
        assert_eq!(super::steps(4)[..3], [1, 2, 4]);
        assert_eq!(super::steps(6)[..3], [3, 6, 12]);
        assert_eq!(*super::steps(8).last().unwrap(), 512);
    }
}
