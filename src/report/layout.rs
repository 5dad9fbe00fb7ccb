//! From the values of a figure to shapes on a page.

use super::ReportError;
use super::axis::{Axis, Scale, Ticks, extent, is_range};
use super::drawing::{Align, Drawing, Place};
use super::figure::{Bar, Cells, Figure, Layer, Panel};
use super::font::Typeface;
use super::frame::Frame;
use super::legend::{Key, legend};
use super::palette::{AXIS, GRID};

pub(super) const TICK_SIZE: f64 = 12.0;
const LABEL_SIZE: f64 = 13.0;
const TITLE_SIZE: f64 = 14.0;
/// Around the page and between panels.
pub(super) const GAP: f64 = 14.0;
/// Length of a tick mark.
const TICK: f64 = 4.0;
/// Longest text of a tick before it is cut.
const NAME_ROOM: f64 = 150.0;
const BAR_WIDTH: f64 = 14.0;
/// The largest page in pixels; the PNG takes 48 bytes for each while it is drawn.
const PAGE_LIMIT: f64 = 6e6;
/// How far an axis label may stand out over the ends of its axis.
const LABEL_BEYOND: f64 = 40.0;

/// Room a panel needs around its axes.
#[derive(Clone, Copy, Debug, Default)]
struct Margins {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// A panel whose ranges, ticks and margins are settled.
struct Fitted<'a> {
    panel: &'a Panel,
    size: (f64, f64),
    x: Span,
    y: Span,
    /// Names of the x ticks are too wide to lie side by side.
    upright: bool,
    /// Room of the x ticks and their text.
    tick_depth: f64,
    margins: Margins,
}

/// An axis with its range and ticks.
pub(super) struct Span {
    range: (f64, f64),
    scale: Scale,
    ticks: Ticks,
    label: String,
}

impl Span {
    fn new(axis: &Axis, range: (f64, f64), wanted: usize, typeface: &Typeface) -> Span {
        let mut ticks = Ticks::new(axis, range, wanted);
        for tick in &mut ticks.ticks {
            tick.label = if axis.bare {
                String::new()
            } else {
                typeface.fit(&tick.label, TICK_SIZE, NAME_ROOM)
            };
        }
        // A neighbour names what a bare axis shows.
        let label = if axis.bare { axis.label.clone() } else { ticks.complete(&axis.label) };
        Span { range, scale: axis.scale, ticks, label }
    }

