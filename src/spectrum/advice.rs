//! Which step each method may take, and what that costs.

use num_complex::Complex64;
use rayon::prelude::*;

use super::accuracy::{Limit, Tolerance, limited};
use super::ray::Region;
use super::study::Spectrum;
use crate::tableau::{self, Rational, Tableau, TableauError};

/// The shares of the samples for which advice is given.
pub const QUANTILES: [f64; 3] = [0.95, 0.99, 1.0];

/// Rays with a known exit: places of ln |Re / Im|, at equal distances.
const RAYS: usize = 321;
/// Between -SPREAD and SPREAD.
const SPREAD: f64 = 40.0;
/// An exit is not less than this share of those of the neighbouring rays.
const SHARE: f64 = 0.7;

/// A method as the study sees it.
#[derive(Clone, Debug)]
pub struct Method {
    /// Its name in the catalogue.
    pub name: String,
    /// Its order.
    pub order: usize,
    /// Evaluations of the field in a step of a fixed grid.
    pub evaluations: usize,
    /// Where it is stable.
    pub region: Region,
    /// Exits of rays in the left half-plane, from the imaginary axis to the real one.
    exits: Vec<f64>,
}

/// An eigenvalue with its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// The eigenvalue, with Im >= 0.
    pub lambda: Complex64,
    /// Which of the times.
    pub time: usize,
    /// Which of the samples.
    pub sample: usize,
}

/// The mode that limits a step, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Binding {
    /// The limit of the step.
    pub step: f64,
    /// Whose.
    pub mode: Mode,
    /// By what.
    pub limit: Limit,
}

/// The limits of one method over a set of modes; none where nothing limits it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// First exit from the region of stability, of the modes that the equation does not let grow.
    pub stable: Option<Binding>,
    /// Growth, damping and phase over the horizon.
    pub accurate: Option<Binding>,
}

/// What is advised for a share of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The share.
    pub quantile: f64,
    /// The limits of the worst of these samples.
    pub limits: Limits,
    /// The accurate step, at most the horizon. Over the horizon it is as good as its errors say even where it is
    /// beyond the stable one.
    pub step: f64,
    /// Steps over the horizon; none if there is no step.
    pub steps: Option<usize>,
    /// Evaluations of the field in them.
    pub evaluations: Option<usize>,
}

impl Share {
    /// What the step is limited by; none where the horizon is.
    pub fn binding(&self) -> Option<Binding> {
        self.limits.accurate
    }

    /// Whether the step is longer than the stable one: usable over this horizon, not over any.
    pub fn is_beyond_stability(&self) -> bool {
        self.limits.stable.is_some_and(|binding| binding.step < self.step)
    }
}

/// The advice for a method.
#[derive(Clone, Debug)]
pub struct Advice {
    /// Of which method.
    pub method: String,
    /// Its order.
    pub order: usize,
    /// For each of [`QUANTILES`].
    pub shares: Vec<Share>,
    /// Steps beyond the first exit with which all modes of all samples are stable again.
    pub later: Vec<[f64; 2]>,
}

impl Method {
    /// What the study needs of a tableau.
    pub fn new(name: &str, tableau: &Tableau<Rational>) -> Method {
        let region = Region::new(tableau);
        let exits = (0..RAYS).map(|k| {
            let ratio = (SPREAD * (2.0 * k as f64 / (RAYS - 1) as f64 - 1.0)).exp();
            region.exit(Complex64::new(-ratio, 1.0) / 1f64.hypot(ratio))
        });
        let exits = exits.collect();
        let evaluations = tableau.reduced().stages();
        Method { name: name.to_owned(), order: tableau.order, evaluations, region, exits }
    }

    /// Every method of the catalogue, and a few members of each family.
    ///
    /// # Errors
    /// If one of them is not what it claims to be.
    pub fn catalogue() -> Result<Vec<Method>, TableauError> {
        let named = |name: &String| Ok(Method::new(name, &tableau::named(name)?));
        tableau::samples().par_iter().map(named).collect()
    }

    /// The first exit of h lambda from the region, for Re lambda <= 0.
    pub fn exit(&self, lambda: Complex64) -> f64 {
        let size = lambda.norm();
        self.region.exit(lambda / size) / size
    }

    /// Not more than [`Method::exit`], at once.
    fn surely_inside(&self, lambda: Complex64) -> f64 {
        let place = (lambda.re / lambda.im).abs().ln().clamp(-SPREAD, SPREAD);
        let place = 0.5 * (place / SPREAD + 1.0) * (RAYS - 1) as f64;
        let low = (place as usize).min(RAYS - 2);
        match place.is_nan() || lambda.re == 0.0 {
            true => 0.0,
            false => SHARE * self.exits[low].min(self.exits[low + 1]) / lambda.norm(),
        }
    }

