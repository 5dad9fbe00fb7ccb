//! kutta
pub mod atomic;
pub mod expr;
pub mod train;
pub mod weights;
