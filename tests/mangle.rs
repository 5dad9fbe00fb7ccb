//! Valid model files and formulas mangled token by token: refused or built, never a panic, an abort or an
//! endless loop. What is built is also evaluated.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use faer::Mat;
use kutta::data::{Column, Kind, Schema};
use kutta::network::{Engine, Targets};
use kutta::spec::Model;
use rayon::prelude::*;

const CASES: usize = 100_000;

const PEAKS: &str = include_str!("../models/peaks.ron");
const FORMULA: &str = include_str!("../models/formula.ron");
const TYPED: &str = r#"(
    data: Peaks(),
    network: (
        opening: Pad(width: 6),
        field: Formula(
            state: {"q": "n/2", "p": 3},
            weights: {"K": Matrix(3, "n/2"), "b": Vector(3), "s": Scalar},
            constants: {"g": 0.1},
            rhs: {"q": "K' * tanh(K*p + b) - g*q", "p": "s*softplus(q) ./ (1 + p.^2) + sin(t)*(b'*p)*q"},
        ),
        controls: Legendre(degree: 2),
        horizon: 2.0,
        method: Tableau(a: [[], ["1/2"], ["-1", "2"]], b: ["1/6", "2/3", "1/6"], order: 3),
        stepping: Grid([0.0, 0.5, 2.0]),
        head: Linear,
    ),
    loss: "softmax",
    penalties: (tikhonov: 1e-4, smoothness: 1e-3),
    training: (optimiser: AdamW(rate: 0.02, schedule: Warmup(epochs: 2, then: Cosine)), epochs: 3, batch: 2),
    seed: 7,
)"#;

struct Random(u64);

fn seed_of(case: usize) -> u64 {
    (case as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1)
}

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n.max(1)
    }
}

/// Words, numbers and single signs; the inside of strings is cut as well.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let length = if word(first) {
            rest.find(|c| !word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}

fn mangle(source: &str, random: &mut Random) -> String {
    const STRANGE: [&str; 36] = [
        "0",
        "1",
        "2",
        "3",
        "-1",
        "7",
        "0.5",
        "1e-3",
        "1e12",
        "1000000000000",
        "99999999999999999999",
        "NaN",
        "inf",
        "\"",
        "'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "*",
        ".*",
        "./",
        "^",
        "+",
        "-",
        "K",
        "y",
        "t",
        "I",
        "tanh",
        "\"1/3\"",
        "é",
    ];
    let mut words: Vec<&str> = tokens(source);
    let solid: Vec<usize> = (0..words.len()).filter(|&i| !words[i].trim().is_empty()).collect();
    for _ in 0..1 + random.below(2) {
        let at = solid[random.below(solid.len())];
        match random.below(14) {
            0 => words[at] = "",
            1 => words[at] = words[solid[random.below(solid.len())]],
            2 => {
                let other = solid[random.below(solid.len())];
                words.swap(at, other);
            }
            3 => words[at] = STRANGE[random.below(STRANGE.len())],
            _ => {
                // Most often a number for a number and a name for a name, which gets past the parser.
                let kind = |w: &str| {
                    let first = w.chars().next().unwrap_or(' ');
                    (first.is_ascii_digit(), first.is_alphabetic(), first.is_uppercase())
                };
                let alike: Vec<&str> = solid
                    .iter()
                    .map(|&i| words[i])
                    .chain(STRANGE)
                    .filter(|w| kind(w) == kind(words[at]))
                    .collect();
                words[at] = alike[random.below(alike.len())];
            }
        }
    }
    words.concat()
}

/// What became of a source: whether it was read, and whether a network was built from it.
fn attempt(source: &str, overrides: &[String]) -> (bool, bool) {
    let schema = Schema {
        features: vec!["x1".into(), "x2".into()],
        labels: vec![Column::Number(2)],
        kind: Kind::Classes(5),
        class_names: None,
        standardisation: None,
    };
    let model = match Model::parse(source, Path::new("model.ron"), overrides) {
        Ok(model) => model,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return (false, false);
        }
    };
    let network = match model.network(&schema) {
        Ok(network) => network,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return (true, false);
        }
    };
    let _ = model.warnings(&network);
    let work = network.n_parameters() * network.flow.grid.len() * network.flow.stages();
    if work < 200_000 {
        let x = Mat::from_fn(2, 3, |i, j| 0.3 * i as f64 - 0.2 * j as f64);
        let theta = network.initial(model.seed);
        let mut gradient = vec![0.0; theta.len()];
        let targets = Targets::Classes(&[0, 1, 2]);
        // Some formulas lose their states to infinity: that is an answer.
        let _ =
            Engine::new(&network).gradient(&theta, x.as_ref(), targets, &[0, 1, 2], &mut gradient);
    }
    (true, true)
}

#[test]
fn mangled_models_are_refused_or_built() {
    for source in [PEAKS, FORMULA, TYPED] {
        assert_eq!(attempt(source, &[]), (true, true), "{source}");
    }
    let (read, built) = (AtomicUsize::new(0), AtomicUsize::new(0));
    (0..CASES).into_par_iter().for_each(|case| {
        let mut random = Random(seed_of(case));
        random.below(2);
        let source = [PEAKS, FORMULA, TYPED][case % 3];
        let mangled = mangle(source, &mut random);
        let outcome = std::panic::catch_unwind(|| attempt(&mangled, &[]));
        let Ok((was_read, was_built)) = outcome else { panic!("case {case}:\n{mangled}") };
        read.fetch_add(usize::from(was_read), Ordering::Relaxed);
        built.fetch_add(usize::from(was_built), Ordering::Relaxed);
    });
    let (read, built) = (read.into_inner(), built.into_inner());
    println!("{CASES} cases: {read} read, {built} built");
    assert!(read * 10 >= CASES * 3, "only {read} of {CASES} get past the parser");
}

#[test]
fn depth_and_size_are_refused() {
    let deep = "(".repeat(100_000);
    let nested = PEAKS.replacen("data:", &format!("data: {deep}"), 1);
    assert_eq!(attempt(&nested, &[]), (false, false));
    let formula = FORMULA.replacen("K' * tanh", &format!("{deep} tanh"), 1);
    assert_eq!(attempt(&formula, &[]), (true, false));
    for change in [
        "network.opening.width=1000000000000",
        "network.controls=PiecewiseLinear(nodes: 1000000000000)",
        "network.controls=PiecewiseConstant(cells: 999999)",
        "network.controls=Legendre(degree: 99999999)",
        "network.stepping=Fixed(steps: 1000000000000)",
        "network.horizon=1e308",
        "network.horizon=1e-308",
    ] {
        let started = std::time::Instant::now();
        let _ = attempt(PEAKS, &[change.to_owned()]);
        // A bound on hanging, not a measure of speed.
        assert!(started.elapsed().as_secs() < 60, "{change}");
    }
}
