//! The figures of a study.

use std::path::Path;

use super::Study;
use super::report::median;
use super::subject::Subject;
use crate::commands::figures::spread;
use crate::commands::tableau::region;
use crate::report::palette::{Colour, INK, Marker, class_colour};
use crate::report::region::regions;
use crate::report::spectrum::{Band, Bands, Cloud, bands, eigenvalues};
use crate::report::{Axis, Figure, Layer, ReportError, Scale, extent};
use crate::spectrum::Propagator;

const EIGENVALUES: &str = "eigenvalues";
const REGION: &str = "region";
const GROWTH: &str = "growth";
const PROPAGATOR: &str = "propagator";

/// Most eigenvalues that are drawn.
const DRAWN: usize = 6000;
/// Points of a region along an edge.
const POINTS: usize = 400;

/// The files that figures may leave.
pub fn file_names() -> impl Iterator<Item = String> {
    let stems = [EIGENVALUES, REGION, GROWTH, PROPAGATOR];
    stems
        .into_iter()
        .flat_map(|stem| ["svg", "png", "csv"].map(|ending| format!("{stem}.{ending}")))
}

/// Draws what there is to draw, and returns what could not be drawn.
pub fn draw(subject: &Subject, study: &Study, folder: &Path) -> Vec<ReportError> {
    let figures = [
        (EIGENVALUES, eigenvalues(&clouds(study, None))),
        (REGION, over_region(subject, study)),
        (GROWTH, growth(study)),
        (PROPAGATOR, propagator(study)),
    ];
    let written = figures
        .into_iter()
        .map(|(stem, figure)| figure.and_then(|figure| figure.write(folder, stem)));
    written.filter_map(Result::err).collect()
}

/// The eigenvalues of evenly spread samples at all times, or h times them.
fn clouds(study: &Study, steps: Option<&[f64]>) -> Vec<Cloud> {
    let spectrum = &study.spectrum;
    let (times, width) = (spectrum.times.len(), spectrum.width);
    let samples: Vec<usize> =
        spread(spectrum.samples, (DRAWN / (times * width).max(1)).max(1)).collect();
    // Of very many times some.
    let times = spread(times, (DRAWN / width.max(1)).max(1));
    let cloud = |time: usize| {
        let h = steps.and_then(|steps| steps.get(time)).copied().unwrap_or(1.0);
        let values = samples.iter().flat_map(|sample| spectrum.of(time, *sample));
        let finite = values.filter(|value| value.is_finite());
        let points = finite.map(|value| [h * value.re, h * value.im]).collect();
        Cloud { time: spectrum.times[time], points }
    };
    times.map(cloud).collect()
}

/// h lambda over the region of the method in use, and nearer where it is small beside the region.
fn over_region(subject: &Subject, study: &Study) -> Result<Figure, ReportError> {
    let steps = study.when.steps(&subject.network.flow);
    let clouds = clouds(study, Some(&steps));
    let points: Vec<[f64; 2]> = clouds.into_iter().flat_map(|cloud| cloud.points).collect();
    let (drawn, _) = region::draw(&subject.tableau, &points, POINTS);
    let stable = drawn.stable.clone();
    let mut figure = regions(&[drawn], &points)?;
    let of = |wanted: usize| -> Vec<[f64; 2]> {
        let pairs = points.iter().zip(&stable);
        let kind = pairs.filter(|(point, stable)| kind(point, **stable) == wanted);
        kind.map(|(point, _)| *point).collect()
    };
    for (k, name) in KINDS.iter().enumerate() {
        for point in of(k) {
            let [re, im] = point.map(|x| format!("{x:?}"));
            figure.data.push([study.method.name.clone(), (*name).to_owned(), re, im]);
        }
    }
    figure.title = format!("hλ over the region of stability of {}", study.method.name);
    let Some(mut whole) = figure.panels.pop() else { return Ok(figure) };
    whole.layers.retain(|layer| !matches!(layer, Layer::Points { .. }));
    let colours = [INK, class_colour(1, 8), Colour(200, 20, 40)];
    for (k, (name, colour)) in KINDS.into_iter().zip(colours).enumerate() {
        let points = of(k);
        if points.is_empty() {
            continue;
        }
        whole.layers.push(Layer::Points {
            name: Some(name.to_owned()),
            points,
            marker: Marker::Circle,
            colour,
            radius: 1.3,
            outlined: false,
        });
    }
    whole.title = "all of it".into();
    let near = |k: usize| extent(points.iter().map(|p| p[k]).chain([0.0]), Scale::Linear, 0.08);
    let (x, y) = (near(0), near(1));
    let span = |range: Option<(f64, f64)>| range.map_or(0.0, |(from, to)| to - from);
    let small =
        x.1 - x.0 < NEARER * span(whole.x.range) && y.1 - y.0 < NEARER * span(whole.y.range);
    let bar = whole.bar.take();
    figure.panels.push(whole);
    if small && let Some(whole) = figure.panels.first() {
        let mut closer = whole.clone();
        closer.title = "closer".into();
        closer.size = (whole.size.1, whole.size.1);
        closer.x = Axis::linear("Re z").over(x);
        closer.y = Axis::linear("Im z").over(y);
        figure.panels.push(closer);
    }
    figure.columns = figure.panels.len();
    if let Some(last) = figure.panels.last_mut() {
        last.bar = bar;
    }
    Ok(figure)
}

