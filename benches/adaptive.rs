//! Steps chosen by their error: what the solver costs beside the evaluations of the field that it asks for, by diffsol
//! and by our own loop; and value and gradient of a network.

mod common;

use std::hint::black_box;
use std::sync::Arc;

use faer::MatRef;
use kutta::control::{Basis, Controls};
use kutta::field::{At, Workspace};
use kutta::loss::{Loss, Penalties};
use kutta::network::{Engine, Head, Network, Opening, Targets, Task};
use kutta::solve::adaptive::{Adaptive, Control, Driver, Method, Pair, Wanted, solve_by};
use kutta::solve::{Flow, Time};
use rayon::prelude::*;

use common::{CASES, Case, FEATURES, HORIZON, OUTPUTS, median, method, numbers, resnet};

const NODES: usize = 9;
/// Samples of a block, as the solver has them.
const BLOCK: usize = 128;
const CONTROL: Control =
    Control { rtol: 1e-6, atol: 1e-6, max_steps: 100_000, first_step: None, per_sample: false };

fn flow(width: usize, name: &str) -> Flow {
    let tableau = method(name);
    let pair = Pair::new(&tableau).expect("a pair");
    let controls = Controls::new(Basis::PiecewiseLinear { nodes: NODES }, HORIZON);
    let adaptive = Adaptive { method: Method::Pair(pair), control: CONTROL };
    Flow::adaptive(Arc::new(resnet(width)), controls, &tableau, adaptive)
}

/// Seconds of one evaluation of the field for the whole batch, its weights formed anew.
fn evaluation(flow: &Flow, theta: &[f64], y: &[f64]) -> f64 {
    let (field, width) = (&flow.field, flow.width());
    let mut k = vec![0.0; y.len()];
    let mut rooms: Vec<(Vec<f64>, Workspace)> = Vec::new();
    rooms.resize_with(y.len().div_ceil(BLOCK * width), || {
        (vec![0.0; field.n_kept() * BLOCK], Workspace::default())
    });
    let mut prepared = vec![0.0; field.n_prepared()];
    let time = Time { t: 0.3, row: flow.controls.row(0.3, flow.controls.piece(0.3)) };
    median(|| {
        flow.prepare_time(&time, theta, &mut prepared);
        let blocks = k.par_chunks_mut(BLOCK * width).zip(y.par_chunks(BLOCK * width));
        blocks.zip(rooms.par_iter_mut()).for_each(|((k, y), (keep, workspace))| {
            let batch = y.len() / width;
            let at = At { t: 0.3, prepared: &prepared, batch, lanes: 1 };
            field.eval(at, y, k, &mut keep[..field.n_kept() * batch], workspace);
        });
        black_box(&mut k);
    })
}

fn solver(case: Case, name: &str) {
    let flow = flow(case.width, name);
    let theta = case.weights(flow.n_parameters());
    let start = numbers(case.width * case.batch, 1.0);
    let adaptive = flow.adaptive.clone().expect("chooses its steps");
    let each = evaluation(&flow, &theta, &start);
    for driver in [Driver::Diffsol, Driver::Own] {
        if driver == Driver::Diffsol && adaptive.driver() == Driver::Own {
            continue;
        }
        let once = || solve_by(driver, &flow, &adaptive, &theta, &start, Wanted::default());
        let solution = once();
        let seconds = median(|| {
            black_box(once());
        });
        let (steps, evaluations) = (solution.grid.len() - 1, solution.evaluations);
        let share = seconds / (each * evaluations as f64);
        println!(
            "  {name} by {driver:?}: {:.3} ms, {steps} steps, {evaluations} evaluations; {share:.2} of the evaluations alone",
            1e3 * seconds
        );
    }
}

fn network(case: Case, name: &str) {
    let opening = Opening::Dense { width: case.width, activation: "tanh".into() };
    let (penalties, task) = (Penalties::default(), Task::Classes(OUTPUTS));
    let flow = flow(case.width, name);
    let network =
        Network::new(&opening, flow, Head::Linear, Loss::Softmax, penalties, FEATURES, task)
            .expect("a network");
    let theta = case.weights(network.n_parameters());
    let (x, labels) = case.samples();
    let x = MatRef::from_column_major_slice(&x, FEATURES, case.batch);
    let samples: Vec<usize> = (0..case.batch).collect();
    let mut gradient = vec![0.0; theta.len()];
    let mut engine = Engine::new(&network);
    let forward = median(|| {
        black_box(engine.score(&theta, x, Targets::Classes(&labels)).expect("finite"));
    });
    let both = median(|| {
        let targets = Targets::Classes(&labels);
        black_box(engine.gradient(&theta, x, targets, &samples, &mut gradient).expect("finite"));
    });
    println!("  {name}: score {:.3} ms, value and gradient {:.3} ms", 1e3 * forward, 1e3 * both);
}

fn main() {
    for case in &CASES[..2] {
        let threads = rayon::current_num_threads();
        println!("width {}, batch {}, tolerance 1e-6, {threads} threads", case.width, case.batch);
        for name in ["dopri5", "tsit5", "dop853"] {
            solver(*case, name);
            network(*case, name);
        }
    }
}
