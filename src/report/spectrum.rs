//! Eigenvalues along a network, and what grows: figures of a stability study.

use super::figure::{Bar, Data, Figure, Layer, Panel, number};
use super::palette::{Colour, Marker, WHITE, class_colour, sequential};
use super::{Axis, ReportError, Scale, extent};

/// Eigenvalues at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cloud {
    pub time: f64,
    pub points: Vec<[f64; 2]>,
}

/// Eigenvalues in the complex plane, coloured by time, later ones over earlier ones.
///
/// # Errors
/// [`ReportError::Empty`] without times.
pub fn eigenvalues(clouds: &[Cloud]) -> Result<Figure, ReportError> {
    const FIGURE: &str = "eigenvalues";
    let (Some(first), Some(last)) = (clouds.first(), clouds.last()) else {
        return Err(ReportError::Empty { figure: FIGURE, what: "the list of times" });
    };
    let times = extent([first.time, last.time], Scale::Linear, 0.0);
    let count: usize = clouds.iter().map(|cloud| cloud.points.len()).sum();
    let range = |k: usize| {
        let points = clouds.iter().flat_map(|cloud| &cloud.points);
        extent(points.filter_map(|p| p.get(k).copied()).chain([0.0]), Scale::Linear, 0.05)
    };
    let (x, y) = (range(0), range(1));
    let mut layers = vec![Layer::Origin];
    layers.extend(clouds.iter().map(|cloud| Layer::Points {
        name: None,
        points: cloud.points.clone(),
        marker: Marker::Circle,
        colour: late((cloud.time - times.0) / (times.1 - times.0)),
        radius: if count > 2000 { 1.4 } else { 2.2 },
        outlined: false,
    }));
    let mut data = Data::new(["time", "re", "im"]);
    for cloud in clouds {
        for point in &cloud.points {
            let [re, im] = point.map(number);
            data.push([number(cloud.time), re, im]);
        }
    }
    // As tall as is needed at one scale, within what can be read.
    let aspect = ((y.1 - y.0) / (x.1 - x.0)).clamp(0.45, 1.2);
    let panel = Panel {
        size: (460.0, 460.0 * aspect),
        x: Axis::linear("Re λ").over(x),
        y: Axis::linear("Im λ").over(y),
        equal: true,
        layers,
        bar: Some(Bar { axis: Axis::linear("time").over(times), colours: late }),
        ..Panel::default()
    };
    let title = "Eigenvalues of the Jacobian along the network".to_owned();
    Ok(Figure { title, columns: 1, panels: vec![panel], data })
}

/// The sequential map without its lightest part, which drowns on white.
fn late(s: f64) -> Colour {
    sequential(0.9 * s)
}

/// A quantity with its spread over samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Band {
    pub name: String,
    /// Of each point: where it stands, and the least, the middle and the largest value shown.
    pub points: Vec<(f64, [f64; 3])>,
    /// Drawn with dashes and without its ground, over another.
    pub dashed: bool,
}

/// One panel of bands.
#[derive(Clone, Debug, Default)]
pub struct Bands {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub bands: Vec<Band>,
    /// A horizontal line at this value.
    pub level: Option<f64>,
}

