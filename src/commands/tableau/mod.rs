//! `kutta tableau`: methods proved, measured, drawn, compared and exported.

mod check;
mod compare;
mod export;
mod list;
mod problems;
pub mod region;
mod report;
mod show;

use std::fs;
use std::path::Path;

use super::{Output, Refusal, check_out};
use crate::cli::TableauVerb;
use crate::nearest::known;
use crate::tableau::{Rational, Tableau, TableauError, TableauFile, file_named};

/// The largest tableau file, in bytes: 64 stages of coefficients of 256 characters are less.
const MAX_BYTES: u64 = 1 << 20;

pub fn run(verb: &TableauVerb, output: &Output) -> Result<(), Refusal> {
    match verb {
        TableauVerb::List(args) => list::run(args, output),
        TableauVerb::Show { method } => show::run(method, output),
        TableauVerb::Check { file } => check::run(file, output),
        TableauVerb::Region(args) => region::run(args, output),
        TableauVerb::Compare(args) => compare::run(args, output),
        TableauVerb::Export(args) => export::run(args, output),
    }
}

/// A method as it was written and as it was proved.
struct Method {
    file: TableauFile,
    tableau: Tableau<Rational>,
}

impl Method {
    /// The method of a name, or of a file; where there is no such file a name was meant.
    fn find(name: &str) -> Result<Method, Refusal> {
        let path = Path::new(name);
        match file_named(name) {
            Ok(file) => {
                let tableau = crate::tableau::named(name).map_err(Refusal::request)?;
                Ok(Method { file, tableau })
            }
            Err(unknown) => {
                let meant =
                    path.exists() || path.extension().is_some() || path.components().count() > 1;
                if !meant {
                    return Err(Refusal::request(unknown));
                }
                let file = read(path)?;
                let tableau = file.prove().map_err(|error| at(path, &error))?;
                Ok(Method { file, tableau })
            }
        }
    }

    /// Several of them, each under a name of its own.
    fn find_all(names: &[String]) -> Result<Vec<Method>, Refusal> {
        let mut methods: Vec<Method> = Vec::new();
        for name in names {
            let mut method = Method::find(name)?;
            if method.file.name.is_none() {
                let stem = Path::new(name).file_stem().unwrap_or_default();
                method.tableau.name = stem.to_string_lossy().into_owned();
            }
            let taken = |other: &Method| other.tableau.name == method.tableau.name;
            if methods.iter().any(taken) {
                let name = &method.tableau.name;
                return Err(Refusal::request(format!(
                    "the method `{name}` is named twice; leave one out, or give the files names of their own"
                )));
            }
            methods.push(method);
        }
        Ok(methods)
    }
}

/// Reads a tableau file, not yet proved.
fn read(path: &Path) -> Result<TableauFile, Refusal> {
    let refuse = |why: String| Refusal::request(format!("{}: {why}", path.display()));
    let size = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => refuse("there is no such file".to_owned()),
        _ => refuse(error.to_string()),
    })?;
    if size.is_dir() {
        return Err(refuse("it is a folder; name a tableau file in it".to_owned()));
    }
    if size.len() > MAX_BYTES {
        let why = format!("{} bytes are too many for a tableau file", size.len());
        return Err(refuse(why));
    }
    let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| refuse("it is not UTF-8 text, so no tableau file".to_owned()))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    text.parse().map_err(|error| at(path, &error))
}

/// A refusal of a file, with its place in it and the remedy.
fn at(path: &Path, error: &TableauError) -> Refusal {
    use ron::Error as E;
    const LIKE: &str = "a tableau file is like `(a: [[], [\"1/2\"]], b: [\"0\", \"1\"])`; \
                        `kutta tableau export midpoint --format ron` writes one";
    let path = path.display();
    Refusal::request(match error {
        TableauError::Syntax(error) => {
            let start = error.span.start;
            let place = format!("{path}:{}:{}", start.line, start.col);
            match &error.code {
                E::NoSuchStructField { expected, found, .. } => {
                    format!("{place}: unknown key `{found}`{}", known(found, expected))
                }
                code => format!("{place}: {code}; {LIKE}"),
            }
        }
        error => format!("{path}: {error}"),
    })
}
