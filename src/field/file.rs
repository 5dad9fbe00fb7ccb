//! A formula as it stands in a file: blocks of the state, weights, constants and right-hand sides, not yet parsed.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use indexmap::IndexMap;
use indexmap::map::Entry;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

/// The right-hand side of y' = f(t, y; w), written block by block.
///
/// Blocks stack in the order of the file, so every map keeps its order; a key that stands twice is an error.
#[derive(Debug, Clone, PartialEq, Serialize, DeriveDeserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldFile {
    /// The blocks of the state and the rows of each.
    #[serde(deserialize_with = "unique_keys")]
    pub state: IndexMap<String, Size>,
    /// The weights, functions of time, and the shape of each.
    #[serde(deserialize_with = "unique_keys")]
    pub weights: IndexMap<String, WeightShape>,
    /// Numbers that are named in the formulas and not trained.
    #[serde(default, deserialize_with = "unique_keys")]
    pub constants: IndexMap<String, f64>,
    /// The derivative of each block of the state, a formula.
    #[serde(deserialize_with = "unique_keys")]
    pub rhs: IndexMap<String, String>,
    /// Where the architecture comes from.
    #[serde(default)]
    pub citation: Option<String>,
}

/// The shape of a weight at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, DeriveDeserialize)]
pub enum WeightShape {
    /// Rows and columns.
    Matrix(Size, Size),
    /// A column; added to a state it is added to every sample.
    Vector(Size),
    /// A single number.
    Scalar,
}

/// A number of rows or columns: given, or a formula in the width `n` of the network such as `"n/2"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Size {
    /// So many.
    Number(usize),
    /// A formula in the width `n`.
    Formula(String),
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Number(rows) => write!(f, "{rows}"),
            Size::Formula(formula) => f.write_str(formula),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Size::Number(rows) => serializer.serialize_u64(*rows as u64),
            Size::Formula(formula) => serializer.serialize_str(formula),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;

        impl Visitor<'_> for SizeVisitor {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or a formula in the width such as \"n/2\"")
            }

            fn visit_u64<E: de::Error>(self, rows: u64) -> Result<Size, E> {
                let number = usize::try_from(rows)
                    .map_err(|_| de::Error::invalid_value(de::Unexpected::Unsigned(rows), &self))?;
                Ok(Size::Number(number))
            }

            fn visit_str<E: de::Error>(self, formula: &str) -> Result<Size, E> {
                Ok(Size::Formula(formula.to_owned()))
            }
        }

        deserializer.deserialize_any(SizeVisitor)
    }
}

/// Reads a map in its order and refuses a key that stands twice, where serde would let the last one win.
///
/// # Errors
/// Those of the deserializer, and one that names the repeated key.
pub fn unique_keys<'de, D, K, V>(deserializer: D) -> Result<IndexMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Hash + Eq + fmt::Display,
    V: Deserialize<'de>,
{
    struct UniqueKeys<K, V>(PhantomData<(K, V)>);

    impl<'de, K, V> Visitor<'de> for UniqueKeys<K, V>
    where
        K: Deserialize<'de> + Hash + Eq + fmt::Display,
        V: Deserialize<'de>,
    {
        type Value = IndexMap<K, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map in { }")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let mut map = IndexMap::new();
            while let Some(key) = access.next_key::<K>()? {
                match map.entry(key) {
                    Entry::Vacant(entry) => {
                        entry.insert(access.next_value()?);
                    }
                    // Before the value is read, so that the place of the error is the key.
                    Entry::Occupied(entry) => {
                        return Err(de::Error::custom(format_args!(
                            "the key `{}` stands twice; remove one or rename it",
                            entry.key()
                        )));
                    }
                }
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(UniqueKeys(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"(
        state: { "q": 8, "p": "n/2" },
        weights: { "K": Matrix(8, "n/2"), "b": Vector(8), "a": Scalar },
        constants: { "g": 0.1 },
        rhs: { "q": "K*p", "p": "-q" },
    )"#;

    #[test]
    fn blocks_keep_the_order_of_the_file() {
        let file: FieldFile = ron::from_str(SOURCE).unwrap();
        let keys = |map: &IndexMap<String, Size>| map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&file.state), ["q", "p"]);
        assert_eq!(file.state["p"], Size::Formula("n/2".into()));
        assert_eq!(
            file.weights["K"],
            WeightShape::Matrix(Size::Number(8), Size::Formula("n/2".into()))
        );
        assert_eq!(file.weights["a"], WeightShape::Scalar);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let file: FieldFile = ron::from_str(SOURCE).unwrap();
        let written = ron::ser::to_string_pretty(&file, Default::default()).unwrap();
        assert_eq!(crate::dialect::RON.from_str::<FieldFile>(&written).unwrap(), file);
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error_at_the_key() {
        for (from, to) in [("\"p\": \"n/2\"", "\"q\": 3"), ("\"b\": V", "\"K\": V")] {
            let error = ron::from_str::<FieldFile>(&SOURCE.replacen(from, to, 1)).unwrap_err();
            assert!(error.code.to_string().contains("stands twice"), "{error}");
        }
        let twice = SOURCE.replace("\"p\": \"-q\"", "\"q\": \"-q\"");
        let error = ron::from_str::<FieldFile>(&twice).unwrap_err();
        assert_eq!(error.span.start.line, 5);
    }

    #[test]
    fn a_size_is_a_whole_number_or_a_formula() {
        for wrong in ["-1", "1.5", "true", "[1]"] {
            assert!(ron::from_str::<Size>(wrong).is_err(), "{wrong}");
        }
    }
}
