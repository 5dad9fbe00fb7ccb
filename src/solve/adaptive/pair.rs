//! An embedded pair in the form that adaptive steps want it.

use crate::tableau::Tableau;

/// Most stages of an explicit method in diffsol, which panics beyond.
const MOST_STAGES: usize = 8;

/// A method with an error estimate, whose last stage stands at the end of the step: a_si = b_i and c_s = 1.
///
/// A tableau that has no such stage gets one more. It costs nothing on steps that are accepted, being the first
/// stage of the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Row i has i entries; the last is b.
    pub a: Vec<Vec<f64>>,
    /// The times of the stages, from 0 to 1.
    pub c: Vec<f64>,
    /// b - b_hat: h times their sum with the stages is the estimate of the error.
    pub d: Vec<f64>,
    /// The order of the estimate's weaker side, which the step size goes by.
    pub order: usize,
}

/// A method without an error estimate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "{name} has no embedded pair, so that nothing estimates the error of a step; these have: {with}; or take Fixed(steps: ..)"
)]
pub struct NoPair {
    /// The method.
    pub name: String,
    /// Methods that have one, in a row.
    pub with: String,
}

impl Pair {
    /// The pair of a tableau.
    ///
    /// # Errors
    /// [`NoPair`], if it has none.
    pub fn new(tableau: &Tableau<f64>) -> Result<Pair, NoPair> {
        match (&tableau.embedded, tableau.error_weights()) {
            (Some(embedded), Some(d)) => {
                Ok(Pair::padded(tableau, d, tableau.order.min(embedded.order)))
            }
            _ => Err(NoPair { name: tableau.name.clone(), with: names_of_pairs() }),
        }
    }

    /// The form that is wanted, with this estimate.
    pub(super) fn padded(tableau: &Tableau<f64>, mut d: Vec<f64>, order: usize) -> Pair {
        let (mut a, mut c) = (tableau.a.clone(), tableau.c.clone());
        if !(tableau.fsal() && c.last() == Some(&1.0)) {
            a.push(tableau.b.clone());
            c.push(1.0);
            d.push(0.0);
        }
        Pair { a, c, d, order }
    }

    /// Stages, the added one included.
    pub fn stages(&self) -> usize {
        self.c.len()
    }

    /// Whether diffsol takes as many stages.
    pub fn fits_diffsol(&self) -> bool {
        self.stages() <= MOST_STAGES
    }
}

/// The methods of the catalogue that have a pair.
fn names_of_pairs() -> String {
    let pairs = crate::tableau::catalogue().filter(|file| file.b_hat.is_some());
    pairs.filter_map(|file| file.name.as_deref()).collect::<Vec<_>>().join(", ")
}
