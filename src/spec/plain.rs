//! What a model whose data are initial states need not say, each with its section and key.

use crate::control::Basis;
use crate::loss::Loss;
use crate::network::Opening;
use crate::train::{Optimiser, Schedule, Training};

/// Section, key and value.
pub(super) type Otherwise<T> = fn() -> (&'static str, &'static str, T);

pub(super) fn opening() -> (&'static str, &'static str, Opening) {
    ("network", "opening", Opening::Identity)
}

pub(super) fn controls() -> (&'static str, &'static str, Basis) {
    ("network", "controls", Basis::Constant)
}

pub(super) fn loss() -> (&'static str, &'static str, String) {
    ("", "loss", Loss::Squares.name().to_owned())
}

/// One that nobody runs.
pub(super) fn training() -> (&'static str, &'static str, Training) {
    let schedule = Schedule::Constant;
    let optimiser = Optimiser::Sgd { rate: 1.0, momentum: 0.0, nesterov: false, schedule };
    let training =
        Training { optimiser, epochs: 1, batch: None, checkpoint: 0, snapshots: 0, stop: None };
    ("", "training", training)
}
