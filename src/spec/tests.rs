use std::fs;

use proptest::prelude::*;

use super::*;
use crate::train::{Optimiser, Schedule};

const PEAKS: &str = include_str!("../../models/peaks.ron");
const FORMULA: &str = include_str!("../../models/formula.ron");
const TABLEAU: &str = r#"Tableau(a: [[], ["1/2"]], b: ["0", "1"])"#;

fn parse(source: &str) -> Result<Model, SpecError> {
    Model::parse(source, Path::new("model.ron"), &[])
}

fn set(source: &str, overrides: &[&str]) -> Result<Model, SpecError> {
    let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
    Model::parse(source, Path::new("model.ron"), &overrides)
}

/// The error of `source` after one replacement.
fn refused(source: &str, from: &str, to: &str) -> String {
    assert!(source.contains(from), "{from}");
    parse(&source.replacen(from, to, 1)).unwrap_err().to_string()
}

fn first_line(error: &str) -> &str {
    error.lines().next().unwrap()
}

/// The typed sections, without the text they were read from.
fn sections(model: &Model) -> impl PartialEq + std::fmt::Debug + use<'_> {
    let Model { data, network, loss, penalties, training, seed, text: _ } = model;
    (data, network, loss, penalties, training, seed)
}

#[test]
fn the_model_of_the_introduction_reads_as_it_stands() {
    let model = parse(PEAKS).unwrap();
    assert_eq!(model.data, Source::Peaks { classes: 5, train: 1000, validation: 1000 });
    let network = &model.network;
    assert_eq!(network.opening, Opening::Dense { width: 16, activation: "tanh".into() });
    let resnet = FieldSpec::Named { name: "resnet".into(), constants: IndexMap::new() };
    assert_eq!(network.field, resnet);
    assert_eq!(network.controls, Basis::PiecewiseLinear { nodes: 9 });
    assert_eq!(network.horizon, 5.0);
    assert_eq!(network.method, Method::Named("rk4".into()));
    assert_eq!(network.stepping, Stepping::Fixed { steps: 8 });
    assert_eq!(network.head, Head::Linear);
    assert_eq!(model.loss, "softmax");
    assert_eq!(model.penalties, Penalties::default());
    assert_eq!((model.training.epochs, model.training.batch), (300, Some(250)));
    let Optimiser::Adam { rate, ref schedule, .. } = model.training.optimiser else {
        panic!("not Adam");
    };
    assert_eq!((rate, schedule), (0.02, &Schedule::Cosine));
    assert_eq!(model.seed, 1);
}

#[test]
fn every_template_reads() {
    for name in template_names() {
        let source = template(name).unwrap();
        parse(source).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(source.starts_with("//"), "{name} says what it is");
    }
    assert!(template("peeks").is_none());
}

