//! The README is true: its RON is read and built, its commands are run in order.

use std::path::Path;
use std::process::Command;

use kutta::spec::Model;

const README: &str = include_str!("../README.md");

/// The contents of the fenced blocks of a kind, in order.
fn blocks(kind: &str) -> Vec<&'static str> {
    let open = format!("```{kind}\n");
    README
        .split(open.as_str())
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap_or_default())
        .collect()
}

#[test]
fn its_models_and_fragments_are_read_and_built() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let peaks = include_str!("../models/peaks.ron");
    let mut seen = 0;
    for block in blocks("ron") {
        seen += 1;
        let parse = |source: &str| {
            let model = Model::parse(source, &root.join("models/readme.ron"), &[]);
            model.unwrap_or_else(|e| panic!("{block}\n{e}"))
        };
        if block.starts_with('(') {
            let model = parse(block);
            let (ours, printed) = (parse(peaks), &model);
            assert_eq!(ours.network, printed.network, "the README prints models/peaks.ron");
            assert_eq!(
                (ours.data, ours.training),
                (printed.data.clone(), printed.training.clone())
            );
            continue;
        }
        // A fragment replaces the key of its name in the peaks model.
        let (key, value) = block.split_once(": ").expect("key: value");
        let value = value.trim_end().trim_end_matches(',');
        let path = if key == "data" { key.to_owned() } else { format!("network.{key}") };
        let model =
            Model::parse(peaks, &root.join("models/peaks.ron"), &[format!("{path}={value}")])
                .unwrap_or_else(|e| panic!("{block}\n{e}"));
        if key != "data" {
            let data = model.dataset().unwrap_or_else(|e| panic!("{e}"));
            model.network(&data.schema).unwrap_or_else(|e| panic!("{block}\n{e}"));
        }
    }
    assert!(seen >= 4, "{seen} blocks");
}

#[test]
fn its_commands_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    copy(&models, &folder.path().join("models"));
    let mut seen = 0;
    for line in blocks("sh").into_iter().flat_map(str::lines) {
        let Some(arguments) = line.strip_prefix("kutta ") else { continue };
        seen += 1;
        let output = Command::new(env!("CARGO_BIN_EXE_kutta"))
            .args(arguments.split_whitespace())
            .current_dir(folder.path())
            .output()
            .expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}\n{errors}");
        if arguments == "field show resnet" {
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            let printed = blocks("text");
            let printed = printed.iter().find(|b| b.starts_with("y' = ")).expect("in the README");
            assert!(shown.contains(printed), "{shown}");
        }
    }
    assert!(seen >= 12, "{seen} commands");
    for file in ["weights.safetensors", "history.csv", "summary.json", "decision.svg"] {
        assert!(folder.path().join("runs/peaks").join(file).is_file(), "{file}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
