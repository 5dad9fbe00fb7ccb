//! Loops over slices of equal length, compiled for the processor found at run time.
//!
//! A `None` among the arguments is the destination's old value: a chain may end where its product stands.
//! Everything here is inlined into one function a processor kind, so that all of it is vector code.

use pulp::{Arch, Simd, WithSimd};

use super::functions;
use super::graph::Function;

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

/// Most terms of one pass.
pub(super) const TERMS: usize = 4;

/// Writes `$body` once for each number of terms up to four, with `$sum` for their sum at an index, and gives
/// the terms that remain.
macro_rules! with_terms {
    ($terms:expr, $n:expr, |$sum:ident| $body:expr, $none:expr) => {{
        let n = $n;
        let mut terms = $terms;
        match [terms.next(), terms.next(), terms.next(), terms.next()] {
            [None, ..] => $none,
            [Some((a, x)), None, ..] => {
                let x = &x[..n];
                let $sum = |i: usize| a * x[i];
                $body
            }
            [Some((a, x)), Some((b, y)), None, _] => {
                let (x, y) = (&x[..n], &y[..n]);
                let $sum = |i: usize| a * x[i] + b * y[i];
                $body
            }
            [Some((a, x)), Some((b, y)), Some((c, z)), None] => {
                let (x, y, z) = (&x[..n], &y[..n], &z[..n]);
                let $sum = |i: usize| (a * x[i] + b * y[i]) + c * z[i];
                $body
            }
            [Some((a, x)), Some((b, y)), Some((c, z)), Some((d, w))] => {
                let (x, y, z, w) = (&x[..n], &y[..n], &z[..n], &w[..n]);
                let $sum = |i: usize| (a * x[i] + b * y[i]) + (c * z[i] + d * w[i]);
                $body
            }
        }
        terms
    }};
}

/// dst = old * dst + constant + sum c_k x_k, in passes of up to four terms.
/// With `old` zero the destination is not read.
#[inline(always)]
pub(super) fn sum_into<'a>(
    dst: &mut [f64],
    old: f64,
    constant: f64,
    terms: impl Iterator<Item = (f64, &'a [f64])>,
) {
    let n = dst.len();
    let mut terms = terms.peekable();
    if terms.peek().is_none() && (old != 1.0 || constant != 0.0) {
        pass(dst, old, constant, |_| 0.0);
    }
    let (mut old, mut constant) = (old, constant);
    while terms.peek().is_some() {
        terms = with_terms!(terms, n, |sum| pass(dst, old, constant, sum), {});
        (old, constant) = (1.0, 0.0);
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

/// dst = f(dst + b) and next = own dst + the terms, in one pass.
#[inline(always)]
pub(super) fn map_sum_then<'a, const FMA: bool>(
    dst: &mut [f64],
    f: Function,
    b: &[f64],
    next: &mut [f64],
    own: f64,
    terms: impl Iterator<Item = (f64, &'a [f64])>,
) {
    let n = dst.len();
    let (b, next) = (&b[..n], &mut next[..n]);
    let more = with_terms!(
        terms,
        n,
        |sum| for i in 0..n {
            let value = functions::apply::<FMA>(f, dst[i] + b[i]);
            dst[i] = value;
            next[i] = own * value + sum(i);
        },
        for i in 0..n {
            dst[i] = functions::apply::<FMA>(f, dst[i] + b[i]);
            next[i] = own * dst[i];
        }
    );
    sum_into(next, 1.0, 0.0, more);
}

/// dst = u (1 - a^2) with the sum of up to [`TERMS`] terms for u, added to `sums` as well, in one pass.
#[inline(always)]
pub(super) fn bell_of<'a>(
    dst: &mut [f64],
    a: &[f64],
    terms: impl Iterator<Item = (f64, &'a [f64])>,
    sums: &mut [f64],
) {
    let n = dst.len();
    let (a, sums) = (&a[..n], &mut sums[..n]);
    with_terms!(
        terms,
        n,
        |sum| for i in 0..n {
            let u = sum(i) * (1.0 - a[i] * a[i]);
            dst[i] = u;
            sums[i] += u;
        },
        dst.fill(0.0)
    );
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
