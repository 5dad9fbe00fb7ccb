//! Methods with any number of stages, made from formulas: `ssprk2(7)`, `rkc2(10)`.

use super::coefficient::power_of_ten;
use super::{MAX_STAGES, Rational, TableauError, TableauFile};
use crate::nearest::folded;
use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

/// The decimals to which the coefficients of Chebyshev methods are written.
const DECIMALS: u32 = 60;
/// What is stated of them: their first zeros are no significant digits.
const DIGITS: u32 = 50;
/// The decimals of the work before that.
const WORKING_DECIMALS: u32 = 100;
/// Chebyshev methods are made up to this number of stages.
const MAX_CHEBYSHEV: usize = 50;

/// A family of methods, whose members have a number of stages in their names.
#[derive(Debug)]
pub struct Family {
    /// What stands before the number of stages.
    pub name: &'static str,
    /// How a member is called, `rkc2(s)`.
    pub pattern: &'static str,
    /// Where the family was published.
    pub citation: &'static str,
    /// What a user of other programs should know of it.
    pub note: &'static str,
    /// Numbers of stages of a few members, for tests and examples.
    pub examples: &'static [usize],
    stages: fn() -> Vec<usize>,
    make: fn(usize) -> TableauFile,
}

/// The families, each of whose members is a method that [`named`](super::named) knows.
pub fn families() -> &'static [Family] {
    &FAMILIES
}

const FAMILIES: [Family; 4] = [
    Family {
        name: "ssprk2",
        pattern: "ssprk2(s)",
        citation: "D. I. Ketcheson, Highly efficient strong stability-preserving Runge-Kutta methods with low-storage implementations, SIAM J. Sci. Comput. 30 (2008) 2113-2136",
        note: "Order 2 with the largest coefficient of strong stability, s - 1. NodePy: SSPRK2(s).",
        examples: &[2, 3, 7],
        stages: || (2..=MAX_STAGES).collect(),
        make: ssprk2,
    },
    Family {
        name: "ssprk3",
        pattern: "ssprk3(n^2)",
        citation: "D. I. Ketcheson, Highly efficient strong stability-preserving Runge-Kutta methods with low-storage implementations, SIAM J. Sci. Comput. 30 (2008) 2113-2136",
        note: "Order 3 with the largest coefficient of strong stability, n^2 - n. NodePy: SSPRK3(n^2).",
        examples: &[4, 9, 16],
        stages: || (2..).map(|n| n * n).take_while(|s| *s <= MAX_STAGES).collect(),
        make: ssprk3,
    },
    Family {
        name: "rkc1",
        pattern: "rkc1(s)",
        citation: "P. J. van der Houwen and B. P. Sommeijer, On the internal stability of explicit, m-stage Runge-Kutta methods for large m-values, Z. Angew. Math. Mech. 60 (1980) 479-485",
        note: "Order 1, stable on about [-1.93 s^2, 0]; the damping is 0.05.",
        examples: &[2, 5, 10],
        stages: || (2..=MAX_CHEBYSHEV).collect(),
        make: rkc1,
    },
    Family {
        name: "rkc2",
        pattern: "rkc2(s)",
        citation: "B. P. Sommeijer, L. F. Shampine and J. G. Verwer, RKC: an explicit solver for parabolic PDEs, J. Comput. Appl. Math. 88 (1998) 315-326",
        note: "Order 2, stable on about [-0.65 (s^2 - 1), 0]; the damping is 2/13. The `RKC` of DifferentialEquations.jl chooses s anew at each step.",
        examples: &[2, 5, 10],
        stages: || (2..=MAX_CHEBYSHEV).collect(),
        make: rkc2,
    },
];

impl Family {
    /// The names of a few members.
    pub fn example_names(&self) -> impl Iterator<Item = String> {
        self.examples.iter().map(|s| format!("{}({s})", self.name))
    }

    /// Which numbers of stages there are, in words.
    pub fn limits(&self) -> String {
        let stages = (self.stages)();
        let consecutive = stages.windows(2).all(|pair| pair[1] == pair[0] + 1);
        match (stages.as_slice(), consecutive) {
            ([first, .., last], true) => format!("s is from {first} to {last}"),
            ([first @ .., last], _) => {
                let first: Vec<String> = first.iter().map(usize::to_string).collect();
                format!("the number of stages is {} or {last}", first.join(", "))
            }
            ([], _) => "there are no members".to_string(),
        }
    }

    /// The member with so many stages, as a tableau file.
    fn member(&self, stages: usize) -> TableauFile {
        TableauFile {
            name: Some(format!("{}({stages})", self.name)),
            citation: Some(self.citation.to_string()),
            note: Some(self.note.to_string()),
            ..(self.make)(stages)
        }
    }
}

