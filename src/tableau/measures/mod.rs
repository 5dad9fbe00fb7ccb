//! What a method is good for, in numbers: stability, strong stability, contractivity, errors.
//!
//! Every number is decided in exact or far more than double precision and rounded once, except
//! the maximum over the region of stability in [`Internal`], which is computed in doubles.

mod chebyshev;
mod contractivity;
mod disk;
mod dispersion;
mod error_norms;
mod fixed;
mod internal;
mod interval;
mod polynomial;
mod region;
mod roots;
mod rounded;
mod search;
mod ssp;

pub use chebyshev::Chebyshev;
pub use dispersion::LeadingTerm;
pub use error_norms::ErrorNorms;
pub use internal::Internal;
pub use interval::StableIntervals;
pub use region::{Rectangle, region, surroundings};

use super::order::Conditions;
use super::{Rational, Tableau};
use num_traits::ToPrimitive;
use polynomial::Polynomial;
use rounded::Rounded;

/// The measures of a tableau.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// How the method is called.
    pub name: String,
    /// The number of stages.
    pub stages: usize,
    /// Evaluations of f a step: the stages, less one if the last is the first of the next step.
    pub evaluations: usize,
    /// The step with the weights b.
    pub main: StepMeasures,
    /// The step with the embedded weights b̂.
    pub embedded: Option<StepMeasures>,
    /// The stages, and errors made in them, of the step with b.
    pub internal: Internal,
    /// D, the largest coefficient in size.
    pub coefficient_bound: f64,
}

/// The measures of the step with one set of weights.
#[derive(Debug, Clone, PartialEq)]
pub struct StepMeasures {
    /// The proved order p.
    pub order: usize,
    /// The coefficients of R(z), the constant first; one that could be zero but for the rounding
    /// of the tableau is zero.
    pub polynomial: Vec<Rational>,
    /// The r ≥ 0 with |R(-r)| ≤ 1.
    pub real: StableIntervals,
    /// The y ≥ 0 with |R(iy)| ≤ 1.
    pub imaginary: StableIntervals,
    /// The largest r with |R(z)| ≤ 1 on the disk |z + r| ≤ r.
    pub disk: f64,
    /// The radius of absolute monotonicity of R: the SSP coefficient on linear problems.
    pub linear_ssp: f64,
    /// The radius of absolute monotonicity of the coefficients: the SSP coefficient.
    pub ssp: f64,
    /// The radius of circle contractivity.
    pub contractivity: f64,
    /// The first term of y - arg R(iy).
    pub dispersion: Option<LeadingTerm>,
    /// The first term of 1 - |R(iy)|.
    pub dissipation: Option<LeadingTerm>,
    /// The size of the local error.
    pub errors: ErrorNorms,
}

impl Measures {
    /// A length that limits the step, such as [`StableIntervals::limit`], per evaluation of f.
    pub fn effective(&self, length: f64) -> f64 {
        length / self.evaluations as f64
    }
}

/// Where a step is stable on the axes.
#[derive(Debug, Clone, PartialEq)]
pub struct StabilityLimits {
    /// The coefficients of R(z), as in [`StepMeasures`].
    pub polynomial: Vec<Rational>,
    /// The r ≥ 0 with |R(-r)| ≤ 1.
    pub real: StableIntervals,
    /// The y ≥ 0 with |R(iy)| ≤ 1.
    pub imaginary: StableIntervals,
}

impl Tableau<Rational> {
    /// What [`Tableau::measures`] says of the axes, for those who need no more.
    pub fn stability_limits(&self) -> StabilityLimits {
        let rounded = Rounded::of(self);
        StabilityLimits {
            real: interval::real(&rounded),
            imaginary: interval::imaginary(&rounded),
            polynomial: rounded.coefficients,
        }
    }

    /// Measures the method.
    pub fn measures(&self) -> Measures {
        let mut conditions = Conditions::to_decimals(&self.a);
        let main = self.step_measures(&mut conditions);
        let embedded = self.embedded.as_ref().map(|pair| {
            let step = Tableau {
                b: pair.b_hat.clone(),
                order: pair.order,
                embedded: None,
                shu_osher: None,
                ..self.clone()
            };
            step.step_measures(&mut conditions)
        });
        let float = |c: &Rational| c.to_f64().unwrap_or(f64::NAN);
        let r: Vec<f64> = main.polynomial.iter().map(float).collect();
        Measures {
            name: self.name.clone(),
            stages: self.stages(),
            evaluations: self.stages() - usize::from(self.fsal()),
            internal: internal::internal(&self.reduced(), &r, main.real.limit()),
            coefficient_bound: error_norms::coefficient_bound(self),
            main,
            embedded,
        }
    }

    fn step_measures(&self, conditions: &mut Conditions) -> StepMeasures {
        let rounded = Rounded::of(self);
        let r = Polynomial::new(&rounded.coefficients);
        let (dispersion, dissipation) = dispersion::leading_terms(&rounded);
        let reduced = self.reduced();
        let ssp = ssp::coefficient(&reduced);
        StepMeasures {
            order: self.order,
            real: interval::real(&rounded),
            imaginary: interval::imaginary(&rounded),
            disk: disk::radius(&r),
            // What is strongly stable is so on linear problems (Spijker 1983); the bound repairs an
            // R whose zero of several fold rounding has parted.
            linear_ssp: ssp::linear(&r).max(ssp),
            ssp,
            contractivity: contractivity::radius(&reduced),
            dispersion,
            dissipation,
            errors: ErrorNorms::of(conditions, &self.b, self.order),
            polynomial: rounded.coefficients,
        }
    }
}

#[cfg(test)]
mod tests;
