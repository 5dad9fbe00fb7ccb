//! The colours and markers of every figure, in one place.

/// An opaque sRGB colour. Figures overlay light on dark rather than blend, so that SVG and PNG agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// Page ground.
pub const WHITE: Colour = Colour(255, 255, 255);
/// Text, outlines of points, marks of errors.
pub const INK: Colour = Colour(34, 34, 34);
/// Axis lines and tick marks.
pub const AXIS: Colour = Colour(130, 130, 130);
/// Grid lines behind line charts.
pub const GRID: Colour = Colour(232, 232, 232);
/// A cell without a value.
pub const NO_VALUE: Colour = Colour(214, 214, 214);

/// Okabe and Ito, "Color Universal Design" (2008): eight colours told apart with any common colour vision,
/// reordered so that the first ones contrast most with white and with each other.
const OKABE_ITO: [Colour; 8] = [
    Colour(0, 114, 178),
    Colour(230, 159, 0),
    Colour(0, 158, 115),
    Colour(213, 94, 0),
    Colour(86, 180, 233),
    Colour(204, 121, 167),
    Colour(240, 228, 66),
    Colour(0, 0, 0),
];

/// Viridis of van der Walt and Smith (2015) at eighths; linear in between.
const VIRIDIS: [Colour; 9] = [
    Colour(68, 1, 84),
    Colour(71, 45, 123),
    Colour(59, 82, 139),
    Colour(44, 114, 142),
    Colour(33, 145, 140),
    Colour(40, 174, 128),
    Colour(94, 201, 98),
    Colour(173, 220, 48),
    Colour(253, 231, 37),
];

impl Colour {
    /// `(1 - s) self + s other` by channel, `s` clamped to [0, 1] (NaN is 0).
    pub fn mix(self, other: Colour, s: f64) -> Colour {
        let s = if s.is_nan() { 0.0 } else { s.clamp(0.0, 1.0) };
        let channel =
            |a: u8, b: u8| (f64::from(a) + s * (f64::from(b) - f64::from(a))).round() as u8;
        Colour(channel(self.0, other.0), channel(self.1, other.1), channel(self.2, other.2))
    }

    /// Relative luminance in [0, 1] (WCAG 2.1).
    pub fn luminance(self) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// The colour of text on this ground: ink or white, whichever has the higher WCAG contrast.
    pub fn text_on(self) -> Colour {
        let contrast = |text: Colour| {
            let (a, b) = (self.luminance(), text.luminance());
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        if contrast(INK) >= contrast(WHITE) { INK } else { WHITE }
    }
}

/// The colour of class or series `index` of `count`: Okabe-Ito up to eight, then samples of viridis.
pub fn class_colour(index: usize, count: usize) -> Colour {
    if count <= OKABE_ITO.len() {
        OKABE_ITO[index % OKABE_ITO.len()]
    } else {
        sequential((index % count) as f64 / (count - 1) as f64)
    }
}

/// The sequential colour map at `s` in [0, 1], dark to light; [`NO_VALUE`] for NaN.
pub fn sequential(s: f64) -> Colour {
    if s.is_nan() {
        return NO_VALUE;
    }
    let place = s.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let low = (place as usize).min(VIRIDIS.len() - 2);
    VIRIDIS[low].mix(VIRIDIS[low + 1], place - low as f64)
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    TriangleUp,
    Diamond,
    TriangleDown,
    Pentagon,
    Cross,
}

/// The marker of class `index`; the shapes repeat after six. [`Marker::Cross`] is kept for marking errors.
pub fn class_marker(index: usize) -> Marker {
    const CYCLE: [Marker; 6] = [
        Marker::Circle,
        Marker::TriangleUp,
        Marker::Square,
        Marker::Diamond,
        Marker::TriangleDown,
        Marker::Pentagon,
    ];
    CYCLE[index % CYCLE.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE 1976 L*a*b* (D65).
    fn lab(c: Colour) -> [f64; 3] {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let (r, g, b) = (linear(c.0), linear(c.1), linear(c.2));
        let f = |t: f64| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
        let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
        let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    fn distance(a: Colour, b: Colour) -> f64 {
        lab(a).iter().zip(lab(b)).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt()
    }

    fn least_distance(count: usize) -> f64 {
        (0..count)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| distance(class_colour(i, count), class_colour(j, count)))
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn classes_keep_their_distance() {
        for count in 2..=8 {
            assert!(least_distance(count) > 25.0, "{count}: {}", least_distance(count));
        }
        for count in 9..=12 {
            assert!(least_distance(count) > 10.0, "{count}: {}", least_distance(count));
        }
    }

    #[test]
    fn close_colours_of_many_classes_have_other_markers() {
        for index in 0..29 {
            assert_ne!(class_marker(index), class_marker(index + 1));
        }
    }

    #[test]
    fn text_has_contrast_on_every_ground() {
        for step in 0..=100 {
            let ground = sequential(f64::from(step) / 100.0);
            let (a, b) = (ground.luminance(), ground.text_on().luminance());
            assert!((a.max(b) + 0.05) / (a.min(b) + 0.05) >= 4.0, "{ground:?}");
        }
    }

    #[test]
    fn the_sequential_map_gets_lighter_and_survives_odd_values() {
        for step in 0..100 {
            let at = |s: i32| sequential(f64::from(s) / 100.0).luminance();
            assert!(at(step) < at(step + 1));
        }
        assert_eq!(sequential(f64::NAN), NO_VALUE);
        assert_eq!(sequential(f64::INFINITY), VIRIDIS[8]);
        assert_eq!(sequential(-1.0), VIRIDIS[0]);
    }
}
