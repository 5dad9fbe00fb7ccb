//! The map from values to the page, and the layers of a panel drawn through it.

use super::drawing::{Align, Drawing, Place};
use super::figure::{Cells, Layer};
use super::layout::Span;
use super::palette::{AXIS, Colour, Marker};

pub(super) const LINE_WIDTH: f64 = 1.75;
const HAIRLINE: f64 = 0.8;

/// The rectangle between the axes.
pub(super) struct Frame<'a> {
    pub corner: Place,
    pub size: (f64, f64),
    pub x: &'a Span,
    pub y: &'a Span,
}

impl Frame<'_> {
    /// On the page, if both values have a place; perhaps outside the axes.
    fn place(&self, [x, y]: [f64; 2]) -> Option<Place> {
        let (fx, fy) = (self.x.fraction(x)?, self.y.fraction(y)?);
        let far = |f: f64| f.clamp(-1e4, 1e4);
        Some((self.corner.0 + far(fx) * self.size.0, self.corner.1 + (1.0 - far(fy)) * self.size.1))
    }

    fn holds(&self, (x, y): Place) -> bool {
        let (dx, dy) = (x - self.corner.0, y - self.corner.1);
        (-0.01..=self.size.0 + 0.01).contains(&dx) && (-0.01..=self.size.1 + 0.01).contains(&dy)
    }

    /// The part of a segment between the axes (Liang and Barsky, 1984).
    fn clip(&self, a: Place, b: Place) -> Option<(Place, Place)> {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (left, top) = self.corner;
        let (right, bottom) = (left + self.size.0, top + self.size.1);
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        for (p, q) in [(-dx, a.0 - left), (dx, right - a.0), (-dy, a.1 - top), (dy, bottom - a.1)] {
            match p {
                p if p < 0.0 => enter = enter.max(q / p),
                p if p > 0.0 => leave = leave.min(q / p),
                _ if q < 0.0 => return None,
                _ => {}
            }
        }
        let at = |s: f64| (a.0 + s * dx, a.1 + s * dy);
        (enter <= leave).then(|| (at(enter), at(leave)))
    }

    pub(super) fn layer(&self, drawing: &mut Drawing, layer: &Layer) {
        match layer {
            Layer::Line { points, colour, dashed, .. } => {
                self.line(drawing, points, *colour, *dashed, LINE_WIDTH)
            }
            Layer::Hairline { points, colour } => {
                self.line(drawing, points, *colour, false, HAIRLINE)
            }
            Layer::Points { points, marker, colour, radius, outlined, .. } => {
                let places =
                    points.iter().filter_map(|&p| self.place(p)).filter(|&p| self.holds(p));
                for place in places {
                    drawing.marker(place, *marker, *radius, *colour, *outlined);
                }
            }
            Layer::Cells(cells) => self.cells(drawing, cells),
            Layer::Areas { curves, colour } => {
                for curve in curves {
                    let places = curve.iter().filter_map(|&p| self.place(p)).collect();
                    drawing.polygon(self.cut(places), *colour);
                }
            }
            Layer::Origin => self.origin(drawing),
            Layer::Faces(faces) => {
                for face in faces {
                    let place = |p: &[f64; 2]| self.place(*p).filter(|&p| self.holds(p));
                    if let Some(points) = face.points.iter().map(place).collect() {
                        drawing.polygon(points, face.colour);
                    }
                }
            }
            Layer::Notes(notes) => {
                for note in notes {
                    if let Some((x, y)) = self.place(note.at).filter(|&p| self.holds(p)) {
                        drawing.text_in(
                            (x, y + note.down),
                            &note.text,
                            note.size,
                            Align::Middle,
                            note.colour,
                        );
                    }
                }
            }
        }
    }

    /// The part of a polygon between the axes (Sutherland and Hodgman, 1974).
    fn cut(&self, mut polygon: Vec<Place>) -> Vec<Place> {
        let (left, top) = self.corner;
        let (right, bottom) = (left + self.size.0, top + self.size.1);
        // How far inside each edge a place is.
        let edges: [&dyn Fn(Place) -> f64; 4] =
            [&|p| p.0 - left, &|p| right - p.0, &|p| p.1 - top, &|p| bottom - p.1];
        for inside in edges {
            if polygon.iter().all(|&p| inside(p) >= 0.0) {
                continue;
            }
            let mut kept = Vec::with_capacity(polygon.len() + 4);
            let mut before = polygon.last().copied();
            for &p in &polygon {
                if let Some(q) = before {
                    let (from, to) = (inside(q), inside(p));
                    if (from >= 0.0) != (to >= 0.0) {
                        let s = from / (from - to);
                        kept.push((q.0 + s * (p.0 - q.0), q.1 + s * (p.1 - q.1)));
                    }
                    if to >= 0.0 {
                        kept.push(p);
                    }
                }
                before = Some(p);
            }
            polygon = kept;
        }
        polygon
    }

    fn origin(&self, drawing: &mut Drawing) {
        const THIN: f64 = 0.75;
        let (left, top) = self.corner;
        let (right, bottom) = (left + self.size.0, top + self.size.1);
        if let Some(f) = self.x.fraction(0.0).filter(|f| (0.0..=1.0).contains(f)) {
            let x = left + f * self.size.0;
            drawing.path(vec![(x, top), (x, bottom)], AXIS, THIN);
        }
        if let Some(f) = self.y.fraction(0.0).filter(|f| (0.0..=1.0).contains(f)) {
            let y = bottom - f * self.size.1;
            drawing.path(vec![(left, y), (right, y)], AXIS, THIN);
        }
    }

    fn line(
        &self,
        drawing: &mut Drawing,
        points: &[[f64; 2]],
        colour: Colour,
        dashed: bool,
        width: f64,
    ) {
        let mut stretches: Vec<Vec<Place>> = vec![Vec::new()];
        for &point in points {
            match (self.place(point), stretches.last_mut()) {
                (Some(place), Some(stretch)) => stretch.push(place),
                _ => stretches.push(Vec::new()),
            }
        }
        for stretch in stretches.into_iter().map(thinned) {
            if let [alone] = stretch.as_slice() {
                if self.holds(*alone) {
                    drawing.marker(*alone, Marker::Circle, width * 1.5, colour, false);
                }
                continue;
            }
            let mut run: Vec<Place> = Vec::new();
            let mut runs = Vec::new();
            for pair in stretch.windows(2) {
                let &[a, b] = pair else { continue };
                let Some((from, to)) = self.clip(a, b) else { continue };
                if run.last() != Some(&from) {
                    runs.push(std::mem::replace(&mut run, vec![from]));
                }
                run.push(to);
            }
            runs.push(run);
            for run in runs.into_iter().filter(|run| run.len() > 1) {
                if dashed {
                    drawing.dashes(&run, colour, width);
                } else {
                    drawing.path(run, colour, width);
                }
            }
        }
    }

    fn cells(&self, drawing: &mut Drawing, cells: &Cells) {
        if cells.columns == 0 {
            return;
        }
        let rows = cells.colours.len() / cells.columns;
        let at = |(from, to): (f64, f64), k: usize, n: usize| {
            from + (to - from) * k as f64 / n.max(1) as f64
        };
        for (r, row) in cells.colours.chunks_exact(cells.columns).enumerate() {
            let mut start = 0;
            // Neighbours of one colour are one rectangle.
            for run in row.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                let corner = |c: usize, r: usize| {
                    self.place([at(cells.x, c, cells.columns), at(cells.y, r, rows)])
                };
                if let (Some(a), Some(b), Some(&colour)) =
                    (corner(start, r), corner(end, r + 1), run.first())
                {
                    self.cell(
                        drawing,
                        (a.0.min(b.0), a.1.min(b.1)),
                        (a.0.max(b.0), a.1.max(b.1)),
                        colour,
                    );
                }
                start = end;
            }
        }
    }

    /// A cell reaches a little below the next ones, so that no ground shines through between them.
    fn cell(&self, drawing: &mut Drawing, from: Place, to: Place, colour: Colour) {
        let (right, bottom) = (self.corner.0 + self.size.0, self.corner.1 + self.size.1);
        let from = (from.0.max(self.corner.0), from.1.max(self.corner.1));
        let to = ((to.0 + 0.25).min(right), (to.1 + 0.25).min(bottom));
        if from.0 < to.0 && from.1 < to.1 {
            drawing.rect(from, to, colour);
        }
    }
}

