//! Runs as a user makes them: `kutta train`, `evaluate` and `predict` from outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use desk::{Desk, stderr};
use serde_json::Value;

mod desk;

const HISTORY: &str = "epoch,work_units,seconds,train_loss,train_accuracy,validation_loss,validation_accuracy,gradient_norm";

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
    training: (optimiser: Adam(rate: 0.05, schedule: Cosine), epochs: 12, batch: 20, checkpoint: 5),
    seed: 3,
)"#;

fn desk() -> desk::Desk {
    desk::Desk::with("tiny.ron", TINY)
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The rows of a history without the seconds.
fn timeless(history: &str) -> Vec<Vec<&str>> {
    history
        .lines()
        .map(|line| line.split(',').enumerate().filter(|(k, _)| *k != 2).map(|(_, c)| c).collect())
        .collect()
}

#[test]
fn a_run_leaves_its_files() {
    let desk = desk();
    let report = desk.json("train tiny.ron");
    let figures = ["confusion", "decision", "states", "training"];
    let figures = figures.iter().flat_map(|f| ["svg", "png", "csv"].map(|e| format!("{f}.{e}")));
    let plain = ["checkpoint.safetensors", "history.csv", "model.ron", "schema.json"];
    let plain = plain.iter().chain(&["summary.json", "weights.safetensors"]);
    let mut expected: Vec<String> = plain.map(|name| (*name).to_owned()).chain(figures).collect();
    expected.sort();
    assert_eq!(files(&desk.path("runs/tiny")), expected);

    let history = desk.read("runs/tiny/history.csv");
    assert_eq!(history.lines().next().unwrap(), HISTORY);
    assert_eq!(history.lines().count(), 1 + 13, "a header, the initial network and 12 epochs");
    let summary: Value = serde_json::from_str(&desk.read("runs/tiny/summary.json")).unwrap();
    for key in ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"] {
        assert!(summary[key].is_f64(), "{key}: {summary}");
    }
    // 3*4 of the opening, three nodes of 4*4 + 4, 5*3 of the head.
    assert_eq!(summary["parameters"], 12 + 3 * 20 + 15);
    assert_eq!(summary["epochs"], 12);
    assert_eq!(summary["stop_reason"], "epochs");
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
    for (key, value) in summary.as_object().unwrap() {
        assert_eq!(report[key], *value, "the report holds the summary");
    }
    assert_eq!(report["folder"], Path::new("runs").join("tiny").to_str().unwrap());
    let last: Vec<f64> =
        history.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert_eq!(summary["train_loss"], last[3]);
    assert_eq!(summary["validation_accuracy"], last[6]);
}

#[test]
fn the_model_of_a_run_gives_the_same_run_again() {
    let desk = desk();
    desk.put("d.csv", &numbers(40));
    let data = r#"data=Csv(path:"d.csv",label:"kind",validation:0.25)"#;
    desk.done(&format!(
        "train tiny.ron --out a/b --seed 9 --set network.method=heun2 --set {data}"
    ));
    desk.done("train a/b/model.ron --out again");
    assert_eq!(desk.weights("a/b"), desk.weights("again"));
    assert_eq!(timeless(&desk.read("a/b/history.csv")), timeless(&desk.read("again/history.csv")));
    desk.done("train tiny.ron --out other --set network.method=heun2 --set seed=8");
    assert_ne!(desk.weights("other"), desk.weights("again"), "the seed has no effect");
}

#[test]
fn threads_do_not_change_a_bit() {
    let desk = desk();
    let run = |threads: usize| {
        let out = format!("t{threads}");
        desk.done(&format!("train tiny.ron --out {out} --threads {threads} --set data.train=900"));
        (desk.weights(&out), desk.read(&format!("{out}/history.csv")))
    };
    let (weights, history) = run(1);
    for threads in [2, 3, 5] {
        let (other, its_history) = run(threads);
        assert_eq!(other, weights, "{threads} threads");
        assert_eq!(timeless(&its_history), timeless(&history), "{threads} threads");
    }
    assert!(desk.refused("train tiny.ron --out t0 --threads 0").contains("at least one thread"));
}

