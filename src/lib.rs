//! kutta
pub mod report;
