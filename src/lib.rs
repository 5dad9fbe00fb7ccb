//! kutta

pub mod tableau;
