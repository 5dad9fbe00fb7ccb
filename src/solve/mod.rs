//! Solving y' = f(t, y; w(t)) on a grid of steps, and the exact adjoint of what was done.

pub mod adaptive;
mod flow;
mod grid;
pub mod step;
mod work;

pub use flow::{Broken, Flow, Prepared, Tape};
pub use grid::{GridError, Stepping, Time, Times};
