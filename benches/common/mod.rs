//! What benches share: the networks that are timed, the clock, and the rate of faer's own products, which is what
//! there is to reach.
//!
//! Operations: 2 m n k for each product, forward once, gradient three times; activations are not counted.
#![allow(dead_code)] // each bench takes what it needs

use std::sync::Arc;

use indexmap::IndexMap;
use kutta::control::{Basis, Controls};
use kutta::field::{SymbolicField, named};
use kutta::loss::{Loss, Penalties};
use kutta::measure::{Products, Summary, seconds};
use kutta::network::{Head, Network, Opening, Task};
use kutta::solve::{Flow, Stepping};
use kutta::tableau::{self, Tableau};

pub const FEATURES: usize = 2;
pub const OUTPUTS: usize = 5;
pub const HORIZON: f64 = 5.0;

/// Looks at the rate of products.
const LOOKS: usize = 20;

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
        self.network_of(resnet(self.width), &method("rk4"))
    }

    /// The same with another field and another method.
    pub fn network_of(self, field: SymbolicField, method: &Tableau<f64>) -> Network {
        let Case { width, steps, .. } = self;
        let controls = Controls::new(Basis::PiecewiseLinear { nodes: steps + 1 }, HORIZON);
        let grid = Stepping::Fixed { steps }.grid(HORIZON).expect("a grid");
        let flow = Flow::new(Arc::new(field), controls, method, grid);
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
    field("resnet", width)
}

/// A field of the catalogue.
pub fn field(name: &str, width: usize) -> SymbolicField {
    let field = named(name).and_then(|file| SymbolicField::new(file, width, &IndexMap::new()));
    field.expect("a field of the catalogue")
}

/// A method of the catalogue.
pub fn method(name: &str) -> Tableau<f64> {
    tableau::named(name).expect("a method of the catalogue").to_f64()
}

/// Numbers that are not special, about `scale` in size.
pub fn numbers(length: usize, scale: f64) -> Vec<f64> {
    (0..length).map(|i| scale * (1.0 + i as f64 * 0.7).sin()).collect()
}

/// The median of the seconds that `work` takes, over about a second. It is entered from inside the pool, as training
/// does.
pub fn median(mut work: impl FnMut() + Send) -> f64 {
    rayon::scope(|_| {
        let mut sample =
            |repeats: usize| seconds(|| (0..repeats).for_each(|_| work())).0 / repeats as f64;
        // The first finds no memory yet.
        let once = sample(1).min(sample(1));
        // Long enough for the clock.
        let repeats = (0.01 / once).clamp(1.0, 1e6);
        let samples = (1.0 / (once * repeats)).clamp(5.0, 50.0) as usize;
        let taken: Vec<f64> = (0..samples).map(|_| sample(repeats as usize)).collect();
        Summary::of(&taken).map_or(f64::NAN, |summary| summary.median)
    })
}

/// faer's rate in 10^9 operations a second, for an n x n matrix and so many columns, on all threads.
pub fn faers_rate(n: usize, batch: usize) -> f64 {
    rayon::scope(|_| {
        let mut products = Products::new(n, batch);
        (0..LOOKS).for_each(|_| products.sample());
        products.rate().map_or(f64::NAN, |rate| 1e-9 * rate)
    })
}

/// A line: who, how long, at which rate, and which share of faer's that is.
pub fn account(who: &str, seconds: f64, work: f64, faer: f64) {
    let rate = work / seconds;
    let (time, share) = (1e3 * seconds, 100.0 * rate / faer);
    println!("  {who:8} {time:9.3} ms  {rate:6.1} GFLOP/s  {share:3.0} % of faer's");
}
