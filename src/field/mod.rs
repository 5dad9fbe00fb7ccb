//! Vector fields; the stand-in of the room.
mod file;
pub use file::{FieldFile, Size, WeightShape, unique_keys};
