//! The Jacobians df/dy of a field at many states, by `jvp` along unit vectors.
//!
//! ```text
//! J e_j = lim (f(t, y + h e_j; w) - f(t, y; w)) / h,   j = 1 .. width
//! ```
//!
//! Every state stands in a block once for each unit vector, so that one product serves all columns of many
//! Jacobians. This is forward mode with a full seed (Griewank & Walther, Evaluating Derivatives, 2008, ch. 3).

use std::sync::Mutex;

use rayon::prelude::*;

use crate::buffer::Buffer;
use crate::field::{At, VectorField, Workspace};

/// Most numbers of a block of states: 1 MB, so that states, seeds and results share a cache.
const NUMBERS: usize = 1 << 17;
/// Most columns of a block: longer products gain nothing, and there would be too few blocks for all threads.
const COLUMNS: usize = 1024;

/// Memory for [`jacobians`], used again and again: about 2 MB a thread beside the field's own.
#[derive(Debug, Default)]
pub struct Room {
    workers: Vec<Mutex<Worker>>,
}

/// Memory of one thread.
#[derive(Debug, Default)]
struct Worker {
    states: Buffer,
    seeds: Buffer,
    workspace: Workspace,
}

/// Columns of a block, for states of this width.
fn columns(width: usize) -> usize {
    (NUMBERS / width.max(1)).clamp(1, COLUMNS)
}

/// The Jacobian of f(t, y; w) by y at each of the states `y`.
///
/// `prepared` is the weights at time t and what [`VectorField::prepare`] made of them; `y` is width x samples,
/// a sample a column; `out` is samples x width x width, one matrix after the other, each by columns. Blocks of
/// columns are worked on in parallel; how they are cut depends on the width alone, so that results are the same
/// to the last bit for any number of threads.
pub fn jacobians(
    field: &dyn VectorField,
    t: f64,
    prepared: &[f64],
    y: &[f64],
    room: &mut Room,
    out: &mut [f64],
) {
    let width = field.width().max(1);
    let columns = columns(width);
    let threads = rayon::current_num_threads();
    if room.workers.len() < threads {
        room.workers.resize_with(threads, Mutex::default);
    }
    let workers = &room.workers;
    out.par_chunks_mut(columns * width).enumerate().for_each(|(block, out)| {
        let own = rayon::current_thread_index().and_then(|thread| workers.get(thread));
        let first = block * columns;
        // A field that waits for other threads may be given another block meanwhile: its memory is in use.
        match own.and_then(|worker| worker.try_lock().ok()) {
            Some(mut worker) => worker.block(field, t, prepared, y, first, out),
            None => Worker::default().block(field, t, prepared, y, first, out),
        }
    });
}

