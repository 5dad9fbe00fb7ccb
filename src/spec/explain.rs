//! From an error of the `ron` crate to one in the terms of the model file.

use ron::error::{Position, SpannedError};

use crate::data::Source;

use super::error::{Problem, Section, SpecError};
use super::outline::{Found, Node, Outline, content};
use super::template;
use super::text::Text;

/// Explains an error met while reading the part of `text` that begins at byte `base`.
pub(crate) fn explain(text: &Text, base: usize, error: SpannedError) -> SpecError {
    let source = text.as_str();
    let part = source.get(base..).unwrap_or_default();
    let start = base + offset(part, error.span.start);
    let end = base + offset(part, error.span.end);
    Reading { text, outline: Outline::scan(source), start, end }.explain(error.code)
}

/// The error of a number, list or the like where a name or a variant should stand.
pub(crate) fn neither_name_nor_variant(text: &Text, at: usize) -> SpecError {
    let reading = Reading { text, outline: Outline::scan(text.as_str()), start: at, end: at };
    let value = reading.value();
    let found = value.map(|id| reading.outline.node(id).value.clone()).unwrap_or(at..at);
    let problem = Problem::WrongType {
        section: reading.section(value),
        expected: "a name in quotes or a variant".to_owned(),
        found: format!("`{}`", brief(&text.as_str()[found])),
        bare: false,
    };
    reading.error(at, problem)
}

/// The error of a key that a section lacks.
pub(crate) fn missing(text: &Text, section: &str, key: &'static str) -> SpecError {
    let section = Section(section.to_owned());
    let example = example(&section, key);
    let path = section.key(key);
    SpecError::at(text.place_of(&path), Problem::MissingKey { key, section, example })
}

struct Reading<'t> {
    text: &'t Text,
    outline: Outline,
    /// The part that the reader was at when it gave up.
    start: usize,
    end: usize,
}

impl Reading<'_> {
    fn explain(&self, cause: ron::Error) -> SpecError {
        use ron::Error as E;
        match cause {
            E::ExceededRecursionLimit => self.error(self.end, Problem::TooDeep),
            E::NoSuchStructField { expected, found, .. } => self.unknown_key(found, expected),
            E::DuplicateStructField { field, .. } => {
                let section = self.section_of_key();
                self.error(self.start, Problem::DuplicateKey { key: field, section })
            }
            E::MissingStructField { field, .. } => self.missing_key(field),
            E::NoSuchEnumVariant { expected, found, .. } => {
                let section = self.section(self.value());
                let problem =
                    Problem::UnknownVariant { variant: found, section, possible: expected };
                self.error(self.start, problem)
            }
            cause => self.wrong_value(cause),
        }
    }

    fn error(&self, offset: usize, problem: Problem) -> SpecError {
        SpecError::at(self.text.place(offset), problem)
    }

    fn unknown_key(&self, key: String, possible: &'static [&'static str]) -> SpecError {
        let section = self.section_of_key();
        let overridden = !self.text.place(self.start).in_file();
        let problem = match overridden {
            true => Problem::NoSuchPath { key, section, possible },
            false => Problem::UnknownKey { key, section, possible },
        };
        self.error(self.start, problem)
    }

    /// A key is missed at the end of its section, but it is looked for at the beginning.
    fn missing_key(&self, key: &'static str) -> SpecError {
        let source = self.text.as_str();
        let opens = |node: &Node| node.open.is_some_and(|open| source[open..].starts_with('('));
        let node = self.outline.at(self.end, opens);
        let section = self.section(node);
        let at = node.map_or(self.end, |node| self.outline.node(node).value.start);
        let example = example(&section, key);
        self.error(at, Problem::MissingKey { key, section, example })
    }

    fn wrong_value(&self, cause: ron::Error) -> SpecError {
        let Some(id) = self.value() else {
            let empty = Outline::scan(self.text.as_str()).nodes().next().is_none();
            return match empty && !matches!(cause, ron::Error::UnclosedBlockComment) {
                true => self.error(self.end, Problem::Empty),
                false => self.syntax(cause),
            };
        };
        let section = self.section(Some(id));
        let node = self.outline.node(id);
        let found = &self.text.as_str()[node.value.clone()];
        let at = node.value.start;
        if found.is_empty() {
            return self.error(at, Problem::NoValue { section });
        }
        if let ron::Error::Message(_) = cause
            && let Some(error) = self.read_apart(&section, node)
        {
            return error;
        }
        let variant = || self.outline.name(self.text.as_str(), id).unwrap_or(found).to_owned();
        match cause {
            ron::Error::ExpectedComma if node.open == Some(self.end) => {
                self.error(at, Problem::NoArguments { variant: variant() })
            }
            ron::Error::ExpectedStructLike if node.open.is_none() && is_word(found) => {
                self.error(at, Problem::NeedsArguments { variant: variant() })
            }
            cause => match expected(&cause, found, self.end < node.value.end) {
                // Where the reader stopped inside a value of several parts the value is not at fault.
                Some(expected) if node.open.is_none_or(|open| self.end <= open) => {
                    let bare = matches!(cause, ron::Error::ExpectedString) && is_word(found);
                    let found = format!("`{}`", brief(found));
                    self.error(at, Problem::WrongType { section, expected, found, bare })
                }
                _ => self.syntax(cause),
            },
        }
    }

    /// The error of a file for validation with its own place: as a share or a file may stand there, its text was read
    /// apart and the place lost.
    fn read_apart(&self, section: &Section, node: &Node) -> Option<SpecError> {
        let file = section.0 == "data.validation" && node.open.is_some();
        file.then(|| super::read::<Source>(self.text, node.value.clone()).err()).flatten()
    }

    fn syntax(&self, cause: ron::Error) -> SpecError {
        let at = if matches!(cause, ron::Error::Message(_)) { self.start } else { self.end };
        self.error(at, Problem::Syntax { cause })
    }

    /// The value that the reader was at.
    fn value(&self) -> Option<usize> {
        self.outline.at(self.end, |_| true)
    }

    fn section(&self, node: Option<usize>) -> Section {
        Section(node.map_or_else(String::new, |node| self.outline.path(self.text.as_str(), node)))
    }

    /// The section that the key at which the reader stopped stands in.
    fn section_of_key(&self) -> Section {
        let keyed = self.outline.keyed_at(self.start);
        self.section(keyed.and_then(|node| self.outline.parent(node)))
    }
}

