//! kutta
pub mod atomic;
pub mod expr;
pub mod tableau;
pub mod train;
pub mod weights;
