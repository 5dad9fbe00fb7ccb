//! One directional derivative of the field for a block of 128 samples, beside its value: two products instead of one.

mod common;

use kutta::field::{At, VectorField, Workspace};

use common::{CASES, median, numbers, resnet};

const BATCH: usize = 128;

fn main() {
    for width in CASES.map(|case| case.width) {
        let field = resnet(width);
        let mut prepared = numbers(field.n_prepared(), 1.0 / (width as f64).sqrt());
        field.prepare(0.0, &mut prepared);
        let at = At { t: 0.0, prepared: &prepared, batch: BATCH };
        let (y, v) = (numbers(width * BATCH, 0.9), numbers(width * BATCH, 0.4));
        let mut out = vec![0.0; y.len()];
        let mut keep = vec![0.0; field.n_kept() * BATCH];
        let mut workspace = Workspace::new();
        let value = median(|| field.eval(at, &y, &mut out, &mut keep, &mut workspace));
        let tangent = median(|| field.jvp(at, &y, &v, &mut out, &mut workspace));
        let rate = |products: f64, seconds: f64| {
            products * 2e-9 * (width * width * BATCH) as f64 / seconds
        };
        println!("width {width}, block of {BATCH}, one thread");
        println!("  value {:9.2} us  {:6.1} GFLOP/s", 1e6 * value, rate(1.0, value));
        println!("  jvp   {:9.2} us  {:6.1} GFLOP/s", 1e6 * tangent, rate(2.0, tangent));
        println!("  jvp costs {:.2} of the value\n", tangent / value);
    }
}
