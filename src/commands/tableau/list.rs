//! `kutta tableau list`: the catalogue with its measures.

use rayon::prelude::*;

use super::report::Report;
use super::{Method, Output, Refusal};
use crate::cli::{SortBy, TableauList};
use crate::report::table::Table;
use crate::tableau::{families, samples};

pub fn run(args: &TableauList, output: &Output) -> Result<(), Refusal> {
    // The dearest first, so that no thread is left with them at the end; all have their place again.
    let mut names: Vec<(usize, String)> = samples().into_iter().enumerate().collect();
    names.reverse();
    let found: Result<Vec<Option<(usize, Report)>>, Refusal> = names
        .par_iter()
        .with_max_len(1)
        .map(|(place, name)| {
            let method = Method::find(name)?;
            let wanted = args.order.is_none_or(|order| order == method.tableau.order)
                && args.stages.is_none_or(|stages| stages == method.tableau.stages());
            Ok(wanted.then(|| (*place, Report::new(&method))))
        })
        .collect();
    let mut reports: Vec<(usize, Report)> = found?.into_iter().flatten().collect();
    reports.sort_by_key(|(place, _)| *place);
    let mut reports: Vec<Report> = reports.into_iter().map(|(_, report)| report).collect();
    if let Some(by) = args.sort {
        sort(&mut reports, by);
    }
    output.report(text(&reports, args), &reports)
}

/// The best first; equals keep their order.
fn sort(reports: &mut [Report], by: SortBy) {
    let key = |r: &Report| match by {
        SortBy::Name => 0.0,
        SortBy::Order => -(r.order as f64),
        SortBy::Stages => r.stages as f64,
        SortBy::Real => -r.effective.real,
        SortBy::Imaginary => -r.effective.imaginary,
        SortBy::Ssp => -r.effective.ssp,
        SortBy::Error => r.main.principal_error_norm.unwrap_or(f64::INFINITY),
    };
    reports.sort_by(|a, b| key(a).total_cmp(&key(b)));
    if by == SortBy::Name {
        reports.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

fn text(reports: &[Report], args: &TableauList) -> String {
    if reports.is_empty() {
        let order = args.order.map(|order| format!(" of order {order}")).unwrap_or_default();
        let stages = args.stages.map(|s| format!(" with {s} stages")).unwrap_or_default();
        return format!("no method{order}{stages}; `kutta tableau list` has them all");
    }
    let mut table = Table::new([
        "method",
        "order",
        "stages",
        "real",
        "imaginary",
        "disk",
        "SSP",
        "real/f",
        "imag/f",
        "SSP/f",
        "A(p+1)",
        "D",
    ]);
    for r in reports {
        let order = match r.embedded_order {
            Some(embedded) => format!("{}({embedded})", r.order),
            None => r.order.to_string(),
        };
        let stages = format!("{}{}", r.stages, if r.fsal { " F" } else { "" });
        let errors = r.main.principal_error_norm;
        table.row([
            r.name.clone(),
            order,
            stages,
            length(r.main.real_interval),
            length(r.main.imaginary_interval),
            length(r.main.disk),
            length(r.main.ssp),
            length(r.effective.real),
            length(r.effective.imaginary),
            length(r.effective.ssp),
            errors.map_or("-".to_owned(), |norm| format!("{norm:.2e}")),
            format!("{:.2}", r.coefficient_bound),
        ]);
    }
    let patterns: Vec<&str> = families().iter().map(|family| family.pattern).collect();
    format!(
        "{table}\nF: the last stage is the first of the next step. /f: per evaluation of f. \
         Families with any number of stages: {}.",
        patterns.join(", ")
    )
}

/// A length that limits a step, in four decimals.
pub fn length(x: f64) -> String {
    if x == 0.0 { "0".to_owned() } else { format!("{x:.4}") }
}
