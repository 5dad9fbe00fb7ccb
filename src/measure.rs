//! What a timing needs: quartiles of repeated samples, the rate of plain matrix products to compare with, and the
//! most memory that the process had.

use std::hint::black_box;
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Operations that each thread does between two looks at the clock: about 2 ms.
const WORK: f64 = 1e8;
/// Most products between two looks at the clock: small ones are slower than their operations.
const MOST_REPEATS: f64 = 1e4;
/// Most numbers of a factor, 128 MB: far beyond all caches the rate no longer depends on the length.
const MOST_NUMBERS: usize = 1 << 24;

/// The least of some samples and their quartiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The least.
    pub min: f64,
    /// A quarter is below.
    pub lower: f64,
    /// A half is below.
    pub median: f64,
    /// A quarter is above.
    pub upper: f64,
}

impl Summary {
    /// The quartiles, linear between the ordered samples (definition 7 of Hyndman & Fan 1996); none of no samples.
    pub fn of(samples: &[f64]) -> Option<Summary> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            let at = share * (sorted.len().saturating_sub(1)) as f64;
            let below = *sorted.get(at.floor() as usize)?;
            let above = *sorted.get(at.ceil() as usize)?;
            Some(below + at.fract() * (above - below))
        };
        Some(Summary {
            min: quantile(0.0)?,
            lower: quantile(0.25)?,
            median: quantile(0.5)?,
            upper: quantile(0.75)?,
        })
    }
}

/// Seconds that `work` takes, with what it returns.
pub fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let done = work();
    (start.elapsed().as_secs_f64(), done)
}

/// How a product is spread over the threads.
#[derive(Clone, Copy, Debug)]
enum Spread {
    /// As faer does it.
    Whole,
    /// A share of the columns for each thread, multiplied in blocks of so many.
    Blocks(usize),
}

const SPREADS: [Spread; 3] = [Spread::Whole, Spread::Blocks(128), Spread::Blocks(256)];

/// faer's products of a square matrix with a block of columns, on all threads: what there is to reach.
///
/// Each way to spread the columns is timed, and the one with the best median counts.
pub struct Products {
    rows: usize,
    columns: usize,
    threads: usize,
    repeats: usize,
    left: Vec<f64>,
    right: Vec<f64>,
    out: Vec<f64>,
    /// Seconds of one product, for each way.
    taken: [Vec<f64>; SPREADS.len()],
}

impl Products {
    /// Of a rows x rows matrix with rows x columns numbers, on the threads of the pool that this is called in.
    /// Columns that would make more than 128 MB are left out.
    pub fn new(rows: usize, columns: usize) -> Products {
        let rows = rows.max(1);
        let columns = bounded(rows, columns);
        let threads = rayon::current_num_threads();
        // Numbers that are not special.
        let numbers = |length: usize| (0..length).map(|i| (1.0 + i as f64 * 0.7).sin()).collect();
        let mut products = Products {
            rows,
            columns,
            threads,
            repeats: 1,
            left: numbers(rows * rows),
            right: numbers(rows * columns),
            out: numbers(rows * columns),
            taken: Default::default(),
        };
        let repeats = WORK * threads as f64 / products.operations();
        products.repeats = repeats.clamp(1.0, MOST_REPEATS).ceil() as usize;
        products
    }

    /// Operations of one product: 2 m n k.
    fn operations(&self) -> f64 {
        2.0 * (self.rows * self.rows) as f64 * self.columns as f64
    }

    /// Times each way once.
    pub fn sample(&mut self) {
        for (way, spread) in SPREADS.into_iter().enumerate() {
            let (seconds, ()) = seconds(|| self.multiply(spread));
            self.taken[way].push(seconds / self.repeats as f64);
        }
    }

    /// Operations a second of the fastest way, by medians; none before there are samples.
    pub fn rate(&self) -> Option<f64> {
        let medians = self.taken.iter().filter_map(|taken| Some(Summary::of(taken)?.median));
        medians.map(|seconds| self.operations() / seconds).reduce(f64::max)
    }

