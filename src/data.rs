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
        validation: Option<Validation>,
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

/// Stand-in.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Validation {
    Share(f64),
    File(Box<Source>),
}

impl<'de> Deserialize<'de> for Validation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&ron::value::RawValue>::deserialize(deserializer)?.get_ron();
        if let Ok(share) = crate::spec::OPTIONS.from_str::<f64>(text) {
            return Ok(Self::Share(share));
        }
        let file = crate::spec::OPTIONS.from_str(text);
        file.map(|source| Self::File(Box::new(source))).map_err(serde::de::Error::custom)
    }
}
