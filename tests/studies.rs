//! Studies and what is asked of trained runs, from outside.

use std::fs;

use desk::{Desk, stderr};
use serde_json::Value;

mod desk;

/// A network so small that an epoch takes about a millisecond.
const TINY: &str = r#"(
    data: Peaks(classes: 3, train: 90, validation: 60),
    network: (
        opening: Dense(width: 4, activation: "tanh"),
        field: "resnet",
        controls: PiecewiseLinear(nodes: 3),
        horizon: 1.0,
        method: "rk4",
        stepping: Fixed(steps: 4),
    ),
    loss: "softmax",
    training: (optimiser: Adam(rate: 0.05), epochs: 4, batch: 20),
    seed: 3,
)"#;

const STUDY: &str = r#"(
    model: "tiny.ron",
    vary: {
        "training.optimiser.rate": [0.05, 1e308],
        "network.method": ["euler", "rk4"],
        "seed": 0..2,
    },
    evaluate: {"fine": Fixed(method: "rk4", steps: 32)},
    figures: [(name: "loss", x: "network.stepping.steps", y: "fine.validation_loss", colour: "network.method", log: "x")],
)"#;

fn desk() -> Desk {
    let desk = Desk::with("tiny.ron", TINY);
    desk.put("study.ron", STUDY);
    desk
}

/// The rows of a CSV file, each by the names of its columns.
fn rows(desk: &Desk, name: &str) -> Vec<std::collections::HashMap<String, String>> {
    csv::Reader::from_path(desk.path(name)).unwrap().deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_study_has_a_row_for_every_run_and_failures_have_a_reason() {
    let desk = desk();
    let report = desk.json("study study.ron");
    assert_eq!((&report["runs"], &report["failed"]), (&Value::from(8), &Value::from(4)));
    let results = rows(&desk, "runs/study/results.csv");
    assert_eq!(results.len(), 8);
    for row in &results {
        let failed = row["training.optimiser.rate"] == "1e308";
        assert_eq!(row["failure"].contains("not finite"), failed, "{row:?}");
        assert_eq!(row["validation_loss"].parse::<f64>().is_ok(), !failed, "{row:?}");
        assert_eq!(row["fine.train_accuracy"].parse::<f64>().is_ok(), !failed, "{row:?}");
        assert_eq!(row["network.stepping.steps"], "4", "a field that a figure asks for");
    }
    // Trained by the very solver that scores it again, but with more steps.
    let rk4 = results.iter().find(|row| row["network.method"] == "rk4").unwrap();
    let (a, b): (f64, f64) =
        (rk4["validation_loss"].parse().unwrap(), rk4["fine.validation_loss"].parse().unwrap());
    assert!(a != b && (a - b).abs() < 1e-3 * a, "{a} {b}");
    // The run is that of its model.
    let run = format!("runs/study/runs/{}", rk4["run"]);
    let scores = desk.json(&format!("evaluate {run} --method rk4 --steps 32"));
    assert_eq!(scores["validation_loss"].as_f64(), Some(b));

    let summary = rows(&desk, "runs/study/summary.csv");
    let of = |quantity: &str| {
        let good = |row: &&std::collections::HashMap<String, String>| {
            row["quantity"] == quantity && row["network.method"] == "rk4" && row["runs"] == "2"
        };
        summary.iter().find(good).unwrap()["mean"].parse::<f64>().unwrap()
    };
    let seeds =
        results.iter().filter(|row| row["network.method"] == "rk4" && row["failure"].is_empty());
    let losses: Vec<f64> = seeds.map(|row| row["train_loss"].parse().unwrap()).collect();
    assert!((of("train_loss") - losses.iter().sum::<f64>() / 2.0).abs() < 1e-15);
    assert!(desk.path("runs/study/loss.svg").is_file());
}

#[test]
fn what_is_done_is_not_done_again() {
    let desk = desk();
    desk.done("study study.ron");
    let first = rows(&desk, "runs/study/results.csv");
    let run = |row: &std::collections::HashMap<String, String>| {
        desk.path("runs/study/runs").join(&row["run"])
    };
    // One run is lost in its middle and another altogether; a mark shows that the rest is left alone.
    let done: Vec<_> = first.iter().filter(|row| row["failure"].is_empty()).map(run).collect();
    fs::remove_file(done[0].join("summary.json")).unwrap();
    fs::remove_dir_all(&done[1]).unwrap();
    fs::write(done[2].join("checkpoint.safetensors"), "mark").unwrap();
    desk.done("study study.ron");
    let again = rows(&desk, "runs/study/results.csv");
    for (before, after) in first.iter().zip(&again) {
        for column in ["run", "train_loss", "fine.validation_loss", "failure"] {
            assert_eq!(before[column], after[column], "{column}");
        }
    }
    assert_eq!(fs::read(done[2].join("checkpoint.safetensors")).unwrap(), b"mark");
    // A value more needs the runs of that value alone.
    desk.put("study.ron", &STUDY.replace("0..2", "0..3"));
    desk.done("study study.ron");
    let more = rows(&desk, "runs/study/results.csv");
    assert_eq!(more.len(), 12);
    assert!(first.iter().all(|row| {
        more.iter().any(|other| {
            other["run"] == row["run"] && other["seconds"] == row["seconds"]
                || row["train_loss"].is_empty()
                || done[..2].iter().any(|d| d.ends_with(&row["run"]))
        })
    }));
}

#[test]
fn a_run_that_cannot_be_kept_ends_the_study_and_loses_nothing_that_was_done() {
    let desk = desk();
    desk.done("study study.ron");
    let results = rows(&desk, "runs/study/results.csv");
    let (kept, lost) = (&results[0]["run"], &results[3]["run"]);
    let summary = fs::read(desk.path("runs/study/runs").join(kept).join("summary.json")).unwrap();
    // A file where the folder should be: nothing can be written there.
    let folder = desk.path("runs/study/runs").join(lost);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    let output = desk.kutta("study study.ron");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("of 8 runs are done and kept"), "{}", stderr(&output));
    assert_eq!(
        fs::read(desk.path("runs/study/runs").join(kept).join("summary.json")).unwrap(),
        summary
    );
    fs::remove_file(&folder).unwrap();
    desk.done("study study.ron");
    assert_eq!(rows(&desk, "runs/study/results.csv").len(), 8);
}

