//! The objective of a network on a data set.

use crate::data::{Dataset, Labels, Samples};
use crate::network::{Doubled, Engine, Halt, Network, Products, Targets, Unfinished};

use super::{Cause, Failure, Objective, Part, Score};

/// Mean loss of a network over a data set, plus penalties, as a function of its weights.
pub struct Fit<'a> {
    engine: Engine<'a>,
    data: &'a Dataset,
}

impl<'a> Fit<'a> {
    pub fn new(network: &'a Network, data: &'a Dataset) -> Fit<'a> {
        Fit { engine: Engine::new(network), data }
    }

    /// Mean loss over the training samples in `batch`, without penalties; its gradient overwrites `gradient`.
    ///
    /// # Errors
    /// [`Failure`], where the computation broke down.
    pub fn loss(
        &mut self,
        weights: &[f64],
        batch: &[usize],
        gradient: &mut [f64],
    ) -> Result<f64, Failure> {
        let samples = self.part(Part::Train);
        let (x, targets) = (samples.x.as_ref(), targets(&samples.labels));
        self.engine.gradient(weights, x, targets, batch, gradient).map_err(failure)
    }

    fn part(&self, part: Part) -> &'a Samples {
        match part {
            Part::Train => &self.data.train,
            Part::Validation => &self.data.validation,
        }
    }
}

/// Products of vectors with the second derivatives of the objective over all training samples, penalties included.
pub struct SecondOrder<'d, 'n> {
    products: Products<'d, 'n>,
    network: &'n Network,
    samples: &'d Samples,
    all: Vec<usize>,
    penalty: Vec<f64>,
}

impl<'d, 'n> SecondOrder<'d, 'n> {
    pub fn new(doubled: &'d Doubled<'n>, data: &'d Dataset) -> SecondOrder<'d, 'n> {
        SecondOrder {
            products: doubled.products(),
            network: doubled.plain(),
            samples: &data.train,
            all: (0..data.train.count()).collect(),
            penalty: vec![0.0; doubled.plain().n_parameters()],
        }
    }

    /// The product of the Hessian, or Gauss-Newton matrix, at `weights` with `v` overwrites `out`.
    ///
    /// # Errors
    /// [`Failure`], where the computation broke down.
    pub fn apply(&mut self, weights: &[f64], v: &[f64], out: &mut [f64]) -> Result<(), Failure> {
        let samples = (self.samples.x.as_ref(), targets(&self.samples.labels), &*self.all);
        self.products.apply(weights, v, samples, out).map_err(failure)?;
        // Penalties are squares: their gradient at v is their Hessian times v.
        self.penalty.fill(0.0);
        self.network.penalty(v, &mut self.penalty);
        out.iter_mut().zip(&self.penalty).for_each(|(o, p)| *o += p);
        Ok(())
    }
}

/// The labels as the network takes them.
pub fn targets(labels: &Labels) -> Targets<'_> {
    match labels {
        Labels::Classes(classes) => Targets::Classes(classes),
        Labels::Targets(values) => Targets::Values(values.as_ref()),
    }
}

/// Mean loss and accuracy over samples.
///
/// # Errors
/// [`Failure`], where a state or the loss is not finite.
pub fn score(
    engine: &mut Engine<'_>,
    weights: &[f64],
    samples: &Samples,
) -> Result<Score, Failure> {
    engine.score(weights, samples.x.as_ref(), targets(&samples.labels)).map_err(failure)
}

/// The same network over the grid that its flow chooses for samples, if it chooses one.
///
/// # Errors
/// [`Failure`], where the solver gives up.
pub fn frozen(
    network: &Network,
    weights: &[f64],
    samples: &Samples,
) -> Result<Option<Network>, Failure> {
    Engine::new(network).frozen(weights, samples.x.as_ref()).map_err(failure)
}

fn failure(unfinished: Unfinished) -> Failure {
    let Unfinished { sample, broken, halt } = unfinished;
    let Some(halt) = halt else {
        let cause = if broken.is_some() { Cause::State } else { Cause::Loss };
        let (time, stage) = (broken.map(|b| b.t), broken.and_then(|b| b.stage));
        return Failure { time, stage, sample: Some(sample), ..Failure::new(cause) };
    };
    let (cause, stage) = match halt {
        Halt::NotFinite { stage, .. } => (Cause::State, stage),
        Halt::TooSmall { .. } => (Cause::StepSize, None),
        Halt::Steps { steps, .. } => (Cause::Steps { steps }, None),
        Halt::NoAdjoint(_) => (Cause::NoAdjoint, None),
        Halt::Newton { .. } | Halt::Solver { .. } => (Cause::Implicit, None),
    };
    let sample = halt.sample().map(|_| sample);
    Failure { time: Some(halt.time()), stage, sample, ..Failure::new(cause) }
}

impl Objective for Fit<'_> {
    fn parameters(&self) -> usize {
        self.engine.network().n_parameters()
    }

    fn samples(&self, part: Part) -> usize {
        self.part(part).count()
    }

    fn gradient(
        &mut self,
        weights: &[f64],
        batch: &[usize],
        gradient: &mut [f64],
    ) -> Result<f64, Failure> {
        let loss = self.loss(weights, batch, gradient)?;
        Ok(loss + self.engine.network().penalty(weights, gradient))
    }

    fn evaluate(&mut self, weights: &[f64], part: Part) -> Result<Score, Failure> {
        let samples = self.part(part);
        score(&mut self.engine, weights, samples)
    }
}
