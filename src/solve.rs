//! Stand-in.
use serde::{Deserialize, Serialize};

fn max_steps() -> usize {
    100_000
}

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Stepping {
    Fixed {
        steps: usize,
    },
    Grid(Vec<f64>),
    Adaptive {
        rtol: f64,
        atol: f64,
        #[serde(default = "max_steps")]
        max_steps: usize,
    },
}
