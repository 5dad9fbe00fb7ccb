//! The stability study: eigenvalues of the Jacobian along a trained network, and what they advise.
//!
//! ```text
//! J(t) = df/dy (t, y(t); w(t)),   lambda in spec J(t),   R(h lambda)
//! ```
//!
//! [`along`] shows the Jacobians along a flow in pieces that fit memory, [`spectrum`] has their eigenvalues.

mod along;
mod eigen;
mod structure;
mod study;
mod walk;

pub use along::{Frame, When, along};
pub use eigen::{Failed, Room, eigenvalues};
pub use structure::DampedSkew;
pub use study::{Damped, Lost, Spectrum, spectrum};
