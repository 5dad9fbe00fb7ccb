//! Neural networks read as ordinary differential equations, solved by the Runge-Kutta tableau you choose.
//!
//! ```text
//! y(0) = opening(x),   y' = f(t, y; w(t)) on [0, T],   z = head(y(T))
//! ```
//!
//! The method stands in the model file, by name or as coefficients; so does the field f, by name or as a formula.
//! States and weights are discretised separately: the steps of the method are one grid, the coefficients of w(t)
//! another. Gradients are exact: the adjoint of the very steps that were taken.
//!
//! ```
//! use std::path::Path;
//!
//! use kutta::spec::{Model, template};
//! use kutta::train::{Fit, Objective, Part};
//!
//! let source = template("peaks").ok_or("no such template")?;
//! let model = Model::parse(source, Path::new("peaks.ron"), &["network.method=heun2".into()])?;
//! let data = model.dataset()?;
//! let network = model.network(&data.schema)?;
//!
//! let weights = network.initial(model.seed);
//! let mut gradient = vec![0.0; weights.len()];
//! let mut objective = Fit::new(&network, &data);
//! let loss = objective.gradient(&weights, &[0, 1, 2, 3], &mut gradient)?;
//! let score = objective.evaluate(&weights, Part::Validation)?;
//! assert!(loss > 0.0 && score.accuracy < Some(0.9));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rooms
//!
//! From the formula to the command; a room opens only rooms above it. `docs/architecture.md` has the whole list, the
//! numerical facts and the reasons.
//!
//! [`expr`] is the symbolic core. A formula is parsed, its shapes are inferred, it is derived in both directions and
//! becomes a plan that is executed on blocks of samples. [`expr::Kernel`] is all that other rooms see of it.
//!
//! [`tableau`] has Runge-Kutta methods as data. Coefficients are read exactly and the order is proved by rooted trees
//! before there is a [`tableau::Tableau`]; the named methods pass through the same door.
//!
//! [`control`] has the weights in time, w(t) = sum p_i(t) theta_i, with their transpose and their breaks.
//!
//! [`loss`] has the losses of one sample with their derivatives.
//!
//! [`data`] draws data sets from a seed or reads them from files, splits and standardises them.
//!
//! [`report`] draws figures and writes tables from plain values. It knows nothing of networks.
//!
//! `buffer` is memory that grows once and begins on a cache line.
//!
//! [`measure`] has what a timing needs: quartiles, the rate of plain matrix products, the memory in use.
//!
//! [`atomic`] writes files that are the old ones or the new ones, never half of each; [`weights`] named tensors as
//! safetensors files.
//!
//! [`field`] has f(t, y; w): the trait [`field::VectorField`] for fields of one's own, fields given by a formula, and
//! the named architectures.
//!
//! [`jacobian`] has df/dy of a field at many states at once.
//!
//! [`solve`] takes the steps, forward and back, and knows at which times which weights are needed.
//!
//! [`spectrum`] has the eigenvalues of the Jacobian along a flow, and what they advise.
//!
//! [`network`] joins opening, flow, head and loss, and evaluates them on blocks of samples in parallel, to the same
//! bits for any number of threads.
//!
//! [`train`] minimises an objective: the loop, its events and checkpoints, one file an optimiser.
//!
//! [`converged`] has the flow of a trained network apart from its steps.
//!
//! [`landscape`] has the objective about trained weights: lines, planes, the spectrum of its Hessian.
//!
//! [`spec`] reads model files. An error says where, what, and what would be right; `build` makes the network.
//!
//! [`study`] varies fields of a model and collects what came of the runs.
//!
//! [`cli`] is what may be typed, [`commands`] what it means: one file a verb. Only they print.

// The library neither prints nor gives up: it returns values, errors and events.
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod atomic;
pub mod awake;
mod buffer;
pub mod cli;
pub mod commands;
pub mod control;
pub mod converged;
pub mod data;
mod dialect;
pub mod expr;
pub mod field;
pub mod gradcheck;
pub mod jacobian;
pub mod landscape;
pub mod loss;
pub mod measure;
mod nearest;
pub mod network;
mod parallel;
pub mod report;
pub mod solve;
pub mod spec;
pub mod spectrum;
pub mod study;
pub mod tableau;
pub mod train;
pub mod weights;
