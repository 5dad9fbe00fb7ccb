use std::fmt;
use std::ops::Range;

/// What is wrong in a formula, and where: shown with the formula and a caret under the place.
#[derive(Clone, Debug, PartialEq)]
pub struct ExprError {
    /// The formula.
    pub text: String,
    /// The place in `text`, in bytes.
    pub span: Range<usize>,
    /// What is wrong there and what would be right.
    pub message: String,
}

/// Characters of the formula shown on each side of the place.
const SHOWN: usize = 60;

impl ExprError {
    pub(crate) fn new(text: &str, span: Range<usize>, message: String) -> ExprError {
        ExprError { text: text.to_owned(), span, message }
    }

    /// Column of the place in the formula, from 1, in characters.
    pub fn column(&self) -> usize {
        self.text.char_indices().take_while(|&(at, _)| at < self.span.start).count() + 1
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.column() - 1;
        let marked = self.text.char_indices().filter(|&(at, _)| self.span.contains(&at)).count();
        let from = first.saturating_sub(SHOWN);
        let line: String = self
            .text
            .chars()
            .skip(from)
            .take(first - from + marked.min(SHOWN) + SHOWN)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let dots = if from > 0 { "... " } else { "" };
        writeln!(f, "{}", self.message)?;
        writeln!(f, "    {dots}{line}")?;
        let indent = dots.len() + first - from;
        write!(f, "    {:indent$}{}", "", "^".repeat(marked.clamp(1, SHOWN)))
    }
}

impl std::error::Error for ExprError {}
