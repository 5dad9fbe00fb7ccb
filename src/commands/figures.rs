//! The figures of a run: its training, its decisions, its states in time, its mistakes.

use std::path::Path;

use faer::Mat;
use rayon::prelude::*;

use crate::data::{Dataset, Kind, Labels, Samples, Standardisation};
use crate::network::{Engine, Network};
use crate::report::chart::{Look, Series, chart};
use crate::report::confusion::{Confusion, confusion};
use crate::report::decision::{DecisionMap, Sample, decision_map};
use crate::report::features::{Features, Frame, features};
use crate::report::history::{Epoch, history};
use crate::report::palette::{Marker, class_colour};
use crate::report::{Axis, Figure, Layer, ReportError, Scale, extent};
use crate::train::{Outcome, StopReason};

const TRAINING: &str = "training";
const DECISION: &str = "decision";
const STATES: &str = "states";
const CONFUSION: &str = "confusion";
const FIT: &str = "fit";

/// Cells of the decision map along an edge.
const CELLS: usize = 150;
/// Points of the curve of a fit.
const CURVE: usize = 400;
/// Samples, and times, in the picture of the states.
const SAMPLES: usize = 500;
const TIMES: usize = 5;
/// Samples of a part in other pictures.
const DRAWN: usize = 500;

/// The files that figures may leave in a run folder.
pub fn file_names() -> impl Iterator<Item = String> {
    let stems = [TRAINING, DECISION, STATES, CONFUSION, FIT];
    stems
        .into_iter()
        .flat_map(|stem| ["svg", "png", "csv"].map(|ending| format!("{stem}.{ending}")))
}

/// Makes a figure.
type Drawn<'a> = Box<dyn Fn() -> Result<Figure, ReportError> + Sync + 'a>;

/// A run that has stopped.
pub struct Trained<'a> {
    pub network: &'a Network,
    pub dataset: &'a Dataset,
    pub outcome: &'a Outcome,
}

