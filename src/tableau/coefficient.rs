//! Coefficients read exactly from text: `"35/384"`, `"-1"`, `"1e-3"`, `"(2-sqrt(2))/4"`.

use super::Rational;
use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};
use std::str::FromStr;

/// The longest text of a coefficient, in characters.
pub(super) const MAX_LENGTH: usize = 256;
/// The deepest nesting of parentheses, roots and signs.
const MAX_DEPTH: usize = 32;
/// The largest decimal exponent of a literal, either way.
const MAX_EXPONENT: u32 = 300;
/// The largest numerator or denominator, in bits (some 616 digits).
const MAX_BITS: u64 = 2048;
/// Coefficients lie between 1/MAX_SIZE and MAX_SIZE, so that each has a finite, normal `f64`.
const MAX_SIZE: f64 = 1e100;
/// The decimals that are kept of an irrational square root.
pub(super) const ROOT_DIGITS: u32 = 60;

/// A number as a tableau states it.
///
/// The text is a formula of decimal literals with `+ - * /`, parentheses and `sqrt(..)` of what is
/// not negative. It is evaluated in rational numbers. A square root that is not rational is kept
/// to 60 digits, and the value then counts as not [`exact`](Coefficient::exact).
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficient {
    /// The value.
    pub value: Rational,
    /// Whether the value is the number that was written, rather than 60 digits of it.
    pub exact: bool,
}

/// Why a coefficient cannot be read, and where in its text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{problem}, at column {column}{}", problem.remedy())]
pub struct CoefficientError {
    /// The character at which the trouble starts, counted from 1; one past the end if the text
    /// stops too early.
    pub column: usize,
    /// What is wrong.
    pub problem: CoefficientProblem,
}

impl CoefficientProblem {
    /// The end of the sentence, where the problem does not say what would be right.
    fn remedy(&self) -> &'static str {
        match self {
            Self::DivisionByZero => "; write another denominator",
            Self::Unexpected { .. } | Self::Ends { .. } => {
                "; write a fraction such as 35/384, a decimal or sqrt(2)/4"
            }
            _ => "",
        }
    }
}

