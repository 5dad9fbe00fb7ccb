//! x^p for a p that all elements share.

/// Products round about |p| times, each time by half a unit at most; beyond this exponent it is left to the library.
const MOST: f64 = 8.0;

/// x^n for n < 16, by squares.
#[inline(always)]
fn whole(x: f64, n: u32) -> f64 {
    let (mut y, mut square) = (1.0, x);
    for bit in 0..4 {
        y = if n >> bit & 1 == 1 { y * square } else { y };
        square *= square;
    }
    y
}

/// sqrt(x) x^n. Adding zero takes the sign of -0, as that of a power that is not whole.
#[inline(always)]
fn half_whole(x: f64, n: u32) -> f64 {
    let x = x + 0.0;
    x.sqrt() * whole(x, n)
}

/// Writes `$run` with the way to compute x^p: products and a root for whole and half-whole p, else the library.
macro_rules! by_exponent {
    ($p:expr, |$power:ident| $run:expr) => {{
        let p: f64 = $p;
        let n = p.abs() as u32;
        let fraction = p.abs().fract();
        let products = p.abs() <= MOST && (fraction == 0.0 || fraction == 0.5);
        match (products, fraction == 0.0, p < 0.0) {
            (true, true, false) => {
                let $power = |x| whole(x, n);
                $run
            }
            (true, true, true) => {
                let $power = |x| 1.0 / whole(x, n);
                $run
            }
            (true, false, false) => {
                let $power = |x| half_whole(x, n);
                $run
            }
            (true, false, true) => {
                let $power = |x| 1.0 / half_whole(x, n);
                $run
            }
            (false, ..) => {
                let $power = |x: f64| x.powf(p);
                $run
            }
        }
    }};
}

/// x^p: by products for small whole and half-whole p, else by the library. Like the root,
/// a half-whole power of a negative number is not a number.
#[inline(always)]
pub fn power(x: f64, p: f64) -> f64 {
    by_exponent!(p, |raised| raised(x))
}

/// dst[i] = a[i]^p
#[inline(always)]
pub fn map_power(dst: &mut [f64], a: Option<&[f64]>, p: f64) {
    by_exponent!(p, |raised| each!(dst, a, |x| raised(x)));
}
