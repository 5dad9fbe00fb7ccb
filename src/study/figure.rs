//! Figures by rule: which column is x, which y, what tells curves and panels apart.

use serde::Deserialize;

use super::table::{Table, spread};

/// A figure as the study file asks for it; a column is a field of the model or a result.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename = "Figure")]
pub struct Rule {
    /// The name of its files.
    pub name: String,
    /// What it goes along; values that are no numbers stand side by side.
    pub x: String,
    /// A result; of runs that differ in nothing shown the mean, with a bar from the lowest to the highest.
    pub y: String,
    /// What tells curves apart.
    #[serde(default)]
    pub colour: Option<String>,
    /// What tells panels apart.
    #[serde(default)]
    pub panels: Option<String>,
    /// The axes with a logarithmic scale, "x", "y" or "xy".
    #[serde(default)]
    pub log: String,
    /// Above everything.
    #[serde(default)]
    pub title: String,
}

/// What cannot be a rule.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages show
pub enum RuleError {
    #[error("`{name}` cannot name files; take letters, digits, `-` and `_`")]
    Name { name: String },
    #[error("two figures have the name `{name}`; rename one, for files have it")]
    Twice { name: String },
    #[error("`{log}` names no axes; write \"x\", \"y\" or \"xy\"")]
    Log { log: String },
}

/// What a figure shows: panels of curves.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The names of the values along x, where they are no numbers: value k stands at k.
    pub names: Option<Vec<String>>,
    /// In the order in which they first stand in the table.
    pub panels: Vec<Panel>,
}

/// Curves between the same axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The value that they share; empty if nothing tells panels apart.
    pub title: String,
    /// Every panel has all of them, in the same order.
    pub curves: Vec<Curve>,
}

/// A named curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The value that tells it from the others.
    pub name: String,
    /// x, mean, lowest, highest, with x increasing.
    pub points: Vec<[f64; 4]>,
}

impl Rule {
    /// The columns that it names, with the key that names each.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let optional = [("colour", &self.colour), ("panels", &self.panels)];
        let optional = optional.into_iter().filter_map(|(key, name)| Some((key, name.as_deref()?)));
        [("x", self.x.as_str()), ("y", &self.y)].into_iter().chain(optional)
    }

    /// Whether name and axes are such.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn check(&self) -> Result<(), (&'static str, RuleError)> {
        let usable = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if self.name.is_empty() || !self.name.chars().all(usable) {
            return Err(("name", RuleError::Name { name: self.name.clone() }));
        }
        if !matches!(self.log.as_str(), "" | "x" | "y" | "xy") {
            return Err(("log", RuleError::Log { log: self.log.clone() }));
        }
        Ok(())
    }
}

impl Picture {
    pub(super) fn new(table: &Table, rule: &Rule) -> Picture {
        let column = |name: Option<&str>| {
            let all = || vec![Some(String::new()); table.rows.len()];
            name.map_or_else(all, |name| table.column(name).unwrap_or_default())
        };
        let xs = column(Some(&rule.x));
        let numeric = xs.iter().flatten().all(|x| x.parse::<f64>().is_ok());
        let names = (!numeric).then(|| distinct(&xs));
        let place = |x: &str| match &names {
            Some(names) => names.iter().position(|name| name == x).map(|k| k as f64),
            None => x.parse().ok(),
        };
        let (ys, colours) = (column(Some(&rule.y)), column(rule.colour.as_deref()));
        let titles = column(rule.panels.as_deref());
        let rows = || xs.iter().zip(&ys).zip(colours.iter().zip(&titles));
        let curve = |title: &str, name: &str| {
            let mut points: Vec<(f64, Vec<f64>)> = Vec::new();
            for ((x, y), (colour, panel)) in rows() {
                let here = panel.as_deref() == Some(title) && colour.as_deref() == Some(name);
                let x = x.as_deref().and_then(place).filter(|_| here);
                let y = y.as_deref().and_then(|y| y.parse::<f64>().ok());
                let (Some(x), Some(y)) = (x, y) else { continue };
                match points.iter_mut().find(|point| point.0 == x) {
                    Some(point) => point.1.push(y),
                    None => points.push((x, vec![y])),
                }
            }
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let point = |(x, values): &(f64, Vec<f64>)| {
                let [mean, low, high] = spread(values);
                [*x, mean, low, high]
            };
            Curve { name: name.to_owned(), points: points.iter().map(point).collect() }
        };
        let (colours_of, titles_of) = (distinct(&colours), distinct(&titles));
        let (legend, headings) = (short(&colours_of), short(&titles_of));
        let panel = |(title, heading): (&String, &String)| Panel {
            title: heading.clone(),
            curves: colours_of
                .iter()
                .zip(&legend)
                .map(|(name, short)| Curve { name: short.clone(), ..curve(title, name) })
                .collect(),
        };
        Picture {
            panels: titles_of.iter().zip(&headings).map(panel).collect(),
            names: names.as_deref().map(short),
        }
    }
}

