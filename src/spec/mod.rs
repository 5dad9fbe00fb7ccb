//! The model file: a network, its data and its training in RON, read with every key checked.
//!
//! Reading says where a mistake is, what it is and what would have been possible; what a name such as `"rk4"` stands
//! for is looked up by the room that knows, and its error comes back here to be given its place
//! ([`Model::build_error`], [`Model::build_error_in`]).

mod build;
mod check;
mod error;
mod explain;
mod outline;
mod overrides;
mod place;
mod plain;
mod rebase;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod tokens;

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use indexmap::IndexMap;
use ron::value::RawValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::control::Basis;
use crate::data::Source;
use crate::dialect::RON;
use crate::field::{FieldFile, unique_keys};
use crate::loss::Penalties;
use crate::network::{Head, Opening};
use crate::solve::Stepping;
use crate::tableau::TableauFile;
use crate::train::Training;

pub use error::{OverrideProblem, Problem, Section, SpecError};
pub use place::Place;
pub use template::{template, template_names};

pub(crate) use outline::{Outline, content};
pub(crate) use text::Text;

use tokens::{Kind, Token, tokens};

/// The largest file that is read as a model.
const LIMIT: u64 = 16 << 20;

/// A model file, read and checked as far as it can be without building anything.
#[derive(Debug, Clone)]
pub struct Model {
    /// Where the samples come from.
    pub data: Source,
    /// From features to outputs.
    pub network: Network,
    /// The name of the loss.
    pub loss: String,
    /// What is added to the loss; nothing by default.
    pub penalties: Penalties,
    /// How the weights are found.
    pub training: Training,
    /// The seed of everything that is random; 0 by default.
    pub seed: u64,
    text: Text,
}

/// Opening, flow and head: y(0) = opening(x), y' = f(t, y; w(t)) on \[0, horizon\], output = head(y(horizon)).
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// From features to states.
    pub opening: Opening,
    /// The field f.
    pub field: FieldSpec,
    /// The weights in time.
    pub controls: Basis,
    /// The end of the time interval.
    pub horizon: f64,
    /// The Runge-Kutta method.
    pub method: Method,
    /// The steps it takes.
    pub stepping: Stepping,
    /// From the final state to outputs; linear by default.
    pub head: Head,
}

/// The field of a network: an architecture of the catalogue or a formula.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum FieldSpec {
    /// One of the catalogue; `"resnet"` stands for `Named(name: "resnet")`.
    Named {
        /// Its name.
        name: String,
        /// Constants that differ from those of the catalogue.
        #[serde(default, deserialize_with = "unique_keys")]
        constants: IndexMap<String, f64>,
    },
    /// One that is written out.
    Formula(Box<FieldFile>),
}

/// The method of a network: a name of the catalogue or a tableau.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Method {
    /// One of the catalogue, `"rk4"`.
    #[serde(skip_deserializing)]
    Named(String),
    /// One that is written out.
    Tableau(Box<TableauFile>),
}

/// The file as serde reads it. Where a name or a variant may stand the text is kept and read after, for an untagged
/// enum would lose the place of an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Model")]
struct ModelFile<'s> {
    data: Source,
    #[serde(borrow)]
    network: NetworkFile<'s>,
    #[serde(default)]
    loss: Option<String>,
    #[serde(default)]
    penalties: Penalties,
    #[serde(default)]
    training: Option<Training>,
    #[serde(default)]
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Network")]
struct NetworkFile<'s> {
    #[serde(default)]
    opening: Option<Opening>,
    #[serde(borrow)]
    field: &'s RawValue,
    #[serde(default)]
    controls: Option<Basis>,
    horizon: f64,
    #[serde(borrow)]
    method: &'s RawValue,
    stepping: Stepping,
    #[serde(default)]
    head: Option<Head>,
}

impl Model {
    /// Reads a model file with overrides such as `network.method=euler` put into it.
    ///
    /// # Errors
    /// If the file cannot be read, is no RON, has keys or values that the format does not know, or numbers that make
    /// no sense; see [`SpecError`].
    pub fn read(path: &Path, overrides: &[String]) -> Result<Self, SpecError> {
        Model::parse(&read_text(path)?, path, overrides)
    }

