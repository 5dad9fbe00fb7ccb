//! What is minimised, as the training loop sees it: a function of a flat vector of weights.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::network::Score;

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The samples that the gradient sees.
    Train,
    /// The samples kept back; there may be none.
    Validation,
}

/// A function to be minimised, J(w) = mean over samples of loss(w) + penalties(w).
///
/// The same weights and the same batch must give the same bits at every call: resuming a run
/// rests on it.
pub trait Objective {
    /// Length of the weight vector.
    fn parameters(&self) -> usize;

    /// Number of samples of a part.
    fn samples(&self, part: Part) -> usize;

    /// Mean loss over the training samples in `batch`, plus penalties; its gradient overwrites
    /// `gradient`, which has the length of `weights`.
    ///
    /// # Errors
    /// [`Failure`], where the computation broke down.
    fn gradient(
        &mut self,
        weights: &[f64],
        batch: &[usize],
        gradient: &mut [f64],
    ) -> Result<f64, Failure>;

    /// Loss and accuracy over a whole part, asked for only if the part has samples.
    ///
    /// # Errors
    /// [`Failure`], where the computation broke down.
    fn evaluate(&mut self, weights: &[f64], part: Part) -> Result<Score, Failure>;
}

/// How a computation broke down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A state of the network is not finite.
    State,
    /// The loss is not finite.
    Loss,
    /// The error asks for steps that do not move the time.
    StepSize,
    /// The limit on steps is reached.
    Steps {
        /// The limit.
        steps: usize,
    },
    /// The equations of an implicit step have not been solved.
    Implicit,
    /// There is no gradient through the steps of the method.
    NoAdjoint,
    /// An entry of the gradient is not finite.
    Gradient {
        /// Its index in the weight vector.
        parameter: usize,
    },
    /// An update made a weight that is not finite.
    Weight {
        /// Its index in the weight vector.
        parameter: usize,
    },
}

/// Where a value stopped being finite; each place as far as it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// What happened.
    pub cause: Cause,
    /// Time of the stage, t_n + c_i h_n.
    pub time: Option<f64>,
    /// Stage of the step, counted from 1.
    pub stage: Option<usize>,
    /// Index of the sample in its part, from 0.
    pub sample: Option<usize>,
}

impl Failure {
    /// A failure of which no place is known.
    pub fn new(cause: Cause) -> Self {
        Failure { cause, time: None, stage: None, sample: None }
    }

    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self.cause {
            Cause::State => "take more steps, another method, or a smaller rate",
            Cause::Steps { .. } => "raise max_steps, loosen the tolerances, or try a smaller rate",
            Cause::NoAdjoint => "train with an explicit pair such as \"dopri5\"",
            Cause::StepSize | Cause::Implicit => "loosen the tolerances, or try a smaller rate",
            _ => "try a smaller rate",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::State => write!(f, "the state is not finite")?,
            Cause::Loss => write!(f, "the loss is not finite")?,
            Cause::StepSize => write!(f, "the steps become too small to move the time")?,
            Cause::Steps { steps } => write!(f, "the limit of {steps} steps is reached")?,
            Cause::NoAdjoint => write!(f, "the method solves forward only")?,
            Cause::Implicit => write!(f, "the equations of an implicit step are not solved")?,
            Cause::Gradient { parameter } => {
                write!(f, "the gradient by parameter {parameter} is not finite")?;
            }
            Cause::Weight { parameter } => {
                write!(f, "the update of parameter {parameter} is not finite")?;
            }
        }
        let places = [
            self.time.map(|time| format!("time {time}")),
            self.stage.map(|stage| format!("stage {stage}")),
            self.sample.map(|sample| format!("sample {sample}")),
        ];
        let places: Vec<String> = places.into_iter().flatten().collect();
        if places.is_empty() { Ok(()) } else { write!(f, " at {}", places.join(", ")) }
    }
}

/// The value, or the failure of this cause if it is not finite.
pub(super) fn finite(value: f64, cause: Cause) -> Result<f64, Failure> {
    if value.is_finite() { Ok(value) } else { Err(Failure::new(cause)) }
}

/// Checks a vector over the parameters; `cause` is given the index of the first bad entry.
pub(super) fn all_finite(values: &[f64], cause: impl Fn(usize) -> Cause) -> Result<(), Failure> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(parameter) => Err(Failure::new(cause(parameter))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_all_it_knows_and_no_more() {
        let failure = Failure {
            time: Some(1.5),
            stage: Some(2),
            sample: Some(17),
            ..Failure::new(Cause::State)
        };
        assert_eq!(failure.to_string(), "the state is not finite at time 1.5, stage 2, sample 17");
        let failure = Failure { sample: Some(3), ..Failure::new(Cause::Loss) };
        assert_eq!(failure.to_string(), "the loss is not finite at sample 3");
        let failure = Failure::new(Cause::Gradient { parameter: 4 });
        assert_eq!(failure.to_string(), "the gradient by parameter 4 is not finite");
    }
}
