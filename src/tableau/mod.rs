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
mod families;
mod file;
mod measures;
mod order;
mod residuals;
mod shu_osher;
mod stability;
mod texts;
mod trees;

pub use catalogue::{catalogue, file_named, named, names, samples};
pub use coefficient::{Coefficient, CoefficientError, CoefficientProblem};
pub use error::{Place, TableauError, Weights};
pub use families::{Family, families};
pub use file::{MAX_STAGES, TableauFile};
pub use measures::{
    Chebyshev, ErrorNorms, Internal, LeadingTerm, Measures, Rectangle, StabilityLimits,
    StableIntervals, StepMeasures, region, surroundings,
};
pub use residuals::TreeResidual;
pub use shu_osher::ShuOsher;
pub use stability::evaluate;
pub use texts::{Texts, text};
pub use trees::MAX_ORDER;

use num_traits::{Num, Signed, ToPrimitive, Zero};

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
    /// The form in which the method preserves strong stability, if it was given in that form.
    pub shu_osher: Option<ShuOsher<T>>,
    /// Where the method was published.
    pub citation: Option<String>,
    /// What a user of other programs should know of its name.
    pub note: Option<String>,
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

    /// Which stages reach weights: directly or through stages that do.
    fn reaching(&self, weights: impl Fn(usize) -> bool) -> Vec<bool> {
        let stages = self.stages();
        let mut needed = vec![false; stages];
        for j in (0..stages).rev() {
            let feeds_a_needed_stage =
                (j + 1..stages).any(|i| needed[i] && !self.a[i][j].is_zero());
            needed[j] = feeds_a_needed_stage || weights(j);
        }
        needed
    }

    /// The stages, counted from 1, that neither b nor b̂ depends on: computed for nothing. A method
    /// with such stages is called reducible (Hairer and Wanner 1996, definition IV.12.15).
    pub fn unused_stages(&self) -> Vec<usize> {
        let b_hat = self.embedded.as_ref().map(|pair| &pair.b_hat);
        let needed = self
            .reaching(|j| !self.b[j].is_zero() || b_hat.is_some_and(|b_hat| !b_hat[j].is_zero()));
        (1..=self.stages()).filter(|j| !needed[j - 1]).collect()
    }

    /// The same step without the stages that do not reach b, and without the embedded weights:
    /// what a fixed grid computes (`dopri5` loses its seventh stage).
    pub fn reduced(&self) -> Tableau<T> {
        let needed = self.reaching(|j| !self.b[j].is_zero());
        let keep = |values: &[T]| -> Vec<T> {
            values
                .iter()
                .zip(&needed)
                .filter(|(_, needed)| **needed)
                .map(|(x, _)| x.clone())
                .collect()
        };
        let rows = self.a.iter().zip(&needed).filter(|(_, needed)| **needed);
        let whole = needed.iter().all(|needed| *needed);
        Tableau {
            a: rows.map(|(row, _)| keep(row)).collect(),
            b: keep(&self.b),
            c: keep(&self.c),
            embedded: None,
            shu_osher: self.shu_osher.clone().filter(|_| whole),
            ..self.clone()
        }
    }
}

impl Tableau<Rational> {
    /// The order of each stage: the largest q, at most the order of the method, with
    /// Σ_j a_ij c_j^{k-1} = c_i^k/k for k = 1..q, which makes stage i exact where the solution is
    /// a polynomial of degree q.
    ///
    /// The least of them is the stage order. An explicit method of order 2 or more has stage order
    /// 1, for its first stage away from t is a step of Euler's method; that the others have more is
    /// what the simplifying assumptions of methods of high order ask (Hairer, Nørsett and Wanner
    /// 1993, section II.5).
    pub fn stage_orders(&self) -> Vec<usize> {
        let share = self.digits.map_or(1e-50, |digits| 0.5 * 10f64.powi(1 - digits as i32));
        let size = |x: &Rational| x.abs().to_f64().unwrap_or(f64::INFINITY);
        // c_j is known as well as the row that it is the sum of.
        let row_size = |j: usize| self.a[j].iter().map(size).sum::<f64>().max(size(&self.c[j]));
        let of_stage = |i: usize| {
            let holds = |k: usize| {
                let (mut off, mut doubt) = (Rational::zero(), 0.0);
                let row = self.a[i].iter().enumerate().map(|(j, a)| (j, a.clone()));
                let due = -&self.c[i] / Rational::from_integer(k.into());
                for (j, factor) in row.chain([(i, due)]) {
                    let power = num_traits::pow(self.c[j].clone(), k - 1);
                    let c = size(&self.c[j]);
                    let slope = if c > 0.0 { row_size(j) * c.powi(k as i32 - 2) } else { 0.0 };
                    doubt += size(&factor) * (size(&power) + k as f64 * slope);
                    off += factor * power;
                }
                size(&off) <= share * doubt
            };
            (1..=self.order).take_while(|k| holds(*k)).count()
        };
        (0..self.stages()).map(of_stage).collect()
    }

