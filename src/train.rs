//! Stand-in.
use serde::{Deserialize, Serialize};

fn ten() -> usize {
    10
}
fn beta1() -> f64 {
    0.9
}
fn beta2() -> f64 {
    0.999
}
fn epsilon() -> f64 {
    1e-8
}
fn decay() -> f64 {
    0.01
}

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub optimiser: Optimiser,
    pub epochs: usize,
    #[serde(default)]
    pub batch: Option<usize>,
    #[serde(default = "ten")]
    pub checkpoint: usize,
    #[serde(default)]
    pub stop: Option<EarlyStop>,
}

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStop {
    pub patience: usize,
    #[serde(default)]
    pub min_delta: f64,
}

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Optimiser {
    Sgd {
        rate: f64,
        #[serde(default)]
        momentum: f64,
        #[serde(default)]
        nesterov: bool,
        #[serde(default)]
        schedule: Schedule,
    },
    Adam {
        rate: f64,
        #[serde(default = "beta1")]
        beta1: f64,
        #[serde(default = "beta2")]
        beta2: f64,
        #[serde(default = "epsilon")]
        epsilon: f64,
        #[serde(default)]
        schedule: Schedule,
    },
    AdamW {
        rate: f64,
        #[serde(default = "decay")]
        decay: f64,
        #[serde(default = "beta1")]
        beta1: f64,
        #[serde(default = "beta2")]
        beta2: f64,
        #[serde(default = "epsilon")]
        epsilon: f64,
        #[serde(default)]
        schedule: Schedule,
    },
}

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Schedule {
    #[default]
    Constant,
    Cosine,
    CosineTo {
        share: f64,
    },
    Step {
        every: usize,
        factor: f64,
    },
    Warmup {
        epochs: usize,
        then: Box<Schedule>,
    },
}
