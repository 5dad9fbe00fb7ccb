//! The work of a network on so many samples, by the plans of its parts.

use super::engine::GROUPS;
use super::{Engine, Network, Start};
use crate::expr::work::{Call, Work};
use crate::loss::Loss;

/// What [`Engine`] does in a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkWork {
    /// Before and after all blocks: shared by the threads where it is large.
    pub once: Work,
    /// Of all blocks together.
    pub blocks: Work,
    /// From the sums of each group of blocks to its gradient.
    pub groups: Work,
    /// Blocks of samples.
    pub count: usize,
    /// Distinct times of stages: each block goes over the weights, and the sums, of all of them.
    pub times: usize,
    /// The tape of one block.
    pub tape_bytes: usize,
}

impl NetworkWork {
    /// All of it.
    pub fn total(&self) -> Work {
        [&self.once, &self.blocks, &self.groups].into_iter().cloned().sum()
    }
}

impl Network {
    /// The work of the loss of so many samples, and of its gradient if wanted; none if the field is one that does not
    /// tell its own.
    pub fn work(&self, samples: usize, gradient: bool) -> Option<NetworkWork> {
        let count = Engine::new(self).blocks(samples, gradient);
        // Some blocks have a sample more than the others.
        let (block, more) = (samples / count, samples % count);
        let mut blocks = self.block_work(block, gradient)? * (count - more);
        if more > 0 {
            blocks += self.block_work(block + 1, gradient)? * more;
        }
        let ends = || self.ends();
        let mut once = self.flow.prepare_work()?;
        once += ends().map(|kernel| kernel.work(Call::Prepare)).sum();
        let mut groups = Work::default();
        if gradient {
            let (of, n) = (count.min(GROUPS), self.n_parameters());
            groups += self.flow.gather_work()?;
            groups += ends().map(|kernel| kernel.work(Call::Gather)).sum();
            groups += Work::moved(n, 0);
            groups = groups * of;
            once += Work::moved(n * (1 + of), 1);
        }
        let tape_bytes = self.flow.tape_rows() * samples.div_ceil(count) * size_of::<f64>();
        let times = self.flow.times.distinct.len();
        Some(NetworkWork { once, blocks, groups, count, times, tape_bytes })
    }

    /// Opening and head, where they are formulas.
    fn ends(&self) -> impl Iterator<Item = &crate::expr::Kernel> {
        let opening = match &self.opening {
            Start::Dense(kernel) => Some(&**kernel),
            Start::Pad => None,
        };
        opening.into_iter().chain(self.head.as_deref())
    }

    fn block_work(&self, batch: usize, gradient: bool) -> Option<Work> {
        let mut work = self.flow.work(batch, gradient)?;
        for kernel in self.ends() {
            work += kernel.work(Call::Value { batch, then: None });
            if gradient {
                work += kernel.work(Call::Pull { batch, terms: 1 });
                work += kernel.work(Call::Held { columns: batch });
            }
        }
        // Samples are copied into their block; outputs are read for the loss, and its slopes written.
        let outputs = self.outputs * batch;
        work += Work::moved(2 * self.features * batch + 3 * outputs, 2);
        if self.loss != Loss::Squares {
            work += Work::function("exp", outputs);
        }
        Some(work)
    }
}
