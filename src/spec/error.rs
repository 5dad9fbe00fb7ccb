//! What can be wrong with a model file: each error says where, what and the remedy.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use super::place::Place;
use crate::nearest::{did_you_mean, nearest};

/// Why a model file was refused.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file could not be opened or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder was given for a file.
    #[error("{0} is a folder; give the model file in it, such as {example}", path.display(), example = path.join("model.ron").display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file is far larger than any model.
    #[error("{}: is larger than {limit} bytes and so no model file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is read at most.
        limit: u64,
    },
    /// The file is not text.
    #[error("{}:{line}: byte {byte} is not UTF-8; a model file is text, save it as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line with the first such byte.
        line: usize,
        /// Its number in the file, from 0.
        byte: usize,
    },
    /// Something at one place of the file or of an override.
    #[error("{place}: {problem}\n{}", place.excerpt())]
    At {
        /// Where.
        place: Box<Place>,
        /// What, and the remedy.
        #[source]
        problem: Box<Problem>,
    },
    /// An override that could not be applied.
    #[error("--set {text}: {problem}")]
    Override {
        /// The override as it was typed.
        text: String,
        /// What, and the remedy.
        #[source]
        problem: OverrideProblem,
    },
}

impl SpecError {
    pub(crate) fn at(place: Place, problem: Problem) -> Self {
        SpecError::At { place: Box::new(place), problem: Box::new(problem) }
    }

    /// The override that the error is about, as it was typed behind `--set`.
    pub(crate) fn of_override(&self) -> Option<&str> {
        match self {
            SpecError::At { place, .. } if !place.in_file() => {
                place.origin().strip_prefix("--set ")
            }
            SpecError::Override { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether it is about the key of an override rather than its value.
    pub(crate) fn of_key(&self) -> bool {
        match self {
            SpecError::At { problem, .. } => matches!(**problem, Problem::NoSuchPath { .. }),
            SpecError::Override { problem, .. } => {
                !matches!(problem, OverrideProblem::BadValue { .. })
            }
            _ => false,
        }
    }

    /// The same error at another place, that of the override in a file of overrides.
    pub(crate) fn moved(self, to: Place) -> Self {
        match self {
            SpecError::At { problem, .. } => SpecError::At { place: Box::new(to), problem },
            SpecError::Override { problem, .. } => SpecError::at(to, Problem::Override(problem)),
            error => error,
        }
    }

    /// The place in the file or override, where the error has one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            SpecError::At { place, .. } => Some(place),
            _ => None,
        }
    }
}

/// What is wrong at one place.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A key that the section does not have.
    #[error("unknown key `{key}` in {section}{} It has: {}", did_you_mean(nearest(key, possible)), possible.join(", "))]
    UnknownKey {
        /// The key.
        key: String,
        /// The section that it stands in.
        section: Section,
        /// The keys there are.
        possible: &'static [&'static str],
    },
    /// An override of something that is not there.
    #[error("there is no `{}` in the model{} {section} has: {}", section.key(key), did_you_mean(nearest(key, possible).map(|near| section.key(near))), possible.join(", "))]
    NoSuchPath {
        /// The last key of the path.
        key: String,
        /// What stands before it.
        section: Section,
        /// The keys there are.
        possible: &'static [&'static str],
    },
    /// A key that stands twice.
    #[error("`{key}` stands twice in {section}; remove one")]
    DuplicateKey {
        /// The key.
        key: &'static str,
        /// The section that it stands in.
        section: Section,
    },
    /// A key without a default that is absent.
    #[error("{section} lacks `{key}`; add `{key}: {}`", example.as_deref().unwrap_or(".."))]
    MissingKey {
        /// The key.
        key: &'static str,
        /// The section that it should stand in.
        section: Section,
        /// A value from a model that works.
        example: Option<String>,
    },
    /// A variant that is not one of those that may stand here.
    #[error(
        "unknown variant `{variant}` for {section}{} {}",
        did_you_mean(nearest(variant, possible)),
        one_of(variant, possible)
    )]
    UnknownVariant {
        /// The variant.
        variant: String,
        /// The key that it was given to.
        section: Section,
        /// The variants there are.
        possible: &'static [&'static str],
    },
    /// A value of the wrong type.
    #[error("{section} must be {expected}, found {found}{}", if *bare { "; put it in quotes" } else { "" })]
    WrongType {
        /// The key that it was given to.
        section: Section,
        /// What it takes.
        expected: String,
        /// What stands there.
        found: String,
        /// Whether it is a word that may have lost its quotes.
        bare: bool,
    },
    /// There is nothing in the file.
    #[error("there is no model here; `kutta new` writes one to start from")]
    Empty,
    /// A key without a value.
    #[error("{section} has no value; write one after the colon")]
    NoValue {
        /// The key.
        section: Section,
    },
    /// A variant without fields that was given some.
    #[error("`{variant}` takes no arguments; write it without ( )")]
    NoArguments {
        /// The variant.
        variant: String,
    },
    /// A variant with fields that was given none.
    #[error("`{variant}` needs its arguments in parentheses: `{variant}(..)`")]
    NeedsArguments {
        /// The variant.
        variant: String,
    },
    /// A number outside of what makes sense.
    #[error("`{path}` must be {must}, found {found}")]
    OutOfRange {
        /// The key.
        path: String,
        /// The condition.
        must: &'static str,
        /// The value.
        found: String,
    },
    /// Brackets inside brackets without end.
    #[error("nested too deep; a model file needs no more than a few levels of brackets")]
    TooDeep,
    /// The text is not RON.
    #[error("{}", plainly(cause))]
    Syntax {
        /// What the reader of RON says.
        cause: ron::Error,
    },
    /// An override that stands in a file.
    #[error(transparent)]
    Override(OverrideProblem),
    /// What the model asks for cannot be built.
    #[error("`{path}`: {cause}")]
    Build {
        /// The key.
        path: String,
        /// What the room that builds it says.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
}

