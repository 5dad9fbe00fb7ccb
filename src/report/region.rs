//! Regions of stability.

use super::contour::{Grid, simplified};
use super::figure::{Bar, Data, Figure, Layer, Panel, number};
use super::palette::{Colour, INK, Marker, WHITE, class_colour};
use super::{Axis, ReportError};

/// The levels of |R| whose sets are filled, and 1.
const LEVELS: usize = 5;
/// The most methods of a figure.
pub const MOST: usize = 12;
/// The longest sides of a panel that stands alone and of one among others, px.
const ALONE: (f64, f64) = (520.0, 460.0);
const AMONG: (f64, f64) = (300.0, 300.0);
/// Curves may be off by so many px.
const TOLERANCE: f64 = 0.04;
/// Eigenvalues outside of a region.
const OUTSIDE: Colour = Colour(190, 20, 40);

/// |R(z)| of a method on a grid of the complex plane around its region |R(z)| ≤ 1.
#[derive(Clone, Debug)]
pub struct Region {
    pub name: String,
    /// Ranges of Re z and Im z, ends included.
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub columns: usize,
    /// Row by row, the first row at `y.0`.
    pub values: Vec<f64>,
    /// For each point of the spectrum whether |R| ≤ 1 there.
    pub stable: Vec<bool>,
}

/// A panel for each method with the sets |R(z)| ≤ 1/5, 2/5, .., 1 filled, all to one scale; before them, if
/// there are several methods, one with all boundaries |R(z)| = 1. Points of the `spectrum` are discs where the
/// method is stable and crosses where it is not.
///
/// # Errors
/// [`ReportError::Empty`] without methods, [`ReportError::Count`] if a grid is not full or there are more than
/// [`MOST`] methods.
pub fn regions(methods: &[Region], spectrum: &[[f64; 2]]) -> Result<Figure, ReportError> {
    const FIGURE: &str = "stability regions";
    if methods.is_empty() {
        return Err(ReportError::Empty { figure: FIGURE, what: "the list of methods" });
    }
    if methods.len() > MOST {
        let (expected, found) = (MOST, methods.len());
        return Err(ReportError::Count {
            figure: FIGURE,
            what: "the list of methods",
            expected,
            found,
        });
    }
    for method in methods {
        let (expected, found) = (spectrum.len(), method.stable.len());
        if expected != found {
            return Err(ReportError::Count {
                figure: FIGURE,
                what: "the spectrum",
                expected,
                found,
            });
        }
        if method.columns == 0 || method.values.len() % method.columns.max(1) != 0 {
            let (expected, found) = (method.columns, method.values.len());
            return Err(ReportError::Count { figure: FIGURE, what: "the grid", expected, found });
        }
    }
    let (x, y) = window(methods, spectrum);
    let alone = methods.len() == 1;
    let largest = if alone { ALONE } else { AMONG };
    let size = fitting(x, y, largest);
    let scale = [size.0 / (x.1 - x.0), size.1 / (y.1 - y.0)];
    let count = methods.len();
    let sets: Vec<Vec<Curves>> = methods.iter().map(|m| level_sets(m, scale)).collect();

    let mut panels = Vec::new();
    if !alone {
        panels.push(together(methods, &sets, spectrum));
    }
    for (k, (method, sets)) in methods.iter().zip(&sets).enumerate() {
        panels.push(alone_or_among(method, sets, spectrum, class_colour(k, count), alone));
    }
    let columns = columns(panels.len(), (x.1 - x.0) / (y.1 - y.0));
    let total = panels.len();
    for (k, panel) in panels.iter_mut().enumerate() {
        panel.size = size;
        panel.equal = true;
        panel.x = Axis::linear("Re z").over(x);
        panel.y = Axis::linear("Im z").over(y);
        // Neighbours share their axes.
        if k + columns < total {
            panel.x = Axis { bare: true, label: String::new(), ..panel.x.clone() };
        }
        if k % columns != 0 {
            panel.y = Axis { bare: true, label: String::new(), ..panel.y.clone() };
        }
        // One bar is enough: right of the first row, or of the first panel with levels.
        if k == (columns - 1).max(usize::from(!alone)) {
            let axis = Axis { names: Some(level_names()), ..Axis::linear("|R(z)|") };
            panel.bar = Some(Bar { axis: axis.over((0.0, 1.0)), colours: level_colour });
        }
    }

    let mut data = Data::new(["method", "curve", "re", "im"]);
    for (method, sets) in methods.iter().zip(&sets) {
        for (k, curve) in sets.last().into_iter().flatten().enumerate() {
            for point in curve {
                let [x, y] = point.map(number);
                data.push([method.name.clone(), k.to_string(), x, y]);
            }
        }
    }
    let title = match (alone, spectrum.is_empty()) {
        (true, true) => "Region of stability |R(z)| ≤ 1, z = hλ".to_owned(),
        (false, true) => "Regions of stability |R(z)| ≤ 1, z = hλ".to_owned(),
        (true, false) => "Region of stability |R(z)| ≤ 1 and the points z = hλ".to_owned(),
        (false, false) => "Regions of stability |R(z)| ≤ 1 and the points z = hλ".to_owned(),
    };
    Ok(Figure { title, columns, panels, data })
}