impl Trained<'_> {
    /// Draws what there is to draw, and returns what could not be drawn. Of a run that was not brought to its end
    /// there is the training alone.
    pub fn draw(&self, folder: &Path) -> Vec<ReportError> {
        let draw = |(stem, figure): &(&str, Drawn<'_>)| {
            figure().and_then(|figure| figure.write(folder, stem)).err()
        };
        self.drawn().par_iter().filter_map(draw).collect()
    }

    /// The figures that there are, by the names of their files.
    fn drawn(&self) -> Vec<(&'static str, Drawn<'_>)> {
        let mut drawn: Vec<(&str, Drawn<'_>)> = Vec::new();
        if self.outcome.history.len() > 1 {
            drawn.push((TRAINING, Box::new(|| self.training())));
        }
        if !matches!(self.outcome.stop, StopReason::Epochs | StopReason::EarlyStop { .. }) {
            return drawn;
        }
        let n_features = self.dataset.schema.features.len();
        match (self.dataset.schema.kind, &self.dataset.train.labels) {
            (Kind::Classes(classes), Labels::Classes(labels)) => {
                if n_features == 2 {
                    drawn.push((DECISION, Box::new(move || self.decision(classes))));
                }
                if self.network.width() > 1 {
                    drawn.push((STATES, Box::new(move || self.states(classes, labels))));
                }
                drawn.push((CONFUSION, Box::new(move || self.confusion(classes))));
            }
            (Kind::Targets(1), Labels::Targets(targets)) if n_features == 1 => {
                drawn.push((FIT, Box::new(|| self.fit(targets))));
            }
            _ => {}
        }
        drawn
    }

    fn training(&self) -> Result<Figure, ReportError> {
        let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let epochs: Vec<Epoch> = self
            .outcome
            .history
            .iter()
            .map(|row| Epoch {
                epoch: row.epoch,
                train_loss: row.train_loss,
                validation_loss: known(row.validation_loss),
                train_accuracy: known(row.train_accuracy),
                validation_accuracy: known(row.validation_accuracy),
            })
            .collect();
        history(&epochs)
    }

    fn decision(&self, classes: usize) -> Result<Figure, ReportError> {
        let Dataset { train, validation, schema } = self.dataset;
        let (x, y) = (self.range(0, 0.04), self.range(1, 0.04));
        let middle =
            |(from, to): (f64, f64), k| from + (to - from) * (k as f64 + 0.5) / CELLS as f64;
        let grid = Mat::from_fn(2, CELLS * CELLS, |feature, cell| match feature {
            0 => middle(x, cell % CELLS),
            _ => middle(y, cell / CELLS),
        });
        let loss = self.network.loss;
        let decided = |z: &[f64]| {
            let class = loss.class(z);
            (class, loss.scores(z).get(class).copied().unwrap_or(f64::NAN))
        };
        let samples = |samples: &Samples| -> Vec<Sample> {
            let predicted = self.predicted(samples);
            let sample = |j: usize| {
                let at = [0, 1].map(|feature| self.in_units(feature, samples.x[(feature, j)]));
                let &(class, predicted) = predicted.get(j)?;
                Some(Sample { at, class, predicted })
            };
            spread(samples.count(), DRAWN).filter_map(sample).collect()
        };
        let [first, second] = [0, 1].map(|k| schema.features.get(k).cloned().unwrap_or_default());
        decision_map(&DecisionMap {
            title: String::new(),
            axes: [first, second],
            classes,
            class_names: schema.class_names.clone().unwrap_or_default(),
            x,
            y,
            columns: CELLS,
            cells: self.outputs_at(grid).iter().map(|z| decided(z)).collect(),
            training: samples(train),
            validation: samples(validation),
        })
    }

    fn states(&self, classes: usize, labels: &[usize]) -> Result<Figure, ReportError> {
        let Dataset { train, schema, .. } = self.dataset;
        let chosen: Vec<usize> = spread(train.count(), SAMPLES).collect();
        let x = Mat::from_fn(train.x.nrows(), chosen.len(), |i, j| train.x[(i, chosen[j])]);
        let trace = Engine::new(self.network).trace(&self.outcome.weights, x.as_ref());
        let last = trace.last().map(|(_, states)| Plane::of(states));
        let plane = last.flatten().ok_or(ReportError::Empty {
            figure: "states",
            what: "the plane of the final states",
        })?;
        let frames = spread(trace.len() - 1, TIMES - 1).chain([trace.len() - 1]);
        let frames = frames
            .filter_map(|at| trace.get(at))
            .map(|(time, states)| Frame { time: *time, points: plane.project(states) });
        features(&Features {
            title: String::new(),
            axes: plane.axes(),
            class: chosen.iter().filter_map(|&j| labels.get(j).copied()).collect(),
            classes,
            class_names: schema.class_names.clone().unwrap_or_default(),
            frames: frames.collect(),
        })
    }

    /// Of the validation part, or of the training part if there is no other.
    fn confusion(&self, classes: usize) -> Result<Figure, ReportError> {
        let Dataset { train, validation, schema } = self.dataset;
        let (part, title) = match validation.count() {
            0 => (train, "training part"),
            _ => (validation, "validation part"),
        };
        let counted = Confusion::count(classes, self.predicted(part))?;
        confusion(&Confusion {
            title: title.to_owned(),
            class_names: schema.class_names.clone().unwrap_or_default(),
            ..counted
        })
    }

    /// The network as a function of its one feature, and the samples.
    fn fit(&self, targets: &Mat<f64>) -> Result<Figure, ReportError> {
        let Dataset { train, schema, .. } = self.dataset;
        let range = self.range(0, 0.04);
        let at = |k: usize| range.0 + (range.1 - range.0) * k as f64 / (CURVE - 1) as f64;
        let outputs = self.outputs_at(Mat::from_fn(1, CURVE, |_, k| at(k)));
        let value = |z: &Vec<f64>| z.first().copied().unwrap_or(f64::NAN);
        let points = outputs.iter().enumerate().map(|(k, z)| [at(k), value(z)]).collect();
        let curve = Series { name: "network".into(), points };
        let drawn = spread(train.count(), DRAWN);
        let points: Vec<[f64; 2]> =
            drawn.map(|j| [self.in_units(0, train.x[(0, j)]), targets[(0, j)]]).collect();
        let x = schema.features.first().cloned().unwrap_or_default();
        let mut figure = chart(
            "",
            Axis::linear(x).over(range),
            Axis::linear("y1"),
            Look::Lines,
            std::slice::from_ref(&curve),
        )?;
        for [x, y] in &points {
            figure.data.push(["training".into(), format!("{x:?}"), format!("{y:?}")]);
        }
        for panel in &mut figure.panels {
            panel.layers.push(Layer::Points {
                name: Some("training".into()),
                points: points.clone(),
                marker: Marker::Circle,
                colour: class_colour(1, 2),
                radius: 3.0,
                outlined: true,
            });
        }
        Ok(figure)
    }

    /// True and predicted class of each sample.
    fn predicted(&self, samples: &Samples) -> Vec<(usize, usize)> {
        let Labels::Classes(labels) = &samples.labels else { return Vec::new() };
        let outputs = self.outputs(&samples.x);
        let predicted = outputs.iter().map(|z| self.network.loss.class(z));
        labels.iter().copied().zip(predicted).collect()
    }

    /// The outputs for features as the data had them before they were standardised.
    fn outputs_at(&self, mut x: Mat<f64>) -> Vec<Vec<f64>> {
        if let Some(fitted) = self.standardisation() {
            // A map is drawn for as many features as the schema has.
            let _ = fitted.apply(x.as_mut());
        }
        self.outputs(&x)
    }

    fn outputs(&self, x: &Mat<f64>) -> Vec<Vec<f64>> {
        let outputs = Engine::new(self.network).outputs(&self.outcome.weights, x.as_ref());
        outputs.col_iter().map(|z| z.iter().copied().collect()).collect()
    }

    fn standardisation(&self) -> Option<&Standardisation> {
        self.dataset.schema.standardisation.as_ref()
    }

    /// A feature as the data had it before it was standardised.
    fn in_units(&self, feature: usize, value: f64) -> f64 {
        self.standardisation().map_or(value, |fitted| fitted.original(feature, value))
    }

    /// Where the samples lie along a feature, and a margin.
    fn range(&self, feature: usize, margin: f64) -> (f64, f64) {
        let parts = [&self.dataset.train, &self.dataset.validation];
        let values = parts.into_iter().flat_map(|part| {
            (0..part.count()).map(move |j| self.in_units(feature, part.x[(feature, j)]))
        });
        extent(values, Scale::Linear, margin)
    }
}

