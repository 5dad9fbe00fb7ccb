//! A stability study's two costs: Jacobians of 1000 states at width 64, and eigenvalues of many Jacobians. With a
//! folder as argument the Jacobians go there, for peers to work on the same (`benches/peers/spectrum.py`), and what
//! is printed is JSON.

mod common;

use std::fs;
use std::path::Path;

use kutta::field::VectorField;
use kutta::jacobian::{self, jacobians};
use kutta::spectrum::{Room, eigenvalues};
use num_complex::Complex64;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use common::{median, resnet};

/// Width, and Jacobians: samples times the 17 times of 16 steps.
const CASES: [(usize, usize); 2] = [(16, 17 * 1000), (64, 17 * 100)];
/// States whose Jacobians are assembled, and their width.
const ASSEMBLED: (usize, usize) = (64, 1000);

fn main() {
    let folder = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let mut seconds = serde_json::Map::new();
    for (width, count) in CASES {
        let matrices = along(width, count);
        if let Some(folder) = &folder {
            // float64, column-major matrices one after the other.
            let bytes: Vec<u8> = matrices.iter().flat_map(|x| x.to_le_bytes()).collect();
            fs::write(Path::new(folder).join(format!("jacobians-{width}.f64")), bytes)
                .expect("a folder to write to");
        }
        let mut values = vec![Complex64::default(); count * width];
        let mut room = Room::default();
        let each = median(|| {
            let failed = eigenvalues(width, &matrices, &mut room, &mut values);
            assert!(failed.is_empty());
        });
        seconds.insert(format!("eigenvalues-{width}"), each.into());
        if folder.is_none() {
            let of_one = 1e6 * each / count as f64;
            println!("eigenvalues of {count} at width {width}: {each:.4} s, {of_one:.1} us each");
        }
    }
    let (width, states) = ASSEMBLED;
    let each = assembly(width, states);
    seconds.insert(format!("assembly-{width}"), each.into());
    match folder {
        Some(_) => println!("{}", serde_json::Value::Object(seconds)),
        None => println!("{states} Jacobians at width {width}: {:.2} ms", 1e3 * each),
    }
}

/// Normal numbers of this deviation.
fn normal(length: usize, deviation: f64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
    (0..length).map(|_| deviation * draw()).collect()
}

/// Jacobians of a residual network at random states.
fn along(width: usize, count: usize) -> Vec<f64> {
    let field = resnet(width);
    let mut prepared = normal(field.n_prepared(), 1.0 / (width as f64).sqrt());
    field.prepare(0.0, &mut prepared);
    let states = normal(width * count, 1.0);
    let mut out = vec![0.0; count * width * width];
    jacobians(&field, 0.0, &prepared, &states, &mut jacobian::Room::default(), &mut out);
    out
}

fn assembly(width: usize, states: usize) -> f64 {
    let field = resnet(width);
    let mut prepared = normal(field.n_prepared(), 1.0 / (width as f64).sqrt());
    field.prepare(0.0, &mut prepared);
    let y = normal(width * states, 1.0);
    let mut out = vec![0.0; states * width * width];
    let mut room = jacobian::Room::default();
    median(|| jacobians(&field, 0.0, &prepared, &y, &mut room, &mut out))
}
