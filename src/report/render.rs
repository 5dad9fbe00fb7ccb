//! A drawing on paper: one walk over its shapes, generic over the plotters backend, for SVG and PNG.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle,
};

use super::drawing::{Align, Drawing, Place, Shape};
use super::font::{FAMILY, HALF_CAPITAL, HALF_X, Typeface};
use super::palette::Colour;

/// Backends take whole numbers: one page pixel is this many of their units, so that curves stay smooth.
const UNITS: f64 = 4.0;
/// A pixel of the PNG averages a square of this many units a side: twice the resolution of the page.
const AVERAGED: u32 = 2;

/// Backends differ in their error types; whoever writes the file adds its name.
pub(super) type Drawn = Result<(), Box<dyn Error + Send + Sync>>;

/// What plotters draws well enough in an SVG only: its bitmaps take thick paths for polygons, which leaves
/// holes at sharp turns, and set every letter flush left in its advance.
trait Surface: DrawingBackend<ErrorType: 'static> {
    fn stroke(&mut self, points: &[(i32, i32)], style: ShapeStyle) -> Drawn;
    fn letter(&mut self, text: &str, style: &TextStyle, at: (i32, i32)) -> Drawn;
}

impl Surface for SVGBackend<'_> {
    fn stroke(&mut self, points: &[(i32, i32)], style: ShapeStyle) -> Drawn {
        Ok(self.draw_path(points.iter().copied(), &style)?)
    }

    fn letter(&mut self, text: &str, style: &TextStyle, at: (i32, i32)) -> Drawn {
        Ok(self.draw_text(text, style, at)?)
    }
}

