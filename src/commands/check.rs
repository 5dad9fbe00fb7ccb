//! `kutta check MODEL..`: everything that can be known of models without training.

use std::path::{Path, PathBuf};

use ron::ser::PrettyConfig;
use serde::Serialize;
use serde_json::json;

use super::{Output, Refusal, overrides};
use crate::cli::Check;
use crate::control::Basis;
use crate::data::{Dataset, Kind, Labels, Samples};
use crate::field::SymbolicField;
use crate::network::{Engine, Head, Network, Opening};
use crate::report::table::Table;
use crate::spec::{FieldSpec, Model, SpecError};
use crate::train::{TrainError, frozen};

pub fn run(args: &Check, output: &Output) -> Result<(), Refusal> {
    let overrides = overrides(&args.changes);
    let checked: Vec<(&PathBuf, Result<Report, SpecError>)> =
        args.models.iter().map(|path| (path, check(path, &overrides))).collect();
    let texts = checked.iter().filter_map(|(_, result)| Some(result.as_ref().ok()?.to_string()));
    let texts: Vec<String> = texts.collect();
    let entries: Vec<serde_json::Value> = checked
        .iter()
        .map(|(path, result)| match result {
            Ok(report) => json!(report),
            Err(error) => json!({ "model": path, "error": error.to_string() }),
        })
        .collect();
    if output.json() || !texts.is_empty() {
        output.report(texts.join("\n\n"), &entries)?;
    }
    let mut errors: Vec<SpecError> = checked.into_iter().filter_map(|(_, r)| r.err()).collect();
    match errors.len() {
        0 => Ok(()),
        1 => Err(errors.remove(0).into()),
        wrong => {
            errors.iter().for_each(|error| output.say(format!("error: {error}\n")));
            Err(Refusal::request(format!("{wrong} of {} models are wrong", args.models.len())))
        }
    }
}

