//! The study file: which model, what is varied in it, which figures are drawn.

use std::ops::Range;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use ron::value::RawValue;
use serde::{Deserialize, Serialize};

use super::figure::Rule;
use crate::field::unique_keys;
use crate::nearest::known;
use crate::spec::{Model, Outline, Problem, SpecError, Text, content, read, read_text};

/// Most runs of a study.
const MOST_POINTS: usize = 100_000;

/// A study file, read, with a point for each run.
#[derive(Debug, Clone)]
pub struct Study {
    /// The model file.
    pub model: PathBuf,
    /// The runs, those of the last varied field next to each other.
    pub points: Vec<Point>,
    /// The varied fields, in the order of the file.
    pub varied: Vec<String>,
    /// Other solvers under which every trained network is scored, by name.
    pub evaluate: IndexMap<String, Solver>,
    /// The figures.
    pub figures: Vec<Rule>,
    text: Text,
}

/// One run: the changes of the model that make it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The changes, the same for all runs first.
    pub changes: Vec<Change>,
}

/// A field of the model and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The field, such as `network.method`.
    pub path: String,
    /// The value as RON.
    pub value: String,
    /// Where both stand in the study file.
    key_at: usize,
    value_at: usize,
}

/// A solver for networks that were trained by another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Solver {
    /// The flow itself: steps refined until the outputs no longer change.
    Converged,
    /// A method of the catalogue with so many equal steps.
    Fixed {
        /// Its name.
        method: String,
        /// Their number.
        steps: usize,
    },
}

/// The file as serde reads it; what is varied is taken from its text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "Study")]
struct StudyFile<'s> {
    model: PathBuf,
    #[serde(default, borrow, rename = "set", deserialize_with = "unique_keys")]
    _set: IndexMap<String, &'s RawValue>,
    #[serde(default, borrow, rename = "vary", deserialize_with = "unique_keys")]
    _vary: IndexMap<String, Vec<&'s RawValue>>,
    #[serde(default, borrow, rename = "list")]
    _list: Vec<IndexMap<String, &'s RawValue>>,
    #[serde(default, deserialize_with = "unique_keys")]
    evaluate: IndexMap<String, Solver>,
    #[serde(default)]
    figures: Vec<Rule>,
}

impl Change {
    /// The change as an override of the model.
    fn argument(&self) -> String {
        format!("{}={}", self.path, self.value)
    }
}

impl Study {
    /// Reads a study file and plans its runs.
    ///
    /// # Errors
    /// If the file cannot be read or holds what the format does not know, with the place.
    pub fn read(path: &Path) -> Result<Study, SpecError> {
        Study::parse(&read_text(path)?, path)
    }

    /// Reads the source of a study file; paths in it are relative to the folder of `origin`.
    ///
    /// # Errors
    /// As [`Study::read`].
    pub fn parse(source: &str, origin: &Path) -> Result<Study, SpecError> {
        let (masked, ranges) = without_ranges(source);
        let reading = Text::new(origin, &masked);
        let file: StudyFile<'_> = read(&reading, 0..masked.len())?;
        let text = Text::new(origin, source);
        let entries = Entries { source, outline: Outline::scan(source), ranges, text: &text };
        let fixed: Vec<Change> =
            entries.of("set").map(|(key, node)| entries.change(&key, node)).collect();
        let list = entries.list();
        let grid: Vec<Vec<Change>> = entries
            .of("vary")
            .map(|(key, node)| entries.values(&key, node))
            .collect::<Result<_, _>>()?;
        let mut varied: Vec<String> = Vec::new();
        for path in list.iter().flatten().chain(grid.iter().flatten()).map(|c| &c.path) {
            if !varied.contains(path) {
                varied.push(path.clone());
            }
        }
        let joint = if list.is_empty() { vec![Vec::new()] } else { list };
        let count = grid.iter().try_fold(joint.len(), |n, values| n.checked_mul(values.len()));
        if count.is_none_or(|count| count > MOST_POINTS) {
            return Err(entries.out_of_range("vary", "at most a hundred thousand runs", count));
        }
        let mut points: Vec<Vec<Change>> =
            joint.into_iter().map(|changes| [fixed.clone(), changes].concat()).collect();
        for values in &grid {
            let with = |changes: &Vec<Change>| -> Vec<Vec<Change>> {
                values
                    .iter()
                    .map(|v| [changes.as_slice(), std::slice::from_ref(v)].concat())
                    .collect()
            };
            points = points.iter().flat_map(with).collect();
        }
        let model = origin.parent().unwrap_or(Path::new("")).join(&file.model);
        let StudyFile { evaluate, figures, .. } = file;
        let points = points.into_iter().map(|changes| Point { changes }).collect();
        let study = Study { model, points, varied, evaluate, figures, text: text.clone() };
        study.check()?;
        Ok(study)
    }

