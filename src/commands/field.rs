//! `kutta field`: the named fields, and what a field is.

use std::path::Path;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::json;

use super::{Output, Refusal};
use crate::expr::Formula;
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
struct Shown {
    name: String,
    citation: Option<String>,
    state: Vec<Rows>,
    weights: Vec<Shape>,
    constants: IndexMap<String, f64>,
    rhs: IndexMap<String, String>,
}

#[derive(Serialize)]
struct Rows {
    name: String,
    rows: usize,
}

#[derive(Serialize)]
struct Shape {
    name: String,
    rows: usize,
    columns: usize,
}

pub fn show(name: &str, width: usize, set: &[String], output: &Output) -> Result<(), Refusal> {
    let shown = match field::named(name) {
        Ok(file) => named(name, file, width, set)?,
        Err(unknown) => of_model(name, unknown, set)?,
    };
    output.report(text(&shown), &shown)
}

fn named(name: &str, file: &FieldFile, width: usize, set: &[String]) -> Result<Shown, Refusal> {
    if !set.is_empty() {
        let message =
            format!("--set changes a model file, and `{name}` is a field of the catalogue");
        return Err(Refusal::request(message));
    }
    let field = SymbolicField::new(file, width, &Default::default()).map_err(Refusal::request)?;
    Ok(Shown::new(name.to_lowercase(), file.citation.clone(), &field))
}

/// The field of a model file; where there is no such file the name was meant for a field.
fn of_model(path: &str, unknown: FieldError, set: &[String]) -> Result<Shown, Refusal> {
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
    Ok(Shown::new(name, citation, &field))
}

impl Shown {
    fn new(name: String, citation: Option<String>, field: &SymbolicField) -> Shown {
        let Formula { declared, outputs } = field.kernel().formula();
        let state = declared.state.iter().map(|b| Rows { name: b.name.clone(), rows: b.rows });
        let shape =
            |w: &field::Weight| Shape { name: w.name.clone(), rows: w.rows, columns: w.cols };
        // The printed value, jvp and vjp of `field.kernel()` join here.
        Shown {
            name,
            citation,
            state: state.collect(),
            weights: declared.weights.iter().map(shape).collect(),
            constants: declared.constants.iter().cloned().collect(),
            rhs: outputs.iter().map(|(block, rhs)| (block.name.clone(), rhs.clone())).collect(),
        }
    }
}

fn text(shown: &Shown) -> String {
    let mut table = Table::new([""; 0]);
    let mut section = |title: &str, lines: Vec<String>| {
        for (i, line) in lines.into_iter().enumerate() {
            table.row([if i == 0 { title.to_owned() } else { String::new() }, line]);
        }
    };
    section("field", vec![shown.name.clone()]);
    section("source", shown.citation.iter().cloned().collect());
    section("state", shown.state.iter().map(|b| format!("{}: {} rows", b.name, b.rows)).collect());
    let shape = |w: &Shape| match w {
        Shape { name, rows: 1, columns: 1 } => format!("{name}: number"),
        Shape { name, rows, columns: 1 } => format!("{name}: vector of {rows}"),
        Shape { name, rows, columns } => format!("{name}: {rows} x {columns}"),
    };
    section("weights", shown.weights.iter().map(shape).collect());
    section("constants", shown.constants.iter().map(|(name, x)| format!("{name} = {x}")).collect());
    section("value", shown.rhs.iter().map(|(name, rhs)| format!("{name}' = {rhs}")).collect());
    table.to_string().trim_end().to_owned()
}
