//! The memory of a call, by place: what a body reads and writes while it runs.

use faer::MatRef;

use super::body::{Arg, Place};
use super::vector::{Combination, combine};

/// Evaluations at one time, next to each other in memory: what they add to sums over samples is added by one
/// product for all of them.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    /// How many.
    pub of: usize,
    /// Which of them this is, from 0.
    pub at: usize,
    /// Whether the sums hold nothing yet, so that they are set and not added to.
    pub fresh: bool,
}

impl Default for Series {
    fn default() -> Series {
        Series { of: 1, at: 0, fresh: false }
    }
}

/// What goes on from the value k: next = own k + sum.
pub struct Then<'a> {
    /// The result.
    pub next: &'a mut [f64],
    /// The factor of the value.
    pub own: f64,
    /// The other terms.
    pub sum: Combination<'a>,
}

impl Then<'_> {
    /// next = own k + sum.
    pub fn apply(self, k: &[f64]) {
        let n = self.next.len();
        let own = Some((self.own, k)).filter(|own| own.0 != 0.0);
        combine(self.next, 0.0, self.sum.terms(0, n).chain(own));
    }
}

/// The blocks of a call, each `rows * batch` long, a sample a column.
#[derive(Default)]
pub struct Memory<'a> {
    pub state: &'a [f64],
    /// Tangent or cotangent.
    pub seed: Combination<'a>,
    /// The formula's value, where the adjoint reads it.
    pub value: &'a [f64],
    /// What the forward pass left, where the adjoint reads it.
    pub kept: &'a [f64],
    pub out: &'a mut [f64],
    /// Where the forward pass leaves what the adjoint will read.
    pub keep: &'a mut [f64],
    /// What goes on from the value, in a forward pass.
    pub then: Option<Then<'a>>,
    /// Where the adjoint holds back what `sum_held` reads: for all evaluations of the series.
    pub held: &'a mut [f64],
    /// Sums over samples, added to.
    pub sums: &'a mut [f64],
    pub series: Series,
}

/// The memory of a call, by place.
#[derive(Default)]
pub(super) struct Blocks<'a> {
    pub state: &'a [f64],
    pub seed: &'a [f64],
    pub value: &'a [f64],
    pub kept: &'a [f64],
    pub prepared: &'a [f64],
    pub out: &'a mut [f64],
    pub keep: &'a mut [f64],
    pub held: &'a mut [f64],
    pub next: &'a mut [f64],
    pub scratch: &'a mut [f64],
    pub temps: &'a mut [f64],
    /// What the cotangent, or what goes on from the value, is made of.
    pub combination: Combination<'a>,
    /// The factor of the value in what goes on from it.
    pub own: f64,
    /// Whether this is a pass that writes the kept rows.
    pub keeps: bool,
    pub batch: usize,
    pub series: Series,
    /// Numbers from one temporary tile to the next.
    pub tile: usize,
}

/// A run of memory: which buffer, from where, how far apart columns are.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub buffer: Region,
    pub start: usize,
    pub stride: usize,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Region {
    State,
    Seed,
    Value,
    Kept,
    Prepared,
    Out,
    Keep,
    Held,
    Next,
    Scratch,
    Temps,
}

impl Blocks<'_> {
    /// Where rows of a place stand from a sample on.
    #[inline(always)]
    pub fn run(&self, place: Place, rows: usize, sample: usize) -> Run {
        let (buffer, row, total) = match place {
            Place::Temp(i) => {
                return Run { buffer: Region::Temps, start: i * self.tile, stride: rows };
            }
            Place::Scratch(row) => {
                let start = row * self.batch + rows * sample;
                return Run { buffer: Region::Scratch, start, stride: rows };
            }
            Place::Kept(row) => {
                // In a forward pass it is written and may be read again; in the adjoint it is only read.
                let buffer = if self.keeps { Region::Keep } else { Region::Kept };
                let start = row * self.batch + rows * sample;
                return Run { buffer, start, stride: rows };
            }
            Place::State { row, total } => (Region::State, row, total),
            Place::Seed { row, total } => (Region::Seed, row, total),
            Place::Value { row, total } => (Region::Value, row, total),
            Place::Out { row, total } => (Region::Out, row, total),
            Place::Next => (Region::Next, 0, rows),
            Place::Held { start, row, total } => {
                let Series { of, at, .. } = self.series;
                let start = (start * of + total * at) * self.batch + row + total * sample;
                return Run { buffer: Region::Held, start, stride: total };
            }
        };
        Run { buffer, start: row + total * sample, stride: total }
    }

    #[inline(always)]
    pub fn whole(&self, buffer: Region) -> &[f64] {
        match buffer {
            Region::State => self.state,
            Region::Seed => self.seed,
            Region::Value => self.value,
            Region::Kept => self.kept,
            Region::Prepared => self.prepared,
            Region::Out => self.out,
            Region::Keep => self.keep,
            Region::Held => self.held,
            Region::Next => self.next,
            Region::Scratch => self.scratch,
            Region::Temps => self.temps,
        }
    }

    pub fn matrix(&self, run: Run, rows: usize, columns: usize) -> MatRef<'_, f64> {
        let slice = &self.whole(run.buffer)[run.start..];
        let length = run.stride * (columns - 1) + rows;
        MatRef::from_column_major_slice_with_stride(&slice[..length], rows, columns, run.stride)
    }
}

impl<'a> Blocks<'a> {
    /// Takes the buffer that is written out of the whole, so that the others can be read meanwhile.
    #[inline(always)]
    pub fn take(&mut self, buffer: Region) -> &'a mut [f64] {
        match buffer {
            Region::Out => std::mem::take(&mut self.out),
            Region::Keep => std::mem::take(&mut self.keep),
            Region::Held => std::mem::take(&mut self.held),
            Region::Next => std::mem::take(&mut self.next),
            Region::Scratch => std::mem::take(&mut self.scratch),
            Region::Temps => std::mem::take(&mut self.temps),
            _ => &mut [],
        }
    }

    #[inline(always)]
    pub fn put(&mut self, buffer: Region, slice: &'a mut [f64]) {
        match buffer {
            Region::Out => self.out = slice,
            Region::Keep => self.keep = slice,
            Region::Held => self.held = slice,
            Region::Next => self.next = slice,
            Region::Scratch => self.scratch = slice,
            Region::Temps => self.temps = slice,
            _ => {}
        }
    }
}

/// Reads arguments while the destination's buffer is taken out.
pub(super) struct Reader<'r, 'b> {
    pub blocks: &'r Blocks<'b>,
    pub sample: usize,
    pub to: Run,
    pub before: &'r [f64],
    pub after: &'r [f64],
    pub length: usize,
}

impl Reader<'_, '_> {
    /// `length` numbers of an argument; `None` where they are the destination itself.
    #[inline(always)]
    pub fn get(&self, arg: Arg, rows: usize, length: usize) -> Option<&[f64]> {
        let run = match arg {
            Arg::Repeated(start) => return Some(&self.blocks.prepared[start..start + length]),
            Arg::At(place) => self.blocks.run(place, rows, self.sample),
        };
        if run.buffer != self.to.buffer {
            Some(&self.blocks.whole(run.buffer)[run.start..run.start + length])
        } else if run.start == self.to.start {
            None
        } else if run.start < self.to.start {
            Some(&self.before[run.start..run.start + length])
        } else {
            let at = run.start - (self.to.start + self.length);
            Some(&self.after[at..at + length])
        }
    }
}
