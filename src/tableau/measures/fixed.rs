//! Fixed-point numbers of 512 bits behind the point, some 154 decimals.
//!
//! Products of exact coefficients grow without need: the matrix conditions of methods with many
//! stages are evaluated in these, whose rounding lies far below that of any coefficient.

use crate::tableau::{Rational, Tableau};
use num_bigint::BigInt;

pub(super) const BITS: usize = 512;

pub(super) fn fixed(x: &Rational) -> BigInt {
    (x.numer() << BITS) / x.denom()
}

pub(super) fn product(x: &BigInt, y: &BigInt) -> BigInt {
    (x * y) >> BITS
}

/// a and b of a tableau, with a filled up by zeros.
pub(super) fn matrices(tableau: &Tableau<Rational>) -> (Vec<Vec<BigInt>>, Vec<BigInt>) {
    let stages = tableau.stages();
    let fill = |row: &Vec<Rational>| {
        let mut row: Vec<BigInt> = row.iter().map(fixed).collect();
        row.resize(stages, BigInt::ZERO);
        row
    };
    (tableau.a.iter().map(fill).collect(), tableau.b.iter().map(fixed).collect())
}
