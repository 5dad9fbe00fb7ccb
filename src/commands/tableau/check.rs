//! `kutta tableau check`: are the claims of a tableau file true?

use std::path::Path;

use serde::Serialize;

use super::{Output, Refusal, at, read};
use crate::report::table::Table;
use crate::tableau::{MAX_ORDER, Rational, Tableau, TableauError, TableauFile};

#[derive(Serialize)]
struct Report {
    file: String,
    holds: bool,
    claims: Vec<Claim>,
    /// The proved orders; none if the weights do not sum to 1.
    order: Option<usize>,
    embedded_order: Option<usize>,
}

/// What a file says of its coefficients, and what is true.
#[derive(Serialize)]
struct Claim {
    claim: &'static str,
    stated: String,
    truth: String,
    holds: bool,
    /// How that is known.
    reason: Option<String>,
}

pub fn run(path: &Path, output: &Output) -> Result<(), Refusal> {
    let file = read(path)?;
    let bare = TableauFile { order: None, embedded_order: None, c: None, ..file.clone() };
    let report = match bare.prove() {
        Ok(tableau) => {
            let claims = claims(&file, &tableau).map_err(|error| at(path, &error))?;
            let embedded = tableau.embedded.as_ref().map(|pair| pair.order);
            Report::new(path, claims, Some(tableau.order), embedded)
        }
        Err(error @ TableauError::Inconsistent { weights, .. }) => {
            let claimed = match weights {
                crate::tableau::Weights::Main => file.order,
                crate::tableau::Weights::Embedded => file.embedded_order,
            };
            // Without a claim there is nothing to hold against them: the file is no method.
            let Some(stated) = claimed else { return Err(at(path, &error)) };
            let claim = Claim {
                claim: weights.claim(),
                stated: stated.to_string(),
                truth: "0".to_owned(),
                holds: false,
                reason: Some(error.to_string()),
            };
            Report::new(path, vec![claim], None, None)
        }
        Err(error) => return Err(at(path, &error)),
    };
    output.report(text(&report).trim_end(), &report)?;
    let wrong: Vec<String> = report
        .claims
        .iter()
        .filter(|claim| !claim.holds)
        .map(|c| {
            let Claim { claim, stated, truth, .. } = c;
            let reason = c.reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
            format!("`{claim}: {stated}` is claimed, the truth is {truth}{reason}")
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Refusal::work(format!("{}: {}", path.display(), wrong.join("; "))))
}

impl Report {
    fn new(
        path: &Path,
        claims: Vec<Claim>,
        order: Option<usize>,
        embedded_order: Option<usize>,
    ) -> Report {
        let holds = claims.iter().all(|claim| claim.holds);
        Report { file: path.display().to_string(), holds, claims, order, embedded_order }
    }
}

/// Holds what the file claims against what was proved without its claims.
fn claims(file: &TableauFile, proved: &Tableau<Rational>) -> Result<Vec<Claim>, TableauError> {
    let bare = TableauFile { order: None, embedded_order: None, c: None, ..file.clone() };
    let embedded = proved.embedded.as_ref().map(|pair| pair.order);
    let mut claims = Vec::new();
    let orders = [
        ("order", file.order, Some(proved.order)),
        ("embedded_order", file.embedded_order, embedded),
    ];
    for (claim, stated, truth) in orders {
        let Some(stated) = stated else { continue };
        let alone = match claim {
            "order" => TableauFile { order: Some(stated), ..bare.clone() },
            _ => TableauFile { embedded_order: Some(stated), ..bare.clone() },
        };
        let truth = truth.unwrap_or(0);
        // Orders above those that are proved may be true.
        let reason = match alone.prove() {
            Ok(_) => None,
            Err(error @ TableauError::Unprovable { .. }) if truth == MAX_ORDER => {
                return Err(error);
            }
            Err(TableauError::Unprovable { .. }) => None,
            Err(error) => Some(error.to_string()),
        };
        let holds = stated == truth;
        let (stated, truth) = (stated.to_string(), truth.to_string());
        claims.push(Claim { claim, stated, truth, holds, reason });
    }
    if let Some(c) = &file.c {
        let error = match (TableauFile { c: Some(c.clone()), ..bare }).prove() {
            Ok(_) => None,
            Err(TableauError::RowSum { row, stated, sum }) => Some((row, stated, sum)),
            Err(error) => return Err(error),
        };
        let holds = error.is_none();
        claims.push(match error {
            None => {
                Claim { claim: "c", stated: c.join(", "), truth: c.join(", "), holds, reason: None }
            }
            Some((row, stated, sum)) => Claim {
                claim: "c",
                stated: format!("c[{row}] = {stated}"),
                truth: format!("c[{row}] = {sum}"),
                holds,
                reason: Some(format!("row {row} of `a` sums to {sum}")),
            },
        });
    }
    Ok(claims)
}

fn text(report: &Report) -> String {
    if report.claims.is_empty() {
        let order = report.order.unwrap_or(0);
        let embedded = report.embedded_order.map(|p| format!(", embedded {p}")).unwrap_or_default();
        return format!("{}: claims nothing; the order is {order}{embedded}", report.file);
    }
    let mut table = Table::new(["claim", "stated", "truth", ""]);
    for c in &report.claims {
        let verdict = if c.holds { "holds" } else { "false" };
        table.row([c.claim, &c.stated, &c.truth, verdict]);
    }
    table.to_string()
}
