//! How much work a plan is: counted from its steps, not measured.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::{AddAssign, Mul};

use super::body::{Body, Outer, Step, Tile, TileStep};
use super::graph::{Binary, Function};
use super::vector::TERMS;

/// What a call does, in the four kinds of work whose times differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How many products there are of each kind and size.
    pub products: BTreeMap<Product, usize>,
    /// Evaluations of tanh and its like, by their names in formulas; powers are `^`. What is one comparison
    /// (relu and its derivative) is not counted here.
    pub functions: BTreeMap<&'static str, usize>,
    /// Numbers that elementwise loops read and write.
    pub numbers: usize,
    /// Products and loops.
    pub calls: usize,
}

/// A product of a rows x inner matrix with an inner x columns matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Product {
    /// What is multiplied.
    pub kind: ProductKind,
    /// Rows of the result.
    pub rows: usize,
    /// Columns of the left factor.
    pub inner: usize,
    /// Columns of the result.
    pub columns: usize,
}

/// What a product multiplies; matrices stand by columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProductKind {
    /// A matrix and a block of samples.
    Plain,
    /// A transposed matrix and a block of samples.
    Transposed,
    /// Two blocks, summed over their samples and added to what is there.
    Outer,
}

impl Product {
    /// Floating-point operations, 2 m n k.
    pub fn flop(&self) -> usize {
        2 * self.rows * self.inner * self.columns
    }
}

/// A call of a kernel whose work is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The value for a block of samples, and next = own k + so many other terms where there is a next.
    Value {
        /// Samples.
        batch: usize,
        /// Terms beside the value.
        then: Option<usize>,
    },
    /// The adjoint of a block, whose cotangent is a combination of so many terms.
    Pull {
        /// Samples.
        batch: usize,
        /// Terms of the cotangent.
        terms: usize,
    },
    /// What the adjoint held back, for so many columns: the samples of all evaluations of a series.
    Held {
        /// Samples times evaluations.
        columns: usize,
    },
    /// What is done once for each time.
    Prepare,
    /// From sums over samples to the gradient of the weights at one time.
    Gather,
}

impl Work {
    /// Calls of loops that read and write so many numbers.
    pub fn moved(numbers: usize, calls: usize) -> Work {
        Work { numbers, calls, ..Work::default() }
    }

    /// One product.
    pub fn product(product: Product) -> Work {
        Work { products: BTreeMap::from([(product, 1)]), calls: 1, ..Work::default() }
    }

    /// So many evaluations of a function.
    pub fn function(name: &'static str, evaluations: usize) -> Work {
        Work { functions: BTreeMap::from([(name, evaluations)]), ..Work::default() }
    }

    /// Floating-point operations of all products.
    pub fn flop(&self) -> usize {
        self.products.iter().map(|(product, count)| count * product.flop()).sum()
    }

    /// Evaluations of all functions.
    pub fn evaluations(&self) -> usize {
        self.functions.values().sum()
    }

    pub(super) fn map(f: Function, evaluations: usize) -> Work {
        match f {
            Function::Relu | Function::Step => Work::default(),
            _ => Work::function(f.name(), evaluations),
        }
    }

    pub(super) fn binary(op: Binary, evaluations: usize) -> Work {
        match op {
            Binary::Pow => Work::function("^", evaluations),
            _ => Work::default(),
        }
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Work) {
        for (product, count) in other.products {
            *self.products.entry(product).or_default() += count;
        }
        for (name, evaluations) in other.functions {
            *self.functions.entry(name).or_default() += evaluations;
        }
        self.numbers += other.numbers;
        self.calls += other.calls;
    }
}

impl Mul<usize> for Work {
    type Output = Work;

    fn mul(mut self, times: usize) -> Work {
        self.products.values_mut().for_each(|count| *count *= times);
        self.functions.values_mut().for_each(|evaluations| *evaluations *= times);
        Work { numbers: times * self.numbers, calls: times * self.calls, ..self }
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Work>>(all: I) -> Work {
        all.fold(Work::default(), |mut sum, work| {
            sum += work;
            sum
        })
    }
}

/// Reads of a sum of so many terms, and what passes beyond the first read and write again.
fn terms_read(terms: usize) -> usize {
    terms + 2 * (terms.saturating_sub(1) / TERMS)
}

/// A sum of so many terms into blocks of so many numbers.
pub fn combination(numbers: usize, terms: usize) -> Work {
    Work::moved(numbers * (terms_read(terms) + 1), 1)
}

impl Body {
    /// The work of a block; `terms` are those of the combination that comes in, if any.
    pub fn work(&self, batch: usize, columns: usize, terms: Option<usize>) -> Work {
        self.steps.iter().map(|step| step.work(batch, columns, terms)).sum()
    }

    /// The work of the products over all evaluations of a series.
    pub fn held_work(&self, columns: usize) -> Work {
        self.outers.iter().map(|outer| outer.work(columns)).sum()
    }
}

impl Outer {
    fn work(&self, columns: usize) -> Work {
        Work::product(Product {
            kind: ProductKind::Outer,
            rows: self.rows,
            inner: columns,
            columns: self.cols,
        })
    }
}

impl Step {
    fn work(&self, batch: usize, columns: usize, terms: Option<usize>) -> Work {
        match self {
            &Step::Product { rows, right_rows, left_t, .. } => Work::product(Product {
                kind: if left_t { ProductKind::Transposed } else { ProductKind::Plain },
                rows,
                inner: right_rows,
                columns: batch,
            }),
            Step::Outer(outer) => outer.work(batch),
            Step::Loop { tiles, folds, .. } => {
                let mut work: Work = tiles.iter().map(|tile| tile.work(batch, terms)).sum();
                let fold: usize =
                    folds.iter().map(|fold| fold.rows * columns + fold.into_rows).sum();
                work += Work::moved(2 * fold, 1);
                work
            }
        }
    }
}

impl TileStep {
    fn work(&self, batch: usize, terms: Option<usize>) -> Work {
        let own = self.rows * batch;
        let combined = terms.map(terms_read);
        let (mut work, numbers) = match &self.tile {
            Tile::Cotangent => (Work::default(), own * (1 + combined.unwrap_or(0))),
            Tile::Then(_) => (Work::default(), terms.map_or(0, |n| own * (1 + terms_read(n + 1)))),
            Tile::Sum { terms, .. } => (Work::default(), own * (1 + terms_read(terms.len()))),
            Tile::Map(f, _) => (Work::map(*f, own), 2 * own),
            Tile::MapSum(f, ..) => (Work::map(*f, own), 3 * own),
            // The value is at hand.
            Tile::MapSumThen(f, ..) => {
                (Work::map(*f, own), own * (3 + combined.map_or(0, |reads| reads + 1)))
            }
            Tile::Power(..) => (Work::function("^", own), 2 * own),
            Tile::Binary(op, ..) => (Work::binary(*op, own), 3 * own),
            Tile::Bell(..) | Tile::Accumulate(..) => (Work::default(), 3 * own),
            Tile::BellOf(..) => (Work::default(), own * (4 + combined.unwrap_or(0))),
            Tile::Spread(_) => (Work::default(), own + batch),
            Tile::RowSum { from, .. } => (Work::default(), own * (from + 1)),
            Tile::Gather(_) | Tile::Scatter(..) => (Work::default(), 2 * own),
        };
        work.numbers = numbers;
        work
    }
}
