use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, FRAC_PI_2, LN_2};

use proptest::prelude::*;
use pulp::{Arch, Simd, WithSimd};

use super::*;

const SUBNORMAL: f64 = f64::from_bits(1);

/// The value to the last unit or so, by libm and what follows from it.
fn exact(f: Function, x: f64) -> f64 {
    match f {
        Function::Tanh => libm::tanh(x),
        Function::Relu => x.max(0.0),
        Function::Step => f64::from(u8::from(x > 0.0)),
        Function::Sigmoid if x < 0.0 => libm::exp(x) / (1.0 + libm::exp(x)),
        Function::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
        Function::Softplus => x.max(0.0) + libm::log1p(libm::exp(-x.abs())),
        Function::NormalCdf => {
            // The rounding of x / sqrt(2) is taken back by the first term of Taylor's series.
            let z = -x * FRAC_1_SQRT_2;
            let rest = (-x).mul_add(FRAC_1_SQRT_2, -z) + x * 4.833_646_656_726_457e-17;
            let slope = FRAC_2_SQRT_PI * libm::exp(-z * z);
            let correction = if z.is_finite() { slope * rest } else { 0.0 };
            0.5 * (libm::erfc(z) - correction)
        }
        Function::Sin => libm::sin(x),
        Function::Cos => libm::cos(x),
        Function::Exp => libm::exp(x),
        Function::Log => libm::log(x),
        Function::Sqrt => libm::sqrt(x),
    }
}

/// How far y is from the exact value, in units of the latter's last place.
fn units(y: f64, exact: f64) -> f64 {
    if y == exact || y.is_nan() && exact.is_nan() {
        return 0.0;
    }
    let size = exact.abs();
    if size.is_infinite() { f64::INFINITY } else { (y - exact).abs() / (size.next_up() - size) }
}

fn both(f: Function, x: f64) -> [f64; 2] {
    [apply::<false>(f, x), apply::<true>(f, x)]
}

fn check(f: Function, x: f64) -> f64 {
    let [plain, fused] = both(f, x);
    let exact = if x.is_nan() { x } else { exact(f, x) };
    let error = units(plain, exact).max(units(fused, exact));
    let allowed = match f {
        Function::NormalCdf | Function::Tanh => 5.0,
        _ => 3.0,
    };
    assert!(error <= allowed, "{f:?}({x:e}) = {plain:e} or {fused:e}, not {exact:e}");
    error
}

