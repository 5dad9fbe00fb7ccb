//! Stand-in.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

fn five() -> usize {
    5
}
fn thousand() -> usize {
    1000
}
fn yes() -> bool {
    true
}

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Source {
    Peaks {
        #[serde(default = "five")]
        classes: usize,
        #[serde(default = "thousand")]
        train: usize,
        #[serde(default = "thousand")]
        validation: usize,
    },
    Csv {
        path: PathBuf,
        #[serde(default)]
        label: Option<ron::Value>,
        #[serde(default = "yes")]
        header: bool,
        #[serde(default)]
        validation: Option<ron::Value>,
    },
    Npz {
        path: PathBuf,
        labels: Option<String>,
    },
    Idx {
        images: PathBuf,
        labels: PathBuf,
    },
}
