//! Evaluation of a network on many samples: blocks in cache, groups of blocks in parallel, sums in a fixed
//! order, so that the result is the same to the last bit for any number of threads.

use std::sync::Mutex;

use faer::{Mat, MatRef};
use serde::{Deserialize, Serialize};

use super::{Network, Start, Targets};
use rayon::prelude::*;

use crate::buffer::Buffer;
use crate::expr::vector::combine;
use crate::expr::{self, Workspace};
use crate::loss::Wanted;
use crate::solve::adaptive::{Halt, Solution};
use crate::solve::{Broken, Flow, Prepared, Tape};

/// Groups of blocks, each with a gradient of its own: how many threads can help at most.
pub(super) const GROUPS: usize = 8;
/// Blocks that a call has at least, if each then has so many samples.
const SHARES: usize = 4;
const SHARE_OF_FEW: usize = 60;
/// Bytes of the tape of a block that fit the cache.
const TAPE: usize = 4_000_000;
/// Bytes of the tape of a block that does not.
const LONG_TAPE: usize = 64_000_000;
/// Numbers of the gradient that a thread adds up at once.
const SHARE: usize = 1 << 14;

/// Mean loss over samples, without penalties, and the share told right, in 0..1 (`None` for regression).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub loss: f64,
    pub accuracy: Option<f64>,
}

/// A sample whose loss is not finite, and where its state was lost if it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfinished {
    pub sample: usize,
    pub broken: Option<Broken>,
    /// Why a solver that chooses its steps gave up.
    pub halt: Option<Halt>,
}

/// The states of samples at the times of the grid: time, then width x samples.
pub type Trace = Vec<(f64, Mat<f64>)>;

/// Memory for evaluating a network, used again and again.
pub struct Engine<'n> {
    pub(super) network: &'n Network,
    pub(super) shared: Shared,
    groups: Vec<Group>,
    /// Groups of the last call.
    in_use: usize,
    workers: Vec<Mutex<Worker>>,
    everything: Vec<usize>,
    /// What the last call of a flow that chooses its steps came to.
    pub(super) solutions: Vec<Solution>,
    /// Whether a solver that chooses its steps tells the error of each, and the worst sample, for values too.
    pub tells_errors: bool,
}

/// What all blocks read: numbers prepared from the weights.
#[derive(Default)]
pub(super) struct Shared {
    opening: Buffer,
    pub(super) prepared: Prepared,
    head: Buffer,
    /// The flow over the grid that was found, of a flow that chooses its steps.
    pub(super) found: Option<Flow>,
    /// The final states of all samples, where they are known already.
    pub(super) ends: Option<Vec<f64>>,
}

impl Shared {
    /// The flow over a grid.
    pub(super) fn flow<'a>(&'a self, network: &'a Network) -> &'a Flow {
        self.found.as_ref().unwrap_or(&network.flow)
    }
}

/// The part of the result that belongs to a group of blocks.
#[derive(Default)]
struct Group {
    gradient: Buffer,
    loss: f64,
    right: usize,
    outputs: Vec<f64>,
    unfinished: Option<usize>,
}

/// Memory of one thread.
#[derive(Default)]
pub(super) struct Worker {
    x: Buffer,
    pub(super) tape: Tape,
    opening_kept: Buffer,
    head_kept: Buffer,
    outputs: Buffer,
    target: Buffer,
    labels: Vec<usize>,
    losses: Buffer,
    slope: Buffer,
    lambda: Buffer,
    opening_sums: Buffer,
    sums: Buffer,
    head_sums: Buffer,
    room: Buffer,
    /// For opening and head; the flow's memory has its own.
    workspace: Workspace,
}

/// The samples of a call.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) x: MatRef<'a, f64>,
    pub(super) targets: Option<Targets<'a>>,
    pub(super) samples: &'a [usize],
    pub(super) gradient: bool,
}

impl<'n> Engine<'n> {
    pub fn new(network: &'n Network) -> Engine<'n> {
        Engine {
            network,
            shared: Shared::default(),
            groups: Vec::new(),
            in_use: 0,
            workers: Vec::new(),
            everything: Vec::new(),
            solutions: Vec::new(),
            tells_errors: false,
        }
    }

    pub fn network(&self) -> &'n Network {
        self.network
    }

