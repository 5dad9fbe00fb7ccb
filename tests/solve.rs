//! `kutta solve` as a user runs it, and steps chosen by their error in the other commands.

use std::fs;
use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

fn kutta(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = cargo_bin_cmd!("kutta").current_dir(folder).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    (output.status.code().unwrap(), stdout, stderr)
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let (code, stdout, stderr) = kutta(folder, &[args, &["--json"]].concat());
    assert_eq!(code, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn models() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models"))
}

const CLASSES: &str = r#"(
    data: Peaks(classes: 3, train: 60, validation: 30),
    network: (
        opening: Dense(width: 4, activation: "tanh"), field: "resnet", controls: PiecewiseLinear(nodes: 3),
        horizon: 2.0, method: "dopri5", stepping: Adaptive(rtol: 1e-4, atol: 1e-6),
    ),
    loss: "softmax", training: (optimiser: Adam(rate: 0.02), epochs: 2, batch: 20), seed: 1,
)"#;

#[test]
fn states_stand_in_an_array_and_steps_in_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let model = models().join("van_der_pol.ron");
    let args = [
        "solve",
        model.to_str().unwrap(),
        "--times",
        "0:10:101",
        "--out",
        "y.npy",
        "--steps",
        "s.csv",
    ];
    let report = json(folder.path(), &args);
    let bytes = fs::read(folder.path().join("y.npy")).unwrap();
    let array = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert_eq!(array.shape(), [101, 1, 2]);
    let values = array.into_vec::<f64>().unwrap();
    assert_eq!(values[..2], [2.0, 0.0]);
    assert_eq!(report["states"][100][0][1], values[201]);
    let table = fs::read_to_string(folder.path().join("s.csv")).unwrap();
    let rows = report["steps"][0].as_array().unwrap().len();
    assert_eq!(table.lines().count(), rows + 1);
    assert!(table.starts_with("solution,t,h,error,accepted,evaluations\n"));
    let accepted = table.lines().filter(|line| line.contains(",true,")).count();
    assert_eq!(report["chosen"]["accepted"], accepted);
}

#[test]
fn fixed_steps_have_states_at_any_time_too() {
    let folder = tempfile::tempdir().unwrap();
    let model = models().join("pendulum.ron");
    let fixed = ["--set", "network.stepping=Fixed(steps: 4000)", "--set", "network.method=rk4"];
    let solve = ["solve", model.to_str().unwrap(), "--times", "1.001,17.7"];
    let (close, coarse) =
        (json(folder.path(), &solve), json(folder.path(), &[&solve[..], &fixed].concat()));
    for time in 0..2 {
        for component in 0..2 {
            let at = |report: &Value| report["states"][time][0][component].as_f64().unwrap();
            assert!((at(&close) - at(&coarse)).abs() < 1e-6);
        }
    }
}

#[test]
fn a_solution_that_ends_early_is_kept_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let source = r#"(data: Initial([[0.5], [1.0]]), network: (
        field: Formula(state: {"y": 1}, weights: {}, rhs: {"y": "y.^2"}), horizon: 3.0,
        method: "dopri5", stepping: Adaptive(rtol: 1e-6, atol: 1e-8)))"#;
    fs::write(folder.path().join("m.ron"), source).unwrap();
    let (code, _, stderr) =
        kutta(folder.path(), &["solve", "m.ron", "--times", "0:3:31", "--out", "y.npy"]);
    assert_eq!(code, 1);
    assert!(
        stderr.contains("sample 1")
            && (stderr.contains("t = 0.9999") || stderr.contains("t = 1.0000")),
        "{stderr}"
    );
    let bytes = fs::read(folder.path().join("y.npy")).unwrap();
    let array = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert!((10..=11).contains(&array.shape()[0]) && array.shape()[1..] == [2, 1]);
    assert!(array.into_vec::<f64>().unwrap().iter().all(|y| y.is_finite()));
    // Each sample by itself: the other one goes on.
    let (code, stdout, _) = kutta(
        folder.path(),
        &["solve", "m.ron", "--set", "network.stepping.per_sample=true", "--json"],
    );
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let last = |of: usize| report["steps"][of].as_array().unwrap().last().unwrap()["t"].as_f64();
    assert!(code == 1 && last(0).unwrap() > 1.9 && last(1).unwrap() < 1.01, "{report}");
}

