//! Curves around the places of a grid where values are small.

/// A grid of values over a rectangle, its corners included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid<'a> {
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub columns: usize,
    /// Row by row, the first row at `y.0`.
    pub values: &'a [f64],
}

/// A place between two neighbouring points of the grid: number of the first point, and whether the
/// second is above it rather than to its right.
type Edge = (usize, bool);

impl Grid<'_> {
    fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// The boundaries of the parts where values are at most `level`, each a closed curve with that part on its
    /// left: marching squares with linear interpolation (Lorensen and Cline, 1987, in the plane). Parts that reach
    /// the edge of the grid are closed along it. Where a square has two opposite corners below the level, they
    /// are joined if the mean of the corners is below.
    pub(super) fn curves(&self, level: f64) -> Vec<Vec<[f64; 2]>> {
        // A frame of points above every level closes the curves.
        let (columns, rows) = (self.columns + 2, self.rows() + 2);
        let at = |column: usize, row: usize| {
            let inner = (1..=self.columns).contains(&column) && (1..rows - 1).contains(&row);
            let place = inner.then(|| (row - 1) * self.columns + column - 1);
            place.and_then(|k| self.values.get(k)).copied().unwrap_or(f64::INFINITY)
        };
        let mut steps: Vec<(Edge, Edge)> = Vec::new();
        for row in 0..rows - 1 {
            let mut left = (at(0, row) <= level, at(0, row + 1) <= level);
            for column in 0..columns - 1 {
                let right = (at(column + 1, row) <= level, at(column + 1, row + 1) <= level);
                let corners = [left.0, right.0, right.1, left.1];
                left = right;
                if corners == [corners[0]; 4] {
                    continue;
                }
                let point = row * columns + column;
                // The edges in the order of the corners: below, right, above, left.
                let edges =
                    [(point, false), (point + 1, true), (point + columns, false), (point, true)];
                let saddle = corners[0] == corners[2];
                let joined = saddle && {
                    let values = [
                        at(column, row),
                        at(column + 1, row),
                        at(column + 1, row + 1),
                        at(column, row + 1),
                    ];
                    values.iter().sum::<f64>() <= 4.0 * level
                };
                // Going around the square, the curve leaves where the inside ends and comes in where it begins.
                let ends = |k: usize| corners[k] && !corners[(k + 1) % 4];
                let begins = |k: usize| !corners[k] && corners[(k + 1) % 4];
                for k in (0..4).filter(|k| ends(*k)) {
                    // With the inside on the left the curve goes to where it began, looking back; in a joined
                    // saddle to where it begins again, looking on.
                    let turn = if joined { 1 } else { 3 };
                    let mut others = (1..4).map(|far| (k + turn * far) % 4);
                    if let Some(end) = others.find(|k| begins(*k)) {
                        steps.push((edges[k], edges[end]));
                    }
                }
            }
        }
        steps.sort_unstable();
        let mut curves = Vec::new();
        let mut taken = vec![false; steps.len()];
        for first in 0..steps.len() {
            let (mut next, mut curve) = (first, Vec::new());
            while !std::mem::replace(&mut taken[next], true) {
                let (from, to) = steps[next];
                curve.push(self.crossing(from, columns, level, &at));
                match steps.binary_search_by(|step| step.0.cmp(&to)) {
                    Ok(found) => next = found,
                    Err(_) => break,
                }
            }
            if curve.len() > 2 {
                curves.push(curve);
            }
        }
        curves
    }

    /// Where the values cross the level on an edge.
    fn crossing(
        &self,
        (point, upwards): Edge,
        columns: usize,
        level: f64,
        at: &impl Fn(usize, usize) -> f64,
    ) -> [f64; 2] {
        let (column, row) = (point % columns, point / columns);
        let (low, high) =
            (at(column, row), if upwards { at(column, row + 1) } else { at(column + 1, row) });
        // At the frame the curve goes along the grid's edge.
        let share = match (low.is_finite(), high.is_finite()) {
            (true, true) => ((level - low) / (high - low)).clamp(0.0, 1.0),
            (true, false) => 0.0,
            _ => 1.0,
        };
        let place = |(from, to): (f64, f64), k: f64, count: usize| {
            from + (to - from) * (k - 1.0) / count.saturating_sub(1).max(1) as f64
        };
        let (dx, dy) = if upwards { (0.0, share) } else { (share, 0.0) };
        let x = place(self.x, column as f64 + dx, self.columns);
        [x, place(self.y, row as f64 + dy, self.rows())]
    }
}