/// The tableau of a member of a family; `None` if the name is not like that of one.
pub(super) fn member(name: &str) -> Option<Result<TableauFile, TableauError>> {
    let (head, number) = name.split_once('(').unwrap_or((name, ""));
    let head = folded(head);
    let family = FAMILIES.iter().find(|family| family.name == head)?;
    let number = number.trim_end().strip_suffix(')').unwrap_or_default();
    let stages = number.trim().parse().ok();
    Some(match stages.filter(|stages| (family.stages)().contains(stages)) {
        Some(stages) => Ok(family.member(stages)),
        None => Err(TableauError::Member {
            name: name.chars().take(40).collect(),
            family: family.pattern,
            limits: family.limits(),
            example: family.example_names().last().unwrap_or_default(),
        }),
    })
}

fn ratio(numerator: usize, denominator: usize) -> Rational {
    Rational::new(numerator.into(), denominator.into())
}

/// Steps of Euler's method of length h/r one after the other, each a row of a Shu-Osher form; at
/// the stage `mix` of them only the share `kept` is taken, and the rest from the state `from`.
fn euler_steps(
    order: usize,
    stages: usize,
    r: usize,
    mix: usize,
    kept: Rational,
    from: usize,
) -> TableauFile {
    let (mut alpha, mut beta) = (vec![Vec::new()], vec![Vec::new()]);
    for i in 1..=stages {
        let share = if i == mix { kept.clone() } else { Rational::one() };
        let mut row = vec![Rational::zero(); i];
        row[i - 1] = &share / ratio(r, 1);
        beta.push(row.iter().map(Rational::to_string).collect());
        row[i - 1] = share.clone();
        row[from.min(i - 1)] += Rational::one() - share;
        alpha.push(row.iter().map(Rational::to_string).collect());
    }
    TableauFile { alpha, beta, order: Some(order), ..TableauFile::default() }
}

/// s steps of length h/(s-1), the last one mixed with the first state.
fn ssprk2(stages: usize) -> TableauFile {
    euler_steps(2, stages, stages - 1, stages, ratio(stages - 1, stages), 0)
}

/// n² steps of length h/(n²-n), that in the middle mixed with an early state.
fn ssprk3(stages: usize) -> TableauFile {
    let n = stages.isqrt();
    let kept = ratio(n - 1, 2 * n - 1);
    euler_steps(3, stages, stages - n, n * (n + 1) / 2, kept, (n - 1) * (n - 2) / 2)
}

/// T_j, T_j', T_j'' and U_j at one point for j = 0..=n, T_j and U_j being the Chebyshev polynomials of
/// the first and the second kind.
struct Chebyshev {
    t: Vec<Rational>,
    first: Vec<Rational>,
    second: Vec<Rational>,
    u: Vec<Rational>,
}

impl Chebyshev {
    fn at(x: &Rational, n: usize) -> Self {
        let (zero, one, two) = (Rational::zero(), Rational::one(), ratio(2, 1));
        let twice = &two * x;
        let mut at = Chebyshev {
            t: vec![one.clone(), x.clone()],
            first: vec![zero.clone(), one.clone()],
            second: vec![zero.clone(), zero],
            u: vec![one, twice.clone()],
        };
        for j in 2..=n {
            let next = |values: &[Rational]| &twice * &values[j - 1] - &values[j - 2];
            let second = next(&at.second) + ratio(4, 1) * &at.first[j - 1];
            let first = next(&at.first) + &two * &at.t[j - 1];
            let (t, u) = (next(&at.t), next(&at.u));
            at.t.push(t);
            at.first.push(first);
            at.second.push(second);
            at.u.push(u);
        }
        at
    }
}

/// Order 1: P_j(z) = T_j(w0 + w1 z)/T_j(w0), w1 = T_s(w0)/T_s'(w0), w0 = 1 + 0.05/s².
fn rkc1(stages: usize) -> TableauFile {
    let at = Chebyshev::at(&(Rational::one() + ratio(1, 20 * stages * stages)), stages);
    let w1 = &at.t[stages] / &at.first[stages];
    let b = at.t.iter().map(Rational::recip).collect();
    chebyshev_method(1, &at, &w1, b)
}

/// Order 2: b_j = T_j''(w0)/T_j'(w0)², b_1 = b_2, w1 = T_s'(w0)/T_s''(w0), w0 = 1 + 2/(13 s²).
fn rkc2(stages: usize) -> TableauFile {
    let at = Chebyshev::at(&(Rational::one() + ratio(2, 13 * stages * stages)), stages);
    let w1 = &at.first[stages] / &at.second[stages];
    let b = (0..=stages).map(|j| j.max(2)).map(|j| &at.second[j] / (&at.first[j] * &at.first[j]));
    chebyshev_method(2, &at, &w1, b.collect())
}