#[derive(Serialize)]
struct Report {
    model: PathBuf,
    data: DataFacts,
    network: NetworkFacts,
    /// None for a plain ODE.
    training: Option<TrainingFacts>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct DataFacts {
    features: usize,
    kind: Kind,
    train: usize,
    validation: usize,
    /// Samples of each class, for classification.
    train_classes: Option<Vec<usize>>,
    validation_classes: Option<Vec<usize>>,
    class_names: Option<Vec<String>>,
    standardised: bool,
    /// Features without variance in the training part; standardised they are 0.
    constant_features: usize,
}

#[derive(Serialize)]
struct NetworkFacts {
    width: usize,
    outputs: usize,
    opening: Opening,
    field: String,
    rhs: Vec<String>,
    controls: Basis,
    coefficients: usize,
    horizon: f64,
    method: String,
    order: usize,
    stages: usize,
    steps: usize,
    /// By their error, at the initial weights; others will have other steps.
    steps_chosen: bool,
    shortest_step: f64,
    longest_step: f64,
    head: Head,
    loss: String,
    tensors: Vec<TensorFacts>,
    parameters: usize,
}

#[derive(Serialize)]
struct TensorFacts {
    name: String,
    shape: Vec<usize>,
    parameters: usize,
}

/// Work is counted in floating-point operations of matrix products.
#[derive(Serialize)]
struct TrainingFacts {
    epochs: usize,
    batch: usize,
    updates_per_epoch: usize,
    forward_flop_per_sample: usize,
    /// Of an epoch: gradients, and loss and accuracy of both parts at its end.
    gradient_flop: usize,
    evaluation_flop: usize,
    block_samples: usize,
    tape_bytes: usize,
}

fn check(path: &Path, overrides: &[String]) -> Result<Report, SpecError> {
    let model = Model::read(path, overrides)?;
    let data = model.dataset()?;
    let network = model.network(&data.schema)?;
    let field = model.field(network.width())?;
    if data.train.count() == 0 {
        return Err(model.build_error("data", TrainError::NoSamples));
    }
    if model.training.stop.is_some() && data.validation.count() == 0 {
        return Err(model.build_error("training.stop", TrainError::NoValidation));
    }
    let stages = match model.implicit() {
        Some(_) => 0,
        None => model.tableau()?.stages(),
    };
    let mut warnings = warnings(&model, &network, &data);
    let frozen = match frozen(&network, &network.initial(model.seed), &data.train) {
        Ok(frozen) => frozen,
        Err(failure) => {
            warnings.push(format!("at the initial weights: {failure}; {}", failure.remedy()));
            None
        }
    };
    let chosen = frozen.is_some();
    let network = frozen.as_ref().unwrap_or(&network);
    Ok(Report {
        model: path.to_owned(),
        data: data_facts(&data),
        network: network_facts(&model, network, &field, (stages, chosen)),
        training: (!model.is_plain()).then(|| training_facts(&model, network, &data)),
        warnings,
    })
}

fn data_facts(data: &Dataset) -> DataFacts {
    let schema = &data.schema;
    let constant = |row: &faer::RowRef<'_, f64>| row.iter().all(|x| *x == row[0]);
    DataFacts {
        features: schema.features.len(),
        kind: schema.kind,
        train: data.train.count(),
        validation: data.validation.count(),
        train_classes: balance(&data.train, schema.kind),
        validation_classes: balance(&data.validation, schema.kind),
        class_names: schema.class_names.clone(),
        standardised: schema.standardisation.is_some(),
        constant_features: data.train.x.row_iter().filter(constant).count(),
    }
}

/// Samples of each class.
fn balance(samples: &Samples, kind: Kind) -> Option<Vec<usize>> {
    let (Kind::Classes(classes), Labels::Classes(labels)) = (kind, &samples.labels) else {
        return None;
    };
    let mut counts = vec![0; classes];
    for &label in labels {
        if let Some(count) = counts.get_mut(label) {
            *count += 1;
        }
    }
    Some(counts)
}

fn network_facts(
    model: &Model,
    network: &Network,
    field: &SymbolicField,
    (stages, steps_chosen): (usize, bool),
) -> NetworkFacts {
    let spec = &model.network;
    let flow = &network.flow;
    let steps = || flow.grid.windows(2).map(|pair| pair[1] - pair[0]);
    let tensors = network.layout().entries().iter().map(|entry| TensorFacts {
        name: entry.name.clone(),
        shape: entry.shape(),
        parameters: entry.shape().iter().product(),
    });
    let outputs = &field.kernel().formula().outputs;
    NetworkFacts {
        width: network.width(),
        outputs: network.outputs(),
        opening: spec.opening.clone(),
        field: match &spec.field {
            FieldSpec::Named { name, .. } => name.clone(),
            FieldSpec::Formula(_) => "formula".to_owned(),
        },
        rhs: outputs.iter().map(|(block, rhs)| format!("{}' = {rhs}", block.name)).collect(),
        controls: spec.controls,
        coefficients: flow.controls.coefficients(),
        horizon: spec.horizon,
        method: flow.tableau.name.clone(),
        order: flow.tableau.order,
        stages,
        steps: flow.steps(),
        steps_chosen,
        shortest_step: steps().fold(f64::INFINITY, f64::min),
        longest_step: steps().fold(0.0, f64::max),
        head: spec.head,
        loss: network.loss.name().to_owned(),
        tensors: tensors.collect(),
        parameters: network.n_parameters(),
    }
}

fn training_facts(model: &Model, network: &Network, data: &Dataset) -> TrainingFacts {
    let (train, validation) = (data.train.count(), data.validation.count());
    let forward = forward_flops(network);
    let batch = model.training.batch.unwrap_or(train).min(train);
    let block = batch.div_ceil(Engine::new(network).blocks(batch, true));
    TrainingFacts {
        epochs: model.training.epochs,
        batch,
        updates_per_epoch: train.div_ceil(batch.max(1)),
        forward_flop_per_sample: forward,
        gradient_flop: 3 * forward * train,
        evaluation_flop: forward * (train + validation),
        block_samples: block,
        tape_bytes: network.flow.tape_rows() * block * size_of::<f64>(),
    }
}

/// Floating-point operations of the matrix products of a sample on its way forward.
pub(super) fn forward_flops(network: &Network) -> usize {
    network.work(1, false).map_or(0, |work| work.blocks.flop())
}

fn warnings(model: &Model, network: &Network, data: &Dataset) -> Vec<String> {
    let mut warnings = model.warnings(network);
    let train = data.train.count();
    if let Some(batch) = model.training.batch.filter(|&batch| batch > train) {
        warnings.push(format!(
            "training.batch is {batch}, more than the {train} training samples: each update takes all of them"
        ));
    }
    if data.validation.count() == 0 && !model.is_plain() {
        warnings.push("there are no validation samples: overfitting will not be seen".to_owned());
    }
    if data.schema.kind == Kind::Classes(1) {
        warnings.push("all samples are of one class: there is nothing to tell apart".to_owned());
    }
    for (part, samples) in [("training", &data.train), ("validation", &data.validation)] {
        let counts = balance(samples, data.schema.kind).unwrap_or_default();
        let missing = counts.iter().enumerate().filter(|(_, count)| **count == 0);
        let missing: Vec<String> = missing.map(|(class, _)| class.to_string()).collect();
        if samples.count() > 0 && !missing.is_empty() {
            warnings.push(format!("no {part} sample is of class {}", missing.join(", ")));
        }
    }
    warnings
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (data, network, training) = (&self.data, &self.network, &self.training);
        let mut table = Table::new([""; 0]);
        let mut line = |key: &str, value: String| {
            table.row([key, &value]);
        };
        let mut features = count(data.features, "feature");
        if data.constant_features > 0 {
            features += &format!(" ({} constant)", data.constant_features);
        }
        if data.standardised {
            features += ", standardised";
        }
        line(
            "data",
            format!(
                "{} training and {} validation samples, {features}, {}",
                data.train, data.validation, data.kind
            ),
        );
        let classes = [("training", &data.train_classes), ("validation", &data.validation_classes)];
        for (part, counts) in classes.into_iter().filter_map(|(p, c)| Some((p, c.as_ref()?))) {
            line("", format!("{part} samples by class: {}", list(counts)));
        }
        if let Some(names) = &data.class_names {
            line("", format!("classes: {}", names.join(", ")));
        }
        line(
            "network",
            format!(
                "{} -> {} -> {}, {}",
                count(data.features, "feature"),
                count(network.width, "state"),
                count(network.outputs, "output"),
                count(network.parameters, "parameter")
            ),
        );
        line("opening", written(&network.opening));
        line("field", format!("{}: {}", network.field, network.rhs.join(", ")));
        line(
            "weights in time",
            format!(
                "{}, {}",
                written(&network.controls),
                count(network.coefficients, "coefficient")
            ),
        );
        line("head", format!("{}, loss {}", written(&network.head), network.loss));
        line(
            "method",
            format!(
                "{}, order {}, {}",
                network.method,
                network.order,
                count(network.stages, "stage")
            ),
        );
        let (short, long) = (network.shortest_step, network.longest_step);
        // Equal steps differ by rounding.
        let steps = match long - short <= 1e-9 * long {
            true => format!("of {long}"),
            false => format!("from {short} to {long}"),
        };
        let chosen = if network.steps_chosen { ", chosen at the initial weights" } else { "" };
        line("steps", format!("{} {steps} on [0, {}]{chosen}", network.steps, network.horizon));
        if let Some(training) = training {
            line(
                "training",
                format!(
                    "{} of {}, batches of {}",
                    count(training.epochs, "epoch"),
                    count(training.updates_per_epoch, "update"),
                    training.batch
                ),
            );
            line(
                "work",
                format!(
                    "{} forward a sample; an epoch {} for gradients and {} for evaluation",
                    scaled(training.forward_flop_per_sample, "FLOP"),
                    scaled(training.gradient_flop, "FLOP"),
                    scaled(training.evaluation_flop, "FLOP")
                ),
            );
            line(
                "tape",
                format!(
                    "{} for a block of {} samples",
                    scaled(training.tape_bytes, "B"),
                    training.block_samples
                ),
            );
        }
        let mut tensors = Table::new(["tensor", "shape", "parameters"]);
        for tensor in &network.tensors {
            let shape = format!("{:?}", tensor.shape);
            tensors.row([tensor.name.clone(), shape, tensor.parameters.to_string()]);
        }
        write!(f, "{}\n\n{table}\n{}", self.model.display(), tensors.to_string().trim_end())?;
        self.warnings.iter().try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

/// 1 stage, 4 stages.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The first numbers of a list that may be long.
fn list(numbers: &[usize]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = numbers.iter().take(SHOWN).map(usize::to_string).collect();
    let more = numbers.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(" ") + &more
}

/// A value as it stands in a model file.
fn written(value: &impl Serialize) -> String {
    let one_line = PrettyConfig::new().depth_limit(0);
    crate::dialect::RON.to_string_pretty(value, one_line).unwrap_or_default()
}

/// 12345678 FLOP as 12.3 MFLOP.
fn scaled(number: usize, unit: &str) -> String {
    let prefixes = ["", "k", "M", "G", "T", "P"];
    let thousands = (number.max(1).ilog10() / 3).min(5);
    let prefix = prefixes.get(thousands as usize).copied().unwrap_or_default();
    match thousands {
        0 => format!("{number} {unit}"),
        _ => format!("{:.3} {prefix}{unit}", number as f64 / 1000f64.powi(thousands as i32)),
    }
}