#[test]
fn what_cannot_be_solved_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.ron"), CLASSES).unwrap();
    let pendulum = models().join("pendulum.ron");
    let pendulum = pendulum.to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["check", "m.ron", "--set", "network.stepping.rtol=0"], "greater than 0"),
        (&["check", "m.ron", "--set", "network.stepping.atol=-1e-9"], "greater than 0"),
        (&["check", "m.ron", "--set", "network.stepping.rtol=NaN"], "greater than 0"),
        (&["check", "m.ron", "--set", "network.stepping.rtol=inf"], "greater than 0"),
        (&["check", "m.ron", "--set", "network.method=rk4"], "dopri5, tsit5"),
        (&["train", pendulum], "kutta solve"),
        (&["solve", pendulum, "--times", "0:99:5"], "horizon 20"),
        (&["solve", pendulum, "--times", "0:1"], "such as 0:5:101"),
        (&["solve", pendulum, "--times", "1,1"], "increase"),
        (&["solve", pendulum, "--times", "0:NaN:4"], "such as 0:5:101"),
        (&["solve", pendulum, "--set", "data=Initial([])"], "at least one state"),
        (&["solve", pendulum, "--set", "data=Initial([[1, 2], [3]])"], "2 numbers"),
        (&["solve", pendulum, "--set", "data=Initial([[1, inf]])"], "finite"),
        (&["solve", pendulum, "--set", "data=Initial([[1, 2, 3]])"], "3"),
    ];
    for (args, message) in cases {
        let (code, stdout, stderr) = kutta(folder.path(), args);
        assert_eq!((code, stdout.as_str()), (2, ""), "{args:?}: {stderr}");
        assert!(stderr.contains(message), "{args:?}: {message:?} is not in:\n{stderr}");
    }
}

#[test]
fn a_network_trains_is_evaluated_and_solved_with_steps_of_its_choice() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("m.ron"), CLASSES).unwrap();
    let check = json(at, &["check", "m.ron"]);
    assert!(check.to_string().contains("\"steps_chosen\":true"), "{check}");
    let trained = json(at, &["train", "m.ron", "--out", "run"]);
    let steps = fs::read_to_string(at.join("run/steps.csv")).unwrap();
    assert!(steps.lines().count() > 2);
    let same = json(at, &["evaluate", "run"]);
    assert_eq!(trained["train_loss"], same["train_loss"]);
    assert!(same["chosen"]["evaluations"].as_u64() > Some(0));
    let solved = json(at, &["solve", "run", "--times", "0,0.7,2"]);
    assert_eq!(solved["states"][1].as_array().unwrap().len(), 60);
    assert_eq!(kutta(at, &["gradcheck", "m.ron"]).0, 0);
    for method in ["bdf", "tr_bdf2", "esdirk34"] {
        let stiff = json(at, &["evaluate", "run", "--method", method, "--rtol", "1e-5"]);
        let off = stiff["train_loss"].as_f64().unwrap() - same["train_loss"].as_f64().unwrap();
        assert!(off.abs() < 1e-3, "{method}: {off:e}");
        let (code, _, stderr) = kutta(
            at,
            &["train", "m.ron", "--out", "s", "--set", &format!("network.method={method}")],
        );
        assert!(code == 2 && stderr.contains("forward only"), "{stderr}");
        let (code, _, stderr) =
            kutta(at, &["gradient", "m.ron", "--set", &format!("network.method={method}")]);
        assert!(code == 2 && stderr.contains("forward only"), "{stderr}");
    }
    let (code, _, stderr) = kutta(at, &["evaluate", "run", "--method", "bdf", "--steps", "4"]);
    assert!(code == 2 && stderr.contains("Adaptive(rtol"), "{stderr}");
    assert_eq!(kutta(at, &["predict", "run", "--data", "none.csv"]).0, 2);
    // Twice the same bits, whatever the threads.
    let again = json(at, &["train", "m.ron", "--out", "again", "--threads", "1"]);
    assert_eq!(trained["train_loss"], again["train_loss"]);
    let limited = ["train", "m.ron", "--out", "l", "--set", "network.stepping.max_steps=1"];
    let (code, _, stderr) = kutta(at, &limited);
    assert!(code == 1 && stderr.contains("limit of 1 steps"), "{stderr}");
}

#[test]
fn each_sample_with_steps_of_its_own_has_the_gradient_of_its_own_grid() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("m.ron"), CLASSES).unwrap();
    let own = ["--set", "network.stepping.per_sample=true"];
    let gradient = |changes: &[&str]| {
        json(at, &[&["gradient", "m.ron"], changes].concat())["gradient_norm"].as_f64().unwrap()
    };
    let (together, apart) = (gradient(&[]), gradient(&own));
    assert!(together != apart && (together - apart).abs() < 1e-3 * together, "{together} {apart}");
    let evaluated = json(at, &[&["train", "m.ron", "--out", "r"], &own[..]].concat());
    assert!(evaluated["train_loss"].as_f64().unwrap() > 0.0);
}
