//! Eigenvalues of Jacobians against JAX and LAPACK (tests/reference/spectrum.py), and `kutta spectrum` as a user runs it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use assert_cmd::cargo::cargo_bin_cmd;
use indexmap::IndexMap;
use kutta::control::{Basis, Controls};
use kutta::field::{At, SymbolicField, Workspace, named};
use kutta::solve::{Flow, Stepping};
use kutta::spectrum::{When, along, spectrum};
use num_complex::Complex64;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    field: String,
    width: usize,
    weights: BTreeMap<String, Tensor>,
    states: Vec<Vec<f64>>,
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Expected {
    jacobian: Vec<Vec<f64>>,
    eigenvalues: Vec<[f64; 2]>,
    condition: f64,
}

impl Case {
    fn flow(&self) -> Flow {
        let field = SymbolicField::new(named(&self.field).unwrap(), self.width, &IndexMap::new());
        let method = kutta::tableau::named("euler").unwrap().to_f64();
        let grid = Stepping::Fixed { steps: 1 }.grid(1.0).unwrap();
        let controls = Controls::new(Basis::Constant, 1.0);
        Flow::new(Arc::new(field.unwrap()), controls, &method, grid)
    }

    /// The weights in the order of the field, matrices by columns.
    fn theta(&self, flow: &Flow) -> Vec<f64> {
        let mut theta = Vec::new();
        for weight in flow.field.weights() {
            let tensor = &self.weights[&weight.name];
            assert_eq!(tensor.shape[0], weight.rows);
            for j in 0..weight.cols {
                theta.extend((0..weight.rows).map(|i| tensor.values[i * weight.cols + j]));
            }
        }
        theta
    }
}

fn cases() -> Vec<Case> {
    let file: File = serde_json::from_str(include_str!("reference/spectrum.json")).unwrap();
    file.cases
}

fn value(flow: &Flow, theta: &[f64], y: &[f64]) -> Vec<f64> {
    let field = flow.field.as_ref();
    let mut prepared = vec![0.0; field.n_prepared()];
    prepared[..theta.len()].copy_from_slice(theta);
    field.prepare(0.0, &mut prepared);
    let (mut k, mut keep) = (vec![0.0; y.len()], vec![0.0; field.n_kept()]);
    let at = At { t: 0.0, prepared: &prepared, batch: 1, lanes: 1 };
    field.eval(at, y, &mut k, &mut keep, &mut Workspace::default());
    k
}

#[test]
fn jacobians_are_those_of_jax_and_of_central_differences() {
    for case in cases() {
        let (flow, width) = (case.flow(), case.width);
        let theta = case.theta(&flow);
        let mut ours = Vec::new();
        along(&flow, &theta, &case.states.concat(), When::Steps, |frame| {
            if frame.time == 0 {
                ours.extend_from_slice(frame.jacobians);
            }
            true
        });
        for (k, expected) in case.expected.iter().enumerate() {
            let matrix = &ours[k * width * width..(k + 1) * width * width];
            for j in 0..width {
                let h = 1e-5;
                let moved = |by: f64| {
                    let mut y = case.states[k].clone();
                    y[j] += by;
                    value(&flow, &theta, &y)
                };
                let (up, down) = (moved(h), moved(-h));
                for i in 0..width {
                    let entry = matrix[i + j * width];
                    let due = expected.jacobian[i][j];
                    assert!((entry - due).abs() < 1e-12, "{}: {entry} {due}", case.field);
                    let difference = (up[i] - down[i]) / (2.0 * h);
                    assert!((entry - difference).abs() < 1e-7, "{}", case.field);
                }
            }
        }
    }
}

#[test]
fn eigenvalues_are_those_of_lapack() {
    let mut held = 0;
    for case in cases() {
        let flow = case.flow();
        let theta = case.theta(&flow);
        let spectrum = spectrum(&flow, &theta, &case.states.concat(), When::Steps, |_| true);
        for (k, expected) in case.expected.iter().enumerate() {
            if expected.condition >= 1e4 {
                continue;
            }
            held += 1;
            let mut left: Vec<Complex64> = spectrum.of(0, k).to_vec();
            for [re, im] in &expected.eigenvalues {
                let due = Complex64::new(*re, *im);
                let distance = |v: &Complex64| (v - due).norm();
                let nearest = (0..left.len())
                    .min_by(|a, b| distance(&left[*a]).total_cmp(&distance(&left[*b])))
                    .unwrap();
                let found = left.swap_remove(nearest);
                assert!(distance(&found) < 1e-10, "{}: {found} {due}", case.field);
            }
        }
    }
    assert!(held >= 15, "{held}");
}

