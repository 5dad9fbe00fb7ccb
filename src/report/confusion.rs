//! Which classes are taken for which.

use super::figure::{Cells, Data, Figure, Layer, Note, Panel};
use super::font::Typeface;
use super::palette::{AXIS, Colour, WHITE};
use super::{Axis, ReportError, class_names};

/// Counts of the samples of each true class (rows) that were given each class (columns).
#[derive(Clone, Debug, Default)]
pub struct Confusion {
    pub title: String,
    /// May be shorter than the number of classes.
    pub class_names: Vec<String>,
    /// Square.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts pairs of true and predicted class.
    ///
    /// # Errors
    /// [`ReportError::Class`] if one of them is not below `classes`.
    pub fn count(
        classes: usize,
        pairs: impl IntoIterator<Item = (usize, usize)>,
    ) -> Result<Confusion, ReportError> {
        let mut counts = vec![vec![0; classes]; classes];
        for (truth, predicted) in pairs {
            let cell = counts.get_mut(truth).and_then(|row| row.get_mut(predicted)).ok_or({
                let found = truth.max(predicted);
                ReportError::Class {
                    figure: "confusion matrix",
                    what: "the list of pairs",
                    found,
                    classes,
                }
            })?;
            *cell += 1;
        }
        Ok(Confusion { counts, ..Confusion::default() })
    }
}

/// Beyond so many classes the cells carry no text.
const WITH_TEXT: usize = 30;

/// The matrix with the count and the share of its row in each cell, the share also as the ground.
/// Beyond 30 classes the numbers are in the CSV file alone.
///
/// # Errors
/// [`ReportError`] if there is no class or the matrix is not square.
pub fn confusion(matrix: &Confusion) -> Result<Figure, ReportError> {
    const FIGURE: &str = "confusion matrix";
    let n = matrix.counts.len();
    if n == 0 {
        return Err(ReportError::Empty { figure: FIGURE, what: "the matrix" });
    }
    if let Some(row) = matrix.counts.iter().find(|row| row.len() != n) {
        let found = row.len();
        return Err(ReportError::Count {
            figure: FIGURE,
            what: "a row of the matrix",
            expected: n,
            found,
        });
    }
    let typeface = Typeface::load()?;
    let (count_size, share_size) = if n <= 12 { (13.0, 10.5) } else { (11.0, 9.0) };
    let counts = || matrix.counts.iter().flatten();
    let widest = counts().map(|c| typeface.width(&thousands(*c), count_size)).fold(0.0, f64::max);
    let names = class_names(&matrix.class_names, n);
    // Names of few classes lie flat below their columns if they are not too long.
    let name = names.iter().map(|name| typeface.width(name, 12.0)).fold(0.0, f64::max).min(90.0);
    let (wide, high) = match n {
        1..=12 => ((widest + 12.0).max(name + 10.0).max(52.0), 44.0),
        13..=WITH_TEXT => ((widest + 6.0).max(36.0), 32.0),
        _ => ((600.0 / n as f64).max(4.0), (600.0 / n as f64).max(4.0)),
    };

    let mut data = Data::new(["true_class", "predicted_class", "count", "row_share"]);
    let (mut colours, mut notes) = (Vec::new(), Vec::new());
    for (r, (row, truth)) in matrix.counts.iter().zip(&names).enumerate() {
        let total: u64 = row.iter().sum();
        for (c, (&count, predicted)) in row.iter().zip(&names).enumerate() {
            let share = if total > 0 { count as f64 / total as f64 } else { 0.0 };
            let colour = ground(share);
            colours.push(colour);
            let note = |text, size, down| Note {
                at: [c as f64 + 0.5, r as f64 + 0.5],
                text,
                size,
                down,
                colour: colour.text_on(),
            };
            if n <= WITH_TEXT && count > 0 {
                notes.push(note(thousands(count), count_size, -0.55 * count_size));
                notes.push(note(percent(share), share_size, 0.7 * share_size));
            } else if n <= WITH_TEXT {
                let zero = note("0".to_string(), count_size, 0.0);
                notes.push(Note { colour: AXIS, ..zero });
            }
            data.push([truth.clone(), predicted.clone(), count.to_string(), format!("{share:?}")]);
        }
    }
    let side = n as f64;
    let cells = Cells { x: (0.0, side), y: (0.0, side), columns: n, colours };
    // Names stand as far apart as they must to be read.
    let every = (15.0 / high).ceil().max(1.0) as usize;
    let named =
        names.iter().enumerate().step_by(every).map(|(k, name)| (k as f64 + 0.5, name.clone()));
    let named: Vec<(f64, String)> = named.collect();
    let axis =
        |label: &str, range| Axis { names: Some(named.clone()), ..Axis::linear(label).over(range) };
    let panel = Panel {
        size: (side * wide, side * high),
        x: axis("predicted class", (0.0, side)),
        // The first class is at the top, as in a table.
        y: axis("true class", (side, 0.0)),
        layers: vec![Layer::Cells(cells), Layer::Notes(notes)],
        ..Panel::default()
    };
    Ok(Figure { title: matrix.title.clone(), columns: 1, panels: vec![panel], data })
}

fn ground(share: f64) -> Colour {
    const FULL: Colour = Colour(8, 69, 148);
    // The root shows the few that went wrong.
    WHITE.mix(FULL, share.sqrt())
}

fn percent(share: f64) -> String {
    match 100.0 * share {
        p if p > 0.0 && p < 0.1 => "<0.1 %".to_string(),
        // Not 100 % unless it is all of them.
        p if p < 100.0 && p > 99.9 => ">99.9 %".to_string(),
        100.0 => "100 %".to_string(),
        p => format!("{p:.1} %"),
    }
}

/// Groups of three digits, parted by thin spaces.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let grouped = digits.chars().enumerate().flat_map(|(k, digit)| {
        let gap = k > 0 && k % 3 == first && digits.len() > 4;
        gap.then_some('\u{2009}').into_iter().chain([digit])
    });
    grouped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_by_truth_then_prediction() {
        let matrix = Confusion::count(2, [(0, 0), (0, 1), (0, 1), (1, 1)]).unwrap();
        assert_eq!(matrix.counts, [[1, 2], [0, 1]]);
        assert!(matches!(Confusion::count(2, [(0, 2)]), Err(ReportError::Class { found: 2, .. })));
    }

    #[test]
    fn numbers_are_written_to_be_read() {
        assert_eq!(thousands(1234), "1234");
        assert_eq!(thousands(1234567), "1\u{2009}234\u{2009}567");
        assert_eq!(thousands(123456), "123\u{2009}456");
        assert_eq!(percent(0.99999), ">99.9 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.0004), "<0.1 %");
    }
}
