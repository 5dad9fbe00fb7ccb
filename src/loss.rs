//! Stand-in.
use serde::{Deserialize, Serialize};

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Penalties {
    #[serde(default)]
    pub tikhonov: f64,
    #[serde(default)]
    pub smoothness: f64,
}