const MODEL: &str = r#"(
    data: Peaks(classes: 3, train: 30, validation: 0),
    network: (
        opening: Dense(width: 4, activation: "tanh"),
        field: "antisymmetric",
        controls: PiecewiseLinear(nodes: 3),
        horizon: 2.0,
        method: "rk4",
        stepping: Fixed(steps: 4),
    ),
    loss: "softmax",
    training: (optimiser: Adam(rate: 0.02), epochs: 3, batch: 10),
    seed: 1,
)
"#;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn kutta(folder: &Path, args: &[&str]) -> Ran {
    let output = cargo_bin_cmd!("kutta").current_dir(folder).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ran { code: output.status.code().unwrap(), stdout, stderr }
}

fn done(folder: &Path, args: &[&str]) -> Value {
    let ran = kutta(folder, &[args, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn refused(folder: &Path, args: &[&str], message: &str) {
    let Ran { code, stdout, stderr } = kutta(folder, args);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.contains(message), "{message:?} is not in:\n{stderr}");
}

fn folder(replacements: &[(&str, &str)]) -> TempDir {
    let mut source = MODEL.to_owned();
    for (from, to) in replacements {
        assert!(source.contains(from), "{from}");
        source = source.replacen(from, to, 1);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.ron"), source).unwrap();
    folder
}

/// The shape and the numbers of a file, each read as so many 8-byte words.
fn words(path: &Path) -> (String, Vec<u64>, Vec<[u8; 8]>) {
    let bytes = fs::read(path).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    let (kind, shape) = (file.dtype().descr(), file.shape().to_vec());
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!((10 + length) % 64, 0);
    let words = bytes[10 + length..].chunks_exact(8).map(|word| word.try_into().unwrap());
    (kind, shape, words.collect())
}

fn reals(words: &[[u8; 8]]) -> Vec<f64> {
    words.iter().map(|word| f64::from_le_bytes(*word)).collect()
}

#[test]
fn a_trained_run_leaves_arrays_advice_and_figures() {
    let folder = folder(&[]);
    let path = folder.path();
    done(path, &["train", "m.ron", "--out", "r"]);
    let report = done(path, &["spectrum", "r", "--samples", "7", "--times", "stages"]);
    let study = path.join("r/spectrum");
    let (kind, shape, values) = words(&study.join("eigenvalues.npy"));
    assert_eq!((kind.as_str(), shape), ("'<c16'", vec![16, 7, 4]));
    let values = reals(&values);
    // -g max d <= Re lambda <= -g min d with d in (0, 1].
    assert!(values.chunks(2).all(|v| -0.1 - 1e-12 <= v[0] && v[0] <= 0.0));
    let [low, high] = [0, 1].map(|k| report["damping"]["bounds"][k].as_f64().unwrap());
    let (least, most) =
        values.chunks(2).fold((0.0f64, f64::NEG_INFINITY), |(a, b), v| (a.min(v[0]), b.max(v[0])));
    assert!(-0.1 <= low && low <= least && most <= high);
    let (kind, shape, amplification) = words(&study.join("amplification.npy"));
    assert_eq!((kind.as_str(), shape), ("'<f8'", vec![16, 7, 4]));
    let rk4 = [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0];
    for (r, v) in reals(&amplification).iter().zip(values.chunks(2)) {
        let z = 0.5 * Complex64::new(v[0], v[1]);
        assert!((r - kutta::tableau::evaluate(&rk4, z).norm()).abs() < 1e-14);
    }
    let (kind, shape, times) = words(&study.join("times.npy"));
    assert_eq!((kind.as_str(), shape), ("'<f8'", vec![16]));
    assert_eq!(reals(&times)[..5], [0.0, 0.25, 0.25, 0.5, 0.5]);
    let (kind, shape, samples) = words(&study.join("samples.npy"));
    assert_eq!((kind.as_str(), shape), ("'<i8'", vec![7]));
    let samples: Vec<i64> = samples.iter().map(|word| i64::from_le_bytes(*word)).collect();
    assert!(samples.windows(2).all(|pair| pair[0] < pair[1]) && samples[6] < 30);
    // Every method of the catalogue, cheapest first, in the file and in the report.
    let csv = fs::read_to_string(study.join("advice.csv")).unwrap();
    let methods = report["advice"].as_array().unwrap();
    assert_eq!(csv.lines().count(), 1 + 3 * methods.len());
    let names = kutta::tableau::names();
    assert!(names.iter().all(|name| methods.iter().any(|row| row["method"] == **name)));
    let cost = |row: &Value| row["shares"][2]["evaluations"].as_u64().unwrap_or(u64::MAX);
    assert!(methods.windows(2).all(|pair| cost(&pair[0]) <= cost(&pair[1])));
    // What is asked of all samples costs no less than what is asked of some.
    for row in methods {
        let cost = |k: usize| row["shares"][k]["evaluations"].as_u64().unwrap_or(u64::MAX);
        assert!(cost(0) <= cost(1) && cost(1) <= cost(2), "{row}");
    }
    for stem in ["eigenvalues", "region", "growth", "propagator"] {
        for ending in ["svg", "png", "csv"] {
            assert!(study.join(format!("{stem}.{ending}")).is_file(), "{stem}.{ending}");
        }
    }
    refused(path, &["spectrum", "r"], "is not empty; --force replaces");
    let again = done(path, &["spectrum", "r", "--samples", "7", "--times", "stages", "--force"]);
    assert_eq!(again, report);
    // The grids can be pasted.
    for grid in report["grids"].as_array().unwrap() {
        let stepping = grid["stepping"].as_str().unwrap();
        let method = format!("network.method={}", grid["method"].as_str().unwrap());
        let set = format!("network.stepping={stepping}");
        done(path, &["spectrum", "r", "--set", &set, "--set", &method, "--out", "g", "--force"]);
    }
}

#[test]
fn a_model_is_studied_untrained_or_with_weights_from_elsewhere() {
    let folder = folder(&[]);
    let path = folder.path();
    let initial = done(path, &["spectrum", "m.ron", "--samples", "class-means"]);
    assert_eq!(initial["weights"], "initial");
    assert_eq!(
        (initial["samples"].as_u64(), &initial["samples_are"]),
        (Some(3), &"class means".into())
    );
    assert!(path.join("m-spectrum/eigenvalues.npy").is_file());
    done(path, &["train", "m.ron", "--out", "r"]);
    let weights = "r/weights.safetensors";
    let args = ["spectrum", "m.ron", "--samples", "all", "--out", "a", "--weights", weights];
    done(path, &args);
    done(path, &["spectrum", "r", "--samples", "all", "--out", "b"]);
    let read = |name: &str| fs::read(path.join(name).join("eigenvalues.npy")).unwrap();
    assert_eq!(read("a"), read("b"));
    // Threads do not matter.
    done(path, &["spectrum", "r", "--samples", "all", "--out", "c", "--threads", "1"]);
    assert_eq!(read("c"), read("b"));
}

#[test]
fn bad_requests_are_refused_with_a_remedy() {
    let folder = folder(&[]);
    let path = folder.path();
    refused(
        path,
        &["spectrum", "m.ron", "--samples", "31"],
        "the training part has 30; take --samples all",
    );
    refused(path, &["spectrum", "m.ron", "--samples", "0"], "give all, class-means, or a number");
    refused(path, &["spectrum", "m.ron", "--times", "1"], "give steps, stages, or a number from 2");
    refused(path, &["spectrum", "m.ron", "--tolerance", "-1"], "a positive number");
    refused(
        path,
        &["spectrum", "m.ron", "--samples", "3", "--close", "4"],
        "only 3 samples are studied",
    );
    refused(path, &["spectrum", "none.ron"], "none.ron");
    assert!(!path.join("m-spectrum").exists());
    done(path, &["train", "m.ron", "--out", "r"]);
    fs::remove_file(path.join("r/weights.safetensors")).unwrap();
    refused(path, &["spectrum", "r"], "has no weights.safetensors");
}

#[test]
fn jacobians_that_are_lost_or_defective_are_named_and_others_go_on() {
    let formula = r#"Formula(state: {"y": "n"}, weights: {}, rhs: {"y": "sqrt(y)"})"#;
    let lost = folder(&[
        (r#""antisymmetric""#, formula),
        ("Dense(width: 4, activation: \"tanh\")", "Identity"),
    ]);
    let ran = kutta(lost.path(), &["spectrum", "m.ron", "--json", "--samples", "all"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("the Jacobian at time 0, sample "), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not finite; the others go on"), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let count = report["lost"].as_array().unwrap().len();
    assert!(count > 0 && count < 5 * 30);
    let formula =
        r#"Formula(state: {"a": 1, "b": 1}, weights: {}, rhs: {"a": "b - a", "b": "-b"})"#;
    let defective = folder(&[
        (r#""antisymmetric""#, formula),
        ("Dense(width: 4, activation: \"tanh\")", "Identity"),
    ]);
    let ran = kutta(defective.path(), &["spectrum", "m.ron", "--samples", "2"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("is defective"), "{}", ran.stderr);
}

#[test]
fn a_state_of_one_number_has_a_study() {
    let folder = folder(&[("width: 4", "width: 1"), (r#""antisymmetric""#, r#""resnet""#)]);
    let report = done(folder.path(), &["spectrum", "m.ron", "--samples", "5"]);
    assert_eq!(report["width"], 1);
    let (_, shape, _) = words(&folder.path().join("m-spectrum/eigenvalues.npy"));
    assert_eq!(shape, [5, 5, 1]);
}
