//! What is true of every field, tableau and basis: gradients against differences, orders of convergence,
//! the same bits for any number of threads.

use std::sync::Arc;

use faer::Mat;
use indexmap::IndexMap;
use kutta::control::{Basis, Controls};
use kutta::field::{SymbolicField, VectorField};
use kutta::loss::{Loss, Penalties};
use kutta::network::{Engine, Head, Network, Opening, Targets, Task};
use kutta::solve::{Flow, Stepping};
use kutta::tableau;

/// Numbers between -1 and 1 that look random.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..n + 5).map(|_| next()).skip(5).collect()
}

fn norm(a: &[f64]) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
}

fn field(name: &str, width: usize) -> Arc<dyn VectorField> {
    let file = kutta::field::named(name).expect("in the catalogue");
    Arc::new(SymbolicField::new(file, width, &IndexMap::new()).expect("compiles"))
}

fn flow(name: &str, width: usize, basis: Basis, method: &str, grid: Vec<f64>) -> Flow {
    let horizon = *grid.last().expect("a grid");
    let tableau = tableau::named(method).expect("in the catalogue").to_f64();
    Flow::new(field(name, width), Controls::new(basis, horizon), &tableau, grid)
}

fn uniform(steps: usize, horizon: f64) -> Vec<f64> {
    Stepping::Fixed { steps }.grid(horizon).expect("a grid")
}

fn network(flow: Flow, loss: Loss, features: usize) -> Network {
    let opening = Opening::Dense { width: flow.width(), activation: "tanh".into() };
    let task = Task::Classes(if loss == Loss::Logistic { 2 } else { 3 });
    Network::new(&opening, flow, Head::Linear, loss, Penalties::default(), features, task)
        .expect("fits together")
}

const BASES: [Basis; 4] = [
    Basis::Constant,
    Basis::PiecewiseConstant { cells: 4 },
    Basis::PiecewiseLinear { nodes: 4 },
    Basis::Legendre { degree: 2 },
];

#[test]
fn gradients_of_all_fields_tableaus_and_bases_are_those_of_differences() {
    // All methods on one field, all fields by a few methods: steps do not know which field they take.
    let few = ["euler", "rk4", "dopri5"].map(str::to_owned);
    let all = tableau::samples();
    let (features, batch, width) = (2, 5, 4);
    let x = Mat::from_fn(features, batch, |i, j| noise(features * batch, 1)[i + j * features]);
    let labels = [0, 2, 1, 1, 0];
    let samples: Vec<usize> = (0..batch).collect();
    let mut worst = 0.0_f64;
    for name in kutta::field::names() {
        let methods = if name == "resnet" { &all[..] } else { &few };
        for method in methods {
            for basis in BASES {
                // Five steps: breaks at thirds and quarters lie off them; and one grid that is not uniform.
                for grid in [uniform(5, 1.5), vec![0.0, 0.5, 0.6, 1.0, 1.5]] {
                    let network =
                        network(flow(name, width, basis, method, grid), Loss::Softmax, features);
                    let mut engine = Engine::new(&network);
                    let mut theta: Vec<f64> =
                        noise(network.n_parameters(), 2).iter().map(|x| 0.7 * x).collect();
                    if name == "relu_resnet" {
                        // Away from kinks: K y + b keeps its sign.
                        for entry in network.layout().entries().iter().filter(|e| e.field) {
                            for copy in 0..entry.copies {
                                for i in 0..entry.rows * entry.cols {
                                    let at = entry.start + copy * entry.stride + i;
                                    let lowest =
                                        copy == 0 || !matches!(basis, Basis::Legendre { .. });
                                    theta[at] *= 0.02;
                                    if entry.name == "field.b" && lowest {
                                        theta[at] += if i % 2 == 0 { 1.0 } else { -1.0 };
                                    }
                                }
                            }
                        }
                    }
                    let targets = Targets::Classes(&labels);
                    let mut gradient = vec![0.0; theta.len()];
                    engine
                        .gradient(&theta, x.as_ref(), targets, &samples, &mut gradient)
                        .expect("finite");
                    let mut loss = |theta: &[f64]| {
                        engine.score(theta, x.as_ref(), targets).expect("finite").loss
                    };
                    let h = 1e-3;
                    let differences: Vec<f64> = (0..theta.len())
                        .map(|i| {
                            let mut at = |step: f64| {
                                let before = theta[i];
                                theta[i] += step * h;
                                let value = loss(&theta);
                                theta[i] = before;
                                value
                            };
                            (at(-2.0) - 8.0 * at(-1.0) + 8.0 * at(1.0) - at(2.0)) / (12.0 * h)
                        })
                        .collect();
                    let error = difference(&gradient, &differences) / norm(&gradient);
                    worst = worst.max(error);
                    assert!(error < 1e-7, "{name} {method} {basis:?}: {error:e}");
                }
            }
        }
    }
    println!("worst relative error of a gradient: {worst:e}");
}

