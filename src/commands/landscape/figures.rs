//! The figures of a line or plane.

use super::Plan;
use crate::landscape::{Point, QUANTITIES};
use crate::report::chart::{HeatMap, Look, Series, chart};
use crate::report::isolines::contours;
use crate::report::palette::{INK, Marker, WHITE};
use crate::report::surface::surface;
use crate::report::{Axis, Data, Figure, Layer, ReportError, Scale};

/// Lines of equal value.
const LEVELS: usize = 14;
/// Losses whose ratio is larger are drawn on a logarithmic scale.
const RATIO: f64 = 20.0;

/// All figures with the names of their files.
pub fn draw(
    plan: &Plan,
    places: &[Vec<f64>],
    values: &[Point],
) -> Vec<(String, Result<Figure, ReportError>)> {
    let mut data = Data::default();
    let coordinates = ["a", "b"].into_iter().take(plan.grid.len());
    data.headers = coordinates.chain(QUANTITIES).map(str::to_owned).collect();
    for (place, point) in places.iter().zip(values) {
        let found = point.unwrap_or([f64::NAN; 5]);
        data.rows.push(place.iter().chain(&found).map(|x| format!("{x:?}")).collect());
    }
    let column = |k: usize| -> Vec<f64> {
        values.iter().map(|point| point.map_or(f64::NAN, |values| values[k])).collect()
    };
    let known = |k: usize| column(k).iter().any(|x| x.is_finite());
    let shown: Vec<usize> = (0..4).filter(|&k| known(k)).collect();
    if plan.grid.len() == 1 {
        return vec![(plan.stem.clone(), line(plan, places, &shown, column, data))];
    }
    let plane = |k: usize| contoured(plan, column(k), k);
    let joined = shown.iter().map(|&k| plane(k)).reduce(|a, b| {
        let (mut a, b) = (a?, b?);
        a.panels.extend(b.panels);
        Ok(a)
    });
    let joined = joined.unwrap_or(Err(ReportError::Empty { figure: "plane", what: "the plane" }));
    let joined = joined.map(|figure| Figure { columns: 2, data, ..figure });
    let space = surface(&map(plan, column(0), 0));
    vec![(plan.stem.clone(), joined), (format!("{}-surface", plan.stem), space)]
}

fn line(
    plan: &Plan,
    places: &[Vec<f64>],
    shown: &[usize],
    column: impl Fn(usize) -> Vec<f64>,
    data: Data,
) -> Result<Figure, ReportError> {
    let name = plan.names.first().cloned().unwrap_or_default();
    let series = |k: usize, factor: f64| {
        let points = places.iter().zip(column(k));
        let points = points.filter_map(|(place, y)| Some([*place.first()?, factor * y]));
        let part = if k < 2 { "training" } else { "validation" };
        Series { name: part.into(), points: points.collect() }
    };
    let of = |even: usize| shown.iter().copied().filter(move |k| k % 2 == even);
    let losses: Vec<Series> = of(0).map(|k| series(k, 1.0)).collect();
    let axis = Axis {
        scale: scale(losses.iter().flat_map(|s| &s.points).map(|p| p[1])),
        ..Axis::linear("loss")
    };
    let mut figure = chart("", Axis::linear(name.clone()), axis, Look::Lines, &losses)?;
    let shares: Vec<Series> = of(1).map(|k| series(k, 100.0)).collect();
    if !shares.is_empty() {
        let axis = Axis::linear("accuracy (%)");
        figure.panels.extend(chart("", Axis::linear(name), axis, Look::Lines, &shares)?.panels);
    }
    for panel in &mut figure.panels {
        let heights = |layer: &Layer| match layer {
            Layer::Line { points, .. } => points.iter().map(|p| p[1]).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        let range =
            crate::report::extent(panel.layers.iter().flat_map(heights), panel.y.scale, 0.04);
        panel.y.range = Some(range);
        for (name, place) in &plan.marks {
            let x = place.first().copied().unwrap_or(0.0);
            let points = vec![[x, range.0], [x, range.1]];
            let name = Some(format!("{name} at {x}"));
            panel.layers.push(Layer::Line { name, points, colour: INK, dashed: x != 0.0 });
        }
        panel.size = (360.0, 260.0);
    }
    figure.columns = 2;
    figure.data = data;
    Ok(figure)
}

/// Logarithmic for values of many sizes.
fn scale(values: impl Iterator<Item = f64>) -> Scale {
    let finite = values.filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, 0.0_f64), |(a, b), v| (a.min(v), b.max(v)));
    if low > 0.0 && high > RATIO * low { Scale::Log } else { Scale::Linear }
}

fn map(plan: &Plan, values: Vec<f64>, quantity: usize) -> HeatMap {
    let axis = |k: usize| {
        let (name, grid) = (plan.names.get(k).cloned().unwrap_or_default(), plan.grid.get(k));
        let range = grid.map(|grid| {
            let half = 0.5 * (grid.to - grid.from) / (grid.count - 1) as f64;
            (grid.from - half, grid.to + half)
        });
        Axis { range, ..Axis::linear(name) }
    };
    let share = quantity % 2 == 1;
    let values: Vec<f64> = values.iter().map(|v| if share { 100.0 * v } else { *v }).collect();
    let name = QUANTITIES.get(quantity).copied().unwrap_or_default().replace('_', " ");
    let value = match share {
        true => Axis::linear(format!("{name} (%)")),
        false => Axis { scale: scale(values.iter().copied()), ..Axis::linear(name) },
    };
    let columns = plan.grid.first().map_or(0, |grid| grid.count);
    HeatMap { title: String::new(), x: axis(0), y: axis(1), columns, values, value }
}

fn contoured(plan: &Plan, values: Vec<f64>, quantity: usize) -> Result<Figure, ReportError> {
    let mut figure = contours(&map(plan, values, quantity), LEVELS)?;
    for panel in &mut figure.panels {
        if !plan.path.is_empty() {
            let points: Vec<[f64; 2]> = plan.path.iter().copied().chain([[0.0, 0.0]]).collect();
            let name = Some("the way of the training".to_owned());
            panel.layers.push(Layer::Line {
                name: name.clone(),
                points: points.clone(),
                colour: WHITE,
                dashed: false,
            });
            let (marker, colour) = (Marker::Circle, WHITE);
            panel.layers.push(Layer::Points {
                name,
                points,
                marker,
                colour,
                radius: 2.5,
                outlined: true,
            });
        }
        let runs =
            plan.marks.iter().filter_map(|(_, place)| Some([*place.first()?, *place.get(1)?]));
        let points: Vec<[f64; 2]> =
            if plan.marks.is_empty() { vec![[0.0, 0.0]] } else { runs.collect() };
        let name = if plan.marks.is_empty() { "the trained weights" } else { "the runs" };
        panel.layers.push(Layer::Points {
            name: Some(name.into()),
            points,
            marker: Marker::Diamond,
            colour: WHITE,
            radius: 5.0,
            outlined: true,
        });
    }
    Ok(figure)
}
