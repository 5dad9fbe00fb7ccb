//! How far eigenvalues mislead: norms, numerical range, condition of the eigenvectors.
//!
//! ```text
//! W(J) = { v* J v : |v| = 1 },   omega = max Re W(J) = lim (|I + h J| - 1) / h,   J = V diag(lambda) V^-1
//! ```
//!
//! omega, the numerical abscissa, is the logarithmic 2-norm (Dahlquist 1958): |e^(tJ)| <= e^(omega t), with equality
//! at first. If h W(J) lies in the region of stability, then |R(hJ)^m| <= 1 + sqrt 2 for all m (Crouzeix & Palencia,
//! The numerical range is a (1 + sqrt 2)-spectral set, SIAM J. Matrix Anal. Appl. 38, 2017).

use faer::{Mat, MatRef, Side};
use num_complex::Complex64;
use serde::Serialize;

use super::ray::Region;

/// Supporting lines of a numerical range in the upper half-plane, both real ones included.
const LINES: usize = 17;
/// Points of an edge between two corners.
const EDGE: usize = 6;
/// Eigenvectors whose condition is above this are no basis in double precision.
pub const DEFECTIVE: f64 = 1e13;

/// Measures of one matrix.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Normality {
    /// max Re lambda.
    pub abscissa: f64,
    /// omega, the logarithmic norm.
    pub numerical_abscissa: f64,
    /// The largest singular value.
    pub norm: f64,
    /// |V| |V^-1| with eigenvectors of length 1; infinite where V is singular.
    pub condition: f64,
    /// |J'J - JJ'| / |J|^2 in the Frobenius norm: 0 for normal matrices.
    pub departure: f64,
}

impl Normality {
    /// The measures of a finite matrix; none if its decompositions were not found.
    pub fn of(matrix: MatRef<'_, f64>) -> Option<Normality> {
        let squared = matrix.squared_norm_l2();
        let commutator = matrix.transpose() * matrix - matrix * matrix.transpose();
        let eigen = matrix.eigen().ok()?;
        let vectors = eigen.U();
        let lengths: Vec<f64> = vectors.col_iter().map(|v| v.norm_l2()).collect();
        let unit =
            Mat::from_fn(vectors.nrows(), vectors.ncols(), |i, j| vectors[(i, j)] / lengths[j]);
        let values = eigen.S().column_vector();
        let condition = match unit.singular_values().ok()?.as_slice() {
            [most, .., least] => most / least,
            _ => 1.0,
        };
        Some(Normality {
            abscissa: values.iter().map(|v| v.re).fold(f64::NEG_INFINITY, f64::max),
            numerical_abscissa: support(matrix, 0.0)?,
            norm: *matrix.singular_values().ok()?.first()?,
            condition: if condition.is_nan() { f64::INFINITY } else { condition },
            departure: match squared > 0.0 {
                true => commutator.norm_l2() / squared,
                false => 0.0,
            },
        })
    }
}

/// max Re (e^(-i angle) W).
fn support(matrix: MatRef<'_, f64>, angle: f64) -> Option<f64> {
    let n = matrix.nrows();
    let (cos, sin) = (angle.cos(), angle.sin());
    if sin.abs() < 1e-15 {
        let part = Mat::from_fn(n, n, |i, j| 0.5 * cos * (matrix[(i, j)] + matrix[(j, i)]));
        return part.self_adjoint_eigenvalues(Side::Lower).ok()?.last().copied();
    }
    // (e^(-ia) J + e^(ia) J') / 2
    let part = Mat::from_fn(n, n, |i, j| {
        let (a, b) = (matrix[(i, j)], matrix[(j, i)]);
        Complex64::new(0.5 * cos * (a + b), 0.5 * sin * (b - a))
    });
    part.self_adjoint_eigenvalues(Side::Lower).ok()?.last().copied()
}

