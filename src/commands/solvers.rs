//! A trained network under other solvers: what `swap`, `converge` and studies share.

use std::path::Path;

use faer::Mat;

use crate::converged::{self, Converged};
use crate::data::{Dataset, Samples};
use crate::network::{Engine, Network};
use crate::report::ReportError;
use crate::tableau::Tableau;
use crate::train::{Score, score};

use super::run_folder::Run;
use super::{Output, Refusal};

/// A run with what it takes to evaluate it.
pub struct Subject {
    pub run: Run,
    pub network: Network,
    pub dataset: Dataset,
    pub weights: Vec<f64>,
}

/// A network under one solver.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Under {
    /// NaN where a state is not finite.
    pub loss: f64,
    pub accuracy: Option<f64>,
    /// Of the final states from the converged flow's.
    pub distance: f64,
}

impl Subject {
    pub fn open(path: &Path) -> Result<Subject, Refusal> {
        let run = Run::open(path, &[])?;
        let dataset = run.dataset()?;
        let network = run.model.network(&dataset.schema)?;
        let weights = run.weights(&network)?;
        Ok(Subject { run, network, dataset, weights })
    }

    /// The samples that networks are judged by: of validation where there are some.
    pub fn judged_by(&self) -> (&'static str, &Samples) {
        match self.dataset.validation.count() {
            0 => ("training", &self.dataset.train),
            _ => ("validation", &self.dataset.validation),
        }
    }

    /// The converged flow on the samples that networks are judged by.
    pub fn converged(&self, tolerance: f64, output: &Output) -> Result<Converged, Refusal> {
        let samples = self.judged_by().1;
        let flow =
            converged::converged(&self.network, &self.weights, samples.x.as_ref(), tolerance)
                .map_err(Refusal::work)?;
        if !flow.settled {
            output.warn(format_args!(
                "with {} steps the final states still move by {:.1e} of their size, more than {tolerance:.0e}; the converged flow is known to that only",
                flow.steps, flow.change
            ));
        }
        Ok(flow)
    }

    /// Loss, accuracy and distance of a network with this one's weights.
    pub fn under(&self, network: &Network, flow: &Mat<f64>) -> Under {
        let samples = self.judged_by().1;
        let Score { loss, accuracy } = self.score(network, samples);
        let states = converged::final_states(network, &self.weights, samples.x.as_ref());
        let distance = converged::distance(states.as_ref(), flow.as_ref());
        Under { loss, accuracy, distance }
    }

    /// The same of this network with another method and so many equal steps.
    pub fn solved(&self, method: &Tableau<f64>, steps: usize, flow: &Mat<f64>) -> Under {
        self.under(&converged::resolved(&self.network, method, steps), flow)
    }

    /// The score, NaN where a state or the loss is not finite.
    pub fn score(&self, network: &Network, samples: &Samples) -> Score {
        score(&mut Engine::new(network), &self.weights, samples)
            .unwrap_or(Score { loss: f64::NAN, accuracy: None })
    }
}

/// Checks a tolerance as typed.
pub fn check_tolerance(tolerance: f64) -> Result<(), Refusal> {
    match tolerance > 0.0 && tolerance < 1.0 {
        true => Ok(()),
        false => Err(Refusal::request(format!(
            "--tolerance {tolerance}: a share of the size of the states, between 0 and 1, is needed"
        ))),
    }
}

/// Warns of a figure that could not be drawn.
pub fn keep(figure: Result<(), ReportError>, output: &Output) {
    if let Err(error) = figure {
        output.warn(format_args!("a figure is missing: {error}"));
    }
}