#[test]
fn targets_may_stand_by_rows() {
    let (features, batch) = (2, 4);
    let x = Mat::from_fn(features, batch, |i, j| (1 + i + 3 * j) as f64 / 10.0);
    let values = Mat::from_fn(3, batch, |i, j| (i as f64 - j as f64).sin());
    let turned = Mat::from_fn(batch, 3, |j, i| values[(i, j)]);
    let network = network(
        flow("resnet", 4, Basis::Constant, "rk4", uniform(2, 1.0)),
        Loss::Squares,
        features,
    );
    let theta = noise(network.n_parameters(), 3);
    let mut engine = Engine::new(&network);
    let mut score = |values| engine.score(&theta, x.as_ref(), Targets::Values(values));
    let by_columns = score(values.as_ref()).expect("finite");
    assert_eq!(score(turned.transpose()).expect("finite"), by_columns);
}

#[test]
fn a_state_lost_in_the_last_sum_is_told() {
    // k = tanh(K y + b) = 1 is finite, y + h k + .. is not.
    let horizon = 1.5e308;
    let flow = flow("resnet", 2, Basis::Constant, "euler", uniform(1, horizon));
    let opening = Opening::Pad { width: 2 };
    let network = Network::new(
        &opening,
        flow,
        Head::Identity,
        Loss::Squares,
        Penalties::default(),
        2,
        Task::Targets(2),
    );
    let network = network.expect("fits together");
    let theta = vec![1.0; network.n_parameters()];
    let (x, y) = (Mat::from_fn(2, 1, |_, _| 1e308), Mat::zeros(2, 1));
    let lost = Engine::new(&network).score(&theta, x.as_ref(), Targets::Values(y.as_ref()));
    let broken = lost.expect_err("overflows").broken.expect("a place");
    assert_eq!((broken.t, broken.stage), (horizon, None));
}

#[test]
fn matrices_of_one_column_are_drawn_like_others() {
    let flow = |width| flow("resnet", width, Basis::Constant, "rk4", uniform(2, 1.0));
    for (network, name) in [
        (network(flow(4), Loss::Softmax, 1), "opening.weight"),
        (network(flow(1), Loss::Softmax, 2), "head.weight"),
    ] {
        let theta = network.initial(1);
        let tensors = network.layout().to_tensors(&theta);
        for (found, _, values) in tensors.iter().filter(|t| !t.0.starts_with("field.")) {
            let drawn = values.iter().all(|x| *x != 0.0);
            assert_eq!(drawn, found.ends_with("weight"), "{found} beside {name}");
        }
    }
}

