//! The figures of a study, by the rules of its file.

use std::path::Path;

use crate::report::chart::{Look, Series, chart};
use crate::report::palette::class_colour;
use crate::report::{Axis, Data, Figure, Layer, ReportError, Scale, extent};
use crate::study::{Picture, Rule, Study, Table};

/// Panels beside each other.
const ACROSS: usize = 3;

/// Draws all figures and returns what could not be drawn.
pub fn draw(study: &Study, table: &Table, folder: &Path) -> Vec<ReportError> {
    let drawn = study.figures.iter().map(|rule| {
        figure(rule, &table.picture(rule)).and_then(|figure| figure.write(folder, &rule.name))
    });
    drawn.filter_map(Result::err).collect()
}

fn figure(rule: &Rule, picture: &Picture) -> Result<Figure, ReportError> {
    let axis = |name: &str, letter: char| match rule.log.contains(letter) {
        true => Axis::log(label(name)),
        false => Axis::linear(label(name)),
    };
    let points = || picture.panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points);
    // All panels share their axes.
    let mut x = axis(&rule.x, 'x');
    x.range = Some(extent(points().map(|p| p[0]), x.scale, 0.05));
    if let Some(names) = &picture.names {
        x.scale = Scale::Linear;
        x.range = Some((-0.5, names.len() as f64 - 0.5));
        x.names = Some(names.iter().enumerate().map(|(k, n)| (k as f64, n.clone())).collect());
    }
    let mut y = axis(&rule.y, 'y');
    y.range = Some(extent(points().flat_map(|p| [p[2], p[3]]), y.scale, 0.05));
    let mut data = Data::new([
        rule.panels.as_deref().unwrap_or("panel"),
        rule.colour.as_deref().unwrap_or("curve"),
        &rule.x,
        &rule.y,
        "lowest",
        "highest",
    ]);
    let mut all: Option<Figure> = None;
    // Side by side at a name, each curve in its own place.
    let aside = |k: usize, of: usize| match &picture.names {
        Some(_) => 0.6 * ((k as f64 + 0.5) / of as f64 - 0.5),
        None => 0.0,
    };
    for panel in &picture.panels {
        let of = panel.curves.len();
        let series: Vec<Series> = panel
            .curves
            .iter()
            .enumerate()
            .map(|(k, curve)| Series {
                name: curve.name.clone(),
                points: curve.points.iter().map(|p| [p[0] + aside(k, of), p[1]]).collect(),
            })
            .collect();
        let look = if picture.names.is_some() { Look::Points } else { Look::LinesAndPoints };
        let mut one = chart(&rule.title, x.clone(), y.clone(), look, &series)?;
        for drawn in &mut one.panels {
            drawn.title.clone_from(&panel.title);
            for (k, curve) in panel.curves.iter().enumerate() {
                // From the lowest to the highest run.
                drawn.layers.extend(curve.points.iter().filter(|p| p[2] < p[3]).map(|p| {
                    Layer::Hairline {
                        points: [p[2], p[3]].map(|y| [p[0] + aside(k, of), y]).to_vec(),
                        colour: class_colour(k, of),
                    }
                }));
            }
            if picture.panels.len() > 1 {
                drawn.size = (280.0, 220.0);
            }
        }
        for curve in &panel.curves {
            for p in &curve.points {
                let x = match &picture.names {
                    Some(names) => names.get(p[0] as usize).cloned().unwrap_or_default(),
                    None => p[0].to_string(),
                };
                let [_, mean, low, high] = p.map(|x| x.to_string());
                data.push([panel.title.clone(), curve.name.clone(), x, mean, low, high]);
            }
        }
        match &mut all {
            Some(all) => all.panels.extend(one.panels),
            None => all = Some(one),
        }
    }
    let mut figure = all.ok_or(ReportError::Empty { figure: "study", what: "the list of runs" })?;
    figure.columns = ACROSS;
    figure.data = data;
    Ok(figure)
}

/// A column as an axis names it: `network.stepping.steps` is "steps", `validation_accuracy` "validation accuracy".
fn label(column: &str) -> String {
    let of_result = column.ends_with("_loss") || column.ends_with("_accuracy");
    let name = match column.rsplit_once('.') {
        Some((_, last)) if !of_result => last.to_owned(),
        Some((solver, last)) => format!("{last} ({solver})"),
        None => column.to_owned(),
    };
    name.replace('_', " ")
}
