//! The largest number with a property that all smaller ones share.

use crate::tableau::Rational;
use num_traits::{One, ToPrimitive};

/// A radius below 2^-SMALLEST counts as zero, and one above 2^LARGEST is not looked for.
const SMALLEST: usize = 30;
const LARGEST: usize = 20;
/// The bits of the result beyond its first.
const BITS: usize = 64;

/// The largest r > 0 with `holds(r)`, where `holds` is true up to some number and false beyond;
/// zero if there is none. Halving on dyadic numbers, so that a property decided exactly gives r
/// to the last digit.
pub(super) fn largest(holds: impl Fn(&Rational) -> bool) -> f64 {
    let one = Rational::one();
    let two = &one + &one;
    let mut low = Rational::new(1.into(), num_bigint::BigInt::one() << SMALLEST);
    if !holds(&low) {
        return 0.0;
    }
    if holds(&one) {
        low = one;
    }
    let mut high = &low * &two;
    for _ in 0..LARGEST + SMALLEST {
        if !holds(&high) {
            break;
        }
        low = high;
        high = &low * &two;
    }
    for _ in 0..BITS {
        let middle = (&low + &high) / &two;
        if holds(&middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low.to_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_true_number_is_found_to_the_last_digit() {
        let third = Rational::new(1.into(), 3.into());
        assert_eq!(largest(|r| r <= &third), 1.0 / 3.0);
        assert_eq!(largest(|r| r * r <= Rational::new(2.into(), 1.into())), 2f64.sqrt());
        assert_eq!(largest(|r| r.to_f64() <= Some(6.0)), 6.0);
        assert_eq!(largest(|_| false), 0.0);
    }
}
