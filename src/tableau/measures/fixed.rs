//! Fixed-point numbers of 1024 bits behind the point, some 308 decimals.
//!
//! Products of exact coefficients grow without need: the matrix conditions of methods with many
//! stages are evaluated in these. Their rounding lies below that of any coefficient even after
//! multiplication by z^s, s ≤ 64, over the longest real interval, 2 s² < 2^13.

use crate::tableau::{Rational, Tableau};
use num_bigint::BigInt;

pub(super) const BITS: usize = 1024;

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
