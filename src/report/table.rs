//! Tables of plain text.

use std::fmt;

/// The side on which the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows under headers; its [`Display`](fmt::Display) is aligned text, with a rule under the headers and no
/// spaces at the ends of lines.
///
/// A column of numbers stands right, every other one left, unless [`Table::align`] says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    align: Vec<Option<Align>>,
}

impl Table {
    pub fn new(headers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Table { headers: headers.into_iter().map(Into::into).collect(), ..Table::default() }
    }

    /// Adds a row; missing cells are empty, those beyond the last header have a column without one.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the side of column `column`, counted from 0.
    pub fn align(&mut self, column: usize, align: Align) -> &mut Self {
        if self.align.len() <= column {
            self.align.resize(column + 1, None);
        }
        if let Some(slot) = self.align.get_mut(column) {
            *slot = Some(align);
        }
        self
    }

    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    fn column(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.get(column)).map(String::as_str)
    }

    fn side(&self, column: usize) -> Align {
        let mut filled = self.column(column).filter(|cell| !cell.is_empty()).peekable();
        let numbers = filled.peek().is_some() && filled.all(is_number);
        let usual = if numbers { Align::Right } else { Align::Left };
        self.align.get(column).copied().flatten().unwrap_or(usual)
    }

    fn width(&self, column: usize) -> usize {
        let header = self.headers.get(column).map(String::as_str);
        self.column(column).chain(header).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

/// A number, perhaps with a unit of one sign (`12 %`, `3x`), or a dash or `nan` that stands for one.
fn is_number(cell: &str) -> bool {
    let bare = cell.trim_end_matches(['%', 'x', '*']).trim();
    matches!(bare, "-" | "–" | "—")
        || bare.replace(['\u{2009}', '_'], "").replace('−', "-").parse::<f64>().is_ok()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).chain([self.headers.len()]).max().unwrap_or(0);
        let shape: Vec<(usize, Align)> =
            (0..columns).map(|c| (self.width(c), self.side(c))).collect();
        let line = |cells: &[String]| {
            let pad = |(c, &(width, side)): (usize, &(usize, Align))| {
                let cell = cells.get(c).map_or("", String::as_str);
                match side {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                }
            };
            let padded: Vec<String> = shape.iter().enumerate().map(pad).collect();
            padded.join("  ").trim_end().to_string()
        };
        if !self.headers.is_empty() {
            writeln!(f, "{}", line(&self.headers))?;
            let rules: Vec<String> = shape.iter().map(|&(width, _)| "─".repeat(width)).collect();
            writeln!(f, "{}", line(&rules))?;
        }
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", line(row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left() {
        let mut table = Table::new(["method", "order", "error"]);
        table.row(["rk4", "4", "1.2e-9"]).row(["a long one", "12", "−3"]).row(["λ", "-", "NaN"]);
        let expected = "\
method      order   error
──────────  ─────  ──────
rk4             4  1.2e-9
a long one     12      −3
λ               -     NaN
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn ragged_rows_and_sides_by_hand() {
        let mut table = Table::new(["a", "b"]);
        table.align(0, Align::Right).align(5, Align::Left).row(["x"]).row(["yy", "1", "beyond"]);
        assert_eq!(table.to_string(), " a  b\n──  ─  ──────\n x\nyy  1  beyond\n");
        assert_eq!(Table::default().to_string(), "");
    }
}