    /// Place of `value` in the range as a fraction, if it has one.
    pub(super) fn fraction(&self, value: f64) -> Option<f64> {
        let on = |v: f64| if self.scale == Scale::Log { v.log10() } else { v };
        let (low, high) = (on(self.range.0), on(self.range.1));
        // Halves, so that the difference of huge numbers does not overflow.
        let fraction = (on(value) / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        fraction.is_finite().then_some(fraction)
    }

    fn widest(&self, typeface: &Typeface) -> f64 {
        self.ticks.ticks.iter().map(|t| typeface.width(&t.label, TICK_SIZE)).fold(0.0, f64::max)
    }
}

/// Lays `figure` out.
pub(super) fn draw(figure: &Figure) -> Result<Drawing, ReportError> {
    if figure.panels.is_empty() {
        return Err(ReportError::Empty { figure: "figure", what: "the list of panels" });
    }
    let typeface = Typeface::load()?;
    let columns = figure.columns.clamp(1, figure.panels.len());
    let fitted: Vec<Fitted> =
        figure.panels.iter().map(|p| fit(p, &typeface)).collect::<Result<_, _>>()?;
    let rows = fitted.chunks(columns);

    // Panels of a column share their margins and width, panels of a row theirs and their height.
    let column_max = |c: usize, side: &dyn Fn(&Fitted) -> f64| {
        fitted.iter().skip(c).step_by(columns).map(side).fold(0.0, f64::max)
    };
    let lefts: Vec<f64> = (0..columns).map(|c| column_max(c, &|f| f.margins.left)).collect();
    let widths: Vec<f64> = (0..columns).map(|c| column_max(c, &|f| f.size.0)).collect();
    let rights: Vec<f64> = (0..columns).map(|c| column_max(c, &|f| f.margins.right)).collect();
    let total = |v: &[f64]| v.iter().sum::<f64>();
    let mut width = total(&lefts) + total(&widths) + total(&rights) + GAP * (columns + 1) as f64;

    let keys = Key::of(figure);
    let widest_key = keys.iter().map(|k| k.width(&typeface)).fold(0.0, f64::max);
    width = width.max(widest_key.min(400.0) + 2.0 * GAP);
    width = width.max(typeface.width(&figure.title, TITLE_SIZE).min(900.0) + 2.0 * GAP);

    let mut drawing = Drawing { width, ..Drawing::default() };
    let mut y = GAP;
    if !figure.title.is_empty() {
        let title = typeface.fit(&figure.title, TITLE_SIZE, width - 2.0 * GAP);
        drawing.text((GAP, y + TITLE_SIZE / 2.0), &title, TITLE_SIZE, Align::Left);
        y += TITLE_SIZE + 12.0;
    }
    let indent = lefts.first().map_or(GAP, |left| GAP + left);
    let indent = if indent + widest_key + GAP > width { GAP } else { indent };
    y = legend(&mut drawing, &keys, (indent, y), &typeface);
    for row in rows {
        let row_max = |side: &dyn Fn(&Fitted) -> f64| row.iter().map(side).fold(0.0, f64::max);
        let top = row_max(&|f| f.margins.top);
        let height = row_max(&|f| f.size.1);
        let mut x = GAP;
        for (c, fitted) in row.iter().enumerate() {
            let side = |v: &[f64]| v.get(c).copied().unwrap_or(0.0);
            x += side(&lefts);
            put(&mut drawing, fitted, (x, y + top), &typeface);
            x += side(&widths) + side(&rights) + GAP;
        }
        y += top + height + row_max(&|f| f.margins.bottom) + GAP;
    }
    (drawing.width, drawing.height) = (drawing.width.ceil(), y.ceil());
    if drawing.width * drawing.height > PAGE_LIMIT {
        let (width, height) = (drawing.width, drawing.height);
        return Err(ReportError::Page { width, height, limit: PAGE_LIMIT });
    }
    Ok(drawing)
}

fn fit<'a>(panel: &'a Panel, typeface: &Typeface) -> Result<Fitted<'a>, ReportError> {
    let (mut x_range, mut y_range) = (range_of(panel, 0, &panel.x), range_of(panel, 1, &panel.y));
    let mut size = panel.size;
    if panel.equal {
        if has_ground(panel) {
            size = equal_size(x_range, y_range, size);
        }
        (x_range, y_range) = equal_ranges(x_range, y_range, size.0 / size.1);
    }
    let (width, height) = size;
    let bar = panel.bar.as_ref().map(|bar| ("the colour bar", bar_range(bar), &bar.axis));
    let axes = [("the x axis", x_range, &panel.x), ("the y axis", y_range, &panel.y)];
    for (what, (from, to), axis) in axes.into_iter().chain(bar) {
        if !is_range((from, to), axis.scale) {
            return Err(ReportError::Range { figure: "figure", what, from, to });
        }
    }
    let y = Span::new(&panel.y, y_range, (height / 45.0) as usize, typeface);
    // As many x ticks as have room for their numbers.
    let fitting = |wanted: usize| {
        let span = Span::new(&panel.x, x_range, wanted, typeface);
        let named = span.ticks.ticks.iter().filter(|t| !t.label.is_empty()).count();
        let room = width / named.max(1) as f64;
        (span.widest(typeface) + 8.0 <= room, span)
    };
    let most = (width / 45.0).max(2.0) as usize;
    let (flat, x) =
        (2..=most).rev().map(fitting).find(|(flat, _)| *flat).unwrap_or_else(|| fitting(1));
    let upright = !flat && panel.x.names.is_some();

    let label_room = |span: &Span| if span.label.is_empty() { 0.0 } else { LABEL_SIZE + 9.0 };
    let (x_text, y_text) = (x.widest(typeface), y.widest(typeface));
    let tick_depth = TICK
        + match (upright, x_text > 0.0) {
            (true, _) => x_text + 6.0,
            (false, true) => TICK_SIZE + 5.0,
            (false, false) => 0.0,
        };
    // A number at the end of an axis may stand out over it by half its size.
    let beyond = if upright { TICK_SIZE / 2.0 } else { x_text / 2.0 };
    let stands_out = |label: &str, length: f64| {
        ((typeface.width(label, LABEL_SIZE) - length) / 2.0).clamp(0.0, LABEL_BEYOND)
    };
    let (long_label, y_label_beyond) = (stands_out(&x.label, width), stands_out(&y.label, height));
    let title_beyond = (typeface.width(&panel.title, LABEL_SIZE) - width).clamp(0.0, 200.0);
    let bar_room = panel.bar.as_ref().map_or(0.0, |bar| {
        let span = bar_span(bar, height, typeface);
        12.0 + BAR_WIDTH + TICK + 4.0 + span.widest(typeface) + label_room(&span) + 2.0
    });
    let title_room = if panel.title.is_empty() { 0.0 } else { LABEL_SIZE + 9.0 };
    let margins = Margins {
        left: (TICK + 4.0 + y_text + label_room(&y)).max(beyond).max(long_label),
        right: bar_room.max(beyond).max(long_label).max(title_beyond),
        top: (title_room + TICK_SIZE / 2.0).max(y_label_beyond),
        bottom: (tick_depth + label_room(&x) + 2.0).max(y_label_beyond),
    };
    Ok(Fitted { panel, size, x, y, upright, tick_depth, margins })
}

