//! The legend: above the panels, so that it covers no data.

use super::drawing::{Align, Drawing, Place};
use super::figure::{Figure, Layer};
use super::font::Typeface;
use super::frame::LINE_WIDTH;
use super::layout::{GAP, TICK_SIZE};
use super::palette::{Colour, Marker};

/// An entry of the legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    name: String,
    line: Option<(Colour, bool)>,
    marker: Option<(Marker, Colour, f64, bool)>,
}

impl Key {
    const SAMPLE: f64 = 24.0;

    /// The entries of all named layers, in the order in which they appear.
    pub(super) fn of(figure: &Figure) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        for layer in figure.panels.iter().flat_map(|p| &p.layers) {
            let key = match layer {
                Layer::Line { name: Some(name), colour, dashed, .. } => {
                    Key { name: name.clone(), line: Some((*colour, *dashed)), marker: None }
                }
                Layer::Points { name: Some(name), marker, colour, radius, outlined, .. } => {
                    let marker = Some((*marker, *colour, radius.clamp(3.0, 5.0), *outlined));
                    Key { name: name.clone(), line: None, marker }
                }
                _ => continue,
            };
            match keys.iter_mut().find(|k| k.name == key.name) {
                Some(known) => {
                    known.line = known.line.or(key.line);
                    known.marker = known.marker.or(key.marker);
                }
                None => keys.push(key),
            }
        }
        keys
    }

    fn sample(&self) -> f64 {
        if self.line.is_some() { Self::SAMPLE } else { 10.0 }
    }

    pub(super) fn width(&self, typeface: &Typeface) -> f64 {
        self.sample() + 6.0 + typeface.width(&self.name, TICK_SIZE)
    }
}

/// Rows of entries from `at` on; returns where the panels may begin.
pub(super) fn legend(drawing: &mut Drawing, keys: &[Key], at: Place, typeface: &Typeface) -> f64 {
    const ROW: f64 = TICK_SIZE + 7.0;
    if keys.is_empty() {
        return at.1;
    }
    let right = drawing.width - GAP;
    let (mut x, mut y) = (at.0, at.1 + TICK_SIZE / 2.0);
    for key in keys {
        if x > at.0 && x + key.width(typeface) > right {
            (x, y) = (at.0, y + ROW);
        }
        let sample = key.sample();
        if let Some((colour, dashed)) = key.line {
            let ends = [(x, y), (x + sample, y)];
            if dashed {
                drawing.dashes(&ends, colour, LINE_WIDTH);
            } else {
                drawing.path(ends.to_vec(), colour, LINE_WIDTH);
            }
        }
        if let Some((marker, colour, radius, outlined)) = key.marker {
            drawing.marker((x + sample / 2.0, y), marker, radius, colour, outlined);
        }
        let name = typeface.fit(&key.name, TICK_SIZE, right - x - sample - 6.0);
        drawing.text((x + sample + 6.0, y), &name, TICK_SIZE, Align::Left);
        x += key.width(typeface) + 14.0;
    }
    y + TICK_SIZE / 2.0 + 8.0
}
