//! kutta
pub mod atomic;
mod buffer;
pub mod cli;
pub mod commands;
pub mod control;
pub mod data;
pub mod expr;
pub mod field;
pub mod gradcheck;
pub mod loss;
pub mod network;
pub mod report;
pub mod solve;
pub mod spec;
pub mod tableau;
pub mod train;
pub mod weights;