/// What becomes of a mode, and why.
const KINDS: [&str; 3] =
    ["|R| ≤ 1", "|R| > 1, Re λ > 0: the equation grows", "|R| > 1, Re λ ≤ 0: made by the method"];
/// A spectrum that takes up less of the region is drawn again, larger.
const NEARER: f64 = 0.6;

fn kind(point: &[f64; 2], stable: bool) -> usize {
    match (stable, point[0] > 1e-12) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    }
}

/// Largest real part and largest amplification against time.
fn growth(study: &Study) -> Result<Figure, ReportError> {
    let spectrum = &study.spectrum;
    let (samples, width) = (spectrum.samples, spectrum.width);
    let largest = |time: usize, of: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let start = |sample: usize| (time * samples + sample) * width;
        let all = (0..samples)
            .map(|s| (start(s)..start(s) + width).map(of).fold(f64::NEG_INFINITY, f64::max));
        all.filter(|value| value.is_finite()).collect()
    };
    let band = |name: &str, of: &dyn Fn(usize) -> f64, dashed| {
        let points = (0..spectrum.times.len())
            .filter_map(|time| Some((spectrum.times[time], quantiles(largest(time, of))?)));
        Band { name: name.into(), points: points.collect(), dashed }
    };
    let mut abscissas = vec![band("max Re λ", &|k| spectrum.values[k].re, false)];
    let close = study.close.len();
    let numerical = (0..spectrum.times.len()).filter_map(|time| {
        let looks = study.looks.get(time * close..(time + 1) * close)?;
        let values = looks.iter().flatten().map(|look| look.normality.numerical_abscissa);
        Some((spectrum.times[time], quantiles(values.collect())?))
    });
    let points: Vec<_> = numerical.collect();
    if !points.is_empty() {
        abscissas.push(Band { name: "numerical abscissa".into(), points, dashed: true });
    }
    let amplification = band("max |R(hλ)|", &|k| study.amplification[k], false);
    let name = &study.method.name;
    bands(
        "Median and 5 to 95 % of the samples",
        &[
            Bands {
                title: "growth of the equation".into(),
                x: Axis::linear("time"),
                y: Axis::linear("rate"),
                bands: abscissas,
                level: Some(0.0),
            },
            Bands {
                title: format!("amplification of a step of {name}"),
                x: Axis::linear("time"),
                y: Axis::linear("|R(hλ)|"),
                bands: vec![amplification],
                level: Some(1.0),
            },
        ],
    )
}

/// The 5 %, 50 % and 95 % quantiles.
fn quantiles(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * (values.len() - 1) as f64).round() as usize).copied();
    (!values.is_empty()).then(|| [at(0.05), at(0.5), at(0.95)].map(|v| v.unwrap_or(f64::NAN)))
}

/// Singular values of both propagators, and the Lyapunov exponents.
fn propagator(study: &Study) -> Result<Figure, ReportError> {
    let found: Vec<&Propagator> = study.propagators.iter().flatten().collect();
    let band = |name: &str, pick: fn(&Propagator) -> &Vec<f64>, dashed| {
        let count = found.first().map_or(0, |p| pick(p).len());
        let at = |k: usize| {
            let values: Vec<f64> = found.iter().filter_map(|p| pick(p).get(k).copied()).collect();
            let ends = values
                .iter()
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(*v), b.max(*v)]);
            ((k + 1) as f64, [ends[0], median(values), ends[1]])
        };
        Band { name: name.into(), points: (0..count).map(at).collect(), dashed }
    };
    let whole = |label: &str| Axis { whole: true, ..Axis::linear(label) };
    bands(
        "Median and range over the samples",
        &[
            Bands {
                title: "dy(T)/dy(0)".into(),
                x: whole("number"),
                y: Axis::log("singular value"),
                bands: vec![
                    band("converged flow", |p| &p.converged, false),
                    band("network", |p| &p.discrete, true),
                ],
                level: Some(1.0),
            },
            Bands {
                title: "along the network".into(),
                x: whole("number"),
                y: Axis::linear("Lyapunov exponent"),
                bands: vec![band("exponents", |p| &p.exponents, false)],
                level: Some(0.0),
            },
        ],
    )
}
