//! Lines of equal value over a heat map.

use super::chart::{HeatMap, heat_map};
use super::figure::middle_of_cell;
use super::palette::INK;
use super::{Figure, Layer, ReportError, Scale, extent};

/// A heat map with lines of equal value at `levels` of them, evenly spaced (on a log scale, of even ratio).
///
/// # Errors
/// As [`heat_map`].
pub fn contours(map: &HeatMap, levels: usize) -> Result<Figure, ReportError> {
    let mut figure = heat_map(map)?;
    let log = map.value.scale == Scale::Log;
    let on = |v: f64| if log { v.log10() } else { v };
    let (low, high) =
        map.value.range.unwrap_or_else(|| extent(map.values.iter().copied(), map.value.scale, 0.0));
    let values: Vec<f64> = map.values.iter().map(|&v| on(v)).collect();
    let rows = map.values.len() / map.columns.max(1);
    let edges = |range: Option<(f64, f64)>| range.unwrap_or((0.0, 1.0));
    let (x, y) = (edges(map.x.range), edges(map.y.range));
    let place = |[c, r]: [f64; 2]| {
        let along = |(from, to): (f64, f64), k: f64, n: usize| {
            let first = middle_of_cell((from, to), 0, n);
            first + k * (to - from) / n as f64
        };
        [along(x, c, map.columns), along(y, r, rows)]
    };
    let mut points = Vec::new();
    for level in 1..=levels {
        let at = on(low) + (on(high) - on(low)) * level as f64 / (levels + 1) as f64;
        for [a, b] in segments(&values, map.columns, at) {
            points.extend([place(a), place(b), [f64::NAN; 2]]);
        }
    }
    if let Some(panel) = figure.panels.first_mut() {
        panel.layers.push(Layer::Hairline { points, colour: INK });
    }
    Ok(figure)
}

/// The pieces of the line of a value on a grid, in cells from the first point on (marching squares, Maple 2003).
/// A saddle is cut by the mean of its corners. Cells with a value that is not finite have none.
fn segments(values: &[f64], columns: usize, level: f64) -> Vec<[[f64; 2]; 2]> {
    let rows = values.len() / columns.max(1);
    let value = |c: usize, r: usize| values.get(c + r * columns).copied().unwrap_or(f64::NAN);
    let mut found = Vec::new();
    for r in 1..rows {
        for c in 1..columns {
            // Around the cell: lower left, lower right, upper right, upper left.
            let corners = [(c - 1, r - 1), (c, r - 1), (c, r), (c - 1, r)];
            let heights = corners.map(|(c, r)| value(c, r) - level);
            if heights.iter().any(|h| !h.is_finite()) {
                continue;
            }
            let mut crossings = Vec::new();
            for k in 0..4 {
                let (a, b) = (heights[k], heights[(k + 1) % 4]);
                if (a > 0.0) != (b > 0.0) {
                    let s = a / (a - b);
                    let ((c0, r0), (c1, r1)) = (corners[k], corners[(k + 1) % 4]);
                    let between = |a: usize, b: usize| a as f64 + s * (b as f64 - a as f64);
                    crossings.push([between(c0, c1), between(r0, r1)]);
                }
            }
            match crossings.as_slice() {
                [a, b] => found.push([*a, *b]),
                [a, b, c, d] => {
                    let [a, b, c, d] = [*a, *b, *c, *d];
                    let middle = heights.iter().sum::<f64>() > 0.0;
                    let pairs = if middle == (heights[0] > 0.0) {
                        [[a, b], [c, d]]
                    } else {
                        [[d, a], [b, c]]
                    };
                    found.extend(pairs);
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_cone_are_circles() {
        let n = 41;
        let values: Vec<f64> = (0..n * n)
            .map(|k| {
                let (c, r) = ((k % n) as f64 - 20.0, (k / n) as f64 - 20.0);
                c.hypot(r)
            })
            .collect();
        let found = segments(&values, n, 10.0);
        let length: f64 = found.iter().map(|[a, b]| (a[0] - b[0]).hypot(a[1] - b[1])).sum();
        assert!((length - 20.0 * std::f64::consts::PI).abs() < 0.2, "{length}");
        for p in found.iter().flatten() {
            assert!(((p[0] - 20.0).hypot(p[1] - 20.0) - 10.0).abs() < 0.02);
        }
    }

    #[test]
    fn a_saddle_has_two_lines_and_a_hole_none() {
        assert_eq!(segments(&[1.0, -1.0, -1.0, 1.0], 2, 0.1).len(), 2);
        assert_eq!(segments(&[1.0, -1.0, f64::INFINITY, 1.0], 2, 0.0).len(), 0);
    }
}
