//! What becomes of an error that is made inside a step.

use super::fixed::{BITS, matrices, product};
use super::polynomial::Polynomial;
use crate::tableau::{Rational, Tableau, evaluate};
use num_bigint::BigInt;
use num_complex::Complex64;
use num_traits::{ToPrimitive, Zero};
use std::f64::consts::PI;

/// Fixed-point numbers below 2^-NOISE are what rounding leaves of zero.
const NOISE: u64 = 160;
/// Points of R(z) = e^{iθ} between θ = 0 and π.
const ANGLES: usize = 360;

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
    /// The same over the part of the region |R(z)| ≤ 1 that holds z = 0.
    pub amplification: f64,
}

pub(super) fn internal(tableau: &Tableau<Rational>, r: &[f64], real_limit: f64) -> Internal {
    let (a, b) = matrices(tableau);
    let s = b.len();
    let mut stages: Vec<Polynomial> = Vec::with_capacity(s);
    for row in &a {
        let mut stage = times_z(row, &stages, s);
        stage[0] += BigInt::from(1) << BITS;
        stages.push(polynomial(stage));
    }
    // Backward: q_j = z (b_j + Σ_{i>j} a_ij q_i); the constant comes in through z b_j.
    let mut perturbations: Vec<Polynomial> = Vec::with_capacity(s);
    for j in (0..s).rev() {
        let column: Vec<BigInt> = (j + 1..s).rev().map(|i| a[i][j].clone()).collect();
        let mut q = times_z(&column, &perturbations, s);
        q[1] += &b[j];
        perturbations.push(polynomial(q));
    }
    perturbations.reverse();
    let later = perturbations.get(1..).unwrap_or_default();
    let on_axis = later.iter().map(|q| on_interval(q, real_limit)).fold(0.0, f64::max);
    let floats = |all: &[Polynomial]| -> Vec<Vec<f64>> { all.iter().map(to_f64).collect() };
    let amplification = on_region(r, &floats(later)).max(on_axis);
    Internal {
        stages: floats(&stages),
        perturbations: floats(&perturbations),
        real_amplification: on_axis,
        amplification,
    }
}

/// z Σ_k weight_k p_k, of degree at most s.
fn times_z(weights: &[BigInt], polynomials: &[Polynomial], s: usize) -> Vec<BigInt> {
    let mut sum = vec![BigInt::zero(); s + 1];
    for (weight, p) in weights.iter().zip(polynomials).filter(|(weight, _)| !weight.is_zero()) {
        for (sum, c) in sum.iter_mut().skip(1).zip(&p.c) {
            *sum += product(weight, c);
        }
    }
    sum
}

fn polynomial(mut c: Vec<BigInt>) -> Polynomial {
    c.iter_mut().filter(|c| c.bits() + NOISE < BITS as u64).for_each(|c| *c = BigInt::zero());
    Polynomial { c, scale: BigInt::from(1) << BITS }.trimmed()
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
fn on_region(r: &[f64], polynomials: &[Vec<f64>]) -> f64 {
    let slope: Vec<f64> = r.iter().enumerate().skip(1).map(|(k, c)| k as f64 * c).collect();
    let angle = |step: usize| PI * step as f64 / ANGLES as f64;
    let mut branches = vec![starting_points(r)];
    for step in 0..=ANGLES {
        let mut points = branches.last().cloned().unwrap_or_default();
        solve(r, &slope, angle(step), &mut points);
        branches.push(points);
    }
    branches.remove(0);
    let mut best = (0.0, 0.0, Complex64::ZERO, None);
    for branch in curve_through_zero(&branches) {
        for (step, points) in branches.iter().enumerate() {
            for q in polynomials {
                let size = evaluate(q, points[branch]).norm();
                if size > best.0 {
                    best = (size, angle(step), points[branch], Some(q));
                }
            }
        }
    }
    let (found, middle, z, Some(q)) = best else { return 0.0 };
    // The solution next to z on the same branch, by Newton's method.
    let value = |angle: f64| {
        let target = Complex64::from_polar(1.0, angle);
        let newton = |z: Complex64, _| z - (evaluate(r, z) - target) / evaluate(&slope, z);
        let near = (0..20).fold(z, newton);
        let on_curve = (evaluate(r, near) - target).norm() < 1e-9;
        if on_curve { evaluate(q, near).norm() } else { 0.0 }
    };
    found.max(golden_maximum(value, middle - angle(1), middle + angle(1)))
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

/// Points on a circle that encloses the roots of R(z) = e^{iθ}, off the real axis.
fn starting_points(r: &[f64]) -> Vec<Complex64> {
    let degree = r.len().saturating_sub(1);
    let leading = r.last().copied().unwrap_or(1.0).abs();
    let ratios = r.iter().rev().enumerate().skip(1);
    let bound = ratios.map(|(k, c)| ((c.abs() + 1.0) / leading).powf(1.0 / k as f64));
    let radius = bound.fold(0.0, f64::max);
    let angle = |k: usize| (2.0 * PI * k as f64 + 0.7) / degree as f64;
    (0..degree).map(|k| Complex64::from_polar(radius, angle(k))).collect()
}

/// All roots of R(z) = e^{iθ} at once (Aberth 1973), from points near them.
fn solve(r: &[f64], slope: &[f64], angle: f64, points: &mut [Complex64]) {
    let target = Complex64::from_polar(1.0, angle);
    for _ in 0..100 {
        let mut moved = 0.0f64;
        for k in 0..points.len() {
            let z = points[k];
            let newton = (evaluate(r, z) - target) / evaluate(slope, z);
            let others = points.iter().enumerate().filter(|(j, w)| *j != k && **w != z);
            let push: Complex64 = others.map(|(_, w)| (z - w).inv()).sum();
            let step = newton / (1.0 - newton * push);
            if step.is_finite() {
                points[k] -= step;
                moved = moved.max(step.norm() / (1.0 + z.norm()));
            }
        }
        if moved < 1e-14 {
            break;
        }
    }
}