/// Panels of bands: the middle values as lines over the ground between the least and the largest.
///
/// # Errors
/// [`ReportError::Empty`] without panels or with a panel without bands.
pub fn bands(title: &str, panels: &[Bands]) -> Result<Figure, ReportError> {
    const FIGURE: &str = "bands";
    if panels.is_empty() || panels.iter().any(|panel| panel.bands.is_empty()) {
        return Err(ReportError::Empty { figure: FIGURE, what: "the list of bands" });
    }
    let mut data = Data::new(["panel", "band", "x", "low", "middle", "high"]);
    let count = panels.iter().map(|panel| panel.bands.len()).max().unwrap_or(1);
    let mut drawn = Vec::new();
    for panel in panels {
        let log = panel.y.scale == Scale::Log;
        let shown = |v: f64| v.is_finite() && (!log || v > 0.0);
        let mut layers = Vec::new();
        for (k, band) in panel.bands.iter().enumerate() {
            let whole: Vec<_> =
                band.points.iter().filter(|(_, ends)| ends.iter().all(|v| shown(*v))).collect();
            let there = whole.iter().map(|(x, [low, ..])| [*x, *low]);
            let back = whole.iter().rev().map(|(x, [.., high])| [*x, *high]);
            let curve: Vec<[f64; 2]> = there.chain(back).collect();
            let colour = WHITE.mix(class_colour(k, count), 0.22);
            if curve.len() > 2 && !band.dashed {
                layers.push(Layer::Areas { curves: vec![curve], colour });
            }
        }
        let ends = panel.bands.iter().flat_map(|band| band.points.iter());
        let range = |values: Vec<f64>, axis: &Axis, margin: f64| {
            axis.range.unwrap_or_else(|| extent(values, axis.scale, margin))
        };
        let x = range(ends.clone().map(|(x, _)| *x).collect(), &panel.x, 0.0);
        let all = ends.flat_map(|(_, ends)| ends.iter().copied()).chain(panel.level).collect();
        let y = range(all, &panel.y, 0.06);
        if let Some(level) = panel.level {
            let points = vec![[x.0, level], [x.1, level]];
            layers.push(Layer::Line { name: None, points, colour: LEVEL, dashed: false });
        }
        for (k, band) in panel.bands.iter().enumerate() {
            layers.push(Layer::Line {
                // The axis names a band that stands alone.
                name: (panel.bands.len() > 1).then(|| band.name.clone()),
                points: band.points.iter().map(|(x, [_, middle, _])| [*x, *middle]).collect(),
                colour: class_colour(k, count),
                dashed: band.dashed,
            });
            for (x, ends) in &band.points {
                let [low, middle, high] = ends.map(number);
                data.push([panel.title.clone(), band.name.clone(), number(*x), low, middle, high]);
            }
        }
        drawn.push(Panel {
            title: panel.title.clone(),
            size: (400.0, 290.0),
            x: panel.x.clone().over(x),
            y: panel.y.clone().over(y),
            layers,
            ..Panel::default()
        });
    }
    Ok(Figure { title: title.to_owned(), columns: drawn.len().min(2), panels: drawn, data })
}

/// The line at a level.
const LEVEL: Colour = Colour(150, 150, 150);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_its_colour_and_every_eigenvalue_its_row() {
        let cloud = |time: f64| Cloud { time, points: vec![[-1.0, time], [-1.0, -time]] };
        let figure = eigenvalues(&[cloud(0.0), cloud(1.0), cloud(2.0)]).unwrap();
        assert_eq!(figure.data.rows.len(), 6);
        let colours: Vec<Colour> = figure.panels[0]
            .layers
            .iter()
            .filter_map(|layer| match layer {
                Layer::Points { colour, .. } => Some(*colour),
                _ => None,
            })
            .collect();
        assert!(colours.len() == 3 && colours[0] != colours[1] && colours[1] != colours[2]);
        assert!(matches!(eigenvalues(&[]), Err(ReportError::Empty { .. })));
    }

    #[test]
    fn a_band_goes_there_along_its_low_end_and_back_along_its_high_one() {
        let points = vec![(0.0, [1.0, 2.0, 3.0]), (1.0, [2.0, 3.0, 4.0])];
        let band = Band { name: "a".into(), points, dashed: false };
        let panel = Bands { bands: vec![band], level: Some(9.0), ..Bands::default() };
        let figure = bands("", std::slice::from_ref(&panel)).unwrap();
        let Layer::Areas { curves, .. } = &figure.panels[0].layers[0] else { panic!("no area") };
        assert_eq!(curves[0], [[0.0, 1.0], [1.0, 2.0], [1.0, 4.0], [0.0, 3.0]]);
        // The level is inside the range.
        assert!(figure.panels[0].y.range.unwrap().1 > 9.0);
        assert!(matches!(bands("", &[]), Err(ReportError::Empty { .. })));
    }
}