#[test]
fn all_losses_have_the_gradient_of_their_differences() {
    let (features, batch, width) = (3, 6, 4);
    let x = Mat::from_fn(features, batch, |i, j| noise(features * batch, 1)[i + j * features]);
    let values = Mat::from_fn(3, batch, |i, j| (i as f64 - j as f64).sin());
    let labels = [0, 1, 1, 0, 0, 1];
    let samples = [4, 0, 5, 1];
    for (loss, targets) in [
        (Loss::Softmax, Targets::Classes(&labels)),
        (Loss::Logistic, Targets::Classes(&labels)),
        (Loss::Squares, Targets::Classes(&labels)),
        (Loss::Squares, Targets::Values(values.as_ref())),
    ] {
        let flow = flow("hamiltonian", width, Basis::Constant, "rk4", uniform(3, 1.0));
        let network = network(flow, loss, features);
        let mut engine = Engine::new(&network);
        let theta = noise(network.n_parameters(), 3);
        let mut gradient = vec![0.0; theta.len()];
        let mut ignored = gradient.clone();
        engine.gradient(&theta, x.as_ref(), targets, &samples, &mut gradient).expect("finite");
        for i in 0..theta.len() {
            let mut at = |d: f64| {
                let mut theta = theta.clone();
                theta[i] += d;
                engine
                    .gradient(&theta, x.as_ref(), targets, &samples, &mut ignored)
                    .expect("finite")
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((difference - gradient[i]).abs() < 1e-8, "{loss:?} parameter {i}");
        }
    }
}

#[test]
fn penalties_have_the_gradient_of_their_differences() {
    for basis in BASES {
        let mut network =
            network(flow("two_layer", 4, basis, "euler", uniform(2, 2.0)), Loss::Softmax, 2);
        network.penalties = Penalties { tikhonov: 0.3, smoothness: 0.7 };
        let theta = noise(network.n_parameters(), 5);
        let mut gradient = vec![0.0; theta.len()];
        network.penalty(&theta, &mut gradient);
        for i in 0..theta.len() {
            let at = |d: f64| {
                let mut theta = theta.clone();
                theta[i] += d;
                network.penalty(&theta, &mut vec![0.0; theta.len()])
            };
            // A quadratic: central differences are exact up to rounding.
            assert!((at(0.5) - at(-0.5) - gradient[i]).abs() < 1e-11, "{basis:?} parameter {i}");
        }
    }
}

/// The final states of a flow at given weights of the field.
fn final_states(flow: &Flow, theta: &[f64], y0: &[f64], batch: usize) -> Vec<f64> {
    let mut prepared = kutta::solve::Prepared::default();
    let mut tape = kutta::solve::Tape::default();
    flow.prepare(theta, &mut prepared);
    flow.entry(&mut tape, batch).copy_from_slice(y0);
    flow.forward(&prepared, &mut tape, batch);
    flow.exit(&tape, batch).to_vec()
}

/// The observed orders between step counts that double, while errors lie in 1e-12 .. 1e-3.
fn observed_orders(name: &str, method: &str, basis: Basis, first: usize) -> Vec<f64> {
    let (width, batch, horizon) = (4, 3, 2.0);
    let make =
        |method: &str, steps: usize| flow(name, width, basis, method, uniform(steps, horizon));
    let fine = make("verner9", first * 32);
    let theta: Vec<f64> = noise(fine.n_parameters(), 7).iter().map(|x| 1.3 * x).collect();
    let y0 = noise(width * batch, 8);
    let exact = final_states(&fine, &theta, &y0, batch);
    let order = tableau::named(method).expect("in the catalogue").order;
    let doublings = [14, 11, 9, 9, 9, 6][(order - 1).min(5)];
    let errors: Vec<f64> = (0..doublings)
        .map(|k| {
            let states = final_states(&make(method, first << k), &theta, &y0, batch);
            difference(&states, &exact) / norm(&exact)
        })
        .collect();
    let in_range = |e: f64| (1e-12..1e-3).contains(&e);
    errors
        .windows(2)
        .filter(|e| in_range(e[0]) && in_range(e[1]))
        .map(|e| (e[0] / e[1]).log2())
        .collect()
}

#[test]
fn methods_keep_their_order_with_weights_that_move_in_time() {
    let bases = [
        Basis::Legendre { degree: 3 },
        Basis::PiecewiseConstant { cells: 4 },
        Basis::PiecewiseLinear { nodes: 5 },
    ];
    for method in &tableau::samples() {
        let order = tableau::named(method).expect("in the catalogue").order as f64;
        for basis in bases {
            for name in ["resnet", "hamiltonian"] {
                // Four steps and their multiples land on all nodes.
                let orders = observed_orders(name, method, basis, 4);
                let best = orders.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                // Of higher orders rounding leaves too few steps to see more.
                assert!(best >= order.min(6.0) - 0.2, "{method} {name} {basis:?}: {orders:?}");
                if order <= 4.0 {
                    let last = orders.last().copied().unwrap_or(best);
                    assert!(last <= order + 0.3, "{method} {name} {basis:?}: {orders:?}");
                }
            }
        }
    }
}

#[test]
fn steps_across_a_kink_lose_the_order() {
    let orders = observed_orders("resnet", "rk4", Basis::PiecewiseLinear { nodes: 6 }, 4);
    let mean = orders.iter().sum::<f64>() / orders.len() as f64;
    assert!(mean < 3.0, "{orders:?}");
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let flow = flow("resnet", 6, Basis::PiecewiseLinear { nodes: 3 }, "dopri5", uniform(4, 1.0));
    let network = network(flow, Loss::Softmax, 2);
    let n = 128 * 9 + 37;
    let x = Mat::from_fn(2, n, |i, j| ((i * n + j) as f64 * 0.37).sin());
    let labels: Vec<usize> = (0..n).map(|j| j % 3).collect();
    let samples: Vec<usize> = (0..n).rev().collect();
    let theta = noise(network.n_parameters(), 3);
    let results: Vec<Vec<u64>> = [1, 2, 3, 5]
        .into_iter()
        .map(|threads| {
            let pool =
                rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| {
                let mut engine = Engine::new(&network);
                let mut gradient = vec![0.0; theta.len()];
                let targets = Targets::Classes(&labels);
                let loss = engine
                    .gradient(&theta, x.as_ref(), targets, &samples, &mut gradient)
                    .expect("finite");
                let score = engine.score(&theta, x.as_ref(), targets).expect("finite");
                gradient.push(loss);
                gradient.push(score.loss);
                gradient.iter().map(|g| g.to_bits()).collect()
            })
        })
        .collect();
    for other in &results[1..] {
        assert_eq!(*other, results[0]);
    }
}
