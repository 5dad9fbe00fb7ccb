//! The `data` section of a model file.

use std::fmt;
use std::path::{Path, PathBuf};

use ron::value::RawValue;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::generate::{self, Wanted};
use super::{DataError, Dataset, file};
use crate::dialect::RON;

/// Where samples come from. The variants are written in a model file as they stand here.
///
/// Generated data are never standardised; features of files are, unless `standardise: false`.
/// Where points are drawn for classes, each class gets the same number; when the count does not
/// divide, the first classes get one more. `validation: 0` and a missing `validation` leave the
/// validation part empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the fields are explained at their variants
pub enum Source {
    /// Level sets of MATLAB's `peaks` on a 256 x 256 grid over [-3, 3]^2: heights cut into equal
    /// bins, the classes, and points drawn with replacement from the grid points of each
    /// (Meganet.m, `setupPeaks`; Haber & Ruthotto 2017).
    Peaks {
        #[serde(default = "five")]
        classes: usize,
        #[serde(default = "thousand")]
        train: usize,
        #[serde(default = "thousand")]
        validation: usize,
    },
    /// Class 0 with radius U(0, 1), class 1 with radius U(1, 2), angle U(0, 2 pi), the second
    /// coordinate times 0.4 (Meganet.m, `setupCircle`; Haber & Ruthotto 2017).
    Ellipses {
        #[serde(default = "thousand")]
        train: usize,
        #[serde(default = "thousand")]
        validation: usize,
    },
    /// Two arms with radii 0 .. 1 and 0.2 .. 1.2 at angles 0 .. 4 pi, `train` evenly spaced points
    /// an arm; of both arms in a row every second point is for validation, so the parts are of one
    /// size. With train = 2n + 1 the angles go in 2n steps, which is Meganet.m's `setupSwissRoll`
    /// (Haber & Ruthotto 2017). Nothing is random. Another number of validation points is taken in
    /// the same way from arms of that many points.
    SwissRoll {
        #[serde(default = "thousand")]
        train: usize,
        #[serde(default = "thousand")]
        validation: usize,
    },
    /// Arm k of m, the class k: s ~ U(0, 1), radius 0.1 + 0.9 s, angle from 0.1 to 2 pi turns
    /// with s, plus 2 pi k/m, plus normal noise in each coordinate (after `spiral2d` of Benning,
    /// Celledoni, Ehrhardt, Owren & Schönlieb 2019, where s is evenly spaced and the noise 0.05).
    Spirals {
        #[serde(default = "two")]
        arms: usize,
        #[serde(default = "one_turn")]
        turns: f64,
        #[serde(default)]
        noise: f64,
        #[serde(default = "thousand")]
        train: usize,
        #[serde(default = "thousand")]
        validation: usize,
    },
    /// Concentric rings about the origin, `classes[k]` those of class k, each with its own number
    /// of training points spread evenly over its area; validation points in the same proportions.
    Rings {
        classes: Vec<Vec<Ring>>,
        #[serde(default = "thousand")]
        validation: usize,
    },
    /// `donut2d` of Benning, Celledoni, Ehrhardt, Owren & Schönlieb (2019): class 1 is the core
    /// with density exp(-r²/(2 0.1²)), class 0 the ring with density exp(-(r - 0.5)²/(2 0.1²)) in
    /// the plane, r the radius; then normal noise of 0.1 in each coordinate.
    Donut {
        #[serde(default = "thousand")]
        train: usize,
        #[serde(default = "thousand")]
        validation: usize,
    },
    /// `squares2d` of Benning et al. (2019): points even over [-0.7, 0.7]^2, class 1 where
    /// x1 x2 > 0 and class 0 in the other two squares, then normal noise of 0.1 in each
    /// coordinate. Both classes get the same number of points, in the paper on average only.
    Squares {
        #[serde(default = "thousand")]
        train: usize,
        #[serde(default = "thousand")]
        validation: usize,
    },
    /// The flow that no ODE on the line has: -1 to 1 and 1 to -1, as regression with the target
    /// y1 = -x1; half of the samples at each point (Dupont, Doucet & Teh 2019).
    Flip {
        #[serde(default = "hundred")]
        train: usize,
        #[serde(default = "hundred")]
        validation: usize,
    },
    /// Initial states of a plain ODE, each a list of the width's numbers, blocks of a state one after the other.
    /// There is nothing to learn from them; `kutta solve` solves from each.
    Initial(Vec<Vec<f64>>),
    /// Comma-separated text, a sample a line. One column is the `label`, or several are `targets`;
    /// all others are features. Text labels become classes in sorted order, integers must be
    /// 0, 1, .. without a gap.
    Csv {
        path: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<Column>,
        #[serde(default = "yes")]
        header: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation: Option<Validation>,
        #[serde(default = "yes")]
        standardise: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        targets: Option<Vec<Column>>,
    },
    /// Arrays of one NumPy archive: `features` (count x d, further axes are flattened) and
    /// `labels` (count) or `targets` (count x m).
    Npz {
        path: PathBuf,
        #[serde(default = "letter_x")]
        features: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        labels: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        targets: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation: Option<Validation>,
        #[serde(default = "yes")]
        standardise: bool,
    },
    /// NumPy arrays in two files: features (count x d, further axes are flattened) and labels.
    Npy {
        path: PathBuf,
        labels: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation: Option<Validation>,
        #[serde(default = "yes")]
        standardise: bool,
    },
    /// Images and labels in LeCun's IDX format of unsigned bytes, as MNIST comes.
    Idx {
        images: PathBuf,
        labels: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        validation: Option<Validation>,
        #[serde(default = "yes")]
        standardise: bool,
    },
}

