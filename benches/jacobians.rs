//! The whole Jacobian df/dy at each of many states, by one batched jvp along all unit vectors.

mod common;

use kutta::field::{At, VectorField, Workspace};

use common::{CASES, faers_rate, numbers, resnet, seconds};

const STATES: usize = 64;

/// Memory for [`jacobians`].
#[derive(Default)]
struct Room {
    states: Vec<f64>,
    seeds: Vec<f64>,
    workspace: Workspace,
}

/// df/dy at each state of `y`; `out` is one matrix after the other, each by columns.
fn jacobians(
    field: &dyn VectorField,
    t: f64,
    prepared: &[f64],
    y: &[f64],
    room: &mut Room,
    out: &mut [f64],
) {
    let width = field.width();
    let Room { states, seeds, workspace } = room;
    states.resize(width * width, 0.0);
    seeds.resize(width * width, 0.0);
    (0..width).for_each(|i| seeds[i * (width + 1)] = 1.0);
    let at = At { t, prepared, batch: width };
    for (y, out) in y.chunks_exact(width).zip(out.chunks_exact_mut(width * width)) {
        states.chunks_exact_mut(width).for_each(|column| column.copy_from_slice(y));
        field.jvp(at, states, seeds, out, workspace);
    }
}

fn main() {
    for width in CASES.map(|case| case.width) {
        let field = resnet(width);
        let mut prepared = numbers(field.n_prepared(), 1.0 / (width as f64).sqrt());
        field.prepare(0.0, &mut prepared);
        let y = numbers(width * STATES, 0.9);
        let mut out = vec![0.0; STATES * width * width];
        let mut room = Room::default();
        let each = seconds(|| jacobians(&field, 0.0, &prepared, &y, &mut room, &mut out));
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
