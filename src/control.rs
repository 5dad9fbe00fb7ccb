//! Stand-in.
use serde::{Deserialize, Serialize};

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Basis {
    Constant,
    PiecewiseConstant { cells: usize },
    PiecewiseLinear { nodes: usize },
    Legendre { degree: usize },
}
