//! The tableau as a user writes it, and the way from there to a proved one.

use super::coefficient::{Coefficient, MAX_LENGTH};
use super::error::{Place, TableauError, Weights};
use super::order::{Conditions, Rounding};
use super::trees::{self, MAX_ORDER, trees};
use super::{Embedded, Rational, Tableau};
use crate::dialect::RON;
use num_traits::{Signed, ToPrimitive, Zero};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The most stages that a tableau may have.
pub const MAX_STAGES: usize = 64;
/// With fewer digits a tableau is too uncertain to prove anything of it.
const LEAST_DIGITS: u32 = 8;
/// More digits than this are not kept apart from radicals.
const MOST_DIGITS: u32 = 50;
/// The error of coefficients that are formulas of radicals, relative to their size: 60 digits, of
/// which the formula may cancel a few.
const RADICAL_ROUNDING: f64 = 1e-55;

/// A tableau as it stands in a file of its own, in a model file or in the catalogue.
///
/// ```ron
/// (
///     a: [[], ["1/2"], ["-1", "2"]],   // row i has i - 1 entries
///     b: ["1/6", "2/3", "1/6"],
///     order: 3,                        // optional, checked
/// )
/// ```
///
/// Coefficients are strings; see [`Coefficient`] for what they may hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Tableau", deny_unknown_fields)]
pub struct TableauFile {
    /// How the method is to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The stage coefficients, one row a stage, the first one empty. Zeros may fill the rows.
    pub a: Vec<Vec<String>>,
    /// The weights, one a stage.
    pub b: Vec<String>,
    /// The weights of the error estimate, one a stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b_hat: Option<Vec<String>>,
    /// The times of the stages, checked against the row sums of `a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<Vec<String>>,
    /// The claimed order of `b`, checked; derived when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<usize>,
    /// The claimed order of `b_hat`, checked; derived when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded_order: Option<usize>,
    /// The significant digits of rounded coefficients. Without it they are taken as exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<u32>,
    /// Where the method was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<String>,
    /// Other names of the method.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

impl FromStr for TableauFile {
    type Err = TableauError;

    /// Reads a tableau file in RON. The error holds the line and column.
    fn from_str(text: &str) -> Result<Self, TableauError> {
        RON.from_str(text).map_err(TableauError::Syntax)
    }
}

impl TableauFile {
    /// Reads the coefficients, checks that they are an explicit method and proves its order.
    ///
    /// # Errors
    /// The first thing that is wrong: a coefficient that cannot be read, lists of wrong lengths,
    /// a stage that depends on itself or a later one, c that is not the row sum, weights that do
    /// not sum to 1, equal main and embedded weights, or a claimed order that is not the proved
    /// one, with the first rooted tree whose condition fails.
    pub fn prove(&self) -> Result<Tableau<Rational>, TableauError> {
        let stages = self.check_lengths()?;
        let mut exact = true;
        let a = self.stage_coefficients(stages, &mut exact)?;
        let b = read_all(&self.b, Place::B, &mut exact)?;
        let b_hat = match &self.b_hat {
            Some(b_hat) => Some(read_all(b_hat, Place::BHat, &mut exact)?),
            None => None,
        };
        let stated_c = match &self.c {
            Some(c) => Some(read_all(c, Place::C, &mut exact)?),
            None => None,
        };
        let rounding = match self.digits {
            // Half a unit in the last digit is largest, relatively, behind a leading 1.
            Some(digits) => Rounding::Relative(0.5 * 10f64.powi(1 - digits as i32)),
            None if exact => Rounding::Exact,
            None => Rounding::Relative(RADICAL_ROUNDING),
        };
        // Before the row sums, since it refuses what would take long to add.
        let mut conditions = Conditions::new(&a, rounding)?;
        let c = times(&a, stated_c, rounding)?;
        if b_hat.as_ref() == Some(&b) {
            return Err(TableauError::NoEstimate);
        }

        let order = prove_order(&mut conditions, Weights::Main, &b, self.order)?;
        let embedded = match b_hat {
            Some(b_hat) => {
                let claimed = self.embedded_order;
                let order = prove_order(&mut conditions, Weights::Embedded, &b_hat, claimed)?;
                Some(Embedded { b_hat, order })
            }
            None => None,
        };
        Ok(Tableau {
            name: self.name.clone().unwrap_or_else(|| "tableau".to_string()),
            a,
            b,
            c,
            embedded,
            order,
            digits: self.digits,
            citation: self.citation.clone(),
            aliases: self.aliases.clone(),
        })
    }