    /// What stands in it.
    pub fn source(&self) -> &str {
        self.text.as_str()
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        self.text.path()
    }

    /// The model of every run; an error in a change leads to its place in the study file.
    ///
    /// # Errors
    /// That of the model file, or of the first change that does not fit it.
    pub fn models(&self) -> Result<Vec<Model>, SpecError> {
        let source = read_text(&self.model)?;
        let model = |point: &Point| {
            let arguments: Vec<String> = point.changes.iter().map(Change::argument).collect();
            let model = Model::parse(&source, &self.model, &arguments)
                .and_then(|model| model.tableau().map(|_| model));
            model.map_err(|error| self.placed(point, error))
        };
        self.points.iter().map(model).collect()
    }

    /// An error in a change of the model, with its place in the study file.
    pub fn placed(&self, point: &Point, error: SpecError) -> SpecError {
        let found = error.of_override().and_then(|argument| {
            point.changes.iter().rev().find(|change| change.argument() == argument)
        });
        match found {
            Some(change) => {
                let at = if error.of_key() { change.key_at } else { change.value_at };
                error.moved(self.text.place(at))
            }
            None => error,
        }
    }

    /// Whether the model itself, without changes, has what figures ask for.
    ///
    /// # Errors
    /// The name of a column that there is not, at its place.
    pub fn check_figures(&self, models: &[Model], columns: &[String]) -> Result<(), SpecError> {
        for (number, rule) in self.figures.iter().enumerate() {
            for (key, column) in rule.columns() {
                let of_model = models.first().is_some_and(|model| model.value(column).is_some());
                if columns.iter().any(|known| known == column) || (of_model && key != "y") {
                    continue;
                }
                let cause = UnknownColumn { name: column.to_owned(), columns: columns.to_vec() };
                return Err(self.error(&format!("figures.{number}.{key}"), cause));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), SpecError> {
        for (number, rule) in self.figures.iter().enumerate() {
            rule.check()
                .map_err(|(key, cause)| self.error(&format!("figures.{number}.{key}"), cause))?;
            if self.figures[..number].iter().any(|other| other.name == rule.name) {
                let cause = super::figure::RuleError::Twice { name: rule.name.clone() };
                return Err(self.error(&format!("figures.{number}.name"), cause));
            }
        }
        Ok(())
    }

    fn error(
        &self,
        path: &str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> SpecError {
        let problem = Problem::Build { path: path.to_owned(), cause: cause.into() };
        SpecError::at(self.text.place_of(path), problem)
    }
}

/// A column that the table will not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no column `{name}`{}; fields of the model can stand here too, but for y",
    known(name, columns)
)]
struct UnknownColumn {
    name: String,
    columns: Vec<String>,
}

/// Where a range stands in a source, and its numbers.
type Ranged = (Range<usize>, Range<u64>);

/// The text with `0..5` replaced by a list of the same length, and where they stood: ranges are no RON.
fn without_ranges(source: &str) -> (String, Vec<Ranged>) {
    let outline = Outline::scan(source);
    let mut masked = source.to_owned();
    let mut ranges = Vec::new();
    for node in outline.nodes() {
        let Some((from, to)) = source[node.value.clone()].split_once("..") else { continue };
        if let (Ok(from), Ok(to)) = (from.parse(), to.parse()) {
            let list = format!("[{}]", " ".repeat(node.value.len() - 2));
            masked.replace_range(node.value.clone(), &list);
            ranges.push((node.value.clone(), from..to));
        }
    }
    (masked, ranges)
}

/// What is varied, by place.
struct Entries<'s> {
    source: &'s str,
    outline: Outline,
    ranges: Vec<Ranged>,
    text: &'s Text,
}

