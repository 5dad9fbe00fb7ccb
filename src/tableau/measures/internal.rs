//! What becomes of an error that is made inside a step.

use super::fixed::{BITS, matrices, product};
use super::polynomial::Polynomial;
use super::roots::{solve, starting_points};
use super::rounded::{share_of_doubt, size};
use crate::tableau::{Rational, Tableau, evaluate};
use num_bigint::BigInt;
use num_complex::Complex64;
use num_traits::{ToPrimitive, Zero};
use std::f64::consts::PI;
use std::ops::AddAssign;

/// Points of R(z) = e^{iθ} between θ = 0 and π.
const ANGLES: usize = 360;
/// The largest rounding of R(z) on the boundary of the region with which that is followed.
const ROUNDING: f64 = 1e-10;

/// The stages on the test equation y' = λy, and how errors made in them grow; z = hλ.
///
/// Polynomials have the constant first. Verwer, Hundsdorfer and Sommeijer (1990); Ketcheson,
/// Lóczi and Parsani, *Internal error propagation in explicit Runge-Kutta methods*, SIAM J. Numer.
/// Anal. 52 (2014).
#[derive(Debug, Clone, PartialEq)]
pub struct Internal {
    /// R_i of each stage: Y_i = R_i(z) y, where R_i = 1 + z Σ_j a_ij R_j.
    pub stages: Vec<Vec<f64>>,
    /// Q_j of each stage, the row z bᵀ (I - z a)^-1: an error δ added to Y_j adds Q_j(z) δ to y⁺.
    pub perturbations: Vec<Vec<f64>>,
    /// The largest |Q_j| from the second stage on (the first is y itself), over the real interval
    /// of stability that ends at 0.
    pub real_amplification: f64,
    /// The same over the part of the region |R(z)| ≤ 1 that holds z = 0; none if that is so large
    /// that R cannot be evaluated on its boundary in doubles.
    pub amplification: Option<f64>,
}

pub(super) fn internal(tableau: &Tableau<Rational>, r: &[f64], real_limit: f64) -> Internal {
    let (a, b) = matrices(tableau);
    let one = BigInt::from(1) << BITS;
    // The same with absolute values bounds what rounding of the tableau can leave of a zero.
    let sizes = |row: &Vec<Rational>| row.iter().map(size).collect::<Vec<f64>>();
    let (a_size, b_size) = (tableau.a.iter().map(sizes).collect::<Vec<_>>(), sizes(&tableau.b));
    let times = |x: &f64, y: &f64| x * y;
    let doubt = share_of_doubt(tableau);
    let clean = |(p, sizes): (Vec<BigInt>, Vec<f64>)| polynomial(p, &sizes, doubt);
    let stages = stages(&a, one, product).into_iter().zip(self::stages(&a_size, 1.0, times));
    let stages: Vec<Polynomial> = stages.map(clean).collect();
    let rows = perturbations(&a, &b, product).into_iter();
    let rows = rows.zip(perturbations(&a_size, &b_size, times));
    let perturbations: Vec<Polynomial> = rows.map(clean).collect();

    let later = perturbations.get(1..).unwrap_or_default();
    let on_axis = later.iter().map(|q| on_interval(q, real_limit)).fold(0.0, f64::max);
    let floats = |all: &[Polynomial]| -> Vec<Vec<f64>> { all.iter().map(to_f64).collect() };
    let amplification = on_region(r, &floats(later)).map(|found| found.max(on_axis));
    Internal {
        stages: floats(&stages),
        perturbations: floats(&perturbations),
        real_amplification: on_axis,
        amplification,
    }
}

/// R_i = 1 + z Σ_j a_ij R_j.
fn stages<T: Ring>(a: &[Vec<T>], one: T, product: impl Fn(&T, &T) -> T) -> Vec<Vec<T>> {
    let mut stages: Vec<Vec<T>> = Vec::with_capacity(a.len());
    for row in a {
        let mut stage = times_z(row.iter().zip(&stages), a.len(), &product);
        stage[0] += one.clone();
        stages.push(stage);
    }
    stages
}

/// Q_j = z (b_j + Σ_{i>j} a_ij Q_i), from the last to the first.
fn perturbations<T: Ring>(a: &[Vec<T>], b: &[T], product: impl Fn(&T, &T) -> T) -> Vec<Vec<T>> {
    let mut rows: Vec<Vec<T>> = vec![Vec::new(); b.len()];
    for j in (0..b.len()).rev() {
        let column = (j + 1..b.len()).map(|i| (&a[i][j], &rows[i]));
        let mut row = times_z(column, b.len(), &product);
        row[1] += b[j].clone();
        rows[j] = row;
    }
    rows
}

/// What the two recursions need of their numbers.
trait Ring: Clone + Zero + AddAssign {}
impl<T: Clone + Zero + AddAssign> Ring for T {}

