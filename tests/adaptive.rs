//! Steps chosen by their error: against numbers of SciPy (tests/reference/adaptive.py) and known solutions.

use std::path::Path;

use kutta::network::{Engine, Network};
use kutta::solve::adaptive::Method;
use kutta::spec::Model;
use kutta::tableau;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    field: String,
    controls: String,
    horizon: f64,
    start: Vec<f64>,
    theta: Vec<f64>,
    end: Vec<f64>,
    /// max over t of |dy(T)/dy(t)|
    kappa: f64,
}

fn cases() -> Vec<Case> {
    let file: File = serde_json::from_str(include_str!("reference/adaptive.json")).unwrap();
    file.cases
}

fn network(case: &Case, method: &str, stepping: &str) -> (Model, Network) {
    let Case { field, controls, horizon, start, .. } = case;
    let source = format!(
        "(data: Initial([{start:?}]), network: (field: {field}, controls: {controls}, horizon: {horizon:?}, \
         method: {method}, stepping: {stepping}))"
    );
    let model = Model::parse(&source, Path::new("case.ron"), &[]).unwrap_or_else(|e| panic!("{e}"));
    let data = model.dataset().unwrap();
    let network = model.network(&data.schema).unwrap_or_else(|e| panic!("{e}"));
    (model, network)
}

/// The distance from the reference at the end, in units of the solution's size where that is above 1, and the steps
/// that were taken.
fn error(case: &Case, method: &str, rtol: f64) -> (f64, usize) {
    let stepping = format!("Adaptive(rtol: {rtol:e}, atol: {:e}, max_steps: 1000000)", 0.01 * rtol);
    let (model, network) = network(case, method, &stepping);
    let mut engine = Engine::new(&network);
    let data = model.dataset().unwrap();
    let times = [case.horizon];
    let solved = engine.trajectories(&case.theta, data.train.x.as_ref(), Some(&times));
    let solution = &engine.solutions()[0];
    assert_eq!(solution.halt, None, "{} by {method} at {rtol:e}", case.name);
    let apart = solved.states[0].iter().zip(&case.end).map(|(a, b)| (a - b).powi(2));
    let size = case.end.iter().map(|y| y * y).sum::<f64>().sqrt().max(1.0);
    (apart.sum::<f64>().sqrt() / size, solution.grid.len() - 1)
}

/// The method as a model file names it; one whose embedded weights have the higher order with the two changed.
fn upper(name: &str) -> String {
    let proved = tableau::named(name).unwrap();
    let embedded = proved.embedded.as_ref().unwrap();
    if embedded.order < proved.order {
        return format!("\"{name}\"");
    }
    let file = tableau::catalogue().find(|file| file.name.as_deref() == Some(name)).unwrap();
    format!("Tableau(a: {:?}, b: {:?}, b_hat: {:?})", file.a, file.b_hat.as_ref().unwrap(), file.b)
}

#[test]
fn every_pair_is_as_close_to_the_solution_as_its_tolerance_asks() {
    let mut beyond = Vec::new();
    for case in cases() {
        let mut worst = (0.0_f64, String::new());
        for name in tableau::samples() {
            let proved = tableau::named(&name).unwrap();
            let Some(embedded) = &proved.embedded else { continue };
            let low = proved.order.min(embedded.order);
            if name == "fehlberg12" {
                continue;
            }
            // Methods of order 2 and 3 take a million steps for the last digits.
            let last = if low < 4 { 7 } else { 10 };
            for exponent in (4..=last).step_by(if low < 4 { 1 } else { 2 }) {
                let rtol = 10f64.powi(-exponent);
                let (error, steps) = error(&case, &upper(&name), rtol);
                let share = error / (100.0 * rtol * case.kappa);
                if share > 0.3 {
                    println!(
                        "{} by {name} at {rtol:e}: {share:.2} of the bound, {steps} steps",
                        case.name
                    );
                }
                if share > worst.0 {
                    worst = (share, format!("{name} at {rtol:e}"));
                }
            }
        }
        println!("{}: at most {:.3} of the bound ({})", case.name, worst.0, worst.1);
        if worst.0 >= 1.0 {
            beyond.push(format!("{}: {} of the bound by {}", case.name, worst.0, worst.1));
        }
    }
    assert!(beyond.is_empty(), "{beyond:?}");
}

