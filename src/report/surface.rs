//! Values over a rectangle as a surface in space.

use super::axis::{Ticks, extent};
use super::chart::HeatMap;
use super::figure::{Bar, Data, Face, Figure, Layer, Note, Panel, middle_of_cell, number};
use super::palette::{AXIS, Colour, INK, WHITE, sequential};
use super::{Axis, ReportError, Scale};

/// The direction from which the surface is seen, in degrees: round the vertical, and above the ground.
const ROUND: f64 = -57.0;
const ABOVE: f64 = 32.0;
/// The height of the box, its ground being 2 by 2.
const HEIGHT: f64 = 1.25;
const TEXT: f64 = 11.0;

/// The values of a heat map as a surface, coloured by height and shaded as if lit from the upper left. Values beyond
/// the range of their axis are cut off at it; those that are not finite leave a hole.
///
/// # Errors
/// [`ReportError`] if the grid is empty or not full.
pub fn surface(map: &HeatMap) -> Result<Figure, ReportError> {
    const FIGURE: &str = "surface";
    if map.values.is_empty() || map.columns < 2 {
        return Err(ReportError::Empty { figure: FIGURE, what: "the grid" });
    }
    let rows = map.values.len().div_ceil(map.columns);
    if rows * map.columns != map.values.len() {
        let (expected, found) = (rows * map.columns, map.values.len());
        return Err(ReportError::Count { figure: FIGURE, what: "the grid", expected, found });
    }
    let log = map.value.scale == Scale::Log;
    let on = |v: f64| if log { v.log10() } else { v };
    let range =
        map.value.range.unwrap_or_else(|| extent(map.values.iter().copied(), map.value.scale, 0.0));
    let share =
        |v: f64| (on(v.clamp(range.0, range.1)) - on(range.0)) / (on(range.1) - on(range.0));
    let point = |c: usize, r: usize| {
        let along = |k: usize, n: usize| 2.0 * k as f64 / (n - 1).max(1) as f64 - 1.0;
        let value = map.values.get(c + r * map.columns).copied().unwrap_or(f64::NAN);
        let height = if value.is_nan() { f64::NAN } else { share(value) };
        [along(c, map.columns), along(r, rows), HEIGHT * height]
    };
    let mut faces: Vec<(f64, Face)> = Vec::new();
    for r in 1..rows {
        for c in 1..map.columns {
            let corners = [point(c - 1, r - 1), point(c, r - 1), point(c, r), point(c - 1, r)];
            let middle: [f64; 3] =
                [0, 1, 2].map(|k| corners.iter().map(|p| p[k]).sum::<f64>() / 4.0);
            if !middle[2].is_finite() {
                continue;
            }
            let colour = shaded(sequential(middle[2] / HEIGHT), &corners);
            // A little wider than it is, so that no ground shines through between neighbours.
            let widened = |p: &[f64; 3]| [0, 1, 2].map(|k| p[k] + 0.04 * (p[k] - middle[k]));
            let points = corners.iter().map(|p| seen(widened(p)).0).collect();
            faces.push((seen(middle).1, Face { points, colour }));
        }
    }
    // From the far ones to the near ones.
    faces.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut layers = vec![frame()];
    layers.push(Layer::Faces(faces.into_iter().map(|(_, face)| face).collect()));
    layers.push(near_edges());
    layers.push(Layer::Notes(notes(map, range)));

    let mut data = Data::new(["x", "y", "value"]);
    let edges = |axis: &Axis| axis.range.unwrap_or((0.0, 1.0));
    for (k, value) in map.values.iter().enumerate() {
        let x = middle_of_cell(edges(&map.x), k % map.columns, map.columns);
        let y = middle_of_cell(edges(&map.y), k / map.columns, rows);
        data.push([number(x), number(y), number(*value)]);
    }
    let bare = |range| Axis { names: Some(Vec::new()), ..Axis::linear("").over(range) };
    let panel = Panel {
        size: (440.0, 385.0),
        x: bare((-1.7, 1.8)),
        y: bare((-1.7, 1.3)),
        layers,
        bare: true,
        bar: Some(Bar { axis: map.value.clone().over(range), colours: sequential }),
        ..Panel::default()
    };
    Ok(Figure { title: map.title.clone(), columns: 1, panels: vec![panel], data })
}

/// Where a point is seen, and how far it is.
fn seen([x, y, z]: [f64; 3]) -> ([f64; 2], f64) {
    let (round, above) = (ROUND.to_radians(), ABOVE.to_radians());
    // Right, and away on the ground.
    let right = -x * round.sin() + y * round.cos();
    let away = -x * round.cos() - y * round.sin();
    let z = z - 0.5 * HEIGHT;
    ([right, away * above.sin() + z * above.cos()], away * above.cos() - z * above.sin())
}

