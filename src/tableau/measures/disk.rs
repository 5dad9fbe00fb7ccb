//! The largest disk in the region of stability that touches the imaginary axis at 0.

use super::polynomial::Polynomial;
use super::search::largest;
use num_bigint::BigInt;
use num_traits::Zero;

/// The largest r with |R(z)| ≤ 1 wherever |z + r| ≤ r.
///
/// It is the step of linear contractivity in the circle (Dahlquist and Jeltsch 1979; for
/// polynomials Jeltsch and Nevanlinna, *Largest disk of stability of explicit Runge-Kutta methods*,
/// BIT 18 (1978)). By the maximum principle the circle decides. On it let v = |z|²/(2r)², so that
/// ζ = z/(2r) has |ζ|² = v and Re ζ = -v, and
///
/// ```text
/// |Σ e_k ζ^k|² = Σ_j e_j² v^j + 2 Σ_{m≥1} Σ_j e_j e_{j+m} v^j P_m(v),   P_m = Re ζ^m,
/// P_0 = 1,  P_1 = -v,  P_{m+1} = -2v P_m - v P_{m-1},
/// ```
///
/// which for every r is a polynomial in v with whole coefficients; 1 minus it is decided exactly
/// on [0, 1], also where it touches zero and in its limit at v = 0.
pub(super) fn radius(r: &Polynomial) -> f64 {
    let two = BigInt::from(2);
    largest(|radius| {
        let e = r.scaled(&(radius * &two));
        let mut margin: Vec<BigInt> = modulus(&e.c).into_iter().map(|c| -c).collect();
        if let Some(constant) = margin.first_mut() {
            *constant += &e.scale * &e.scale;
        }
        Polynomial { c: margin, scale: &e.scale * &e.scale }.nonnegative_on_unit()
    })
}

/// The coefficients in v of |Σ e_k ζ^k|², by Clenshaw's recursion on the three-term one of P_m.
fn modulus(e: &[BigInt]) -> Vec<BigInt> {
    // b_m = A_m - 2v b_{m+1} - v b_{m+2}; the sum is b_0 + v b_1.
    let mut next = vec![BigInt::zero(); e.len() + 1];
    let mut after = next.clone();
    for m in (0..e.len()).rev() {
        let mut b = vec![BigInt::zero(); e.len() + 1];
        for (j, (low, high)) in e.iter().zip(&e[m..]).enumerate() {
            b[j] = (low * high) << usize::from(m > 0);
        }
        for j in 0..e.len() {
            b[j + 1] -= (&next[j] << 1usize) + &after[j];
        }
        (after, next) = (next, b);
    }
    for j in 0..e.len() {
        next[j + 1] += &after[j];
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_complex::Complex64;
    use num_traits::ToPrimitive;

    #[test]
    fn the_modulus_on_the_circle_is_that_of_the_complex_number() {
        let e = [3, -1, 4, 1, -5].map(BigInt::from);
        let c = modulus(&e);
        for angle in [0.1f64, 1.0, 2.5, 3.1] {
            let zeta = (Complex64::from_polar(1.0, angle) - 1.0) / 2.0;
            let horner = |c: &[BigInt], x: Complex64| {
                c.iter().rev().fold(Complex64::ZERO, |sum, c| sum * x + c.to_f64().unwrap())
            };
            let v = Complex64::from(zeta.norm_sqr());
            assert!((horner(&e, zeta).norm_sqr() - horner(&c, v).re).abs() < 1e-12);
        }
    }
}
