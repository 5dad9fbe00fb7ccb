//! Stand-in.
use serde::{Deserialize, Serialize};

fn tanh() -> String {
    "tanh".into()
}

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Opening {
    Dense {
        width: usize,
        #[serde(default = "tanh")]
        activation: String,
    },
    Pad {
        width: usize,
    },
    Identity,
}

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub enum Head {
    #[default]
    Linear,
    Identity,
}