/// A ring inner <= r <= outer with its number of training points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Inner radius, may be 0.
    pub inner: f64,
    /// Outer radius.
    pub outer: f64,
    /// Training points on this ring.
    pub count: usize,
}

/// A column by its name in the header or by its number, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Column {
    /// Its name in the header.
    Name(String),
    /// Its number, counted from 0.
    Number(usize),
}

/// Where validation samples come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Validation {
    /// A share of the samples, between 0 and 1, drawn from each class by itself.
    Share(f64),
    /// Another file with the same columns. A `Csv` without label takes that of the training file;
    /// the standardisation is the training file's.
    File(Box<Source>),
}

impl Source {
    /// Draws or reads the samples. Paths are relative to `base`.
    ///
    /// # Errors
    /// Whatever is wrong with the parameters or the files, see [`DataError`].
    pub fn load(&self, base: &Path, seed: u64) -> Result<Dataset, DataError> {
        let wanted = |train: usize, validation: usize| Wanted { train, validation, seed };
        match self {
            Self::Peaks { classes, train, validation } => {
                generate::peaks(*classes, &wanted(*train, *validation))
            }
            Self::Ellipses { train, validation } => {
                generate::ellipses(&wanted(*train, *validation))
            }
            Self::SwissRoll { train, validation } => {
                generate::swiss_roll(&wanted(*train, *validation))
            }
            Self::Spirals { arms, turns, noise, train, validation } => {
                generate::spirals(*arms, *turns, *noise, &wanted(*train, *validation))
            }
            Self::Rings { classes, validation } => generate::rings(classes, *validation, seed),
            Self::Donut { train, validation } => generate::donut(&wanted(*train, *validation)),
            Self::Squares { train, validation } => generate::squares(&wanted(*train, *validation)),
            Self::Flip { train, validation } => generate::flip(&wanted(*train, *validation)),
            Self::Initial(states) => generate::initial(states),
            Self::Csv { .. } | Self::Npz { .. } | Self::Npy { .. } | Self::Idx { .. } => {
                file::load(self, base, seed)
            }
        }
    }

