//! `--set network.method=euler`: a value put into the source before it is read.

use std::ops::Range;

use ron::value::RawValue;
use serde::de::IgnoredAny;

use super::error::{OverrideProblem, SpecError};
use super::explain::{brief, offset};
use super::outline::{Found, Outline, content};
use super::read;
use super::text::Text;

/// Applies overrides `PATH=VALUE` one after the other, so that a later one sees what an earlier one wrote.
pub(crate) fn apply(text: &mut Text, overrides: &[String]) -> Result<(), SpecError> {
    if overrides.is_empty() {
        return Ok(());
    }
    // In a text that is not RON no path leads anywhere, and its own fault is the one to name.
    read::<IgnoredAny>(text, 0..text.as_str().len())?;
    for argument in overrides {
        apply_one(text, argument)
            .map_err(|problem| SpecError::Override { text: argument.clone(), problem })?;
    }
    Ok(())
}

fn apply_one(text: &mut Text, argument: &str) -> Result<(), OverrideProblem> {
    let (path, value) = argument.split_once('=').ok_or(OverrideProblem::NoEquals)?;
    let (path, value) = (path.trim(), value.trim());
    let segments: Vec<_> = path.split('.').map(str::trim).collect();
    if segments.iter().any(|segment| segment.is_empty() || segment.contains(|c| !is_path_char(c))) {
        return Err(OverrideProblem::BadPath { path: path.to_owned() });
    }
    let label = format!("--set {argument}");
    let outline = Outline::scan(text.as_str());
    match outline.find(text.as_str(), &segments) {
        Found::Value(node) => {
            let old = outline.node(node).value.clone();
            let value = as_ron(value, content(&text.as_str()[old.clone()]).is_some())?;
            text.splice(old, &value, &label);
        }
        Found::Partly { node, segments: found } => {
            let value = as_ron(value, false)?;
            let (found, rest) = segments.split_at(found);
            let gap = Gap::of(text.as_str(), &outline, node);
            let gap = gap.ok_or_else(|| no_keys(text.as_str(), &outline, node, found))?;
            gap.fill(text, rest, &value, &label);
        }
        Found::Nothing => return Err(OverrideProblem::BadPath { path: path.to_owned() }),
    }
    Ok(())
}

fn is_path_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn no_keys(source: &str, outline: &Outline, node: usize, found: &[&str]) -> OverrideProblem {
    let value = brief(&source[outline.node(node).value.clone()]);
    OverrideProblem::NoKeys { path: found.join("."), value }
}

/// The value as it is put into the source: RON, or a bare word made a string.
///
/// Every variant of the format begins with a capital, so a small word can only be a name; where a string stood a
/// capital one is a name too.
fn as_ron(value: &str, replaces_string: bool) -> Result<String, OverrideProblem> {
    let name = !matches!(value, "true" | "false" | "inf")
        && (replaces_string || !value.starts_with(char::is_uppercase))
        && !value.is_empty()
        && value.chars().all(|c| c.is_alphanumeric() || "_-+./\\~:@".contains(c));
    match RawValue::from_ron(value) {
        Ok(_) if !(name && value.starts_with(char::is_alphabetic)) => Ok(value.to_owned()),
        Err(error) if !name => {
            let column = value[..offset(value, error.span.end)].chars().count() + 1;
            Err(OverrideProblem::BadValue { cause: error.code, column })
        }
        // A backslash as in a path of Windows.
        _ => Ok(format!("\"{}\"", value.replace('\\', "\\\\"))),
    }
}

/// Where a key can be added to a section.
struct Gap {
    at: usize,
    /// Whether another key stands before.
    follows: bool,
    /// Whether keys are strings here.
    map: bool,
}

impl Gap {
    /// The place after the last key of a node, if the node has keys.
    fn of(source: &str, outline: &Outline, id: usize) -> Option<Self> {
        let open = outline.node(id).open?;
        let map = source[open..].starts_with('{');
        if !map && !source[open..].starts_with('(') {
            return None;
        }
        let mut end: Option<Range<usize>> = None;
        for child in outline.children(id) {
            let child = outline.node(child);
            child.key.as_ref()?;
            end = Some(child.value.clone());
        }
        Some(Gap {
            at: end.as_ref().map_or(open + 1, |value| value.end),
            follows: end.is_some(),
            map,
        })
    }

    fn fill(&self, text: &mut Text, keys: &[&str], value: &str, label: &str) {
        let glue = if self.follows { ", " } else { "" };
        text.splice(self.at..self.at, glue, label);
        let (first, inner) = match keys {
            [first, inner @ ..] => (*first, inner),
            [] => return,
        };
        let first = if self.map { format!("\"{first}\"") } else { first.to_owned() };
        let opening: String = inner.iter().map(|key| format!("({key}: ")).collect();
        let entry = format!("{first}: {opening}{value}{}", ")".repeat(inner.len()));
        let at = self.at + glue.len();
        text.splice(at..at, &entry, label);
    }
}
