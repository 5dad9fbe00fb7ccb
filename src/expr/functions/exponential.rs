//! exp and what is made of it by one division.

use super::{LN2_HI, LN2_LO, ROUND, clamp, fma, horner, odd};

/// x = k ln 2 + r with |r| <= ln 2 / 2: gives k + ROUND and r.
#[inline(always)]
pub(super) fn reduced<const FMA: bool>(x: f64) -> (f64, f64) {
    let shifted = fma::<FMA>(x, std::f64::consts::LOG2_E, ROUND);
    let k = shifted - ROUND;
    (shifted, fma::<FMA>(-k, LN2_LO, fma::<FMA>(-k, LN2_HI, x)))
}

/// 2^k exp(r) times a factor, from k + ROUND. The polynomial for (exp(r) - 1 - r) / r^2 is Taylor's: what it leaves out is below
/// 5e-18 of exp(r).
#[inline(always)]
pub(super) fn scaled<const FMA: bool>(shifted: f64, r: f64, factor: f64) -> f64 {
    let p = horner::<FMA, _>(
        r,
        [
            0.5,
            1.0 / 6.0,
            1.0 / 24.0,
            1.0 / 120.0,
            1.0 / 720.0,
            1.0 / 5_040.0,
            1.0 / 40_320.0,
            1.0 / 362_880.0,
            1.0 / 3_628_800.0,
            1.0 / 39_916_800.0,
            1.0 / 479_001_600.0,
            1.0 / 6_227_020_800.0,
        ],
    );
    let p = fma::<FMA>(p * r, r, r);
    // 2^k in two factors, both normal numbers: near 2^1024 the first is half of it, near 0 it is 2^63 times as much.
    let low = shifted < ROUND - 1000.0;
    let (bias, rest) = if low { (1086, 1.0 / (1_u64 << 63) as f64) } else { (1022, 2.0) };
    let scale = factor * f64::from_bits(shifted.to_bits().wrapping_add(bias) << 52);
    fma::<FMA>(scale, p, scale) * rest
}

#[inline(always)]
pub fn exp<const FMA: bool>(x: f64) -> f64 {
    let (shifted, r) = reduced::<FMA>(clamp(x, -746.0, 709.8));
    let y = scaled::<FMA>(shifted, r, 1.0);
    if x > 709.782_712_893_384 { f64::INFINITY } else { y }
}

/// |x| = k (ln 2) / 2 + r with |r| <= (ln 2) / 4. At k (ln 2) / 2 the tangent is (2^k - 1) / (2^k + 1); that of r
/// is p / q, the sixth convergent of Lambert's continued fraction (1768), 1e-18 from it; the addition theorem
/// joins them with one division. Beyond 20 the tangent is 1 to the last bit.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f64) -> f64 {
    let u = if x.abs() > 20.0 { 20.0 } else { x.abs() };
    let biased = fma::<FMA>(u, 2.0 * std::f64::consts::LOG2_E, ROUND + 1023.0);
    let scale = f64::from_bits(biased.to_bits() << 52);
    let r = fma::<FMA>(ROUND + 1023.0 - biased, 0.5 * std::f64::consts::LN_2, u);
    let v = r * r;
    let p = r * horner::<FMA, _>(v, [10395.0, 1260.0, 21.0]);
    let q = horner::<FMA, _>(v, [10395.0, 4725.0, 210.0, 1.0]);
    let (less, more) = (scale - 1.0, scale + 1.0);
    odd(x, fma::<FMA>(less, q, more * p) / fma::<FMA>(less, p, more * q))
}

#[inline(always)]
pub fn sigmoid<const FMA: bool>(x: f64) -> f64 {
    let e = exp::<FMA>(-x.abs());
    let above = if x < 0.0 { e } else { 1.0 };
    above / (1.0 + e)
}