type Curves = Vec<Vec<[f64; 2]>>;

/// The boundaries of the sets |R| ≤ 1/5, .., 1.
fn level_sets(method: &Region, scale: [f64; 2]) -> Vec<Curves> {
    let grid = Grid { x: method.x, y: method.y, columns: method.columns, values: &method.values };
    let level = |k: usize| {
        let curves = grid.curves(k as f64 / LEVELS as f64);
        curves.iter().map(|curve| simplified(curve, scale, TOLERANCE)).collect()
    };
    (1..=LEVELS).map(level).collect()
}

/// All grids and the spectrum, and a little more.
fn window(methods: &[Region], spectrum: &[[f64; 2]]) -> ((f64, f64), (f64, f64)) {
    let join = |(a, b): (f64, f64), (c, d): (f64, f64)| (a.min(c), b.max(d));
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    let points = spectrum.iter().filter(|p| p.iter().all(|v| v.is_finite()));
    let of_points = |k: usize| {
        let values = points.clone().filter_map(|p| p.get(k));
        values.fold(none, |range, &v| join(range, (v, v)))
    };
    let x = methods.iter().map(|m| m.x).fold(of_points(0), join);
    let y = methods.iter().map(|m| m.y).fold(of_points(1), join);
    let wider = |(a, b): (f64, f64), share: f64| (a - share * (b - a), b + share * (b - a));
    (wider(x, 0.05), wider(y, 0.08))
}

/// The largest sides within `largest` at one scale on both axes, none below a quarter of it.
fn fitting(x: (f64, f64), y: (f64, f64), largest: (f64, f64)) -> (f64, f64) {
    let (across, up) = (x.1 - x.0, y.1 - y.0);
    // A long region has the room of two panels.
    let room = if across > 3.0 * up { 2.0 * largest.0 } else { largest.0 };
    let scale = (room / across).min(largest.1 / up);
    ((across * scale).max(largest.0 / 4.0), (up * scale).max(largest.1 / 4.0))
}

fn columns(panels: usize, aspect: f64) -> usize {
    match panels {
        _ if aspect > 3.0 => 1,
        0..=3 => panels.max(1),
        4 if aspect < 0.8 => 4,
        4 => 2,
        5 | 6 | 9 => 3,
        _ => 4,
    }
}

/// All boundaries in one panel, with a pale ground that shows which side is inside.
fn together(methods: &[Region], sets: &[Vec<Curves>], spectrum: &[[f64; 2]]) -> Panel {
    let count = methods.len();
    let boundary = |k: usize| sets.get(k).and_then(|sets| sets.last()).cloned().unwrap_or_default();
    let mut layers = Vec::new();
    for k in 0..count {
        layers.push(Layer::Areas { curves: boundary(k), colour: GROUND });
    }
    layers.push(Layer::Origin);
    for (k, method) in methods.iter().enumerate() {
        for curve in boundary(k) {
            layers.push(Layer::Line {
                name: Some(method.name.clone()),
                points: closed(curve),
                colour: class_colour(k, count),
                dashed: false,
            });
        }
    }
    layers.extend(points(spectrum.to_vec(), true, Some("hλ")));
    Panel { title: "all |R(z)| = 1".into(), layers, ..Panel::default() }
}

const GROUND: Colour = Colour(244, 246, 248);