/// DETEST A1 to A5 (Hull, Enright, Fellen & Sedgwick, SIAM J. Numer. Anal. 9, 1972) with their solutions.
#[test]
fn the_scalar_problems_of_detest_have_their_known_solutions() {
    type Known = (&'static str, f64, fn(f64) -> f64);
    let problems: [Known; 4] = [
        ("-y", 1.0, |t| (-t).exp()),
        ("-0.5 * y.^3", 1.0, |t| 1.0 / (1.0 + t).sqrt()),
        ("y * cos(t)", 1.0, |t| t.sin().exp()),
        ("0.25 * y .* (1 - 0.05 * y)", 1.0, |t| 20.0 / (1.0 + 19.0 * (-0.25 * t).exp())),
    ];
    for (rhs, start, solution) in problems {
        let case = Case {
            name: rhs.into(),
            field: format!(
                "Formula(state: {{\"y\": 1}}, weights: {{}}, rhs: {{\"y\": \"{rhs}\"}})"
            ),
            controls: "Constant".into(),
            horizon: 20.0,
            start: vec![start],
            theta: Vec::new(),
            end: vec![solution(20.0)],
            kappa: 20.0,
        };
        for method in ["bs3", "dopri5", "tsit5", "bs5", "verner6", "dop853"] {
            let (error, _) = error(&case, &format!("\"{method}\""), 1e-7);
            assert!(error < 1e-5, "y' = {rhs} by {method}: {error:e}");
        }
    }
}

fn model(name: &str, changes: &[&str]) -> (Model, Network) {
    let path = Path::new("models").join(name).with_extension("ron");
    let changes: Vec<String> = changes.iter().map(|change| change.to_string()).collect();
    let model = Model::read(&path, &changes).unwrap_or_else(|e| panic!("{e}"));
    let data = model.dataset().unwrap();
    let network = model.network(&data.schema).unwrap_or_else(|e| panic!("{e}"));
    (model, network)
}

fn states(name: &str, changes: &[&str], times: Option<&[f64]>) -> Vec<Vec<f64>> {
    let (model, network) = model(name, changes);
    let data = model.dataset().unwrap();
    Engine::new(&network).trajectories(&[], data.train.x.as_ref(), times).states
}

#[test]
fn the_orbit_of_arenstorf_closes() {
    for method in ["dop853", "dopri5", "verner8"] {
        let states = states("arenstorf", &[&format!("network.method=\"{method}\"")], None);
        let (first, last) = (&states[0], &states[states.len() - 1]);
        let apart = first.iter().zip(last).map(|(a, b)| (a - b).abs()).take(2).fold(0.0, f64::max);
        println!("{method}: {apart:e}");
        // An error at the beginning is 1e7 times as large at the end.
        assert!(apart < 2e-3, "{method}: {first:?} {last:?}");
    }
}

#[test]
fn a_pendulum_keeps_its_energy() {
    let energy = |y: &Vec<f64>| 0.5 * y[1] * y[1] - y[0].cos();
    let states = states("pendulum", &[], Some(&[0.0, 0.3, 5.0, 11.1, 20.0]));
    for y in &states {
        assert!((energy(y) - energy(&states[0])).abs() < 1e-6, "{y:?}");
    }
}

#[test]
fn neighbours_on_the_attractor_of_lorenz_part() {
    let states = states("lorenz", &[], Some(&[1.0, 29.0]));
    let apart = |y: &Vec<f64>| (y[0] - y[3]).hypot(y[2] - y[5]);
    assert!(apart(&states[0]) < 1e-4 && apart(&states[1]) > 1.0, "{states:?}");
}

/// Steps of Van der Pol's oscillator to t = 10, so that a change of the controller is seen.
#[test]
fn the_work_is_what_it_was() {
    let (model, network) = model("van_der_pol", &[]);
    let data = model.dataset().unwrap();
    let mut engine = Engine::new(&network);
    engine.trajectories(&[], data.train.x.as_ref(), None);
    let solution = &engine.solutions()[0];
    let rejected = solution.steps.iter().filter(|step| !step.accepted).count();
    assert_eq!((solution.grid.len() - 1, rejected, solution.evaluations), (217, 42, 1556));
}

/// Fixed grids given to an adaptive solver: what diffsol takes is our own step.
#[test]
fn a_method_that_diffsol_takes_is_told_apart_by_its_stages() {
    let of = |name: &str| {
        let (_, network) =
            network(&cases()[0], &format!("\"{name}\""), "Adaptive(rtol: 1e-6, atol: 1e-8)");
        let adaptive = network.flow.adaptive.clone().unwrap();
        let Method::Pair(pair) = &adaptive.method else { panic!("{name}") };
        (pair.stages(), pair.fits_diffsol())
    };
    assert_eq!(of("dopri5"), (7, true));
    assert_eq!(of("bs5"), (8, true));
    assert_eq!(of("dop853"), (13, false));
}
