//! Loss and gradient of small networks against numbers that an independent JAX program made
//! (tests/reference/gradients.py).

use std::collections::BTreeMap;
use std::path::Path;

use faer::Mat;
use kutta::data::{Column, Kind, Schema};
use kutta::network::{Engine, Network, Targets};
use kutta::spec::Model;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    network: String,
    loss: String,
    penalties: Option<serde_json::Value>,
    x: Vec<Vec<f64>>,
    labels: Option<Vec<usize>>,
    targets: Option<Vec<Vec<f64>>>,
    weights: BTreeMap<String, Tensor>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Expected {
    loss: f64,
    objective: f64,
    gradient: BTreeMap<String, Tensor>,
}

fn build(case: &Case) -> Network {
    let penalties = case.penalties.as_ref().map_or(String::new(), |p| {
        let (tikhonov, smoothness) = (&p["tikhonov"], &p["smoothness"]);
        format!("penalties: (tikhonov: {tikhonov}, smoothness: {smoothness}),")
    });
    let source = format!(
        "(data: Flip(), network: {}, loss: \"{}\", {penalties}\
         training: (optimiser: Sgd(rate: 0.1), epochs: 1))",
        case.network, case.loss
    );
    let model = Model::parse(&source, Path::new("case.ron"), &[]).unwrap_or_else(|e| panic!("{e}"));
    let kind = match (&case.labels, &case.targets) {
        (Some(labels), _) => {
            let outputs = case.weights.get("head.bias").map_or(0, |b| b.shape[0]);
            let seen = labels.iter().max().map_or(0, |m| m + 1);
            Kind::Classes(if case.loss == "logistic" { 2 } else { outputs.max(seen) })
        }
        (_, Some(targets)) => Kind::Targets(targets[0].len()),
        _ => panic!("{}: no labels and no targets", case.name),
    };
    let schema = Schema {
        features: (1..=case.x[0].len()).map(|i| format!("x{i}")).collect(),
        labels: vec![Column::Number(0)],
        kind,
        class_names: None,
        standardisation: None,
    };
    model.network(&schema).unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

#[test]
fn loss_and_gradient_are_those_of_an_independent_program() {
    let text = include_str!("reference/gradients.json");
    let file: File = serde_json::from_str(text).expect("the reference numbers");
    assert!(file.cases.len() >= 12);
    for case in &file.cases {
        let network = build(case);
        let layout = network.layout();
        let ordered = |tensors: &BTreeMap<String, Tensor>| -> Vec<f64> {
            for (name, shape) in layout.expected() {
                assert_eq!(tensors[&name].shape, shape, "{}: {name}", case.name);
            }
            assert_eq!(tensors.len(), layout.entries().len(), "{}", case.name);
            let values = layout.entries().iter().map(|e| tensors[&e.name].values.as_slice());
            layout.from_values(values)
        };
        let theta = ordered(&case.weights);
        let expected = ordered(&case.expected.gradient);
        let x = Mat::from_fn(case.x[0].len(), case.x.len(), |i, j| case.x[j][i]);
        let values =
            case.targets.as_ref().map(|t| Mat::from_fn(t[0].len(), t.len(), |i, j| t[j][i]));
        let targets = match (&case.labels, &values) {
            (Some(labels), _) => Targets::Classes(labels),
            (_, Some(values)) => Targets::Values(values.as_ref()),
            _ => panic!("{}: no labels and no targets", case.name),
        };
        let samples: Vec<usize> = (0..case.x.len()).collect();
        let mut gradient = vec![0.0; theta.len()];
        let loss = Engine::new(&network)
            .gradient(&theta, x.as_ref(), targets, &samples, &mut gradient)
            .unwrap_or_else(|e| panic!("{}: {e:?}", case.name));
        let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let difference: Vec<f64> = gradient.iter().zip(&expected).map(|(a, b)| a - b).collect();
        let error = norm(&difference) / norm(&expected);
        assert!(error < 1e-12, "{}: gradient off by {error:e}", case.name);
        assert!((loss / case.expected.loss - 1.0).abs() < 1e-13, "{}: loss {loss}", case.name);
        let objective = loss + network.penalty(&theta, &mut gradient);
        let error = (objective / case.expected.objective - 1.0).abs();
        assert!(error < 1e-13, "{}: objective {objective}", case.name);
    }
}