    /// Most samples of a block for a gradient: a tape of 4 MB stays in the cache. With fewer than 64, or than half
    /// the width, a product is as long in reading its matrix as in using it; more than 256 gain nothing. A tape that
    /// leaves the cache anyway may be of 64 MB: the weights of all times, and the sums, no longer fit the cache either,
    /// and larger blocks go over them less often.
    pub fn block(&self) -> usize {
        let flow = self.shared.flow(self.network);
        let tape = if flow.leaves_cache() { LONG_TAPE } else { TAPE };
        self.block_of(flow.tape_rows(), tape)
    }

    /// The same where so many numbers a sample are gone over.
    fn block_of(&self, rows: usize, tape: usize) -> usize {
        let bytes = rows * size_of::<f64>();
        (tape / bytes.max(1)).clamp(64, 256).max(self.network.width() / 2)
    }

    /// Into how many blocks of about one size so many samples are cut, for a gradient or for values alone. Few
    /// samples are cut so that several threads have some.
    pub fn blocks(&self, samples: usize, gradient: bool) -> usize {
        let block = match gradient {
            true => self.block(),
            false => self.block_of(self.shared.flow(self.network).step_rows(), TAPE),
        };
        samples.div_ceil(block).max((samples / SHARE_OF_FEW).min(SHARES)).max(1)
    }

    /// Mean loss over `samples` (columns of `x`), without penalties; its gradient overwrites `gradient`.
    ///
    /// # Errors
    /// [`Unfinished`]: the first sample whose loss is not finite.
    pub fn gradient(
        &mut self,
        theta: &[f64],
        x: MatRef<'_, f64>,
        targets: Targets<'_>,
        samples: &[usize],
        gradient: &mut [f64],
    ) -> Result<f64, Unfinished> {
        let job = Job { x, targets: Some(targets), samples, gradient: true };
        if self.per_sample() && samples.len() > 1 {
            return self.gradient_each(theta, job, gradient);
        }
        self.run(theta, job)?;
        let groups = self.done();
        gradient.par_chunks_mut(SHARE).enumerate().for_each(|(i, share)| {
            let n = share.len();
            let terms = groups.iter().map(|group| (1.0, &group.gradient.get()[i * SHARE..][..n]));
            combine(share, 0.0, terms);
        });
        Ok(groups.iter().map(|group| group.loss).sum::<f64>() / samples.len().max(1) as f64)
    }

    /// Mean loss and accuracy over all columns of `x`.
    ///
    /// # Errors
    /// [`Unfinished`]: the first sample whose loss is not finite.
    pub fn score(
        &mut self,
        theta: &[f64],
        x: MatRef<'_, f64>,
        targets: Targets<'_>,
    ) -> Result<Score, Unfinished> {
        self.over_all(theta, x, Some(targets))?;
        let n = x.ncols().max(1) as f64;
        let loss = self.done().iter().map(|g| g.loss).sum::<f64>() / n;
        let right: usize = self.done().iter().map(|g| g.right).sum();
        let accuracy = matches!(targets, Targets::Classes(_)).then_some(right as f64 / n);
        Ok(Score { loss, accuracy })
    }

    /// The outputs, outputs x samples; none of them is a number where a solver that chooses its steps gave up.
    pub fn outputs(&mut self, theta: &[f64], x: MatRef<'_, f64>) -> Mat<f64> {
        let n = self.network.outputs();
        // Without targets no sample is unfinished.
        if self.over_all(theta, x, None).is_err() {
            return Mat::full(n, x.ncols(), f64::NAN);
        }
        let all: Vec<f64> = self.done().iter().flat_map(|g| g.outputs.iter().copied()).collect();
        Mat::from_fn(n, x.ncols(), |i, j| all[i + j * n])
    }

