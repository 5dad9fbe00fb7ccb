//! Directions in the space of the trained numbers.

use faer::{Mat, Side};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::network::Network;

/// The stream of the seed that directions are drawn from.
const STREAM: u64 = u64::from_be_bytes(*b"landscap");

/// What a random direction does with biases and other vectors of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Biases {
    /// They stay as they are: the direction is zero there.
    #[default]
    Frozen,
    /// Each is a filter of one number, and so moves by its own size.
    Normalised,
}

/// Why there are no directions.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages show
pub enum DirectionError {
    #[error(
        "principal directions need a path of at least {needed} snapshots beside the end, here are {found}; train with `snapshots: 1`, or more epochs"
    )]
    ShortPath { found: usize, needed: usize },
    #[error("the decomposition of a {size} x {size} matrix did not converge")]
    Decomposition { size: usize },
}

/// The path of a training in its own principal directions.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// Orthogonal, of length 1.
    pub directions: [Vec<f64>; 2],
    /// Which part of the path's squared distances from its end each has.
    pub shares: [f64; 2],
    /// The snapshots in these directions, the end being the origin.
    pub path: Vec<[f64; 2]>,
}

/// Normal numbers of this seed, the same for the same `number`.
pub fn random(n: usize, seed: u64, number: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM.wrapping_add(number));
    (0..n).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// The direction with each filter made as long as that of the weights: filters are the rows of the matrices, of the
/// field's at each coefficient in time by itself. Where a network is the same with some rows scaled up and others
/// down, so is what it does along the direction (Li and others 2018, section 4).
pub fn filtered(network: &Network, theta: &[f64], direction: &[f64], biases: Biases) -> Vec<f64> {
    let mut out = vec![0.0; theta.len()];
    for entry in network.layout().entries() {
        if entry.is_vector() && biases == Biases::Frozen {
            continue;
        }
        for copy in 0..entry.copies {
            let start = entry.start + copy * entry.stride;
            for row in 0..entry.rows {
                let places = || (0..entry.cols).map(move |col| start + row + col * entry.rows);
                let norm = |v: &[f64]| places().map(|at| v[at] * v[at]).sum::<f64>().sqrt();
                let (length, drawn) = (norm(theta), norm(direction));
                let scale = if drawn > 0.0 { length / drawn } else { 0.0 };
                places().for_each(|at| out[at] = scale * direction[at]);
            }
        }
    }
    out
}

/// The direction made as long as the weights.
pub fn sized(theta: &[f64], direction: &[f64]) -> Vec<f64> {
    let scale = norm(theta) / norm(direction);
    direction.iter().map(|d| scale * d).collect()
}

/// The two directions in which a path of weights is widest about its end: the right singular vectors of the matrix of
/// the differences from the end.
///
/// # Errors
/// [`DirectionError::ShortPath`] with fewer than two snapshots that differ from the end.
pub fn principal(path: &[Vec<f64>], end: &[f64]) -> Result<Principal, DirectionError> {
    let from_end =
        |theta: &Vec<f64>| -> Vec<f64> { theta.iter().zip(end).map(|(a, b)| a - b).collect() };
    let differences: Vec<Vec<f64>> = path.iter().map(from_end).collect();
    let moved = differences.iter().filter(|d| norm(d) > 0.0).count();
    if moved < 2 {
        return Err(DirectionError::ShortPath { found: moved, needed: 2 });
    }
    // Far fewer snapshots than weights: D D' is small and has the same values as D' D.
    let n = differences.len();
    let gram = Mat::from_fn(n, n, |i, j| dot(&differences[i], &differences[j]));
    let eigen = gram
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| DirectionError::Decomposition { size: n })?;
    let total: f64 = (0..n).map(|i| gram[(i, i)]).sum();
    let values = eigen.S().column_vector();
    let mut shares = [0.0; 2];
    let directions = [0, 1].map(|k| {
        let at = n - 1 - k;
        shares[k] = values[at].max(0.0) / total;
        let mut direction = vec![0.0; end.len()];
        for (i, difference) in differences.iter().enumerate() {
            let factor = eigen.U()[(i, at)];
            direction.iter_mut().zip(difference).for_each(|(d, x)| *d += factor * x);
        }
        let length = norm(&direction);
        direction.iter_mut().for_each(|d| *d /= length);
        direction
    });
    let path = differences.iter().map(|d| [dot(d, &directions[0]), dot(d, &directions[1])]);
    Ok(Principal { path: path.collect(), directions, shares })
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_plane_is_its_own_picture() {
        let (u, v) = (random(50, 1, 0), random(50, 1, 1));
        let end = random(50, 1, 2);
        let at = |a: f64, b: f64| -> Vec<f64> {
            (0..50).map(|i| end[i] + a * u[i] + b * v[i]).collect()
        };
        let path: Vec<Vec<f64>> =
            [(3.0, 0.0), (2.0, 1.0), (1.0, 0.5), (0.0, 0.0)].map(|(a, b)| at(a, b)).to_vec();
        let found = principal(&path, &end).unwrap();
        assert!((found.shares[0] + found.shares[1] - 1.0).abs() < 1e-12);
        assert!(found.shares[0] > found.shares[1]);
        assert!(dot(&found.directions[0], &found.directions[1]).abs() < 1e-12);
        for (theta, [a, b]) in path.iter().zip(&found.path) {
            for i in 0..50 {
                let back = end[i] + a * found.directions[0][i] + b * found.directions[1][i];
                assert!((theta[i] - back).abs() < 1e-12);
            }
        }
        let short = principal(&path[2..], &end);
        assert_eq!(short, Err(DirectionError::ShortPath { found: 1, needed: 2 }));
    }
}