/// The method whose stages have P_j(z) = 1 - b_j T_j(w0) + b_j T_j(w0 + w1 z).
///
/// Its recursion Y_j = (1-μ_j-ν_j) y + μ_j Y_{j-1} + ν_j Y_{j-2} + h μ̃_j f(Y_{j-1}) + h γ̃_j f(y), divided by
/// b_j, is that of the polynomials of the second kind, whence
///
/// ```text
/// a_ji = 2 w1 (b_j/b_i) U_{j-1-i}(w0),  i = 1..j-1,     Σ_i a_ji = P_j'(0) = w1 b_j T_j'(w0),
/// ```
///
/// counted from 0; j = s is the step.
fn chebyshev_method(order: usize, at: &Chebyshev, w1: &Rational, b: Vec<Rational>) -> TableauFile {
    let stages = b.len() - 1;
    let scale = power_of_ten(WORKING_DECIMALS);
    let fixed = |x: &Rational| (x * &scale).round().to_integer();
    let by_b: Vec<BigInt> = b.iter().map(|b| fixed(&(ratio(2, 1) * w1 / b))).collect();
    let u: Vec<BigInt> = at.u.iter().map(fixed).collect();
    let row = |j: usize| -> Vec<String> {
        let b_j = fixed(&b[j]);
        let mut row: Vec<BigInt> =
            (1..j).map(|i| &b_j * &by_b[i] / &scale * &u[j - 1 - i] / &scale).collect();
        let c = fixed(&(w1 * &b[j] * &at.first[j]));
        row.insert(0, c - row.iter().sum::<BigInt>());
        row.iter().map(decimals).collect()
    };
    let a = [Vec::new()].into_iter().chain((1..stages).map(row)).collect();
    let (digits, order) = (Some(DIGITS), Some(order));
    TableauFile { a, b: row(stages), digits, order, ..TableauFile::default() }
}

