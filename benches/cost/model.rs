//! The model of time: operations at faer's rate, and three prices that are fitted.
//!
//! ```text
//! seconds = flop / rate + a evaluations + b numbers + c calls
//! ```

use std::collections::BTreeMap;

use kutta::field::Work;
use kutta::measure::Products;
use kutta::network::NetworkWork;

/// Columns of the products whose rate is taken: the samples of a batch, cut into blocks.
const COLUMNS: usize = 1024;

/// Seconds of an evaluation of tanh and its like, of a number that is read or written, and of a call.
pub type Prices = [f64; 3];

/// The rates of faer's products, by the side of a square matrix.
#[derive(Default)]
pub struct Rates {
    products: BTreeMap<usize, Products>,
}

/// The side of a square with as many numbers as the matrix has.
fn side((rows, cols): (usize, usize)) -> usize {
    ((rows * cols) as f64).sqrt().round() as usize
}

impl Rates {
    /// Sees to it that the rates of these products are there.
    pub fn include(&mut self, work: &Work) {
        for shape in work.products.keys() {
            let side = side(*shape);
            self.products.entry(side).or_insert_with(|| Products::new(side, COLUMNS));
        }
    }

    /// Times each product once.
    pub fn sample(&mut self) {
        self.products.values_mut().for_each(Products::sample);
    }

    /// Operations a second.
    pub fn of(&self, side: usize) -> f64 {
        self.products.get(&side).and_then(Products::rate).unwrap_or(f64::NAN)
    }

    fn seconds(&self, work: &Work) -> f64 {
        work.products.iter().map(|(shape, &flop)| flop as f64 / self.of(side(*shape))).sum()
    }
}

/// What a run is made of, in seconds for products and in numbers for what has a price.
pub struct Terms {
    pub products: f64,
    pub counts: [f64; 3],
}

impl Terms {
    /// On so many threads, which share all but what is done once; rates are those of all threads together.
    pub fn new(work: &NetworkWork, rates: &Rates, threads: usize) -> Terms {
        let count = |work: &Work| [work.evaluations(), work.numbers, work.calls];
        let shared = [&work.blocks, &work.groups];
        let mut counts = count(&work.once).map(|n| n as f64);
        for part in shared {
            for (sum, n) in counts.iter_mut().zip(count(part)) {
                *sum += n as f64 / threads as f64;
            }
        }
        let once = rates.seconds(&work.once) * threads as f64;
        let products = once + shared.map(|part| rates.seconds(part)).iter().sum::<f64>();
        Terms { products, counts }
    }

    pub fn seconds(&self, prices: &Prices) -> f64 {
        self.products + self.counts.iter().zip(prices).map(|(n, price)| n * price).sum::<f64>()
    }
}

/// The prices, none negative, with the least squares of relative errors: each in turn is set to its best value until
/// none changes (coordinate descent).
pub fn fit(runs: &[(Terms, f64)]) -> Prices {
    let mut prices = [0.0; 3];
    for _ in 0..100_000 {
        for i in 0..prices.len() {
            let (mut slope, mut curvature) = (0.0, 0.0);
            for (terms, measured) in runs {
                let error = (terms.seconds(&prices) - measured) / measured;
                let by = terms.counts[i] / measured;
                slope += error * by;
                curvature += by * by;
            }
            prices[i] = (prices[i] - slope / curvature).max(0.0);
        }
    }
    prices
}
