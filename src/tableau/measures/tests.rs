//! Numbers that follow by hand or stand in the literature. Many more, made by an independent
//! program, are in tests/measures.rs.

use super::*;
use crate::tableau::{TableauFile, named, names};

fn measures(name: &str) -> Measures {
    named(name).unwrap().measures()
}

fn of(text: &str) -> Measures {
    text.parse::<TableauFile>().unwrap().prove().unwrap().measures()
}

fn ratio(n: i64, d: i64) -> Rational {
    Rational::new(n.into(), d.into())
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-14 * expected.abs(), "{found}, expected {expected}");
}

#[test]
fn real_intervals_of_the_exponential_series() {
    // Hairer and Wanner (1996), section IV.2. With t = h|λ| the boundary solves R(-t) = 1:
    // order 1 and 2 at t = 2; order 4 at t³ - 4t² + 12t - 24 = 0.
    close(measures("euler").main.real.limit(), 2.0);
    close(measures("heun2").main.real.limit(), 2.0);
    let t = measures("rk4").main.real.limit();
    close(t, 2.785_293_563_405_282);
    assert!((t.powi(3) - 4.0 * t * t + 12.0 * t - 24.0).abs() < 1e-13);
    // Order 3 at R(-t) = -1, t³ - 3t² + 6t - 12 = 0, which Cardano solves.
    let root = (17f64.sqrt() + 4.0).cbrt();
    close(measures("kutta3").main.real.limit(), 1.0 + root - 1.0 / root);
}

#[test]
fn imaginary_intervals_of_the_exponential_series() {
    // |R(iy)|² - 1 is y²; y⁴/4; -y⁴/12 + y⁶/36; -y⁶/72 + y⁸/576.
    assert!(measures("euler").main.imaginary.0.is_empty());
    assert_eq!(measures("heun2").main.imaginary.limit(), 0.0);
    close(measures("kutta3").main.imaginary.limit(), 3f64.sqrt());
    close(measures("rk4").main.imaginary.limit(), 8f64.sqrt());
    close(measures("gill4").main.imaginary.limit(), 8f64.sqrt());
}

#[test]
fn rounding_does_not_decide_on_which_side_of_one_the_imaginary_axis_begins() {
    // By mpmath in 60 digits, from the published coefficients and 1/k! up to order 5.
    let y = measures("tsit5").main.imaginary.limit();
    assert!((y / 0.477_978_868_882_752_6 - 1.0).abs() < 1e-12, "{y}");
}

#[test]
fn an_interval_away_from_zero_is_reported_and_is_no_limit() {
    // Fehlberg's step of order 4 has R = Σ_{k≤4} z^k/k! + z⁵/104, so with x = y²
    // |R(iy)|² - 1 = x³ (1/52 - 1/72) + x⁴ (1/576 - 1/312) + x⁵/104².
    let imaginary = measures("fehlberg45").main.imaginary;
    let (a, b, c) = (1.0 / 10816.0, 1.0 / 576.0 - 1.0 / 312.0, 1.0 / 52.0 - 1.0 / 72.0);
    let root = f64::sqrt(b * b - 4.0 * a * c);
    assert_eq!((imaginary.0.len(), imaginary.limit()), (1, 0.0));
    close(imaginary.0[0][0].powi(2), (-b - root) / (2.0 * a));
    close(imaginary.0[0][1].powi(2), (-b + root) / (2.0 * a));
}

/// The Chebyshev method of three stages without damping, R = T_3(1 + z/9), as Euler steps:
/// T_3(x) - 1 = 4 (x - 1)(x + 1/2)², so R = 1 + z (1 + z (4/27 + z 4/729)).
const CHEBYSHEV: &str = r#"(a: [[], ["1/27"], ["0", "4/27"]], b: ["0", "0", "1"])"#;

#[test]
fn values_that_only_touch_one_do_not_end_the_interval() {
    // Verwer (1996): the interval is 2 s² = 18, and |R| = 1 also at z = -9/2 and -27/2.
    let step = of(CHEBYSHEV).main;
    let due = [ratio(1, 1), ratio(1, 1), ratio(4, 27), ratio(4, 729)];
    assert_eq!(step.polynomial, due);
    assert_eq!(step.real.0, [[0.0, 18.0]]);
    // The same in 16 digits: rounding may lift what touches above 1, or not.
    let rounded = r#"(
        a: [[], ["0.03703703703703704"], ["0", "0.1481481481481482"]], b: ["0", "0", "1"], digits: 15,
    )"#;
    let real = of(rounded).main.real;
    assert_eq!(real.0.len(), 1);
    assert!((real.limit() - 18.0).abs() < 1e-10, "{real:?}");
}

