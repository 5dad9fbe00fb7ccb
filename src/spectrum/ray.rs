//! Where a ray from 0 leaves the region of stability, |R(z)| <= 1.
//!
//! Along z = r u with |u| = 1 the margin |R(z)|^2 - 1 is a polynomial in r. Near 0 it is summed as such, with the
//! coefficients up to the order p taken from |e^z|^2, (2 Re u)^m / m!, so that no rounding hides on which side of 1
//! it begins; farther out |R| itself is evaluated.

use num_complex::Complex64;
use num_traits::ToPrimitive;

use crate::tableau::{Chebyshev, Rational, Tableau};

/// Points of a ray that are looked at, closer together near 0.
const POINTS: usize = 240;
/// Up to this r the margin is summed as a polynomial.
const NEAR: f64 = 0.5;
/// Halvings of an interval that holds a boundary.
const HALVINGS: usize = 60;
/// Rounding of |R| beyond which nothing is decided, outside the real interval of stability.
const DOUBT: f64 = 1e-8;

/// A stability polynomial along rays.
#[derive(Clone, Debug)]
pub struct Region {
    /// The coefficients of R, the constant first.
    pub polynomial: Vec<f64>,
    /// R again, right to the last digits along the real interval.
    chebyshev: Chebyshev,
    order: usize,
    /// The ends of the real and of the imaginary interval of stability that begin at 0.
    axes: [f64; 2],
    /// Nothing is looked for beyond this.
    reach: f64,
}

/// The margin along one ray.
struct Ray<'a> {
    region: &'a Region,
    direction: Complex64,
    /// Of r, r^2, ..
    near: Vec<f64>,
}

impl Region {
    /// The region of a method.
    pub fn new(tableau: &Tableau<Rational>) -> Region {
        let limits = tableau.stability_limits();
        let float = |c: &Rational| c.to_f64().unwrap_or(f64::NAN);
        let axes = [limits.real.limit(), limits.imaginary.limit()];
        let mut region = Region {
            polynomial: limits.polynomial.iter().map(float).collect(),
            chebyshev: Chebyshev::new(&limits.polynomial, axes[0].max(1.0)),
            order: tableau.order,
            axes,
            reach: 0.0,
        };
        region.reach = region.outer().max(1.1 * axes[0]);
        region
    }

    /// A radius outside which the leading term is larger than all others together; less where rounding would
    /// decide.
    fn outer(&self) -> f64 {
        let sizes: Vec<f64> = self.polynomial.iter().map(|c| c.abs()).collect();
        let Some((leading, rest)) = sizes.split_last().filter(|(_, rest)| !rest.is_empty()) else {
            return 0.0;
        };
        let sum = |c: &[f64], r: f64| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
        let outside = |r: f64| {
            let leads = leading * r.powi(rest.len() as i32) > 1.0 + sum(rest, r);
            leads || f64::EPSILON * sum(&sizes, r) > DOUBT
        };
        let mut high = 1.0;
        while !outside(high) {
            high *= 2.0;
        }
        bisect(0.5 * high, high, |r| !outside(r))
    }

    fn ray(&self, direction: Complex64) -> Ray<'_> {
        let c = &self.polynomial;
        let degree = c.len().saturating_sub(1);
        let mut powers = vec![Complex64::new(1.0, 0.0)];
        for k in 0..degree {
            powers.push(powers[k] * direction);
        }
        let mut factorial = 1.0;
        let near = (1..=2 * degree).map(|m| {
            factorial *= m as f64;
            if m <= self.order {
                return (2.0 * direction.re).powi(m as i32) / factorial;
            }
            let (mut sum, mut size) = (0.0, 0.0);
            for j in m.saturating_sub(degree)..=m.min(degree) {
                let term = c[j] * c[m - j];
                sum += term * powers[j.abs_diff(m - j)].re;
                size += term.abs();
            }
            // What is no more than the rounding of the sum is none.
            if sum.abs() <= 4.0 * f64::EPSILON * size { 0.0 } else { sum }
        });
        Ray { region: self, direction, near: near.collect() }
    }

    /// The length after which a ray leaves the region for the first time: 0 if it does not begin inside.
    pub fn exit(&self, direction: Complex64) -> f64 {
        let [real, imaginary] = self.axes;
        if direction.re == 0.0 {
            return imaginary;
        } else if direction.im == 0.0 && direction.re < 0.0 {
            return real;
        }
        self.ray(direction).intervals(true).first().map_or(0.0, |[_, end]| *end)
    }

    /// The parts of a ray that lie in the region; the first begins at 0 if any does. Parts far out that are shorter
    /// than a thousandth of their distance, in which no step can be held, may be missing.
    pub fn intervals(&self, direction: Complex64) -> Vec<[f64; 2]> {
        self.ray(direction).intervals(false)
    }
}

