//! What is known of a section, kept between calls.

use std::path::Path;

use super::Plan;
use crate::atomic;
use crate::commands::Refusal;
use crate::landscape::Point;
use crate::weights::{self, Tensor};

const KNOWN: &str = "known";
const VALUES: usize = 5;

/// Tells a section from any other: lengths and checksums of the model, the weights, the directions and the grid.
pub fn question(theta: &[f64], plan: &Plan, source: &str) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(source.as_bytes());
    let grid = plan.grid.iter().flat_map(|grid| [grid.from, grid.to, grid.count as f64]);
    for x in theta.iter().chain(plan.directions.iter().flatten()).copied().chain(grid) {
        crc.update(&x.to_le_bytes());
    }
    format!("{}-{:08x}", plan.stem, crc.sum())
}

/// What the file knows of this question; nothing if it is damaged or answers another.
pub fn read(path: &Path, question: &str, count: usize) -> Vec<Point> {
    let found = std::fs::read(path).ok().and_then(|bytes| weights::decode(&bytes).ok());
    let nothing = || vec![None; count];
    let Some((tensors, note)) = found else { return nothing() };
    let Some(known) = tensors.iter().find(|tensor| tensor.name == KNOWN) else { return nothing() };
    if note.as_deref() != Some(question) || known.values.len() != count * (1 + VALUES) {
        return nothing();
    }
    let point = |row: &[f64]| match row {
        &[1.0, a, b, c, d, e] => Some([a, b, c, d, e]),
        _ => None,
    };
    known.values.chunks_exact(1 + VALUES).map(point).collect()
}

/// Keeps what is known.
pub fn write(path: &Path, question: &str, known: &[Point]) -> Result<(), Refusal> {
    let row = |point: &Point| match point {
        Some([a, b, c, d, e]) => [1.0, *a, *b, *c, *d, *e],
        None => [0.0; 1 + VALUES],
    };
    let values: Vec<f64> = known.iter().flat_map(row).collect();
    let tensor = Tensor { name: KNOWN.into(), shape: vec![known.len(), 1 + VALUES], values };
    let bytes = weights::encode(&[tensor], Some(question)).map_err(Refusal::work)?;
    atomic::write(path, &bytes).map_err(Refusal::work)
}