    fn over_all(
        &mut self,
        theta: &[f64],
        x: MatRef<'_, f64>,
        targets: Option<Targets<'_>>,
    ) -> Result<(), Unfinished> {
        let mut everything = std::mem::take(&mut self.everything);
        everything.clear();
        everything.extend(0..x.ncols());
        let job = Job { x, targets, samples: &everything, gradient: false };
        let result = self.run(theta, job);
        self.everything = everything;
        result
    }

    /// The states at all times of the grid; of a flow that chooses its steps, as far as it gets.
    pub fn trace(&mut self, theta: &[f64], x: MatRef<'_, f64>) -> Trace {
        let network = self.network;
        let (width, batch) = (network.width(), x.ncols());
        if network.flow.adaptive.is_some() {
            let solved = self.trajectories(theta, x, None);
            let all = solved.times.into_iter().zip(solved.states);
            let matrix = |y: Vec<f64>| Mat::from_fn(width, batch, |i, j| y[i + j * width]);
            return all.map(|(t, y)| (t, matrix(y))).collect();
        }
        self.prepare(theta);
        let mut worker = Worker::default();
        let columns: Vec<usize> = (0..batch).collect();
        let flow = &network.flow;
        worker.open(network, &self.shared, x, &columns);
        flow.forward(&self.shared.prepared, &mut worker.tape, batch);
        let mut room = vec![0.0; width * batch];
        let mut state = |step: usize| {
            flow.copy_state(&worker.tape, batch, step, &mut room);
            let state = &room;
            Mat::from_fn(width, batch, |i, j| state[i + j * width])
        };
        flow.grid.iter().enumerate().map(|(i, &t)| (t, state(i))).collect()
    }

    /// The groups of the last call.
    fn done(&self) -> &[Group] {
        &self.groups[..self.in_use]
    }

    pub(super) fn prepare(&mut self, theta: &[f64]) {
        let (opening, field, head) = self.network.split(theta);
        if let Start::Dense(kernel) = &self.network.opening {
            fill(&mut self.shared.opening, kernel, opening);
        }
        if self.network.flow.adaptive.is_none() {
            self.network.flow.prepare(field, &mut self.shared.prepared);
        }
        if let Some(kernel) = &self.network.head {
            fill(&mut self.shared.head, kernel, head);
        }
    }

    pub(super) fn run(&mut self, theta: &[f64], job: Job<'_>) -> Result<(), Unfinished> {
        self.prepare(theta);
        if self.network.flow.adaptive.is_some() {
            self.find(theta, job)?;
        }
        let blocks = self.blocks(job.samples.len(), job.gradient);
        let groups = blocks.min(GROUPS);
        self.in_use = groups;
        // Those of a larger call stay, with their memory.
        self.groups.resize_with(groups.max(self.groups.len()), Group::default);
        let threads = rayon::current_num_threads();
        if self.workers.len() < threads {
            self.workers.resize_with(threads, Mutex::default);
        }
        let (network, shared, workers) = (self.network, &self.shared, &self.workers);
        over_groups(0, &mut self.groups[..groups], &|number, group| {
            let thread = rayon::current_thread_index().unwrap_or(0);
            let Some(worker) = workers.get(thread) else { return };
            let mut worker = match worker.lock() {
                Ok(worker) => worker,
                Err(poisoned) => poisoned.into_inner(),
            };
            // Blocks number * blocks / groups and on: the same for any number of threads.
            let range = number * blocks / groups..(number + 1) * blocks / groups;
            worker.group(network, shared, job, (range, blocks), group);
        });
        match self.done().iter().find_map(|g| g.unfinished) {
            Some(sample) => Err(self.locate(job.x, sample)),
            None => Ok(()),
        }
    }

    /// Solves for a sample whose loss is not finite once more, to see where it was lost.
    fn locate(&self, x: MatRef<'_, f64>, sample: usize) -> Unfinished {
        let mut worker = Worker::default();
        worker.open(self.network, &self.shared, x, &[sample]);
        let flow = self.shared.flow(self.network);
        // The states of a solver that chooses its steps are finite, or it has said so.
        let broken = self.shared.ends.is_none().then(|| {
            flow.forward(&self.shared.prepared, &mut worker.tape, 1);
            flow.first_broken(&mut worker.tape)
        });
        Unfinished { sample, broken: broken.flatten(), halt: None }
    }
}