#[test]
fn mistakes_of_a_study_are_told_before_any_run() {
    let desk = desk();
    for (from, to, expected) in [
        (
            "\"network.method\"",
            "\"network.methd\"",
            "wrong.ron:5:9: there is no `network.methd` in the model; did you mean `network.method`?",
        ),
        (
            "\"euler\"",
            "\"eular\"",
            "wrong.ron:5:28: `network.method`: unknown method `eular`; did you mean `euler`?",
        ),
        (
            "y: \"fine",
            "y: \"finer",
            "there is no column `finer.validation_loss`; did you mean `fine.validation_loss`?",
        ),
        ("log: \"x\"", "log: \"z\"", "`z` names no axes"),
    ] {
        let source = STUDY.replacen(from, to, 1);
        assert_ne!(source, STUDY);
        desk.put("wrong.ron", &source);
        let message = desk.refused("study wrong.ron");
        assert!(message.contains(expected), "{to}: {message}");
        assert!(!desk.path("runs").exists());
    }
    fs::create_dir(desk.path("mine")).unwrap();
    desk.put("mine/notes.txt", "mine");
    assert!(desk.refused("study study.ron --out mine").contains("has no study.ron"));
}

#[test]
fn a_network_trained_with_a_fine_step_is_an_ode_and_one_with_a_coarse_step_is_not() {
    const FLIP: &str = r#"(
        data: Flip(train: 20, validation: 20),
        network: (
            opening: Identity, field: Formula(state: {"y": 1}, weights: {"K": Scalar}, rhs: {"y": "K*y"}),
            controls: Constant, horizon: 1.0, method: "euler", stepping: Fixed(steps: 1), head: Identity,
        ),
        loss: "squares",
        training: (optimiser: Sgd(rate: 0.5), epochs: 100),
    )"#;
    let desk = Desk::with("flip.ron", FLIP);
    desk.done("train flip.ron");
    // One Euler step is y + K y: with K = -2 it is the flip, of which the flow is exp(-2) y.
    let found = desk.json("converge runs/flip");
    assert_eq!(found["is_ode"], false);
    assert_eq!(found["least_loss_at_trained_step"], true);
    let exact = 0.5 * (1.0 + (-2f64).exp()).powi(2);
    assert!((found["converged_loss"].as_f64().unwrap() - exact).abs() < 1e-7, "{found}");
    assert!(found["rows"][0]["loss"].as_f64().unwrap() < 1e-12);
    let order = found["rows"][6]["order"].as_f64().unwrap();
    assert!((order - 1.0).abs() < 0.1, "{order}");

    let swapped = desk.json("swap runs/flip --methods euler,rk4 --steps 1,8,1024");
    let run = &swapped["runs"][0];
    assert_eq!(
        run["critical_steps"], 1024,
        "8 steps of Euler differ by more than a share of the loss: {run}"
    );
    assert_eq!(run["table"].as_array().unwrap().len(), 6);
    for name in ["swap.svg", "swap.csv", "converge.svg", "converge.png"] {
        assert!(desk.path("runs/flip").join(name).is_file(), "{name}");
    }

    let fine = "train flip.ron --set network.stepping.steps=64 --set training.optimiser.rate=0.01 --out fine";
    desk.done(fine);
    let found = desk.json("converge fine");
    assert_eq!((&found["is_ode"], &found["trained_steps"]), (&Value::from(true), &Value::from(64)));
}

#[test]
fn every_study_that_is_shipped_can_be_run() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("studies");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let study = kutta::study::Study::read(&path).unwrap_or_else(|e| panic!("{e}"));
        let models = study.models().unwrap_or_else(|e| panic!("{e}"));
        for model in &models {
            let data = model.dataset().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            model.network(&data.schema).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
        seen += 1;
    }
    assert!(seen >= 8, "{seen} studies");
}
