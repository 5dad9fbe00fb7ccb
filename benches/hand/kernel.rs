//! The elementwise loops, each one pass over memory, compiled for the processor found at run time.
//!
//! Bias vectors come replicated into a tile of whole columns, so that no loop runs over a short column.

use std::f64::consts::{LN_2, LOG2_E};

use pulp::{Arch, Simd, WithSimd};

/// Adding it leaves the rounded integer, with an exponent's offset, in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0 + 1023.0;

#[inline(always)]
fn fma<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// x = k (ln 2) / 2 + r gives s = 2^k, and p / q = tanh(r) by the sixth convergent of Lambert's continued
/// fraction (1768), 1e-18 from it at |r| <= (ln 2) / 4. Then exp(2x) = s (q + p) / (q - p).
#[inline(always)]
fn parts<const FMA: bool>(x: f64) -> (f64, f64, f64) {
    let shifted = fma::<FMA>(x, 2.0 * LOG2_E, ROUND);
    let s = f64::from_bits(shifted.to_bits() << 52);
    let r = fma::<FMA>(ROUND - shifted, 0.5 * LN_2, x);
    let v = r * r;
    let p = r * fma::<FMA>(fma::<FMA>(v, 21.0, 1260.0), v, 10395.0);
    let q = fma::<FMA>(fma::<FMA>(v + 210.0, v, 4725.0), v, 10395.0);
    (s, p, q)
}

/// (s - 1) / (s + 1) is the tangent at k (ln 2) / 2; the addition theorem does the rest with one division.
/// Beyond 20 the tangent is 1 to the last bit.
#[inline(always)]
pub fn tanh<const FMA: bool>(x: f64) -> f64 {
    let (s, p, q) = parts::<FMA>(clamp(x, -20.0, 20.0));
    let (less, more) = (s - 1.0, s + 1.0);
    fma::<FMA>(less, q, more * p) / fma::<FMA>(less, p, more * q)
}

#[inline(always)]
pub fn exp<const FMA: bool>(x: f64) -> f64 {
    let (s, p, q) = parts::<FMA>(0.5 * clamp(x, -708.0, 709.0));
    s * (q + p) / (q - p)
}

/// A loop over memory; `FMA` says whether the processor multiplies and adds in one instruction.
pub trait Kernel: Sized {
    type Output;
    fn run<const FMA: bool>(self) -> Self::Output;

    fn dispatch(self, arch: Arch) -> Self::Output {
        arch.dispatch(On(self))
    }
}

struct On<K>(K);

impl<K: Kernel> WithSimd for On<K> {
    type Output = K::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> K::Output {
        if S::IS_SCALAR { self.0.run::<false>() } else { self.0.run::<true>() }
    }
}

/// a = tanh(a + bias)
pub struct Activate<'a> {
    pub a: &'a mut [f64],
    pub bias: &'a [f64],
}

impl Kernel for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for a in self.a.chunks_mut(self.bias.len()) {
            a.iter_mut().zip(self.bias).for_each(|(a, b)| *a = tanh::<FMA>(*a + b));
        }
    }
}

/// a = tanh(a + bias), z = y + c a: a stage and the point of the next.
pub struct Stage<'a> {
    pub a: &'a mut [f64],
    pub bias: &'a [f64],
    pub y: &'a [f64],
    pub c: f64,
    pub z: &'a mut [f64],
}

impl Kernel for Stage<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Stage { a, bias, y, c, z } = self;
        let tile = bias.len();
        for ((a, y), z) in a.chunks_mut(tile).zip(y.chunks(tile)).zip(z.chunks_mut(tile)) {
            for (((a, b), y), z) in a.iter_mut().zip(bias).zip(y).zip(z) {
                *a = tanh::<FMA>(*a + b);
                *z = fma::<FMA>(c, *a, *y);
            }
        }
    }
}

/// The last stage and the end of the step: a4 = tanh(a4 + bias), z = y + c (a1 + 2 a2 + 2 a3 + a4).
pub struct End<'a> {
    pub a: [&'a [f64]; 3],
    pub last: &'a mut [f64],
    pub bias: &'a [f64],
    pub y: &'a [f64],
    pub c: f64,
    pub z: &'a mut [f64],
}

impl Kernel for End<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let End { a: [a1, a2, a3], last, bias, y, c, z } = self;
        let tile = bias.len();
        for (i, (last, z)) in last.chunks_mut(tile).zip(z.chunks_mut(tile)).enumerate() {
            let n = last.len();
            let from = i * tile;
            let (a1, a2, a3) = (&a1[from..][..n], &a2[from..][..n], &a3[from..][..n]);
            let (y, bias, z) = (&y[from..][..n], &bias[..n], &mut z[..n]);
            for j in 0..n {
                let a4 = tanh::<FMA>(last[j] + bias[j]);
                last[j] = a4;
                let sum = fma::<FMA>(2.0, a2[j] + a3[j], a1[j] + a4);
                z[j] = fma::<FMA>(c, sum, y[j]);
            }
        }
    }
}