/// The colour of a face lit from the upper left.
fn shaded(colour: Colour, corners: &[[f64; 3]; 4]) -> Colour {
    const LIGHT: [f64; 3] = [-0.45, -0.35, 0.82];
    let across = |a: [f64; 3], b: [f64; 3]| [0, 1, 2].map(|k| b[k] - a[k]);
    let (u, v) = (across(corners[0], corners[2]), across(corners[1], corners[3]));
    let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    let length = normal.iter().map(|x| x * x).sum::<f64>().sqrt();
    let lit = normal.iter().zip(LIGHT).map(|(n, l)| n * l).sum::<f64>() / length;
    match lit > 0.6 {
        true => colour.mix(WHITE, 0.6 * (lit - 0.6)),
        false => colour.mix(INK, 0.5 * (0.6 - lit).min(1.0)),
    }
}

fn line(points: &[[f64; 3]], colour: Colour) -> Layer {
    let points = points.iter().map(|&p| seen(p).0).collect();
    Layer::Hairline { points, colour }
}

/// The far walls and the ground.
fn frame() -> Layer {
    let h = HEIGHT;
    let gap = [f64::NAN; 3];
    line(
        &[
            [-1.0, 1.0, 0.0],
            [-1.0, 1.0, h],
            [1.0, 1.0, h],
            gap,
            [-1.0, 1.0, h],
            [-1.0, -1.0, h],
            gap,
            [-1.0, -1.0, 0.0],
            [-1.0, 1.0, 0.0],
            [1.0, 1.0, 0.0],
        ],
        AXIS.mix(WHITE, 0.5),
    )
}

/// The edges of the box on which the axes are written.
fn near_edges() -> Layer {
    let h = HEIGHT;
    line(&[[-1.0, -1.0, h], [-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0]], AXIS)
}

/// Numbers and names along the edges.
fn notes(map: &HeatMap, range: (f64, f64)) -> Vec<Note> {
    let note = |at: [f64; 3], text: String, down: f64| Note {
        at: seen(at).0,
        text,
        size: TEXT,
        down,
        colour: INK,
    };
    let mut notes = Vec::new();
    let inner = |axis: &Axis, n: usize| {
        let (from, to) = axis.range.unwrap_or((0.0, 1.0));
        (middle_of_cell((from, to), 0, n), middle_of_cell((from, to), n - 1, n))
    };
    let rows = map.values.len() / map.columns.max(1);
    let ends = [(&map.x, inner(&map.x, map.columns)), (&map.y, inner(&map.y, rows))];
    for (k, (axis, (from, to))) in ends.into_iter().enumerate() {
        let at = |s: f64, out: f64| match k {
            0 => [s, -1.0 - out, 0.0],
            _ => [1.0 + out, s, 0.0],
        };
        for tick in Ticks::new(&Axis::linear(""), (from, to), 4).ticks {
            let s = 2.0 * (tick.value - from) / (to - from) - 1.0;
            notes.push(note(at(s, 0.14), tick.label, 0.0));
        }
        // Beside the numbers, further out where the text would run over them.
        let out = if k == 0 { 0.42 } else { 0.62 };
        notes.push(note(at(0.0, out), axis.label.clone(), 8.0));
    }
    let on = |v: f64| if map.value.scale == Scale::Log { v.log10() } else { v };
    for tick in Ticks::new(&map.value, range, 5).ticks {
        let s = (on(tick.value) - on(range.0)) / (on(range.1) - on(range.0));
        notes.push(note([-1.0 - 0.09, -1.0 - 0.09, HEIGHT * s], tick.label, 0.0));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_higher_is_seen_higher_and_what_is_nearer_covers() {
        assert!(seen([0.0, 0.0, 1.0]).0[1] > seen([0.0, 0.0, 0.0]).0[1]);
        // The corner between the two written edges is the nearest of the ground.
        let near = seen([1.0, -1.0, 0.0]).1;
        for corner in [[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]] {
            assert!(seen(corner).1 > near);
        }
    }

    #[test]
    fn a_hole_has_no_face() {
        let mut values = vec![1.0; 16];
        values[5] = f64::NAN;
        values[0] = 2.0;
        let axis = || Axis::linear("a").over((0.0, 1.0));
        let map = HeatMap { x: axis(), y: axis(), columns: 4, values, ..HeatMap::default() };
        let figure = surface(&map).unwrap();
        let faces = figure.panels[0].layers.iter().find_map(|layer| match layer {
            Layer::Faces(faces) => Some(faces.len()),
            _ => None,
        });
        assert_eq!(faces, Some(9 - 4));
    }
}
