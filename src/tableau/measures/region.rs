//! |R(z)| on a grid of the complex plane, for drawing the region |R(z)| ≤ 1.

use super::StabilityLimits;
use super::chebyshev::Chebyshev;
use super::roots::{solve, starting_points};
use num_complex::Complex64;
use num_traits::ToPrimitive;
use rayon::prelude::*;
use std::f64::consts::PI;

/// Points that one pass of the recursion takes through all coefficients.
const LANES: usize = 64;
/// Angles θ from 0 to π at which R(z) = e^{iθ} is solved to find how far the region reaches.
const ANGLES: usize = 90;
/// The share of the longest curve below which another one is an island that is not seen.
const SEEN: f64 = 0.05;

/// A rectangle of the complex plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    /// The range of the real part.
    pub real: [f64; 2],
    /// The range of the imaginary part.
    pub imaginary: [f64; 2],
}

/// A rectangle around the region of stability, but for islands too small to be seen beside it.
///
/// The solutions of R(z) = e^{iθ} are the boundaries of all parts of the region. Each is followed
/// over θ; those that stay within a few hundredths of what the longest one runs over are left out,
/// unless they belong to the stable intervals on the axes.
pub fn surroundings(limits: &StabilityLimits, r: &Chebyshev) -> Rectangle {
    let powers: Vec<f64> =
        limits.polynomial.iter().map(|c| c.to_f64().unwrap_or(f64::NAN)).collect();
    let mut points = starting_points(&powers);
    let nowhere = ([f64::INFINITY, f64::NEG_INFINITY], [f64::INFINITY, f64::NEG_INFINITY]);
    let mut boxes = vec![nowhere; points.len()];
    for step in 0..=ANGLES {
        solve(|z| r.value_and_slope(z), PI * step as f64 / ANGLES as f64, &mut points);
        for ((real, imaginary), z) in boxes.iter_mut().zip(&points) {
            *real = [real[0].min(z.re), real[1].max(z.re)];
            *imaginary = [imaginary[0].min(z.im), imaginary[1].max(z.im)];
        }
    }
    let length = |(real, imaginary): &([f64; 2], [f64; 2])| {
        (real[1] - real[0]).hypot(imaginary[1] - imaginary[0])
    };
    let longest = boxes.iter().map(length).fold(0.0, f64::max);
    let mut real = [-limits.real.limit(), 0.0];
    let mut height = limits.imaginary.limit();
    for (x, y) in boxes.iter().filter(|found| length(found) >= SEEN * longest) {
        real = [real[0].min(x[0]), real[1].max(x[1])];
        height = height.max(-y[0]).max(y[1]);
    }
    Rectangle { real, imaginary: [-height, height] }
}

/// |R(z)| at `columns` × `rows` points of a rectangle, its edges included, row after row: the
/// imaginary part grows from row to row, the real part along a row. The level 1 of these values is
/// the boundary of the region of stability.
pub fn region(r: &Chebyshev, rectangle: Rectangle, columns: usize, rows: usize) -> Vec<f64> {
    let point = |[low, high]: [f64; 2], k: usize, count: usize| {
        // From both ends, so that a symmetric range gives symmetric points.
        let share = k as f64 / count.saturating_sub(1).max(1) as f64;
        low * (1.0 - share) + high * share
    };
    let real = |k| r.stretched(point(rectangle.real, k, columns).into()).re;
    let x: Vec<f64> = (0..columns).map(real).collect();
    let mut values = vec![0.0; columns * rows];
    if columns == 0 {
        return values;
    }
    values.par_chunks_mut(columns).enumerate().for_each(|(row, values)| {
        let y = r.stretched(Complex64::new(0.0, point(rectangle.imaginary, row, rows))).im;
        for (values, x) in values.chunks_mut(LANES).zip(x.chunks(LANES)) {
            modulus(r.coefficients(), x, y, values);
        }
    });
    values
}

