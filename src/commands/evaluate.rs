//! `kutta evaluate`: loss and accuracy of a trained run, also under another method, number of steps or data.

use serde::Serialize;

use crate::cli;
use crate::data::Samples;
use crate::network::{Engine, Network};
use crate::train::{Score, score};

use super::run_folder::Run;
use super::scores::{self, Line};
use super::steps::{Chosen, described};
use super::{Output, Refusal};

#[derive(Serialize)]
struct Parts {
    method: String,
    steps: usize,
    /// Of the training samples, or of the other data; none for a grid that is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<Chosen>,
    train_loss: f64,
    train_accuracy: Option<f64>,
    validation_loss: Option<f64>,
    validation_accuracy: Option<f64>,
}

#[derive(Serialize)]
struct OtherData {
    method: String,
    steps: usize,
    /// Of the training samples, or of the other data; none for a grid that is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    chosen: Option<Chosen>,
    samples: usize,
    loss: f64,
    accuracy: Option<f64>,
}

/// The absolute tolerance as a share of the relative one.
const ATOL: f64 = 0.01;

pub fn run(args: &cli::Evaluate, output: &Output) -> Result<(), Refusal> {
    let method = args.method.iter().map(|method| format!("network.method={method}"));
    let steps = args.steps.iter().map(|steps| format!("network.stepping=Fixed(steps: {steps})"));
    let chosen = args
        .rtol
        .iter()
        .map(|rtol| format!("network.stepping=Adaptive(rtol: {rtol:e}, atol: {:e})", ATOL * rtol));
    let run = Run::open(&args.run, &method.chain(steps).chain(chosen).collect::<Vec<_>>())?;
    let network = run.model.network(&run.schema)?;
    let weights = run.weights(&network)?;
    for warning in run.model.warnings(&network) {
        output.warn(warning);
    }
    let mut engine = Engine::new(&network);
    engine.tells_errors = true;
    let mut scored = |samples: &Samples| {
        let score = score(&mut engine, &weights, samples).map_err(|failure| {
            let remedy = failure.remedy();
            let described = described(&network, None);
            Refusal::work(format!("{described}: {failure}; {remedy}"))
        })?;
        let chosen = Chosen::of(&engine);
        if let Some(warning) = chosen.as_ref().and_then(Chosen::warning) {
            output.warn(warning);
        }
        Ok::<_, Refusal>((score, chosen))
    };
    let method = network.flow.tableau.name.clone();
    let steps = |chosen: &Option<Chosen>| {
        chosen.as_ref().map_or(network.flow.steps(), |chosen| chosen.accepted)
    };
    if let Some(file) = &args.data {
        let found = run.features(file, args.no_header, true)?;
        let labels = found.labels.ok_or_else(|| {
            let file = file.display();
            Refusal::request(format!(
                "{file} has no labels to judge by: name their columns as the training data did, or use `kutta predict`"
            ))
        })?;
        let data = Samples { x: found.x, labels };
        let (score, chosen) = scored(&data)?;
        let text = text(&network, chosen.as_ref(), &[line("data", &data, score)]);
        let Score { loss, accuracy } = score;
        let (samples, steps) = (data.count(), steps(&chosen));
        return output.report(text, &OtherData { method, steps, chosen, samples, loss, accuracy });
    }
    let dataset = run.dataset()?;
    let (train, chosen) = scored(&dataset.train)?;
    let validation = match dataset.validation.count() {
        0 => None,
        _ => Some(scored(&dataset.validation)?.0),
    };
    let mut lines = vec![line("training", &dataset.train, train)];
    lines.extend(validation.map(|score| line("validation", &dataset.validation, score)));
    let text = text(&network, chosen.as_ref(), &lines);
    let parts = Parts {
        method,
        steps: steps(&chosen),
        chosen,
        train_loss: train.loss,
        train_accuracy: train.accuracy,
        validation_loss: validation.map(|score| score.loss),
        validation_accuracy: validation.and_then(|score| score.accuracy),
    };
    output.report(text, &parts)
}

fn text(network: &Network, chosen: Option<&Chosen>, lines: &[Line<'_>]) -> String {
    format!("{}\n\n{}", described(network, chosen), scores::table(lines))
}

fn line<'a>(part: &'a str, samples: &Samples, score: Score) -> Line<'a> {
    let Score { loss, accuracy } = score;
    Line { part, samples: Some(samples.count()), loss, accuracy }
}
