//! The stability study: eigenvalues of the Jacobian along a trained network, and what they advise.
//!
//! ```text
//! J(t) = df/dy (t, y(t); w(t)),   lambda in spec J(t),   R(h lambda)
//! ```
//!
//! [`along`] shows the Jacobians along a flow in pieces that fit memory, [`spectrum`] has their eigenvalues.

mod accuracy;
pub mod advice;
mod along;
mod cheapest;
mod closer;
mod eigen;
mod normality;
mod propagator;
mod ray;
mod structure;
mod study;
mod walk;

pub use accuracy::{Limit, Tolerance, error};
pub use along::{Frame, When, along};
pub use cheapest::grid;
pub use closer::{Look, look};
pub use eigen::{Failed, Room, eigenvalues};
pub use normality::{DEFECTIVE, Normality, inside, numerical_range};
pub use propagator::{Frozen, Propagator, propagators};
pub use ray::Region;
pub use structure::DampedSkew;
pub use study::{Damped, Lost, Spectrum, spectrum};

#[cfg(test)]
mod tests;