/// The given range of an axis, or that of the data: tight around cells, else with a margin.
fn range_of(panel: &Panel, coordinate: usize, axis: &Axis) -> (f64, f64) {
    if let Some(range) = axis.range {
        return range;
    }
    let ends = |cells: &Cells| {
        if coordinate == 0 { [cells.x.0, cells.x.1] } else { [cells.y.0, cells.y.1] }
    };
    let cells: Vec<f64> = panel
        .layers
        .iter()
        .filter_map(|layer| if let Layer::Cells(cells) = layer { Some(ends(cells)) } else { None })
        .flatten()
        .collect();
    if !cells.is_empty() {
        return extent(cells, axis.scale, 0.0);
    }
    let points = panel.layers.iter().flat_map(|layer| match layer {
        Layer::Line { points, .. }
        | Layer::Hairline { points, .. }
        | Layer::Points { points, .. } => points.as_slice(),
        Layer::Cells(_)
        | Layer::Faces(_)
        | Layer::Areas { .. }
        | Layer::Origin
        | Layer::Notes(_) => &[],
    });
    // A point counts with both coordinates, or one that is not drawn would stretch the other axis.
    let drawn = |p: &&[f64; 2]| p.iter().all(|v| v.is_finite());
    let values = points.filter(drawn).filter_map(|p| p.get(coordinate).copied());
    extent(values, axis.scale, if axis.whole { 0.02 } else { 0.04 })
}

/// Whether the ground of a panel is coloured, so that it has a shape of its own.
fn has_ground(panel: &Panel) -> bool {
    panel.layers.iter().any(|layer| matches!(layer, Layer::Cells(_) | Layer::Areas { .. }))
}

/// The largest rectangle within `size` of the shape of the ranges, but no side below a quarter of what it was.
fn equal_size(x: (f64, f64), y: (f64, f64), size: (f64, f64)) -> (f64, f64) {
    let (across, up) = ((x.1 - x.0).abs(), (y.1 - y.0).abs());
    let scale = (size.0 / across).min(size.1 / up);
    ((across * scale).max(size.0 / 4.0), (up * scale).max(size.1 / 4.0))
}

fn equal_ranges(x: (f64, f64), y: (f64, f64), aspect: f64) -> ((f64, f64), (f64, f64)) {
    let widen = |(from, to): (f64, f64), length: f64| {
        let (middle, half) = (from / 2.0 + to / 2.0, length / 2.0 * (to - from).signum());
        (middle - half, middle + half)
    };
    let (across, up) = ((x.1 - x.0).abs(), (y.1 - y.0).abs());
    if across < up * aspect { (widen(x, up * aspect), y) } else { (x, widen(y, across / aspect)) }
}

fn bar_range(bar: &Bar) -> (f64, f64) {
    bar.axis.range.unwrap_or((0.0, 1.0))
}

fn bar_span(bar: &Bar, height: f64, typeface: &Typeface) -> Span {
    Span::new(&bar.axis, bar_range(bar), (height / 45.0) as usize, typeface)
}