    /// The limits over these modes.
    pub fn limits<'m>(
        &self,
        modes: impl Iterator<Item = &'m Mode>,
        horizon: f64,
        tolerance: Tolerance,
    ) -> Limits {
        let mut limits = Limits::default();
        for mode in modes {
            let lambda = mode.lambda;
            let best = |binding: &Option<Binding>| binding.map_or(f64::INFINITY, |b| b.step);
            let stable = best(&limits.stable);
            // A ray that surely stays inside farther than the best exit so far need not be followed.
            if lambda.re <= 0.0 && self.surely_inside(lambda) < stable {
                let step = self.exit(lambda);
                if step < stable {
                    let limit = Limit::Stability;
                    limits.stable = Some(Binding { step, mode: *mode, limit });
                }
            }
            let most = best(&limits.accurate).min(horizon);
            let polynomial = &self.region.polynomial;
            if let Some((step, limit)) = limited(polynomial, lambda, horizon, most, tolerance) {
                limits.accurate = Some(Binding { step, mode: *mode, limit });
            }
        }
        limits
    }

    /// Steps with which all modes are stable that the equation does not let grow, beyond the first exit.
    pub fn later<'m>(&self, modes: impl Iterator<Item = &'m Mode>) -> Vec<[f64; 2]> {
        let mut all: Vec<[f64; 2]> = vec![[0.0, f64::INFINITY]];
        let decaying = modes.filter(|mode| mode.lambda.re <= 0.0);
        for lambda in decaying.map(|mode| mode.lambda) {
            let end = all.last().map_or(0.0, |[_, end]| *end);
            if all.len() == 1 && all[0][0] == 0.0 && end <= self.surely_inside(lambda) {
                continue;
            }
            let size = lambda.norm();
            let inside = self.region.intervals(lambda / size);
            let inside = inside.iter().map(|ends| ends.map(|end| end / size));
            let common = inside.flat_map(|[from, to]| {
                all.iter().map(move |[low, high]| [low.max(from), high.min(to)]).collect::<Vec<_>>()
            });
            all = common.filter(|[from, to]| from < to).collect();
            all.sort_by(|a, b| a[0].total_cmp(&b[0]));
            if all.is_empty() {
                break;
            }
        }
        all.retain(|[from, to]| *from > 0.0 && to.is_finite());
        all
    }
}

/// The modes of a spectrum, a list for each sample: eigenvalues above or on the real axis that are not zero.
pub fn modes(spectrum: &Spectrum) -> Vec<Vec<Mode>> {
    let of_sample = |sample: usize| {
        let mut modes = Vec::new();
        for time in 0..spectrum.times.len() {
            let rounding = spectrum.rounding(time, sample);
            let upper = spectrum.cleaned(time, sample).filter(|lambda| lambda.im >= 0.0);
            let modes_at = upper.filter(|lambda| lambda.norm() > rounding);
            modes.extend(modes_at.map(|lambda| Mode { lambda, time, sample }));
        }
        // The largest limit the step most, and all others are then quickly done with.
        modes.sort_by(|a, b| b.lambda.norm_sqr().total_cmp(&a.lambda.norm_sqr()));
        modes
    };
    (0..spectrum.samples).into_par_iter().map(of_sample).collect()
}

/// The advice for one method.
pub fn advise(method: &Method, modes: &[Vec<Mode>], horizon: f64, tolerance: Tolerance) -> Advice {
    let limits: Vec<Limits> =
        modes.par_iter().map(|modes| method.limits(modes.iter(), horizon, tolerance)).collect();
    let worst = |pick: fn(&Limits) -> Option<Binding>, quantile: f64| -> Option<Binding> {
        let mut steps: Vec<Option<Binding>> = limits.iter().map(pick).collect();
        let length = |binding: &Option<Binding>| binding.map_or(f64::INFINITY, |b| b.step);
        steps.sort_by(|a, b| length(a).total_cmp(&length(b)));
        // So many samples may do worse.
        let spared = ((1.0 - quantile) * steps.len() as f64 + 1e-9).floor() as usize;
        steps.get(spared).copied().flatten()
    };
    let shares = QUANTILES.map(|quantile| {
        let limits = Limits {
            stable: worst(|limits| limits.stable, quantile),
            accurate: worst(|limits| limits.accurate, quantile),
        };
        let step = limits.accurate.map_or(horizon, |binding| binding.step.min(horizon));
        let steps = (horizon / step * (1.0 - 1e-12)).ceil().max(1.0);
        let steps = (step > 0.0 && steps < 1e15).then_some(steps as usize);
        let evaluations = steps.map(|steps| steps * method.evaluations);
        Share { quantile, limits, step, steps, evaluations }
    });
    Advice {
        method: method.name.clone(),
        order: method.order,
        shares: shares.to_vec(),
        later: method.later(modes.iter().flatten()),
    }
}

/// The advice for all methods, the cheapest for all samples first; methods that have no step come last.
pub fn advise_all(
    methods: &[Method],
    modes: &[Vec<Mode>],
    horizon: f64,
    tolerance: Tolerance,
    mut done: impl FnMut(),
) -> Vec<Advice> {
    let mut all: Vec<Advice> = methods
        .iter()
        .map(|method| {
            let advice = advise(method, modes, horizon, tolerance);
            done();
            advice
        })
        .collect();
    let cost = |advice: &Advice| {
        advice.shares.last().and_then(|share| share.evaluations).unwrap_or(usize::MAX)
    };
    all.sort_by(|a, b| cost(a).cmp(&cost(b)).then(b.order.cmp(&a.order)));
    all
}