impl Entries<'_> {
    fn keyed(&self, parent: usize) -> impl Iterator<Item = (String, usize)> + '_ {
        self.outline.children(parent).filter_map(|node| {
            let key = &self.source[self.outline.node(node).key.clone()?];
            Some((content(key).map_or(key, |(_, key)| key).to_owned(), node))
        })
    }

    /// Keys and nodes of a section.
    fn of(&self, section: &str) -> impl Iterator<Item = (String, usize)> + '_ {
        let found = self.keyed(0).find(|(key, _)| key == section);
        found.into_iter().flat_map(|(_, node)| self.keyed(node))
    }

    fn change(&self, path: &str, node: usize) -> Change {
        let value = self.outline.node(node).value.clone();
        let key = self.outline.node(node).key.clone().map_or(value.start, |key| key.start);
        self.changed(path, key, value)
    }

    fn changed(&self, path: &str, key_at: usize, value: Range<usize>) -> Change {
        let text = self.source[value.clone()].to_owned();
        Change { path: path.to_owned(), value: text, key_at, value_at: value.start }
    }

    /// The values of a field on the grid.
    fn values(&self, path: &str, node: usize) -> Result<Vec<Change>, SpecError> {
        let whole = self.outline.node(node).value.clone();
        let key = self.outline.node(node).key.clone().map_or(whole.start, |key| key.start);
        let values: Vec<Change> = match self.ranges.iter().find(|range| range.0 == whole) {
            Some((_, range)) if range.end.saturating_sub(range.start) <= MOST_POINTS as u64 => {
                let change = |value: u64| Change {
                    value: value.to_string(),
                    ..self.changed(path, key, whole.clone())
                };
                range.clone().map(change).collect()
            }
            Some(_) => {
                return Err(self.out_of_range("vary", "at most a hundred thousand runs", None));
            }
            None => {
                let values = self.outline.children(node);
                values
                    .map(|v| self.changed(path, key, self.outline.node(v).value.clone()))
                    .collect()
            }
        };
        match values.is_empty() {
            true => Err(SpecError::at(
                self.text.place(whole.start),
                Problem::OutOfRange {
                    path: path.to_owned(),
                    must: "a list of at least one value or a range such as 0..5",
                    found: self.source[whole].to_owned(),
                },
            )),
            false => Ok(values),
        }
    }

    /// The changes that go together, one list a run.
    fn list(&self) -> Vec<Vec<Change>> {
        let found = self.keyed(0).find(|(key, _)| key == "list");
        let maps = found.into_iter().flat_map(|(_, node)| self.outline.children(node));
        maps.map(|map| self.keyed(map).map(|(key, node)| self.change(&key, node)).collect())
            .collect()
    }

    fn out_of_range(&self, path: &str, must: &'static str, found: Option<usize>) -> SpecError {
        let found = found.map_or("more".to_owned(), |count| count.to_string());
        let problem = Problem::OutOfRange { path: path.to_owned(), must, found };
        SpecError::at(self.text.place_of(path), problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDY: &str = r#"(
    model: "peaks.ron",
    set: {"training.epochs": 3},
    list: [{"network.method": "rk4", "network.stepping": Fixed(steps: 2)}, {"network.method": "euler"}],
    vary: {
        "network.horizon": [1.0, 2.0],
        "seed": 0..3,
    },
    figures: [(name: "loss", x: "network.horizon", y: "train_loss", colour: "network.method")],
)"#;

    fn study(source: &str) -> Result<Study, SpecError> {
        Study::parse(source, Path::new("models/study.ron"))
    }

    #[test]
    fn points_are_all_combinations_and_the_last_field_moves_first() {
        let study = study(STUDY).unwrap();
        assert_eq!(study.points.len(), 2 * 2 * 3);
        assert_eq!(study.varied, ["network.method", "network.stepping", "network.horizon", "seed"]);
        let arguments =
            |point: &Point| -> Vec<String> { point.changes.iter().map(Change::argument).collect() };
        assert_eq!(
            arguments(&study.points[4]),
            [
                "training.epochs=3",
                r#"network.method="rk4""#,
                "network.stepping=Fixed(steps: 2)",
                "network.horizon=2.0",
                "seed=1"
            ]
        );
        assert_eq!(arguments(&study.points[11])[1], r#"network.method="euler""#);
        let models = study.models().unwrap();
        assert_eq!(
            (models[4].network.horizon, models[4].seed, models[4].training.epochs),
            (2.0, 1, 3)
        );
        assert_eq!(models[4].value("network.stepping.steps"), Some("2"));
    }

    #[test]
    fn mistakes_have_their_place_in_the_study_file() {
        for (from, to, expected) in [
            (
                "network.horizon\": [",
                "network.horizn\": [",
                "study.ron:6:9: there is no `network.horizn` in the model; did you mean `network.horizon`?",
            ),
            ("2.0]", "\"two\"]", "study.ron:6:34: `network.horizon` must be a number"),
            ("2.0]", "-2.0]", "study.ron:6:34: `network.horizon` must be"),
            ("\"euler\"", "\"eulre\"", "did you mean `euler`?"),
            ("0..3", "3..3", "study.ron:7:17: `seed` must be a list of at least one value"),
            ("vary:", "vray:", "study.ron:5:5: unknown key `vray`"),
            ("0..3", "0..3000000", "at most a hundred thousand runs"),
        ] {
            let source = STUDY.replacen(from, to, 1);
            let error = study(&source).and_then(|study| study.models()).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
        let study =
            study(&STUDY.replace("x: \"network.horizon\"", "x: \"network.horizn\"")).unwrap();
        let columns = ["network.horizon".to_owned(), "train_loss".to_owned()];
        let error =
            study.check_figures(&study.models().unwrap(), &columns).unwrap_err().to_string();
        assert!(error.contains("study.ron:9:33: `figures.0.x`: there is no column"), "{error}");
        assert!(error.contains("did you mean `network.horizon`?"), "{error}");
    }
}