    /// Every path of this source, that of a validation file included.
    pub fn paths(&self) -> Vec<&Path> {
        let (mut paths, validation) = match self {
            Self::Csv { path, validation, .. } | Self::Npz { path, validation, .. } => {
                (vec![path.as_path()], validation)
            }
            Self::Npy { path, labels, validation, .. } => {
                (vec![path.as_path(), labels], validation)
            }
            Self::Idx { images, labels, validation, .. } => {
                (vec![images.as_path(), labels], validation)
            }
            _ => return Vec::new(),
        };
        if let Some(Validation::File(source)) = validation {
            paths.extend(source.paths());
        }
        paths
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ColumnVisitor;

        impl Visitor<'_> for ColumnVisitor {
            type Value = Column;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column name in quotes or a column number counted from 0")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Column, E> {
                Ok(Column::Name(name.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Column, E> {
                usize::try_from(number)
                    .map(Column::Number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Column, E> {
                usize::try_from(number)
                    .map(Column::Number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_any(ColumnVisitor)
    }
}

// `deserialize_any` would drop the tag of `Csv(..)`, so the text of the value is taken first and
// read as what it looks like. RON only; the outer error points to the end of the value.
impl<'de> Deserialize<'de> for Validation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get_ron();
        if let Ok(share) = RON.from_str::<f64>(text) {
            return Ok(Self::Share(share));
        }
        RON.from_str(text).map(|source| Self::File(Box::new(source))).map_err(|error| {
            de::Error::custom(format_args!(
                "validation is a share such as 0.2 or a file such as Csv(path: \"..\"): {} \
                 (line {}, column {} of the value that ends here)",
                error.code, error.span.start.line, error.span.start.col
            ))
        })
    }
}

fn two() -> usize {
    2
}
fn five() -> usize {
    5
}
fn hundred() -> usize {
    100
}
fn thousand() -> usize {
    1000
}
fn one_turn() -> f64 {
    1.0
}
fn yes() -> bool {
    true
}
fn letter_x() -> String {
    "x".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Source, ron::error::SpannedError> {
        RON.from_str(text)
    }

    #[test]
    fn defaults_are_filled_in() {
        let peaks = Source::Peaks { classes: 5, train: 1000, validation: 1000 };
        assert_eq!(read("Peaks()").unwrap(), peaks);
        assert_eq!(read("Flip()").unwrap(), Source::Flip { train: 100, validation: 100 });
        let Source::Csv { header, standardise, label, .. } =
            read(r#"Csv(path: "a", label: 64)"#).unwrap()
        else {
            panic!("a Csv expected");
        };
        assert!(header && standardise);
        assert_eq!(label, Some(Column::Number(64)));
    }

    #[test]
    fn every_source_reads_back_as_written() {
        let sources = [
            "Spirals(arms: 3, noise: 0.1)",
            "Rings(classes: [[(inner: 0.1, outer: 0.15, count: 500)]])",
            r#"Csv(path: "a", label: "k", validation: 0.2)"#,
            r#"Csv(path: "a", targets: ["k", 3], validation: Csv(path: "b", header: false))"#,
            r#"Npz(path: "a", labels: "y", validation: Npz(path: "b", labels: "y"))"#,
            r#"Idx(images: "a", labels: "b", standardise: false)"#,
        ];
        for text in sources {
            let source = read(text).unwrap();
            assert_eq!(read(&ron::to_string(&source).unwrap()).unwrap(), source, "{text}");
            let pretty = ron::ser::to_string_pretty(&source, Default::default()).unwrap();
            assert_eq!(read(&pretty).unwrap(), source, "{pretty}");
        }
    }

    #[test]
    fn mistakes_are_named_where_they_stand() {
        let error = read("Peaks(\n  clases: 5,\n)").unwrap_err();
        assert_eq!((error.span.start.line, error.to_string().contains("clases")), (2, true));
        let error = read("Csv(path: \"a\",\n label: -1)").unwrap_err();
        assert_eq!(error.span.start.line, 2);
        assert!(error.to_string().contains("counted from 0"), "{error}");
        let error = read("Csv(\n path: \"a\",\n validation: Csv(pth: \"b\"))").unwrap_err();
        assert_eq!(error.span.start.line, 3);
        assert!(error.to_string().contains("pth"), "{error}");
    }

    #[test]
    fn paths_are_those_of_all_files() {
        let text = r#"Idx(images: "a", labels: "b", validation: Csv(path: "c"))"#;
        assert_eq!(read(text).unwrap().paths(), ["a", "b", "c"].map(Path::new));
    }
}
