//! Loops over slices of equal length, compiled for the processor found at run time.
//!
//! A `None` among the arguments is the destination's old value: a chain may end where its product stands.
//! Everything here is inlined into one function a processor kind, so that all of it is vector code.

use pulp::{Arch, Simd, WithSimd};

/// dst[i] = f(a[i], b[i])
#[inline(always)]
pub(super) fn map2(
    dst: &mut [f64],
    a: Option<&[f64]>,
    b: Option<&[f64]>,
    f: impl Fn(f64, f64) -> f64,
) {
    match (a, b) {
        (Some(a), Some(b)) => {
            dst.iter_mut().zip(a).zip(b).for_each(|((d, &a), &b)| *d = f(a, b));
        }
        (None, Some(b)) => dst.iter_mut().zip(b).for_each(|(d, &b)| *d = f(*d, b)),
        (Some(a), None) => dst.iter_mut().zip(a).for_each(|(d, &a)| *d = f(a, *d)),
        (None, None) => dst.iter_mut().for_each(|d| *d = f(*d, *d)),
    }
}

/// dst = old * dst + constant + sum c_k x_k, in passes of up to four terms.
/// With `old` zero the destination is not read.
#[inline(always)]
pub(super) fn sum_into<'a>(
    dst: &mut [f64],
    old: f64,
    constant: f64,
    mut terms: impl Iterator<Item = (f64, &'a [f64])>,
) {
    let mut old = old;
    let mut constant = constant;
    let mut first = true;
    loop {
        let n = dst.len();
        let group = [terms.next(), terms.next(), terms.next(), terms.next()];
        match group {
            [Some((a, x)), Some((b, y)), Some((c, z)), Some((d, w))] => {
                let (x, y, z, w) = (&x[..n], &y[..n], &z[..n], &w[..n]);
                pass(dst, old, constant, |i| (a * x[i] + b * y[i]) + (c * z[i] + d * w[i]));
            }
            [Some((a, x)), Some((b, y)), Some((c, z)), None] => {
                let (x, y, z) = (&x[..n], &y[..n], &z[..n]);
                pass(dst, old, constant, |i| (a * x[i] + b * y[i]) + c * z[i]);
            }
            [Some((a, x)), Some((b, y)), None, _] => {
                let (x, y) = (&x[..n], &y[..n]);
                pass(dst, old, constant, |i| a * x[i] + b * y[i]);
            }
            [Some((a, x)), None, ..] => {
                let x = &x[..n];
                pass(dst, old, constant, |i| a * x[i]);
            }
            [None, ..] => {
                if first {
                    pass(dst, old, constant, |_| 0.0);
                }
                return;
            }
        }
        (old, constant, first) = (1.0, 0.0, false);
    }
}

#[inline(always)]
fn pass(dst: &mut [f64], old: f64, constant: f64, f: impl Fn(usize) -> f64) {
    if old == 0.0 && constant == 0.0 {
        dst.iter_mut().enumerate().for_each(|(i, d)| *d = f(i));
    } else if old == 0.0 {
        dst.iter_mut().enumerate().for_each(|(i, d)| *d = constant + f(i));
    } else if old == 1.0 && constant == 0.0 {
        dst.iter_mut().enumerate().for_each(|(i, d)| *d += f(i));
    } else {
        dst.iter_mut().enumerate().for_each(|(i, d)| *d = constant + (old * *d + f(i)));
    }
}

/// A linear combination of blocks of equal length: coefficients with slices, the first by itself and the
/// others by where they begin in a memory that they share. A coefficient of zero is a term that is not there.
#[derive(Clone, Copy, Default)]
pub struct Combination<'a> {
    /// A factor and its block.
    pub first: (f64, &'a [f64]),
    /// Where the other blocks stand.
    pub memory: &'a [f64],
    /// Their factors, and where each begins.
    pub rest: &'a [(f64, usize)],
}

impl<'a> From<&'a [f64]> for Combination<'a> {
    fn from(block: &'a [f64]) -> Combination<'a> {
        Combination { first: (1.0, block), ..Combination::default() }
    }
}

impl<'a> Combination<'a> {
    /// The terms, of each `length` numbers from `start` on.
    #[inline(always)]
    pub fn terms(self, start: usize, length: usize) -> impl Iterator<Item = (f64, &'a [f64])> {
        let Combination { first: (factor, block), memory, rest } = self;
        let first = (factor != 0.0).then(|| (factor, &block[start..start + length]));
        let rest = rest.iter();
        first.into_iter().chain(rest.map(move |&(c, at)| (c, &memory[at + start..][..length])))
    }

    /// Numbers of a block; the first one is there even if its factor is zero.
    pub fn length(self) -> usize {
        self.first.1.len()
    }

    /// The block that this is, if it is no more than that.
    pub fn block(self) -> Option<&'a [f64]> {
        (self.first.0 == 1.0 && self.rest.is_empty()).then_some(self.first.1)
    }

    /// out = the combination.
    pub fn write(self, out: &mut [f64]) {
        let n = out.len();
        combine(out, 0.0, self.terms(0, n));
    }
}

struct Combine<'a, I> {
    dst: &'a mut [f64],
    old: f64,
    terms: I,
}

impl<'b, I: Iterator<Item = (f64, &'b [f64])>> WithSimd for Combine<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        sum_into(self.dst, self.old, 0.0, self.terms);
    }
}

/// dst = old * dst + sum c_k x_k: the sums over stages of a Runge-Kutta step. Lengths are equal.
pub fn combine<'b>(dst: &mut [f64], old: f64, terms: impl Iterator<Item = (f64, &'b [f64])>) {
    Arch::new().dispatch(Combine { dst, old, terms });
}
