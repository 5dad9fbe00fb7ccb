//! The objective about trained weights, from outside.

use std::fs;

use desk::{Desk, stderr};
use serde_json::Value;

mod desk;

const TINY: &str = r#"(
    data: Peaks(classes: 3, train: 60, validation: 30),
    network: (
        opening: Dense(width: 3, activation: "tanh"),
        field: "resnet",
        controls: PiecewiseLinear(nodes: 2),
        horizon: 1.0,
        method: "rk4",
        stepping: Fixed(steps: 3),
    ),
    loss: "softmax",
    penalties: (tikhonov: 1e-3),
    training: (optimiser: Adam(rate: 0.05), epochs: 6, batch: 20, snapshots: 1),
    seed: 3,
)"#;

fn desk() -> Desk {
    let desk = Desk::with("tiny.ron", TINY);
    desk.done("train tiny.ron --out a");
    desk
}

fn close(value: &Value, expected: &Value, tolerance: f64) {
    let (value, expected) = (value.as_f64().unwrap(), expected.as_f64().unwrap());
    assert!((value - expected).abs() <= tolerance, "{value} {expected}");
}

fn summary(desk: &Desk, run: &str) -> Value {
    serde_json::from_str(&desk.read(&format!("{run}/summary.json"))).unwrap()
}

#[test]
fn the_centre_of_every_section_is_the_run() {
    let desk = desk();
    let run = summary(&desk, "a");
    for (options, stem) in [
        ("--grid -1:1:5", "plane-random"),
        ("--grid -1:1:5 --biases normalised --line", "line-random"),
        ("--along hessian --grid -0.2:0.2:3,-1:1:5", "plane-hessian"),
        ("--along path --grid -1:1:3", "plane-path"),
    ] {
        let found = desk.json(&format!("landscape a {options}"));
        for key in ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"] {
            close(&found["centre"][key], &run[key], 1e-12);
        }
        assert!(found["centre"]["objective"].as_f64() > found["centre"]["train_loss"].as_f64());
        let bytes = fs::read(desk.path(&format!("a/{stem}.npy"))).unwrap();
        let array = npyz::NpyFile::new(&bytes[..]).unwrap();
        assert_eq!(array.shape()[0], 5);
        assert_eq!(
            array.into_vec::<f64>().unwrap().len() as u64,
            5 * found["points"].as_u64().unwrap()
        );
        assert!(desk.path(&format!("a/{stem}.svg")).is_file(), "{stem}");
    }
    assert!(desk.path("a/plane-random-surface.png").is_file());
    let rows =
        csv::Reader::from_path(desk.path("a/plane-hessian.csv")).unwrap().into_records().count();
    assert_eq!(rows, 15);
}

#[test]
fn the_ends_of_a_line_are_both_runs() {
    let desk = desk();
    desk.done("train tiny.ron --seed 4 --out b");
    // The seed moves the data too: both are judged by those of the first.
    desk.done("train tiny.ron --set training.epochs=2 --out c");
    let found = desk.json("landscape a c --grid -0.5:1.5:9");
    for (end, run) in ["a", "c"].into_iter().enumerate() {
        let run = summary(&desk, run);
        for key in ["train_loss", "validation_loss", "validation_accuracy"] {
            close(&found["ends"][end][key], &run[key], 1e-12);
        }
    }
    let plane = desk.json("landscape a c b --grid 0:1:3");
    close(&plane["ends"][1]["train_loss"], &summary(&desk, "c")["train_loss"], 1e-12);

    desk.done("train tiny.ron --set network.opening.width=4 --out wide");
    let message = desk.refused("landscape a wide");
    assert!(
        message.contains("a has opening.weight [3, 2] where wide has opening.weight [4, 2]"),
        "{message}"
    );
    let message = desk.refused("landscape a c b wide");
    assert!(
        message.contains("4 runs span more than a plane") || message.contains("different shapes"),
        "{message}"
    );
    assert!(desk.refused("landscape a --grid 1:-1:5").contains("FROM:TO:COUNT"));
    desk.done("train tiny.ron --set training.snapshots=0 --out bare");
    assert!(desk.refused("landscape bare --along path").contains("snapshots: 1"));
}

#[test]
fn points_that_are_known_are_not_found_again() {
    let desk = desk();
    desk.done("landscape a --grid -1:1:5");
    let first = fs::read(desk.path("a/plane-random.npy")).unwrap();
    let again = desk.done("landscape a --grid -1:1:5");
    assert!(stderr(&again).contains("25 of 25 points are known"), "{}", stderr(&again));
    assert_eq!(fs::read(desk.path("a/plane-random.npy")).unwrap(), first);
    // Another question has another answer.
    let other = desk.done("landscape a --grid -1:1:5 --seed 1");
    assert!(!stderr(&other).contains("known"), "{}", stderr(&other));
    assert_ne!(fs::read(desk.path("a/plane-random.npy")).unwrap(), first);
}

#[test]
fn the_spectrum_has_the_trace_of_its_matrix() {
    let desk = desk();
    let found = desk.json("landscape a --spectrum --probes 20");
    let values: Vec<f64> =
        found["eigenvalues"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    assert_eq!(values.len(), 10);
    assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
    assert!(found["least"].as_f64().unwrap() <= values[9]);
    assert!(desk.path("a/hessian.svg").is_file() && desk.path("a/eigenvalues.csv").is_file());
    let gauss_newton = desk.json("landscape a --spectrum --gauss-newton --probes 2");
    assert!(gauss_newton["least"].as_f64().unwrap() > -1e-9, "penalties keep it positive");
}

#[test]
fn runs_stand_beside_each_other() {
    let desk = desk();
    desk.done("train tiny.ron --set network.method=euler --out b");
    let found = desk.json("compare a b --out both");
    assert_eq!(found["runs"][1]["fields"][0][0], "network.method");
    close(&found["runs"][0]["train_loss"], &summary(&desk, "a")["train_loss"], 0.0);
    for name in ["compare.svg", "compare.csv", "runs.csv"] {
        assert!(desk.path("both").join(name).is_file(), "{name}");
    }
}