/// What is wrong with an override.
#[derive(Debug, thiserror::Error)]
pub enum OverrideProblem {
    /// No `=` between path and value.
    #[error("write PATH=VALUE, such as network.method=euler")]
    NoEquals,
    /// The path is not one of keys and dots.
    #[error("`{path}` is not a path of keys; write one such as network.method")]
    BadPath {
        /// The path.
        path: String,
    },
    /// The value is not RON.
    #[error("the value is not RON: {} at character {column}", plainly(cause))]
    BadValue {
        /// What the reader of RON says.
        cause: ron::Error,
        /// Where in the value, from 1.
        column: usize,
    },
    /// The path goes on where the model has a plain value.
    #[error("`{path}` is {value} and has no keys; give it whole: --set '{path}=..'")]
    NoKeys {
        /// The path up to the value.
        path: String,
        /// The value.
        value: String,
    },
}

/// A part of the model by its path, empty for the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section(pub String);

impl Section {
    pub(super) fn key(&self, key: &str) -> String {
        if self.0.is_empty() { key.to_owned() } else { format!("{}.{key}", self.0) }
    }
}

impl std::fmt::Display for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { f.write_str("the model") } else { write!(f, "`{}`", self.0) }
    }
}

fn one_of(variant: &str, possible: &[&str]) -> String {
    let name = variant.starts_with(char::is_lowercase) && nearest(variant, possible).is_none();
    let quotes = format!(" (a name stands in quotes: \"{variant}\")");
    format!("There is: {}{}", possible.join(", "), if name { &quotes } else { "" })
}

/// What is wrong with the text itself, and the remedy.
fn plainly(cause: &ron::Error) -> String {
    use ron::Error as E;
    let known = match cause {
        E::ExpectedComma => "a comma or a closing bracket is missing before this",
        E::Eof => "the text ends too early; close its brackets",
        E::ExpectedStringEnd => "a string is not closed; end it with a quote",
        E::UnclosedBlockComment => "a comment is not closed; end it with */",
        E::UnclosedLineComment => "a value cannot end in a // comment",
        E::ExpectedMapColon => "a colon is missing between key and value",
        E::ExpectedIdentifier => "a key is missing here; keys stand without quotes",
        E::TrailingCharacters => "something follows the end; remove it, or check the brackets",
        E::ExpectedStructLikeEnd => "a closing ) is missing",
        E::ExpectedArrayEnd => "a closing ] is missing",
        E::ExpectedMapEnd => "a closing } is missing",
        _ => {
            let message = cause.to_string();
            let mut chars = message.chars();
            let first = chars.next().into_iter().flat_map(char::to_lowercase);
            return first.chain(chars).collect();
        }
    };
    known.to_owned()
}
