//! `kutta new NAME`: a commented model file to start from.

use std::path::PathBuf;

use serde_json::json;

use super::{Output, Refusal, check_out};
use crate::atomic;
use crate::cli::New;
use crate::nearest::known;
use crate::spec::{Model, template, template_names};

pub fn run(args: &New, output: &Output) -> Result<(), Refusal> {
    let Some(source) = template(&args.name) else {
        let names: Vec<&str> = template_names().collect();
        let known = known(&args.name, &names);
        let message = format!("no model `{}` to start from{known}", args.name);
        return Err(Refusal::request(message));
    };
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.ron", args.name)));
    check_out(&out, &[])?;
    if out.exists() {
        let message =
            format!("{} exists already and is kept; give another file by --out", out.display());
        return Err(Refusal::request(message));
    }
    atomic::write(&out, source.as_bytes()).map_err(Refusal::work)?;
    let model = Model::parse(source, &out, &[])?;
    let missing = missing_files(&model);
    for file in &missing {
        output.warn(format!(
            "{}: `path` names {}, which is not there: let it name your data file, relative to {0}",
            out.display(),
            file.display()
        ));
    }
    let path = out.display();
    let (verb, what) = match model.is_plain() {
        true => ("solve", "its states in time"),
        false => ("train", "train it into a folder under runs"),
    };
    let text = format!(
        "{path} written. Next:\n  kutta check {path}    what it describes\n  kutta {verb} {path}    {what}"
    );
    output.report(text, &json!({ "template": args.name, "out": out, "missing": missing }))
}

/// Data files that the model names and that are not where it says.
fn missing_files(model: &Model) -> Vec<PathBuf> {
    let paths = model.data.paths().into_iter().map(|path| model.folder().join(path));
    paths.filter(|path| !path.exists()).collect()
}
