//! Calls by columns of a kernel that has samples side by side: blocks are turned there and back.

use super::{At, Workspace, clear_filling, turn, turn_back};
use crate::expr::{Kernel, Memory};

/// k = f(t, y; w)
pub(super) fn value(kernel: &Kernel, at: At<'_>, y: &[f64], k: &mut [f64], ws: &mut Workspace) {
    let (rows, lanes, filled) = sizes(kernel, at);
    let mut room = std::mem::take(&mut ws.turned);
    let [state, out, keep, ..] = &mut room;
    let (state, out) = (state.sized(rows * filled), out.sized(rows * filled));
    let keep = keep.sized(kernel.n_kept() * filled);
    turn(y, rows, lanes, state);
    let memory = Memory { state, out, keep, ..Memory::default() };
    kernel.value(at.prepared, filled, memory, ws);
    turn_back(out, rows, lanes, k);
    ws.turned = room;
}

/// out = (df/dy) v
pub(super) fn tangent(
    kernel: &Kernel,
    at: At<'_>,
    [y, v]: [&[f64]; 2],
    to: &mut [f64],
    ws: &mut Workspace,
) {
    let (rows, lanes, filled) = sizes(kernel, at);
    let mut room = std::mem::take(&mut ws.turned);
    let [state, out, seed, ..] = &mut room;
    let (state, out) = (state.sized(rows * filled), out.sized(rows * filled));
    let seed = seed.sized(rows * filled);
    turn(y, rows, lanes, state);
    turn(v, rows, lanes, seed);
    let memory = Memory { state, seed: (&*seed).into(), out, ..Memory::default() };
    kernel.tangent(at.prepared, filled, memory, ws);
    turn_back(out, rows, lanes, to);
    ws.turned = room;
}

/// gy = (df/dy)' u, and sums += what the gradient of the weights needs. Value and kept numbers are formed again: what
/// a call by columns has of them does not stand where the kernel reads it.
pub(super) fn adjoint(
    kernel: &Kernel,
    at: At<'_>,
    [y, u]: [&[f64]; 2],
    gy: &mut [f64],
    sums: &mut [f64],
    ws: &mut Workspace,
) {
    let (rows, lanes, filled) = sizes(kernel, at);
    let mut room = std::mem::take(&mut ws.turned);
    let [state, out, seed, value, kept] = &mut room;
    let (state, out) = (state.sized(rows * filled), out.sized(rows * filled));
    let (seed, value) = (seed.sized(rows * filled), value.sized(rows * filled));
    let kept = kept.sized(kernel.n_kept() * filled);
    turn(y, rows, lanes, state);
    turn(u, rows, lanes, seed);
    clear_filling(seed, rows, lanes, at.batch);
    let memory = Memory { state, out: &mut *value, keep: &mut *kept, ..Memory::default() };
    kernel.value(at.prepared, filled, memory, ws);
    let seed = (&*seed).into();
    let memory = Memory { state, seed, value, kept, out, sums, ..Memory::default() };
    kernel.adjoint(at.prepared, filled, memory, ws);
    turn_back(out, rows, lanes, gy);
    ws.turned = room;
}

/// Rows of the state, lanes, and samples with those that fill up.
fn sizes(kernel: &Kernel, at: At<'_>) -> (usize, usize, usize) {
    (kernel.in_rows(), kernel.lanes(), at.batch.next_multiple_of(kernel.lanes()))
}
