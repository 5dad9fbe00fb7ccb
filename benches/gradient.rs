//! Value and exact gradient of a network, against the rate of faer's own products of the same shape.
//!
//! Operations: 2 m n k for each product, forward once, gradient three times; activations are not counted.

mod hand;

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use indexmap::IndexMap;
use kutta::control::{Basis, Controls};
use kutta::field::{SymbolicField, named};
use kutta::loss::{Loss, Penalties};
use kutta::network::{Engine, Head, Network, Opening, Targets, Task};
use kutta::solve::{Flow, Stepping};
use kutta::tableau;

use hand::Hand;

const FEATURES: usize = 2;
const OUTPUTS: usize = 5;
const HORIZON: f64 = 5.0;

#[derive(Clone, Copy)]
struct Case {
    width: usize,
    batch: usize,
    steps: usize,
}

const CASES: [Case; 3] = [
    Case { width: 16, batch: 1000, steps: 8 },
    Case { width: 64, batch: 1024, steps: 16 },
    Case { width: 256, batch: 4096, steps: 16 },
];

impl Case {
    /// Operations of the gradient, in 10^9.
    fn work(self) -> f64 {
        let Case { width, batch, steps } = self;
        3e-9 * 2.0 * (batch * width * (4 * steps * width + FEATURES + OUTPUTS)) as f64
    }

    /// Operations of one product, in 10^9.
    fn product(self) -> f64 {
        2e-9 * (self.width * self.width * self.batch) as f64
    }
}

/// Numbers that are not special, about `scale` in size.
fn numbers(length: usize, scale: f64) -> Vec<f64> {
    (0..length).map(|i| scale * (1.0 + i as f64 * 0.7).sin()).collect()
}

/// The median of the seconds that `f` takes, and criterion's own account of it. The work is entered from
/// inside the pool, as training does.
fn seconds(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut f: impl FnMut() + Send,
) -> f64 {
    let taken = RefCell::new(Vec::new());
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let total: Duration = rayon::scope(|_| {
                let start = Instant::now();
                (0..count).for_each(|_| f());
                start.elapsed()
            });
            taken.borrow_mut().push(total.as_secs_f64() / count as f64);
            total
        });
    });
    let mut taken = taken.into_inner();
    taken.sort_by(f64::total_cmp);
    taken.get(taken.len() / 2).copied().unwrap_or(f64::NAN)
}

/// faer's rate in 10^9 operations a second: its own threads, or blocks of columns spread over the pool and
/// multiplied so often that starting the threads does not count; whichever is faster.
fn faers_rate(group: &mut BenchmarkGroup<'_, WallTime>, case: Case) -> f64 {
    let Case { width: n, batch, .. } = case;
    let left = numbers(n * n, 1.0);
    let right = numbers(n * batch, 1.0);
    let mut out = numbers(n * batch, 1.0);
    let left = MatRef::from_column_major_slice(&left, n, n);
    let product = |right: &[f64], out: &mut [f64], par: Par| {
        let columns = right.len() / n;
        let right = MatRef::from_column_major_slice(right, n, columns);
        let out = MatMut::from_column_major_slice_mut(out, n, columns);
        matmul(black_box(out), Accum::Replace, left, black_box(right), 1.0, par);
    };
    let whole = seconds(group, "faer", || product(&right, &mut out, Par::rayon(0)));
    let repeats = (0.02 / case.product()).ceil();
    let share = n * batch.div_ceil(rayon::current_num_threads());
    let blocks = [128, 256].map(|columns| {
        seconds(group, &format!("faer in blocks of {columns}"), || {
            rayon::scope(|scope| {
                for (right, out) in right.chunks(share).zip(out.chunks_mut(share)) {
                    scope.spawn(move |_| {
                        for _ in 0..repeats as usize {
                            let blocks = right.chunks(n * columns).zip(out.chunks_mut(n * columns));
                            blocks.for_each(|(right, out)| product(right, out, Par::Seq));
                        }
                    });
                }
            });
        }) / repeats
    });
    case.product() / blocks.into_iter().fold(whole, f64::min)
}

fn hand_seconds(group: &mut BenchmarkGroup<'_, WallTime>, case: Case) -> f64 {
    let Case { width, batch, steps } = case;
    let mut hand = Hand::new(width, FEATURES, OUTPUTS, steps, HORIZON, batch);
    let theta = numbers(hand.parameters(), 1.0 / (width as f64).sqrt());
    let x = numbers(FEATURES * batch, 1.0);
    let labels: Vec<usize> = (0..batch).map(|i| i % OUTPUTS).collect();
    let mut gradient = vec![0.0; theta.len()];
    seconds(group, "hand", || {
        black_box(hand.gradient(&theta, &x, &labels, &mut gradient));
    })
}

/// The same network as a formula: what users have.
fn network(case: Case) -> Network {
    let Case { width, steps, .. } = case;
    let field = named("resnet").and_then(|file| SymbolicField::new(file, width, &IndexMap::new()));
    let field = Arc::new(field.expect("a field of the catalogue"));
    let method = tableau::named("rk4").expect("a method of the catalogue").to_f64();
    let controls = Controls::new(Basis::PiecewiseLinear { nodes: steps + 1 }, HORIZON);
    let grid = Stepping::Fixed { steps }.grid(HORIZON).expect("a grid");
    let flow = Flow::new(field, controls, &method, grid);
    let opening = Opening::Dense { width, activation: "tanh".into() };
    let (loss, penalties, task) = (Loss::Softmax, Penalties::default(), Task::Classes(OUTPUTS));
    Network::new(&opening, flow, Head::Linear, loss, penalties, FEATURES, task).expect("a network")
}

fn plan_seconds(group: &mut BenchmarkGroup<'_, WallTime>, case: Case) -> f64 {
    let network = network(case);
    let theta = numbers(network.n_parameters(), 1.0 / (case.width as f64).sqrt());
    let x = numbers(FEATURES * case.batch, 1.0);
    let x = MatRef::from_column_major_slice(&x, FEATURES, case.batch);
    let labels: Vec<usize> = (0..case.batch).map(|i| i % OUTPUTS).collect();
    let samples: Vec<usize> = (0..case.batch).collect();
    let mut gradient = vec![0.0; theta.len()];
    let mut engine = Engine::new(&network);
    seconds(group, "kutta", || {
        let targets = Targets::Classes(&labels);
        let loss = engine.gradient(&theta, x, targets, &samples, &mut gradient);
        black_box(loss.expect("a finite loss"));
    })
}

fn gradient(criterion: &mut Criterion) {
    for case in CASES {
        let Case { width, batch, steps } = case;
        let name = format!("width {width}, batch {batch}, {steps} steps");
        let mut group = criterion.benchmark_group(&name);
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(2));
        let faer = faers_rate(&mut group, case);
        let hand = hand_seconds(&mut group, case);
        let plan = plan_seconds(&mut group, case);
        group.finish();
        println!("{name}, {} threads; faer {faer:.1} GFLOP/s", rayon::current_num_threads());
        for (who, time) in [("kutta", plan), ("by hand", hand)] {
            let rate = case.work() / time;
            let share = 100.0 * rate / faer;
            println!(
                "  {who:8} {:9.3} ms  {rate:6.1} GFLOP/s  {share:3.0} % of faer's",
                1e3 * time
            );
        }
        println!("  kutta costs {:.2} of what is written by hand\n", plan / hand);
    }
}

criterion_group!(benches, gradient);
criterion_main!(benches);
