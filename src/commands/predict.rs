//! `kutta predict`: classes and scores, or targets, of new data by a trained run.

use serde::Serialize;

use crate::atomic;
use crate::cli;
use crate::data::{Kind, Schema};
use crate::network::{Engine, Network};

use super::run_folder::Run;
use super::{Output, Refusal, check_out};

/// A prediction in `--json`.
#[derive(Serialize)]
#[serde(untagged)]
enum Prediction {
    Class { sample: usize, class: String, scores: Vec<f64> },
    Targets { sample: usize, targets: Vec<f64> },
}

pub fn run(args: &cli::Predict, output: &Output) -> Result<(), Refusal> {
    args.out.as_deref().map_or(Ok(()), |out| check_out(out, &[&args.data]))?;
    let run = Run::open(&args.run, &[])?;
    let network = run.model.network(&run.schema)?;
    let weights = run.weights(&network)?;
    let features = run.features(&args.data, args.no_header, false)?;
    let outputs = Engine::new(&network).outputs(&weights, features.x.as_ref());
    let mut predictions = Vec::with_capacity(outputs.ncols());
    for (sample, z) in outputs.col_iter().enumerate() {
        let z: Vec<f64> = z.iter().copied().collect();
        if z.iter().any(|z| !z.is_finite()) {
            return Err(Refusal::work(format!(
                "{}: the outputs for sample {sample} (from 0) are not finite; its features may be far from those of \
                 the training",
                args.data.display()
            )));
        }
        predictions.push(Prediction::new(sample, z, &network, &run.schema));
    }
    let table = csv_of(&predictions, &run.schema)?;
    match &args.out {
        Some(path) => {
            atomic::write(path, &table).map_err(Refusal::request)?;
            let said = format!("{} predictions in {}", predictions.len(), path.display());
            output.report(said, &predictions)
        }
        None if output.json() => output.report("", &predictions),
        None => output.write(&table),
    }
}

impl Prediction {
    fn new(sample: usize, z: Vec<f64>, network: &Network, schema: &Schema) -> Prediction {
        match schema.kind {
            Kind::Classes(_) => {
                let class = class_name(schema, network.loss.class(&z));
                Prediction::Class { sample, class, scores: network.loss.scores(&z) }
            }
            Kind::Targets(_) => Prediction::Targets { sample, targets: z },
        }
    }

    fn record(&self) -> Vec<String> {
        let (sample, class, values) = match self {
            Prediction::Class { sample, class, scores } => (sample, Some(class), scores),
            Prediction::Targets { sample, targets } => (sample, None, targets),
        };
        let mut record = vec![sample.to_string()];
        record.extend(class.cloned());
        record.extend(values.iter().map(|value| format!("{value:?}")));
        record
    }
}

fn csv_of(predictions: &[Prediction], schema: &Schema) -> Result<Vec<u8>, Refusal> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header(schema)).map_err(Refusal::work)?;
    for prediction in predictions {
        writer.write_record(prediction.record()).map_err(Refusal::work)?;
    }
    writer.into_inner().map_err(|error| Refusal::work(error.to_string()))
}

/// `sample,class,score_0..` or `sample,y1..`
fn header(schema: &Schema) -> Vec<String> {
    let mut header = vec!["sample".to_owned()];
    match schema.kind {
        Kind::Classes(classes) => {
            header.push("class".to_owned());
            header.extend((0..classes).map(|k| format!("score_{}", class_name(schema, k))));
        }
        Kind::Targets(targets) => header.extend((1..=targets).map(|k| format!("y{k}"))),
    }
    header
}

/// The name of a class, or its number where labels were numbers.
fn class_name(schema: &Schema, class: usize) -> String {
    let names = schema.class_names.as_ref();
    names.and_then(|names| names.get(class).cloned()).unwrap_or_else(|| class.to_string())
}
