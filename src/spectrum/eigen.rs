//! Eigenvalues of many real matrices, on all threads.

use std::sync::Mutex;

use faer::diag::DiagMut;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, evd_real, evd_scratch};
use faer::{MatRef, Par};
use num_complex::Complex64;
use rayon::prelude::*;

/// Matrices that a thread takes at once.
const AT_ONCE: usize = 8;

/// Memory for [`eigenvalues`], used again and again.
#[derive(Default)]
pub struct Room {
    workers: Vec<Mutex<Worker>>,
}

/// Memory of one thread, for matrices of one width.
#[derive(Default)]
struct Worker {
    width: usize,
    real: Vec<f64>,
    imaginary: Vec<f64>,
    stack: Option<MemBuffer>,
}

/// Why a matrix has no eigenvalues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failed {
    /// An entry is infinite or not a number.
    #[error("is not finite")]
    NotFinite,
    /// The QR algorithm gave up.
    #[error("has eigenvalues that the QR algorithm did not find")]
    NoConvergence,
}

/// The eigenvalues of each of `matrices`, width x width by columns one after the other, into `out`: sorted by
/// falling real part and then by falling imaginary part, so that conjugates are neighbours.
///
/// By reduction to Hessenberg form and the QR algorithm with multiple shifts (Braman, Byers & Mathias, SIAM J.
/// Matrix Anal. Appl. 23, 2002), as faer has it. A matrix without eigenvalues is returned with its number, and has
/// NaN in `out`.
pub fn eigenvalues(
    width: usize,
    matrices: &[f64],
    room: &mut Room,
    out: &mut [Complex64],
) -> Vec<(usize, Failed)> {
    let width = width.max(1);
    let threads = rayon::current_num_threads();
    if room.workers.len() < threads {
        room.workers.resize_with(threads, Mutex::default);
    }
    let workers = &room.workers;
    let pieces = out.par_chunks_mut(AT_ONCE * width);
    let pieces = pieces.zip(matrices.par_chunks(AT_ONCE * width * width)).enumerate();
    pieces
        .flat_map_iter(|(piece, (out, matrices))| {
            let own = rayon::current_thread_index().and_then(|thread| workers.get(thread));
            let mut failed = Vec::new();
            let mut all = |worker: &mut Worker| {
                let each = out.chunks_exact_mut(width).zip(matrices.chunks_exact(width * width));
                for (k, (out, matrix)) in each.enumerate() {
                    if let Err(why) = worker.solve(width, matrix, out) {
                        out.fill(Complex64::new(f64::NAN, f64::NAN));
                        failed.push((piece * AT_ONCE + k, why));
                    }
                }
            };
            match own.and_then(|worker| worker.try_lock().ok()) {
                Some(mut worker) => all(&mut worker),
                None => all(&mut Worker::default()),
            }
            failed
        })
        .collect()
}

impl Worker {
    fn solve(&mut self, width: usize, matrix: &[f64], out: &mut [Complex64]) -> Result<(), Failed> {
        if matrix.iter().any(|x| !x.is_finite()) {
            return Err(Failed::NotFinite);
        }
        if let (1, &[number]) = (width, matrix) {
            out.fill(Complex64::new(number, 0.0));
            return Ok(());
        }
        let no = ComputeEigenvectors::No;
        if self.width != width {
            self.real.resize(width, 0.0);
            self.imaginary.resize(width, 0.0);
            self.width = width;
            self.stack = None;
        }
        let scratch = || evd_scratch::<f64>(width, no, no, Par::Seq, Default::default());
        let stack = self.stack.get_or_insert_with(|| MemBuffer::new(scratch()));
        evd_real(
            MatRef::from_column_major_slice(matrix, width, width),
            DiagMut::from_slice_mut(&mut self.real),
            DiagMut::from_slice_mut(&mut self.imaginary),
            None,
            None,
            Par::Seq,
            MemStack::new(stack),
            Default::default(),
        )
        .map_err(|_| Failed::NoConvergence)?;
        for (out, (re, im)) in out.iter_mut().zip(self.real.iter().zip(&self.imaginary)) {
            *out = Complex64::new(*re, *im);
        }
        sort(out);
        Ok(())
    }
}

/// By falling real part and then by falling imaginary part.
pub(super) fn sort(values: &mut [Complex64]) {
    values.sort_unstable_by(|a, b| b.re.total_cmp(&a.re).then(b.im.total_cmp(&a.im)));
}
