//! `kutta tableau` as a user runs it: what it says, what it writes, and what it refuses.

use std::fs;
use std::path::Path;

use assert_cmd::cargo::cargo_bin_cmd;
use kutta::tableau::{Coefficient, Rational, TableauFile, named, samples};
use npyz::WriterBuilder;
use serde_json::Value;
use tempfile::TempDir;

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn kutta(folder: &Path, args: &[&str]) -> Ran {
    let output = cargo_bin_cmd!("kutta").current_dir(folder).arg("tableau").args(args).output();
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ran { code: output.status.code().unwrap(), stdout, stderr }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn done(folder: &Path, args: &[&str]) -> String {
    let ran = kutta(folder, args);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{args:?}");
    ran.stdout
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let text = done(folder, &[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

/// A refusal: its exit code, nothing on stdout, one message that holds all of `parts`.
fn refused(folder: &Path, args: &[&str], expected: i32, parts: &[&str]) {
    let Ran { code, stdout, stderr } = kutta(folder, args);
    assert_eq!((code, stdout.as_str()), (expected, ""), "{args:?}: {stderr}");
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{part:?} is not in:\n{stderr}");
    }
}

fn show(name: &str) -> Value {
    json(folder().path(), &["show", name])
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[track_caller]
fn close(found: &Value, expected: f64) {
    let found = number(found);
    assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found}, not {expected}");
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|x| x.as_str().unwrap()).collect()
}

#[test]
fn show_has_every_field_and_exact_coefficients() {
    let rk4 = show("RK4");
    for field in [
        "name",
        "aliases",
        "stages",
        "order",
        "embedded_order",
        "stage_order",
        "fsal",
        "a",
        "b",
        "b_hat",
        "c",
        "stability_polynomial",
        "real_interval",
        "imaginary_interval",
        "ssp",
        "principal_error_norm",
        "citation",
    ] {
        assert!(rk4.get(field).is_some(), "{field}");
    }
    assert_eq!((rk4["name"].as_str(), rk4["order"].as_u64()), (Some("rk4"), Some(4)));
    assert_eq!(
        (&rk4["fsal"], &rk4["b_hat"], &rk4["embedded_order"]),
        (&false.into(), &Value::Null, &Value::Null)
    );
    assert_eq!(texts(&rk4["b"]), ["1/6", "1/3", "1/3", "1/6"]);
    assert_eq!(texts(&rk4["a"][3]), ["0", "0", "1"]);
    assert_eq!(texts(&rk4["stability_polynomial"]), ["1", "1", "1/2", "1/6", "1/24"]);
    assert_eq!(rk4["first_failing_tree"]["tree"], "[τ,τ,τ,τ]");
    assert_eq!(rk4["first_failing_tree"]["exact_residual"], "1/120");
    assert!(rk4["note"].as_str().unwrap().contains("torchdiffeq"));
    let dopri5 = show("dormand_prince");
    assert_eq!(
        (dopri5["fsal"].as_bool(), dopri5["embedded_order"].as_u64()),
        (Some(true), Some(4))
    );
    assert_eq!(texts(&dopri5["b_hat"])[0], "5179/57600");
    // Hairer and Wanner (1996), section IV.2.
    assert_eq!(texts(&dopri5["stability_polynomial"])[6], "1/600");
    assert_eq!(texts(&show("gill4")["b"])[1], "(2-sqrt(2))/6");
    assert_eq!(texts(&show("tsit5")["c"])[4], "0.9800255409045097");
}

#[test]
fn measures_are_the_exact_values() {
    let real = |name: &str, expected| close(&show(name)["real_interval"], expected);
    let imaginary = |name: &str, expected| close(&show(name)["imaginary_interval"], expected);
    let ssp = |name: &str, expected| close(&show(name)["ssp"], expected);
    let norm = |name: &str, expected| close(&show(name)["principal_error_norm"], expected);
    real("rk4", 2.785_293_563_405_282);
    imaginary("rk4", 8f64.sqrt());
    imaginary("heun3", 3f64.sqrt());
    imaginary("tsit5", 0.477_978_868_882_752_1);
    imaginary("euler", 0.0);
    // merson4: R = Σ_{k≤4} z^k/k! + z⁵/144, whence |R(iy)|² = 1 - y⁸/1728 + y¹⁰/144².
    imaginary("merson4", 12f64.sqrt());
    ssp("ssprk104", 6.0);
    ssp("ssprk33", 1.0);
    ssp("ssprk3(9)", 6.0);
    ssp("ssprk2(7)", 6.0);
    // Ketcheson (2008): |R(iy)| of ssprk104; its norm is sqrt(365)/8640.
    norm("ssprk104", 365f64.sqrt() / 8640.0);
    // heun2: 1/12 on [τ,τ] and -1/6 on [[τ]]; ralston2: 1/6 on [[τ]] alone; euler: 1/2 on [τ].
    norm("heun2", 5f64.sqrt() / 12.0);
    norm("ralston2", 1.0 / 6.0);
    norm("euler", 0.5);
    // rk4: Σ over the nine trees of order 5.
    norm("rk4", 0.014_504_582_343_198_208);
    close(&show("heun2")["disk"], 1.0);
    close(&show("rk4")["contractivity"], 1.0);
    assert_eq!(show("rk4")["dispersion"]["exact"], "1/120");
    assert_eq!(show("rk4")["dissipation"]["exact"], "1/144");
}

#[test]
fn list_has_every_method_and_sorts_and_selects() {
    let folder = folder();
    let all = json(folder.path(), &["list"]);
    let all = all.as_array().unwrap();
    let names: Vec<&str> = all.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, samples());
    for entry in all {
        let name = &entry["name"];
        assert!(number(&entry["real_interval"]) >= 2.0 - 1e-12, "{name}");
        assert!(number(&entry["principal_error_norm"]) > 0.0, "{name}");
        assert!(number(&entry["next_error_norm"]) > 0.0, "{name}");
        assert!(entry["first_failing_tree"]["residual"].as_f64().unwrap().abs() > 1e-12, "{name}");
    }
    let fourth = json(folder.path(), &["list", "--order", "4", "--sort", "imaginary"]);
    let lengths: Vec<f64> =
        fourth.as_array().unwrap().iter().map(|e| number(&e["effective"]["imaginary"])).collect();
    assert!(lengths.len() >= 6 && lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
    let seven = json(folder.path(), &["list", "--stages", "7"]);
    assert!(seven.as_array().unwrap().iter().all(|entry| entry["stages"] == 7));
    let text = done(folder.path(), &["list", "--order", "4"]);
    assert!(text.contains("ssprk104") && !text.contains("dopri5"), "{text}");
    assert!(done(folder.path(), &["list", "--order", "10"]).starts_with("no method of order 10"));
}

#[test]
fn check_tells_true_claims_from_false_ones() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let heun = r#"a: [[], ["1"]], b: ["1/2", "1/2"]"#;
    write("true.ron", &format!("({heun}, order: 2, c: [\"0\", \"1\"])"));
    let report = json(folder.path(), &["check", "true.ron"]);
    assert_eq!((&report["holds"], report["claims"].as_array().unwrap().len()), (&true.into(), 2));
    write("silent.ron", &format!("({heun})"));
    let said = done(folder.path(), &["check", "silent.ron"]);
    assert!(said.contains("claims nothing; the order is 2"), "{said}");
    let cases = [
        ("order: 3", &["`order: 3` is claimed, the truth is 2", "tree [τ,τ] of order 3"][..]),
        ("order: 1", &["`order: 1` is claimed, the truth is 2"]),
        ("order: 11", &["`order: 11` is claimed, the truth is 2"]),
        (r#"c: ["0", "1/3"]"#, &["`c: c[2] = 1/3` is claimed, the truth is c[2] = 1"]),
        (
            r#"b_hat: ["1", "0"], embedded_order: 2"#,
            &["`embedded_order: 2` is claimed", "truth is 1"],
        ),
        (
            "embedded_order: 1",
            &["`embedded_order: 1` is claimed, the truth is 0", "without `b_hat`"],
        ),
    ];
    for (claim, parts) in cases {
        write("false.ron", &format!("({heun}, {claim})"));
        let Ran { code, stdout, stderr } = kutta(folder.path(), &["check", "false.ron", "--json"]);
        assert_eq!(code, 1, "{claim}: {stderr}");
        let report: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(report["holds"], false, "{claim}");
        for part in parts {
            assert!(stderr.contains(part), "{part:?} is not in:\n{stderr}");
        }
        // A method whose claims are false is not used: a wrong request for all other verbs.
        refused(folder.path(), &["show", "false.ron"], 2, &["false.ron: "]);
    }
    write("false.ron", r#"(a: [[]], b: ["0.9"], order: 1)"#);
    assert_eq!(kutta(folder.path(), &["check", "false.ron"]).code, 1);
}

#[test]
fn bad_files_are_refused_with_place_and_remedy() {
    let folder = folder();
    let stages = |count: usize| {
        let rows: Vec<String> =
            (0..count).map(|i| format!("[{}]", vec!["\"1/7\""; i].join(", "))).collect();
        let b = vec![format!("\"1/{count}\""); count];
        format!("(a: [{}], b: [{}])", rows.join(", "), b.join(", "))
    };
    let deep = format!("(a: {}", "[".repeat(100_000));
    let cases: [(&str, &[&str]); 14] = [
        (r#"(a: [["1/2"]], b: ["1"])"#, &["a[1][1] = 1/2", "explicit"]),
        (r#"(a: [[], ["1/2", "1/2"]], b: ["0", "1"])"#, &["a[2][2] = 1/2", "explicit"]),
        (
            r#"(a: [[], ["1"], ["1"]], b: ["0", "0", "1"])"#,
            &["row 3 of `a` has 1 entries instead of 2"],
        ),
        (r#"(a: [[], ["1/0"]], b: ["0", "1"])"#, &["a[2][1]", "\"1/0\"", "divides by zero"]),
        (r#"(a: [[], ["1/x"]], b: ["0", "1"])"#, &["a[2][1]", "`x`"]),
        (
            r#"(a: [[], ["1"]], b: ["1/2", "1/2"], b_hat: ["1/2", "1/2"])"#,
            &["`b_hat` equals `b`", "leave"],
        ),
        (&stages(200), &["200 stages", "at most 64"]),
        ("{\"a\": [[0.5]]}", &["bad.ron:1:", "export midpoint --format ron"]),
        ("hello", &["bad.ron:1:1", "a tableau file is like"]),
        ("", &["bad.ron:1:1"]),
        (
            r#"(a: [[]], b: ["1"], ordr: 1)"#,
            &["bad.ron:1:", "unknown key `ordr`; did you mean `order`?"],
        ),
        (r#"(a: [[]], b: ["1", "2"])"#, &["`b` has 2 entries, but `a` has 1 rows"]),
        (r#"(a: [[]], b: ["1/2"])"#, &["sum to 1/2 instead of 1"]),
        (&deep, &["bad.ron:1:"]),
    ];
    for (text, parts) in cases {
        fs::write(folder.path().join("bad.ron"), text).unwrap();
        for verb in [&["check", "bad.ron"][..], &["show", "bad.ron"], &["compare", "bad.ron"]] {
            refused(folder.path(), verb, 2, &[&["bad.ron"], parts].concat());
        }
        refused(folder.path(), &["export", "bad.ron", "--format", "json"], 2, parts);
        refused(folder.path(), &["region", "bad.ron", "--json"], 2, parts);
    }
    fs::write(folder.path().join("bad.ron"), [0xff, 0xfe, 0x00]).unwrap();
    refused(folder.path(), &["check", "bad.ron"], 2, &["UTF-8"]);
    // The largest file that is accepted is proved in a moment.
    fs::write(folder.path().join("large.ron"), stages(64)).unwrap();
    assert!(done(folder.path(), &["check", "large.ron"]).contains("the order is 1"));
    assert!(fs::read_dir(folder.path()).unwrap().count() == 2, "nothing else was written");
}

#[test]
fn names_and_options_that_are_wrong_are_refused() {
    let folder = folder();
    let refuse = |args: &[&str], parts: &[&str]| refused(folder.path(), args, 2, parts);
    refuse(&["show", "rk5"], &["unknown method `rk5`; did you mean `rk4`?"]);
    refuse(&["show", "rkc2"], &["in `rkc2(s)`, s is from 2 to 50"]);
    refuse(&["check", "missing.ron"], &["missing.ron: there is no such file"]);
    refuse(&["show", "./"], &["folder"]);
    refuse(&["region", "rk4", "--out", "a.pdf"], &["must end in .svg, .png, .csv"]);
    refuse(&["region", "rk4", "--out", "no/a.svg"], &["there is no folder no"]);
    refuse(&["region", "rk4", "RK4"], &["`rk4` is named twice"]);
    refuse(&["region", "rk4", "--points", "3"], &["--points 3"]);
    refuse(&["region", "rk4", "--spectrum", "none.npy"], &["none.npy"]);
    refuse(&["region", "rk4", "--step", "0.1"], &["--spectrum"]);
    refuse(&["export", "rk4", "--format", "fortran"], &["fortran", "julia"]);
    refuse(&["list", "--sort", "beauty"], &["beauty", "imaginary"]);
    fs::write(folder.path().join("s.npy"), b"no array").unwrap();
    refuse(&["region", "rk4", "--spectrum", "s.npy"], &["s.npy", "numpy.save"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn exports_hold_the_same_method() {
    let folder = folder();
    for name in samples() {
        let text = done(folder.path(), &["export", &name, "--format", "ron"]);
        let (read, own) =
            (text.parse::<TableauFile>().unwrap().prove().unwrap(), named(&name).unwrap());
        assert_eq!(read, own, "{name}");
    }
    for name in ["rk4", "gill4", "tsit5", "dopri5", "ssprk53", "rkc1(5)", "euler"] {
        let own = named(name).unwrap();
        let value = |text: &str| text.parse::<Coefficient>().unwrap().value;
        let row = |list: &Value| texts(list).into_iter().map(value).collect::<Vec<Rational>>();
        let read: Value =
            serde_json::from_str(&done(folder.path(), &["export", name, "--format", "json"]))
                .unwrap();
        assert_eq!(row(&read["b"]), own.b, "{name}");
        assert_eq!(row(&read["c"]), own.c, "{name}");
        assert_eq!(read["a"].as_array().unwrap().iter().map(row).collect::<Vec<_>>(), own.a);
        if let Some(pair) = &own.embedded {
            assert_eq!(row(&read["b_hat"]), pair.b_hat, "{name}");
        }
        let csv = done(folder.path(), &["export", name, "--format", "csv"]);
        let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
        for (i, a) in own.a.iter().enumerate() {
            let found: Vec<Rational> = lines[i + 1][2..].iter().map(|text| value(text)).collect();
            assert_eq!(found[..i], a[..], "{name}");
            assert_eq!(value(lines[i + 1][1]), own.c[i]);
        }
        assert_eq!(lines[own.stages() + 1][0], "b");
    }
    let julia = done(folder.path(), &["export", "rk4", "--format", "julia"]);
    assert!(julia.contains("b = Rational{BigInt}[1//6, 1//3, 1//3, 1//6]"), "{julia}");
    let python = done(folder.path(), &["export", "tsit5", "--format", "python"]);
    assert!(python.contains("F(161, 1000)"), "{python}");
    done(folder.path(), &["export", "rk4", "--format", "ron", "--out", "own.ron"]);
    assert!(done(folder.path(), &["check", "own.ron"]).contains("holds"));
    let own = json(folder.path(), &["show", "own.ron"]);
    assert_eq!(own["stability_polynomial"], show("rk4")["stability_polynomial"]);
    refused(
        folder.path(),
        &["export", "own.ron", "--format", "json", "--out", "own.ron"],
        2,
        &["it is read by this very command"],
    );
}

#[test]
fn regions_are_drawn_with_their_spectrum() {
    let folder = folder();
    let mut writer = npyz::WriteOptions::<f64>::new()
        .default_dtype()
        .shape(&[3])
        .writer(fs::File::create(folder.path().join("s.npy")).unwrap())
        .begin_nd()
        .unwrap();
    writer.extend([-1.0, -20.0, -30.0]).unwrap();
    writer.finish().unwrap();
    let args = ["region", "euler", "rk4", "--spectrum", "s.npy", "--step", "0.1"];
    let report = json(folder.path(), &args);
    // Euler's method: |1 + z| at -0.1, -2, -3.
    let seen = |k: usize| &report["methods"][k]["spectrum"];
    assert_eq!((&seen(0)["eigenvalues"], &seen(0)["unstable"]), (&3.into(), &1.into()));
    close(&seen(0)["largest"], 2.0);
    assert_eq!(seen(1)["unstable"], 1);
    let svg = fs::read_to_string(folder.path().join("region.svg")).unwrap();
    for part in ["euler", "rk4", "Re z", "Im z", "|R(z)|", "unstable"] {
        assert!(svg.contains(part), "{part}");
    }
    done(folder.path(), &["region", "rk4", "--points", "400", "--out", "rk4.csv"]);
    let csv = fs::read_to_string(folder.path().join("rk4.csv")).unwrap();
    let r = |re: f64, im: f64| {
        kutta::tableau::evaluate(
            &[1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0],
            num_complex::Complex64::new(re, im),
        )
    };
    let mut points = 0;
    for line in csv.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let size = r(cells[2].parse().unwrap(), cells[3].parse().unwrap()).norm();
        assert!((size - 1.0).abs() < 2e-3, "{line}: {size}");
        points += 1;
    }
    assert!(points > 100);
    done(folder.path(), &["region", "rkc2(30)", "--out", "long.png"]);
    assert!(fs::metadata(folder.path().join("long.png")).unwrap().len() > 1000);
}

#[test]
fn compare_has_the_orders_in_its_curves() {
    let folder = folder();
    let report = json(folder.path(), &["compare", "heun2", "rk4", "dopri5"]);
    assert!(folder.path().join("compare.svg").is_file());
    assert_eq!(report["problems"].as_array().unwrap().len(), 3);
    for problem in report["problems"].as_array().unwrap() {
        for (curve, order) in problem["curves"].as_array().unwrap().iter().zip([2.0, 4.0, 5.0]) {
            let points: Vec<[f64; 2]> = serde_json::from_value(curve["points"].clone()).unwrap();
            let [.., a, _, _, b] = points.as_slice() else { panic!("{curve}") };
            let slope = (a[1] / b[1]).ln() / (b[0] / a[0]).ln();
            assert!(
                (slope - order).abs() < 0.5,
                "{} {}: {slope}",
                problem["name"],
                curve["method"]
            );
        }
    }
    let work = |k: usize| number(&report["methods"][k]["work"][0]);
    assert!(work(1) > work(2), "{report}");
    let text = done(folder.path(), &["compare", "rk4", "tsit5", "--out", "c.png"]);
    assert!(text.contains("work A3") && text.contains("tsit5"), "{text}");
}
