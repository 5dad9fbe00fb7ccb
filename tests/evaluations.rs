//! How much is computed: evaluations of the field, preparations of its weights, and that threads change neither.

mod watched;

use std::sync::{Arc, Mutex};

use faer::Mat;
use kutta::control::Basis;
use kutta::loss::Loss;
use kutta::network::{Engine, Network, Targets, Task};
use kutta::tableau;

use watched::{Call, network, numbers, watched};

const STEPS: usize = 6;
/// As many coefficients as the steps have ends.
const NODES: Basis = Basis::PiecewiseLinear { nodes: STEPS + 1 };
const CELLS: Basis = Basis::PiecewiseConstant { cells: STEPS };

type Calls = Arc<Mutex<Vec<Call>>>;

/// A network of this method whose calls are listed.
fn listed(method: &str, basis: Basis) -> (Network, Calls) {
    let calls = Calls::default();
    let list = Arc::clone(&calls);
    let field = watched("antisymmetric", 3, move |call| list.lock().expect("a list").push(call));
    let parts = (Loss::Softmax, Task::Classes(3));
    (network(field, (method, STEPS, basis), true, parts), calls)
}

/// The calls of a gradient over so many samples, or of a score.
fn calls(network: &Network, calls: &Calls, samples: usize, gradient: bool) -> Vec<Call> {
    let x = Mat::from_fn(2, samples, |i, j| (1.0 + i as f64 + 0.3 * j as f64).sin());
    let labels: Vec<usize> = (0..samples).map(|i| i % 3).collect();
    let all: Vec<usize> = (0..samples).collect();
    let theta = numbers(network.n_parameters(), 0.3);
    let mut slope = vec![0.0; theta.len()];
    let mut engine = Engine::new(network);
    let targets = Targets::Classes(&labels);
    let done = match gradient {
        true => engine.gradient(&theta, x.as_ref(), targets, &all, &mut slope).is_ok(),
        false => engine.score(&theta, x.as_ref(), targets).is_ok(),
    };
    assert!(done, "finite");
    std::mem::take(&mut calls.lock().expect("a list"))
}

fn count(calls: &[Call], wanted: impl Fn(Call) -> bool) -> usize {
    calls.iter().filter(|&&call| wanted(call)).count()
}

/// Stages whose cotangent is not zero for want of a path to the result.
fn stages(method: &str) -> usize {
    tableau::named(method).expect("in the catalogue").to_f64().reduced().b.len()
}

#[test]
fn every_method_evaluates_the_field_once_a_stage_in_each_direction() {
    for method in tableau::names() {
        let (network, list) = listed(method, NODES);
        let expected = STEPS * stages(method);
        let forward = calls(&network, &list, 5, false);
        assert_eq!(count(&forward, |c| c == Call::Eval(5)), expected, "{method}");
        assert_eq!(count(&forward, |c| matches!(c, Call::Vjp(_) | Call::Gather(_))), 0, "{method}");
        let both = calls(&network, &list, 5, true);
        assert_eq!(count(&both, |c| c == Call::Eval(5)), expected, "{method}");
        assert_eq!(count(&both, |c| c == Call::Vjp(5)), expected, "{method}");
    }
}

/// What the papers say of them: so that the count above does not follow a wrong reduction.
#[test]
fn stages_that_do_not_reach_the_result_are_left_out() {
    for (method, expected) in [("euler", 1), ("heun2", 2), ("rk4", 4), ("dopri5", 6), ("tsit5", 6)]
    {
        assert_eq!(stages(method), expected, "{method}");
    }
}

#[test]
fn weights_are_prepared_once_for_each_distinct_time() {
    // With weights that are continuous a step shares its ends with its neighbours: the last stage of rk4, c = 1,
    // is at the first of the next step. Where they jump both need weights of their own; and since the field is
    // autonomous, all stages of a time share them for as long as they stay the same.
    let cases = [
        ("euler", NODES, STEPS),
        ("rk4", NODES, 2 * STEPS + 1),
        ("rk4", CELLS, STEPS),
        ("rk4", Basis::Constant, 1),
        ("heun2", NODES, STEPS + 1),
        ("heun2", CELLS, STEPS),
    ];
    for (method, basis, expected) in cases {
        let (network, list) = listed(method, basis);
        // More than one block, and as many groups: they share what is prepared.
        let calls = calls(&network, &list, 700, true);
        let mut times: Vec<f64> = calls
            .iter()
            .filter_map(|call| if let Call::Prepare(t) = call { Some(*t) } else { None })
            .collect();
        assert_eq!(times.len(), expected, "{method}, {basis:?}");
        times.sort_by(f64::total_cmp);
        times.dedup();
        assert_eq!(times.len(), expected, "{method}, {basis:?}: {times:?}");
        let groups = Engine::new(&network).blocks(700, true).min(8);
        assert_eq!(count(&calls, |c| matches!(c, Call::Gather(_))), groups * expected);
    }
}

#[test]
fn each_sample_is_evaluated_once_a_stage_however_blocks_are_cut() {
    let (network, list) = listed("rk4", NODES);
    for samples in [1, 127, 128, 129, 1000, 2500] {
        for gradient in [false, true] {
            let calls = calls(&network, &list, samples, gradient);
            let columns: usize =
                calls.iter().map(|c| if let Call::Eval(n) = c { *n } else { 0 }).sum();
            assert_eq!(columns, samples * STEPS * 4, "{samples}");
        }
    }
}

/// Not their order, but what is done, call by call.
#[test]
fn the_number_of_threads_changes_no_call() {
    let (network, list) = listed("dopri5", NODES);
    let sorted = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let calls = pool.install(|| calls(&network, &list, 1500, true));
        let mut lines: Vec<String> = calls.iter().map(|call| format!("{call:?}")).collect();
        lines.sort_unstable();
        lines
    };
    let one = sorted(1);
    assert!(one.len() > 2 * 6 * STEPS);
    assert_eq!(one, sorted(2));
    assert_eq!(one, sorted(5));
}
