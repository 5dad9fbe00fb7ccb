//! Elementwise functions without branches, so that a loop over them becomes vector code on every processor.
//!
//! `FMA` says whether the processor at hand multiplies and adds in one instruction; without it the library
//! call of `f64::mul_add` would be far slower than two operations. A NaN argument gives NaN.

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

/// x = k ln 2 + r with |r| <= ln 2 / 2: gives 2^(k-1) and expm1(r).
/// The polynomial is Taylor's: its remainder is below 5e-18 there.
#[inline(always)]
fn reduced<const FMA: bool>(x: f64) -> (f64, f64) {
    let shifted = fma::<FMA>(x, std::f64::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = fma::<FMA>(-k, LN2_LO, fma::<FMA>(-k, LN2_HI, x));
    let half = f64::from_bits(shifted.to_bits().wrapping_add(1022) << 52);
    let mut p = 1.0 / 6_227_020_800.0;
    p = fma::<FMA>(p, r, 1.0 / 479_001_600.0);
    p = fma::<FMA>(p, r, 1.0 / 39_916_800.0);
    p = fma::<FMA>(p, r, 1.0 / 3_628_800.0);
    p = fma::<FMA>(p, r, 1.0 / 362_880.0);
    p = fma::<FMA>(p, r, 1.0 / 40_320.0);
    p = fma::<FMA>(p, r, 1.0 / 5_040.0);
    p = fma::<FMA>(p, r, 1.0 / 720.0);
    p = fma::<FMA>(p, r, 1.0 / 120.0);
    p = fma::<FMA>(p, r, 1.0 / 24.0);
    p = fma::<FMA>(p, r, 1.0 / 6.0);
    p = fma::<FMA>(p, r, 0.5);
    (half, fma::<FMA>(p * r, r, r))
}

/// Within limits that keep NaN as it is.
#[inline(always)]
fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

#[inline(always)]
pub fn exp<const FMA: bool>(x: f64) -> f64 {
    let (half, p) = reduced::<FMA>(clamp(x, -708.0, 709.8));
    let y = fma::<FMA>(half, p, half) * 2.0;
    let y = if x < -708.0 { 0.0 } else { y };
    if x > 709.782_712_893_384 { f64::INFINITY } else { y }
}

/// x = k (ln 2) / 2 + r with |r| <= (ln 2) / 4. At k (ln 2) / 2 the tangent is (2^k - 1) / (2^k + 1); that of r
/// is p / q, the sixth convergent of Lambert's continued fraction (1768), 1e-18 from it; the addition theorem
/// joins them with one division. Beyond 20 the tangent is 1 to the last bit.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f64) -> f64 {
    let x = clamp(x, -20.0, 20.0);
    let biased = fma::<FMA>(x, 2.0 * std::f64::consts::LOG2_E, ROUND + 1023.0);
    let scale = f64::from_bits(biased.to_bits() << 52);
    let r = fma::<FMA>(ROUND + 1023.0 - biased, 0.5 * std::f64::consts::LN_2, x);
    let v = r * r;
    let p = r * fma::<FMA>(fma::<FMA>(v, 21.0, 1260.0), v, 10395.0);
    let q = fma::<FMA>(fma::<FMA>(v + 210.0, v, 4725.0), v, 10395.0);
    let (less, more) = (scale - 1.0, scale + 1.0);
    fma::<FMA>(less, q, more * p) / fma::<FMA>(less, p, more * q)
}

#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f64) -> f64 {
    let e = exp::<FMA>(-x.abs());
    let s = 1.0 / (1.0 + e);
    if x < 0.0 { e * s } else { s }
}

#[inline(always)]
fn softplus<const FMA: bool>(x: f64) -> f64 {
    let positive = if x < 0.0 { 0.0 } else { x };
    positive + exp::<FMA>(-x.abs()).ln_1p()
}

#[inline(always)]
pub fn relu(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
pub fn step(x: f64) -> f64 {
    let one = if x > 0.0 { 1.0 } else { 0.0 };
    if x.is_nan() { x } else { one }
}

#[inline(always)]
fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
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
        Function::NormalCdf => normal_cdf(x),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
        Function::Exp => exp::<FMA>(x),
        Function::Log => x.ln(),
        Function::Sqrt => x.sqrt(),
    }
}

/// x^p: by repeated multiplication for small whole p, else by the library.
#[inline(always)]
pub fn power(x: f64, p: f64) -> f64 {
    if p == p.trunc() && p.abs() <= 64.0 { x.powi(p as i32) } else { x.powf(p) }
}
