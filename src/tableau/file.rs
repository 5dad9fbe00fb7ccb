//! The tableau as a user writes it, and the way from there to a proved one.

use super::coefficient::{Coefficient, MAX_LENGTH, to_decimals};
use super::error::{Place, TableauError, Weights};
use super::order::{Ball, Conditions, MAX_DENOMINATOR_BITS, Rounding, balls};
use super::shu_osher::to_butcher;
use super::trees::{self, MAX_ORDER, trees};
use super::{Embedded, Rational, ShuOsher, Tableau};
use crate::dialect::RON;
use num_traits::{Signed, ToPrimitive, Zero};
use ron::ser::PrettyConfig;
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
/// Coefficients are strings; see [`Coefficient`] for what they may hold. A method may be given in
/// its Shu-Osher form instead, by `alpha` and `beta` ([`ShuOsher`]); `a` and `b` then follow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Tableau", deny_unknown_fields)]
pub struct TableauFile {
    /// How the method is to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The stage coefficients, one row a stage, the first one empty. Zeros may fill the rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub a: Vec<Vec<String>>,
    /// The weights, one a stage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub b: Vec<String>,
    /// The shares of earlier states in the Shu-Osher form, one row a stage, the first one empty,
    /// and a last row for the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alpha: Vec<Vec<String>>,
    /// The multiples of the slopes in the Shu-Osher form, in rows like `alpha`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beta: Vec<Vec<String>>,
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
    /// What a user of other programs should know of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
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
    /// The file as text, which is read back to an equal one.
    ///
    /// # Errors
    /// [`TableauError::Write`], which no file is known to cause.
    pub fn to_ron(&self) -> Result<String, TableauError> {
        let layout = PrettyConfig::new().depth_limit(2).separate_tuple_members(false);
        let text = RON.to_string_pretty(self, layout).map_err(TableauError::Write)?;
        Ok(format!("{text}\n"))
    }

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
        let given = self.read_form(stages, &mut exact)?;
        let b_hat = match &self.b_hat {
            Some(b_hat) => Some(read_all(b_hat, Place::BHat, &mut exact)?),
            None => None,
        };
        let stated_c = match &self.c {
            Some(c) => Some(read_all(c, Place::C, &mut exact)?),
            None => None,
        };
        let rounding = match self.digits {
            Some(digits) => Rounding::Digits(digits),
            None if exact => Rounding::Exact,
            None => Rounding::Relative(RADICAL_ROUNDING),
        };
        let Butcher { a, b, doubt_a, doubt_b } = given.butcher(rounding)?;
        // Before the row sums, since it refuses what would take long to add.
        let mut conditions = Conditions::new(&a, doubt_a.clone(), rounding)?;
        let c = times(&a, &doubt_a, stated_c, rounding)?;
        if b_hat.as_ref() == Some(&b) {
            return Err(TableauError::NoEstimate);
        }

        let order = prove_order(&mut conditions, Weights::Main, &b, &doubt_b, self.order)?;
        let embedded = match b_hat {
            Some(b_hat) => {
                let doubt = balls(&b_hat, rounding);
                let claimed = self.embedded_order;
                let order =
                    prove_order(&mut conditions, Weights::Embedded, &b_hat, &doubt, claimed)?;
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
            shu_osher: match given {
                Form::ShuOsher(form) => Some(form),
                Form::Butcher { .. } => None,
            },
            citation: self.citation.clone(),
            note: self.note.clone(),
            aliases: self.aliases.clone(),
        })
    }

    /// Checks what can be said before any coefficient is read, and returns the number of stages.
    fn check_lengths(&self) -> Result<usize, TableauError> {
        let lengths = [self.a.len(), self.b.len(), self.alpha.len(), self.beta.len()];
        let stages = match lengths {
            [a, _, 0, 0] => a,
            [0, 0, alpha, beta] if alpha == beta => alpha - 1,
            _ => {
                let named = ["a", "b", "alpha", "beta"].iter().zip(lengths);
                let found = named.filter(|(_, rows)| *rows > 0);
                let found: Vec<String> =
                    found.map(|(list, rows)| format!("`{list}` of length {rows}")).collect();
                return Err(TableauError::Forms { found: found.join(" with ") });
            }
        };
        if stages == 0 {
            return Err(TableauError::NoStages);
        }
        if stages > MAX_STAGES {
            return Err(TableauError::TooManyStages { stages });
        }
        let b = Some(&self.b).filter(|_| self.alpha.is_empty());
        let lists = [("b", b), ("b_hat", self.b_hat.as_ref()), ("c", self.c.as_ref())];
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

    /// The coefficients of the stages and of the step, in the form in which they are given.
    fn read_form(&self, stages: usize, exact: &mut bool) -> Result<Form, TableauError> {
        let mut read = |rows, list, place: fn(usize, usize) -> Place| {
            lower_triangle(rows, stages, list, place, exact)
        };
        if self.alpha.is_empty() {
            let a = read(&self.a, "a", Place::A)?;
            Ok(Form::Butcher { a, b: read_all(&self.b, Place::B, exact)? })
        } else {
            let alpha = read(&self.alpha, "alpha", Place::Alpha)?;
            let beta = read(&self.beta, "beta", Place::Beta)?;
            Ok(Form::ShuOsher(ShuOsher { alpha, beta }))
        }
    }
}

