//! log and softplus(x) = log(1 + exp(x)).

use std::f64::consts::SQRT_2;

use super::{LN2_HI, LN2_LO, ROUND, exp, fma, horner, relu};

/// k ln 2 + log(1 + f) for sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
/// With s = f / (2 + f) it is 2 artanh(s) = f - s (f - R(s^2)), where R is the polynomial of fdlibm (Sun, 1993).
#[inline(always)]
fn joined<const FMA: bool>(k: f64, f: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * horner::<FMA, _>(
        z,
        [
            0.6666666666666735,
            0.3999999999940942,
            0.2857142874366239,
            0.22222198432149784,
            0.1818357216161805,
            0.15313837699209373,
            0.14798198605116586,
        ],
    );
    let half = 0.5 * f * f;
    fma::<FMA>(k, LN2_HI, f - (half - fma::<FMA>(s, half + r, k * LN2_LO)))
}

/// x = 2^k (1 + f) is read from the bits of x; those of sqrt(1/2) are where the exponent steps.
#[inline(always)]
pub fn log<const FMA: bool>(x: f64) -> f64 {
    const ONE: u64 = 1.0_f64.to_bits();
    const LEAST: u64 = (0.5 * SQRT_2).to_bits();
    const FRACTION: u64 = (1 << 52) - 1;
    const FIFTY_FOUR: f64 = (1_u64 << 54) as f64;

    let subnormal = x < f64::MIN_POSITIVE;
    let (normal, offset) =
        if subnormal { (x * FIFTY_FOUR, ROUND + 1023.0 + 54.0) } else { (x, ROUND + 1023.0) };
    let bits = normal.to_bits().wrapping_add(ONE - LEAST);
    let k = f64::from_bits(ROUND.to_bits() + (bits >> 52)) - offset;
    let f = f64::from_bits((bits & FRACTION) + LEAST) - 1.0;
    let y = joined::<FMA>(k, f);
    let y = if x < f64::INFINITY { y } else { x };
    let y = if x < 0.0 { f64::NAN } else { y };
    if x == 0.0 { f64::NEG_INFINITY } else { y }
}

/// max(x, 0) + log(1 + e) with e = exp(-|x|), where 1 + e is halved if it is above sqrt 2.
#[inline(always)]
pub fn softplus<const FMA: bool>(x: f64) -> f64 {
    let e = exp::<FMA>(-x.abs());
    let (k, f) = if e > SQRT_2 - 1.0 { (1.0, 0.5 * (e - 1.0)) } else { (0.0, e) };
    relu(x) + joined::<FMA>(k, f)
}