fn alone_or_among(
    method: &Region,
    sets: &[Curves],
    spectrum: &[[f64; 2]],
    colour: Colour,
    alone: bool,
) -> Panel {
    let mut layers = Vec::new();
    for (k, curves) in sets.iter().enumerate().rev() {
        let middle = (k as f64 + 0.5) / LEVELS as f64;
        layers.push(Layer::Areas { curves: curves.clone(), colour: level_colour(middle) });
    }
    layers.push(Layer::Origin);
    for curve in sets.last().into_iter().flatten() {
        let (points, name) = (closed(curve.clone()), None);
        let colour = if alone { INK } else { colour };
        layers.push(Layer::Line { name, points, colour, dashed: false });
    }
    let of = |wanted: bool| -> Vec<[f64; 2]> {
        let pairs = spectrum.iter().zip(&method.stable);
        pairs.filter(|(_, stable)| **stable == wanted).map(|(p, _)| *p).collect()
    };
    layers.extend(points(of(true), true, alone.then_some("hλ")));
    layers.extend(points(of(false), false, Some("hλ, unstable")));
    Panel { title: method.name.clone(), layers, ..Panel::default() }
}

/// A layer of eigenvalues, if there are any.
fn points(points: Vec<[f64; 2]>, stable: bool, name: Option<&str>) -> Option<Layer> {
    let (marker, colour, radius) = match stable {
        true => (Marker::Circle, INK, 1.75),
        false => (Marker::Cross, OUTSIDE, 3.5),
    };
    let (name, found) = (name.map(str::to_owned), !points.is_empty());
    let layer = Layer::Points { name, points, marker, colour, radius, outlined: false };
    found.then_some(layer)
}

fn closed(mut curve: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    curve.extend(curve.first().copied());
    curve
}

fn level_names() -> Vec<(f64, String)> {
    let name = |k: usize| {
        let level = k as f64 / LEVELS as f64;
        (level, level.to_string())
    };
    (0..=LEVELS).map(name).collect()
}

/// The colour of a value of |R|, the darker the stronger it damps, in as many shades as levels.
fn level_colour(value: f64) -> Colour {
    const DARK: Colour = Colour(24, 78, 119);
    let band = (value * LEVELS as f64).floor().clamp(0.0, LEVELS as f64 - 1.0);
    DARK.mix(WHITE, 0.12 + 0.76 * band / (LEVELS - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// |1 + z| around the disk of Euler's method.
    fn euler(name: &str) -> Region {
        let side = 101;
        let at = |k: usize, from: f64| from + 2.2 * k as f64 / (side - 1) as f64;
        let value = |k: usize| (1.0 + at(k % side, -2.1)).hypot(at(k / side, -1.1));
        Region {
            name: name.into(),
            x: (-2.1, 0.1),
            y: (-1.1, 1.1),
            columns: side,
            values: (0..side * side).map(value).collect(),
            stable: vec![true, false],
        }
    }

    const SPECTRUM: [[f64; 2]; 2] = [[-1.0, 0.5], [-3.0, 0.0]];

    #[test]
    fn one_method_has_one_panel_and_several_have_one_more() {
        let one = regions(&[euler("a")], &SPECTRUM).unwrap();
        assert_eq!(one.panels.len(), 1);
        let areas = one.panels[0].layers.iter().filter(|l| matches!(l, Layer::Areas { .. }));
        assert_eq!(areas.count(), LEVELS);
        let three = regions(&[euler("a"), euler("b"), euler("c")], &SPECTRUM).unwrap();
        assert_eq!((three.panels.len(), three.columns), (4, 2));
        assert!(
            three
                .panels
                .iter()
                .all(|panel| panel.equal && panel.x.range == three.panels[0].x.range)
        );
        // The window holds the whole spectrum.
        assert!(three.panels[0].x.range.unwrap().0 < -3.0);
    }

    #[test]
    fn the_boundary_is_the_unit_circle_about_minus_one() {
        let figure = regions(&[euler("a")], &SPECTRUM).unwrap();
        assert!(figure.data.rows.len() > 20);
        for row in &figure.data.rows {
            let (x, y): (f64, f64) = (row[2].parse().unwrap(), row[3].parse().unwrap());
            assert!(((x + 1.0).hypot(y) - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        assert!(matches!(regions(&[], &[]), Err(ReportError::Empty { .. })));
        assert!(matches!(regions(&[euler("a")], &[]), Err(ReportError::Count { .. })));
        let many: Vec<Region> = (0..13).map(|_| euler("a")).collect();
        assert!(matches!(regions(&many, &SPECTRUM), Err(ReportError::Count { .. })));
    }
}
