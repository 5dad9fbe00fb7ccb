//! kutta
pub mod atomic;
pub mod weights;
