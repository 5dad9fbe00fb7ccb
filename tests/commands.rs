//! The program as a user runs it: what stands on stdout and stderr, files, and exit codes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use kutta::spec::{Model, template, template_names};
use kutta::train::Fit;
use serde_json::Value;
use tempfile::TempDir;

/// A small model in a folder of its own.
const SMALL: &str = r#"(
    data: Peaks(classes: 3, train: 30, validation: 15),
    network: (
        opening: Dense(width: 4, activation: "tanh"),
        field: "resnet",
        controls: PiecewiseLinear(nodes: 3),
        horizon: 2.0,
        method: "rk4",
        stepping: Fixed(steps: 4),
    ),
    loss: "softmax",
    penalties: (tikhonov: 0.01),
    training: (optimiser: Adam(rate: 0.02), epochs: 2, batch: 10),
    seed: 1,
)
"#;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// The one JSON value on stdout.
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e} in {:?}; {}", self.stdout, self.stderr))
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ran { code: output.status.code().unwrap(), stdout, stderr }
}

fn kutta<S: AsRef<std::ffi::OsStr>>(folder: &Path, args: &[S]) -> Ran {
    ran(cargo_bin_cmd!("kutta").current_dir(folder).args(args))
}

fn done<S: AsRef<std::ffi::OsStr>>(folder: &Path, args: &[S]) -> Ran {
    let ran = kutta(folder, args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran
}

/// A wrong request: exit code 2, nothing on stdout, one message on stderr.
fn refused(folder: &Path, args: &[&str], message: &str) -> String {
    let Ran { code, stdout, stderr } = kutta(folder, args);
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    assert!(stderr.contains(message), "{message:?} is not in:\n{stderr}");
    stderr
}

/// A folder with `m.ron`, the small model after some replacements.
fn small(replacements: &[(&str, &str)]) -> TempDir {
    let mut source = SMALL.to_owned();
    for (from, to) in replacements {
        assert!(source.contains(from), "{from}");
        source = source.replacen(from, to, 1);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.ron"), source).unwrap();
    folder
}

#[test]
fn misspelt_names_are_refused_at_their_place_with_what_was_meant() {
    let cases = [
        (
            r#""resnet""#,
            r#""restnet""#,
            "m.ron:5:16: `network.field`: unknown field `restnet`; did you mean `resnet`?",
        ),
        (
            r#""rk4""#,
            r#""rk5""#,
            "m.ron:8:17: `network.method`: unknown method `rk5`; did you mean `rk4`?",
        ),
        (
            r#""tanh""#,
            r#""tahn""#,
            "m.ron:4:46: `network.opening.activation`: unknown activation `tahn`; did you mean `tanh`?",
        ),
        (
            "horizon",
            "horzion",
            "m.ron:7:9: unknown key `horzion` in `network`; did you mean `horizon`?",
        ),
        (
            r#""softmax""#,
            r#""sofmax""#,
            "m.ron:11:11: `loss`: unknown loss `sofmax`; did you mean `softmax`?",
        ),
    ];
    for (from, to, message) in cases {
        let folder = small(&[(from, to)]);
        for verb in ["check", "gradient", "gradcheck"] {
            let stderr = refused(folder.path(), &[verb, "m.ron"], message);
            assert!(stderr.contains("^"), "{stderr}");
        }
    }
    let folder = small(&[]);
    let set = ["check", "m.ron", "--set", "network.methd=euler"];
    refused(folder.path(), &set, "did you mean `network.method`?");
    refused(folder.path(), &["check", "missing.ron"], "missing.ron: cannot be read");
    refused(folder.path(), &["field", "show", "restnet"], "did you mean `resnet`?");
    refused(folder.path(), &["new", "peeks"], "did you mean `peaks`?");
}

#[test]
fn a_formula_with_wrong_shapes_is_shown_with_a_caret() {
    let formula =
        r#"Formula(state: {"y": 4}, weights: {"K": Matrix(3, 4)}, rhs: {"y": "tanh(K*y)"})"#;
    let folder = small(&[(r#""resnet""#, formula)]);
    let stderr = refused(folder.path(), &["check", "m.ron"], "m.ron:5:");
    assert!(stderr.contains("tanh(K*y)") && stderr.contains('^'), "{stderr}");
    assert!(stderr.contains('3') && stderr.contains('4'), "{stderr}");
}

#[test]
fn ragged_csv_is_refused_by_its_line() {
    let folder = small(&[(
        "Peaks(classes: 3, train: 30, validation: 15)",
        r#"Csv(path: "d.csv", label: "c")"#,
    )]);
    fs::write(folder.path().join("d.csv"), "a,b,c\n1,2,0\n3,1\n2,2,1\n").unwrap();
    refused(folder.path(), &["gradient", "m.ron"], "d.csv, line 3 has 2 fields");
    fs::write(folder.path().join("d.csv"), "a,b,c\n1,2,0\n3,1,1\n2,2,1\n").unwrap();
    done(folder.path(), &["gradient", "m.ron"]);
}

#[test]
fn every_json_is_one_value() {
    let folder = small(&[]);
    let requests: [&[&str]; 8] = [
        &["gradient", "m.ron", "--json"],
        &["gradcheck", "m.ron", "--json"],
        &["check", "m.ron", "--json"],
        &["data", "m.ron", "--out", "d.csv", "--json"],
        &["field", "list", "--json"],
        &["field", "show", "hamiltonian", "--json"],
        &["field", "show", "m.ron", "--json"],
        &["new", "digits", "--json"],
    ];
    for args in requests {
        let value = done(folder.path(), args).json();
        assert!(value.is_object() || value.is_array(), "{args:?}");
    }
}

#[test]
fn the_gradient_is_that_of_the_library_under_the_weights_names() {
    let folder = small(&[]);
    let value =
        done(folder.path(), &["gradient", "m.ron", "--out", "g.safetensors", "--json"]).json();

    let model = Model::read(&folder.path().join("m.ron"), &[]).unwrap();
    let data = model.dataset().unwrap();
    let network = model.network(&data.schema).unwrap();
    let theta = network.initial(model.seed);
    let mut gradient = vec![0.0; theta.len()];
    let all: Vec<usize> = (0..data.train.count()).collect();
    let loss = Fit::new(&network, &data).loss(&theta, &all, &mut gradient).unwrap();
    assert_eq!(value["loss"], loss);
    let penalty = 0.005 * theta.iter().map(|x| x * x).sum::<f64>();
    assert!((value["objective"].as_f64().unwrap() - loss - penalty).abs() < 1e-14);

    let shapes: [(&str, &[usize]); 6] = [
        ("opening.weight", &[4, 2]),
        ("opening.bias", &[4]),
        ("field.K", &[3, 4, 4]),
        ("field.b", &[3, 4]),
        ("head.weight", &[3, 4]),
        ("head.bias", &[3]),
    ];
    let expected: Vec<(String, Vec<usize>)> =
        shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect();
    let tensors = kutta::weights::read(&folder.path().join("g.safetensors"), &expected).unwrap();
    let written = network.layout().from_values(tensors.iter().map(|t| t.values.as_slice()));
    assert_eq!(written, gradient);
}

#[test]
fn the_gradient_is_taken_at_given_weights() {
    let folder = small(&[]);
    done(folder.path(), &["gradient", "m.ron", "--out", "w.safetensors"]);
    let at =
        |args: &[&str]| done(folder.path(), &[&["gradient", "m.ron", "--json"], args].concat());
    let (initial, given) = (at(&[]), at(&["--weights", "w.safetensors"]));
    assert_ne!(initial.json()["loss"], given.json()["loss"]);
    assert_eq!(given.json(), at(&["--weights", "w.safetensors", "--threads", "1"]).json());
    assert_ne!(initial.json()["loss"], at(&["--seed", "2"]).json()["loss"]);

    let wide =
        ["gradient", "m.ron", "--weights", "w.safetensors", "--set", "network.opening.width=6"];
    let stderr = refused(folder.path(), &wide, "`opening.weight` has shape [4, 2] where [6, 2]");
    assert!(stderr.contains("w.safetensors"));
    let nowhere = ["gradient", "m.ron", "--out", "nowhere/g.safetensors"];
    refused(folder.path(), &nowhere, "there is no folder nowhere");
}

#[test]
fn a_loss_that_is_not_finite_is_a_failure_that_says_where() {
    let formula = r#"Formula(state: {"y": 4}, weights: {"K": Matrix(4, 4)}, rhs: {"y": "exp(9*exp(y.^2)) + K*y"})"#;
    let folder = small(&[(r#""resnet""#, formula)]);
    let Ran { code, stdout, stderr } = kutta(folder.path(), &["gradient", "m.ron"]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    assert!(stderr.contains("time 0") && stderr.contains("stage 2, sample 0"), "{stderr}");
}

#[test]
fn right_derivatives_pass_at_any_size() {
    let narrow: &[(&str, &str)] = &[
        ("width: 4", "width: 1"),
        (
            "Peaks(classes: 3, train: 30, validation: 15)",
            r#"Csv(path: "one.csv", targets: ["b"], standardise: false)"#,
        ),
        ("softmax", "squares"),
    ];
    for replacements in [&[], narrow, &[(r#""resnet""#, r#""relu_resnet""#)]] {
        let folder = small(replacements);
        fs::write(folder.path().join("one.csv"), "a,b\n0.7,-0.2\n").unwrap();
        let ran = done(folder.path(), &["gradcheck", "m.ron"]);
        assert!(ran.stdout.trim_end().ends_with("PASS"), "{}", ran.stdout);
    }
    let value = done(small(&[]).path(), &["gradcheck", "m.ron", "--json"]).json();
    assert_eq!(value["passed"], true);
    let slope = value["taylor"]["remainder_slope"].as_f64().unwrap();
    assert!((slope - 2.0).abs() < 0.1, "{slope}");
}

#[test]
fn a_check_counts_what_is_in_the_model() {
    let folder = small(&[]);
    let value = done(folder.path(), &["check", "m.ron", "--json"]).json();
    let check = &value.as_array().unwrap()[0];
    assert_eq!(check["data"]["train_classes"], serde_json::json!([10, 10, 10]));
    assert_eq!(check["network"]["order"], 4);
    // 2 * 4 + 4, three nodes of 4 * 4 + 4, 4 * 3 + 3
    assert_eq!(check["network"]["parameters"], 12 + 60 + 15);
    // Opening, head, and a product for each of 4 stages of 4 steps.
    let forward = 2 * 2 * 4 + 2 * 4 * 3 + 16 * 2 * 4 * 4;
    assert_eq!(check["training"]["forward_flop_per_sample"], forward);
    assert_eq!(check["training"]["gradient_flop"], 3 * forward * 30);
    assert_eq!(check["training"]["updates_per_epoch"], 3);
    assert_eq!(check["warnings"], serde_json::json!([]));

    let odd = ["check", "m.ron", "--set", "network.stepping.steps=3", "--set", "training.batch=50"];
    let text = done(folder.path(), &odd).stdout;
    assert!(text.contains("1 of 3 steps have a kink"), "{text}");
    assert!(text.contains("training.batch is 50, more than the 30 training samples"), "{text}");
}

#[test]
fn several_models_are_all_checked() {
    let folder = small(&[]);
    for (file, from, to) in [("a.ron", "rk4", "rk5"), ("b.ron", "softmax", "hinge")] {
        fs::write(folder.path().join(file), SMALL.replacen(from, to, 1)).unwrap();
    }
    let Ran { code, stdout, stderr } = kutta(folder.path(), &["check", "a.ron", "m.ron", "b.ron"]);
    assert_eq!(code, 2);
    assert!(stdout.starts_with("m.ron\n"), "{stdout}");
    for message in ["a.ron:8:", "b.ron:11:", "2 of 3 models are wrong"] {
        assert!(stderr.contains(message), "{stderr}");
    }
    let json = kutta(folder.path(), &["check", "a.ron", "m.ron", "b.ron", "--json"]);
    let models = json.json();
    assert_eq!((json.code, models.as_array().unwrap().len()), (2, 3));
    assert!(models[0]["error"].as_str().unwrap().contains("rk5"));
    assert_eq!(models[1]["model"], "m.ron");
}

#[test]
fn data_are_written_in_full() {
    let folder = small(&[]);
    let piped = done(folder.path(), &["data", "m.ron"]).stdout;
    done(folder.path(), &["data", "m.ron", "--out", "d.csv"]);
    assert_eq!(fs::read_to_string(folder.path().join("d.csv")).unwrap(), piped);
    let mut lines = piped.lines();
    assert_eq!(lines.next(), Some("part,x1,x2,label"));
    let mut parts: BTreeMap<&str, usize> = BTreeMap::new();
    lines.for_each(|line| *parts.entry(line.split(',').next().unwrap()).or_default() += 1);
    assert_eq!(parts, BTreeMap::from([("train", 30), ("validation", 15)]));
    refused(folder.path(), &["data", "m.ron", "--json"], "add --out");
}

#[test]
fn every_template_passes_its_check() {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    let files: Vec<String> = template_names().map(|name| format!("{name}.ron")).collect();
    let args: Vec<&str> = ["check"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let text = done(&models, &args).stdout;
    assert!(!text.contains("warning"), "{text}");
    let mut shipped: Vec<String> = fs::read_dir(&models)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".ron"))
        .collect();
    shipped.sort();
    let mut files = files;
    files.sort();
    assert_eq!(shipped, files);
}

#[test]
fn a_new_model_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let ran = done(folder.path(), &["new", "peaks"]);
    assert!(ran.stdout.contains("kutta train peaks.ron"), "{}", ran.stdout);
    let written = fs::read_to_string(folder.path().join("peaks.ron")).unwrap();
    assert_eq!(Some(written.as_str()), template("peaks"));
    done(folder.path(), &["check", "peaks.ron"]);
    refused(folder.path(), &["new", "rings", "--out", "peaks.ron"], "peaks.ron exists already");
    assert_eq!(fs::read_to_string(folder.path().join("peaks.ron")).unwrap(), written);
    let digits = done(folder.path(), &["new", "digits"]);
    assert!(digits.stderr.contains("data/digits.csv.gz, which is not there"), "{}", digits.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = small(&[]);
    for args in [&["field", "list"][..], &["data", "m.ron"], &["check", "m.ron", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_kutta"))
            .current_dir(folder.path())
            .args(args)
            .stdout(writer)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
    }
}

#[test]
fn a_field_is_listed_and_shown() {
    let folder = small(&[]);
    let list = done(folder.path(), &["field", "list", "--json"]).json();
    for entry in list.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let shown = done(folder.path(), &["field", "show", name, "--width", "6", "--json"]).json();
        assert!(shown["citation"].is_string(), "{name}");
        for section in ["formula", "equations", "jvp", "vjp"] {
            assert!(!shown[section].as_array().unwrap().is_empty(), "{name}: {section}");
        }
    }
    let shown =
        done(folder.path(), &["field", "show", "m.ron", "--set", "network.field=parabolic"]);
    for part in ["-K'*tanh(K*y + b)", "4 x 4", "jvp", "vjp"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let odd = ["field", "show", "hamiltonian", "--width", "5"];
    refused(folder.path(), &odd, "n/2");
}

#[test]
fn what_cannot_be_typed_is_a_wrong_request() {
    let folder = small(&[]);
    for args in [&["chek", "m.ron"][..], &["check"], &["gradient", "m.ron", "--wieghts", "x"], &[]]
    {
        assert_eq!(kutta(folder.path(), args).code, 2, "{args:?}");
    }
    refused(folder.path(), &["check", "m.ron", "--threads", "0"], "at least one thread");
    assert_eq!(kutta(folder.path(), &["--help"]).code, 0);
}

#[test]
fn a_bench_times_what_is_asked_beside_plain_products() {
    let folder = small(&[]);
    let bench = |args: &[&str]| {
        done(folder.path(), &[&["bench", "m.ron", "--repeat", "3", "--json"], args].concat()).json()
    };
    let mut work = Vec::new();
    for what in ["gradient", "forward", "jacobian"] {
        let value = bench(&["--what", what, "--threads", "2"]);
        let positive = [
            "median_ms",
            "min_ms",
            "lower_quartile_ms",
            "upper_quartile_ms",
            "gflops",
            "matmul_gflops",
            "fraction",
            "predicted_training_seconds",
        ];
        for key in positive {
            assert!(value[key].as_f64().is_some_and(|x| x > 0.0), "{what}, {key}: {value}");
        }
        let order = ["min_ms", "lower_quartile_ms", "median_ms", "upper_quartile_ms"];
        assert!(order.map(|key| value[key].as_f64()).is_sorted(), "{value}");
        assert_eq!((&value["what"], &value["method"]), (&what.into(), &"rk4".into()));
        let counts = ["width", "batch", "steps", "stages", "threads", "repeat"];
        assert_eq!(counts.map(|key| value[key].as_u64()), [4, 30, 4, 4, 2, 3].map(Some));
        assert!(value["peak_memory_bytes"].is_u64() || !cfg!(target_os = "linux"), "{value}");
        work.push(value["flop"].as_f64().unwrap());
    }
    // Opening, head, and a product for each of 4 stages of 4 steps; f and its slope along 4 directions.
    let forward = 30.0 * f64::from(2 * 2 * 4 + 2 * 4 * 3 + 16 * 2 * 4 * 4);
    assert_eq!(work, [3.0 * forward, forward, 30.0 * 5.0 * 32.0]);

    for what in ["gradient", "forward", "jacobian"] {
        assert_eq!(bench(&["--what", what, "--batch", "7"])["batch"], 7);
    }
    let text = done(folder.path(), &["bench", "m.ron", "--batch", "7", "--repeat", "2"]).stdout;
    for part in ["gradient, median of 2", "4 of rk4 (4 stages)", "GFLOP/s", "whole training"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_bench_of_regression_draws_targets() {
    let folder = small(&[
        ("Peaks(classes: 3, train: 30, validation: 15)", "Flip(train: 20, validation: 0)"),
        ("softmax", "squares"),
    ]);
    let args = ["bench", "m.ron", "--batch", "200", "--repeat", "1", "--json"];
    assert_eq!(done(folder.path(), &args).json()["batch"], 200);
}

#[test]
fn a_bench_that_means_nothing_is_refused() {
    let folder = small(&[]);
    refused(folder.path(), &["bench", "m.ron", "--repeat", "0"], "--repeat 0: nothing to time");
    refused(folder.path(), &["bench", "m.ron", "--batch", "0"], "--batch 0: nothing to time");
    let huge = ["bench", "m.ron", "--batch", "18446744073709551615"];
    refused(folder.path(), &huge, "the limit is 8.6 GB; take --batch 153391689 or less");
    let wide = ["bench", "m.ron", "--what", "jacobian", "--batch", "100000000"];
    refused(folder.path(), &wide, "21.6 GB for its samples and Jacobians");
    refused(folder.path(), &["bench", "m.ron", "--what", "gradeint"], "gradient");
    assert_eq!(kutta(folder.path(), &["bench"]).code, 2);

    // Times of numbers that are none are not reported.
    let formula = r#"Formula(state: {"y": 4}, weights: {"K": Matrix(4, 4)}, rhs: {"y": "exp(9*exp(y.^2)) + K*y"})"#;
    let folder = small(&[(r#""resnet""#, formula)]);
    for what in ["gradient", "forward"] {
        let Ran { code, stdout, stderr } =
            kutta(folder.path(), &["bench", "m.ron", "--what", what, "--json"]);
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        assert!(stderr.contains("the state is not finite at time 0"), "{stderr}");
    }
    let formula = formula.replacen("exp(9*exp(y.^2))", "exp(exp(9 + y))", 1);
    let folder = small(&[(r#""resnet""#, &formula)]);
    let Ran { code, stderr, .. } = kutta(folder.path(), &["bench", "m.ron", "--what", "jacobian"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("the Jacobian at time 0, sample 0 is not finite"), "{stderr}");
}