/// The corners with Im >= 0 of a polygon about the numerical range, from right to left: where neighbouring
/// supporting lines meet. The range of a real matrix is symmetric about the real axis.
pub fn numerical_range(matrix: MatRef<'_, f64>) -> Option<Vec<Complex64>> {
    let angle = |k: usize| std::f64::consts::PI * k as f64 / (LINES - 1) as f64;
    let lines: Option<Vec<f64>> = (0..LINES).map(|k| support(matrix, angle(k))).collect();
    let lines = lines?;
    let corner = |k: usize| {
        // x cos a + y sin a = p and the same for the next line.
        let ((s, c), (t, d)) = (angle(k).sin_cos(), angle(k + 1).sin_cos());
        let across = (angle(k + 1) - angle(k)).sin();
        let (p, q) = (lines[k], lines[k + 1]);
        Complex64::new((p * t - q * s) / across, ((q * c - p * d) / across).max(0.0))
    };
    Some((0..LINES - 1).map(corner).collect())
}

/// The largest h for which h times the polygon lies in a region of stability, as it does for all smaller ones; 0
/// where it reaches into the right half-plane.
pub fn inside(region: &Region, corners: &[Complex64]) -> f64 {
    let size = corners.iter().map(|z| z.norm()).fold(0.0, f64::max);
    let ends = [corners.first(), corners.last()].map(|z| z.map(|z| Complex64::new(z.re, 0.0)));
    let [Some(right), Some(left)] = ends else { return f64::INFINITY };
    let mut path = vec![right];
    path.extend_from_slice(corners);
    path.push(left);
    let mut least = f64::INFINITY;
    for edge in path.windows(2) {
        for k in 0..=EDGE {
            let share = k as f64 / EDGE as f64;
            let mut z = edge[0] * (1.0 - share) + edge[1] * share;
            if z.re.abs() <= 1e-13 * size {
                z.re = 0.0;
            }
            if z.norm() <= 1e-13 * size {
                continue;
            }
            if z.re > 0.0 {
                return 0.0;
            }
            least = least.min(region.exit(z / z.norm()) / z.norm());
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::{evaluate, named};

    fn rk4() -> Region {
        Region::new(&named("rk4").unwrap())
    }

    /// The numerical range of [[a, c], [0, a]] is the disc about a with radius c/2.
    #[test]
    fn that_of_a_jordan_block_is_a_disc() {
        let block = Mat::from_fn(2, 2, |i, j| [[-1.0, 0.8], [0.0, -1.0]][i][j]);
        let corners = numerical_range(block.as_ref()).unwrap();
        for corner in &corners {
            let radius = (corner + 1.0).norm();
            assert!(
                (0.4..0.4 / (0.5 * std::f64::consts::PI / 16.0).cos() + 1e-12).contains(&radius)
            );
        }
        let found = Normality::of(block.as_ref()).unwrap();
        assert!((found.numerical_abscissa + 0.6).abs() < 1e-14);
        assert!((found.abscissa + 1.0).abs() < 1e-7);
        assert!(found.condition > DEFECTIVE, "{}", found.condition);
    }

    #[test]
    fn a_normal_matrix_is_not_misleading() {
        let rotation = Mat::from_fn(2, 2, |i, j| [[-0.2, 3.0], [-3.0, -0.2]][i][j]);
        let found = Normality::of(rotation.as_ref()).unwrap();
        assert!((found.condition - 1.0).abs() < 1e-13 && found.departure < 1e-15);
        assert!((found.numerical_abscissa - found.abscissa).abs() < 1e-13);
        assert!((found.norm - 0.2f64.hypot(3.0)).abs() < 1e-13);
    }

    /// The theorem, on a matrix whose powers grow before they decay.
    #[test]
    fn powers_stay_below_one_plus_the_root_of_two_where_the_range_is_inside() {
        let matrix = Mat::from_fn(5, 5, |i, j| match j as i64 - i as i64 {
            0 => -1.0 - 0.1 * i as f64,
            1 => 0.9,
            _ => 0.0,
        });
        let corners = numerical_range(matrix.as_ref()).unwrap();
        let region = rk4();
        let h = inside(&region, &corners);
        assert!(h > 0.5);
        let step = region.polynomial.iter().rev().fold(Mat::<f64>::zeros(5, 5), |sum, c| {
            &sum * (faer::Scale(h) * &matrix) + faer::Scale(*c) * Mat::<f64>::identity(5, 5)
        });
        let mut power = Mat::<f64>::identity(5, 5);
        for _ in 0..200 {
            power = &power * &step;
            assert!(power.singular_values().unwrap()[0] <= 1.0 + 2f64.sqrt());
        }
        assert!(evaluate(&region.polynomial, corners[15] * h).norm() <= 1.0 + 1e-9);
    }
}
