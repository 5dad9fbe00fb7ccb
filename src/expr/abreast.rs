//! Samples side by side, for states of few rows.
//!
//! A product of a 3 x 3 matrix with a block of columns of 3 numbers leaves most of a vector register empty. Where
//! [`LANES`] samples stand side by side, each number of the matrix meets a whole register of samples:
//!
//! ```text
//! by columns     y1 y2 y3 | y1 y2 y3 | ..            one sample after the other
//! side by side   y1 y1 .. y1  y2 y2 .. y2  y3 ..     LANES samples, row after row, and then the next LANES
//! ```
//!
//! A batch that is not a multiple of [`LANES`] is filled up with copies of its last sample, whose cotangents are 0.

use pulp::{Arch, Simd, WithSimd};

use super::functions::fma;

/// Samples side by side: four registers of AVX-512, so that one multiplication need not wait for the one before.
pub const LANES: usize = 32;

/// Rows from which on faer's products by columns are faster than those here.
pub const WIDE: usize = 8;

/// From columns to `lanes` samples side by side; the last ones are filled up with copies of the last sample.
pub fn turn(columns: &[f64], rows: usize, lanes: usize, out: &mut [f64]) {
    let Some(last) = (columns.len() / rows.max(1)).checked_sub(1) else { return };
    for (group, out) in out.chunks_exact_mut((rows * lanes).max(1)).enumerate() {
        for (i, row) in out.chunks_exact_mut(lanes).enumerate() {
            for (lane, number) in row.iter_mut().enumerate() {
                *number = columns[(group * lanes + lane).min(last) * rows + i];
            }
        }
    }
}

/// Sets to 0 what fills up the groups of `batch` samples.
pub fn clear_filling(abreast: &mut [f64], rows: usize, lanes: usize, batch: usize) {
    let groups = abreast.chunks_exact_mut((rows * lanes).max(1)).enumerate();
    for (group, numbers) in groups.skip(batch / lanes) {
        let samples = batch.saturating_sub(group * lanes);
        numbers.chunks_exact_mut(lanes).for_each(|row| row[samples..].fill(0.0));
    }
}

/// The way back to columns; what fills up is left out.
pub fn turn_back(abreast: &[f64], rows: usize, lanes: usize, columns: &mut [f64]) {
    for (sample, column) in columns.chunks_exact_mut(rows.max(1)).enumerate() {
        let group = &abreast[sample / lanes * lanes * rows..];
        for (i, number) in column.iter_mut().enumerate() {
            *number = group[i * lanes + sample % lanes];
        }
    }
}

/// out = left right for a rows x inner matrix `left` by columns (or one that stands transposed) and inner rows of samples
/// side by side.
pub fn product(
    out: &mut [f64],
    (rows, inner): (usize, usize),
    left: &[f64],
    transposed: bool,
    right: &[f64],
) {
    let right = Groups { numbers: right, stride: inner * LANES };
    let stride = rows * LANES;
    Arch::new().dispatch(Product { out, stride, rows, left, transposed, inner, right });
}

/// sums += left right' for rows and columns of samples side by side, summed over the samples.
pub fn outer(sums: &mut [f64], (rows, columns): (usize, usize), left: &[f64], right: &[f64]) {
    let groups = left.len() / (rows * LANES).max(1);
    let left = Groups { numbers: left, stride: rows * LANES };
    let right = Groups { numbers: right, stride: columns * LANES };
    Arch::new().dispatch(Outer { sums, rows, columns, groups, left, right, fresh: false });
}

/// Rows of samples side by side: where they begin, and how far it is from one group of samples to the next.
#[derive(Clone, Copy)]
pub(super) struct Groups<'a> {
    pub numbers: &'a [f64],
    pub stride: usize,
}

impl Groups<'_> {
    #[inline(always)]
    fn row(&self, group: usize, row: usize) -> Option<&[f64; LANES]> {
        let start = group * self.stride + row * LANES;
        self.numbers.get(start..start + LANES)?.try_into().ok()
    }
}

/// out = left right, for each group of samples.
pub(super) struct Product<'a> {
    pub out: &'a mut [f64],
    /// From one group of the result to the next.
    pub stride: usize,
    /// Rows of the result.
    pub rows: usize,
    /// rows x inner, by columns, or transposed.
    pub left: &'a [f64],
    pub transposed: bool,
    pub inner: usize,
    pub right: Groups<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if S::IS_SCALAR { self.all::<false>() } else { self.all::<true>() }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn all<const FMA: bool>(self) {
        let Product { out, stride, rows, left, transposed, inner, right } = self;
        let (down, along) = if transposed { (inner, 1) } else { (1, rows) };
        for (group, out) in out.chunks_mut(stride.max(1)).enumerate() {
            for (i, out) in out.chunks_exact_mut(LANES).take(rows).enumerate() {
                let mut sum = [0.0; LANES];
                for j in 0..inner {
                    let Some(row) = right.row(group, j) else { continue };
                    let factor = left[i * down + j * along];
                    for (sum, x) in sum.iter_mut().zip(row) {
                        *sum = fma::<FMA>(factor, *x, *sum);
                    }
                }
                out.copy_from_slice(&sum);
            }
        }
    }
}

/// sums (rows x columns, by columns) = or += left right', summed over the samples of all groups.
pub(super) struct Outer<'a> {
    pub sums: &'a mut [f64],
    pub rows: usize,
    pub columns: usize,
    pub groups: usize,
    pub left: Groups<'a>,
    pub right: Groups<'a>,
    /// Whether the sums hold nothing yet.
    pub fresh: bool,
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if S::IS_SCALAR { self.all::<false>() } else { self.all::<true>() }
    }
}

impl Outer<'_> {
    #[inline(always)]
    fn all<const FMA: bool>(self) {
        let Outer { sums, rows, columns, groups, left, right, fresh } = self;
        for (j, sums) in sums.chunks_exact_mut(rows.max(1)).take(columns).enumerate() {
            for (i, total) in sums.iter_mut().enumerate() {
                let mut sum = [0.0; LANES];
                for group in 0..groups {
                    if let (Some(u), Some(v)) = (left.row(group, i), right.row(group, j)) {
                        for (sum, (u, v)) in sum.iter_mut().zip(u.iter().zip(v)) {
                            *sum = fma::<FMA>(*u, *v, *sum);
                        }
                    }
                }
                let before = if fresh { 0.0 } else { *total };
                *total = before + sum.iter().sum::<f64>();
            }
        }
    }
}
