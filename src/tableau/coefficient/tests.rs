//! What a coefficient may say, and what is refused.

use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Coefficient {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn ratio(numerator: i64, denominator: i64) -> Rational {
    Rational::new(numerator.into(), denominator.into())
}

#[test]
fn fractions_decimals_and_exponents_are_exact() {
    let cases = [
        ("35/384", ratio(35, 384)),
        ("-1", ratio(-1, 1)),
        ("0.25", ratio(1, 4)),
        ("1e-3", ratio(1, 1000)),
        (".5", ratio(1, 2)),
        ("2.", ratio(2, 1)),
        ("2.5E+1", ratio(25, 1)),
        (" - 1 / 2 / 3 ", ratio(-1, 6)),
        ("1 - 2 - 3", ratio(-4, 1)),
        ("1+2*3", ratio(7, 1)),
        ("(1+2)*-3", ratio(-9, 1)),
        ("sqrt(9/4)", ratio(3, 2)),
        ("sqrt(0)", ratio(0, 1)),
        ("sqrt(sqrt(16))", ratio(2, 1)),
    ];
    for (text, value) in cases {
        assert_eq!(read(text), Coefficient { value, exact: true }, "{text}");
    }
}

#[test]
fn radicals_are_kept_to_sixty_digits() {
    let root = read("(2-sqrt(2))/4");
    assert!(!root.exact);
    // x = (2 - sqrt 2)/4 solves 8 x² - 8 x + 1 = 0.
    let residual =
        ratio(8, 1) * &root.value * &root.value - ratio(8, 1) * &root.value + ratio(1, 1);
    assert!(residual.abs() < Rational::new(1.into(), power_of_ten(59)));
    assert_eq!(read("1/2*sqrt(3)").value.to_f64(), Some(0.75f64.sqrt()));
    // The digits are counted from the front of the root, however small it is.
    let tiny = read("sqrt(2e-120) * 1e60").value;
    assert!((tiny - read("sqrt(2)").value).abs() < Rational::new(1.into(), power_of_ten(58)));
}

#[test]
fn errors_point_at_their_column() {
    use CoefficientProblem::*;
    let ends = |expected| Ends { expected };
    let cases = [
        ("1/0", 2, DivisionByZero),
        ("1/(2-2)", 2, DivisionByZero),
        ("", 1, ends("a number")),
        ("1 +", 4, ends("a number")),
        ("(1", 3, ends("`)`")),
        ("1e", 3, ends("a digit")),
        ("1/2x", 4, Unexpected { found: 'x', expected: "an operator or the end" }),
        ("1 2", 3, Unexpected { found: '2', expected: "an operator or the end" }),
        ("1*/2", 3, Unexpected { found: '/', expected: "a number" }),
        (".", 2, ends("a digit")),
        ("sqrt 2", 6, Unexpected { found: '2', expected: "`(`" }),
        ("2*cos(1)", 3, UnknownName { name: "cos".into() }),
        ("1+sqrt(1-2)", 3, NegativeRoot),
        ("1e999999999", 1, Exponent),
        ("1e-99999999999999999999999999", 1, Exponent),
        ("1e300*1e300*1e300", 12, TooManyBits),
        ("1e200", 1, OutOfRange),
        ("1e-200", 1, OutOfRange),
    ];
    for (text, column, problem) in cases {
        assert_eq!(
            text.parse::<Coefficient>(),
            Err(CoefficientError { column, problem }),
            "{text}"
        );
    }
}

#[test]
fn size_and_depth_have_limits() {
    let problem = |text: String| text.parse::<Coefficient>().unwrap_err().problem;
    assert_eq!(problem("9".repeat(100_000)), CoefficientProblem::TooLong);
    assert_eq!(problem("(".repeat(200)), CoefficientProblem::TooDeep);
    assert_eq!(problem("-".repeat(200)), CoefficientProblem::TooDeep);
    assert_eq!(read(&format!("{}7{}", "(".repeat(20), ")".repeat(20))).value, ratio(7, 1));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in r"[-+*/(). 0-9esqrtx√é]{0,40}|\PC{0,40}") {
        let length = text.chars().count();
        if let Err(error) = text.parse::<Coefficient>() {
            prop_assert!((1..=length + 1).contains(&error.column));
        }
    }

    #[test]
    fn a_decimal_rounds_as_the_standard_library_rounds_it(
        whole in 0u64..1000, decimals in "[0-9]{1,25}", exponent in -30i32..30
    ) {
        let text = format!("{whole}.{decimals}e{exponent}");
        prop_assert_eq!(read(&text).value.to_f64(), text.parse::<f64>().ok());
    }

    #[test]
    fn the_root_of_a_square_is_exact(n in 0i64..1_000_000, d in 1i64..1_000_000) {
        let square = read(&format!("sqrt(({n}/{d})*({n}/{d}))"));
        prop_assert_eq!(square, Coefficient { value: ratio(n, d), exact: true });
    }
}