/// A curve without points that lie within `tolerance` of the chord between those that remain (Douglas and
/// Peucker, 1973). `scale` says how long one unit of x and of y is.
pub(super) fn simplified(curve: &[[f64; 2]], scale: [f64; 2], tolerance: f64) -> Vec<[f64; 2]> {
    let on_page = |p: &[f64; 2]| [p[0] * scale[0], p[1] * scale[1]];
    let mut kept = vec![false; curve.len()];
    let last = curve.len().saturating_sub(1);
    let middle = curve.len() / 2;
    let mut open = vec![(0, middle), (middle, last)];
    for k in [0, middle, last] {
        if let Some(kept) = kept.get_mut(k) {
            *kept = true;
        }
    }
    while let Some((from, to)) = open.pop() {
        let (Some(a), Some(b)) = (curve.get(from).map(on_page), curve.get(to).map(on_page)) else {
            continue;
        };
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let length = dx.hypot(dy);
        let off = |p: [f64; 2]| match length > 0.0 {
            true => ((p[0] - a[0]) * dy - (p[1] - a[1]) * dx).abs() / length,
            false => (p[0] - a[0]).hypot(p[1] - a[1]),
        };
        let between = curve.iter().enumerate().take(to).skip(from + 1);
        let farthest =
            between.map(|(k, p)| (off(on_page(p)), k)).max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((distance, k)) = farthest
            && distance > tolerance
        {
            kept[k] = true;
            open.extend([(from, k), (k, to)]);
        }
    }
    curve.iter().zip(kept).filter(|(_, kept)| *kept).map(|(p, _)| *p).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(curve: &[[f64; 2]]) -> f64 {
        let next = curve.iter().cycle().skip(1);
        curve.iter().zip(next).map(|(p, q)| 0.5 * (p[0] * q[1] - p[1] * q[0])).sum()
    }

    fn grid(f: impl Fn(f64, f64) -> f64, side: usize) -> Vec<f64> {
        let at = |k: usize| -2.0 + 4.0 * k as f64 / (side - 1) as f64;
        (0..side * side).map(|k| f(at(k % side), at(k / side))).collect()
    }

    fn curves(values: &[f64], side: usize, level: f64) -> Vec<Vec<[f64; 2]>> {
        Grid { x: (-2.0, 2.0), y: (-2.0, 2.0), columns: side, values }.curves(level)
    }

    #[test]
    fn a_disk_has_one_curve_with_its_area() {
        let values = grid(|x, y| x.hypot(y), 201);
        let found = curves(&values, 201, 1.0);
        assert_eq!(found.len(), 1);
        assert!((area(&found[0]) / std::f64::consts::PI - 1.0).abs() < 1e-3);
        assert!(found[0].iter().all(|p| (p[0].hypot(p[1]) - 1.0).abs() < 1e-3));
        let simple = simplified(&found[0], [1.0, 1.0], 1e-2);
        assert!(simple.len() < 40 && (area(&simple) / area(&found[0]) - 1.0).abs() < 2e-2);
    }

    #[test]
    fn parts_are_separate_and_those_at_the_edge_are_closed_along_it() {
        let values = grid(|x, y| (x.abs() - 1.0).hypot(y), 101);
        assert_eq!(curves(&values, 101, 0.5).len(), 2);
        // A half plane: the rectangle from -2 to 0.5.
        let values = grid(|x, _| x, 41);
        let found = curves(&values, 41, 0.5);
        assert_eq!(found.len(), 1);
        assert!((area(&found[0]) - 10.0).abs() < 1e-9, "{}", area(&found[0]));
        assert!(curves(&values, 41, -3.0).is_empty());
        assert!((area(&curves(&values, 41, 9.0)[0]) - 16.0).abs() < 1e-9);
    }

    #[test]
    fn a_saddle_is_joined_where_the_middle_is_below_the_level() {
        let corners = |level| curves(&[0.0, 1.0, 1.0, 0.0], 2, level).len();
        assert_eq!((corners(0.6), corners(0.4)), (1, 2));
    }
}