#[test]
fn a_hole_in_the_interval_is_reported() {
    // R = 1 + z + z²/9 leaves [-1, 1] at the roots of r²/9 - r + 2 = 0, 3 and 6, and at 9.
    let step = of(r#"(a: [[], ["1/9"]], b: ["0", "1"])"#).main;
    assert_eq!(step.real.0, [[0.0, 3.0], [6.0, 9.0]]);
}

#[test]
fn disks_that_the_real_axis_or_the_origin_limits() {
    // Jeltsch and Nevanlinna (1978): 1 for s = p = 1, 2; half the real interval where that binds.
    close(measures("euler").main.disk, 1.0);
    close(measures("heun2").main.disk, 1.0);
    close(measures("rk4").main.disk, 2.785_293_563_405_282 / 2.0);
    // R = 1 + z + z²/4 = (1 + z/2)² is Euler twice: the disk of radius 2.
    close(of(r#"(a: [[], ["1/2"]], b: ["1/2", "1/2"])"#).main.disk, 2.0);
    // R = 1 + z + c z², on the circle |R|² - 1 = v (-4r² (1 - r (1 - 2c)) + …): with c = -1/2
    // the circle at 0 asks r ≤ 1/(1 - 2c) = 1/2, the real axis R(-2r) ≥ -1 only r ≤ (√5 - 1)/2.
    close(of(r#"(a: [[], ["-1/2"]], b: ["0", "1"])"#).main.disk, 0.5);
}

#[test]
fn strong_stability_of_known_methods() {
    // Shu and Osher (1988), Kraaijevanger (1991): heun2 1; the classical methods 0.
    let heun = measures("heun2").main;
    assert_eq!((heun.ssp, heun.linear_ssp), (1.0, 1.0));
    assert_eq!(measures("euler").main.ssp, 1.0);
    // s = p: the linear coefficient is 1 (Kraaijevanger 1986).
    for (name, ssp) in [("midpoint", 0.0), ("kutta3", 0.0), ("rk4", 0.0), ("rk4_38", 0.0)] {
        let step = measures(name).main;
        assert_eq!((step.ssp, step.linear_ssp), (ssp, 1.0), "{name}");
    }
    // Ralston: y⁺ = y + h/4 k_1 + 3/4 k_2 with a_21 = 2/3; at r the first column of K (I + rK)^-1
    // is 1/4 - r/2 ≥ 0.
    assert_eq!(measures("ralston2").main.ssp, 0.5);
    // s stages of order 2, s - 1 Euler steps of h/(s - 1): s - 1 (Spiteri and Ruuth 2002).
    let third = r#"(a: [[], ["1/3"], ["1/3", "1/3"], ["1/3", "1/3", "1/3"]],
        b: ["1/4", "1/4", "1/4", "1/4"])"#;
    assert_eq!(of(third).main.ssp, 3.0);
}

#[test]
fn strong_stability_of_the_optimal_methods() {
    // Spiteri and Ruuth (2002), Ruuth and Spiteri (2002), Ketcheson (2008). Those that are not
    // whole are ratios of coefficients in 15 digits.
    for (name, ssp) in [("ssprk22", 1.0), ("ssprk33", 1.0), ("ssprk43", 2.0), ("ssprk104", 6.0)] {
        assert_eq!(measures(name).main.ssp, ssp, "{name}");
    }
    for (name, ssp) in [("ssprk53", 2.650_629_19), ("ssprk54", 1.508_180_05), ("ssprk63", 3.5184)] {
        let found = measures(name).main.ssp;
        assert!((found / ssp - 1.0).abs() < 2e-5, "{name}: {found}");
    }
    assert!((measures("ssprk54").main.ssp - 1.508_180_049).abs() < 1e-8);
    // sqrt(365)/8640 by NodePy.
    let errors = measures("ssprk104").main.errors;
    close(errors.principal.unwrap(), 365f64.sqrt() / 8640.0);
}

#[test]
fn the_measures_of_every_method_bound_each_other() {
    for name in names() {
        let found = measures(name);
        for step in [Some(&found.main), found.embedded.as_ref()].into_iter().flatten() {
            let [real, disk] = [step.real.limit(), step.disk];
            // The disk holds the real interval of twice its radius; contractivity for all problems
            // gives that for linear ones (Dahlquist and Jeltsch 1979), as does strong stability
            // (Spijker 1983), and absolute monotonicity on [-r, 0] gives the disk of radius r.
            let ascends = |x: f64, y: f64| x <= y * (1.0 + 1e-9);
            assert!(real > 0.0 && ascends(2.0 * disk, real), "{name}: {disk} {real}");
            assert!(ascends(step.contractivity, disk), "{name}");
            assert!(ascends(step.linear_ssp, disk), "{name}");
            assert!(ascends(step.ssp, step.linear_ssp), "{name}");
            let degree = step.polynomial.len() - 1;
            assert!((step.order..=found.stages).contains(&degree), "{name}: {degree}");
            assert!(real <= 2.0 * (degree * degree) as f64, "{name}: {real}");
            assert!(
                step.dispersion.as_ref().is_some_and(|term| term.order >= step.order),
                "{name}"
            );
            assert!(
                step.dissipation.as_ref().is_some_and(|term| term.order >= step.order),
                "{name}"
            );
            assert!(step.errors.principal.is_none_or(|norm| norm > 1e-9), "{name}");
        }
        assert!(found.internal.real_amplification.is_finite(), "{name}");
        assert!(found.internal.amplification.is_some(), "{name}");
    }
}

#[test]
fn contractivity_in_the_circle() {
    // By hand: heun2 has B^{-1/2} M B^{-1/2} = (-1/2 1/2; 1/2 -1/2), least eigenvalue -1.
    assert_eq!(measures("euler").main.contractivity, 1.0);
    assert_eq!(measures("heun2").main.contractivity, 1.0);
    // Ralston2: (-1/4 c; c -3/4), c = (2/3 · 3/4 - 3/16)/√(3/16): -1/2 ± √(1/16 + c²).
    let c2 = (0.5f64 - 3.0 / 16.0).powi(2) / (3.0 / 16.0);
    close(measures("ralston2").main.contractivity, 1.0 / (0.5 + (0.0625 + c2).sqrt()));
    // Dahlquist and Jeltsch (1979): 1 for the classical method.
    assert_eq!(measures("rk4").main.contractivity, 1.0);
    assert_eq!(measures("midpoint").main.contractivity, 0.0);
    assert_eq!(measures("dopri5").main.contractivity, 0.0);
}

#[test]
fn error_norms() {
    // heun2 has τ = 1/12 on [τ,τ] and -1/6 on [[τ]]; Ralston's (1962) second condition is zero.
    let heun = measures("heun2").main.errors;
    close(heun.principal.unwrap(), (1f64 / 144.0 + 1.0 / 36.0).sqrt());
    close(heun.largest.unwrap(), 1.0 / 6.0);
    close(measures("ralston2").main.errors.principal.unwrap(), 1.0 / 6.0);
    // Dormand and Prince (1980) give 3.99e-4 for their step of order 5.
    let dopri5 = measures("dopri5");
    assert!((dopri5.main.errors.principal.unwrap() - 3.99e-4).abs() < 1e-6);
    assert_eq!(dopri5.coefficient_bound, 25360.0 / 2187.0);
    assert_eq!((dopri5.stages, dopri5.evaluations), (7, 6));
    assert_eq!(dopri5.effective(3.0), 0.5);
}

#[test]
fn errors_of_phase_and_amplitude() {
    // rk4 (van der Houwen and Sommeijer 1987): y⁵/120 and, from |R|² = 1 - y⁶/72 + …, y⁶/144.
    let rk4 = measures("rk4").main;
    assert_eq!(rk4.dispersion, Some(LeadingTerm { order: 4, coefficient: ratio(1, 120) }));
    assert_eq!(rk4.dissipation, Some(LeadingTerm { order: 5, coefficient: ratio(1, 144) }));
    // Euler: arctan y = y - y³/3 + …, |1 + iy| = 1 + y²/2 + ….
    let euler = measures("euler").main;
    assert_eq!(euler.dispersion, Some(LeadingTerm { order: 2, coefficient: ratio(1, 3) }));
    assert_eq!(euler.dissipation, Some(LeadingTerm { order: 1, coefficient: ratio(-1, 2) }));
    // In 16 digits the terms of lower order are not quite zero, but not told either.
    let tsit5 = measures("tsit5").main;
    assert_eq!(tsit5.dispersion.map(|term| term.order), Some(6));
    assert_eq!(tsit5.dissipation.map(|term| term.order), Some(5));
}

#[test]
fn stages_and_errors_made_in_them() {
    // Ketcheson, Lóczi and Parsani (2014): rk4 has Q_4 = z/6, Q_3 = z/3 + z²/6.
    let rk4 = measures("rk4").internal;
    assert_eq!(rk4.perturbations[3], [0.0, 1.0 / 6.0]);
    assert_eq!(rk4.perturbations[2], [0.0, 1.0 / 3.0, 1.0 / 6.0]);
    assert_eq!(rk4.stages[0], [1.0]);
    assert_eq!(rk4.stages[3], [1.0, 1.0, 0.5, 0.25]);
    // midpoint: Q_2 = z, and R = 1 + z + z²/2 has |z|² largest on its boundary where, with
    // R = ((1 + z)² + 1)/2 = e^{iθ}, z = -1 ± √(2 e^{iθ} - 1).
    let midpoint = measures("midpoint").internal;
    assert_eq!(midpoint.real_amplification, 2.0);
    let size = |k: i32| {
        let root = (2.0 * num_complex::Complex64::cis(k as f64 * 1e-5) - 1.0).sqrt();
        (root + 1.0).norm().max((root - 1.0).norm())
    };
    let sampled = (0..314_160).map(size).fold(0.0, f64::max);
    assert!((midpoint.amplification.unwrap() - sampled).abs() < 1e-9);
    // An island of |R| ≤ 1 right of the imaginary axis does not count for dopri5.
    let dopri5 = measures("dopri5").internal;
    assert!(dopri5.amplification < Some(6.0), "{:?}", dopri5.amplification);
}

#[test]
fn the_embedded_step_has_measures_of_its_own() {
    let embedded = measures("heun_euler21").embedded.unwrap();
    let euler = measures("euler").main;
    assert_eq!((embedded.order, embedded.real, embedded.disk), (1, euler.real, 1.0));
    assert_eq!((embedded.ssp, embedded.errors), (1.0, euler.errors));
    assert_eq!(measures("rk4").embedded, None);
}
