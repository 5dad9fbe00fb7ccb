//! A figure as a list of shapes on a page: what a layout produces and [`super::render`] puts on paper.

use super::palette::{AXIS, Colour, INK, Marker};

/// A place on the page in pixels, from its upper left corner.
pub(super) type Place = (f64, f64);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

/// Everything is opaque; later shapes cover earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Path {
        points: Vec<Place>,
        colour: Colour,
        width: f64,
    },
    Polygon {
        points: Vec<Place>,
        colour: Colour,
    },
    Rect {
        from: Place,
        to: Place,
        colour: Colour,
    },
    Disc {
        centre: Place,
        radius: f64,
        colour: Colour,
    },
    /// `at` is the vertical middle of the capitals; `upwards` turns the text to read from below.
    Text {
        at: Place,
        text: String,
        size: f64,
        colour: Colour,
        align: Align,
        upwards: bool,
    },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Drawing {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
}

impl Drawing {
    pub(super) fn text(&mut self, at: Place, text: &str, size: f64, align: Align) {
        self.text_in(at, text, size, align, INK);
    }

    pub(super) fn text_in(
        &mut self,
        at: Place,
        text: &str,
        size: f64,
        align: Align,
        colour: Colour,
    ) {
        self.shapes.push(Shape::Text {
            at,
            text: text.into(),
            size,
            colour,
            align,
            upwards: false,
        });
    }

    pub(super) fn text_upwards(&mut self, at: Place, text: &str, size: f64, align: Align) {
        let (text, colour) = (text.to_string(), INK);
        self.shapes.push(Shape::Text { at, text, size, colour, align, upwards: true });
    }

    pub(super) fn path(&mut self, points: Vec<Place>, colour: Colour, width: f64) {
        self.shapes.push(Shape::Path { points, colour, width });
    }

    /// A filled polygon; fewer than three corners are nothing.
    pub(super) fn polygon(&mut self, points: Vec<Place>, colour: Colour) {
        if points.len() > 2 {
            self.shapes.push(Shape::Polygon { points, colour });
        }
    }

    pub(super) fn axis_line(&mut self, from: Place, to: Place) {
        self.path(vec![from, to], AXIS, 1.0);
    }

    pub(super) fn rect(&mut self, from: Place, to: Place, colour: Colour) {
        self.shapes.push(Shape::Rect { from, to, colour });
    }

    fn disc(&mut self, centre: Place, radius: f64, colour: Colour) {
        self.shapes.push(Shape::Disc { centre, radius, colour });
    }

    /// Strokes of 6 px and gaps of 4 px along a path. Cut here, since not every backend knows dashes.
    pub(super) fn dashes(&mut self, points: &[Place], colour: Colour, width: f64) {
        const PATTERN: [f64; 2] = [6.0, 4.0];
        let (mut drawn, mut left, mut stroke) = (true, PATTERN[0], Vec::new());
        for pair in points.windows(2) {
            let &[a, b] = pair else { continue };
            let length = (b.0 - a.0).hypot(b.1 - a.1);
            let along = |s: f64| (a.0 + (b.0 - a.0) * s / length, a.1 + (b.1 - a.1) * s / length);
            let mut done = 0.0;
            if drawn && stroke.is_empty() {
                stroke.push(a);
            }
            while length - done > left {
                done += left;
                if drawn {
                    stroke.push(along(done));
                    self.path(std::mem::take(&mut stroke), colour, width);
                } else {
                    stroke = vec![along(done)];
                }
                drawn = !drawn;
                left = PATTERN[usize::from(!drawn)];
            }
            left -= length - done;
            if drawn {
                stroke.push(b);
            }
        }
        if stroke.len() > 1 {
            self.path(stroke, colour, width);
        }
    }

    /// A point of the given radius, with a thin dark outline if wanted.
    pub(super) fn marker(
        &mut self,
        at: Place,
        marker: Marker,
        radius: f64,
        colour: Colour,
        outlined: bool,
    ) {
        if marker == Marker::Cross {
            let r = radius * 0.85;
            for (dx, dy) in [(r, r), (r, -r)] {
                self.path(vec![(at.0 - dx, at.1 - dy), (at.0 + dx, at.1 + dy)], colour, 1.5);
            }
            return;
        }
        if outlined {
            self.solid_marker(at, marker, radius + OUTLINE, INK);
        }
        self.solid_marker(at, marker, radius, colour);
    }

    fn solid_marker(&mut self, at: Place, marker: Marker, radius: f64, colour: Colour) {
        // Radii are those of equal area, about.
        let (corners, first, stretch) = match marker {
            Marker::Circle | Marker::Cross => return self.disc(at, radius, colour),
            Marker::Square => (4, 45.0, 1.2),
            Marker::Diamond => (4, 0.0, 1.25),
            Marker::TriangleUp => (3, -90.0, 1.4),
            Marker::TriangleDown => (3, 90.0, 1.4),
            Marker::Pentagon => (5, -90.0, 1.15),
        };
        let corner = |k: i32| {
            let angle = (first + 360.0 * f64::from(k) / f64::from(corners)).to_radians();
            (at.0 + stretch * radius * angle.cos(), at.1 + stretch * radius * angle.sin())
        };
        self.shapes.push(Shape::Polygon { points: (0..corners).map(corner).collect(), colour });
    }
}

/// Width of the outline of a point, px.
const OUTLINE: f64 = 0.75;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::palette::INK;

    #[test]
    fn dashes_cover_three_fifths_of_a_long_path() {
        let mut drawing = Drawing::default();
        let corner: Vec<Place> =
            (0..=1000).map(|k| (f64::from(k), 0.0)).chain([(1000.0, 1000.0)]).collect();
        drawing.dashes(&corner, INK, 1.0);
        let drawn: f64 = drawing
            .shapes
            .iter()
            .map(|shape| match shape {
                Shape::Path { points, .. } => {
                    points.windows(2).map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum::<f64>()
                }
                _ => 0.0,
            })
            .sum();
        assert!((drawn - 1200.0).abs() < 1e-6, "{drawn}");
    }

    #[test]
    fn a_path_of_no_length_has_no_dashes() {
        let mut drawing = Drawing::default();
        drawing.dashes(&[(1.0, 1.0)], INK, 1.0);
        assert!(drawing.shapes.is_empty());
    }
}
