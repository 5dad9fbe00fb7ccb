use std::sync::Arc;

use indexmap::IndexMap;

use super::*;
use crate::control::{Basis, Controls};
use crate::field::{FieldFile, SymbolicField};
use crate::tableau;

/// Numbers in (-1, 1) that look random.
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

const CONTROL: Control =
    Control { rtol: 1e-6, atol: 1e-8, max_steps: 10_000, first_step: None, per_sample: false };

fn adaptive(method: &str, control: Control) -> Adaptive {
    let tableau = tableau::named(method).unwrap().to_f64();
    Adaptive { method: Method::Pair(Pair::new(&tableau).unwrap()), control }
}

fn flow(field: SymbolicField, basis: Basis, horizon: f64, method: &str, control: Control) -> Flow {
    let tableau = tableau::named(method).unwrap().to_f64();
    let controls = Controls::new(basis, horizon);
    Flow::adaptive(Arc::new(field), controls, &tableau, adaptive(method, control))
}

fn formula(text: &str, width: usize) -> SymbolicField {
    let file: FieldFile = crate::dialect::RON.from_str(text).unwrap();
    SymbolicField::new(&file, width, &IndexMap::new()).unwrap()
}

fn resnet(width: usize) -> SymbolicField {
    SymbolicField::new(crate::field::named("resnet").unwrap(), width, &IndexMap::new()).unwrap()
}

fn pairs() -> Vec<String> {
    let names = tableau::samples().into_iter();
    names.filter(|name| tableau::named(name).unwrap().embedded.is_some()).collect()
}

fn run(driver: Driver, flow: &Flow, theta: &[f64], start: &[f64]) -> Solution {
    let adaptive = flow.adaptive.as_ref().unwrap();
    solve_by(driver, flow, adaptive, theta, start, Wanted { times: &[], errors: true })
}

#[test]
fn our_own_loop_takes_the_very_steps_of_diffsol() {
    let (width, batch) = (6, 300);
    let start = noise(width * batch, 1);
    let mut compared = 0;
    for name in pairs() {
        for basis in [
            Basis::Constant,
            Basis::PiecewiseConstant { cells: 3 },
            Basis::PiecewiseLinear { nodes: 4 },
            Basis::Legendre { degree: 2 },
        ] {
            let flow = flow(resnet(width), basis, 3.0, &name, CONTROL);
            if flow.adaptive.as_ref().unwrap().driver() == Driver::Own {
                continue;
            }
            let theta: Vec<f64> =
                noise(flow.n_parameters(), 2).iter().map(|w| 1.5 * w).collect();
            let theirs = run(Driver::Diffsol, &flow, &theta, &start);
            let ours = run(Driver::Own, &flow, &theta, &start);
            assert_eq!((&theirs.halt, &ours.halt), (&None, &None), "{name} {basis:?}");
            assert_eq!(theirs.steps.len(), ours.steps.len(), "{name} {basis:?}");
            for (theirs, ours) in theirs.steps.iter().zip(&ours.steps) {
                let close = |a: f64, b: f64| (a - b).abs() <= 1e-7 * a.abs().max(1e-3);
                let errors = (theirs.error.unwrap(), ours.error.unwrap());
                assert!(close(theirs.t, ours.t) && close(theirs.h, ours.h), "{theirs:?} {ours:?}");
                assert!(close(errors.0, errors.1), "{theirs:?} {ours:?}");
                assert_eq!(theirs.accepted, ours.accepted);
                assert_eq!(theirs.evaluations, ours.evaluations);
            }
            let far = theirs.state.iter().zip(&ours.state).map(|(a, b)| (a - b).abs());
            assert!(far.fold(0.0, f64::max) < 1e-11, "{name} {basis:?}");
            assert_eq!(theirs.worst.unwrap().sample, ours.worst.unwrap().sample);
            compared += 1;
        }
    }
    assert!(compared >= 20, "{compared}");
}

#[test]
fn steps_end_on_the_breaks_and_go_on_from_their_length() {
    let basis = Basis::PiecewiseConstant { cells: 5 };
    let flow = flow(resnet(4), basis, 5.0, "dopri5", CONTROL);
    let solution = run(Driver::Diffsol, &flow, &noise(flow.n_parameters(), 3), &noise(8, 4));
    for stop in 1..=5 {
        assert!(solution.grid.contains(&f64::from(stop)), "{:?}", solution.grid);
    }
    let over = flow.over(solution.grid.clone());
    assert!(over.times.missed.is_empty());
    // A sliver in front of a break does not make the step after it small.
    let lengths: Vec<f64> = solution.grid.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let slivers = lengths.windows(3).filter(|h| h[1] < 0.2 * h[0] && h[2] < 0.5 * h[0]).count();
    assert_eq!(slivers, 0, "{lengths:?}");
}

#[test]
fn the_flow_over_the_grid_is_the_solution() {
    for name in ["bs3", "dopri5", "tsit5", "dop853", "verner9"] {
        for basis in [Basis::PiecewiseConstant { cells: 3 }, Basis::PiecewiseLinear { nodes: 4 }] {
            let flow = flow(resnet(4), basis, 3.0, name, CONTROL);
            let (theta, start) = (noise(flow.n_parameters(), 5), noise(4 * 7, 6));
            let solution = solve(
                &flow,
                flow.adaptive.as_ref().unwrap(),
                &theta,
                &start,
                Wanted::default(),
            );
            let over = flow.over(solution.grid);
            let (mut prepared, mut tape) = Default::default();
            over.prepare(&theta, &mut prepared);
            over.entry(&mut tape, 7).copy_from_slice(&start);
            over.forward(&prepared, &mut tape, 7);
            let end = over.exit(&tape, 7).iter().zip(&solution.state);
            let far = end.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(far < 1e-13, "{name}: {far:e}");
        }
    }
}

