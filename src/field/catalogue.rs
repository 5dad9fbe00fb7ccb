//! The named architectures, read from `catalogue.ron`.

use std::sync::OnceLock;

use indexmap::IndexMap;
use serde::Deserialize;

use super::{FieldError, FieldFile, unique_keys};
use crate::dialect::RON;

#[derive(Deserialize)]
#[serde(transparent)]
struct Catalogue(#[serde(deserialize_with = "unique_keys")] IndexMap<String, FieldFile>);

/// All entries, in the order of the file.
pub fn catalogue() -> &'static IndexMap<String, FieldFile> {
    static READ: OnceLock<Catalogue> = OnceLock::new();
    let read = || {
        // A test reads the file; a catalogue that does not parse has no entries.
        RON.from_str(include_str!("catalogue.ron")).unwrap_or_else(|_| Catalogue(IndexMap::new()))
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
    let unknown = || FieldError::UnknownName { name: name.to_owned(), names: names().collect() };
    catalogue().get(&lower).ok_or_else(unknown)
}
