//! Stand-in.
use serde::{Deserialize, Serialize};

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableauFile {
    pub a: Vec<Vec<String>>,
    pub b: Vec<String>,
    pub b_hat: Option<Vec<String>>,
    pub c: Option<Vec<String>>,
    pub order: Option<usize>,
    pub embedded_order: Option<usize>,
    pub digits: Option<u32>,
    pub name: Option<String>,
    pub citation: Option<String>,
    #[serde(default)]
    pub aliases: Vec<String>,
}
