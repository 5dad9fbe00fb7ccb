//! `kutta tableau region`: regions of stability, drawn.

use num_complex::Complex64;
use rayon::prelude::*;
use serde::Serialize;

use super::list::length;
use super::{Method, Output, Refusal, check_out};
use crate::cli::TableauRegion;
use crate::data::complex_numbers;
use crate::report::region::{MOST, Region, regions};
use crate::report::table::Table;
use crate::report::{ENDINGS, Figure};
use crate::tableau::{Chebyshev, Rational, Rectangle, Tableau, region, surroundings};

/// The fewest and the most points along an edge.
const POINTS: std::ops::RangeInclusive<usize> = 50..=4000;
/// The most eigenvalues that are drawn.
const MOST_EIGENVALUES: usize = 100_000;
/// |R| above 1 by no more than this is rounding.
const ROUNDING: f64 = 1e-12;

#[derive(Serialize)]
struct Report<'a> {
    out: &'a std::path::Path,
    methods: Vec<Row>,
}

#[derive(Serialize)]
pub struct Row {
    name: String,
    real_interval: f64,
    imaginary_interval: f64,
    /// Ranges of the real and the imaginary part of the region.
    real: [f64; 2],
    imaginary: [f64; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    spectrum: Option<Spectrum>,
}

/// The eigenvalues times the step, seen by one method.
#[derive(Serialize)]
struct Spectrum {
    eigenvalues: usize,
    unstable: usize,
    /// The largest |R(hλ)|.
    largest: f64,
}

pub fn run(args: &TableauRegion, output: &Output) -> Result<(), Refusal> {
    check_figure(&args.out)?;
    if !POINTS.contains(&args.points) {
        let (least, most) = (POINTS.start(), POINTS.end());
        return Err(Refusal::request(format!(
            "--points {}: from {least} to {most} are drawn",
            args.points
        )));
    }
    if args.methods.len() > MOST {
        return Err(Refusal::request(format!(
            "{} methods are too many for one figure; draw at most {MOST}",
            args.methods.len()
        )));
    }
    let methods = Method::find_all(&args.methods)?;
    let spectrum = spectrum(args)?;
    let drawn: Vec<(Region, Row)> =
        methods.par_iter().map(|method| draw(&method.tableau, &spectrum, args.points)).collect();
    let (drawn, rows): (Vec<Region>, Vec<Row>) = drawn.into_iter().unzip();
    let figure = regions(&drawn, &spectrum).map_err(Refusal::work)?;
    write(&figure, &args.out)?;
    output.report(text(&rows, args), &Report { out: &args.out, methods: rows })
}

/// Refuses a name of a figure that cannot be written.
pub fn check_figure(out: &std::path::Path) -> Result<(), Refusal> {
    check_out(out, &[])?;
    let ending = out.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    if ENDINGS.contains(&ending.as_str()) {
        return Ok(());
    }
    let endings = ENDINGS.map(|ending| format!(".{ending}")).join(", ");
    Err(Refusal::request(format!("cannot draw {}: its name must end in {endings}", out.display())))
}

pub fn write(figure: &Figure, out: &std::path::Path) -> Result<(), Refusal> {
    figure.write_file(out).map_err(Refusal::work)
}

/// The eigenvalues of the file, times the step.
fn spectrum(args: &TableauRegion) -> Result<Vec<[f64; 2]>, Refusal> {
    let Some(path) = &args.spectrum else { return Ok(Vec::new()) };
    if !args.step.is_finite() || args.step <= 0.0 {
        return Err(Refusal::request(format!("--step {}: a step is a positive number", args.step)));
    }
    let numbers = complex_numbers(path).map_err(Refusal::request)?;
    let refuse = |why: &str| Err(Refusal::request(format!("{}: {why}", path.display())));
    if numbers.is_empty() {
        return refuse("it holds no eigenvalue");
    }
    if numbers.len() > MOST_EIGENVALUES {
        return refuse(&format!(
            "{} eigenvalues are too many to be seen; draw at most {MOST_EIGENVALUES}",
            numbers.len()
        ));
    }
    let scaled = numbers.iter().map(|parts| parts.map(|x| args.step * x)).collect::<Vec<_>>();
    if scaled.iter().flatten().any(|x| x.abs() > 1e9) {
        return refuse(
            "h times an eigenvalue is beyond 1e9, where no method is stable; take a smaller --step",
        );
    }
    Ok(scaled)
}

/// |R| about the region of a method, and how it sees these points.
pub fn draw(tableau: &Tableau<Rational>, spectrum: &[[f64; 2]], points: usize) -> (Region, Row) {
    let limits = tableau.stability_limits();
    let r = Chebyshev::new(&limits.polynomial, limits.real.limit().max(1.0));
    let Rectangle { real, imaginary } = surroundings(&limits, &r);
    // A little more, so that the boundary is inside.
    let pad = 0.01 * (real[1] - real[0]).max(imaginary[1] - imaginary[0]);
    let around = Rectangle {
        real: [real[0] - pad, real[1] + pad],
        imaginary: [imaginary[0] - pad, imaginary[1] + pad],
    };
    let sizes: Vec<f64> =
        spectrum.iter().map(|z| r.value(Complex64::new(z[0], z[1])).norm()).collect();
    let stable: Vec<bool> = sizes.iter().map(|size| *size <= 1.0 + ROUNDING).collect();
    let seen = Spectrum {
        eigenvalues: spectrum.len(),
        unstable: stable.iter().filter(|stable| !**stable).count(),
        largest: sizes.iter().copied().fold(0.0, f64::max),
    };
    let pair = |[from, to]: [f64; 2]| (from, to);
    let drawn = Region {
        name: tableau.name.clone(),
        x: pair(around.real),
        y: pair(around.imaginary),
        columns: points,
        values: region(&r, around, points, points),
        stable,
    };
    let row = Row {
        name: tableau.name.clone(),
        real_interval: limits.real.limit(),
        imaginary_interval: limits.imaginary.limit(),
        real,
        imaginary,
        spectrum: (!spectrum.is_empty()).then_some(seen),
    };
    (drawn, row)
}

fn text(rows: &[Row], args: &TableauRegion) -> String {
    let with_spectrum = args.spectrum.is_some();
    let mut headers = vec!["method", "real", "imaginary", "region Re z", "region Im z"];
    if with_spectrum {
        headers.extend(["unstable hλ", "largest |R(hλ)|"]);
    }
    let mut table = Table::new(headers);
    for row in rows {
        let range = |[from, to]: [f64; 2]| format!("{from:.3} to {to:.3}");
        let mut cells = vec![
            row.name.clone(),
            length(row.real_interval),
            length(row.imaginary_interval),
            range(row.real),
            range(row.imaginary),
        ];
        if let Some(seen) = &row.spectrum {
            cells.push(format!("{} of {}", seen.unstable, seen.eigenvalues));
            cells.push(format!("{:.6}", seen.largest));
        }
        table.row(cells);
    }
    format!("{table}\n{}", args.out.display())
}
