//! `kutta gradient MODEL`: the mean loss over the training set and its exact gradient.

use std::path::PathBuf;

use serde::Serialize;

use super::{Output, Refusal, check_out, read_model};
use crate::cli::Gradient;
use crate::network::Network;
use crate::report::table::Table;
use crate::train::{Cause, Failure, Fit};
use crate::weights::{self, Tensor};

#[derive(Serialize)]
struct Report {
    samples: usize,
    parameters: usize,
    loss: f64,
    objective: f64,
    gradient_norm: f64,
    tensors: Vec<TensorNorm>,
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct TensorNorm {
    name: String,
    shape: Vec<usize>,
    norm: f64,
}

pub fn run(args: &Gradient, output: &Output) -> Result<(), Refusal> {
    let mut inputs = vec![args.model.model.as_path()];
    inputs.extend(args.weights.as_deref());
    args.out.as_deref().map_or(Ok(()), |out| check_out(out, &inputs))?;
    let model = read_model(&args.model)?;
    model.check_trainable()?;
    let data = model.dataset()?;
    let network = model.network(&data.schema)?;
    model.warnings(&network).iter().for_each(|warning| output.warn(warning));
    let layout = network.layout();
    let theta = match &args.weights {
        Some(path) => {
            let tensors = weights::read(path, &layout.expected()).map_err(Refusal::request)?;
            layout.from_values(tensors.iter().map(|tensor| tensor.values.as_slice()))
        }
        None => network.initial(model.seed),
    };

    let mut gradient = vec![0.0; theta.len()];
    let everything: Vec<usize> = (0..data.train.count()).collect();
    let loss = Fit::new(&network, &data).loss(&theta, &everything, &mut gradient);
    let loss = loss.map_err(|failure| failed(&network, &failure))?;
    if let Some(parameter) = gradient.iter().position(|g| !g.is_finite()) {
        return Err(failed(&network, &Failure::new(Cause::Gradient { parameter })));
    }
    let objective = loss + network.penalty(&theta, &mut vec![0.0; theta.len()]);

    let tensors: Vec<Tensor> = layout
        .to_tensors(&gradient)
        .into_iter()
        .map(|(name, shape, values)| Tensor { name, shape, values })
        .collect();
    if let Some(path) = &args.out {
        weights::write(path, &tensors).map_err(Refusal::work)?;
    }
    let report = Report {
        samples: everything.len(),
        parameters: theta.len(),
        loss,
        objective,
        gradient_norm: norm(&gradient),
        tensors: tensors
            .into_iter()
            .map(|Tensor { name, shape, values }| TensorNorm { norm: norm(&values), name, shape })
            .collect(),
        out: args.out.clone(),
    };
    output.report(text(&report), &report)
}

/// A value that is not finite, with the tensor it belongs to where that is known.
pub(super) fn failed(network: &Network, failure: &Failure) -> Refusal {
    let tensor = match failure.cause {
        Cause::Gradient { parameter } | Cause::Weight { parameter } => {
            network.layout().locate(parameter)
        }
        _ => None,
    };
    let tensor = tensor.map_or(String::new(), |name| format!(", in {name}"));
    Refusal::work(format!("{failure}{tensor}; {}", failure.remedy()))
}

/// Without overflow of the squares.
fn norm(values: &[f64]) -> f64 {
    faer::ColRef::from_slice(values).norm_l2()
}

fn text(report: &Report) -> String {
    let mut table = Table::new(["tensor", "shape", "gradient norm"]);
    for tensor in &report.tensors {
        let shape = format!("{:?}", tensor.shape);
        table.row([tensor.name.clone(), shape, format!("{:.6e}", tensor.norm)]);
    }
    let total = format!("[{}]", report.parameters);
    table.row(["all".to_owned(), total, format!("{:.6e}", report.gradient_norm)]);
    let out = report.out.as_ref();
    let out = out.map_or(String::new(), |path| format!("\ngradient written to {}", path.display()));
    format!(
        "loss       {:?} (mean over {} training samples)\nobjective  {:?} (with penalties)\n\n{}{out}",
        report.loss,
        report.samples,
        report.objective,
        table.to_string().trim_end()
    )
}