/// At most `most` of the numbers below `count`, evenly spread, the first among them.
pub fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let drawn = count.min(most);
    (0..drawn).map(move |k| k * count / drawn)
}

/// A plane in the space of the states: the states themselves if they are two numbers, else the first two principal
/// components of the final states.
struct Plane {
    centre: Vec<f64>,
    /// Two columns.
    directions: Mat<f64>,
    principal: bool,
}

impl Plane {
    fn of(states: &Mat<f64>) -> Option<Plane> {
        let (width, count) = (states.nrows(), states.ncols());
        if width == 2 {
            let directions = Mat::identity(2, 2);
            return Some(Plane { centre: vec![0.0; 2], directions, principal: false });
        }
        let mean = |i: usize| states.row(i).iter().sum::<f64>() / count.max(1) as f64;
        let centre: Vec<f64> = (0..width).map(mean).collect();
        let centred = Mat::from_fn(width, count, |i, j| states[(i, j)] - centre[i]);
        let vectors = centred.thin_svd().ok()?.U().to_owned();
        if vectors.ncols() < 2 {
            return None;
        }
        // The sign of a direction is free: its largest entry is positive.
        let sign = |k: usize| {
            let largest = vectors.col(k).iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
            largest.map_or(1.0, f64::signum)
        };
        let directions = Mat::from_fn(width, 2, |i, k| sign(k) * vectors[(i, k)]);
        Some(Plane { centre, directions, principal: true })
    }

    fn project(&self, states: &Mat<f64>) -> Vec<[f64; 2]> {
        let coordinate = |state: usize, k: usize| -> f64 {
            let entries = states.col(state).iter().zip(&self.centre);
            entries.zip(self.directions.col(k).iter()).map(|((y, c), d)| (y - c) * d).sum()
        };
        (0..states.ncols()).map(|j| [coordinate(j, 0), coordinate(j, 1)]).collect()
    }

    fn axes(&self) -> [String; 2] {
        match self.principal {
            true => ["principal component 1".into(), "principal component 2".into()],
            false => ["state 1".into(), "state 2".into()],
        }
    }
}