/// The two forms in which a method may be given.
enum Form {
    Butcher { a: Vec<Vec<Rational>>, b: Vec<Rational> },
    ShuOsher(ShuOsher<Rational>),
}

/// The form in which methods are used, with how well each coefficient is known.
struct Butcher {
    a: Vec<Vec<Rational>>,
    b: Vec<Rational>,
    doubt_a: Vec<Vec<Ball>>,
    doubt_b: Vec<Ball>,
}

impl Form {
    fn butcher(&self, rounding: Rounding) -> Result<Butcher, TableauError> {
        let doubts = |rows: &[Vec<Rational>]| -> Vec<Vec<Ball>> {
            rows.iter().map(|row| balls(row, rounding)).collect()
        };
        match self {
            Form::Butcher { a, b } => Ok(Butcher {
                a: a.clone(),
                b: b.clone(),
                doubt_a: doubts(a),
                doubt_b: balls(b, rounding),
            }),
            Form::ShuOsher(form) => {
                for (i, (row, doubt)) in form.alpha.iter().zip(doubts(&form.alpha)).enumerate() {
                    let sum: Rational = row.iter().sum();
                    let allowed = doubt.iter().map(|ball| ball.error).sum();
                    if i > 0 && !near(&sum, &Rational::from_integer(1.into()), allowed) {
                        return Err(TableauError::Shares { row: i + 1, sum: show(&sum) });
                    }
                }
                let bits = MAX_DENOMINATOR_BITS;
                let mut a = to_butcher(form, |x| match (rounding, x.denom().bits()) {
                    (Rounding::Exact, found) if found > bits => {
                        Err(TableauError::Denominator { bits })
                    }
                    // Rounded numbers gain nothing from more.
                    (Rounding::Relative(_) | Rounding::Digits(_), 1024..) => Ok(to_decimals(&x)),
                    _ => Ok(x),
                })?;
                let doubt = ShuOsher { alpha: doubts(&form.alpha), beta: doubts(&form.beta) };
                let mut doubt_a = to_butcher(&doubt, Ok::<Ball, TableauError>)?;
                let b = a.pop().unwrap_or_default();
                let doubt_b = doubt_a.pop().unwrap_or_default();
                Ok(Butcher { a, b, doubt_a, doubt_b })
            }
        }
    }
}

/// The strictly lower triangle of a matrix, of which zeros may fill the rows.
fn lower_triangle(
    rows: &[Vec<String>],
    stages: usize,
    list: &'static str,
    place: fn(usize, usize) -> Place,
    exact: &mut bool,
) -> Result<Vec<Vec<Rational>>, TableauError> {
    let mut triangle = Vec::with_capacity(rows.len());
    for (i, texts) in rows.iter().enumerate() {
        let row = i + 1;
        if texts.len() < i || texts.len() > stages {
            let found = texts.len();
            return Err(TableauError::RowLength { list, row, found, expected: i });
        }
        let mut values = read_all(texts, |column| place(row, column), exact)?;
        if let Some(j) = values.iter().skip(i).position(|x| !x.is_zero()) {
            return Err(TableauError::Implicit {
                list,
                place: place(row, i + j + 1),
                value: show(&values[i + j]),
                row,
                expected: i,
            });
        }
        values.truncate(i);
        triangle.push(values);
    }
    Ok(triangle)
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

/// Whether two numbers are as near as their rounding explains.
fn near(x: &Rational, y: &Rational, allowed: f64) -> bool {
    let off = (x - y).abs();
    off.is_zero() || off.to_f64().is_some_and(|off| off <= allowed)
}

/// The row sums of a, checked against what is stated.
fn times(
    a: &[Vec<Rational>],
    doubt: &[Vec<Ball>],
    stated: Option<Vec<Rational>>,
    rounding: Rounding,
) -> Result<Vec<Rational>, TableauError> {
    let sums: Vec<Rational> = a.iter().map(|row| row.iter().sum()).collect();
    let Some(stated) = stated else { return Ok(sums) };
    for (i, (sum, c)) in sums.iter().zip(&stated).enumerate() {
        let allowed = doubt[i].iter().map(|ball| ball.error).sum::<f64>() + rounding.of(c);
        if !near(sum, c, allowed) {
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
    doubts: &[Ball],
    claimed: Option<usize>,
) -> Result<usize, TableauError> {
    if let Some(claimed) = claimed.filter(|order| !(1..=MAX_ORDER).contains(order)) {
        return Err(TableauError::Unprovable { weights, claimed });
    }
    let (proved, failure) = conditions.order(values, doubts)?;
    if proved == 0 {
        let sum: Rational = values.iter().sum();
        let off = &sum - Rational::from_integer(1.into());
        let sum = match off.to_f64() {
            // What a double would show as 1.
            Some(off) if off.abs() < 1e-12 => format!("1 {off:+.1e}"),
            _ => show(&sum),
        };
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
