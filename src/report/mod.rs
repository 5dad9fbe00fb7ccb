//! Tables and figures from plain values.
//!
//! A [`Figure`] is a value: panels of layers (lines, points, coloured cells, notes) with their axes, and the
//! numbers behind them. [`history`], [`decision`], [`features`] and [`confusion`] build the figures of a run,
//! [`chart`], [`matrix`], [`isolines`] and [`surface`] the general ones; whoever needs another pushes layers of his own. [`Figure::write`] lays it out once
//! and writes `stem.svg`, `stem.png` (twice the resolution) and `stem.csv`.
//! Text is set in an embedded typeface, so that no figure depends on the fonts of the machine.
//!
//! Of the crate only `atomic` is opened, and nothing prints.

mod axis;
pub mod chart;
pub mod confusion;
mod contour;
pub mod decision;
mod drawing;
pub mod features;
mod figure;
mod font;
mod frame;
pub mod history;
pub mod isolines;
mod layout;
mod legend;
pub mod matrix;
pub mod palette;
pub mod region;
mod render;
pub mod spectrum;
pub mod surface;
pub mod table;
pub mod work_precision;
mod write;

pub use axis::{Axis, Scale, extent};
pub use figure::{Bar, Cells, Data, Face, Figure, Layer, Note, Panel};
pub use write::ENDINGS;

use std::path::PathBuf;

use crate::atomic::WriteError;

/// Why a figure cannot be drawn or written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages show
pub enum ReportError {
    #[error("{figure}: there is nothing to draw, {what} is empty")]
    Empty { figure: &'static str, what: &'static str },
    #[error("{figure}: {what} has {found} values where {expected} are needed")]
    Count { figure: &'static str, what: &'static str, expected: usize, found: usize },
    #[error(
        "{figure}: {what} holds class {found}, but there are {classes} classes, numbered from 0"
    )]
    Class { figure: &'static str, what: &'static str, found: usize, classes: usize },
    #[error(
        "{figure}: {what} runs from {from} to {to}; it needs two finite numbers (positive on a log axis) that differ in more than their last digits"
    )]
    Range { figure: &'static str, what: &'static str, from: f64, to: f64 },
    #[error(
        "the page would be {width:.0} by {height:.0} pixels, more than {:.0} million in all; draw fewer panels or cells",
        limit / 1e6
    )]
    Page { width: f64, height: f64, limit: f64 },
    #[error(
        "the embedded typeface cannot be read; the program was built from a damaged assets/DejaVuSans.ttf"
    )]
    Typeface,
    #[error("{}: a figure is written as .svg, .png or .csv (its numbers)", path.display())]
    Ending { path: PathBuf },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error(transparent)]
    Place(#[from] WriteError),
}

/// The names of `count` classes: the given ones, then `class 3` and so on for those without.
fn class_names(given: &[String], count: usize) -> Vec<String> {
    (0..count).map(|k| given.get(k).cloned().unwrap_or_else(|| format!("class {k}"))).collect()
}

#[cfg(test)]
mod tests;
