//! The arrays and the table of a study.

use std::path::Path;

use crate::atomic::{self, WriteError};
use crate::data::{Number, npy};
use crate::spectrum::advice::Advice;

/// Writes an array as NumPy reads it.
pub fn array<T: Number>(
    path: &Path,
    shape: &[usize],
    values: impl IntoIterator<Item = T>,
) -> Result<(), WriteError> {
    atomic::write(path, &npy(shape, values))
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
