//! `kutta tableau compare`: methods side by side, and what accuracy costs with them.

use rayon::prelude::*;
use serde::Serialize;

use super::list::length;
use super::problems::{Problem, problems};
use super::region::{check_figure, write};
use super::{Method, Output, Refusal};
use crate::cli::TableauCompare;
use crate::report::chart::Series;
use crate::report::table::Table;
use crate::report::work_precision::{self, work_precision};
use crate::tableau::Measures;

/// The most methods of a diagram.
const MOST: usize = 12;
/// Evaluations of f: from so many on, each time by a factor of √2.
const LEAST: f64 = 64.0;
const DOUBLINGS: usize = 8;
/// The error for which the table has the work.
const TARGET: f64 = 1e-6;

#[derive(Serialize)]
struct Report<'a> {
    out: &'a std::path::Path,
    methods: Vec<Row>,
    problems: Vec<ProblemReport>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    stages: usize,
    evaluations: usize,
    order: usize,
    embedded_order: Option<usize>,
    real_per_evaluation: f64,
    imaginary_per_evaluation: f64,
    ssp_per_evaluation: f64,
    principal_error_norm: Option<f64>,
    /// Evaluations for an error of 1e-6 on each problem, if it is reached.
    work: Vec<Option<f64>>,
}

#[derive(Serialize)]
struct ProblemReport {
    name: &'static str,
    formula: &'static str,
    curves: Vec<Curve>,
}

/// (evaluations, relative error at the end) pairs of a method.
#[derive(Serialize)]
struct Curve {
    method: String,
    points: Vec<[f64; 2]>,
}

pub fn run(args: &TableauCompare, output: &Output) -> Result<(), Refusal> {
    check_figure(&args.out)?;
    if args.methods.len() > MOST {
        return Err(Refusal::request(format!(
            "{} methods are too many for one diagram; compare at most {MOST}",
            args.methods.len()
        )));
    }
    let methods = Method::find_all(&args.methods)?;
    let problems = problems().map_err(Refusal::work)?;
    let measured: Vec<Measures> =
        methods.par_iter().map(|method| method.tableau.measures()).collect();
    let pairs: Vec<(&Problem, &Method, &Measures)> = problems
        .iter()
        .flat_map(|p| methods.iter().zip(&measured).map(move |(method, m)| (p, method, m)))
        .collect();
    let curves: Vec<Vec<[f64; 2]>> = pairs
        .par_iter()
        .map(|(problem, method, measures)| curve(problem, method, measures.evaluations))
        .collect();
    let of_problem: Vec<&[Vec<[f64; 2]>]> = curves.chunks(methods.len().max(1)).collect();

    let drawn: Vec<work_precision::Problem> = problems
        .iter()
        .zip(&of_problem)
        .map(|(problem, curves)| work_precision::Problem {
            name: problem.name.to_owned(),
            methods: methods
                .iter()
                .zip(*curves)
                .map(|(m, points)| Series { name: m.tableau.name.clone(), points: points.clone() })
                .collect(),
        })
        .collect();
    write(&work_precision(&drawn).map_err(Refusal::work)?, &args.out)?;

    let row = |(k, m): (usize, &Measures)| Row {
        name: m.name.clone(),
        stages: m.stages,
        evaluations: m.evaluations,
        order: m.main.order,
        embedded_order: m.embedded.as_ref().map(|step| step.order),
        real_per_evaluation: m.effective(m.main.real.limit()),
        imaginary_per_evaluation: m.effective(m.main.imaginary.limit()),
        ssp_per_evaluation: m.effective(m.main.ssp),
        principal_error_norm: m.main.errors.principal,
        work: of_problem.iter().map(|curves| work(curves.get(k)?)).collect(),
    };
    let report = Report {
        out: &args.out,
        methods: measured.iter().enumerate().map(row).collect(),
        problems: problems
            .iter()
            .zip(drawn)
            .map(|(problem, drawn)| ProblemReport {
                name: problem.name,
                formula: problem.formula,
                curves: drawn
                    .methods
                    .into_iter()
                    .map(|series| Curve { method: series.name, points: series.points })
                    .collect(),
            })
            .collect(),
    };
    output.report(text(&report), &report)
}

/// Errors against evaluations, as far as the solution is not lost (an error above 1).
fn curve(problem: &Problem, method: &Method, evaluations: usize) -> Vec<[f64; 2]> {
    let tableau = method.tableau.to_f64();
    let mut points = Vec::new();
    let mut before = 0;
    for k in 0..=2 * DOUBLINGS {
        let steps = (LEAST * 2f64.powf(0.5 * k as f64) / evaluations as f64).round() as usize;
        if steps <= before {
            continue;
        }
        before = steps;
        let error = problem.error(&tableau, steps);
        if error <= 1.0 && error > 0.0 {
            points.push([(steps * evaluations) as f64, error]);
        }
    }
    points
}

/// The evaluations that the target takes, between two points by logarithms.
fn work(points: &[[f64; 2]]) -> Option<f64> {
    let pair = points.windows(2).find(|pair| pair[1][1] <= TARGET && pair[0][1] > TARGET);
    match pair {
        Some([[x, a], [y, b]]) => {
            let share = (a / TARGET).ln() / (a / b).ln();
            Some((x.ln() + share * (y / x).ln()).exp())
        }
        _ => points.first().filter(|point| point[1] <= TARGET).map(|point| point[0]),
    }
}

fn text(report: &Report) -> String {
    let mut headers: Vec<String> =
        ["method", "stages", "order", "real/f", "imag/f", "SSP/f", "A(p+1)"]
            .map(String::from)
            .to_vec();
    // The short names of the problems.
    let short = |name: &str| name.split(',').next().unwrap_or(name).to_owned();
    headers.extend(report.problems.iter().map(|problem| format!("work {}", short(problem.name))));
    let mut table = Table::new(headers);
    for row in &report.methods {
        let order = match row.embedded_order {
            Some(embedded) => format!("{}({embedded})", row.order),
            None => row.order.to_string(),
        };
        let mut cells = vec![
            row.name.clone(),
            row.stages.to_string(),
            order,
            length(row.real_per_evaluation),
            length(row.imaginary_per_evaluation),
            length(row.ssp_per_evaluation),
            row.principal_error_norm.map_or("-".to_owned(), |norm| format!("{norm:.2e}")),
        ];
        let work = row.work.iter();
        cells.extend(work.map(|w| w.map_or("-".to_owned(), |w| format!("{w:.0}"))));
        table.row(cells);
    }
    format!(
        "{table}\n/f: per evaluation of f. work: evaluations of f for an error of {TARGET:e}.\n{}",
        report.out.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_lies_between_two_points_on_their_line() {
        let line = [[100.0, 1e-4], [1000.0, 1e-8]];
        assert!((work(&line).unwrap() / 100.0 - 10f64.sqrt()).abs() < 1e-12);
        assert_eq!(work(&[[50.0, 1e-7], [100.0, 1e-9]]), Some(50.0));
        assert_eq!(work(&[[50.0, 1e-2], [100.0, 1e-3]]), None);
        assert_eq!(work(&[]), None);
    }
}
