//! The eigenvalues of all Jacobians along a flow.

use num_complex::Complex64;
use serde::Serialize;

use super::along::{When, along};
use super::eigen::{Failed, Room, eigenvalues};
use super::structure::{self, DampedSkew};
use crate::jacobian;
use crate::solve::Flow;

/// Eigenvalues of df/dy at times and samples.
#[derive(Clone, Debug)]
pub struct Spectrum {
    /// The times.
    pub times: Vec<f64>,
    /// How many samples.
    pub samples: usize,
    /// How many eigenvalues each Jacobian has.
    pub width: usize,
    /// [times, samples, width], of each Jacobian by falling real part; NaN where there are none.
    pub values: Vec<Complex64>,
    /// Frobenius norms of the Jacobians, [times, samples].
    pub norms: Vec<f64>,
    /// Jacobians without eigenvalues.
    pub lost: Vec<Lost>,
    /// The damping g at each time and the bounds of the real parts, [times, samples], where the formula shows them.
    pub damped: Option<Damped>,
}

/// What is known of a field tanh((S - g I) y + b).
#[derive(Clone, Debug, PartialEq)]
pub struct Damped {
    /// g at each time.
    pub g: Vec<f64>,
    /// -g max d and -g min d, [times, samples].
    pub bounds: Vec<[f64; 2]>,
}

/// A Jacobian without eigenvalues.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[error("the Jacobian at time {t}, sample {sample} {why}")]
pub struct Lost {
    /// Which of the times.
    pub time: usize,
    /// The time.
    pub t: f64,
    /// Among those studied.
    pub sample: usize,
    /// What is wrong with it.
    pub why: Failed,
}

impl Spectrum {
    /// The eigenvalues of a Jacobian.
    pub fn of(&self, time: usize, sample: usize) -> &[Complex64] {
        let start = (time * self.samples + sample) * self.width;
        &self.values[start..start + self.width]
    }

    /// What rounding may have made of the eigenvalues of a Jacobian: width eps |J|.
    pub fn rounding(&self, time: usize, sample: usize) -> f64 {
        self.width as f64 * f64::EPSILON * self.norms[time * self.samples + sample]
    }

    /// An eigenvalue whose real part is not more than rounding lies on the imaginary axis.
    pub fn cleaned(&self, time: usize, sample: usize) -> impl Iterator<Item = Complex64> + '_ {
        let rounding = self.rounding(time, sample);
        let on_axis = move |x: f64| if x.abs() <= rounding { 0.0 } else { x };
        let values = self.of(time, sample).iter().filter(|value| value.is_finite());
        values.map(move |value| Complex64::new(on_axis(value.re), value.im))
    }
}

/// The eigenvalues at all times for all `entries`, the states at t = 0, width x samples.
///
/// Where the field is tanh of (S - g I) y + b with S skew, they are those of the similar matrix skew - g D, and a
/// real part that rounding has moved out of its bounds is put back: without damping all are imaginary to the
/// last bit. `done` hears after each time how many Jacobians were added, and ends the work by returning false.
pub fn spectrum(
    flow: &Flow,
    theta: &[f64],
    entries: &[f64],
    when: When,
    mut done: impl FnMut(usize) -> bool,
) -> Spectrum {
    let width = flow.width();
    let samples = entries.len() / width.max(1);
    let times = when.times(flow);
    let count = times.len() * samples;
    let mut spectrum = Spectrum {
        samples,
        width,
        values: vec![Complex64::new(f64::NAN, f64::NAN); count * width],
        norms: vec![0.0; count],
        lost: Vec::new(),
        damped: None,
        times,
    };
    let mut damped = Damped { g: vec![0.0; spectrum.times.len()], bounds: vec![[0.0; 2]; count] };
    let mut shown = structure::at(flow, theta, 0.0).is_some();
    let (mut room, mut one) = (Room::default(), jacobian::Room::default());
    along(flow, theta, entries, when, |frame| {
        let of = frame.states.len() / width.max(1);
        let start = frame.time * samples + frame.first;
        let matrices = frame.jacobians;
        for (norm, matrix) in
            spectrum.norms[start..start + of].iter_mut().zip(matrices.chunks_exact(width * width))
        {
            *norm = matrix.iter().map(|x| x * x).sum::<f64>().sqrt();
        }
        let skew = match shown {
            true => DampedSkew::of(flow, frame.t, frame.prepared, &mut one),
            false => None,
        };
        shown = skew.is_some();
        let bounds = &mut damped.bounds[start..start + of];
        if let Some(skew) = &skew {
            damped.g[frame.time] = skew.g;
            let slopes = structure::slopes(flow, frame.t, frame.prepared, frame.states);
            let each = slopes.chunks_exact(width).zip(matrices.chunks_exact_mut(width * width));
            for ((d, matrix), bounds) in each.zip(bounds.iter_mut()) {
                if matrix.iter().all(|x| x.is_finite()) {
                    *bounds = skew.symmetrise(d, matrix);
                }
            }
        }
        let values = &mut spectrum.values[start * width..(start + of) * width];
        let failed = eigenvalues(width, matrices, &mut room, values);
        if skew.is_some() {
            for (values, [low, high]) in values.chunks_exact_mut(width).zip(bounds) {
                for value in values.iter_mut().filter(|value| value.re.is_finite()) {
                    value.re = value.re.clamp(*low, *high);
                }
                super::eigen::sort(values);
            }
        }
        spectrum.lost.extend(failed.into_iter().map(|(k, why)| Lost {
            time: frame.time,
            t: frame.t,
            sample: frame.first + k,
            why,
        }));
        done(of)
    });
    spectrum.damped = shown.then_some(damped);
    spectrum
}
