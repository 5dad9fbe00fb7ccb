//! Loss and accuracy over the epochs of a training.

use super::figure::{Data, Figure, Layer, Panel, number};
use super::palette::class_colour;
use super::{Axis, ReportError, Scale, extent};

/// The state at the end of an epoch; NaN where a value is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    pub epoch: usize,
    pub train_loss: f64,
    pub validation_loss: f64,
    /// Shares of right answers in [0, 1]; NaN throughout for regression.
    pub train_accuracy: f64,
    pub validation_accuracy: f64,
}

/// Loss, and accuracy if any epoch has one, over the epochs. The loss is drawn on a log axis if all its values
/// are positive and span more than a decade.
///
/// # Errors
/// [`ReportError::Empty`] without epochs.
pub fn history(epochs: &[Epoch]) -> Result<Figure, ReportError> {
    if epochs.is_empty() {
        return Err(ReportError::Empty { figure: "history", what: "the list of epochs" });
    }
    let mut data = Data::new([
        "epoch",
        "train_loss",
        "validation_loss",
        "train_accuracy",
        "validation_accuracy",
    ]);
    for e in epochs {
        let values = [e.train_loss, e.validation_loss, e.train_accuracy, e.validation_accuracy];
        let [a, b, c, d] = values.map(number);
        data.push([e.epoch.to_string(), a, b, c, d]);
    }

    let losses =
        || epochs.iter().flat_map(|e| [e.train_loss, e.validation_loss]).filter(|v| v.is_finite());
    let (least, most) = losses().fold((f64::INFINITY, 0.0f64), |(a, b), v| (a.min(v), b.max(v)));
    let log = least > 0.0 && most / least > 10.0;
    let loss = Axis { scale: if log { Scale::Log } else { Scale::Linear }, ..Axis::linear("loss") };
    let mut panels = vec![panel(epochs, loss, |e| e.train_loss, |e| e.validation_loss)];

    let percent = |v: f64| 100.0 * v;
    let known = |e: &Epoch| e.train_accuracy.is_finite() || e.validation_accuracy.is_finite();
    if epochs.iter().any(known) {
        let values =
            epochs.iter().flat_map(|e| [e.train_accuracy, e.validation_accuracy]).map(percent);
        let (low, high) = extent(values, Scale::Linear, 0.04);
        // The line of 100 % lies on the edge only if something reaches it.
        let range =
            if low < 100.0 && high > 0.0 { (low.max(0.0), high.min(100.5)) } else { (low, high) };
        let axis = Axis::linear("accuracy (%)").over(range);
        panels.push(panel(
            epochs,
            axis,
            |e| percent(e.train_accuracy),
            |e| percent(e.validation_accuracy),
        ));
    }
    Ok(Figure { title: String::new(), columns: 2, panels, data })
}

fn panel(
    epochs: &[Epoch],
    y: Axis,
    train: impl Fn(&Epoch) -> f64,
    validation: impl Fn(&Epoch) -> f64,
) -> Panel {
    let line = |name: &str, index: usize, value: &dyn Fn(&Epoch) -> f64| Layer::Line {
        name: Some(name.to_string()),
        points: epochs.iter().map(|e| [e.epoch as f64, value(e)]).collect(),
        colour: class_colour(index, 2),
        dashed: index > 0,
    };
    let mut layers = vec![line("training", 0, &train)];
    if epochs.iter().any(|e| validation(e).is_finite()) {
        layers.push(line("validation", 1, &validation));
    }
    // A gap in the values is none in time: the axis spans all epochs.
    let x = Axis { whole: true, ..Axis::linear("epoch") };
    let range = extent(epochs.iter().map(|e| e.epoch as f64), Scale::Linear, 0.02);
    Panel { size: (320.0, 230.0), x: x.over(range), y, layers, ..Panel::default() }
}
