//! |R(z)| on a grid of the complex plane, for drawing the region |R(z)| ≤ 1.

use rayon::prelude::*;

/// Points that one pass of Horner's rule takes through all coefficients.
const LANES: usize = 64;

/// A rectangle of the complex plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    /// The range of the real part.
    pub real: [f64; 2],
    /// The range of the imaginary part.
    pub imaginary: [f64; 2],
}

/// |R(z)| at `columns` × `rows` points of a rectangle, its edges included, row after row: the
/// imaginary part grows from row to row, the real part along a row. The level 1 of these values is
/// the boundary of the region of stability.
///
/// The polynomial has the constant first.
pub fn region(polynomial: &[f64], rectangle: Rectangle, columns: usize, rows: usize) -> Vec<f64> {
    let point = |[low, high]: [f64; 2], k: usize, count: usize| {
        // From both ends, so that a symmetric range gives symmetric points.
        let share = k as f64 / count.saturating_sub(1).max(1) as f64;
        low * (1.0 - share) + high * share
    };
    let x: Vec<f64> = (0..columns).map(|k| point(rectangle.real, k, columns)).collect();
    let mut values = vec![0.0; columns * rows];
    if columns == 0 {
        return values;
    }
    values.par_chunks_mut(columns).enumerate().for_each(|(row, values)| {
        let y = point(rectangle.imaginary, row, rows);
        for (values, x) in values.chunks_mut(LANES).zip(x.chunks(LANES)) {
            modulus(polynomial, x, y, values);
        }
    });
    values
}

/// |R(x + iy)| for at most [`LANES`] values of x, by Horner's rule in real and imaginary parts.
fn modulus(polynomial: &[f64], x: &[f64], y: f64, values: &mut [f64]) {
    let (mut real, mut imaginary) = ([0.0; LANES], [0.0; LANES]);
    for c in polynomial.iter().rev() {
        for ((re, im), x) in real.iter_mut().zip(&mut imaginary).zip(x) {
            (*re, *im) = (*re * x - *im * y + c, *re * y + *im * x);
        }
    }
    for ((value, re), im) in values.iter_mut().zip(&real).zip(&imaginary) {
        *value = (re * re + im * im).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::evaluate;
    use num_complex::Complex64;

    #[test]
    fn the_grid_holds_the_modulus_row_by_row() {
        let polynomial = [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0];
        let rectangle = Rectangle { real: [-3.0, 1.0], imaginary: [-2.0, 4.0] };
        let (columns, rows) = (131, 7);
        let values = region(&polynomial, rectangle, columns, rows);
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
        let values = region(&[1.0, 1.0, 0.5], rectangle, 10, 9);
        for row in 0..9 {
            assert_eq!(
                values[row * 10..row * 10 + 10],
                values[(8 - row) * 10..(8 - row) * 10 + 10]
            );
        }
        assert!(region(&[1.0], rectangle, 0, 5).is_empty());
        assert_eq!(region(&[1.0], rectangle, 1, 1), [1.0]);
    }
}