/// What is wrong with the text of a coefficient.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CoefficientProblem {
    /// A character that cannot stand here.
    #[error("`{found}` where {expected} is expected")]
    Unexpected { found: char, expected: &'static str },
    /// The text stops too early.
    #[error("ends where {expected} is expected")]
    Ends { expected: &'static str },
    /// A function other than the square root.
    #[error("`{name}` is not known; the only function is `sqrt`")]
    UnknownName { name: String },
    /// A division by zero.
    #[error("divides by zero")]
    DivisionByZero,
    /// The square root of a negative number.
    #[error("takes the square root of a negative number")]
    NegativeRoot,
    /// More characters than are read.
    #[error("is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// More nesting than is read.
    #[error("is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A decimal exponent beyond what is read.
    #[error("has an exponent beyond {MAX_EXPONENT}")]
    Exponent,
    /// An intermediate value with too many digits.
    #[error("needs more than {MAX_BITS} bits")]
    TooManyBits,
    /// A value that is too large or too small for a coefficient.
    #[error("is not between 1e-100 and 1e100 in size")]
    OutOfRange,
}

impl FromStr for Coefficient {
    type Err = CoefficientError;

    fn from_str(text: &str) -> Result<Self, CoefficientError> {
        let chars: Vec<char> = text.chars().take(MAX_LENGTH + 1).collect();
        if chars.len() > MAX_LENGTH {
            return fail(MAX_LENGTH, CoefficientProblem::TooLong);
        }
        let mut parser = Parser { chars, at: 0, depth: 0 };
        let coefficient = parser.sum()?;
        if let Some(found) = parser.peek() {
            let expected = "an operator or the end";
            return fail(parser.at, CoefficientProblem::Unexpected { found, expected });
        }
        let size = coefficient.value.abs().to_f64().unwrap_or(f64::INFINITY);
        if !coefficient.value.is_zero() && !(1.0 / MAX_SIZE..=MAX_SIZE).contains(&size) {
            return fail(0, CoefficientProblem::OutOfRange);
        }
        Ok(coefficient)
    }
}

type Parsed = Result<Coefficient, CoefficientError>;

/// An error at the character with index `at`.
fn fail<T>(at: usize, problem: CoefficientProblem) -> Result<T, CoefficientError> {
    Err(CoefficientError { column: at + 1, problem })
}

/// A recursive descent over
///
/// ```text
/// sum     = product (("+" | "-") product)*
/// product = signed (("*" | "/") signed)*
/// signed  = ("+" | "-") signed | primary
/// primary = literal | "sqrt" "(" sum ")" | "(" sum ")"
/// ```
struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    /// The next character that is not a space.
    fn peek(&mut self) -> Option<char> {
        while self.here().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        self.here()
    }

    /// The very next character.
    fn here(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn unexpected<T>(&mut self, expected: &'static str) -> Result<T, CoefficientError> {
        let problem = match self.peek() {
            Some(found) => CoefficientProblem::Unexpected { found, expected },
            None => CoefficientProblem::Ends { expected },
        };
        fail(self.at, problem)
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        while let Some(sign @ ('+' | '-')) = self.peek() {
            let at = self.at;
            self.at += 1;
            let right = self.product()?;
            let value =
                if sign == '+' { left.value + right.value } else { left.value - right.value };
            left = bounded(value, left.exact && right.exact, at)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.signed()?;
        while let Some(sign @ ('*' | '/')) = self.peek() {
            let at = self.at;
            self.at += 1;
            let right = self.signed()?;
            if sign == '/' && right.value.is_zero() {
                return fail(at, CoefficientProblem::DivisionByZero);
            }
            let value =
                if sign == '*' { left.value * right.value } else { left.value / right.value };
            left = bounded(value, left.exact && right.exact, at)?;
        }
        Ok(left)
    }

    /// Every recursion passes through here, so the depth is counted here alone.
    fn signed(&mut self) -> Parsed {
        if self.depth == MAX_DEPTH {
            return fail(self.at, CoefficientProblem::TooDeep);
        }
        self.depth += 1;
        let parsed = match self.peek() {
            Some('-') => {
                self.at += 1;
                self.signed()
                    .map(|Coefficient { value, exact }| Coefficient { value: -value, exact })
            }
            Some('+') => {
                self.at += 1;
                self.signed()
            }
            _ => self.primary(),
        };
        self.depth -= 1;
        parsed
    }

    fn primary(&mut self) -> Parsed {
        match self.peek() {
            Some('(') => self.parenthesis(),
            Some(c) if c.is_alphabetic() => self.root(),
            Some(c) if c.is_ascii_digit() || c == '.' => self.literal(),
            _ => self.unexpected("a number"),
        }
    }

    fn parenthesis(&mut self) -> Parsed {
        if self.peek() != Some('(') {
            return self.unexpected("`(`");
        }
        self.at += 1;
        let inner = self.sum()?;
        if self.peek() != Some(')') {
            return self.unexpected("`)`");
        }
        self.at += 1;
        Ok(inner)
    }

    fn root(&mut self) -> Parsed {
        let start = self.at;
        let mut name = String::new();
        while let Some(c) = self.here().filter(|c| c.is_alphanumeric()) {
            name.push(c);
            self.at += 1;
        }
        if name != "sqrt" {
            return fail(start, CoefficientProblem::UnknownName { name });
        }
        let inner = self.parenthesis()?;
        if inner.value.is_negative() {
            return fail(start, CoefficientProblem::NegativeRoot);
        }
        let (value, rational) = square_root(&inner.value);
        bounded(value, inner.exact && rational, start)
    }

    fn literal(&mut self) -> Parsed {
        let start = self.at;
        let mut digits = BigInt::zero();
        let before = self.digits(&mut digits);
        let mut decimals = 0;
        if self.here() == Some('.') {
            self.at += 1;
            decimals = self.digits(&mut digits);
        }
        if before + decimals == 0 {
            return self.unexpected("a digit");
        }
        let mut value = Rational::new(digits, power_of_ten(decimals));
        if let Some('e' | 'E') = self.here() {
            self.at += 1;
            let sign = self.here();
            if let Some('+' | '-') = sign {
                self.at += 1;
            }
            let mut exponent = BigInt::zero();
            if self.digits(&mut exponent) == 0 {
                return self.unexpected("a digit");
            }
            // The limit stands before the power, which is where memory would go.
            match exponent.to_u32().filter(|e| *e <= MAX_EXPONENT) {
                Some(e) if sign == Some('-') => value /= power_of_ten(e),
                Some(e) => value *= power_of_ten(e),
                None => return fail(start, CoefficientProblem::Exponent),
            }
        }
        bounded(value, true, start)
    }

    /// Appends a run of decimal digits to `number` and returns how many there were.
    fn digits(&mut self, number: &mut BigInt) -> u32 {
        let mut count = 0;
        while let Some(digit) = self.here().and_then(|c| c.to_digit(10)) {
            *number = &*number * 10 + digit;
            self.at += 1;
            count += 1;
        }
        count
    }
}

/// Lets a value through if its numerator and denominator are of reasonable size.
fn bounded(value: Rational, exact: bool, at: usize) -> Parsed {
    if value.numer().bits().max(value.denom().bits()) > MAX_BITS {
        return fail(at, CoefficientProblem::TooManyBits);
    }
    Ok(Coefficient { value, exact })
}

pub(super) fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// A number rounded to as many decimals as are kept of roots.
pub(super) fn to_decimals(x: &Rational) -> Rational {
    let scale = power_of_ten(ROOT_DIGITS);
    Rational::new((x * &scale).round().to_integer(), scale)
}

/// The square root of a number that is not negative, and whether it is rational.
///
/// sqrt(n/d) = sqrt(n d) / d, the root of the integer n d being taken after 60 more decimals.
fn square_root(x: &Rational) -> (Rational, bool) {
    let product = x.numer() * x.denom();
    let root = product.sqrt();
    if &root * &root == product {
        return (Rational::new(root, x.denom().clone()), true);
    }
    let scale = power_of_ten(ROOT_DIGITS);
    let root = (product * &scale * &scale).sqrt();
    (Rational::new(root, x.denom() * scale), false)
}

#[cfg(test)]
mod tests;
