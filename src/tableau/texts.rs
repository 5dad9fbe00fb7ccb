//! Coefficients written exactly, as texts that are read back to the same numbers.

use super::{Rational, ShuOsher, Tableau, TableauFile};
use num_bigint::BigInt;
use num_traits::{One, Pow, Signed, Zero};

/// The most decimals that are looked for.
const MOST_DECIMALS: u32 = 700;
/// Fractions longer than this are written in decimals if they have an end.
const LONG: usize = 60;

/// The coefficients of a method as exact texts, in the shapes of [`Tableau`].
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // as in `Tableau`
pub struct Texts {
    pub a: Vec<Vec<String>>,
    pub b: Vec<String>,
    pub b_hat: Option<Vec<String>>,
    pub c: Vec<String>,
    pub shu_osher: Option<ShuOsher<String>>,
}

impl TableauFile {
    /// The coefficients of the method that was proved of this file: radicals as they are written,
    /// rounded coefficients in decimals, all others as reduced fractions.
    pub fn texts(&self, tableau: &Tableau<Rational>) -> Texts {
        let rounded = tableau.digits.is_some();
        let one = |written: Option<&String>, value: &Rational| match written {
            Some(written) if written.contains("sqrt") => written.trim().to_owned(),
            _ => text(value, rounded),
        };
        let row = |written: Option<&Vec<String>>, values: &[Rational]| -> Vec<String> {
            let written = |k| written.and_then(|row| row.get(k));
            values.iter().enumerate().map(|(k, value)| one(written(k), value)).collect()
        };
        let rows = |written: &[Vec<String>], values: &[Vec<Rational>]| -> Vec<Vec<String>> {
            values.iter().enumerate().map(|(i, values)| row(written.get(i), values)).collect()
        };
        Texts {
            a: rows(&self.a, &tableau.a),
            b: row(Some(&self.b), &tableau.b),
            b_hat: tableau.embedded.as_ref().map(|pair| row(self.b_hat.as_ref(), &pair.b_hat)),
            c: row(self.c.as_ref(), &tableau.c),
            shu_osher: tableau.shu_osher.as_ref().map(|form| ShuOsher {
                alpha: rows(&self.alpha, &form.alpha),
                beta: rows(&self.beta, &form.beta),
            }),
        }
    }
}

/// A number as an exact text: in decimals if it is `rounded` or its fraction is long, and they have
/// an end, else as a reduced fraction.
pub fn text(x: &Rational, rounded: bool) -> String {
    let fraction = x.to_string();
    let wanted = rounded || fraction.len() > LONG;
    if wanted && !x.is_integer() { decimals(x).unwrap_or(fraction) } else { fraction }
}

/// The decimals of a number whose denominator divides a power of ten.
fn decimals(x: &Rational) -> Option<String> {
    let (mut rest, mut twos, mut fives) = (x.denom().clone(), 0u32, 0u32);
    for (prime, count) in [(2u32, &mut twos), (5, &mut fives)] {
        while (&rest % prime).is_zero() && *count <= MOST_DECIMALS {
            rest /= prime;
            *count += 1;
        }
    }
    let places = twos.max(fives);
    if !rest.is_one() || places > MOST_DECIMALS {
        return None;
    }
    let power: BigInt = Pow::pow(BigInt::from(10), places);
    let digits = (x.numer().abs() * power / x.denom()).to_string();
    let padded = format!("{digits:0>width$}", width = places as usize + 1);
    let (whole, decimals) = padded.split_at(padded.len() - places as usize);
    let sign = if x.is_negative() { "-" } else { "" };
    Some(format!("{sign}{whole}.{decimals}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::{Coefficient, file_named, samples};

    #[test]
    fn texts_are_read_back_to_the_same_numbers() {
        for name in samples() {
            let file = file_named(&name).unwrap();
            let tableau = file.prove().unwrap();
            let texts = file.texts(&tableau);
            let read = |text: &String| text.parse::<Coefficient>().unwrap().value;
            let row = |texts: &Vec<String>| texts.iter().map(read).collect::<Vec<_>>();
            assert_eq!(row(&texts.b), tableau.b, "{name}");
            assert_eq!(row(&texts.c), tableau.c, "{name}");
            assert_eq!(texts.a.iter().map(row).collect::<Vec<_>>(), tableau.a, "{name}");
            assert_eq!(texts.b_hat.as_ref().map(row), tableau.embedded.map(|pair| pair.b_hat));
        }
    }

    #[test]
    fn fractions_radicals_and_decimals_keep_their_kind() {
        let texts = |name: &str| {
            let file = file_named(name).unwrap();
            file.texts(&file.prove().unwrap())
        };
        assert_eq!(texts("dopri5").b[0], "35/384");
        assert_eq!(texts("gill4").a[2], ["(sqrt(2)-1)/2", "(2-sqrt(2))/2"]);
        assert_eq!(texts("tsit5").a[2][0], "-0.008480655492356989");
        assert_eq!(texts("ssprk33").b, ["1/6", "1/6", "2/3"]);
        assert_eq!(texts("ssprk33").shu_osher.unwrap().alpha[3], ["1/3", "0", "2/3"]);
        let third = Rational::new(1.into(), 3.into());
        assert_eq!(text(&third, true), "1/3");
        assert_eq!(text(&-Rational::new(1.into(), 8.into()), true), "-0.125");
        assert_eq!(text(&Rational::new((-4).into(), 1.into()), true), "-4");
    }
}
