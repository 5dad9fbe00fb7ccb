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
use crate::loss::Target;
use crate::solve::{Broken, Prepared, Tape};

/// Groups of blocks, each with a gradient of its own: how many threads can help at most.
pub(super) const GROUPS: usize = 8;
/// Blocks that a call has at least, if it has samples for them.
const SHARES: usize = 4;
/// Bytes of the tape of a block that fit the cache.
const TAPE: usize = 4_000_000;
/// Numbers of the gradient that a thread adds up at once.
const SHARE: usize = 1 << 14;

/// Mean loss over samples, without penalties, and the share told right, in 0..1 (`None` for regression).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    pub loss: f64,
    pub accuracy: Option<f64>,
}

/// A sample whose loss is not finite, and where its state was lost if it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unfinished {
    pub sample: usize,
    pub broken: Option<Broken>,
}

/// The states of samples at the times of the grid: time, then width x samples.
pub type Trace = Vec<(f64, Mat<f64>)>;

/// Memory for evaluating a network, used again and again.
pub struct Engine<'n> {
    network: &'n Network,
    shared: Shared,
    groups: Vec<Group>,
    /// Groups of the last call.
    in_use: usize,
    workers: Vec<Mutex<Worker>>,
    everything: Vec<usize>,
}

/// What all blocks read: numbers prepared from the weights.
#[derive(Default)]
struct Shared {
    opening: Buffer,
    prepared: Prepared,
    head: Buffer,
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
struct Worker {
    x: Buffer,
    tape: Tape,
    opening_kept: Buffer,
    head_kept: Buffer,
    outputs: Buffer,
    target: Buffer,
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
struct Job<'a> {
    x: MatRef<'a, f64>,
    targets: Option<Targets<'a>>,
    samples: &'a [usize],
    blocks: usize,
    gradient: bool,
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
        }
    }

    pub fn network(&self) -> &'n Network {
        self.network
    }

    /// Most samples of a block for a gradient: a tape of 4 MB stays in the cache. With fewer than 64, or than half
    /// the width, a product is as long in reading its matrix as in using it; more than 256 gain nothing.
    pub fn block(&self) -> usize {
        self.block_of(self.network.flow.tape_rows())
    }

    /// The same where so many numbers a sample are gone over.
    fn block_of(&self, rows: usize) -> usize {
        let bytes = rows * size_of::<f64>();
        (TAPE / bytes.max(1)).clamp(64, 256).max(self.network.width() / 2)
    }

    /// Into how many blocks of about one size so many samples are cut, for a gradient or for values alone. Few
    /// samples are cut so that several threads have some.
    pub fn blocks(&self, samples: usize, gradient: bool) -> usize {
        let block = match gradient {
            true => self.block(),
            false => self.block_of(self.network.flow.step_rows()),
        };
        samples.div_ceil(block).max((samples / 64).min(SHARES)).max(1)
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
        let blocks = self.blocks(samples.len(), true);
        let job = Job { x, targets: Some(targets), samples, blocks, gradient: true };
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

    /// The outputs, outputs x samples.
    pub fn outputs(&mut self, theta: &[f64], x: MatRef<'_, f64>) -> Mat<f64> {
        // Without targets no sample is unfinished.
        let _ = self.over_all(theta, x, None);
        let n = self.network.outputs();
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
        let blocks = self.blocks(everything.len(), false);
        let job = Job { x, targets, samples: &everything, blocks, gradient: false };
        let result = self.run(theta, job);
        self.everything = everything;
        result
    }

    /// The states at all times of the grid.
    pub fn trace(&mut self, theta: &[f64], x: MatRef<'_, f64>) -> Trace {
        self.prepare(theta);
        let network = self.network;
        let (width, batch) = (network.width(), x.ncols());
        let mut worker = Worker::default();
        let columns: Vec<usize> = (0..batch).collect();
        worker.open(network, &self.shared, x, &columns);
        network.flow.forward(&self.shared.prepared, &mut worker.tape, batch);
        let state = |step: usize| {
            let state = network.flow.state(&worker.tape, batch, step);
            Mat::from_fn(width, batch, |i, j| state[i + j * width])
        };
        network.flow.grid.iter().enumerate().map(|(i, &t)| (t, state(i))).collect()
    }

    /// The groups of the last call.
    fn done(&self) -> &[Group] {
        &self.groups[..self.in_use]
    }

    fn prepare(&mut self, theta: &[f64]) {
        let (opening, field, head) = self.network.split(theta);
        if let Start::Dense(kernel) = &self.network.opening {
            fill(&mut self.shared.opening, kernel, opening);
        }
        self.network.flow.prepare(field, &mut self.shared.prepared);
        if let Some(kernel) = &self.network.head {
            fill(&mut self.shared.head, kernel, head);
        }
    }

    fn run(&mut self, theta: &[f64], job: Job<'_>) -> Result<(), Unfinished> {
        self.prepare(theta);
        let blocks = job.blocks;
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
            worker.group(network, shared, job, range, group);
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
        self.network.flow.forward(&self.shared.prepared, &mut worker.tape, 1);
        let broken = self.network.flow.first_broken(&mut worker.tape);
        Unfinished { sample, broken }
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
        blocks: std::ops::Range<usize>,
        group: &mut Group,
    ) {
        group.loss = 0.0;
        group.right = 0;
        group.unfinished = None;
        group.outputs.clear();
        let first = blocks.start;
        for block in blocks {
            let at = |block: usize| job.samples.len() * block / job.blocks;
            let samples = &job.samples[at(block)..at(block + 1)];
            self.forward(network, shared, job, samples, group);
            if job.gradient {
                self.backward(network, shared, samples.len(), block == first);
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
    fn open(&mut self, network: &Network, shared: &Shared, x: MatRef<'_, f64>, samples: &[usize]) {
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
        samples: &[usize],
        group: &mut Group,
    ) {
        let batch = samples.len();
        let outputs = network.outputs();
        self.open(network, shared, job.x, samples);
        if job.gradient {
            network.flow.forward(&shared.prepared, &mut self.tape, batch);
        } else {
            network.flow.forward_only(&shared.prepared, &mut self.tape, batch);
        }
        let z = self.outputs.sized(outputs * batch);
        let exit = network.flow.exit(&self.tape, batch);
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
        let slope = self.slope.sized(outputs * batch);
        let factor = 1.0 / job.samples.len() as f64;
        let each = z.chunks_exact(outputs).zip(slope.chunks_exact_mut(outputs));
        for ((z, slope), &sample) in each.zip(samples) {
            let target = match targets {
                Targets::Classes(labels) => Target::Class(labels[sample]),
                Targets::Values(values) => {
                    let column = values.col(sample);
                    let target = self.target.sized(column.nrows());
                    target.iter_mut().zip(column.iter()).for_each(|(t, v)| *t = *v);
                    Target::Values(target)
                }
            };
            let (loss, right) = network.judge(z, target, factor, slope);
            group.right += usize::from(right);
            group.loss += loss;
            if !loss.is_finite() && group.unfinished.is_none() {
                group.unfinished = Some(sample);
            }
        }
    }

    /// From the slopes of the loss back to the sums behind all gradients, which the first block sets.
    fn backward(&mut self, network: &Network, shared: &Shared, batch: usize, first: bool) {
        let series = expr::Series { fresh: first, ..expr::Series::default() };
        let width = network.width() * batch;
        let lambda = self.lambda.sized(width);
        let slope = &self.slope.get()[..network.outputs() * batch];
        match &network.head {
            Some(kernel) => {
                let memory = expr::Memory {
                    state: network.flow.exit(&self.tape, batch),
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
        network.flow.backward(
            &shared.prepared,
            &mut self.tape,
            batch,
            lambda,
            self.sums.sized(network.flow.n_sums()),
            first,
        );
        if let Start::Dense(kernel) = &network.opening {
            let memory = expr::Memory {
                state: &self.x.get()[..network.features() * batch],
                seed: (&*lambda).into(),
                value: network.flow.state(&self.tape, batch, 0),
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
        network.flow.gather(&shared.prepared, self.sums.get(), field, &mut self.room, workspace);
        if let Some(kernel) = &network.head {
            kernel.gather(0.0, shared.head.get(), self.head_sums.get(), head, workspace);
        }
    }
}