/// Draws a panel whose upper left corner between the axes is `corner`.
fn put(drawing: &mut Drawing, fitted: &Fitted, corner: Place, typeface: &Typeface) {
    let Fitted { panel, x, y, .. } = fitted;
    let (width, height) = fitted.size;
    let frame = Frame { corner, size: fitted.size, x, y };
    let (left, right, top, bottom) = (corner.0, corner.0 + width, corner.1, corner.1 + height);
    let boxed = panel.equal || has_ground(panel);

    let ticks_in = |span: &Span| {
        let inside = |f: f64| (-1e-6..=1.0 + 1e-6).contains(&f);
        let place = |t: &super::axis::Tick| {
            span.fraction(t.value).filter(|&f| inside(f)).map(|f| (f, t.label.clone()))
        };
        span.ticks.ticks.iter().filter_map(place).collect::<Vec<_>>()
    };
    let (x_ticks, y_ticks) = (ticks_in(x), ticks_in(y));
    if !boxed && !panel.bare {
        for (f, _) in x_ticks.iter().filter(|(_, label)| !label.is_empty()) {
            drawing.path(vec![(left + f * width, top), (left + f * width, bottom)], GRID, 0.75);
        }
        for (f, _) in y_ticks.iter().filter(|(_, label)| !label.is_empty() || panel.y.bare) {
            drawing.path(
                vec![(left, bottom - f * height), (right, bottom - f * height)],
                GRID,
                0.75,
            );
        }
    }
    for layer in &panel.layers {
        frame.layer(drawing, layer);
    }
    if !panel.bare {
        drawing.axis_line((left, bottom), (right, bottom));
        drawing.axis_line((left, top), (left, bottom));
    }
    if boxed {
        drawing.axis_line((left, top), (right, top));
        drawing.axis_line((right, top), (right, bottom));
    }
    for (f, label) in &x_ticks {
        let at = left + f * width;
        let small = label.is_empty() && !panel.x.bare;
        drawing.axis_line((at, bottom), (at, bottom + if small { TICK / 2.0 } else { TICK }));
        if fitted.upright {
            drawing.text_upwards((at, bottom + TICK + 5.0), label, TICK_SIZE, Align::Right);
        } else if !label.is_empty() {
            drawing.text(
                (at, bottom + TICK + 4.0 + TICK_SIZE / 2.0),
                label,
                TICK_SIZE,
                Align::Middle,
            );
        }
    }
    for (f, label) in &y_ticks {
        let at = bottom - f * height;
        let small = label.is_empty() && !panel.y.bare;
        drawing.axis_line((left - if small { TICK / 2.0 } else { TICK }, at), (left, at));
        if !label.is_empty() {
            drawing.text((left - TICK - 4.0, at), label, TICK_SIZE, Align::Right);
        }
    }
    if !panel.title.is_empty() {
        let title = typeface.fit(&panel.title, LABEL_SIZE, width + 200.0);
        drawing.text((left, top - 9.0 - LABEL_SIZE / 2.0), &title, LABEL_SIZE, Align::Left);
    }
    if !x.label.is_empty() {
        let label = typeface.fit(&x.label, LABEL_SIZE, width + 2.0 * LABEL_BEYOND);
        let at = bottom + fitted.tick_depth + 9.0 + LABEL_SIZE / 2.0;
        drawing.text((left + width / 2.0, at), &label, LABEL_SIZE, Align::Middle);
    }
    if !y.label.is_empty() {
        let label = typeface.fit(&y.label, LABEL_SIZE, height + 2.0 * LABEL_BEYOND);
        let at = left - TICK - 4.0 - y.widest(typeface) - 9.0 - LABEL_SIZE / 2.0;
        drawing.text_upwards((at, top + height / 2.0), &label, LABEL_SIZE, Align::Middle);
    }
    if let Some(bar) = &panel.bar {
        put_bar(drawing, bar, (right + 12.0, top), height, typeface);
    }
}

fn put_bar(drawing: &mut Drawing, bar: &Bar, corner: Place, height: f64, typeface: &Typeface) {
    let span = bar_span(bar, height, typeface);
    let (left, right) = (corner.0, corner.0 + BAR_WIDTH);
    let bottom = corner.1 + height;
    let pieces = 128u32;
    for k in 0..pieces {
        let fraction = |k: u32| bottom - height * f64::from(k) / f64::from(pieces);
        let colour = (bar.colours)((f64::from(k) + 0.5) / f64::from(pieces));
        drawing.rect((left, corner.1), (right, fraction(k)), colour);
    }
    let corners =
        [(left, corner.1), (right, corner.1), (right, bottom), (left, bottom), (left, corner.1)];
    drawing.path(corners.to_vec(), AXIS, 1.0);
    for tick in &span.ticks.ticks {
        let Some(f) = span.fraction(tick.value) else { continue };
        let at = bottom - f * height;
        let length = if tick.label.is_empty() { TICK / 2.0 } else { TICK };
        drawing.axis_line((right, at), (right + length, at));
        if !tick.label.is_empty() {
            drawing.text((right + TICK + 4.0, at), &tick.label, TICK_SIZE, Align::Left);
        }
    }
    let at = (
        right + TICK + 4.0 + span.widest(typeface) + 6.0 + LABEL_SIZE / 2.0,
        corner.1 + height / 2.0,
    );
    let label = typeface.fit(&span.label, LABEL_SIZE, height + 40.0);
    if !label.is_empty() {
        drawing.text_upwards(at, &label, LABEL_SIZE, Align::Middle);
    }
}
