//! The work of a flow, summed over its steps and stages.

use super::flow::{Flow, Keeps};
use super::step;
use crate::expr::work::combination;
use crate::field::{Call, Work};

impl Flow {
    /// The work of a block on its way forward, and back for a gradient; none for a field that does not tell its own.
    pub fn work(&self, batch: usize, gradient: bool) -> Option<Work> {
        let (stages, block) = (self.stages(), self.width() * batch);
        let terms = |row: &[f64]| 1 + row.iter().filter(|a| **a != 0.0).count();
        let mut work = Work::default();
        for stage in 0..stages {
            let then = Some(terms(&step::row(&self.tableau, stage + 1)[..stage]));
            work += self.field.work(Call::Value { batch, then })? * self.steps();
        }
        if !gradient {
            return Some(work);
        }
        for stage in 0..stages {
            let (b, column) = step::column(&self.tableau, stage);
            let later = column.filter(|(_, a)| *a != 0.0).count();
            let terms = usize::from(b != 0.0) + later;
            work += self.field.work(Call::Pull { batch, terms })? * self.steps();
        }
        work += combination(block, stages + 1) * self.steps();
        for series in &self.series {
            work += self.field.work(Call::Held { columns: batch * series.len() })?;
        }
        if self.keeps != Keeps::All {
            for stage in 0..stages {
                let row = &step::row(&self.tableau, stage)[..stage];
                work += combination(block, terms(row)) * self.steps();
            }
        }
        Some(work)
    }

    /// The work of [`Flow::prepare`].
    pub fn prepare_work(&self) -> Option<Work> {
        let each = self.field.work(Call::Prepare)?;
        let n = self.field.n_weights();
        let times = self.times.distinct.iter();
        let mut work: Work = times.map(|time| Work::moved(n * (1 + time.row.len()), 1)).sum();
        work += each * self.times.distinct.len();
        Some(work)
    }

    /// The work of [`Flow::gather`].
    pub fn gather_work(&self) -> Option<Work> {
        let n = self.field.n_weights();
        let times = &self.times.distinct;
        let read: usize = times.iter().map(|time| time.row.len()).sum();
        let coefficients = self.controls.coefficients();
        if self.field.sums_are_gradient() {
            return Some(Work::moved(n * (read + coefficients), coefficients));
        }
        let mut work = Work::moved(n * (times.len() + 3 * read + coefficients), read);
        work += self.field.work(Call::Gather)? * times.len();
        Some(work)
    }
}