    /// The tableau in floating point, each coefficient the nearest `f64` to the rational one.
    pub fn to_f64(&self) -> Tableau<f64> {
        // Coefficients are bounded when they are read, so that each one has a finite `f64`.
        let round = |values: &[Rational]| -> Vec<f64> {
            values.iter().map(|x| x.to_f64().unwrap_or(f64::NAN)).collect()
        };
        let round_rows = |rows: &[Vec<Rational>]| rows.iter().map(|row| round(row)).collect();
        Tableau {
            name: self.name.clone(),
            a: round_rows(&self.a),
            b: round(&self.b),
            c: round(&self.c),
            embedded: self
                .embedded
                .as_ref()
                .map(|pair| Embedded { b_hat: round(&pair.b_hat), order: pair.order }),
            order: self.order,
            digits: self.digits,
            shu_osher: self.shu_osher.as_ref().map(|form| ShuOsher {
                alpha: round_rows(&form.alpha),
                beta: round_rows(&form.beta),
            }),
            citation: self.citation.clone(),
            note: self.note.clone(),
            aliases: self.aliases.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_stage_is_shared_by_the_pairs_made_for_it() {
        let fsal: Vec<&str> =
            names().into_iter().filter(|name| named(name).unwrap().fsal()).collect();
        let known = ["bs3", "fehlberg12", "dopri5", "tsit5", "bs5", "calvo6", "verner6"];
        assert_eq!(fsal, known);
    }

    #[test]
    fn no_method_of_the_catalogue_computes_a_stage_for_nothing() {
        for name in samples() {
            assert!(named(&name).unwrap().unused_stages().is_empty(), "{name}");
        }
        let text = r#"(a: [[], ["7"], ["1/2", "0"]], b: ["0", "0", "1"], b_hat: ["1", "0", "0"])"#;
        let tableau = text.parse::<TableauFile>().unwrap().prove().unwrap();
        assert_eq!(tableau.unused_stages(), [2]);
    }

    #[test]
    fn stages_of_methods_of_high_order_are_exact_for_more_than_lines() {
        // Hairer, Nørsett and Wanner (1993), section II.5: all stages of dopri5 but the second satisfy
        // the condition of order 2; the second stage is a step of Euler's method.
        assert_eq!(named("dopri5").unwrap().stage_orders()[1], 1);
        for name in ["dopri5", "cash_karp", "bs5", "verner6"] {
            let orders = named(name).unwrap().stage_orders();
            assert!(orders.iter().skip(2).all(|q| *q >= 2), "{name}: {orders:?}");
        }
        for name in ["verner8", "dopri8", "dop853"] {
            let orders = named(name).unwrap().stage_orders();
            assert!(orders.iter().skip(5).all(|q| *q >= 3), "{name}: {orders:?}");
        }
        // The title of its paper: "satisfying only the first column simplifying assumption".
        assert_eq!(named("tsit5").unwrap().stage_orders(), [5, 1, 1, 1, 1, 1, 5]);
        // Ralston's stages are steps of the midpoint kind: no more than lines.
        assert_eq!(named("ralston3").unwrap().stage_orders(), [3, 1, 1]);
        assert_eq!(named("euler").unwrap().stage_orders(), [1]);
        for name in samples() {
            let tableau = named(&name).unwrap();
            assert_eq!(tableau.stage_orders().into_iter().min(), Some(1), "{name}");
        }
    }

    #[test]
    fn the_shu_osher_form_is_kept_as_it_was_given() {
        let ssprk54 = named("ssprk54").unwrap();
        let form = ssprk54.to_f64().shu_osher.unwrap();
        assert_eq!(form.alpha[5][3], 0.096059710526147);
        assert_eq!(form.beta[5][3], 0.063692468666290);
        // The coefficient of strong stability that was published with it: min α/β = 1.50818.
        let pairs = form.alpha.iter().flatten().zip(form.beta.iter().flatten());
        let ratios = pairs.filter(|(_, beta)| **beta > 0.0).map(|(alpha, beta)| alpha / beta);
        let least = ratios.fold(f64::INFINITY, f64::min);
        assert!((least - 1.50818004918983).abs() < 1e-13, "{least}");
        assert_eq!(ssprk54.reduced().shu_osher, ssprk54.shu_osher);
        assert_eq!(named("rk4").unwrap().shu_osher, None);
        // The two forms of one method.
        let (ssprk22, heun2) = (named("ssprk22").unwrap(), named("heun2").unwrap());
        assert_eq!((ssprk22.a, ssprk22.b, ssprk22.c), (heun2.a, heun2.b, heun2.c));
        for (name, member) in [("ssprk32", "ssprk2(3)"), ("ssprk43", "ssprk3(4)")] {
            let (entry, member) = (named(name).unwrap(), named(member).unwrap());
            assert_eq!((entry.a, entry.b, entry.shu_osher), (member.a, member.b, member.shu_osher));
        }
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