    /// Reads the source of a model file; `origin` is the path that errors name and that paths in it are relative to.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn parse(source: &str, origin: &Path, overrides: &[String]) -> Result<Self, SpecError> {
        let mut text = Text::new(origin, source);
        overrides::apply(&mut text, overrides)?;
        let file: ModelFile = read(&text, 0..text.as_str().len())?;
        let plain = matches!(file.data, Source::Initial(_));
        let network = Network {
            opening: needed(&text, file.network.opening, plain, plain::opening)?,
            field: read_named(&text, file.network.field, |name| FieldSpec::Named {
                name,
                constants: IndexMap::new(),
            })?,
            controls: needed(&text, file.network.controls, plain, plain::controls)?,
            horizon: file.network.horizon,
            method: read_named(&text, file.network.method, Method::Named)?,
            stepping: file.network.stepping,
            head: file.network.head.unwrap_or(if plain { Head::Identity } else { Head::Linear }),
        };
        let ModelFile { data, loss, penalties, training, seed, .. } = file;
        let loss = needed(&text, loss, plain, plain::loss)?;
        let training = needed(&text, training, plain, plain::training)?;
        let model = Model { data, network, loss, penalties, training, seed, text: text.clone() };
        check::check(&model)?;
        Ok(model)
    }

    /// Whether it is a plain ODE: its data are initial states, and there is nothing to learn.
    pub fn is_plain(&self) -> bool {
        matches!(self.data, Source::Initial(_))
    }

    /// The file that the model was read from.
    pub fn path(&self) -> &Path {
        self.text.path()
    }

    /// The folder that paths in the model are relative to.
    pub fn folder(&self) -> &Path {
        match self.path().parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The source with all overrides, comments included, as it is kept in the run folder `folder`: file paths are
    /// rewritten to lead to the same files from there, so that running it again gives the same run.
    pub fn resolved_source(&self, folder: &Path) -> String {
        rebase::rebase(self.text.as_str(), self.folder(), folder)
    }

    /// What stands at a path such as `network.stepping.steps`, if that much is written.
    pub fn value(&self, path: &str) -> Option<&str> {
        self.text.value_at(path)
    }

    /// Where the value of a path such as `network.method` stands, or the section it is absent from.
    pub fn place(&self, path: &str) -> Place {
        self.text.place_of(path)
    }

    /// An error of another room given the place of the value that it is about.
    pub fn build_error(
        &self,
        path: &str,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> SpecError {
        self.error(path, Problem::Build { path: path.to_owned(), cause: cause.into() })
    }

    /// An error inside a formula, at byte `offset` of the string at `path`, such as `network.field.rhs.q`.
    pub fn build_error_in(
        &self,
        path: &str,
        offset: usize,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> SpecError {
        let problem = Problem::Build { path: path.to_owned(), cause: cause.into() };
        SpecError::at(self.text.place_in(path, offset), problem)
    }

    fn error(&self, path: &str, problem: Problem) -> SpecError {
        SpecError::at(self.place(path), problem)
    }
}

/// A value that a network has to give, and a plain ODE does not: what it is then stands in [`plain`].
fn needed<T>(
    text: &Text,
    given: Option<T>,
    plain: bool,
    otherwise: plain::Otherwise<T>,
) -> Result<T, SpecError> {
    let (section, key, value) = otherwise();
    match given {
        Some(given) => Ok(given),
        None if plain => Ok(value),
        None => Err(explain::missing(text, section, key)),
    }
}

/// Reads a part of the text as `T`.
pub(crate) fn read<'t, T: Deserialize<'t>>(
    text: &'t Text,
    part: Range<usize>,
) -> Result<T, SpecError> {
    let base = part.start;
    RON.from_str(&text.as_str()[part]).map_err(|error| explain::explain(text, base, error))
}

/// Reads a value that is either a name in quotes or a variant of `T`.
fn read_named<T: DeserializeOwned>(
    text: &Text,
    raw: &RawValue,
    named: impl FnOnce(String) -> T,
) -> Result<T, SpecError> {
    // The raw value is a part of the text: where it begins is the difference of the addresses.
    let raw = raw.get_ron();
    let start = raw.as_ptr().addr() - text.as_str().as_ptr().addr();
    let part = start..start + raw.len();
    match tokens(raw).next() {
        Some(Token { kind: Kind::Text, .. }) => read(text, part).map(named),
        Some(Token { kind: Kind::Word, span })
            if raw[span.clone()].starts_with(char::is_alphabetic) =>
        {
            read(text, part)
        }
        token => {
            let at = start + token.map_or(0, |token| token.span.start);
            Err(explain::neither_name_nor_variant(text, at))
        }
    }
}

/// The source of a file.
pub(crate) fn read_text(path: &Path) -> Result<String, SpecError> {
    let failed = |source| SpecError::Read { path: path.to_owned(), source };
    if path.is_dir() {
        return Err(SpecError::Folder { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
        return Err(SpecError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..byte].iter().filter(|&&byte| byte == b'\n').count();
        SpecError::NotText { path: path.to_owned(), line, byte }
    })
}
