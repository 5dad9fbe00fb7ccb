//! The model of time: operations at faer's rate, and three prices that are fitted.
//!
//! ```text
//! seconds = flop / rate + a evaluations + b numbers + c calls
//! ```

use kutta::field::Work;

/// Seconds of an evaluation of tanh and its like, of a number that is read or written, and of a call.
pub type Prices = [f64; 3];

/// What a run is made of, in seconds for products and in numbers for what has a price.
pub struct Terms {
    pub products: f64,
    pub counts: [f64; 3],
}

impl Terms {
    /// Work with the seconds of its products, shared by so many threads.
    pub fn new(work: &Work, products: f64, threads: usize) -> Terms {
        let share = 1.0 / threads as f64;
        let counts = [work.evaluations(), work.numbers, work.calls];
        Terms { products: share * products, counts: counts.map(|count| share * count as f64) }
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