/// Values such as `Donut(train: 1000)` by their variants alone, or by what stands in the brackets, if one of the two
/// tells them apart.
fn short(values: &[String]) -> Vec<String> {
    let variant = |value: &String| value.split('(').next().unwrap_or_default().to_owned();
    let inner = |value: &String| {
        let inside = value.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        inside.filter(|inside| !inside.is_empty()).unwrap_or(value).to_owned()
    };
    let apart = |short: &Vec<String>| {
        (0..short.len()).all(|k| !short[k].is_empty() && !short[..k].contains(&short[k]))
    };
    let all = |of: &dyn Fn(&String) -> String| values.iter().map(of).collect::<Vec<_>>();
    [all(&variant), all(&inner)].into_iter().find(apart).unwrap_or_else(|| values.to_vec())
}

/// The values in the order in which they first stand.
fn distinct(values: &[Option<String>]) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for value in values.iter().flatten() {
        if !seen.contains(value) {
            seen.push(value.clone());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Row;

    #[test]
    fn names_are_short_where_that_tells_them_apart() {
        let values = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(short(&values(&["Donut(train: 9)", "Flip()"])), ["Donut", "Flip"]);
        let alike = values(&["Fixed(steps: 1)", "Fixed(steps: 2)"]);
        assert_eq!(short(&alike), ["steps: 1", "steps: 2"]);
        let mixed = values(&["Constant", "PiecewiseLinear(nodes: 2)", "PiecewiseLinear(nodes: 3)"]);
        assert_eq!(short(&mixed), ["Constant", "nodes: 2", "nodes: 3"]);
        assert_eq!(short(&values(&[""])), [""]);
    }

    #[test]
    fn points_are_means_over_what_is_not_shown() {
        let row = |steps: &str, method: &str, loss: Option<f64>| Row {
            fields: vec![steps.into(), method.into()],
            results: vec![loss],
            ..Row::default()
        };
        let table = Table {
            fields: vec!["steps".into(), "method".into()],
            results: vec!["loss".into()],
            rows: vec![
                row("8", "rk4", Some(1.0)),
                row("8", "rk4", Some(3.0)),
                row("2", "rk4", Some(5.0)),
                row("8", "euler", None),
            ],
        };
        let rule = |x: &str, colour: &str| Rule {
            name: "f".into(),
            x: x.into(),
            y: "loss".into(),
            colour: Some(colour.into()),
            panels: None,
            log: String::new(),
            title: String::new(),
        };
        let picture = table.picture(&rule("steps", "method"));
        assert_eq!(picture.names, None);
        let [rk4, euler] = picture.panels[0].curves.as_slice() else { panic!("two curves") };
        assert_eq!(rk4.points, [[2.0, 5.0, 5.0, 5.0], [8.0, 2.0, 1.0, 3.0]]);
        assert_eq!((euler.name.as_str(), euler.points.len()), ("euler", 0));
        let picture = table.picture(&rule("method", "steps"));
        assert_eq!(picture.names.unwrap(), ["rk4", "euler"]);
        assert_eq!(picture.panels[0].curves[1].points, [[0.0, 5.0, 5.0, 5.0]]);
    }
}
