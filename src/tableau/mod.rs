//! Runge-Kutta methods as data: tableaus that are proved before they are used.
//!
//! An explicit Runge-Kutta method of s stages is the step
//!
//! ```text
//! k_i = f(t + c_i h, y + h Σ_{j<i} a_ij k_j),   i = 1..s
//! y⁺  = y + h Σ_i b_i k_i
//! ŷ⁺  = y + h Σ_i b̂_i k_i                        (embedded, for the error estimate)
//! ```
//!
//! A [`TableauFile`] is what a user writes: strings such as `"35/384"` or `"(2-sqrt(2))/4"`.
//! [`TableauFile::prove`] reads them exactly and checks the order by rooted trees; only then is
//! there a [`Tableau`]. The shipped methods are entries of one catalogue and pass through the
//! same door: see [`named`].

mod catalogue;
mod coefficient;
mod error;
mod file;
mod measures;
mod order;
mod stability;
mod trees;

pub use catalogue::{catalogue, named, names};
pub use coefficient::{Coefficient, CoefficientError, CoefficientProblem};
pub use error::{Place, TableauError, Weights};
pub use file::{MAX_STAGES, TableauFile};
pub use measures::{
    ErrorNorms, Internal, LeadingTerm, Measures, Rectangle, StableIntervals, StepMeasures, region,
};
pub use order::TreeResidual;
pub use stability::evaluate;
pub use trees::MAX_ORDER;

use num_traits::{Num, ToPrimitive};

/// An exact rational number of any size.
pub type Rational = num_rational::BigRational;

/// The coefficients of an explicit Runge-Kutta method whose order has been proved.
///
/// `T` is [`Rational`] as proved, then `f64` as used ([`Tableau::to_f64`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Tableau<T> {
    /// How the method is called in reports.
    pub name: String,
    /// The stage coefficients a_ij; row i (from 0) has i entries.
    pub a: Vec<Vec<T>>,
    /// The weights of the step, one a stage.
    pub b: Vec<T>,
    /// The times of the stages, c_i = Σ_j a_ij. Where the coefficients are rounded and the file
    /// states c, it is as stated, since a sum of rounded numbers is the worse value of the two.
    pub c: Vec<T>,
    /// The weights of the error estimate, if the method has one.
    pub embedded: Option<Embedded<T>>,
    /// The proved order of the step with `b`.
    pub order: usize,
    /// The significant digits to which the coefficients are known; `None` if they are exact or
    /// radicals.
    pub digits: Option<u32>,
    /// Where the method was published.
    pub citation: Option<String>,
    /// Other names of the method.
    pub aliases: Vec<String>,
}

/// The second set of weights of an embedded pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded<T> {
    /// The weights b̂, one a stage.
    pub b_hat: Vec<T>,
    /// The proved order of the step with b̂.
    pub order: usize,
}

impl<T: Clone + Num> Tableau<T> {
    /// The number of stages s.
    pub fn stages(&self) -> usize {
        self.b.len()
    }

    /// Whether the last stage is the first of the next step (first same as last): the last row of
    /// a equals b and b_s = 0, so that k_s = f(t + h, y⁺).
    pub fn fsal(&self) -> bool {
        match (self.a.last(), self.b.split_last()) {
            (Some(row), Some((last, rest))) => {
                last.is_zero() && !row.is_empty() && row.as_slice() == rest
            }
            _ => false,
        }
    }

    /// The weights b - b̂ of the error estimate h Σ (b_i - b̂_i) k_i.
    pub fn error_weights(&self) -> Option<Vec<T>> {
        let embedded = self.embedded.as_ref()?;
        let pairs = self.b.iter().zip(&embedded.b_hat);
        Some(pairs.map(|(b, b_hat)| b.clone() - b_hat.clone()).collect())
    }