const OSCILLATOR: &str =
    r#"(state: {"q": 1, "p": 1}, weights: {}, rhs: {"q": "p", "p": "-q"})"#;

#[test]
fn states_at_asked_times_are_as_close_as_the_solution() {
    let times = [0.0, 0.1, 0.75, 2.0, 3.3, 5.9, 6.0];
    for (name, rtol, bound) in [("dopri5", 1e-9, 1e-7), ("dop853", 1e-11, 1e-9), ("bs3", 1e-6, 1e-4)] {
        let control = Control { rtol, atol: 0.01 * rtol, ..CONTROL };
        let flow = flow(formula(OSCILLATOR, 2), Basis::Constant, 6.0, name, control);
        let wanted = Wanted { times: &times, errors: false };
        let solution =
            solve(&flow, flow.adaptive.as_ref().unwrap(), &[], &[1.0, 0.0], wanted);
        assert_eq!(solution.states.len(), times.len());
        for (t, y) in times.iter().zip(&solution.states) {
            let far = (y[0] - t.cos()).hypot(y[1] + t.sin());
            assert!(far < bound, "{name} at {t}: {far:e}");
        }
        assert_eq!(solution.states.last(), Some(&solution.state));
    }
}

const SQUARE: &str = r#"(state: {"y": 1}, weights: {}, rhs: {"y": "y .* y"})"#;

#[test]
fn a_blow_up_ends_at_its_time_with_the_last_good_state() {
    // y = 1 / (1/y0 - t): the second of three samples goes first, at t = 0.8.
    for name in ["dopri5", "dop853", "bs3"] {
        let flow = flow(formula(SQUARE, 1), Basis::Constant, 2.0, name, CONTROL);
        let start = [0.1, 1.25, 0.9];
        let solution =
            solve(&flow, flow.adaptive.as_ref().unwrap(), &[], &start, Wanted { times: &[0.5, 1.5], errors: true });
        let halt = solution.halt.expect("it ends");
        assert_eq!(halt.sample(), Some(1), "{halt}");
        assert!((halt.time() - 0.8).abs() < 1e-3, "{name}: {halt}");
        assert!(solution.state.iter().all(|y| y.is_finite()));
        assert_eq!(solution.states.len(), 1);
        assert_eq!(solution.grid.last(), Some(&halt.time()));
    }
}

#[test]
fn a_number_that_is_lost_is_named_by_stage_and_sample() {
    // The root of what becomes negative, at y = t - 1/2 of the second sample.
    let text = r#"(state: {"y": 1}, weights: {}, rhs: {"y": "sqrt(0.5 - y)"})"#;
    for driver in [Driver::Diffsol, Driver::Own] {
        let control = Control { first_step: Some(0.5), ..CONTROL };
        let flow = flow(formula(text, 1), Basis::Constant, 2.0, "dopri5", control);
        let solution = run(driver, &flow, &[], &[-3.0, 0.49, -2.0]);
        let halt = solution.halt.expect("it ends");
        let Halt::NotFinite { sample, stage, t } = halt else { panic!("{halt}") };
        assert_eq!((sample, stage.is_some(), t), (1, true, 0.0));
    }
}

#[test]
fn a_limit_on_steps_leaves_what_was_done() {
    for driver in [Driver::Diffsol, Driver::Own] {
        let control = Control { max_steps: 7, ..CONTROL };
        let flow = flow(formula(OSCILLATOR, 2), Basis::Constant, 100.0, "dopri5", control);
        let solution = run(driver, &flow, &[], &[1.0, 0.0]);
        assert!(matches!(solution.halt, Some(Halt::Steps { steps: 7, .. })));
        assert_eq!(solution.grid.len(), 8);
    }
}

#[test]
fn samples_by_themselves_are_solved_as_if_alone() {
    let flow = flow(resnet(3), Basis::PiecewiseLinear { nodes: 3 }, 2.0, "tsit5", CONTROL);
    let (theta, start) = (noise(flow.n_parameters(), 7), noise(9, 8));
    let adaptive = flow.adaptive.as_ref().unwrap();
    let each = solve_each(&flow, adaptive, &theta, &start, Wanted::default());
    for (one, start) in each.iter().zip(start.chunks(3)) {
        assert_eq!(*one, solve(&flow, adaptive, &theta, start, Wanted::default()));
    }
}

#[test]
fn a_method_without_a_pair_is_told_which_have_one() {
    let rk4 = tableau::named("rk4").unwrap().to_f64();
    let told = Pair::new(&rk4).unwrap_err().to_string();
    assert!(told.contains("rk4") && told.contains("dopri5, tsit5"), "{told}");
    for name in pairs() {
        let pair = Pair::new(&tableau::named(&name).unwrap().to_f64()).unwrap();
        assert_eq!((pair.c.first(), pair.c.last()), (Some(&0.0), Some(&1.0)), "{name}");
    }
}