/// A number over 10^[`WORKING_DECIMALS`] in decimals.
fn decimals(x: &BigInt) -> String {
    let dropped = power_of_ten(WORKING_DECIMALS - DECIMALS);
    let digits: BigInt = (x.abs() + &dropped / 2) / dropped;
    let padded = format!("{:0>width$}", digits.to_string(), width = DECIMALS as usize + 1);
    let (whole, decimals) = padded.split_at(padded.len() - DECIMALS as usize);
    let sign = if x.is_negative() { "-" } else { "" };
    format!("{sign}{whole}.{decimals}").trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::{Tableau, named};
    use num_traits::ToPrimitive;

    /// R(z) as the step on y' = λy makes it, to 100 decimals: h k_i = z (1 + Σ_j a_ij h k_j).
    fn value(tableau: &Tableau<Rational>, z: &Rational) -> Rational {
        let scale = power_of_ten(WORKING_DECIMALS);
        let fixed = |x: &Rational| (x * &scale).round().to_integer();
        let sum = |row: &[Rational], slopes: &[BigInt]| {
            let terms = row.iter().zip(slopes).map(|(a, k)| fixed(a) * k);
            &scale + terms.sum::<BigInt>() / &scale
        };
        let mut slopes: Vec<BigInt> = Vec::new();
        for row in &tableau.a {
            slopes.push(fixed(z) * sum(row, &slopes) / &scale);
        }
        Rational::new(sum(&tableau.b, &slopes), scale.clone())
    }

    fn assert_near(found: Rational, expected: Rational, what: &str) {
        let off = (found - &expected).abs().to_f64().unwrap();
        let size = expected.abs().to_f64().unwrap();
        assert!(off <= 1e-30 * (1.0 + size), "{what}: {off:e}");
    }

    fn points(scale: usize) -> [Rational; 4] {
        [ratio(1, 2), -ratio(1, 3), -ratio(7, 2), -ratio(scale * scale, 3)]
    }

    /// T_s by its recursion.
    fn chebyshev(s: usize, x: &Rational) -> Rational {
        let step = |(t, next): (Rational, Rational)| (next.clone(), ratio(2, 1) * x * next - t);
        (0..s).fold((Rational::one(), x.clone()), |pair, _| step(pair)).0
    }

    #[test]
    fn strong_stability_preserving_families_have_their_polynomials() {
        let euler = |r: usize, z: &Rational| Rational::one() + z / ratio(r, 1);
        for s in [2, 3, 7, 64] {
            let tableau = named(&format!("ssprk2({s})")).unwrap();
            assert_eq!((tableau.order, tableau.stages()), (2, s));
            for z in points(s) {
                let power = num_traits::pow(euler(s - 1, &z), s);
                let expected = (Rational::one() + ratio(s - 1, 1) * power) / ratio(s, 1);
                assert_near(value(&tableau, &z), expected, &format!("ssprk2({s}) at {z}"));
            }
        }
        for n in [2, 3, 4, 8] {
            let tableau = named(&format!("ssprk3({})", n * n)).unwrap();
            assert_eq!((tableau.order, tableau.stages()), (3, n * n));
            for z in points(n) {
                // Ketcheson (2008): (n E^((n-1)²) + (n-1) E^(n²))/(2n-1).
                let e = euler(n * n - n, &z);
                let power = |k| num_traits::pow(e.clone(), k);
                let sum = ratio(n, 1) * power((n - 1) * (n - 1)) + ratio(n - 1, 1) * power(n * n);
                let expected = sum / ratio(2 * n - 1, 1);
                assert_near(value(&tableau, &z), expected, &format!("ssprk3({n}^2) at {z}"));
            }
        }
    }

    #[test]
    fn chebyshev_methods_have_their_polynomials() {
        for s in [2, 3, 5, 20, 50] {
            let one = Rational::one();
            let (w0, order_two) = (&one + ratio(1, 20 * s * s), &one + ratio(2, 13 * s * s));
            let at = Chebyshev::at(&order_two, s);
            for z in points(s) {
                let first = {
                    let w1 = chebyshev(s, &w0) / &Chebyshev::at(&w0, s).first[s];
                    chebyshev(s, &(&w0 + w1 * &z)) / chebyshev(s, &w0)
                };
                let second = {
                    let b = &at.second[s] / (&at.first[s] * &at.first[s]);
                    let w1 = &at.first[s] / &at.second[s];
                    let t = chebyshev(s, &(&order_two + w1 * &z));
                    &one - &b * chebyshev(s, &order_two) + &b * t
                };
                for (family, expected) in [("rkc1", first), ("rkc2", second)] {
                    let tableau = named(&format!("{family}({s})")).unwrap();
                    assert_eq!(tableau.stages(), s);
                    assert_near(value(&tableau, &z), expected, &format!("{family}({s}) at {z}"));
                }
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_the_polynomials() {
        // T_3 = 4x³ - 3x, U_3 = 8x³ - 4x at x = 2.
        let at = Chebyshev::at(&ratio(2, 1), 3);
        let found = [&at.t[3], &at.first[3], &at.second[3], &at.u[3]].map(Rational::clone);
        assert_eq!(found, [26, 45, 48, 56].map(|x| ratio(x, 1)));
    }

    #[test]
    fn chebyshev_methods_are_stable_along_the_negative_axis() {
        for (name, end) in [("rkc1(10)", 1.9 * 100.0), ("rkc2(10)", 0.65 * 99.0)] {
            let r = named(name).unwrap();
            for k in 1..200 {
                let z = -ratio((end * 1000.0) as usize * k / 200, 1000);
                let size = value(&r, &z).abs().to_f64().unwrap();
                assert!(size <= 1.0, "{name} at {z}: {size}");
            }
        }
    }

    #[test]
    fn members_that_do_not_exist_are_told_the_limits() {
        for (name, start) in [
            (
                "rkc2(51)",
                "unknown method `rkc2(51)`: in `rkc2(s)`, s is from 2 to 50; `rkc2(10)` is one",
            ),
            ("rkc2", "unknown method `rkc2`: in `rkc2(s)`, s is from 2 to 50"),
            ("rkc1(-3)", "unknown method `rkc1(-3)`"),
            ("RKC_1(x)", "unknown method `RKC_1(x)`: in `rkc1(s)`"),
            ("ssprk2(1)", "unknown method `ssprk2(1)`: in `ssprk2(s)`, s is from 2 to 64"),
            (
                "ssprk3(8)",
                "unknown method `ssprk3(8)`: in `ssprk3(n^2)`, the number of stages is 4, 9, 16, 25, 36, 49 or 64",
            ),
            ("rkc2(99999999999999999999999)", "unknown method `rkc2(9999999999"),
        ] {
            let message = named(name).unwrap_err().to_string();
            assert!(message.starts_with(start), "{message}");
        }
        assert_eq!(named("RKC_2 (10)").unwrap().name, "rkc2(10)");
    }

    #[test]
    fn decimals_have_their_sign_and_no_trailing_zeros() {
        let text = |x: Rational| decimals(&(x * power_of_ten(WORKING_DECIMALS)).to_integer());
        let cases = [(ratio(1, 2), "0.5"), (-ratio(5, 4), "-1.25"), (ratio(3, 1), "3")];
        for (x, expected) in cases {
            assert_eq!(text(x), expected);
        }
        assert_eq!(text(Rational::zero()), "0");
        assert_eq!(text(-ratio(2, 3)), format!("-0.{}7", "6".repeat(59)));
    }
}