/// A path of thousands of points without those that cannot be seen: of the points in each quarter of a pixel
/// across, the first, the lowest, the highest and the last remain (Jugel and others, M4, 2014).
fn thinned(path: Vec<Place>) -> Vec<Place> {
    if path.len() < 4000 {
        return path;
    }
    let column = |p: &Place| (p.0 * 4.0).floor();
    let mut kept = Vec::new();
    for group in path.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |&(_, a): &(usize, &Place), &(_, b): &(usize, &Place)| a.1.total_cmp(&b.1);
        let highest = group.iter().enumerate().min_by(by_height).map_or(0, |(k, _)| k);
        let lowest = group.iter().enumerate().max_by(by_height).map_or(0, |(k, _)| k);
        let mut seen = [0, highest.min(lowest), highest.max(lowest), group.len() - 1].to_vec();
        seen.dedup();
        kept.extend(seen.into_iter().filter_map(|k| group.get(k)));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polygon_is_cut_at_the_axes() {
        use crate::report::{Axis, Figure, Panel};
        let curves = vec![vec![[-1.0, 0.5], [0.5, 2.0], [2.0, 0.5], [0.5, -1.0]]];
        let unit = || Axis::default().over((0.0, 1.0));
        let panel = Panel {
            size: (100.0, 100.0),
            x: unit(),
            y: unit(),
            layers: vec![Layer::Areas { curves, colour: AXIS }],
            ..Panel::default()
        };
        let figure = Figure { panels: vec![panel], ..Figure::default() };
        let drawing = super::super::layout::draw(&figure).unwrap();
        let polygon = drawing.shapes.iter().find_map(|shape| match shape {
            super::super::drawing::Shape::Polygon { points, .. } => Some(points.clone()),
            _ => None,
        });
        // The diamond |x - 1/2| + |y - 1/2| ≤ 3/2 covers the unit square: its corners are left.
        let polygon = polygon.unwrap();
        let area: f64 = (0..polygon.len())
            .map(|k| (polygon[k], polygon[(k + 1) % polygon.len()]))
            .map(|(p, q)| 0.5 * (p.0 * q.1 - p.1 * q.0))
            .sum();
        assert!((area.abs() - 1e4).abs() < 1e-6, "{area}");
    }

    #[test]
    fn a_thinned_path_keeps_its_extremes() {
        let path: Vec<Place> =
            (0..100_000).map(|k| (f64::from(k) * 1e-3, f64::from(k * 7919 % 100_003))).collect();
        let span = |path: &[Place]| {
            path.iter().fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p.1), b.max(p.1)))
        };
        let thin = thinned(path.clone());
        assert!(thin.len() <= 4 * 401, "{}", thin.len());
        assert_eq!(span(&thin), span(&path));
        assert_eq!((thin.first(), thin.last()), (path.first(), path.last()));
    }
}