    /// The same step without the stages that do not reach b, and without the embedded weights:
    /// what a fixed grid computes (`dopri5` loses its seventh stage).
    pub fn reduced(&self) -> Tableau<T> {
        let stages = self.stages();
        let mut needed = vec![false; stages];
        for j in (0..stages).rev() {
            let feeds_a_needed_stage =
                (j + 1..stages).any(|i| needed[i] && !self.a[i][j].is_zero());
            needed[j] = feeds_a_needed_stage || !self.b[j].is_zero();
        }
        let keep = |values: &[T]| -> Vec<T> {
            values
                .iter()
                .zip(&needed)
                .filter(|(_, needed)| **needed)
                .map(|(x, _)| x.clone())
                .collect()
        };
        let rows = self.a.iter().zip(&needed).filter(|(_, needed)| **needed);
        Tableau {
            a: rows.map(|(row, _)| keep(row)).collect(),
            b: keep(&self.b),
            c: keep(&self.c),
            embedded: None,
            ..self.clone()
        }
    }
}

impl Tableau<Rational> {
    /// The tableau in floating point, each coefficient the nearest `f64` to the rational one.
    pub fn to_f64(&self) -> Tableau<f64> {
        // Coefficients are bounded when they are read, so that each one has a finite `f64`.
        let round = |values: &[Rational]| -> Vec<f64> {
            values.iter().map(|x| x.to_f64().unwrap_or(f64::NAN)).collect()
        };
        Tableau {
            name: self.name.clone(),
            a: self.a.iter().map(|row| round(row)).collect(),
            b: round(&self.b),
            c: round(&self.c),
            embedded: self
                .embedded
                .as_ref()
                .map(|pair| Embedded { b_hat: round(&pair.b_hat), order: pair.order }),
            order: self.order,
            digits: self.digits,
            citation: self.citation.clone(),
            aliases: self.aliases.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_traits::Zero;

    #[test]
    fn a_last_stage_is_shared_by_the_pairs_made_for_it() {
        let fsal: Vec<&str> =
            names().into_iter().filter(|name| named(name).unwrap().fsal()).collect();
        assert_eq!(fsal, ["bs3", "dopri5", "tsit5"]);
    }

    #[test]
    fn a_reduced_tableau_makes_the_same_step_with_fewer_stages() {
        let dopri5 = named("dopri5").unwrap();
        let reduced = dopri5.reduced();
        assert_eq!((dopri5.stages(), reduced.stages()), (7, 6));
        assert_eq!(reduced.a[5], dopri5.a[5]);
        assert_eq!(reduced.c, dopri5.c[..6]);
        assert_eq!(reduced.stability_polynomial(), dopri5.stability_polynomial());
        // b_2 = 0 does not make the second stage superfluous: the third one reads it.
        assert!(reduced.b[1].is_zero());
        assert_eq!(named("rk4").unwrap().reduced(), named("rk4").unwrap());
    }

    #[test]
    fn a_stage_in_the_middle_that_nobody_reads_is_dropped() {
        let text = r#"(a: [[], ["7"], ["1/2", "0"]], b: ["0", "0", "1"])"#;
        let tableau = text.parse::<TableauFile>().unwrap().prove().unwrap();
        let reduced = tableau.reduced().to_f64();
        assert_eq!((reduced.a, reduced.b), (vec![vec![], vec![0.5]], vec![0.0, 1.0]));
        assert_eq!(reduced.c, vec![0.0, 0.5]);
    }

    #[test]
    fn the_error_weights_sum_to_zero() {
        for name in ["bs3", "dopri5", "heun_euler21", "cash_karp", "fehlberg45"] {
            let sum: Rational = named(name).unwrap().error_weights().unwrap().iter().sum();
            assert!(sum.is_zero(), "{name}: {sum}");
        }
        assert_eq!(named("rk4").unwrap().error_weights(), None);
    }

    #[test]
    fn floating_point_coefficients_are_the_nearest_ones() {
        let dopri5 = named("dopri5").unwrap().to_f64();
        assert_eq!(dopri5.a[4][0], 19372.0 / 6561.0);
        assert_eq!(dopri5.c, [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0]);
        let gill = named("gill4").unwrap().to_f64();
        assert_eq!(gill.a[2][0], 0.207_106_781_186_547_52);
        assert_eq!(gill.c, [0.0, 0.5, 0.5, 1.0]);
        let tsit5 = named("tsit5").unwrap().to_f64();
        assert_eq!(tsit5.c, [0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0]);
    }
}