/// Some units are libm's own: against mpmath the worst are 3.8 (tanh) and 3.5 (normal_cdf).
#[test]
fn dense_arguments() {
    for f in Function::ALL {
        let (low, high) = match f {
            Function::Exp => (-750.0, 715.0),
            Function::Softplus | Function::Sigmoid => (-750.0, 40.0),
            Function::NormalCdf => (-39.0, 9.0),
            Function::Log | Function::Sqrt => (0.0, 4.0),
            _ => (-25.0, 25.0),
        };
        const POINTS: u32 = 250_000;
        for i in 0..POINTS {
            // All bit patterns; an interval where the function bends; and its inner part.
            let part = f64::from(i) / f64::from(POINTS);
            let x = low + (high - low) * part;
            check(f, f64::from_bits(u64::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            check(f, x);
            check(f, x / 20.0);
            check(f, 1.0 + (x - 1.0) / 1000.0);
        }
    }
}

/// Where k pi / 2 is nearly a number, few digits of the angle are left.
#[test]
fn angles_near_zeros_of_sine_and_cosine() {
    for k in 1..=700_000 {
        let x = f64::from(k) * FRAC_PI_2;
        for x in [x, x.next_up(), -x.next_down()] {
            check(Function::Sin, x);
            check(Function::Cos, x);
        }
    }
    for x in
        [1e6, 1_048_576.0, 1_048_576.0_f64.next_up(), 1e22, 6381956970095103.0 * 2f64.powi(797)]
    {
        check(Function::Sin, x);
        check(Function::Cos, x);
    }
}

#[test]
fn special_values() {
    use Function::*;
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    for (f, x, y) in [
        (Exp, 0.0, 1.0),
        (Exp, INF, INF),
        (Exp, -INF, 0.0),
        (Exp, 709.79, INF),
        (Exp, -746.0, 0.0),
        (Exp, f64::MAX, INF),
        (Exp, f64::MIN, 0.0),
        (Exp, SUBNORMAL, 1.0),
        (Exp, -745.1, SUBNORMAL),
        (Tanh, INF, 1.0),
        (Tanh, -INF, -1.0),
        (Tanh, SUBNORMAL, SUBNORMAL),
        (Tanh, f64::MAX, 1.0),
        (Sigmoid, INF, 1.0),
        (Sigmoid, -INF, 0.0),
        (Sigmoid, 0.0, 0.5),
        (Softplus, INF, INF),
        (Softplus, -INF, 0.0),
        (Softplus, 0.0, LN_2),
        (Softplus, f64::MAX, f64::MAX),
        (NormalCdf, INF, 1.0),
        (NormalCdf, -INF, 0.0),
        (NormalCdf, 0.0, 0.5),
        (NormalCdf, -39.0, 0.0),
        (NormalCdf, SUBNORMAL, 0.5),
        (NormalCdf, f64::MIN, 0.0),
        (NormalCdf, f64::MAX, 1.0),
        (Sin, INF, NAN),
        (Sin, -INF, NAN),
        (Sin, SUBNORMAL, SUBNORMAL),
        (Sin, 1e-300, 1e-300),
        (Cos, INF, NAN),
        (Cos, -INF, NAN),
        (Cos, 0.0, 1.0),
        (Cos, SUBNORMAL, 1.0),
        (Log, INF, INF),
        (Log, -INF, NAN),
        (Log, -1.0, NAN),
        (Log, -SUBNORMAL, NAN),
        (Log, 1.0, 0.0),
        (Log, 0.0, -INF),
        (Log, -0.0, -INF),
        (Log, f64::MIN, NAN),
        (Sqrt, INF, INF),
        (Sqrt, -1.0, NAN),
        (Sqrt, 4.0, 2.0),
        (Relu, INF, INF),
        (Relu, -INF, 0.0),
        (Step, 0.0, 0.0),
        (Step, SUBNORMAL, 1.0),
    ] {
        for got in both(f, x) {
            assert_eq!(units(got, y), 0.0, "{f:?}({x:e}) = {got:e}, not {y:e}");
        }
    }
    for f in Function::ALL {
        assert!(both(f, NAN).iter().all(|y| y.is_nan()), "{f:?}");
    }
    for f in [Tanh, Sin, Sqrt] {
        for zero in [0.0_f64, -0.0] {
            assert!(both(f, zero).iter().all(|y| y.to_bits() == zero.to_bits()), "{f:?}({zero:?})");
        }
    }
    // The largest and smallest of the logarithm, and a subnormal number.
    for x in [f64::MAX, f64::MIN_POSITIVE, SUBNORMAL, 1.0_f64.next_up(), 1.0_f64.next_down()] {
        check(Log, x);
    }
}

/// By 40 digits of mpmath, since libm's own error function is not exact to the last unit.
#[test]
fn normal_distribution_far_out() {
    for (x, y) in [
        (-37.5, 4.605353009581955e-308),
        (-36.123, 4.938881482692821e-286),
        (-30.1, 2.4226672179857586e-199),
        (-25.3, 1.5971151302422e-141),
        (-20.7, 1.7318518790197378e-95),
        (-15.9, 3.1682376653796485e-57),
        (-12.2, 1.554119786389607e-34),
        (-9.9, 2.081375219493206e-23),
        (-8.1, 2.7479593923982286e-16),
        (-6.3, 1.4882282217623127e-10),
        (-5.2, 9.964426316933471e-08),
        (-4.1, 2.065750691254677e-05),
        (-3.3, 0.0004834241423837775),
        (-2.7, 0.0034669738030406664),
        (-2.2, 0.013903447513498604),
        (-1.7, 0.04456546275854304),
        (-1.3, 0.09680048458561033),
        (-1.1, 0.13566606094638264),
        (-0.9, 0.18406012534675947),
        (-0.6, 0.2742531177500736),
        (-0.3, 0.3820885778110474),
        (-0.1, 0.460172162722971),
        (0.2, 0.579259709439103),
        (0.7, 0.758036347776927),
        (1.4, 0.9192433407662289),
        (2.9, 0.998134186699616),
        (5.5, 0.9999999810104375),
    ] {
        for got in both(Function::NormalCdf, x) {
            assert!(units(got, y) <= 4.0, "{x}: {got:e}, not {y:e}");
        }
    }
}

/// Each result is at least the one before, for arguments in order, to two units.
#[test]
fn rising_functions_rise() {
    for (f, low, high) in [
        (Function::Exp, -750.0, 709.0),
        (Function::Tanh, -21.0, 21.0),
        (Function::Sigmoid, -750.0, 40.0),
        (Function::Softplus, -750.0, 40.0),
        (Function::NormalCdf, -39.0, 9.0),
        (Function::Log, 1e-3, 10.0),
    ] {
        let mut last = [f64::NEG_INFINITY; 2];
        for i in 0..100_000 {
            let next = both(f, low + (high - low) * f64::from(i) / 100_000.0);
            let reached = |i: usize| next[i] >= last[i] - 2.0 * f64::EPSILON * last[i].abs();
            assert!(i == 0 || reached(0) && reached(1), "{f:?}: {last:?}, {next:?}");
            last = next;
        }
    }
}

#[test]
fn powers() {
    for i in 0..20_000 {
        let x = 1e-5 * f64::from(i * i) + 1e-3;
        for twice in -20..=20 {
            let p = 0.5 * f64::from(twice);
            let y = power(x, p);
            assert!(units(y, libm::pow(x, p)) <= 1.0 + p.abs().min(8.0), "{x}^{p} = {y}");
            if twice % 2 == 0 {
                let sign = if twice % 4 == 0 { 1.0 } else { -1.0 };
                assert_eq!(power(-x, p), sign * y);
            }
        }
        assert!(units(power(x, 0.3), libm::pow(x, 0.3)) <= 1.0);
    }
    for x in [0.0, -0.0, f64::INFINITY, f64::NAN] {
        for p in [-8.0, -3.0, -2.5, -1.0, -0.5, 0.5, 1.0, 1.5, 3.0, 4.0, 9.0, 2.7] {
            let (y, exact) = (power(x, p), libm::pow(x, p));
            assert!(y.to_bits() == exact.to_bits() || y.is_nan() && exact.is_nan(), "{x}^{p}");
        }
    }
    assert!([-3.5, -0.5, 0.5, 7.5].iter().all(|&p| power(-2.0, p).is_nan()));
}

/// Maps of a slice, in vectors of whichever width.
struct Maps<'a>(Function, &'a mut [f64], Option<&'a [f64]>);

impl WithSimd for Maps<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        map::<true>(self.1, self.0, self.2);
    }
}

