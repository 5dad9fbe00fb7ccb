//! kutta
pub mod expr;
