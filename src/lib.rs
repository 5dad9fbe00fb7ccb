//! kutta
pub mod atomic;
pub mod train;
pub mod weights;
