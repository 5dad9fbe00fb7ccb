//! Studies: a model with some of its fields varied, one run for each combination.
//!
//! [`Study`] is the file, checked, with its points in order. [`Table`] is what came of them: a row a run, failures among them, and the statistics over seeds.
//! Nothing here writes or prints.

mod figure;
mod file;
mod table;

pub use figure::{Curve, Panel, Picture, Rule, RuleError};
pub use file::{Change, Point, Solver, Study};
pub use table::{Row, Statistics, Table};
