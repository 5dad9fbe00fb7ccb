//! Why a tableau is refused.

use super::coefficient::CoefficientError;
use super::file::MAX_STAGES;
use super::trees::MAX_ORDER;
use crate::nearest::did_you_mean;
use std::fmt;

/// A coefficient of a tableau; stages and columns count from 1, as in the literature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// a_ij: stage and column.
    A(usize, usize),
    /// b_i.
    B(usize),
    /// b̂_i.
    BHat(usize),
    /// c_i.
    C(usize),
    /// α_ij of the Shu-Osher form.
    Alpha(usize, usize),
    /// β_ij of the Shu-Osher form.
    Beta(usize, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::A(i, j) => write!(f, "a[{i}][{j}]"),
            Place::B(i) => write!(f, "b[{i}]"),
            Place::BHat(i) => write!(f, "b_hat[{i}]"),
            Place::C(i) => write!(f, "c[{i}]"),
            Place::Alpha(i, j) => write!(f, "alpha[{i}][{j}]"),
            Place::Beta(i, j) => write!(f, "beta[{i}][{j}]"),
        }
    }
}

/// One of the two sets of weights of a tableau.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// `b`, with the claim `order`.
    Main,
    /// `b_hat`, with the claim `embedded_order`.
    Embedded,
}

impl Weights {
    /// The name of the weights in a tableau file.
    pub fn name(self) -> &'static str {
        match self {
            Weights::Main => "b",
            Weights::Embedded => "b_hat",
        }
    }

    /// The name of the claim on their order in a tableau file.
    pub fn claim(self) -> &'static str {
        match self {
            Weights::Main => "order",
            Weights::Embedded => "embedded_order",
        }
    }
}

/// Why a tableau is refused. Stages count from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages show
#[non_exhaustive]
pub enum TableauError {
    /// The text is no tableau in RON.
    #[error("not a tableau: {0}")]
    Syntax(ron::error::SpannedError),
    /// The tableau cannot be written as RON.
    #[error("cannot be written as RON: {0}")]
    Write(ron::Error),
    /// A coefficient cannot be read.
    #[error("{place}: \"{text}\" {problem}")]
    Coefficient { place: Place, text: String, problem: CoefficientError },
    /// No stages at all.
    #[error("the tableau has no stages; forward Euler is `a: [[]], b: [\"1\"]`")]
    NoStages,
    /// More stages than are accepted.
    #[error(
        "the tableau has {stages} stages; at most {MAX_STAGES} are accepted, so take several steps of a \
         method with fewer"
    )]
    TooManyStages { stages: usize },
    /// A row of a, alpha or beta that is too short or too long.
    #[error(
        "row {row} of `{list}` has {found} entries instead of {expected}; it needs one for each earlier \
         stage, zeros included"
    )]
    RowLength { list: &'static str, row: usize, found: usize, expected: usize },
    /// A coefficient on or above the diagonal.
    #[error(
        "{place} = {value} makes stage {row} depend on itself or a later one; the tableau must be \
         explicit: row {row} of `{list}` holds {expected} entries, and the first row is empty"
    )]
    Implicit { list: &'static str, place: Place, value: String, row: usize, expected: usize },
    /// A list of another length than the number of stages.
    #[error("`{list}` has {found} entries, but `a` has {stages} rows (one a stage)")]
    Length { list: &'static str, found: usize, stages: usize },
    /// Both forms of a method, or half of one.
    #[error("a method is given by `a` and `b` or by `alpha` and `beta`; {found} does not fit that")]
    Forms { found: String },
    /// Shares of earlier states that are not all of one.
    #[error(
        "row {row} of `alpha` sums to {sum} instead of 1; a stage is a mean of the states before it"
    )]
    Shares { row: usize, sum: String },
    /// A stated c that is not the row sum.
    #[error(
        "c[{row}] is {stated}, but row {row} of `a` sums to {sum}; correct one of them or leave \
         `c` out"
    )]
    RowSum { row: usize, stated: String, sum: String },
    /// Digits that say too little, or more than is kept.
    #[error(
        "`digits: {digits}` is not between {least} and {most}, the significant digits of rounded coefficients"
    )]
    Digits { digits: u32, least: u32, most: u32 },
    /// Exact coefficients with too large a common denominator.
    #[error(
        "the exact coefficients have a common denominator of more than {bits} bits; give them as \
         decimals and say so by `digits`"
    )]
    Denominator { bits: u64 },
    /// Embedded weights that equal the main ones.
    #[error("`b_hat` equals `b`, so the error estimate is always zero; leave `b_hat` out")]
    NoEstimate,
    /// A claim on the order of weights that are not there.
    #[error("`embedded_order: {claimed}` without `b_hat`; state the embedded weights or no order")]
    NoEmbedded { claimed: usize },
    /// Weights that do not sum to 1.
    #[error(
        "the entries of `{}` sum to {sum} instead of 1, so the method does not converge",
        weights.name()
    )]
    Inconsistent { weights: Weights, sum: String },
    /// A claim that cannot be checked.
    #[error("`{}: {claimed}`: orders are proved from 1 to {MAX_ORDER}", weights.claim())]
    Unprovable { weights: Weights, claimed: usize },
    /// A claimed order that the coefficients do not have.
    #[error(
        "`{}` claims order {claimed}, but tree {tree} of order {tree_order} gives {value} instead \
         of {expected} (off by {off:.1e}, rounding allows {allowed:.1e}); the order is {proved}",
        weights.name()
    )]
    Order {
        /// Which weights.
        weights: Weights,
        /// The order that was claimed for them.
        claimed: usize,
        /// The order that they have.
        proved: usize,
        /// The first tree whose condition fails, in bracket notation.
        tree: String,
        /// The number of its vertices.
        tree_order: usize,
        /// Its elementary weight.
        value: String,
        /// One over its density.
        expected: String,
        /// The distance of the two.
        off: f64,
        /// The distance that the rounding of the coefficients explains.
        allowed: f64,
    },
    /// A claimed order below the true one.
    #[error(
        "`{}` claims order {claimed}, but has order {proved}; write `{}: {proved}` or leave it out",
        weights.name(),
        weights.claim()
    )]
    Understated { weights: Weights, claimed: usize, proved: usize },
    /// A family without its number of stages, or with one that it does not have.
    #[error("unknown method `{name}`: in `{family}`, {limits}; `{example}` is one")]
    Member { name: String, family: &'static str, limits: String, example: String },
    /// A name that the catalogue does not have.
    #[error("unknown method `{name}`{} Known: {}", did_you_mean(near.as_ref()), names.join(", "))]
    UnknownName {
        /// The name.
        name: String,
        /// The name or alias that may be meant.
        near: Option<&'static str>,
        /// The names there are, without aliases.
        names: Vec<&'static str>,
    },
}