impl Ray<'_> {
    /// Positive outside the region.
    fn margin(&self, r: f64) -> f64 {
        if r <= NEAR {
            return r * self.near.iter().rev().fold(0.0, |sum, c| sum * r + c);
        }
        self.region.chebyshev.value(self.direction * r).norm_sqr() - 1.0
    }

    /// The sign of the margin behind 0.
    fn begins_inside(&self) -> bool {
        self.near.iter().find(|c| **c != 0.0).is_none_or(|c| *c < 0.0)
    }

    fn intervals(&self, first_only: bool) -> Vec<[f64; 2]> {
        let mut intervals = Vec::new();
        let mut start = self.begins_inside().then_some(0.0);
        if first_only && start.is_none() {
            return intervals;
        }
        let at = |k: usize| self.region.reach * (k as f64 / POINTS as f64).powi(2);
        let mut before = [0.0; 2];
        let mut margins = [f64::NEG_INFINITY; 2];
        for k in 1..=POINTS {
            let (r, margin) = (at(k), self.margin(at(k)));
            // Of three points on one side the middle one may be near a part of the ray on the other side.
            let side = if start.is_some() { 1.0 } else { -1.0 };
            let nearest =
                side * margins[1] > side * margin && side * margins[1] > side * margins[0];
            if nearest && (margin <= 0.0) == start.is_some() {
                let top = self.top(before[0], r, side);
                if side * self.margin(top) > 4.0 * f64::EPSILON {
                    match start {
                        Some(begin) => {
                            intervals.push([begin, self.boundary(before[0], top)]);
                            start = Some(self.boundary(r, top));
                        }
                        None => {
                            intervals.push([self.boundary(top, before[0]), self.boundary(top, r)])
                        }
                    }
                }
            }
            if (margin <= 0.0) != start.is_some() {
                let edge = match start {
                    Some(_) => self.boundary(before[1], r),
                    None => self.boundary(r, before[1]),
                };
                match start.take() {
                    Some(start) => intervals.push([start, edge]),
                    None => start = Some(edge),
                }
            }
            if first_only && !intervals.is_empty() {
                return intervals;
            }
            before = [before[1], r];
            margins = [margins[1], margin];
        }
        intervals.extend(start.map(|start| [start, self.region.reach]));
        intervals
    }

    /// Between a place inside and one outside; the last that is inside.
    fn boundary(&self, inside: f64, outside: f64) -> f64 {
        bisect(inside, outside, |r| if r == 0.0 { true } else { self.margin(r) <= 0.0 })
    }

    /// Where the margin, times the sign, is largest, by the golden section.
    fn top(&self, mut low: f64, mut high: f64, sign: f64) -> f64 {
        let share = 0.5 * (5f64.sqrt() - 1.0);
        for _ in 0..HALVINGS {
            let (left, right) = (high - share * (high - low), low + share * (high - low));
            match sign * self.margin(left) < sign * self.margin(right) {
                true => low = left,
                false => high = right,
            }
        }
        0.5 * (low + high)
    }
}

/// The last place for which `holds`, between one where it does and one where it does not.
pub(super) fn bisect(mut yes: f64, mut no: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..HALVINGS {
        let middle = 0.5 * (yes + no);
        match holds(middle) {
            true => yes = middle,
            false => no = middle,
        }
    }
    yes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::{named, samples};

    fn region(name: &str) -> Region {
        Region::new(&named(name).unwrap())
    }

    #[test]
    fn the_axes_are_left_where_exact_arithmetic_says() {
        for name in samples() {
            let limits = named(&name).unwrap().stability_limits();
            let region = region(&name);
            let ends = [
                (Complex64::new(-1.0, 0.0), &limits.real),
                (Complex64::new(0.0, 1.0), &limits.imaginary),
            ];
            for (direction, exact) in ends {
                assert_eq!(region.exit(direction), exact.limit());
                // Farther out the value of R is rounding, and no step can be held in a narrow part.
                let useful = |[from, to]: &[f64; 2]| to - from > 1e-3 * to;
                let found: Vec<[f64; 2]> =
                    region.intervals(direction).into_iter().filter(useful).collect();
                let exact: Vec<[f64; 2]> = exact
                    .0
                    .iter()
                    .copied()
                    .filter(useful)
                    .filter(|[_, end]| *end < region.reach)
                    .collect();
                assert_eq!(found.len(), exact.len(), "{name} {direction}: {found:?} {exact:?}");
                for (found, due) in found.iter().flatten().zip(exact.iter().flatten()) {
                    assert!((found - due).abs() <= 1e-6 * due, "{name}: {found} {due}");
                }
            }
        }
    }

    #[test]
    fn fehlberg45_has_a_later_interval_on_the_imaginary_axis() {
        let intervals = region("fehlberg45").intervals(Complex64::new(0.0, 1.0));
        assert_eq!(intervals.len(), 1, "{intervals:?}");
        assert!(intervals[0][0] > 1.0 && region("fehlberg45").exit(Complex64::i()) == 0.0);
    }

    /// |1 + h lambda| = 1 at h = 2 g / (g^2 + w^2).
    #[test]
    fn eulers_disc_is_left_at_its_edge() {
        for g in [1e-9, 1e-4, 0.1, 1.0, 50.0] {
            let lambda = Complex64::new(-g, 1.0);
            let size = lambda.norm();
            let h = region("euler").exit(lambda / size) / size;
            let due = 2.0 * g / (g * g + 1.0);
            assert!((h / due - 1.0).abs() < 1e-12, "{g}: {h} {due}");
        }
    }
}
