//! kutta

pub mod data;
