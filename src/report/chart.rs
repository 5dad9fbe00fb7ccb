//! General figures: lines, points, values over a rectangle.

use super::axis::is_range;
use super::figure::{Bar, Cells, Data, Figure, Layer, Panel, middle_of_cell, number};
use super::palette::{Colour, class_colour, class_marker, sequential};
use super::{Axis, ReportError, Scale, extent};

/// A named list of points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    pub name: String,
    pub points: Vec<[f64; 2]>,
}

/// How the points of a series are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Lines,
    Points,
    /// For few measured values: convergence, step-size studies.
    LinesAndPoints,
}

/// A figure of one panel with the given series, told apart by colour and by marker or dashes.
///
/// # Errors
/// [`ReportError::Empty`] without series. A series without points has an entry in the legend.
pub fn chart(
    title: &str,
    x: Axis,
    y: Axis,
    look: Look,
    series: &[Series],
) -> Result<Figure, ReportError> {
    if series.is_empty() {
        return Err(ReportError::Empty { figure: "chart", what: "the list of series" });
    }
    let named = series.len() > 1 || series.iter().any(|s| !s.name.is_empty());
    let mut layers = Vec::new();
    for (k, s) in series.iter().enumerate() {
        let (name, points) = (named.then(|| s.name.clone()), s.points.clone());
        let colour = class_colour(k, series.len());
        if look != Look::Points {
            let dashed = look == Look::Lines && k % 2 == 1;
            layers.push(Layer::Line { name: name.clone(), points: points.clone(), colour, dashed });
        }
        if look != Look::Lines {
            let (radius, outlined) =
                (if points.len() > 600 { 2.0 } else { 3.5 }, look == Look::Points);
            layers.push(Layer::Points {
                name,
                points,
                marker: class_marker(k),
                colour,
                radius,
                outlined,
            });
        }
    }
    let mut data = Data::new(["series", "x", "y"]);
    for s in series {
        for point in &s.points {
            let [x, y] = point.map(number);
            data.push([s.name.clone(), x, y]);
        }
    }
    let panel = Panel { size: (420.0, 290.0), x, y, layers, ..Panel::default() };
    Ok(Figure { title: title.to_string(), columns: 1, panels: vec![panel], data })
}

/// Values on a grid of cells.
#[derive(Clone, Debug, Default)]
pub struct HeatMap {
    pub title: String,
    /// Their ranges are the edges of the grid and must be given.
    pub x: Axis,
    pub y: Axis,
    pub columns: usize,
    /// At the middles of the cells: row by row, the first row at the low end of y. Values that are not finite
    /// (or not positive on a log scale) are grey.
    pub values: Vec<f64>,
    /// What the values are, with their unit and scale; its range is theirs unless given.
    pub value: Axis,
}

/// The values as colours from dark to light, with a colour bar. Lines and points over it are further layers of
/// its panel.
///
/// # Errors
/// [`ReportError`] if the grid is empty or not full, or an axis has no range.
pub fn heat_map(map: &HeatMap) -> Result<Figure, ReportError> {
    const FIGURE: &str = "heat map";
    if map.values.is_empty() || map.columns == 0 {
        return Err(ReportError::Empty { figure: FIGURE, what: "the grid" });
    }
    let rows = map.values.len().div_ceil(map.columns);
    if rows * map.columns != map.values.len() {
        let (expected, found) = (rows * map.columns, map.values.len());
        return Err(ReportError::Count { figure: FIGURE, what: "the grid", expected, found });
    }
    let edges = |axis: &Axis, what| {
        let (from, to) = axis.range.unwrap_or((f64::NAN, f64::NAN));
        if is_range((from, to), axis.scale) {
            Ok((from, to))
        } else {
            Err(ReportError::Range { figure: FIGURE, what, from, to })
        }
    };
    let (x, y) = (edges(&map.x, "the x axis")?, edges(&map.y, "the y axis")?);
    let range =
        map.value.range.unwrap_or_else(|| extent(map.values.iter().copied(), map.value.scale, 0.0));
    let log = map.value.scale == Scale::Log;
    let on = |v: f64| {
        if log && v > 0.0 {
            v.log10()
        } else if log {
            f64::NAN
        } else {
            v
        }
    };
    let (low, high) = (on(range.0), on(range.1));
    let colour = |v: &f64| {
        let v = if v.is_finite() { on(*v) } else { f64::NAN };
        sequential((v / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0))
    };
    let colours: Vec<Colour> = map.values.iter().map(colour).collect();

    let mut data = Data::new(["x", "y", "value"]);
    for (k, value) in map.values.iter().enumerate() {
        let (x, y) = (
            middle_of_cell(x, k % map.columns, map.columns),
            middle_of_cell(y, k / map.columns, rows),
        );
        data.push([number(x), number(y), number(*value)]);
    }
    let panel = Panel {
        size: (360.0, 320.0),
        x: map.x.clone(),
        y: map.y.clone(),
        layers: vec![Layer::Cells(Cells { x, y, columns: map.columns, colours })],
        bar: Some(Bar { axis: map.value.clone().over(range), colours: sequential }),
        ..Panel::default()
    };
    Ok(Figure { title: map.title.clone(), columns: 1, panels: vec![panel], data })
}
