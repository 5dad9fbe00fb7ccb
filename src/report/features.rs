//! The states of a network as they move through time.

use super::decision::radius;
use super::figure::{Data, Figure, Layer, Panel, number};
use super::palette::{class_colour, class_marker};
use super::{Axis, ReportError, Scale, class_names, extent};

/// The states of all samples at one time, projected onto the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub time: f64,
    /// A place a sample, in the same order at every time.
    pub points: Vec<[f64; 2]>,
}

/// States at several times; the projection is the caller's.
#[derive(Clone, Debug, Default)]
pub struct Features {
    pub title: String,
    /// Names of the two coordinates, e.g. `principal component 1`.
    pub axes: [String; 2],
    /// The class of each sample.
    pub class: Vec<usize>,
    pub classes: usize,
    /// May be shorter than the number of classes.
    pub class_names: Vec<String>,
    pub frames: Vec<Frame>,
}

/// One small panel a time, all on one scale, the samples in the colours and markers of their classes.
///
/// # Errors
/// [`ReportError`] if there are no frames, a frame has more or fewer points than samples, or a class is not one
/// of `classes`.
pub fn features(features: &Features) -> Result<Figure, ReportError> {
    const FIGURE: &str = "features";
    let samples = features.class.len();
    if features.frames.is_empty() || samples == 0 {
        let what = if samples == 0 { "the list of samples" } else { "the list of times" };
        return Err(ReportError::Empty { figure: FIGURE, what });
    }
    if let Some(frame) = features.frames.iter().find(|f| f.points.len() != samples) {
        let (expected, found) = (samples, frame.points.len());
        return Err(ReportError::Count { figure: FIGURE, what: "a frame", expected, found });
    }
    if let Some(&found) = features.class.iter().find(|&&class| class >= features.classes) {
        let (what, classes) = ("the list of samples", features.classes);
        return Err(ReportError::Class { figure: FIGURE, what, found, classes });
    }

    let names = class_names(&features.class_names, features.classes);
    let range = |coordinate: usize| {
        let points = features.frames.iter().flat_map(|f| &f.points);
        let drawn = points.filter(|p| p.iter().all(|v| v.is_finite()));
        extent(drawn.filter_map(|p| p.get(coordinate).copied()), Scale::Linear, 0.06)
    };
    let ranges = (range(0), range(1));
    let panel = |(k, frame): (usize, &Frame)| {
        let layer = |(class, name): (usize, &String)| Layer::Points {
            name: Some(name.clone()),
            points: points_of(frame, &features.class, class),
            marker: class_marker(class),
            colour: class_colour(class, features.classes),
            radius: radius(2 * samples),
            outlined: samples <= 300,
        };
        let [x, y] = features.axes.clone();
        let bare = k > 0;
        Panel {
            title: format!("t = {}", time(frame.time)),
            size: (168.0, 168.0),
            x: Axis::linear(x).over(ranges.0),
            y: Axis { bare, ..Axis::linear(if bare { String::new() } else { y }) }.over(ranges.1),
            layers: names.iter().enumerate().map(layer).collect(),
            ..Panel::default()
        }
    };

    let mut data = Data::new(["time", "sample", "class", "x", "y"]);
    for frame in &features.frames {
        for (k, (point, class)) in frame.points.iter().zip(&features.class).enumerate() {
            let [x, y] = point.map(number);
            data.push([number(frame.time), k.to_string(), class.to_string(), x, y]);
        }
    }
    let panels: Vec<Panel> = features.frames.iter().enumerate().map(panel).collect();
    Ok(Figure { title: features.title.clone(), columns: panels.len().min(5), panels, data })
}

fn points_of(frame: &Frame, classes: &[usize], class: usize) -> Vec<[f64; 2]> {
    let pairs = frame.points.iter().zip(classes);
    pairs.filter(|&(_, &c)| c == class).map(|(p, _)| *p).collect()
}

/// Three significant digits, without the zeros that end a fraction.
fn time(t: f64) -> String {
    if t != 0.0 && !(1e-3..1e4).contains(&t.abs()) {
        return format!("{t:.2e}");
    }
    let text = format!("{t:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
