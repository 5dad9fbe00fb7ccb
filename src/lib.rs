//! kutta
pub mod atomic;
pub mod data;
pub mod expr;
pub mod tableau;
pub mod train;
pub mod weights;
