//! What benches share: the networks that are timed, the clock, and the rate of faer's own products, which is what
//! there is to reach.
//!
//! Operations: 2 m n k for each product, forward once, gradient three times; activations are not counted.
#![allow(dead_code)] // each bench takes what it needs

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use indexmap::IndexMap;
use kutta::control::{Basis, Controls};
use kutta::field::{SymbolicField, named};
use kutta::loss::{Loss, Penalties};
use kutta::network::{Head, Network, Opening, Task};
use kutta::solve::{Flow, Stepping};
use kutta::tableau;

pub const FEATURES: usize = 2;
pub const OUTPUTS: usize = 5;
pub const HORIZON: f64 = 5.0;

/// A residual network solved by rk4.
#[derive(Clone, Copy)]
pub struct Case {
    pub width: usize,
    pub batch: usize,
    pub steps: usize,
}

pub const CASES: [Case; 3] = [
    Case { width: 16, batch: 1000, steps: 8 },
    Case { width: 64, batch: 1024, steps: 16 },
    Case { width: 256, batch: 4096, steps: 16 },
];

impl Case {
    /// What is timed, on how many threads, and the rate to reach.
    pub fn announce(self, faer: f64) {
        let Case { width, batch, steps } = self;
        let threads = rayon::current_num_threads();
        println!(
            "width {width}, batch {batch}, {steps} steps, {threads} threads; faer {faer:.1} GFLOP/s"
        );
    }

    /// Operations of a forward pass, in 10^9.
    pub fn forward(self) -> f64 {
        let Case { width, batch, steps } = self;
        2e-9 * (batch * width * (4 * steps * width + FEATURES + OUTPUTS)) as f64
    }

    /// The network as users have it: its field is a formula.
    pub fn network(self) -> Network {
        let Case { width, steps, .. } = self;
        let field = Arc::new(resnet(width));
        let method = tableau::named("rk4").expect("a method of the catalogue").to_f64();
        let controls = Controls::new(Basis::PiecewiseLinear { nodes: steps + 1 }, HORIZON);
        let grid = Stepping::Fixed { steps }.grid(HORIZON).expect("a grid");
        let flow = Flow::new(field, controls, &method, grid);
        let opening = Opening::Dense { width, activation: "tanh".into() };
        let (loss, penalties, task) = (Loss::Softmax, Penalties::default(), Task::Classes(OUTPUTS));
        Network::new(&opening, flow, Head::Linear, loss, penalties, FEATURES, task)
            .expect("a network")
    }

    /// Features and labels of a batch.
    pub fn samples(self) -> (Vec<f64>, Vec<usize>) {
        let labels = (0..self.batch).map(|i| i % OUTPUTS).collect();
        (numbers(FEATURES * self.batch, 1.0), labels)
    }

    /// Trained numbers.
    pub fn weights(self, length: usize) -> Vec<f64> {
        numbers(length, 1.0 / (self.width as f64).sqrt())
    }
}

/// tanh(K y + b)
pub fn resnet(width: usize) -> SymbolicField {
    let field = named("resnet").and_then(|file| SymbolicField::new(file, width, &IndexMap::new()));
    field.expect("a field of the catalogue")
}

/// Numbers that are not special, about `scale` in size.
pub fn numbers(length: usize, scale: f64) -> Vec<f64> {
    (0..length).map(|i| scale * (1.0 + i as f64 * 0.7).sin()).collect()
}

/// The median of the seconds that `work` takes, over about a second. It is entered from inside the pool, as training
/// does.
pub fn seconds(mut work: impl FnMut() + Send) -> f64 {
    rayon::scope(|_| {
        let mut sample = |repeats: usize| {
            let start = Instant::now();
            (0..repeats).for_each(|_| work());
            start.elapsed().as_secs_f64() / repeats as f64
        };
        // The first finds no memory yet.
        let once = sample(1).min(sample(1));
        // Long enough for the clock.
        let repeats = (0.01 / once).clamp(1.0, 1e6);
        let samples = (1.0 / (once * repeats)).clamp(5.0, 50.0) as usize;
        let mut taken: Vec<f64> = (0..samples).map(|_| sample(repeats as usize)).collect();
        taken.sort_by(f64::total_cmp);
        taken[samples / 2]
    })
}

/// faer's rate in 10^9 operations a second, for an n x n matrix and so many columns: shares of the columns, one a
/// thread, in blocks of 128 or 256, whichever is faster, and so often that starting the threads does not count.
pub fn faers_rate(n: usize, batch: usize) -> f64 {
    let left = numbers(n * n, 1.0);
    let right = numbers(n * batch, 1.0);
    let mut out = numbers(n * batch, 1.0);
    let left = MatRef::from_column_major_slice(&left, n, n);
    let product = |right: &[f64], out: &mut [f64]| {
        let columns = right.len() / n;
        let right = MatRef::from_column_major_slice(right, n, columns);
        let out = MatMut::from_column_major_slice_mut(out, n, columns);
        matmul(black_box(out), Accum::Replace, left, black_box(right), 1.0, Par::Seq);
    };
    let work = 2e-9 * (n * n * batch) as f64;
    let repeats = (0.02 / work).ceil();
    let share = n * batch.div_ceil(rayon::current_num_threads());
    let taken = [128, 256].map(|columns| {
        seconds(|| {
            rayon::scope(|scope| {
                for (right, out) in right.chunks(share).zip(out.chunks_mut(share)) {
                    scope.spawn(move |_| {
                        for _ in 0..repeats as usize {
                            let blocks = right.chunks(n * columns).zip(out.chunks_mut(n * columns));
                            blocks.for_each(|(right, out)| product(right, out));
                        }
                    });
                }
            });
        }) / repeats
    });
    work / taken.into_iter().fold(f64::INFINITY, f64::min)
}

/// A line: who, how long, at which rate, and which share of faer's that is.
pub fn account(who: &str, seconds: f64, work: f64, faer: f64) {
    let rate = work / seconds;
    let (time, share) = (1e3 * seconds, 100.0 * rate / faer);
    println!("  {who:8} {time:9.3} ms  {rate:6.1} GFLOP/s  {share:3.0} % of faer's");
}
