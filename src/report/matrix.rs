//! Values in a table of coloured cells, each with its number.

use super::axis::extent;
use super::figure::{Bar, Cells, Figure, Layer, Note, Panel, number};
use super::font::Typeface;
use super::palette::{Colour, INK, Marker, NO_VALUE, sequential};
use super::{Axis, ReportError, Scale};

/// A table of values.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    pub title: String,
    /// What the rows are, and their names from top to bottom.
    pub row: String,
    pub rows: Vec<String>,
    /// What the columns are, and their names.
    pub column: String,
    pub columns: Vec<String>,
    /// Row by row; what is not finite is grey.
    pub values: Vec<f64>,
    /// What stands in the cells, row by row.
    pub texts: Vec<String>,
    /// What the values are, with their scale; its range is theirs unless given.
    pub value: Axis,
    /// A cell with a frame: row and column.
    pub framed: Option<(usize, usize)>,
}

const FIGURE: &str = "matrix";
const TEXT: f64 = 11.0;
const HEIGHT: f64 = 30.0;

/// Matrices beside each other, `across` in a row.
///
/// # Errors
/// [`ReportError`] if there is none, or one is empty or not full.
pub fn matrices(title: &str, across: usize, all: &[Matrix]) -> Result<Figure, ReportError> {
    if all.is_empty() {
        return Err(ReportError::Empty { figure: FIGURE, what: "the list of matrices" });
    }
    let typeface = Typeface::load()?;
    let panels: Vec<Panel> =
        all.iter().map(|matrix| panel(matrix, &typeface)).collect::<Result<_, _>>()?;
    let mut data = super::Data::new(["panel", "row", "column", "value"]);
    for matrix in all {
        for (at, value) in matrix.values.iter().enumerate() {
            let (r, c) = (at / matrix.columns.len(), at % matrix.columns.len());
            let name = |names: &[String], k: usize| names.get(k).cloned().unwrap_or_default();
            let (row, column) = (name(&matrix.rows, r), name(&matrix.columns, c));
            data.push([matrix.title.clone(), row, column, number(*value)]);
        }
    }
    Ok(Figure { title: title.to_owned(), columns: across, panels, data })
}

fn panel(matrix: &Matrix, typeface: &Typeface) -> Result<Panel, ReportError> {
    let Matrix { rows, columns, values, texts, value, .. } = matrix;
    let expected = rows.len() * columns.len();
    if expected == 0 {
        return Err(ReportError::Empty { figure: FIGURE, what: "the matrix" });
    }
    for (what, found) in [("the matrix", values.len()), ("the list of texts", texts.len())] {
        if found != expected {
            return Err(ReportError::Count { figure: FIGURE, what, expected, found });
        }
    }
    let range = value.range.unwrap_or_else(|| extent(values.iter().copied(), value.scale, 0.0));
    let on = |v: f64| if value.scale == Scale::Log { v.log10() } else { v };
    let colour = |&v: &f64| match v.is_finite() && (v > 0.0 || value.scale == Scale::Linear) {
        true => sequential((on(v) - on(range.0)) / (on(range.1) - on(range.0))),
        // Nothing at all is the low end of a logarithm.
        false if v == 0.0 => sequential(0.0),
        false => NO_VALUE,
    };
    let colours: Vec<Colour> = values.iter().map(colour).collect();
    let widest = texts.iter().map(|t| typeface.width(t, TEXT)).fold(0.0, f64::max);
    let wide = (widest + 10.0).max(34.0);
    let middle = |k: usize| k as f64 + 0.5;
    let notes = texts.iter().zip(&colours).enumerate().map(|(at, (text, colour))| Note {
        at: [middle(at % columns.len()), middle(at / columns.len())],
        text: text.clone(),
        size: TEXT,
        down: 0.0,
        colour: colour.text_on(),
    });
    let notes = Layer::Notes(notes.collect());
    let (w, h) = (columns.len() as f64, rows.len() as f64);
    let cells = Cells { x: (0.0, w), y: (0.0, h), columns: columns.len(), colours };
    let mut layers = vec![Layer::Cells(cells), notes];
    if let Some((r, c)) = matrix.framed {
        let (r, c, inset) = (r as f64, c as f64, 0.04);
        let corners = [
            [inset, inset],
            [1.0 - inset, inset],
            [1.0 - inset, 1.0 - inset],
            [inset, 1.0 - inset],
            [inset, inset],
        ];
        let points: Vec<[f64; 2]> = corners.iter().map(|p| [c + p[0], r + p[1]]).collect();
        layers.push(Layer::Line { name: None, points, colour: INK, dashed: false });
        // A name for the frame in the legend, where there is no line.
        layers.push(Layer::Points {
            name: Some("framed: as trained".to_owned()),
            points: Vec::new(),
            marker: Marker::Square,
            colour: INK,
            radius: 4.0,
            outlined: false,
        });
    }
    let named = |names: &[String]| -> Vec<(f64, String)> {
        names.iter().enumerate().map(|(k, name)| (middle(k), name.clone())).collect()
    };
    let axis = |label: &str, names: &[String], range| Axis {
        names: Some(named(names)),
        ..Axis::linear(label).over(range)
    };
    Ok(Panel {
        title: matrix.title.clone(),
        size: (w * wide, h * HEIGHT),
        x: axis(&matrix.column, columns, (0.0, w)),
        y: axis(&matrix.row, rows, (h, 0.0)),
        layers,
        bar: Some(Bar { axis: value.clone().over(range), colours: sequential }),
        ..Panel::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_that_is_not_full_is_refused() {
        let matrix = Matrix {
            rows: vec!["a".into()],
            columns: vec!["1".into(), "2".into()],
            values: vec![0.0; 2],
            texts: vec![String::new(); 2],
            ..Matrix::default()
        };
        assert_eq!(matrices("", 1, std::slice::from_ref(&matrix)).unwrap().data.rows.len(), 2);
        let short = Matrix { values: vec![0.0], ..matrix };
        assert!(matches!(matrices("", 1, &[short]), Err(ReportError::Count { found: 1, .. })));
        assert!(matches!(matrices("", 1, &[]), Err(ReportError::Empty { .. })));
    }
}