    /// out = left right, as often as is worth a look at the clock: within a thread, so that starting it does not count.
    fn multiply(&mut self, spread: Spread) {
        let Products { rows, columns, threads, repeats, left, right, out, .. } = self;
        let (rows, repeats) = (*rows, *repeats);
        let left = MatRef::from_column_major_slice(left, rows, rows);
        let product = |right: &[f64], out: &mut [f64], par: Par| {
            let columns = right.len() / rows;
            let right = MatRef::from_column_major_slice(right, rows, columns);
            let out = MatMut::from_column_major_slice_mut(out, rows, columns);
            matmul(black_box(out), Accum::Replace, left, black_box(right), 1.0, par);
        };
        match spread {
            Spread::Whole => (0..repeats).for_each(|_| product(right, out, Par::rayon(0))),
            Spread::Blocks(block) => {
                let share = rows * columns.div_ceil(*threads);
                rayon::scope(|scope| {
                    for (right, out) in right.chunks(share).zip(out.chunks_mut(share)) {
                        scope.spawn(move |_| {
                            for _ in 0..repeats {
                                let blocks = right.chunks(rows * block);
                                let blocks = blocks.zip(out.chunks_mut(rows * block));
                                blocks.for_each(|(right, out)| product(right, out, Par::Seq));
                            }
                        });
                    }
                });
            }
        }
    }
}

/// At least one column, and no more than make [`MOST_NUMBERS`].
fn bounded(rows: usize, columns: usize) -> usize {
    columns.clamp(1, (MOST_NUMBERS / rows).max(1))
}

/// The most bytes of memory that the process has had at once, where the system tells (Linux).
pub fn peak_memory() -> Option<u64> {
    high_water_mark(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// The line `VmHWM:     1234 kB` of /proc/self/status, in bytes.
fn high_water_mark(status: &str) -> Option<u64> {
    let mut words = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    (words.next()? == "kB").then(|| number.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_linear_between_the_ordered_samples() {
        let summary = Summary::of(&[4.0, 1.0, 3.0, 2.0]);
        let expected = Summary { min: 1.0, lower: 1.75, median: 2.5, upper: 3.25 };
        assert_eq!(summary, Some(expected));
        let odd = Summary::of(&[5.0, -1.0, 3.0]);
        assert_eq!(odd, Some(Summary { min: -1.0, lower: 1.0, median: 3.0, upper: 4.0 }));
        let one = Summary::of(&[7.0]);
        assert_eq!(one, Some(Summary { min: 7.0, lower: 7.0, median: 7.0, upper: 7.0 }));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn every_way_is_the_product() {
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for (rows, columns) in [(1, 1), (5, 7), (16, 1000)] {
                for spread in SPREADS {
                    let products = pool.install(|| {
                        let mut products = Products::new(rows, columns);
                        products.repeats = 2;
                        products.multiply(spread);
                        products
                    });
                    let Products { left, right, out, .. } = products;
                    for (at, ours) in out.iter().enumerate() {
                        let (i, column) = (at % rows, &right[at / rows * rows..]);
                        let expected: f64 = (0..rows).map(|k| left[i + k * rows] * column[k]).sum();
                        assert!((ours - expected).abs() < 1e-13, "{spread:?}, {threads} threads");
                    }
                }
            }
        }
    }

    #[test]
    fn the_rate_is_that_of_the_fastest_way() {
        let mut products = Products::new(10, 50);
        assert_eq!(products.rate(), None);
        products.taken = [vec![3.0, 1.0, 9.0], vec![4.0, 2.0, 2.0], vec![5.0]];
        assert_eq!(products.rate(), Some(2.0 * 10.0 * 10.0 * 50.0 / 2.0));
        products.sample();
        assert_eq!(products.taken.each_ref().map(Vec::len), [4, 4, 2]);
    }

    #[test]
    fn factors_are_bounded() {
        assert_eq!(bounded(1 << 10, usize::MAX) << 10, MOST_NUMBERS);
        assert_eq!([bounded(16, 1000), bounded(16, 0), bounded(MOST_NUMBERS + 1, 9)], [1000, 1, 1]);
        assert_eq!(Products::new(0, 0).out.len(), 1);
    }

    #[test]
    fn the_high_water_mark_is_read_in_bytes() {
        let status = "Name:\tkutta\nVmPeak:\t    9000 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 5 kB\n";
        assert_eq!(high_water_mark(status), Some(2048 * 1024));
        assert_eq!(high_water_mark("VmRSS:\t 5 kB\n"), None);
        assert_eq!(high_water_mark("VmHWM:\t kB\n"), None);
        #[cfg(target_os = "linux")]
        assert!(peak_memory().is_some_and(|bytes| bytes > 100_000));
    }
}
