//! The whole Jacobian df/dy at each of many states, by batched jvps along all unit vectors, on all threads.

mod common;

use kutta::field::VectorField;
use kutta::jacobian::{Room, jacobians};

use common::{CASES, faers_rate, median, numbers, resnet};

const STATES: usize = 64;

fn main() {
    for width in CASES.map(|case| case.width) {
        let field = resnet(width);
        let mut prepared = numbers(field.n_prepared(), 1.0 / (width as f64).sqrt());
        field.prepare(0.0, &mut prepared);
        let y = numbers(width * STATES, 0.9);
        let mut out = vec![0.0; STATES * width * width];
        let mut room = Room::default();
        let each = median(|| jacobians(&field, 0.0, &prepared, &y, &mut room, &mut out));
        // K y and K v for every column of every Jacobian.
        let rate = 4e-9 * (STATES * width.pow(3)) as f64 / each;
        let faer = faers_rate(width, STATES * width);
        println!(
            "width {width}: {:9.2} us a Jacobian, {rate:.1} GFLOP/s, faer on {} threads {faer:.1}",
            1e6 * each / STATES as f64,
            rayon::current_num_threads(),
        );
    }
}