#[test]
fn a_folder_in_use_is_refused_unless_forced() {
    let desk = desk();
    desk.done("train tiny.ron --out run");
    let first = desk.weights("run");
    let said = desk.refused("train tiny.ron --out run --seed 5");
    assert!(said.contains("--force") && said.contains("--resume"), "{said}");
    assert_eq!(desk.weights("run"), first);

    desk.put("run/notes.txt", "mine");
    desk.done("train tiny.ron --out run --seed 5 --force");
    assert_ne!(desk.weights("run"), first);
    assert_eq!(desk.read("run/notes.txt"), "mine");
    // A wrong model does not cost the run that it was to replace.
    let before = files(&desk.path("run"));
    desk.refused("train tiny.ron --out run --force --set network.method=rk5");
    desk.refused(
        "train tiny.ron --out run --force --set data.validation=0 --set training.stop=(patience:2)",
    );
    assert_eq!(files(&desk.path("run")), before);
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_before_the_work() {
    let desk = desk();
    for out in ["tiny.ron", "tiny.ron/run"] {
        let said = desk.refused(&format!("train tiny.ron --out {out}"));
        assert!(said.contains(out) && said.contains("--out"), "{said}");
        assert!(!said.contains("epoch"), "{said}");
    }
}

#[test]
fn evaluate_gives_the_figures_of_the_summary_to_the_last_bit() {
    let desk = desk();
    let summary = desk.json("train tiny.ron");
    let same = desk.json("evaluate runs/tiny");
    for key in ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"] {
        assert_eq!(same[key], summary[key], "{key}");
    }
    assert_eq!((&same["method"], &same["steps"]), (&"rk4".into(), &4.into()));
    assert_eq!(desk.json("evaluate runs/tiny --method rk4 --steps 4"), same);

    let other = desk.json("evaluate runs/tiny --method euler --steps 8");
    assert_eq!((&other["method"], &other["steps"]), (&"euler".into(), &8.into()));
    assert_ne!(other["train_loss"], same["train_loss"]);
    // More steps of any method come to the one solution.
    let loss = |line: &str| desk.json(line)["train_loss"].as_f64().unwrap();
    let fine = loss("evaluate runs/tiny --method dopri5 --steps 64");
    let far = (loss("evaluate runs/tiny --method euler --steps 64") - fine).abs();
    let near = (loss("evaluate runs/tiny --method euler --steps 128") - fine).abs();
    assert!((1.6..2.5).contains(&(far / near)), "order 1 halves the error: {far} {near}");

    let said = desk.refused("evaluate runs/tiny --method eule");
    assert!(said.contains("did you mean `euler`?"), "{said}");
    assert!(desk.refused("evaluate runs/none").contains("is no run folder"));
    let warned = desk.done("evaluate runs/tiny --steps 3");
    assert!(stderr(&warned).contains("warning: 1 of 3 steps have a kink"), "{}", stderr(&warned));
}

/// Samples of three named kinds, in clusters far from 0 and of unlike size.
fn numbers(count: usize) -> String {
    let mut text = "kind,height,weight\n".to_owned();
    for k in 0..count {
        let (kind, centre) = [("cat", 0.0), ("dog", 3.0), ("emu", 1.2)][k % 3];
        let noise = |m: usize| ((k * m) % 17) as f64 / 8.5 - 1.0;
        let (height, weight) = (100.0 + centre + noise(5), 0.001 * (centre * centre + noise(11)));
        text += &format!("{kind},{height},{weight}\n");
    }
    text
}

const FROM_FILE: &str =
    r#"data=Csv(path:"train.csv",label:"kind",validation:Csv(path:"held.csv"))"#;

