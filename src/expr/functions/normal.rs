//! The distribution function of the standard normal.

use super::exponential::{reduced, scaled};
use super::{fma, horner};

/// Adding and subtracting it rounds to twenty binary places.
const PLACES: f64 = 1.5 * (1_u64 << 32) as f64;
const FRAC_1_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

/// For u >= 0, Phi(-u) = exp(-u^2 / 2) P(t) / (u + 4) with t = (u - 4) / (u + 4), after Shepherd and Laframboise (1981).
/// P is within 1e-16 of the truth where Phi(-u) is not zero; tests/reference/normal_cdf.py makes it.
///
/// The square of u would be off by 2^-53 u^2, and so would the logarithm of Phi. Hence the formula is for u to twenty
/// binary places, where square, sum and difference are exact, and the rest is a step of Taylor's series.
#[inline(always)]
pub fn normal_cdf<const FMA: bool>(x: f64) -> f64 {
    let u = if x.abs() > 38.6 { 38.6 } else { x.abs() };
    let head = (u + PLACES) - PLACES;
    let rest = u - head;
    let w = 1.0 / (head + 4.0);
    let p = horner::<FMA, _>(
        (head - 4.0) * w,
        [
            0.7552851304157515,
            -0.6078966419718917,
            0.3871374007422191,
            -0.18652185795969556,
            0.06039657489068836,
            -0.007540188965555796,
            -0.0034796923620276916,
            0.0016308184414510478,
            0.00013334425189012324,
            -0.0002310948156494955,
            -1.9078543206531097e-06,
            3.514417242960702e-05,
            7.149626865060063e-07,
            -5.918878885951139e-06,
            -6.250383298968487e-07,
            1.0198022966398244e-06,
            2.6355822900171635e-07,
            -1.5428808924285993e-07,
            -7.628951039149572e-08,
            1.4613140445345922e-08,
            1.38955546415249e-08,
            5.786320078405682e-11,
            -9.65417417664904e-10,
        ],
    );
    let q = head * rest;
    let slope = FRAC_1_SQRT_2PI * fma::<FMA>(q, fma::<FMA>(q, 1.0 / 6.0, -0.5), 1.0);
    let factor = fma::<FMA>(-rest, slope, w * p);
    let (shifted, r) = reduced::<FMA>(-0.5 * (head * head));
    let below = scaled::<FMA>(shifted, r, factor);
    if x > 0.0 { 1.0 - below } else { below }
}
