//! What can be read off a study: extreme eigenvalues with their places, and what a person should be warned of.

use num_complex::Complex64;
use serde::Serialize;

use super::Study;
use super::subject::Subject;
use crate::spectrum::advice::Advice;
use crate::spectrum::{DEFECTIVE, Frozen, Look, Propagator};

/// Jacobians that are named one by one.
const NAMED: usize = 3;

/// An eigenvalue and where it was found.
#[derive(Clone, Copy, Serialize)]
pub struct At {
    pub re: f64,
    pub im: f64,
    pub t: f64,
    pub sample: usize,
}

impl Study {
    pub fn at(&self, subject: &Subject, number: usize) -> At {
        let spectrum = &self.spectrum;
        let lambda = spectrum.values[number];
        let place = number / spectrum.width;
        let t = spectrum.times[place / spectrum.samples];
        At { re: lambda.re, im: lambda.im, t, sample: subject.name_of(place % spectrum.samples) }
    }

    /// The eigenvalue for which a number is largest.
    pub fn most(
        &self,
        subject: &Subject,
        of: impl Fn(usize, Complex64) -> f64,
    ) -> Option<(f64, At)> {
        let finite = self.spectrum.values.iter().enumerate().filter(|(_, v)| v.is_finite());
        let scored = finite.map(|(k, value)| (of(k, *value), k));
        let best =
            scored.filter(|(score, _)| !score.is_nan()).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 > f64::NEG_INFINITY).then(|| (best.0, self.at(subject, best.1)))
    }

    /// Whether an eigenvalue grows by itself, beyond the rounding of its real part.
    pub fn grows(&self, number: usize) -> bool {
        let place = number / self.spectrum.width;
        let (time, sample) = (place / self.spectrum.samples, place % self.spectrum.samples);
        self.spectrum.values[number].re > self.spectrum.rounding(time, sample)
    }

    /// Frozen eigenvalues against the propagator, for each sample looked at closely.
    pub fn frozen(&self) -> Vec<Option<Frozen>> {
        let (times, count) = (self.spectrum.times.len(), self.close.len());
        let of = |(k, propagator): (usize, &Option<Propagator>)| {
            let looks: Option<Vec<&Look>> =
                (0..times).map(|time| self.looks[time * count + k].as_ref()).collect();
            let looks = looks?;
            let abscissas: Vec<f64> = looks.iter().map(|look| look.normality.abscissa).collect();
            let condition = looks.iter().map(|look| look.normality.condition).fold(1.0, f64::max);
            Some(Frozen::of(&self.spectrum.times, &abscissas, condition, propagator.as_ref()?))
        };
        self.propagators.iter().enumerate().map(of).collect()
    }

    /// Looks with their time and sample.
    pub fn looks(&self) -> impl Iterator<Item = (&Look, f64, usize)> {
        let count = self.close.len().max(1);
        self.looks.iter().enumerate().filter_map(move |(k, look)| {
            Some((look.as_ref()?, self.spectrum.times[k / count], self.close[k % count]))
        })
    }

    /// What a person should be warned of.
    pub fn complaints(&self, subject: &Subject) -> Vec<String> {
        let mut lines = Vec::new();
        let mut named = |all: Vec<String>, what: &str| {
            let more = all.len().saturating_sub(NAMED);
            lines.extend(all.into_iter().take(NAMED));
            if more > 0 {
                lines.push(format!("{more} more {what}"));
            }
        };
        let lost = self.spectrum.lost.iter().map(|lost| {
            let sample = subject.name_of(lost.sample);
            format!(
                "the Jacobian at time {}, sample {sample} {}; the others go on",
                lost.t, lost.why
            )
        });
        named(lost.collect(), "Jacobians without eigenvalues");
        let defective = self.looks().filter(|(look, ..)| look.normality.condition > DEFECTIVE);
        let defective = defective.map(|(look, t, sample)| {
            let (sample, condition) = (subject.name_of(sample), look.normality.condition);
            format!(
                "the Jacobian at time {t}, sample {sample} is defective: the condition of its eigenvectors is {condition:.1e}, its eigenvalues are right to half the digits"
            )
        });
        named(defective.collect(), "defective Jacobians");
        let beyond = self.frozen().into_iter().flatten().filter(Frozen::misleads).count();
        if beyond > 0 {
            lines.push(format!(
                "for {beyond} of {} samples the propagator dy(T)/dy(0) is larger than the eigenvalues at each time, frozen, would allow: they prove nothing here (Markus & Yamabe 1960); trust the propagator",
                self.close.len()
            ));
        }
        lines
    }

    /// The advice for the method in use.
    pub fn own_advice(&self) -> Option<&Advice> {
        self.advice.iter().find(|advice| advice.method == self.method.name)
    }
}