impl Worker {
    /// The columns from `first` on, of all columns of all Jacobians in a row.
    fn block(
        &mut self,
        field: &dyn VectorField,
        t: f64,
        prepared: &[f64],
        y: &[f64],
        first: usize,
        out: &mut [f64],
    ) {
        let width = field.width();
        let batch = out.len() / width;
        let states = self.states.sized(out.len());
        let seeds = self.seeds.zeroed(out.len());
        let each = states.chunks_exact_mut(width).zip(seeds.chunks_exact_mut(width));
        for (column, (state, seed)) in (first..).zip(each) {
            let (sample, direction) = (column / width, column % width);
            state.copy_from_slice(&y[sample * width..(sample + 1) * width]);
            seed[direction] = 1.0;
        }
        field.jvp(At { t, prepared, batch }, states, seeds, out, &mut self.workspace);
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::field::{SymbolicField, names};

    const T: f64 = 0.3;

    fn field(name: &str, width: usize) -> SymbolicField {
        let file = crate::field::named(name).unwrap();
        SymbolicField::new(file, width, &IndexMap::new()).unwrap()
    }

    fn numbers(length: usize, scale: f64) -> Vec<f64> {
        (0..length).map(|i| scale * (1.0 + i as f64 * 0.7).sin()).collect()
    }

    fn prepared(field: &SymbolicField) -> Vec<f64> {
        let mut prepared = numbers(field.n_prepared(), 0.8);
        field.prepare(T, &mut prepared);
        prepared
    }

    fn value(field: &SymbolicField, prepared: &[f64], y: &[f64]) -> Vec<f64> {
        let at = At { t: T, prepared, batch: 1 };
        let (mut k, mut keep) = (vec![0.0; y.len()], vec![0.0; field.n_kept()]);
        field.eval(at, y, &mut k, &mut keep, &mut Workspace::default());
        k
    }

    fn all(field: &SymbolicField, y: &[f64], room: &mut Room) -> Vec<f64> {
        let mut out = vec![f64::NAN; y.len() * field.width()];
        jacobians(field, T, &prepared(field), y, room, &mut out);
        out
    }

    #[test]
    fn they_are_the_limits_of_differences() {
        let (width, samples, h) = (6, 5, 1e-5);
        let y = numbers(width * samples, 1.0);
        for name in names() {
            let field = field(name, width);
            let prepared = prepared(&field);
            let ours = all(&field, &y, &mut Room::default());
            for (column, ours) in ours.chunks_exact(width).enumerate() {
                let (sample, direction) = (column / width, column % width);
                let moved = |by: f64| {
                    let mut y = y[sample * width..(sample + 1) * width].to_vec();
                    y[direction] += by;
                    value(&field, &prepared, &y)
                };
                for (ours, (up, down)) in ours.iter().zip(moved(h).iter().zip(moved(-h))) {
                    let difference = (up - down) / (2.0 * h);
                    assert!((ours - difference).abs() < 1e-8, "{name}: {ours} {difference}");
                }
            }
        }
    }

    /// J = diag(1 - a^2) K with a = tanh(K y + b); widths whose blocks are cut within a Jacobian, and a last
    /// block that is not full.
    #[test]
    fn those_of_a_residual_network_are_known() {
        let mut room = Room::default();
        for (width, samples) in [(1, 3), (1, 2500), (7, 200), (16, 100), (300, 2)] {
            let field = field("resnet", width);
            let y = numbers(width * samples, 1.0);
            let ours = all(&field, &y, &mut room);
            let prepared = prepared(&field);
            let (matrices, states) = (ours.chunks_exact(width * width), y.chunks_exact(width));
            assert_eq!((matrices.len(), states.len()), (samples, samples));
            for (matrix, y) in matrices.zip(states) {
                let a = value(&field, &prepared, y);
                for (at, ours) in matrix.iter().enumerate() {
                    let known = (1.0 - a[at % width].powi(2)) * prepared[at];
                    assert!((ours - known).abs() < 1e-13, "width {width}: {ours} {known}");
                }
            }
        }
        let cut = |width: usize, samples: usize| !(width * samples).is_multiple_of(columns(width));
        assert!(cut(1, 2500) && cut(7, 200) && cut(300, 2) && !columns(300).is_multiple_of(300));
    }

    #[test]
    fn no_samples_have_none() {
        assert!(all(&field("resnet", 4), &[], &mut Room::default()).is_empty());
    }

    #[test]
    fn a_block_is_bounded_whatever_the_width() {
        for width in [1, 16, 256, 5000, 100_000] {
            let columns = columns(width);
            assert!((1..=COLUMNS).contains(&columns) && columns * width <= NUMBERS, "{width}");
        }
    }

    #[test]
    fn threads_do_not_matter_and_memory_is_used_again() {
        let field = field("two_layer", 9);
        let y = numbers(9 * 500, 1.0);
        let on = |threads: usize, room: &mut Room| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all(&field, &y, room))
        };
        let mut room = Room::default();
        let one = on(1, &mut room);
        let place = |room: &Room| room.workers[0].lock().unwrap().states.get().as_ptr();
        let before = place(&room);
        assert_eq!(on(1, &mut room), one);
        assert_eq!((place(&room), room.workers.len()), (before, 1));
        for threads in [2, 3] {
            assert_eq!(on(threads, &mut room), one, "{threads} threads");
        }
    }
}