/// z Σ_k weight_k p_k, of degree at most s.
fn times_z<'a, T: Ring + 'a>(
    terms: impl Iterator<Item = (&'a T, &'a Vec<T>)>,
    s: usize,
    product: impl Fn(&T, &T) -> T,
) -> Vec<T> {
    let mut sum = vec![T::zero(); s + 1];
    for (weight, p) in terms.filter(|(weight, _)| !weight.is_zero()) {
        for (sum, c) in sum.iter_mut().skip(1).zip(p) {
            *sum += product(weight, c);
        }
    }
    sum
}

/// The polynomial of fixed-point coefficients, with zero for those within their doubt.
fn polynomial(c: Vec<BigInt>, sizes: &[f64], share: f64) -> Polynomial {
    let mut p = Polynomial { c, scale: BigInt::from(1) << BITS };
    let rounded = to_f64(&p);
    for (k, c) in p.c.iter_mut().enumerate() {
        if rounded[k].abs() <= share * (k + 1) as f64 * sizes[k] {
            *c = BigInt::zero();
        }
    }
    p.trimmed()
}

fn to_f64(p: &Polynomial) -> Vec<f64> {
    let round = |c: &BigInt| Rational::new_raw(c.clone(), p.scale.clone()).to_f64();
    p.c.iter().map(|c| round(c).unwrap_or(f64::NAN)).collect()
}

/// The largest |q(x)| for x in [-limit, 0], at an end or where the derivative is zero.
fn on_interval(q: &Polynomial, limit: f64) -> f64 {
    let mirrored = q.clone().mirrored();
    let turns = mirrored.derivative().trimmed().positive_roots();
    let inside = turns.into_iter().filter(|x| *x < limit);
    inside.chain([0.0, limit]).map(|x| mirrored.value(x).abs()).fold(0.0, f64::max)
}

/// The largest |q(z)| of several polynomials on the part of |R(z)| ≤ 1 that holds 0.
///
/// By the maximum principle it lies on the boundary, which is one closed curve. The s solutions
/// of R(z) = e^{iθ} are followed over θ; around the largest value on that curve, θ is refined.
fn on_region(r: &[f64], polynomials: &[Vec<f64>]) -> Option<f64> {
    let slope: Vec<f64> = r.iter().enumerate().skip(1).map(|(k, c)| k as f64 * c).collect();
    let angle = |step: usize| PI * step as f64 / ANGLES as f64;
    let mut branches = vec![starting_points(r)];
    for step in 0..=ANGLES {
        let mut points = branches.last().cloned().unwrap_or_default();
        solve(|z| (evaluate(r, z), evaluate(&slope, z)), angle(step), &mut points);
        branches.push(points);
    }
    branches.remove(0);
    let mut best = (0.0, 0.0, Complex64::ZERO, None);
    let sizes: Vec<f64> = r.iter().map(|c| c.abs()).collect();
    for branch in curve_through_zero(&branches) {
        for (step, points) in branches.iter().enumerate() {
            let sum_of_sizes = evaluate(&sizes, points[branch].norm().into()).re;
            let followed = sum_of_sizes * f64::EPSILON < ROUNDING;
            if !followed {
                return None;
            }
            for q in polynomials {
                let size = evaluate(q, points[branch]).norm();
                if size > best.0 {
                    best = (size, angle(step), points[branch], Some(q));
                }
            }
        }
    }
    let (found, middle, z, Some(q)) = best else { return Some(0.0) };
    // The solution next to z on the same branch, by Newton's method.
    let value = |angle: f64| {
        let target = Complex64::from_polar(1.0, angle);
        let newton = |z: Complex64, _| z - (evaluate(r, z) - target) / evaluate(&slope, z);
        let near = (0..20).fold(z, newton);
        let on_curve = (evaluate(r, near) - target).norm() < 1e-9;
        if on_curve { evaluate(q, near).norm() } else { 0.0 }
    };
    Some(found.max(golden_maximum(value, middle - angle(1), middle + angle(1))))
}

/// The branches that make up the curve through z = 0, of branches followed from θ = 0 to π.
///
/// Beyond π a branch goes on as the complex conjugate of the branch that ends in the conjugate of
/// its end, and likewise before 0.
fn curve_through_zero(branches: &[Vec<Complex64>]) -> Vec<usize> {
    let (Some(first), Some(last)) = (branches.first(), branches.last()) else { return Vec::new() };
    let distance = |k: &usize| first[*k].norm();
    let nearest = (0..first.len()).min_by(|j, k| distance(j).total_cmp(&distance(k)));
    let mut found: Vec<usize> = nearest.into_iter().collect();
    let mut next = 0;
    while let Some(k) = found.get(next).copied() {
        let joins = |j: &usize| {
            let meets = |ends: &[Complex64]| {
                (ends[*j] - ends[k].conj()).norm() < 1e-6 * (1.0 + ends[k].norm())
            };
            !found.contains(j) && (meets(first) || meets(last))
        };
        let joined: Vec<usize> = (0..first.len()).filter(joins).collect();
        found.extend(joined);
        next += 1;
    }
    found
}

/// The largest value of a function with one maximum in an interval (Kiefer 1953).
fn golden_maximum(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = 0.5 * (5f64.sqrt() - 1.0);
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (f(left), f(right));
    for _ in 0..60 {
        if at_left > at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = f(right);
        }
    }
    at_left.max(at_right)
}
