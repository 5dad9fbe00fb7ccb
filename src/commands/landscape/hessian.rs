//! The spectrum of the Hessian: largest eigenvalues, density, trace.

use std::path::Path;

use serde::Serialize;

use crate::cli;
use crate::commands::solvers::{Subject, keep};
use crate::commands::{Output, Refusal};
use crate::landscape::{self, Density, DirectionError, Eigen};
use crate::network::{Curvature, Doubled};
use crate::report::chart::{Look, Series, chart};
use crate::report::table::Table;
use crate::report::{Axis, Data, Figure, ReportError};
use crate::train::{Failure, SecondOrder};

/// Residual of an eigenvalue, relative to the largest.
const TOLERANCE: f64 = 1e-9;
/// Most products for eigenvalues.
const MOST: usize = 600;
/// Products of a probe.
const STEPS: usize = 80;
/// Points of the drawn density, and its width over the spectrum's.
const DRAWN: usize = 600;
const SMOOTH: f64 = 0.005;

/// What can go wrong on the way.
#[derive(Debug, thiserror::Error)]
enum HessianError {
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Failure(#[from] Failure),
    #[error(transparent)]
    Direction(#[from] DirectionError),
}

#[derive(Serialize)]
struct Report {
    folder: String,
    matrix: &'static str,
    parameters: usize,
    eigenvalues: Vec<f64>,
    /// |A v - lambda v| of each.
    residuals: Vec<f64>,
    least: f64,
    trace: f64,
    trace_error: f64,
    products: usize,
}

fn doubled(subject: &Subject, what: Curvature) -> Result<Doubled<'_>, Refusal> {
    Doubled::new(&subject.network, what).ok_or_else(|| {
        Refusal::request("this field does not know its second derivatives; write it as a formula")
    })
}

/// The largest eigenvalues of the objective's Hessian with their vectors.
pub fn largest(subject: &Subject, count: usize, seed: u64) -> Result<Eigen, Refusal> {
    let doubled = doubled(subject, Curvature::Hessian)?;
    eigen(subject, &doubled, count, seed).map_err(Refusal::work)
}

fn eigen(
    subject: &Subject,
    doubled: &Doubled<'_>,
    count: usize,
    seed: u64,
) -> Result<Eigen, HessianError> {
    let mut second = SecondOrder::new(doubled, &subject.dataset);
    let theta = &subject.weights;
    landscape::largest(theta.len(), count, TOLERANCE, MOST, seed, &mut |v, out| {
        Ok::<(), HessianError>(second.apply(theta, v, out)?)
    })
}

/// `--spectrum`: tables and figure.
pub fn spectrum(
    args: &cli::Landscape,
    subject: &Subject,
    folder: &Path,
    output: &Output,
) -> Result<(), Refusal> {
    if args.runs.len() > 1 {
        return Err(Refusal::request("--spectrum: name one run"));
    }
    if args.eigenvalues == 0 || args.probes == 0 {
        return Err(Refusal::request("--eigenvalues and --probes: at least 1 of each"));
    }
    let (what, matrix) = match args.gauss_newton {
        true => (Curvature::GaussNewton, "Gauss-Newton matrix"),
        false => (Curvature::Hessian, "Hessian"),
    };
    let doubled = doubled(subject, what)?;
    let eigen = eigen(subject, &doubled, args.eigenvalues, args.seed).map_err(Refusal::work)?;
    let mut second = SecondOrder::new(&doubled, &subject.dataset);
    let theta = &subject.weights;
    let product =
        &mut |v: &[f64], out: &mut [f64]| Ok::<(), HessianError>(second.apply(theta, v, out)?);
    let density = landscape::density(theta.len(), args.probes, STEPS, args.seed, product)
        .map_err(Refusal::work)?;
    let drawn = draw(&eigen, &density, matrix);
    keep(drawn.and_then(|figure| figure.write(folder, "hessian")), output);
    let mut data = Data::new(["eigenvalue", "residual"]);
    for (value, residual) in eigen.values.iter().zip(&eigen.residuals) {
        data.push([value.to_string(), residual.to_string()]);
    }
    data.save(&folder.join("eigenvalues.csv")).map_err(Refusal::work)?;
    let report = Report {
        folder: folder.display().to_string(),
        matrix,
        parameters: theta.len(),
        eigenvalues: eigen.values,
        residuals: eigen.residuals,
        least: eigen.least,
        trace: density.trace,
        trace_error: density.trace_error,
        products: eigen.products + density.products,
    };
    output.report(text(&report), &report)
}

fn draw(eigen: &Eigen, density: &Density, matrix: &str) -> Result<Figure, ReportError> {
    let nodes = || density.nodes.iter().map(|node| node[0]);
    let low = nodes().fold(eigen.least, f64::min);
    let high = nodes().fold(eigen.values.first().copied().unwrap_or(low), f64::max);
    let (width, deviation) = (high - low, SMOOTH * (high - low));
    let place = |k: usize| low - 0.03 * width + 1.06 * width * k as f64 / (DRAWN - 1) as f64;
    let points: Vec<[f64; 2]> =
        (0..DRAWN).map(|k| [place(k), density.at(place(k), deviation)]).collect();
    let most = points.iter().fold(0.0, |most: f64, p| most.max(p[1]));
    let floor = 1e-6 * most;
    let lines = eigen.values.iter().map(|&value| [value, 2.0 * floor]).collect();
    let series = [
        Series { name: "density".into(), points },
        Series { name: format!("largest {} eigenvalues", eigen.values.len()), points: lines },
    ];
    let x = Axis::linear(format!("eigenvalue of the {matrix}"));
    let y = Axis::log("density").over((floor, 2.0 * most));
    let mut figure = chart("", x, y, Look::Lines, &series[..1])?;
    let marked = chart("", Axis::linear(""), Axis::log(""), Look::Points, &series)?;
    let points = marked.panels.into_iter().flat_map(|panel| panel.layers).nth(1);
    if let Some(panel) = figure.panels.first_mut() {
        panel.layers.extend(points);
    }
    Ok(figure)
}

fn text(report: &Report) -> String {
    let mut table = Table::new(["", "eigenvalue", "residual"]);
    for (k, (value, residual)) in report.eigenvalues.iter().zip(&report.residuals).enumerate() {
        table.row([(k + 1).to_string(), format!("{value:.9e}"), format!("{residual:.0e}")]);
    }
    let n = report.parameters;
    format!(
        "{} of the objective over the training set, {n} x {n}\n{table}\nleast   {:.6e}\ntrace   {:.6e} ± {:.1e}\n{} products\n{}",
        report.matrix,
        report.least,
        report.trace,
        report.trace_error,
        report.products,
        report.folder
    )
}