/// u = (c lambda + d q) (1 - a^2) in the place of a, added to the tile of bias sums as well.
pub struct Back<'a> {
    pub a: &'a mut [f64],
    pub lambda: &'a [f64],
    pub c: f64,
    pub q: &'a [f64],
    pub d: f64,
    pub sums: &'a mut [f64],
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Back { a, lambda, c, q, d, sums } = self;
        let tile = sums.len();
        for ((a, lambda), q) in a.chunks_mut(tile).zip(lambda.chunks(tile)).zip(q.chunks(tile)) {
            for (((a, l), q), sum) in a.iter_mut().zip(lambda).zip(q).zip(sums.iter_mut()) {
                *a = fma::<FMA>(c, *l, d * q) * fma::<FMA>(-*a, *a, 1.0);
                *sum += *a;
            }
        }
    }
}

/// [`Back`] without q.
pub struct BackLast<'a> {
    pub a: &'a mut [f64],
    pub lambda: &'a [f64],
    pub c: f64,
    pub sums: &'a mut [f64],
}

impl Kernel for BackLast<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let BackLast { a, lambda, c, sums } = self;
        let tile = sums.len();
        for (a, lambda) in a.chunks_mut(tile).zip(lambda.chunks(tile)) {
            for ((a, l), sum) in a.iter_mut().zip(lambda).zip(sums.iter_mut()) {
                *a = c * l * fma::<FMA>(-*a, *a, 1.0);
                *sum += *a;
            }
        }
    }
}

/// [`Back`] of the first stage with q = q\[0\], then lambda += q2 + q3 + q4: all of the step but the first
/// stage's own product.
pub struct BackFirst<'a> {
    pub a: &'a mut [f64],
    pub lambda: &'a mut [f64],
    pub c: f64,
    pub q: [&'a [f64]; 3],
    pub d: f64,
    pub sums: &'a mut [f64],
}

impl Kernel for BackFirst<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let BackFirst { a, lambda, c, q: [q2, q3, q4], d, sums } = self;
        let tile = sums.len();
        for (i, (a, lambda)) in a.chunks_mut(tile).zip(lambda.chunks_mut(tile)).enumerate() {
            let n = a.len();
            let from = i * tile;
            let (q2, q3, q4) = (&q2[from..][..n], &q3[from..][..n], &q4[from..][..n]);
            let (lambda, sums) = (&mut lambda[..n], &mut sums[..n]);
            for j in 0..n {
                let u = fma::<FMA>(c, lambda[j], d * q2[j]) * fma::<FMA>(-a[j], a[j], 1.0);
                a[j] = u;
                sums[j] += u;
                lambda[j] += q2[j] + (q3[j] + q4[j]);
            }
        }
    }
}

/// Softmax cross-entropy of logits, one column an output and one row a sample, which become their slopes
/// times `scale`. Gives the sum of the losses. `top` and `sum` have a number for each sample.
pub struct Softmax<'a> {
    pub logits: &'a mut [f64],
    pub bias: &'a [f64],
    pub labels: &'a [usize],
    pub scale: f64,
    pub top: &'a mut [f64],
    pub sum: &'a mut [f64],
    /// The sums of the slopes, an entry for each output.
    pub bias_sums: &'a mut [f64],
}

impl Kernel for Softmax<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<const FMA: bool>(self) -> f64 {
        let Softmax { logits, bias, labels, scale, top, sum, bias_sums } = self;
        let m = labels.len();
        top.fill(f64::NEG_INFINITY);
        for (z, b) in logits.chunks_exact_mut(m).zip(bias) {
            for (z, top) in z.iter_mut().zip(top.iter_mut()) {
                *z += b;
                *top = if *z < *top { *top } else { *z };
            }
        }
        let mut loss = 0.0;
        for (i, (label, top)) in labels.iter().zip(top.iter()).enumerate() {
            loss += top - logits[label * m + i];
        }
        sum.fill(0.0);
        for z in logits.chunks_exact_mut(m) {
            for ((z, top), sum) in z.iter_mut().zip(top.iter()).zip(sum.iter_mut()) {
                *z = exp::<FMA>(*z - top);
                *sum += *z;
            }
        }
        // One logarithm for eight samples: their sums lie between 1 and the number of outputs.
        loss += sum.chunks(8).map(|s| s.iter().product::<f64>().ln()).sum::<f64>();
        sum.iter_mut().for_each(|s| *s = scale / *s);
        for z in logits.chunks_exact_mut(m) {
            z.iter_mut().zip(sum.iter()).for_each(|(z, s)| *z *= s);
        }
        for (i, label) in labels.iter().enumerate() {
            logits[label * m + i] -= scale;
        }
        for (z, b) in logits.chunks_exact(m).zip(bias_sums) {
            *b += z.iter().sum::<f64>();
        }
        loss
    }
}