/// Calls `work` on each group, in parallel; nothing is allocated for it.
fn over_groups(first: usize, groups: &mut [Group], work: &(impl Fn(usize, &mut Group) + Sync)) {
    match groups {
        [] => {}
        [group] => work(first, group),
        _ => {
            let half = groups.len() / 2;
            let (left, right) = groups.split_at_mut(half);
            rayon::join(
                || over_groups(first, left, work),
                || over_groups(first + half, right, work),
            );
        }
    }
}

fn fill(prepared: &mut Buffer, kernel: &expr::Kernel, weights: &[f64]) {
    let prepared = prepared.sized(kernel.n_prepared());
    prepared[..weights.len()].copy_from_slice(weights);
    kernel.prepare(0.0, prepared);
}

impl Worker {
    /// The blocks of one group, one after the other.
    fn group(
        &mut self,
        network: &Network,
        shared: &Shared,
        job: Job<'_>,
        (blocks, of): (std::ops::Range<usize>, usize),
        group: &mut Group,
    ) {
        group.loss = 0.0;
        group.right = 0;
        group.unfinished = None;
        group.outputs.clear();
        let first = blocks.start;
        self.tape.largest = job.samples.len().div_ceil(of);
        for block in blocks {
            let at = |block: usize| job.samples.len() * block / of;
            let samples = at(block)..at(block + 1);
            let batch = samples.len();
            self.forward(network, shared, job, samples, group);
            if job.gradient {
                self.backward(network, shared, batch, block == first);
            }
        }
        if job.gradient {
            let gradient = group.gradient.sized(network.n_parameters());
            match job.samples {
                [] => gradient.fill(0.0),
                _ => self.gather(network, shared, gradient),
            }
        }
    }

    /// Copies the samples and opens them into the flow's entry.
    pub(super) fn open(
        &mut self,
        network: &Network,
        shared: &Shared,
        x: MatRef<'_, f64>,
        samples: &[usize],
    ) {
        let (features, batch) = (network.features(), samples.len());
        let columns = self.x.sized(features * batch);
        for (column, &sample) in columns.chunks_exact_mut(features.max(1)).zip(samples) {
            let from = x.col(sample);
            column.iter_mut().enumerate().for_each(|(i, c)| *c = from[i]);
        }
        match &network.opening {
            Start::Dense(kernel) => {
                let keep = self.opening_kept.sized(kernel.n_kept() * batch);
                let entry = network.flow.entry(&mut self.tape, batch);
                let memory =
                    expr::Memory { state: columns, out: entry, keep, ..expr::Memory::default() };
                kernel.value(shared.opening.get(), batch, memory, &mut self.workspace);
            }
            Start::Pad => {
                let width = network.width();
                let entry = network.flow.entry(&mut self.tape, batch);
                for (y, x) in entry.chunks_exact_mut(width).zip(columns.chunks_exact(features)) {
                    y.fill(0.0);
                    y[..features].copy_from_slice(x);
                }
            }
        }
    }

