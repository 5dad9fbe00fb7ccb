//! The arrays and the table of a study.

use std::path::Path;

use num_complex::Complex64;

use crate::atomic::{self, WriteError};
use crate::spectrum::advice::Advice;

/// The bytes of an array in NumPy's format 1.0, little-endian, in C order (NEP 1).
fn npy(kind: &str, shape: &[usize], bytes: impl Iterator<Item = [u8; 8]>) -> Vec<u8> {
    let extents: Vec<String> = shape.iter().map(|n| format!("{n},")).collect();
    let fields = format!(
        "{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}",
        extents.join(" ")
    );
    // Magic, version and length take 10 bytes; the numbers begin at a multiple of 64.
    let padded = (10 + fields.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((padded as u16).to_le_bytes());
    file.extend(fields.as_bytes());
    file.resize(10 + padded - 1, b' ');
    file.push(b'\n');
    file.extend(bytes.flatten());
    file
}

/// Writes complex128.
pub fn complex(path: &Path, shape: &[usize], values: &[Complex64]) -> Result<(), WriteError> {
    let bytes = values.iter().flat_map(|z| [z.re.to_le_bytes(), z.im.to_le_bytes()]);
    atomic::write(path, &npy("<c16", shape, bytes))
}

/// Writes float64.
pub fn real(path: &Path, shape: &[usize], values: &[f64]) -> Result<(), WriteError> {
    atomic::write(path, &npy("<f8", shape, values.iter().map(|x| x.to_le_bytes())))
}

/// Writes int64.
pub fn whole(path: &Path, values: &[usize]) -> Result<(), WriteError> {
    let bytes = values.iter().map(|n| (*n as i64).to_le_bytes());
    atomic::write(path, &npy("<i8", &[values.len()], bytes))
}

/// Writes the advice, a row for each method and share of the samples.
pub fn advice(
    path: &Path,
    all: &[Advice],
    times: &[f64],
    samples: &[usize],
) -> Result<(), WriteError> {
    let mut csv = String::from(
        "method,order,quantile,stable_step,accurate_step,step,beyond_stability,steps,evaluations,limit,lambda_re,lambda_im,time,sample,later_stable_steps\n",
    );
    for advice in all {
        for share in &advice.shares {
            let length =
                |step: Option<f64>| step.map_or("inf".to_owned(), |step| format!("{step:?}"));
            let count = |n: Option<usize>| n.map_or(String::new(), |n| n.to_string());
            let limits = share.limits;
            let place = share.binding().map_or(",,,,".to_owned(), |binding| {
                let mode = binding.mode;
                let time = times.get(mode.time).copied().unwrap_or(f64::NAN);
                let sample = samples.get(mode.sample).copied().unwrap_or(mode.sample);
                let (re, im) = (mode.lambda.re, mode.lambda.im);
                format!("{},{re:?},{im:?},{time:?},{sample}", binding.limit.name())
            });
            let later: Vec<String> =
                advice.later.iter().map(|[from, to]| format!("{from:?} to {to:?}")).collect();
            csv.push_str(&format!(
                "{},{},{},{},{},{:?},{},{},{},{place},{}\n",
                advice.method,
                advice.order,
                share.quantile,
                length(limits.stable.map(|b| b.step)),
                length(limits.accurate.map(|b| b.step)),
                share.step,
                share.is_beyond_stability(),
                count(share.steps),
                count(share.evaluations),
                later.join("; "),
            ));
        }
    }
    atomic::write(path, csv.as_bytes())
}
