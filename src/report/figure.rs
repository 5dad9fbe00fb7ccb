//! What a figure is made of, as values.

use super::axis::Axis;
use super::palette::{Colour, Marker};

/// Panels on a page with a shared legend, and the numbers behind them.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// Above everything; may be empty.
    pub title: String,
    /// Filled row by row.
    pub panels: Vec<Panel>,
    /// Panels beside each other; 0 counts as 1.
    pub columns: usize,
    pub data: Data,
}

/// Two axes and what is drawn between them, in the order of the layers.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    pub title: String,
    /// Width and height between the axes in pixels.
    pub size: (f64, f64),
    pub x: Axis,
    pub y: Axis,
    /// One unit is as long on y as on x: the shorter range is widened about its middle.
    pub equal: bool,
    pub layers: Vec<Layer>,
    /// Without axes.
    pub bare: bool,
    /// What the colours of the cells mean.
    pub bar: Option<Bar>,
}

/// The named layers make the legend; layers of one name share an entry.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Broken where a value is not finite (or not positive on a log axis).
    Line {
        name: Option<String>,
        points: Vec<[f64; 2]>,
        colour: Colour,
        dashed: bool,
    },
    /// A thin line without a name, broken in the same way.
    Hairline {
        points: Vec<[f64; 2]>,
        colour: Colour,
    },
    /// Points that are not finite are left out; no points make an entry of the legend alone.
    Points {
        name: Option<String>,
        points: Vec<[f64; 2]>,
        marker: Marker,
        colour: Colour,
        /// px
        radius: f64,
        outlined: bool,
    },
    Cells(Cells),
    /// Closed curves without holes, filled.
    Areas {
        curves: Vec<Vec<[f64; 2]>>,
        colour: Colour,
    },
    /// Thin lines where x or y is 0.
    Origin,
    /// Polygons in one colour each, later ones over earlier ones.
    Faces(Vec<Face>),
    Notes(Vec<Note>),
}

/// A rectangle cut into equal cells.
#[derive(Clone, Debug)]
pub struct Cells {
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub columns: usize,
    /// Row by row, the first row at `y.0`, the first cell at `x.0`.
    pub colours: Vec<Colour>,
}

/// A polygon; one that reaches out of the panel is left out.
#[derive(Clone, Debug)]
pub struct Face {
    pub points: Vec<[f64; 2]>,
    pub colour: Colour,
}

/// Text about a place.
#[derive(Clone, Debug)]
pub struct Note {
    pub at: [f64; 2],
    pub text: String,
    /// px
    pub size: f64,
    /// Moved down by so many px.
    pub down: f64,
    pub colour: Colour,
}

/// A colour bar beside a panel: [`super::palette::sequential`] over the axis' range.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Its `range` must be given.
    pub axis: Axis,
    /// From the low end to the high end.
    pub colours: fn(f64) -> Colour,
}

/// Columns of the CSV file beside a figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data {
    pub headers: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Data {
    pub fn new<const N: usize>(headers: [&str; N]) -> Self {
        Data { headers: headers.map(String::from).to_vec(), rows: Vec::new() }
    }

    pub fn push<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.to_vec());
    }
}

/// The shortest decimal that reads back as `v`.
pub(super) fn number(v: f64) -> String {
    format!("{v:?}")
}

/// Middle of cell `k` of `n` equal ones along an edge.
pub(super) fn middle_of_cell((from, to): (f64, f64), k: usize, n: usize) -> f64 {
    from + (to - from) * (k as f64 + 0.5) / n as f64
}
