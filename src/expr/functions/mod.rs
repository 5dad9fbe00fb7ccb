//! Elementwise functions without branches, so that a loop over them becomes vector code on every processor.
//!
//! `FMA` says whether the processor at hand multiplies and adds in one instruction; without it the library
//! call of `f64::mul_add` would be far slower than two operations. A NaN argument gives NaN. Results are within four
//! units in the last place where they are normal numbers, most within two; they do not depend on where in a slice
//! they stand.

/// dst[i] = y(a[i]); where there is no `a` the argument is the destination's old value.
/// A function that takes a closure could be too long to be inlined, and then is not compiled for the processor at hand.
macro_rules! each {
    ($dst:expr, $a:expr, |$x:ident| $y:expr) => {
        match $a {
            Some(a) => {
                for (d, &$x) in $dst.iter_mut().zip(a) {
                    *d = $y;
                }
            }
            None => {
                for d in $dst {
                    let $x = *d;
                    *d = $y;
                }
            }
        }
    };
}

mod exponential;
mod logarithm;
mod normal;
mod power;
#[cfg(test)]
mod tests;
mod trigonometric;

pub use exponential::{exp, sigmoid, tanh};
pub use logarithm::{log, softplus};
pub use normal::normal_cdf;
pub use power::{map_power, power};
pub use trigonometric::{cos, sin};

use self::trigonometric::{all_near, near_cos, near_sin};
use super::graph::Function;

/// ln 2 in two parts: the first has zeros at its end, so that k * LN2_HI is exact for |k| < 2048.
const LN2_HI: f64 = f64::from_bits(0x3fe6_2e42_fefa_3800);
const LN2_LO: f64 = f64::from_bits(0x3d2e_f357_93c7_6730);
/// Adding it leaves the rounded integer in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

#[inline(always)]
fn fma<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// c_0 + c_1 x + c_2 x^2 + ..
#[inline(always)]
fn horner<const FMA: bool, const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[N - 1];
    for i in 1..N {
        sum = fma::<FMA>(sum, x, coefficients[N - 1 - i]);
    }
    sum
}

/// Within limits that keep NaN as it is.
#[inline(always)]
fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// y, or -y where x is negative: makes an odd function of one for positive arguments.
#[inline(always)]
fn odd(x: f64, y: f64) -> f64 {
    f64::from_bits(y.to_bits() ^ (x.to_bits() & (1 << 63)))
}

#[inline(always)]
pub fn relu(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn step(x: f64) -> f64 {
    let one = if x > 0.0 { 1.0 } else { 0.0 };
    if x.is_nan() { x } else { one }
}

/// The function for one number, as the vector loops compute it.
#[inline(always)]
pub fn apply<const FMA: bool>(f: Function, x: f64) -> f64 {
    match f {
        Function::Tanh => tanh::<FMA>(x),
        Function::Relu => relu(x),
        Function::Step => step(x),
        Function::Sigmoid => sigmoid::<FMA>(x),
        Function::Softplus => softplus::<FMA>(x),
        Function::NormalCdf => normal_cdf::<FMA>(x),
        Function::Sin => sin::<FMA>(x),
        Function::Cos => cos::<FMA>(x),
        Function::Exp => exp::<FMA>(x),
        Function::Log => log::<FMA>(x),
        Function::Sqrt => x.sqrt(),
    }
}

/// dst[i] = f(a[i]); where there is no `a` the argument is the destination's old value.
#[inline(always)]
pub fn map<const FMA: bool>(dst: &mut [f64], f: Function, a: Option<&[f64]>) {
    macro_rules! by_name {
        ($($name:ident)*) => {
            match f {
                // Angles far from zero have a branch of their own, which few loops ever need.
                Function::Sin if all_near(a.unwrap_or(dst)) => each!(dst, a, |x| near_sin::<FMA>(x)),
                Function::Cos if all_near(a.unwrap_or(dst)) => each!(dst, a, |x| near_cos::<FMA>(x)),
                $(Function::$name => each!(dst, a, |x| apply::<FMA>(Function::$name, x)),)*
            }
        };
    }
    by_name!(Tanh Relu Step Sigmoid Softplus NormalCdf Sin Cos Exp Log Sqrt);
}
