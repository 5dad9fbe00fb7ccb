//! The named architectures, read from `catalogue.ron`.

use std::sync::OnceLock;

use indexmap::IndexMap;
use serde::Deserialize;

use super::{FieldError, FieldFile, unique_keys};

#[derive(Deserialize)]
#[serde(transparent)]
struct Catalogue(#[serde(deserialize_with = "unique_keys")] IndexMap<String, FieldFile>);

/// All entries, in the order of the file.
pub fn catalogue() -> &'static IndexMap<String, FieldFile> {
    static READ: OnceLock<Catalogue> = OnceLock::new();
    let read = || {
        let options = ron::Options::default()
            .with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME);
        // A test reads the file; a catalogue that does not parse has no entries.
        options
            .from_str(include_str!("catalogue.ron"))
            .unwrap_or_else(|_| Catalogue(IndexMap::new()))
    };
    &READ.get_or_init(read).0
}

/// The names of the entries.
pub fn names() -> impl Iterator<Item = &'static str> {
    catalogue().keys().map(String::as_str)
}

/// The entry of this name; case does not matter.
///
/// # Errors
/// [`FieldError::UnknownName`], with the nearest name.
pub fn named(name: &str) -> Result<&'static FieldFile, FieldError> {
    let lower = name.to_lowercase();
    catalogue().get(&lower).ok_or_else(|| {
        let near = names()
            .map(|n| (strsim::damerau_levenshtein(n, &lower), n))
            .filter(|(d, n)| *d <= 1 + n.len() / 3)
            .min();
        FieldError::UnknownName {
            name: name.to_owned(),
            near: near.map_or(String::new(), |(_, n)| format!("; did you mean `{n}`?")),
            known: names().collect::<Vec<_>>().join(", "),
        }
    })
}
