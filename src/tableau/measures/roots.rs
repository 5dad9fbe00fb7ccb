//! The solutions of R(z) = e^{iθ}, which make up the boundary of the region of stability.

use num_complex::Complex64;
use std::f64::consts::PI;

/// Iterations for the roots at one angle; from points near them some five are enough.
const ITERATIONS: usize = 200;

/// Points on a circle that encloses the roots of R(z) = e^{iθ}, off the real axis, for R with these
/// coefficients of powers of z.
pub(super) fn starting_points(r: &[f64]) -> Vec<Complex64> {
    let degree = r.len().saturating_sub(1);
    let leading = r.last().copied().unwrap_or(1.0).abs();
    // The constant is 1 - e^{iθ}.
    let sizes = r.iter().enumerate().map(|(k, c)| if k == 0 { 2.0 } else { c.abs() });
    let bounds = sizes.rev().enumerate().skip(1);
    let bounds = bounds.map(|(k, c)| 2.0 * (c / leading).powf(1.0 / k as f64));
    let radius = bounds.fold(0.0, f64::max);
    let angle = |k: usize| (2.0 * PI * k as f64 + 0.7) / degree as f64;
    (0..degree).map(|k| Complex64::from_polar(radius, angle(k))).collect()
}

/// All roots of R(z) = e^{iθ} at once (Aberth 1973), from points near them. `r` gives R and R'.
pub(super) fn solve(
    r: impl Fn(Complex64) -> (Complex64, Complex64),
    angle: f64,
    points: &mut [Complex64],
) {
    let target = Complex64::from_polar(1.0, angle);
    for _ in 0..ITERATIONS {
        let mut moved = 0.0f64;
        for k in 0..points.len() {
            let z = points[k];
            let (value, slope) = r(z);
            let newton = (value - target) / slope;
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