/// |Σ c_k T_k(x + iy)| for at most [`LANES`] values of x, by Clenshaw's recursion in real and
/// imaginary parts.
fn modulus(c: &[f64], x: &[f64], y: f64, values: &mut [f64]) {
    let (mut real, mut imaginary) = ([0.0; LANES], [0.0; LANES]);
    let (mut real_after, mut imaginary_after) = ([0.0; LANES], [0.0; LANES]);
    for (k, c) in c.iter().enumerate().rev() {
        // The last step is x b_1 - b_2 + c_0.
        let twice = if k == 0 { 1.0 } else { 2.0 };
        let b = real.iter_mut().zip(&mut imaginary);
        let after = real_after.iter_mut().zip(&mut imaginary_after);
        for ((x, (re, im)), (re_after, im_after)) in x.iter().zip(b).zip(after) {
            let next = (
                twice * (*re * x - *im * y) - *re_after + c,
                twice * (*re * y + *im * x) - *im_after,
            );
            (*re_after, *im_after) = (*re, *im);
            (*re, *im) = next;
        }
    }
    for ((value, re), im) in values.iter_mut().zip(&real).zip(&imaginary) {
        *value = (re * re + im * im).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::{evaluate, named};

    fn rk4() -> Chebyshev {
        Chebyshev::new(&named("rk4").unwrap().stability_polynomial(), 2.5)
    }

    #[test]
    fn the_grid_holds_the_modulus_row_by_row() {
        let polynomial = [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0];
        let rectangle = Rectangle { real: [-3.0, 1.0], imaginary: [-2.0, 4.0] };
        let (columns, rows) = (131, 7);
        let values = region(&rk4(), rectangle, columns, rows);
        assert_eq!(values.len(), columns * rows);
        for (k, value) in values.iter().enumerate() {
            let z = Complex64::new(
                -3.0 + 4.0 * (k % columns) as f64 / 130.0,
                -2.0 + (k / columns) as f64,
            );
            assert!((value - evaluate(&polynomial, z).norm()).abs() < 1e-12);
        }
    }

    #[test]
    fn a_symmetric_rectangle_gives_symmetric_values() {
        let rectangle = Rectangle { real: [-3.0, 1.0], imaginary: [-2.7, 2.7] };
        let values = region(&rk4(), rectangle, 10, 9);
        for row in 0..9 {
            assert_eq!(
                values[row * 10..row * 10 + 10],
                values[(8 - row) * 10..(8 - row) * 10 + 10]
            );
        }
        assert!(region(&rk4(), rectangle, 0, 5).is_empty());
        let origin = Rectangle { real: [0.0, 0.0], imaginary: [0.0, 0.0] };
        assert!((region(&rk4(), origin, 1, 1)[0] - 1.0).abs() < 1e-14);
    }

    #[test]
    fn the_surroundings_hold_the_region_and_little_more() {
        let found = surroundings(&named("rk4").unwrap().stability_limits(), &rk4());
        // The real interval of rk4; its boundary turns at about 0.25 ± 2.75i and ±2.95i.
        assert!((found.real[0] + 2.785_293_563_405_282).abs() < 2e-2, "{found:?}");
        assert!(found.real[1] > 0.2 && found.real[1] < 0.4, "{found:?}");
        assert!(found.imaginary[1] > 2.9 && found.imaginary[1] < 3.1, "{found:?}");
        // Euler's method: the disk about -1.
        let euler = named("euler").unwrap().stability_limits();
        let found = surroundings(&euler, &Chebyshev::new(&euler.polynomial, 2.0));
        assert!((found.real[0] + 2.0).abs() < 1e-12 && found.real[1].abs() < 1e-12);
        assert!((found.imaginary[1] - 1.0).abs() < 1e-12);
        // dop853 has islands of a hundredth of its size, one of them at -23.
        let dop853 = named("dop853").unwrap().stability_limits();
        let found = surroundings(&dop853, &Chebyshev::new(&dop853.polynomial, 6.4));
        assert!(found.real[0] > -6.5 && found.real[1] < 1.0, "{found:?}");
    }
}
