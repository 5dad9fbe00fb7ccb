//! kutta
pub mod control;
pub mod data;
pub mod field;
pub mod loss;
pub mod network;
pub mod solve;
pub mod spec;
pub mod tableau;
pub mod train;