#[test]
fn predictions_agree_with_the_accuracy_of_evaluate() {
    let desk = desk();
    desk.put("train.csv", &numbers(60));
    desk.put("held.csv", &numbers(41));
    desk.done(&format!("train tiny.ron --out run --set {FROM_FILE} --set training.epochs=4"));
    let validation = desk.json("evaluate run");
    let held = desk.json("evaluate run --data held.csv");
    assert_eq!(held["samples"], 41);
    assert_eq!(held["loss"], validation["validation_loss"]);
    assert_eq!(held["accuracy"], validation["validation_accuracy"]);

    let output = desk.done("predict run --data held.csv");
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    assert_eq!(header, ["sample", "class", "score_cat", "score_dog", "score_emu"]);
    let truth = numbers(41);
    let truth = truth.lines().skip(1).map(|line| line.split(',').next().unwrap());
    let mut right = 0;
    for ((k, record), truth) in reader.records().enumerate().zip(truth) {
        let record = record.unwrap();
        assert_eq!(record[0], k.to_string());
        let scores: Vec<f64> = (2..5).map(|c| record[c].parse().unwrap()).collect();
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        assert_eq!(format!("score_{}", &record[1]), header[2 + best]);
        right += usize::from(&record[1] == truth);
    }
    let accuracy = held["accuracy"].as_f64().unwrap();
    assert_eq!(right as f64 / 41.0, accuracy);
    assert!(accuracy > 0.34, "no better than chance: the test says nothing");

    // The columns are found by their names, and the training data are not needed.
    fs::remove_file(desk.path("train.csv")).unwrap();
    let swapped: String = numbers(41)
        .lines()
        .map(|line| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n")
        .collect();
    desk.put("swapped.csv", &swapped);
    desk.done("predict run --data swapped.csv --out p.csv");
    assert_eq!(desk.read("p.csv").as_bytes(), output.stdout);
    let listed = desk.json("predict run --data held.csv");
    assert_eq!(listed.as_array().unwrap().len(), 41);
    assert!(listed[0]["class"].is_string() && listed[0]["scores"].is_array());

    desk.put("bare.csv", "100,0.001\n103,0.009\n");
    assert!(desk.refused("predict run --data bare.csv").contains("--no-header"));
    let bare = desk.done("predict run --data bare.csv --no-header");
    assert_eq!(String::from_utf8(bare.stdout).unwrap().lines().count(), 3);
    assert!(desk.refused("evaluate run --data bare.csv --no-header").contains("has no labels"));
    assert!(desk.refused("predict run --data none.csv").contains("none.csv"));
    assert_eq!(desk.kutta("predict run --data held.csv --out no/p.csv").status.code(), Some(2));
}

#[test]
fn data_that_changed_since_the_run_are_noticed() {
    let desk = desk();
    desk.put("train.csv", &numbers(60));
    desk.put("held.csv", &numbers(41));
    desk.done(&format!("train tiny.ron --out run --set {FROM_FILE} --set training.epochs=1"));
    desk.put("train.csv", &numbers(61));
    assert!(desk.refused("evaluate run").contains("no longer those of the run"));
}

#[test]
fn regression_has_targets_and_no_accuracy() {
    let desk = desk();
    let data = "--set data=Flip(train:30,validation:0) --set loss=squares";
    let summary = desk.json(&format!("train tiny.ron --out run {data}"));
    for key in ["train_accuracy", "validation_loss", "validation_accuracy"] {
        assert!(summary[key].is_null(), "{key}");
    }
    assert!(files(&desk.path("run")).contains(&"fit.svg".to_owned()));
    assert_eq!(desk.json("evaluate run")["train_loss"], summary["train_loss"]);
    desk.put("x.csv", "x1\n-1\n1\n");
    let output = String::from_utf8(desk.done("predict run --data x.csv").stdout).unwrap();
    assert!(output.starts_with("sample,y1\n0,") && output.lines().count() == 3, "{output}");
}

#[test]
fn weights_that_are_not_those_of_the_run_are_refused() {
    let desk = desk();
    desk.done("train tiny.ron --out run");
    desk.done("train tiny.ron --out wide --set network.opening.width=5");
    let path = desk.path("run/weights.safetensors");
    let whole = desk.weights("run");
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    assert!(desk.refused("evaluate run").contains("cut off"));
    fs::copy(desk.path("wide/weights.safetensors"), &path).unwrap();
    let said = desk.refused("evaluate run");
    assert!(said.contains("opening.weight") && said.contains("shape"), "{said}");
    fs::remove_file(&path).unwrap();
    assert!(desk.refused("evaluate run").contains("--resume run"));
    desk.put("run/schema.json", "{}");
    assert!(desk.refused("evaluate run").contains("schema.json is damaged"));
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_its_last_good_weights() {
    let desk = desk();
    let set = "--set data=Flip(train:40,validation:0) --set loss=squares";
    let set = format!("{set} --set training.optimiser=Sgd(rate:1e300)");
    let output = desk.kutta(&format!("train tiny.ron --out run --json {set}"));
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("epoch 1, batch 2") && said.contains("not finite"), "{said}");
    assert!(said.contains("sample") && said.contains("smaller rate"), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["stop_reason"]["failed"].is_object(), "{report}");
    assert_eq!(desk.read("run/history.csv").lines().count(), 2, "the initial network alone");
    assert_eq!(desk.json("evaluate run")["train_loss"], report["train_loss"]);
}

#[test]
fn a_state_that_is_lost_at_the_start_is_named() {
    let desk = desk();
    let field =
        r#"Formula(state: {"y": 4}, weights: {"b": Vector(4)}, rhs: {"y": "b + exp(400 + y)"})"#;
    desk.put("burst.ron", &TINY.replace(r#""resnet""#, field));
    let output = desk.kutta("train burst.ron --out run");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stderr(&output);
    for part in
        ["epoch 0", "the state is not finite at time 0.125, stage 2, sample 0", "more steps"]
    {
        assert!(said.contains(part), "{said}");
    }
    assert!(!files(&desk.path("run")).iter().any(|name| name.ends_with("svg")));
}

#[test]
fn an_early_stop_keeps_the_best_epoch() {
    let desk = desk();
    let set = "--set training.stop=(patience:3) --set training.epochs=400 --set data.train=15";
    let summary = desk.json(&format!("train tiny.ron --out run {set}"));
    let best = summary["stop_reason"]["early_stop"]["best_epoch"].as_u64().unwrap();
    assert_eq!(summary["epoch"], best);
    assert_eq!(summary["epochs"], best + 3);
    assert_eq!(desk.json("evaluate run")["validation_loss"], summary["validation_loss"]);
}

#[test]
fn a_finished_run_is_not_touched_by_resume() {
    let desk = desk();
    let summary = desk.json("train tiny.ron --out run");
    let state = |desk: &Desk| -> BTreeMap<String, Vec<u8>> {
        let folder = desk.path("run");
        files(&folder).into_iter().map(|f| (f.clone(), fs::read(folder.join(f)).unwrap())).collect()
    };
    let before = state(&desk);
    assert_eq!(desk.json("train --resume run"), summary);
    assert!(stderr(&desk.done("train --resume run")).contains("finished already"));
    assert!(before == state(&desk), "a file was changed");
    // A model edited since has no claim on the checkpoint.
    desk.put("run/model.ron", &desk.read("run/model.ron").replace("epochs: 12", "epochs: 20"));
    assert!(desk.refused("train --resume run").contains("another model"));
    assert!(desk.refused("train --resume none").contains("is no run folder"));
    assert!(desk.refused("train --resume run --out x").contains("--out"));
}

#[cfg(unix)]
#[path = "runs/signals.rs"]
mod signals;
