//! The one typeface of the figures. It is embedded, so that text has the same size on every machine
//! and no system font is looked for.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};

use super::ReportError;

/// DejaVu Sans 2.37; its licence is beside it.
static DEJAVU_SANS: &[u8] = include_bytes!("../../assets/DejaVuSans.ttf");

/// What an SVG asks for, in order of preference.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";

/// Half the height of DejaVu's capitals and of its x, in em. An SVG centres text on the x-height;
/// labels are mostly digits and capitals, so they are moved down by the difference.
pub(super) const HALF_CAPITAL: f64 = 0.3645;
pub(super) const HALF_X: f64 = 0.2735;

pub(super) struct Typeface(FontRef<'static>);

impl Typeface {
    pub(super) fn load() -> Result<Self, ReportError> {
        FontRef::try_from_slice(DEJAVU_SANS).map(Typeface).map_err(|_| ReportError::Typeface)
    }

    /// Glyphs of `text` set from the origin on the baseline, and the advance, at `size` pixels per em.
    fn set(&self, text: &str, size: f64) -> (Vec<Glyph>, f64) {
        // `PxScale` is the distance from ascender to descender, not the em.
        let units = f64::from(self.0.units_per_em().unwrap_or(2048.0));
        let scale = PxScale::from((size * f64::from(self.0.height_unscaled()) / units) as f32);
        let font = self.0.as_scaled(scale);
        let (mut glyphs, mut x, mut previous) = (Vec::new(), 0.0f32, None);
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            x += previous.map_or(0.0, |p| font.kern(p, id));
            glyphs.push(id.with_scale_and_position(scale, point(x, 0.0)));
            x += font.h_advance(id);
            previous = Some(id);
        }
        (glyphs, f64::from(x))
    }

    /// Width of `text` at `size` pixels per em.
    pub(super) fn width(&self, text: &str, size: f64) -> f64 {
        self.set(text, size).1
    }

    /// `text`, cut with an ellipsis where it would be wider than `room`.
    pub(super) fn fit(&self, text: &str, size: f64, room: f64) -> String {
        if self.width(text, size) <= room {
            return text.to_string();
        }
        let letters: Vec<char> = text.chars().collect();
        (1..letters.len())
            .rev()
            .map(|n| letters.iter().take(n).collect::<String>().trim_end().to_string() + "…")
            .find(|cut| self.width(cut, size) <= room)
            .unwrap_or_else(|| "…".to_string())
    }

    /// Calls `pixel(x, y, coverage)` for the pixels of `text`; the baseline starts at the origin, y points down.
    pub(super) fn rasterise(&self, text: &str, size: f64, mut pixel: impl FnMut(i32, i32, f64)) {
        for glyph in self.set(text, size).0 {
            if let Some(outline) = self.0.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|x, y, coverage| {
                    pixel(
                        x as i32 + corner.x as i32,
                        y as i32 + corner.y as i32,
                        f64::from(coverage),
                    );
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_measured_in_em() {
        let typeface = Typeface::load().unwrap();
        // Every digit of DejaVu Sans is 1303/2048 em wide.
        assert!((typeface.width("0123456789", 100.0) - 10.0 * 100.0 * 1303.0 / 2048.0).abs() < 0.5);
        assert_eq!(typeface.width("", 12.0), 0.0);
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let typeface = Typeface::load().unwrap();
        assert_eq!(typeface.fit("short", 12.0, 200.0), "short");
        let cut = typeface.fit("a rather long name of a class", 12.0, 80.0);
        assert!(cut.ends_with('…') && cut.starts_with("a rat"), "{cut}");
        assert!(typeface.width(&cut, 12.0) <= 80.0);
        assert_eq!(typeface.fit("wide", 12.0, 1.0), "…");
    }
}