    /// Checks what can be said before any coefficient is read, and returns the number of stages.
    fn check_lengths(&self) -> Result<usize, TableauError> {
        let stages = self.a.len();
        if stages == 0 {
            return Err(TableauError::NoStages);
        }
        if stages > MAX_STAGES {
            return Err(TableauError::TooManyStages { stages });
        }
        let lists = [("b", Some(&self.b)), ("b_hat", self.b_hat.as_ref()), ("c", self.c.as_ref())];
        for (list, values) in lists {
            if let Some(found) = values.map(Vec::len).filter(|found| *found != stages) {
                return Err(TableauError::Length { list, found, stages });
            }
        }
        if let Some(digits) = self.digits
            && !(LEAST_DIGITS..=MOST_DIGITS).contains(&digits)
        {
            return Err(TableauError::Digits { digits, least: LEAST_DIGITS, most: MOST_DIGITS });
        }
        match (self.embedded_order, &self.b_hat) {
            (Some(claimed), None) => Err(TableauError::NoEmbedded { claimed }),
            _ => Ok(stages),
        }
    }

    /// The strictly lower triangle of a.
    fn stage_coefficients(
        &self,
        stages: usize,
        exact: &mut bool,
    ) -> Result<Vec<Vec<Rational>>, TableauError> {
        let mut a = Vec::with_capacity(stages);
        for (i, texts) in self.a.iter().enumerate() {
            let row = i + 1;
            if texts.len() < i || texts.len() > stages {
                return Err(TableauError::RowLength { row, found: texts.len(), expected: i });
            }
            let mut values = read_all(texts, |column| Place::A(row, column), exact)?;
            if let Some(j) = values.iter().skip(i).position(|x| !x.is_zero()) {
                return Err(TableauError::Implicit {
                    place: Place::A(row, i + j + 1),
                    value: show(&values[i + j]),
                    row,
                    expected: i,
                });
            }
            values.truncate(i);
            a.push(values);
        }
        Ok(a)
    }
}

/// Reads a list of coefficients and notes whether one of them is not exact.
fn read_all(
    texts: &[String],
    place: impl Fn(usize) -> Place,
    exact: &mut bool,
) -> Result<Vec<Rational>, TableauError> {
    let mut values = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        let coefficient: Coefficient = text.parse().map_err(|problem| {
            let text = text.chars().take(MAX_LENGTH).collect();
            TableauError::Coefficient { place: place(i + 1), text, problem }
        })?;
        *exact &= coefficient.exact;
        values.push(coefficient.value);
    }
    Ok(values)
}

/// The row sums of a, checked against what is stated.
fn times(
    a: &[Vec<Rational>],
    stated: Option<Vec<Rational>>,
    rounding: Rounding,
) -> Result<Vec<Rational>, TableauError> {
    let sums: Vec<Rational> = a.iter().map(|row| row.iter().sum()).collect();
    let Some(stated) = stated else { return Ok(sums) };
    for (i, (sum, c)) in sums.iter().zip(&stated).enumerate() {
        let allowed = a[i].iter().chain([c]).map(|x| rounding.of(x)).sum::<f64>();
        let off = (sum - c).abs();
        if !off.is_zero() && off.to_f64().is_none_or(|off| off > allowed) {
            return Err(TableauError::RowSum { row: i + 1, stated: show(c), sum: show(sum) });
        }
    }
    // Equal if exact; else the stated ones carry one rounding instead of a sum of them.
    Ok(stated)
}

/// The order of one set of weights, which must be the claimed one.
fn prove_order(
    conditions: &mut Conditions,
    weights: Weights,
    values: &[Rational],
    claimed: Option<usize>,
) -> Result<usize, TableauError> {
    if let Some(claimed) = claimed.filter(|order| !(1..=MAX_ORDER).contains(order)) {
        return Err(TableauError::Unprovable { weights, claimed });
    }
    let (proved, failure) = conditions.order(values)?;
    if proved == 0 {
        let sum = show(&values.iter().sum());
        return Err(TableauError::Inconsistent { weights, sum });
    }
    match (claimed, failure) {
        (Some(claimed), Some(failure)) if claimed > proved => {
            let tree = &trees()[failure.tree];
            Err(TableauError::Order {
                weights,
                claimed,
                proved,
                tree: trees::name(failure.tree),
                tree_order: tree.order,
                value: show(&failure.value),
                expected: format!("1/{}", tree.density),
                off: failure.off,
                allowed: failure.allowed,
            })
        }
        (Some(claimed), _) if claimed < proved => {
            Err(TableauError::Understated { weights, claimed, proved })
        }
        _ => Ok(proved),
    }
}

/// A rational as a fraction if that is short, else in decimals.
fn show(x: &Rational) -> String {
    let fraction = x.to_string();
    if fraction.len() <= 20 { fraction } else { x.to_f64().unwrap_or(f64::NAN).to_string() }
}

#[cfg(test)]
mod tests;
