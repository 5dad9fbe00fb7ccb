//! Where in the plane a network decides for which class.

use super::figure::{Cells, Data, Figure, Layer, Panel, middle_of_cell, number};
use super::palette::{Colour, INK, Marker, WHITE, class_colour};
use super::{Axis, ReportError, class_names};

/// A sample in the plane with its true and its predicted class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub at: [f64; 2],
    pub class: usize,
    pub predicted: usize,
}

/// The decisions of a network with two features on a grid of cells.
#[derive(Clone, Debug, Default)]
pub struct DecisionMap {
    pub title: String,
    /// Names and units of the two features.
    pub axes: [String; 2],
    pub classes: usize,
    /// May be shorter than the number of classes.
    pub class_names: Vec<String>,
    /// Edges of the grid.
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub columns: usize,
    /// The class decided for and its probability at the middle of each cell: row by row, the first row at `y.0`,
    /// the first cell at `x.0`.
    pub cells: Vec<(usize, f64)>,
    pub training: Vec<Sample>,
    pub validation: Vec<Sample>,
}

/// Regions in the colours of the classes, the paler the less certain; training samples as discs, validation
/// samples as diamonds, wrong ones crossed.
///
/// # Errors
/// [`ReportError`] if the grid is not full, or a class is not one of `classes`.
pub fn decision_map(map: &DecisionMap) -> Result<Figure, ReportError> {
    const FIGURE: &str = "decision map";
    if map.cells.is_empty() || map.columns == 0 {
        return Err(ReportError::Empty { figure: FIGURE, what: "the grid" });
    }
    let rows = map.cells.len().div_ceil(map.columns);
    if rows * map.columns != map.cells.len() {
        let (expected, found) = (rows * map.columns, map.cells.len());
        return Err(ReportError::Count { figure: FIGURE, what: "the grid", expected, found });
    }
    let of_samples = |samples: &[Sample]| samples.iter().flat_map(|s| [s.class, s.predicted]).max();
    for (what, most) in [
        ("the grid", map.cells.iter().map(|c| c.0).max()),
        ("the training data", of_samples(&map.training)),
        ("the validation data", of_samples(&map.validation)),
    ] {
        if let Some(found) = most.filter(|&class| class >= map.classes) {
            return Err(ReportError::Class { figure: FIGURE, what, found, classes: map.classes });
        }
    }

    let colours =
        map.cells.iter().map(|&(class, certainty)| region(class, certainty, map.classes)).collect();
    let mut layers =
        vec![Layer::Cells(Cells { x: map.x, y: map.y, columns: map.columns, colours })];
    let radius = radius(map.training.len() + map.validation.len());
    let names = class_names(&map.class_names, map.classes);
    for (samples, marker) in [(&map.training, Marker::Circle), (&map.validation, Marker::Diamond)] {
        for (class, name) in names.iter().enumerate() {
            layers.push(Layer::Points {
                name: (marker == Marker::Circle).then(|| name.clone()),
                points: samples.iter().filter(|s| s.class == class).map(|s| s.at).collect(),
                marker,
                colour: class_colour(class, map.classes),
                radius,
                outlined: true,
            });
        }
    }
    let everything = || map.training.iter().chain(&map.validation);
    let wrong: Vec<[f64; 2]> =
        everything().filter(|s| s.class != s.predicted).map(|s| s.at).collect();
    let entry = |name: &str, marker, colour, points, radius| Layer::Points {
        name: Some(name.to_string()),
        points,
        marker,
        colour,
        radius,
        outlined: marker != Marker::Cross,
    };
    if !map.validation.is_empty() {
        layers.push(entry("validation", Marker::Diamond, WHITE, Vec::new(), radius));
    }
    if !wrong.is_empty() {
        layers.push(entry("misclassified", Marker::Cross, INK, wrong, radius + 3.0));
    }

    let mut data = Data::new(["kind", "x", "y", "class", "predicted", "certainty"]);
    for (k, &(class, certainty)) in map.cells.iter().enumerate() {
        let (x, y) = (
            middle_of_cell(map.x, k % map.columns, map.columns),
            middle_of_cell(map.y, k / map.columns, rows),
        );
        data.push([
            "cell".into(),
            number(x),
            number(y),
            String::new(),
            class.to_string(),
            number(certainty),
        ]);
    }
    for (kind, samples) in [("train", &map.training), ("validation", &map.validation)] {
        for s in samples {
            let [x, y] = s.at.map(number);
            data.push([
                kind.into(),
                x,
                y,
                s.class.to_string(),
                s.predicted.to_string(),
                String::new(),
            ]);
        }
    }

    let [x, y] = map.axes.clone();
    let panel = Panel {
        size: (400.0, 400.0),
        x: Axis::linear(x).over(map.x),
        y: Axis::linear(y).over(map.y),
        layers,
        ..Panel::default()
    };
    Ok(Figure { title: map.title.clone(), columns: 1, panels: vec![panel], data })
}

/// The class colour, mixed with white; never so strong that a point of the same class would drown in it.
/// In few steps, so that runs of equal cells join.
fn region(class: usize, certainty: f64, classes: usize) -> Colour {
    let guess = 1.0 / classes.max(1) as f64;
    let sure = if classes > 1 { (certainty - guess) / (1.0 - guess) } else { 1.0 };
    let sure = if sure.is_nan() { 0.0 } else { sure.clamp(0.0, 1.0) };
    WHITE.mix(class_colour(class, classes), 0.1 + 0.4 * (sure * 10.0).round() / 10.0)
}

/// Smaller points for more data.
pub(super) fn radius(points: usize) -> f64 {
    match points {
        0..=150 => 3.5,
        151..=600 => 2.75,
        601..=2500 => 2.0,
        _ => 1.5,
    }
}
