//! The rate of faer's products, of the kinds and sizes that the engine has.

use std::collections::BTreeMap;
use std::hint::black_box;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use kutta::field::{Product, ProductKind, Work};
use kutta::measure::{Summary, seconds};

use crate::common::numbers;

/// Operations between two looks at the clock, at most, and products.
const WORK: usize = 400_000_000;
const MOST: usize = 50_000;
/// Numbers of a tape that stays in the cache: 2 MB.
const TAPE: usize = 1 << 18;
/// Blocks that have just been written, or are written again and again.
const AT_HAND: usize = 2;

/// Seconds of products on each of the threads that the pool has, all at the same time. With each product stands over
/// how many matrices, or sums, it goes.
#[derive(Default)]
pub struct Rates {
    taken: BTreeMap<(Product, usize), Vec<f64>>,
}

impl Rates {
    /// Sees to it that these products are timed.
    pub fn include(&mut self, work: &Work, times: usize) {
        work.products.keys().for_each(|product| {
            self.taken.entry((*product, times)).or_default();
        });
    }

    /// Times each product once.
    pub fn sample(&mut self) {
        for ((product, times), taken) in &mut self.taken {
            let each = rayon::broadcast(|_| time(*product, *times));
            taken.push(each.iter().sum::<f64>() / each.len() as f64);
        }
    }

    /// Operations a second of a thread.
    pub fn of(&self, product: &Product, times: usize) -> f64 {
        product.flop() as f64 / self.each(product, times)
    }

    /// Seconds of all products, on one thread.
    pub fn seconds(&self, work: &Work, times: usize) -> f64 {
        let products = work.products.iter();
        products.map(|(product, &count)| count as f64 * self.each(product, times)).sum()
    }

    fn each(&self, product: &Product, times: usize) -> f64 {
        let taken = self.taken.get(&(*product, times)).and_then(|taken| Summary::of(taken));
        taken.map_or(f64::NAN, |summary| summary.median)
    }
}

/// Seconds of one product: of many, one after the other as in the engine. The state that K multiplies is at hand, the
/// result goes to the tape; the cotangent that K' multiplies and its result are at hand; what a sum over samples
/// multiplies is at hand on the left, on the tape on the right.
fn time(product: Product, times: usize) -> f64 {
    let Product { kind, rows, inner, columns } = product;
    let repeats = (WORK / product.flop()).clamp(2, MOST).max(2 * times);
    let tape = |length: usize| (TAPE / length).max(1);
    let slots = match kind {
        ProductKind::Plain => [times, AT_HAND, tape(rows * columns)],
        ProductKind::Transposed => [times, AT_HAND, AT_HAND],
        ProductKind::Outer => [AT_HAND, tape(inner * columns), times],
    };
    let [left_length, right_length, length] = [rows * inner, inner * columns, rows * columns];
    let room = |slots: usize, length: usize| numbers(slots * length, 1.0);
    let (left, right) = (room(slots[0], left_length), room(slots[1], right_length));
    let mut out = room(slots[2], length);
    let slot = |all: usize, length: usize, i: usize| {
        let start = i % (all / length) * length;
        start..start + length
    };
    let mut all = |repeats: usize| {
        for i in 0..repeats {
            let left = &left[slot(left.len(), left_length, i)];
            let right = &right[slot(right.len(), right_length, i)];
            let range = slot(out.len(), length, i);
            let out = MatMut::from_column_major_slice_mut(&mut out[range], rows, columns);
            let plain = MatRef::from_column_major_slice;
            let (left, right, accum) = match kind {
                ProductKind::Plain => {
                    (plain(left, rows, inner), plain(right, inner, columns), Accum::Replace)
                }
                ProductKind::Transposed => {
                    let left = plain(left, inner, rows).transpose();
                    (left, plain(right, inner, columns), Accum::Replace)
                }
                ProductKind::Outer => {
                    let right = plain(right, columns, inner).transpose();
                    (plain(left, rows, inner), right, Accum::Add)
                }
            };
            matmul(black_box(out), accum, black_box(left), black_box(right), 1.0, Par::Seq);
        }
    };
    all(times);
    seconds(|| all(repeats)).0 / repeats as f64
}
