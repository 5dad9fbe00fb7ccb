//! `kutta field`: the named fields, and what a field is.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::{Output, Refusal};
use crate::expr::Shown;
use crate::field::{self, FieldError, FieldFile, SymbolicField};
use crate::network::Opening;
use crate::report::table::Table;
use crate::spec::{FieldSpec, Model};

pub fn list(output: &Output) -> Result<(), Refusal> {
    let mut table = Table::new(["name", "formula", "source"]);
    let mut entries = Vec::new();
    for (name, file) in field::catalogue() {
        let citation = file.citation.as_deref().unwrap_or_default();
        let formula: Vec<String> =
            file.rhs.iter().map(|(block, rhs)| format!("{block}' = {rhs}")).collect();
        table.row([name, &formula.join(", "), citation]);
        entries.push(json!({
            "name": name,
            "state": file.state,
            "weights": file.weights,
            "constants": file.constants,
            "rhs": file.rhs,
            "citation": file.citation,
        }));
    }
    output.report(table.to_string().trim_end(), &entries)
}

/// A field as `show` prints it.
#[derive(Serialize)]
struct Report {
    name: String,
    citation: Option<String>,
    #[serde(flatten)]
    shown: Shown,
}

pub fn show(name: &str, width: usize, set: &[String], output: &Output) -> Result<(), Refusal> {
    let report = match field::named(name) {
        Ok(file) => named(name, file, width, set)?,
        Err(unknown) => of_model(name, unknown, set)?,
    };
    output.report(text(&report), &report)
}

fn named(name: &str, file: &FieldFile, width: usize, set: &[String]) -> Result<Report, Refusal> {
    if !set.is_empty() {
        let message =
            format!("--set changes a model file, and `{name}` is a field of the catalogue");
        return Err(Refusal::request(message));
    }
    let field = SymbolicField::new(file, width, &Default::default()).map_err(Refusal::request)?;
    Ok(Report::new(name.to_lowercase(), file.citation.clone(), &field))
}

/// The field of a model file; where there is no such file the name was meant for a field.
fn of_model(path: &str, unknown: FieldError, set: &[String]) -> Result<Report, Refusal> {
    let file = Path::new(path);
    if !file.exists() && file.extension().is_none() && file.components().count() < 2 {
        return Err(Refusal::request(unknown));
    }
    let model = Model::read(file, set)?;
    let width = match model.network.opening {
        Opening::Dense { width, .. } | Opening::Pad { width } => width,
        Opening::Identity => model.dataset()?.schema.features.len(),
    };
    let field = model.field(width)?;
    let (name, citation) = match &model.network.field {
        FieldSpec::Named { name, .. } => {
            (name.clone(), field::named(name).ok().and_then(|file| file.citation.clone()))
        }
        FieldSpec::Formula(file) => (format!("formula of {path}"), file.citation.clone()),
    };
    Ok(Report::new(name, citation, &field))
}

impl Report {
    fn new(name: String, citation: Option<String>, field: &SymbolicField) -> Report {
        Report { name, citation, shown: field.kernel().show() }
    }
}

fn text(report: &Report) -> String {
    let source = report.citation.as_ref().map_or(String::new(), |source| format!(", {source}"));
    format!("{}{source}\n\n{}", report.name, report.shown.to_string().trim_end())
}