    /// Opening, flow, head and loss of a block; for a gradient also the slopes of the loss.
    fn forward(
        &mut self,
        network: &Network,
        shared: &Shared,
        job: Job<'_>,
        range: std::ops::Range<usize>,
        group: &mut Group,
    ) {
        let (samples, width) = (&job.samples[range.clone()], network.width());
        let batch = samples.len();
        let outputs = network.outputs();
        let flow = shared.flow(network);
        if shared.ends.is_none() {
            self.open(network, shared, job.x, samples);
            if job.gradient {
                flow.forward(&shared.prepared, &mut self.tape, batch);
            } else {
                flow.forward_only(&shared.prepared, &mut self.tape, batch);
            }
        }
        let z = self.outputs.sized(outputs * batch);
        let exit = match &shared.ends {
            Some(ends) => &ends[range.start * width..range.end * width],
            None => flow.exit(&self.tape, batch),
        };
        match &network.head {
            Some(kernel) => {
                let keep = self.head_kept.sized(kernel.n_kept() * batch);
                let memory = expr::Memory { state: exit, out: z, keep, ..expr::Memory::default() };
                kernel.value(shared.head.get(), batch, memory, &mut self.workspace);
            }
            None => z.copy_from_slice(exit),
        }
        let Some(targets) = job.targets else {
            group.outputs.extend_from_slice(z);
            return;
        };
        let slopes = self.slope.sized(outputs * batch);
        let losses = self.losses.sized(batch);
        let wanted = match targets {
            Targets::Classes(labels) => {
                self.labels.clear();
                self.labels.reserve(self.tape.largest);
                self.labels.extend(samples.iter().map(|&sample| labels[sample]));
                let each = z.chunks_exact(outputs).zip(&self.labels);
                group.right += each.filter(|(z, label)| network.class(z) == **label).count();
                Wanted::Classes(&self.labels)
            }
            Targets::Values(values) => {
                let rows = values.nrows();
                let target = self.target.sized(rows * batch);
                for (target, &sample) in target.chunks_exact_mut(rows.max(1)).zip(samples) {
                    let from = values.col(sample);
                    target.iter_mut().zip(from.iter()).for_each(|(t, v)| *t = *v);
                }
                Wanted::Values(target)
            }
        };
        let factor = 1.0 / job.samples.len() as f64;
        network.values_and_slopes(z, wanted, factor, slopes, losses);
        group.loss += losses.iter().sum::<f64>();
        if group.unfinished.is_none()
            && let Some(lost) = losses.iter().position(|loss| !loss.is_finite())
        {
            group.unfinished = Some(samples[lost]);
        }
    }

    /// From the slopes of the loss back to the sums behind all gradients, which the first block sets.
    fn backward(&mut self, network: &Network, shared: &Shared, batch: usize, first: bool) {
        let series = expr::Series { fresh: first, ..expr::Series::default() };
        let (flow, width) = (shared.flow(network), network.width() * batch);
        let lambda = self.lambda.sized(width);
        let slope = &self.slope.get()[..network.outputs() * batch];
        match &network.head {
            Some(kernel) => {
                let memory = expr::Memory {
                    state: flow.exit(&self.tape, batch),
                    seed: slope.into(),
                    value: &self.outputs.get()[..slope.len()],
                    kept: &self.head_kept.get()[..kernel.n_kept() * batch],
                    out: lambda,
                    sums: self.head_sums.sized(kernel.n_sums()),
                    series,
                    ..expr::Memory::default()
                };
                kernel.adjoint(shared.head.get(), batch, memory, &mut self.workspace);
            }
            None => lambda.copy_from_slice(slope),
        }
        flow.backward(
            &shared.prepared,
            &mut self.tape,
            batch,
            lambda,
            self.sums.sized(flow.n_sums()),
            first,
        );
        if let Start::Dense(kernel) = &network.opening {
            let memory = expr::Memory {
                state: &self.x.get()[..network.features() * batch],
                seed: (&*lambda).into(),
                value: flow.entered(&self.tape, batch),
                kept: &self.opening_kept.get()[..kernel.n_kept() * batch],
                sums: self.opening_sums.sized(kernel.n_sums()),
                series,
                ..expr::Memory::default()
            };
            kernel.adjoint(shared.opening.get(), batch, memory, &mut self.workspace);
        }
    }

    /// From sums to the gradient of a group.
    fn gather(&mut self, network: &Network, shared: &Shared, gradient: &mut [f64]) {
        let (opening, field, head) = network.split_mut(gradient);
        let workspace = &mut self.workspace;
        opening.fill(0.0);
        head.fill(0.0);
        if let Start::Dense(kernel) = &network.opening {
            kernel.gather(0.0, shared.opening.get(), self.opening_sums.get(), opening, workspace);
        }
        let flow = shared.flow(network);
        flow.gather(&shared.prepared, self.sums.get(), field, &mut self.room, workspace);
        if let Some(kernel) = &network.head {
            kernel.gather(0.0, shared.head.get(), self.head_sums.get(), head, workspace);
        }
    }
}