/// One far angle sends its slice another way; nothing else may change by it.
#[test]
fn the_place_in_a_slice_does_not_matter() {
    let mut a: Vec<f64> = (0..77).map(|i| f64::from(i * i) * 0.01 - 8.0).collect();
    for far in [0.5, 1e7, f64::NAN] {
        a[40] = far;
        for f in Function::ALL {
            let single: Vec<u64> = a.iter().map(|&x| apply::<true>(f, x).to_bits()).collect();
            for start in 0..9 {
                let mut out = vec![0.0; a.len() - start];
                Arch::new().dispatch(Maps(f, &mut out, Some(&a[start..])));
                let mut own = a[start..].to_vec();
                Arch::new().dispatch(Maps(f, &mut own, None));
                for ((&y, &z), &single) in out.iter().zip(&own).zip(&single[start..]) {
                    assert!(y.to_bits() == single || y.is_nan(), "{f:?}");
                    assert!(z.to_bits() == single || z.is_nan(), "{f:?}");
                }
            }
        }
    }
    for p in [-2.5, -1.0, 0.5, 3.0, 7.0, 2.2] {
        let mut out = vec![0.0; a.len()];
        map_power(&mut out, Some(&a), p);
        assert!(
            out.iter().zip(&a).all(|(y, &x)| y.to_bits() == power(x, p).to_bits() || y.is_nan())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_argument(x in proptest::num::f64::ANY, near in -1e6..1e6_f64) {
        for f in Function::ALL {
            check(f, x);
            check(f, near);
        }
        for x in [x, near] {
            for [y, z] in [both(Function::NormalCdf, x), both(Function::Sigmoid, x)] {
                prop_assert!(x.is_nan() || (0.0..=1.0).contains(&y) && (0.0..=1.0).contains(&z));
            }
            prop_assert!(x.is_nan() || both(Function::Tanh, x).iter().all(|y| y.abs() <= 1.0));
        }
    }

    #[test]
    fn odd_and_even(x in proptest::num::f64::ANY, near in -1e6..1e6_f64) {
        for x in [x, near].into_iter().filter(|x| x.is_finite()) {
            for (f, sign) in [(Function::Tanh, -1.0), (Function::Sin, -1.0), (Function::Cos, 1.0)] {
                for (y, z) in both(f, x).into_iter().zip(both(f, -x)) {
                    prop_assert_eq!(y.to_bits(), (sign * z).to_bits());
                }
            }
            for f in [Function::NormalCdf, Function::Sigmoid] {
                for (y, z) in both(f, x).into_iter().zip(both(f, -x)) {
                    prop_assert!((y + z - 1.0).abs() <= f64::EPSILON);
                }
            }
        }
    }

    #[test]
    fn sine_and_cosine_lie_on_the_circle(x in -2e6..2e6_f64, near in -10.0..10.0_f64) {
        for x in [x, near] {
            for (s, c) in both(Function::Sin, x).into_iter().zip(both(Function::Cos, x)) {
                prop_assert!((s * s + c * c - 1.0).abs() <= 4.0 * f64::EPSILON);
            }
        }
    }
}
