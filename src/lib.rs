//! kutta
