//! A place in a model file or in an override, shown with its line and a caret.

use std::fmt;
use std::path::Path;

/// How much of a long line is shown on either side of the caret.
const REACH: usize = 90;

/// Where something stands: file, line and column, with the line itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, or the override as it was typed.
    origin: String,
    /// The line and the column in characters, both from 1.
    line: usize,
    column: usize,
    /// Whether it is a line of the file: an override has no use for a line number.
    in_file: bool,
    /// What is shown of the line, and under which of its characters the caret stands.
    excerpt: String,
    caret: usize,
}

impl Place {
    /// The place of byte `at` in `text`, a file unless it has a `label`.
    pub(crate) fn new(path: &Path, label: Option<&str>, text: &str, at: usize) -> Self {
        let at = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let before = &text[..at];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        let column = before[start..].chars().count();
        let skipped = column.saturating_sub(REACH);
        // What is not printable would move the caret away from its character.
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let shown = text[start..end].trim_end().chars().skip(skipped).take(2 * REACH);
        Place {
            origin: label.map_or_else(|| path.display().to_string(), str::to_owned),
            line: 1 + before.matches('\n').count(),
            column: column + 1,
            in_file: label.is_none(),
            excerpt: shown.map(printable).collect(),
            caret: column - skipped,
        }
    }

    /// The line in the file or override, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Whether it is a place in the file rather than in an override.
    pub fn in_file(&self) -> bool {
        self.in_file
    }

    /// The file, or the override as it was typed.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The line with a caret under the place.
    pub(crate) fn excerpt(&self) -> String {
        let number = if self.in_file { self.line.to_string() } else { String::new() };
        let (margin, indent) = (" ".repeat(number.len()), " ".repeat(self.caret));
        format!(" {number} | {}\n {margin} | {indent}^", self.excerpt)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.in_file {
            true => write!(f, "{}:{}:{}", self.origin, self.line, self.column),
            false => f.write_str(&self.origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_character() {
        let text = "(\r\n\tα: x,\r\n)";
        let place = Place::new(Path::new("m.ron"), None, text, text.find('x').unwrap());
        assert_eq!(place.to_string(), "m.ron:2:5");
        assert_eq!(place.excerpt(), " 2 |  α: x,\n   |     ^");
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        let text = format!("{}x{}", "é".repeat(100_000), "b".repeat(100_000));
        let place = Place::new(Path::new("m.ron"), None, &text, 200_000);
        let excerpt = place.excerpt();
        assert!(excerpt.len() < 1000);
        let lines: Vec<_> = excerpt.lines().collect();
        let caret = lines[1].chars().position(|c| c == '^').unwrap();
        let offset = " 1 | ".len() - "   | ".len();
        assert_eq!(lines[0].chars().nth(caret + offset), Some('x'));
    }

    #[test]
    fn a_place_beyond_the_text_is_its_end() {
        assert_eq!(Place::new(Path::new("m.ron"), None, "ab", 99).to_string(), "m.ron:1:3");
    }
}