impl Surface for BitMapBackend<'_> {
    /// Each segment is the set of points no further than half the width from it: round joins and ends.
    fn stroke(&mut self, points: &[(i32, i32)], style: ShapeStyle) -> Drawn {
        let radius = f64::from(style.stroke_width) / 2.0;
        let margin = radius.ceil() as i32;
        for pair in points.windows(2) {
            let &[(ax, ay), (bx, by)] = pair else { continue };
            let (dx, dy) = (f64::from(bx - ax), f64::from(by - ay));
            let square = (dx * dx + dy * dy).max(1.0);
            for y in ay.min(by) - margin..ay.max(by) + margin {
                for x in ax.min(bx) - margin..ax.max(bx) + margin {
                    let (px, py) = (f64::from(x - ax) + 0.5, f64::from(y - ay) + 0.5);
                    let s = ((px * dx + py * dy) / square).clamp(0.0, 1.0);
                    if (px - s * dx).hypot(py - s * dy) <= radius {
                        self.draw_pixel((x, y), style.color.to_backend_color())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn letter(&mut self, text: &str, style: &TextStyle, at: (i32, i32)) -> Drawn {
        let typeface = Typeface::load()?;
        let size = style.font.get_size() / PLOTTERS_EM;
        let start = match style.pos.h_pos {
            HPos::Left => 0.0,
            HPos::Center => -0.5 * typeface.width(text, size),
            HPos::Right => -typeface.width(text, size),
        };
        let (start, baseline) = (start.round() as i32, (HALF_X * size).round() as i32);
        let mut result = Ok(());
        typeface.rasterise(text, size, |x, y, coverage| {
            let (x, y) = style.font.get_transform().transform(start + x, baseline + y);
            if result.is_ok() {
                let colour = style.color.mix(coverage.min(1.0));
                result = self.draw_pixel((at.0 + x, at.1 + y), colour);
            }
        });
        Ok(result?)
    }
}

/// plotters counts font sizes in 1/1.24 em.
const PLOTTERS_EM: f64 = 1.24;

fn units(value: f64) -> i32 {
    (value * UNITS).round() as i32
}

fn on_grid(place: Place) -> (i32, i32) {
    (units(place.0), units(place.1))
}

fn style(colour: Colour, width: f64) -> ShapeStyle {
    let color = RGBColor(colour.0, colour.1, colour.2).to_rgba();
    ShapeStyle { color, filled: true, stroke_width: units(width).max(1) as u32 }
}

fn put<S: Surface>(drawing: &Drawing, surface: &mut S) -> Drawn {
    surface.draw_rect(
        (0, 0),
        on_grid((drawing.width, drawing.height)),
        &style(super::palette::WHITE, 1.0),
        true,
    )?;
    for shape in &drawing.shapes {
        match shape {
            Shape::Path { points, colour, width } => {
                let points: Vec<_> = points.iter().map(|&p| on_grid(p)).collect();
                surface.stroke(&points, style(*colour, *width))?;
            }
            Shape::Polygon { points, colour } => {
                surface.fill_polygon(points.iter().map(|&p| on_grid(p)), &style(*colour, 1.0))?;
            }
            Shape::Rect { from, to, colour } => {
                surface.draw_rect(on_grid(*from), on_grid(*to), &style(*colour, 1.0), true)?;
            }
            Shape::Disc { centre, radius, colour } => {
                surface.draw_circle(
                    on_grid(*centre),
                    units(*radius) as u32,
                    &style(*colour, 1.0),
                    true,
                )?;
            }
            Shape::Text { at, text, size, colour, align, upwards } => {
                let down = (HALF_CAPITAL - HALF_X) * size;
                let (at, turn) = if *upwards {
                    ((at.0 + down, at.1), FontTransform::Rotate270)
                } else {
                    ((at.0, at.1 + down), FontTransform::None)
                };
                let h_pos = match align {
                    Align::Left => HPos::Left,
                    Align::Middle => HPos::Center,
                    Align::Right => HPos::Right,
                };
                let size = size * UNITS * PLOTTERS_EM;
                let font = FontDesc::new(FontFamily::Name(FAMILY), size, FontStyle::Normal);
                let colour = RGBColor(colour.0, colour.1, colour.2);
                let text_style = TextStyle::from(font.transform(turn))
                    .color(&colour)
                    .pos(Pos::new(h_pos, VPos::Center));
                surface.letter(text, &text_style, on_grid(at))?;
            }
        }
    }
    surface.present()?;
    Ok(())
}

fn size_in_units(drawing: &Drawing) -> (u32, u32) {
    let side = |length: f64| ((length * UNITS).ceil() as u32).max(AVERAGED);
    (side(drawing.width), side(drawing.height))
}

/// The drawing as an SVG document.
pub(super) fn svg(drawing: &Drawing) -> Result<String, Box<dyn Error + Send + Sync>> {
    let (width, height) = size_in_units(drawing);
    let mut body = String::new();
    put(drawing, &mut SVGBackend::with_string(&mut body, (width, height)))?;
    // The backend's own opening tag would show the page in units rather than pixels.
    let shapes = body.split_once('\n').map_or("", |(_, shapes)| shapes);
    Ok(format!(
        "<svg width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" stroke-linejoin=\"round\" \
         stroke-linecap=\"round\" xmlns=\"http://www.w3.org/2000/svg\">\n{shapes}",
        drawing.width, drawing.height,
    ))
}

/// The drawing as a PNG file of twice the page's pixels a side.
pub(super) fn png(drawing: &Drawing, path: &Path) -> Drawn {
    let (width, height) = size_in_units(drawing);
    let mut fine = vec![255u8; 3 * width as usize * height as usize];
    put(drawing, &mut BitMapBackend::with_buffer(&mut fine, (width, height)))?;
    let (columns, rows) = (width / AVERAGED, height / AVERAGED);
    let (side, row) = (AVERAGED as usize, 3 * width as usize);
    let mut coarse = Vec::with_capacity(3 * columns as usize * rows as usize);
    for band in fine.chunks_exact(side * row) {
        for x in 0..columns as usize {
            for channel in 0..3 {
                let square = band.chunks_exact(row).flat_map(|line| {
                    line.iter().skip(3 * side * x + channel).step_by(3).take(side)
                });
                let sum: u32 = square.map(|&value| u32::from(value)).sum();
                coarse.push((sum / (AVERAGED * AVERAGED)) as u8);
            }
        }
    }
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), columns, rows);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&coarse)?;
    writer.finish()?;
    Ok(())
}