#[test]
fn a_field_is_a_name_a_name_with_constants_or_a_formula() {
    let field = |written: &str| {
        parse(&PEAKS.replace(r#"field: "resnet""#, &format!("field: {written}")))
            .map(|model| model.network.field)
    };
    let named = |name: &str| FieldSpec::Named { name: name.into(), constants: IndexMap::new() };
    assert_eq!(
        field(
            r#"/* a */ "x" // b
"#
        )
        .unwrap(),
        named("x")
    );
    assert_eq!(field(r##"r#"x"#"##).unwrap(), named("x"));
    let constants = IndexMap::from([("g".to_owned(), 0.05)]);
    let antisymmetric = FieldSpec::Named { name: "antisymmetric".into(), constants };
    assert_eq!(
        field(r#"Named(name: "antisymmetric", constants: {"g": 0.05})"#).unwrap(),
        antisymmetric
    );
    let FieldSpec::Formula(formula) = parse(FORMULA).unwrap().network.field else {
        panic!("not a formula");
    };
    assert_eq!(formula.state.keys().collect::<Vec<_>>(), ["q", "p"]);
    assert_eq!(formula.rhs["p"], "-K' * tanh(K*q + b) - g*p");
    let error = field(r#"Named(name: "x", constants: {"g": 1, "g": 2})"#).unwrap_err().to_string();
    assert!(error.contains("the key `g` stands twice"), "{error}");
}

#[test]
fn a_method_is_a_name_or_a_tableau() {
    let model = parse(&PEAKS.replace("\"rk4\"", TABLEAU)).unwrap();
    let Method::Tableau(tableau) = model.network.method else { panic!("not a tableau") };
    assert_eq!(tableau.b, ["0", "1"]);
    assert_eq!(tableau.a, [vec![], vec!["1/2".to_owned()]]);
}

#[test]
fn a_misspelt_key_is_shown_with_its_line_and_what_was_meant() {
    let error = refused(PEAKS, "opening", "opning");
    assert_eq!(
        first_line(&error),
        "model.ron:5:9: unknown key `opning` in `network`; did you mean `opening`? \
         It has: opening, field, controls, horizon, method, stepping, head"
    );
    let lines: Vec<_> = error.lines().collect();
    assert!(lines[1].starts_with(" 5 |         opning: Dense("), "{error}");
    assert_eq!(lines[2], "   |         ^");
}

#[test]
fn errors_name_place_fault_and_remedy() {
    for (from, to, expected) in [
        ("network:", "netwrk:", "4:5: unknown key `netwrk` in the model; did you mean `network`?"),
        (
            "width: 16",
            "widht: 16",
            "5:24: unknown key `widht` in `network.opening`; did you mean `width`?",
        ),
        (
            "Adam(",
            "Adm(",
            "13:27: unknown variant `Adm` for `training.optimiser`; did you mean `Adam`? There is: Sgd, Adam, AdamW",
        ),
        (
            "Cosine",
            "Cosinus",
            "13:54: unknown variant `Cosinus` for `training.optimiser.schedule`; did you mean `Cosine`?",
        ),
        ("horizon: 5.0,", "", "4:14: `network` lacks `horizon`; add `horizon: 5.0`"),
        ("rate: 0.02, ", "", "13:27: `training.optimiser` lacks `rate`; add `rate: 0.02`"),
        ("loss: \"softmax\",", "", "2:1: the model lacks `loss`; add `loss: \"softmax\"`"),
        ("5.0", "\"five\"", "8:18: `network.horizon` must be a number, found `\"five\"`"),
        (
            "nodes: 9",
            "nodes: 9.5",
            "7:42: `network.controls.nodes` must be a whole number, not negative, found `9.5`",
        ),
        (
            "nodes: 9",
            "nodes: -9",
            "7:42: `network.controls.nodes` must be a whole number, not negative, found `-9`",
        ),
        (
            "nodes: 9",
            "nodes: 1e2",
            "7:42: `network.controls.nodes` must be a whole number, not negative, found `1e2`",
        ),
        ("seed: 1", "seed: 99999999999999999999", "14:11: `seed` must be a whole number"),
        (
            "\"tanh\"",
            "tanh",
            "5:47: `network.opening.activation` must be a string, found `tanh`; put it in quotes",
        ),
        (
            "\"rk4\"",
            "rk4",
            "9:17: unknown variant `rk4` for `network.method`. There is: Tableau (a name stands in quotes: \"rk4\")",
        ),
        ("\"rk4\"", "4", "9:17: `network.method` must be a name in quotes or a variant, found `4`"),
        ("\"rk4\"", "", "9:17: `network.method` has no value"),
        (
            "Fixed(steps: 8)",
            "\"Fixed\"",
            "10:19: `network.stepping` must be a variant, without quotes, found `\"Fixed\"`",
        ),
        (
            "Fixed(steps: 8)",
            "Fixed",
            "10:19: `Fixed` needs its arguments in parentheses: `Fixed(..)`",
        ),
        ("Cosine", "Cosine(1)", "13:54: `Cosine` takes no arguments"),
        (
            "Fixed(steps: 8)",
            "Grid([0, \"x\", 5])",
            "10:28: `network.stepping.1` must be a number, found `\"x\"`",
        ),
        ("seed: 1", "seed: 1, seed: 2", "14:14: `seed` stands twice in the model; remove one"),
        (
            "horizon: 5.0,",
            "horizon: 5.0",
            "9:9: a comma or a closing bracket is missing before this",
        ),
        ("seed: 1", "seed = 1", "14:10: a colon is missing between key and value"),
        ("network: (", "network: [", "4:14: `network` must be fields in ( )"),
        ("(\n", "Mode(\n", "2:1: the model must be fields in ( ) without a name"),
    ] {
        let error = refused(PEAKS, from, to);
        assert!(first_line(&error).contains(expected), "{from} -> {to}\n  {error}\n  {expected}");
    }
}

#[test]
fn what_is_not_closed_is_said_to_be_so() {
    for (source, expected) in [
        ("(loss: \"a", "1:9: a string is not closed; end it with a quote"),
        ("(loss: \"a\" /* b", "a comment is not closed; end it with */"),
        ("(loss: \"a\",", "1:11: the text ends too early; close its brackets"),
        ("(penalties: (tikhonov: 1]", "1:25: a comma or a closing bracket is missing before this"),
    ] {
        let error = parse(source).unwrap_err().to_string();
        assert!(first_line(&error).contains(expected), "{source}\n  {error}\n  {expected}");
    }
}

#[test]
fn errors_inside_a_validation_file_keep_their_place() {
    let source = include_str!("../../models/digits.ron");
    for (to, expected) in [
        (
            "validation: Csv(pth: \"b\")",
            "7:25: unknown key `pth` in `data.validation`; did you mean `path`?",
        ),
        (
            "validation: Cvs(path: \"b\")",
            "7:21: unknown variant `Cvs` for `data.validation`; did you mean `Csv`?",
        ),
        ("validation: Csv(path: 3)", "7:31: `data.validation.path` must be a string, found `3`"),
    ] {
        let error = refused(source, "validation: 0.2", to);
        assert!(first_line(&error).contains(expected), "{to}\n  {error}\n  {expected}");
    }
}

#[test]
fn errors_inside_a_name_or_variant_keep_their_place() {
    for (from, to, expected) in [
        ("rhs:", "rsh:", "11:13: unknown key `rsh` in `network.field`; did you mean `rhs`?"),
        ("state: {", "stat: {", "7:13: unknown key `stat`"),
        (
            "Formula(",
            "Formla(",
            "6:16: unknown variant `Formla` for `network.field`; did you mean `Formula`?",
        ),
        (
            "Vector(8)",
            "Vektor(8)",
            "8:48: unknown variant `Vektor` for `network.field.weights.b`; did you mean `Vector`?",
        ),
        ("\"b\": Vector", "\"K\": Vector", "8:44: the key `K` stands twice"),
        ("\"g\": 0.1", "\"g\": \"a\"", "9:31: `network.field.constants.g` must be a number"),
        (
            "PiecewiseLinear(nodes: 9)",
            "PiecewiseLinear()",
            "13:19: `network.controls` lacks `nodes`",
        ),
        (
            "\"rk4\"",
            "Tableau(a: [[1]], b: [])",
            "15:30: `network.method.a` must be a string, found `1`",
        ),
    ] {
        let error = refused(FORMULA, from, to);
        assert!(first_line(&error).contains(expected), "{from} -> {to}\n  {error}\n  {expected}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused_at_their_place() {
    let adaptive = "Adaptive(rtol: 1e-3, atol: 0)";
    for (from, to, expected) in [
        (
            "width: 16",
            "width: 1000000000000",
            "5:31: `network.opening.width` must be at least 1 and at most a million, found 1000000000000",
        ),
        ("width: 16", "width: 0", "`network.opening.width` must be at least 1"),
        ("5.0", "-5.0", "8:18: `network.horizon` must be finite and greater than 0, found -5"),
        ("5.0", "inf", "`network.horizon`"),
        ("5.0", "NaN", "`network.horizon`"),
        ("nodes: 9", "nodes: 1", "7:42: `network.controls.nodes` must be at least 2"),
        ("PiecewiseLinear(nodes: 9)", "PiecewiseConstant(cells: 0)", "`network.controls.cells`"),
        ("PiecewiseLinear(nodes: 9)", "Legendre(degree: 100000)", "`network.controls.degree`"),
        (
            "steps: 8",
            "steps: 0",
            "10:32: `network.stepping.steps`: a grid has between 1 and 100000 steps, not 0",
        ),
        (
            "Fixed(steps: 8)",
            adaptive,
            "`network.stepping.atol` must be finite and greater than 0, found 0",
        ),
        (
            "Fixed(steps: 8)",
            "Grid([5])",
            "10:19: `network.stepping`: a grid has at least two times, 0 and the horizon 5; here are 1",
        ),
        (
            "Fixed(steps: 8)",
            "Grid([0, 3, 3, 5])",
            "the times of a grid increase, but 3 is followed by 3",
        ),
        ("Fixed(steps: 8)", "Grid([0, NaN, 5])", "the times of a grid increase"),
        (
            "Fixed(steps: 8)",
            "Grid([0, 4])",
            "a grid begins at 0 and ends at the horizon 5; this one goes from 0 to 4",
        ),
        (
            "rate: 0.02",
            "rate: 0",
            "13:38: `training.optimiser.rate` must be finite and greater than 0, found 0",
        ),
        ("rate: 0.02", "rate: 0.02, beta1: 1.0", "`training.optimiser.beta1`"),
        (
            "Cosine",
            "Warmup(epochs: 5, then: Step(every: 0, factor: 0.5))",
            "`training.optimiser.schedule.then.every` must be at least 1",
        ),
        ("epochs: 300", "epochs: 0", "`training.epochs` must be at least 1"),
        ("batch: 250", "batch: 0", "13:83: `training.batch` must be at least 1"),
        ("batch: 250", "stop: (patience: 0)", "`training.stop.patience`"),
        (
            "seed: 1",
            "penalties: (tikhonov: -1)",
            "14:27: `penalties.tikhonov` must be finite and not negative",
        ),
    ] {
        let error = refused(PEAKS, from, to);
        assert!(first_line(&error).contains(expected), "{from} -> {to}\n  {error}\n  {expected}");
    }
    let error = refused(FORMULA, "\"q\": 8", "\"q\": 0");
    assert!(
        error.contains("model.ron:7:27: `network.field.state.q` must be at least 1"),
        "{error}"
    );
    let last_only = PEAKS.replace("batch: 250", "checkpoint: 0");
    assert_eq!(parse(&last_only).unwrap().training.checkpoint, 0);
    let grid = PEAKS.replace("Fixed(steps: 8)", "Grid([0, 0.5, 5])");
    assert_eq!(parse(&grid).unwrap().network.stepping, Stepping::Grid(vec![0.0, 0.5, 5.0]));
}

#[test]
fn an_override_replaces_one_value() {
    for (overrides, written) in [
        (&["network.method=euler"][..], "method: \"euler\""),
        (&["network.method=\"euler\""], "method: \"euler\""),
        (&["network.method=ssp-rk3.2"], "method: \"ssp-rk3.2\""),
        (&[" network.horizon = 2.5 "], "horizon: 2.5"),
        (&["training.optimiser.rate=1e-3"], "Adam(rate: 1e-3, schedule"),
        (&["network.stepping=Fixed(steps: 3)", "network.stepping.steps=4"], "Fixed(steps: 4)"),
        (&["data=Csv(path: \"a\")", "data.path=../b/c.csv"], "Csv(path: \"../b/c.csv\")"),
        (&["network.opening.activation=Tanh"], "activation: \"Tanh\""),
        (&["network.head=Identity"], "stepping: Fixed(steps: 8), head: Identity,"),
        (&["training.stop.patience=5"], "batch: 250, stop: (patience: 5))"),
        (
            &["penalties.tikhonov=1e-4", "penalties.smoothness=2"],
            "penalties: (tikhonov: 1e-4, smoothness: 2)",
        ),
        (&["training.batch=None"], "batch: None"),
        (&["seed=1", "seed=2"], "seed: 2"),
    ] {
        let model = set(PEAKS, overrides).unwrap_or_else(|error| panic!("{overrides:?}: {error}"));
        assert!(model.text.as_str().contains(written), "{overrides:?}\n{}", model.text.as_str());
        // Comments and all other lines are those of the file.
        assert!(model.text.as_str().starts_with("// The level sets"), "{overrides:?}");
    }
    let model =
        set(FORMULA, &["network.field.constants.h=3", "network.field.constants.g=2"]).unwrap();
    let FieldSpec::Formula(formula) = &model.network.field else { panic!("not a formula") };
    assert_eq!(formula.constants, IndexMap::from([("g".to_owned(), 2.0), ("h".to_owned(), 3.0)]));
}

#[test]
fn an_override_does_not_read_comments_and_strings_for_keys() {
    let source = PEAKS.replace("field:", "/* method: \"a\" */ field:");
    let model = set(&source, &["network.method=euler"]).unwrap();
    assert_eq!(model.network.method, Method::Named("euler".into()));
    assert!(model.text.as_str().contains("/* method: \"a\" */"));
}

#[test]
fn an_override_that_is_wrong_is_named() {
    for (argument, expected) in [
        (
            "network.methd=euler",
            "--set network.methd=euler: there is no `network.methd` in the model; did you mean `network.method`?",
        ),
        ("netwrk.method=euler", "there is no `netwrk` in the model; did you mean `network`?"),
        (
            "training.optimiser.momentum=0.9",
            "there is no `training.optimiser.momentum` in the model",
        ),
        (
            "network.horizon=long",
            "--set network.horizon=long: `network.horizon` must be a number, found `\"long\"`",
        ),
        (
            "training.optimiser=Adm(rate: 1)",
            "--set training.optimiser=Adm(rate: 1): unknown variant `Adm` for `training.optimiser`; did you mean `Adam`?",
        ),
        ("training.epochs=0", "--set training.epochs=0: `training.epochs` must be at least 1"),
        ("network.horizon", "--set network.horizon: write PATH=VALUE"),
        ("network..horizon=1", "`network..horizon` is not a path of keys"),
        ("=1", "`` is not a path of keys"),
        ("network.horizon=", "the value is not RON"),
        ("network.stepping=Fixed(steps: ", "the value is not RON"),
        ("network.horizon=1, seed: 2", "the value is not RON"),
        ("network.horizon=1 // ", "the value is not RON"),
        ("seed.x=1", "`seed` is 1 and has no keys"),
        (
            "network.method.order=4",
            "`network.method` is \"rk4\" and has no keys; give it whole: --set 'network.method=..'",
        ),
    ] {
        let error = set(PEAKS, &[argument]).unwrap_err().to_string();
        assert!(first_line(&error).contains(expected), "{argument}\n  {error}\n  {expected}");
    }
}

#[test]
fn a_mistake_of_the_file_is_not_blamed_on_an_override() {
    let error = set(&PEAKS.replace("horizon: 5.0,", "horizon: 5.0"), &["network.method=euler"])
        .unwrap_err();
    assert!(error.to_string().starts_with("model.ron:9:9: "), "{error}");
    // On the line of the override, after it, the column is that of the file.
    let error = set(PEAKS, &["training.optimiser.rate=0.000001", "network.horizon=100.5"]);
    assert!(error.is_ok());
    let wrong = PEAKS.replace("epochs: 300", "epochs: 0");
    let column = wrong.lines().nth(12).unwrap().find("epochs: 0").unwrap() + "epochs: ".len() + 1;
    let error = set(&wrong, &["training.optimiser.rate=0.000001"]).unwrap_err();
    assert!(error.to_string().starts_with(&format!("model.ron:13:{column}: ")), "{error}");
}

#[test]
fn errors_of_other_rooms_are_given_a_place() {
    let model = set(FORMULA, &["network.method=rk44"]).unwrap();
    let error = model.build_error("loss", "no such loss").to_string();
    assert!(error.starts_with("model.ron:18:11: `loss`: no such loss\n"), "{error}");
    let error = model.build_error("network.method", "no such method").to_string();
    assert!(
        error.starts_with("--set network.method=rk44: `network.method`: no such method\n"),
        "{error}"
    );
    let error = model.build_error_in("network.field.rhs.q", 5, "tanh").to_string();
    let line = FORMULA.lines().nth(10).unwrap();
    let column = line.find("tanh").unwrap() + 1;
    assert!(error.starts_with(&format!("model.ron:11:{column}: ")), "{error}");
    // A value that is left to its default has the place of its section.
    assert_eq!(model.place("network.head").to_string(), model.place("network").to_string());
}

#[test]
fn the_resolved_source_reads_the_same_and_keeps_comments() {
    let model = set(PEAKS, &["network.method=euler", "seed=7"]).unwrap();
    let resolved = model.resolved_source(Path::new("runs/peaks"));
    assert_eq!(sections(&parse(&resolved).unwrap()), sections(&model));
    assert_eq!(resolved, PEAKS.replace("\"rk4\"", "\"euler\"").replace("seed: 1", "seed: 7"));
}

#[test]
fn the_paths_of_the_resolved_source_lead_to_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs/digits");
    fs::create_dir_all(folder.path().join("models/data")).unwrap();
    fs::create_dir_all(&runs).unwrap();
    fs::write(folder.path().join("models/data/digits.csv.gz"), "").unwrap();
    let path = folder.path().join("models/digits.ron");
    fs::write(&path, template("digits").unwrap()).unwrap();
    let model = Model::read(&path, &[]).unwrap();
    let kept = runs.join("model.ron");
    fs::write(&kept, model.resolved_source(&runs)).unwrap();
    let again = Model::read(&kept, &[]).unwrap();
    let Source::Csv { path, .. } = &again.data else { panic!("not a CSV file") };
    assert_eq!(path, Path::new("../../models/data/digits.csv.gz"));
    assert!(again.folder().join(path).exists());
    // Kept where it was, nothing changes.
    assert_eq!(again.resolved_source(&runs), fs::read_to_string(&kept).unwrap());
}

#[test]
fn what_is_not_a_model_file_is_refused_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.ron");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Model::read(&path, &[]).unwrap_err()
    };
    assert!(matches!(read(b"(\n\xff)"), SpecError::NotText { line: 2, byte: 2, .. }));
    for empty in ["", " \n", "// nothing\n"] {
        let SpecError::At { problem, .. } = read(empty.as_bytes()) else { panic!("{empty:?}") };
        assert!(matches!(*problem, Problem::Empty), "{empty:?}: {problem}");
    }
    assert!(matches!(Model::read(folder.path(), &[]), Err(SpecError::Folder { .. })));
    let missing = Model::read(&folder.path().join("none.ron"), &[]).unwrap_err();
    assert!(matches!(missing, SpecError::Read { .. }), "{missing}");
    assert!(matches!(read(&vec![b' '; LIMIT as usize + 1]), SpecError::TooLarge { .. }));
}

#[test]
fn nesting_and_garbage_without_end_are_refused_cleanly() {
    const DEEP: usize = 100_000;
    for open in [
        "(",
        "[",
        "{",
        "(a:",
        "Some(",
        "[(",
        "{1:",
        "/*",
        "(data:",
        "A(B(",
        "(network:(method:",
        "\"",
        "'",
        "r#",
        "#![",
        "(((",
    ] {
        for source in [open.repeat(DEEP), PEAKS.replace("\"rk4\"", &open.repeat(DEEP))] {
            assert!(parse(&source).is_err());
            assert!(set(&source, &["network.method=euler"]).is_err());
        }
    }
    let deep = PEAKS.replace("\"rk4\"", &format!("{}{}", "[".repeat(DEEP), "]".repeat(DEEP)));
    let error = parse(&deep).unwrap_err().to_string();
    assert!(error.contains("nested too deep"), "{error}");
    let value = format!("network.method={}", "(".repeat(DEEP));
    assert!(set(PEAKS, &[&value]).is_err());
    let path = format!("{}=1", ["a"; DEEP].join("."));
    assert!(set(PEAKS, &[&path]).is_err());
    for garbage in ["\u{1F980}x, ", "a: b ", ")]}", "\0", "1.5e", "\\\"'"] {
        let source = garbage.repeat(1_000_000 / garbage.len());
        let error = parse(&source).unwrap_err().to_string();
        assert!(error.len() < 2000, "{}", error.len());
    }
}

/// The tokens of a model file with the white space after each.
fn pieces(source: &str) -> Vec<&str> {
    let starts: Vec<_> = tokens(source).map(|token| token.span.start).collect();
    let ends = starts.iter().skip(1).copied().chain([source.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &source[start..end]).collect()
}

fn mangled() -> impl Strategy<Value = String> {
    let other = prop::sample::select(vec![
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "\"",
        "'",
        "-1",
        "1e400",
        "1.5",
        "NaN",
        "None",
        "Some(",
        "r#\"",
        "\"ä\\\"",
        "/*",
        "//",
        "#![",
        "Tableau(",
        "Formula(",
        "Csv(path:",
        "\\",
        "\u{0}",
        "18446744073709551616",
    ]);
    let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8, other);
    let source = prop::sample::select(template_names().filter_map(template).collect::<Vec<_>>());
    (source, prop::collection::vec(edit, 1..6)).prop_map(|(source, edits)| {
        let mut pieces = pieces(source);
        for (at, other, kind, token) in edits {
            let (at, other) = (at.index(pieces.len()), other.index(pieces.len()));
            match kind {
                0 => drop(pieces.remove(at)),
                1 => pieces.insert(at, pieces[other]),
                2 => pieces.swap(at, other),
                _ => pieces[at] = token,
            }
        }
        pieces.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_mangled_file_is_read_or_refused(source in mangled(), path in "[a-z.]{0,12}", value in "\\PC{0,8}") {
        match parse(&source) {
            Ok(model) => {
                let resolved = model.resolved_source(Path::new("."));
                let again = parse(&resolved).unwrap();
                // By what they print: a NaN that was typed in is not equal to itself.
                let (again, model) = (sections(&again), sections(&model));
                prop_assert_eq!(format!("{again:?}"), format!("{model:?}"));
            }
            Err(error) => {
                let place = error.place().expect("it has a place");
                prop_assert!(place.line() <= source.lines().count().max(1), "{}", error);
                prop_assert!(!error.to_string().is_empty());
            }
        }
        for argument in ["network.method=euler".to_owned(), "training.optimiser.rate=1".into(), format!("{path}={value}")] {
            let _ = set(&source, &[&argument]).map_err(|error| error.to_string());
        }
    }

    /// What an override wrote is what is read, whatever the string.
    #[test]
    fn a_string_put_in_is_read_back(name in "[a-z][a-z0-9_+./-]{0,12}") {
        prop_assume!(!matches!(name.as_str(), "true" | "false" | "inf"));
        let model = set(PEAKS, &[&format!("network.method={name}")]).unwrap();
        prop_assert_eq!(model.network.method, Method::Named(name));
    }
}

#[test]
fn an_error_of_the_data_points_to_its_parameter() {
    let model = parse(&PEAKS.replace("train: 1000", "train: 3")).unwrap();
    let error = model.dataset().unwrap_err().to_string();
    assert!(error.contains("model.ron:3:36: `data.train`: Peaks: `train` is 3"), "{error}");
}
