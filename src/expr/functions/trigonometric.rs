//! sin and cos.

use super::{ROUND, fma, horner, odd};

/// Up to here the angle less a whole number of quarter turns is computed without a branch.
const FAR: f64 = 1_048_576.0;

/// pi / 2 in four parts: the first three have 33 bits, so that k times them is exact for k < 2^20 (fdlibm, Sun 1993).
/// Three would leave few digits of the angles nearest to a multiple of pi / 2.
const QUARTER: [f64; 4] = [
    f64::from_bits(0x3ff9_21fb_5440_0000),
    f64::from_bits(0x3dd0_b461_1a60_0000),
    f64::from_bits(0x3ba3_198a_2e00_0000),
    f64::from_bits(0x397b_839a_2520_49c1),
];

/// sin(x + ahead pi / 2) for 0 <= x <= FAR. By Cody and Waite (1980) x = k pi / 2 + r with |r| <= pi / 4; the
/// polynomials for r are those of fdlibm (Sun, 1993).
#[inline(always)]
fn wave<const FMA: bool>(x: f64, ahead: u64) -> f64 {
    let shifted = fma::<FMA>(x, std::f64::consts::FRAC_2_PI, ROUND);
    let k = shifted - ROUND;
    let mut r = x;
    for part in QUARTER {
        r = fma::<FMA>(-k, part, r);
    }
    let z = r * r;
    let sin = horner::<FMA, _>(
        z,
        [
            -0.16666666666666632,
            0.00833333333332249,
            -0.0001984126982985795,
            2.7557313707070068e-06,
            -2.5050760253406863e-08,
            1.58969099521155e-10,
        ],
    );
    let sin = fma::<FMA>(r * z, sin, r);
    let cos = horner::<FMA, _>(
        z,
        [
            0.0416666666666666,
            -0.001388888888887411,
            2.480158728947673e-05,
            -2.7557314351390663e-07,
            2.087572321298175e-09,
            -1.1359647557788195e-11,
        ],
    );
    let half = 0.5 * z;
    let most = 1.0 - half;
    let cos = most + fma::<FMA>(z * z, cos, (1.0 - most) - half);
    let turn = shifted.to_bits().wrapping_add(ahead);
    let y = if turn & 1 == 0 { sin } else { cos };
    f64::from_bits(y.to_bits() ^ ((turn & 2) << 62))
}

/// The sine of an angle within [`FAR`].
#[inline(always)]
pub(super) fn near_sin<const FMA: bool>(x: f64) -> f64 {
    odd(x, wave::<FMA>(x.abs(), 0))
}

/// The cosine of an angle within [`FAR`].
#[inline(always)]
pub(super) fn near_cos<const FMA: bool>(x: f64) -> f64 {
    wave::<FMA>(x.abs(), 1)
}

/// Whether all angles are such that [`near_sin`] and [`near_cos`] hold.
#[inline(always)]
pub(super) fn all_near(angles: &[f64]) -> bool {
    !angles.iter().fold(false, |far, x| far | (x.abs() > FAR))
}

#[inline(always)]
pub fn sin<const FMA: bool>(x: f64) -> f64 {
    if x.abs() > FAR { libm::sin(x) } else { near_sin::<FMA>(x) }
}

#[inline(always)]
pub fn cos<const FMA: bool>(x: f64) -> f64 {
    if x.abs() > FAR { libm::cos(x) } else { near_cos::<FMA>(x) }
}