/// What a key takes, if the error is that it was given something else; `inside` if the reader stopped inside of it.
fn expected(cause: &ron::Error, found: &str, inside: bool) -> Option<String> {
    use ron::Error as E;
    let whole = "a whole number, not negative";
    let expected = match cause {
        E::ExpectedInteger | E::IntegerOutOfBounds | E::InvalidIntegerDigit { .. } => whole,
        // A whole number is read up to the point of 1.5.
        E::ExpectedComma if inside && found.parse::<f64>().is_ok() => whole,
        E::ExpectedFloat => "a number",
        E::ExpectedString => "a string",
        E::ExpectedBoolean => "true or false",
        E::ExpectedArray => "a list in [ ]",
        E::ExpectedMap => "a map in { }",
        E::ExpectedStructLike | E::ExpectedNamedStructLike(_) => "fields in ( )",
        E::ExpectedDifferentStructName { .. } => "fields in ( ) without a name",
        E::ExpectedIdentifier if content(found).is_some() => "a variant, without quotes",
        E::ExpectedIdentifier | E::SuggestRawIdentifier(_) => "a variant",
        E::InvalidValueForType { expected, .. } => expected,
        _ => return None,
    };
    Some(expected.to_owned())
}

/// Whether a value is a bare word, perhaps a string that lost its quotes.
fn is_word(found: &str) -> bool {
    found.starts_with(char::is_alphabetic)
        && found.chars().all(|c| c.is_alphanumeric() || "_-".contains(c))
}

/// A value for a missing key from a model that works, if it is short.
fn example(section: &Section, key: &str) -> Option<String> {
    let path: Vec<_> =
        section.0.split('.').filter(|segment| !segment.is_empty()).chain([key]).collect();
    template::TEMPLATES.iter().find_map(|(_, source)| {
        let outline = Outline::scan(source);
        let Found::Value(node) = outline.find(source, &path) else { return None };
        let value = &source[outline.node(node).value.clone()];
        (value.len() < 60 && !value.contains('\n')).then(|| value.to_owned())
    })
}

/// A value as an error shows it.
pub(crate) fn brief(value: &str) -> String {
    const SHOWN: usize = 40;
    let line: String =
        value.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if value.chars().nth(SHOWN).is_some() { format!("{line}..") } else { line }
}

/// The byte of `text` at a line and column as `ron` counts them, in characters from 1.
pub(crate) fn offset(text: &str, position: Position) -> usize {
    let start = match position.line {
        0 | 1 => 0,
        line => text.match_indices('\n').nth(line - 2).map_or(text.len(), |(at, _)| at + 1),
    };
    let characters = text[start..].char_indices().nth(position.col.saturating_sub(1));
    characters.map_or(text.len(), |(at, _)| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_ron_is_a_byte_of_the_text() {
        let text = "α\nβγ x\n";
        let at = |line, col| offset(text, Position { line, col });
        assert_eq!((at(1, 1), at(1, 2), at(2, 1), at(2, 4)), (0, 2, 3, 8));
        assert_eq!(&text[at(2, 4)..=at(2, 4)], "x");
        assert_eq!(at(9, 9), text.len());
    }
}
