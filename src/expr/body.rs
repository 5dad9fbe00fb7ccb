//! What is executed on a block of samples: steps, and the places they read and write.

use std::collections::HashSet;

use super::graph::{Binary, Function};

/// Where the rows of a block of samples stand. Offsets are rows; `total` rows make a column there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// A tile of the loop's own.
    Temp(usize),
    Scratch(usize),
    /// What the forward pass leaves for the adjoint.
    Kept(usize),
    State {
        row: usize,
        total: usize,
    },
    /// The tangent or cotangent that comes in.
    Seed {
        row: usize,
        total: usize,
    },
    /// The formula's value, given back to the adjoint.
    Value {
        row: usize,
        total: usize,
    },
    Out {
        row: usize,
        total: usize,
    },
    /// What the products behind the sums over samples read: it stands there for every evaluation of a series
    /// side by side, from `start` rows on.
    Held {
        start: usize,
        row: usize,
        total: usize,
    },
    /// The sum that the solver wants of the value.
    Next,
}

impl Place {
    /// Whether `rows` rows there are one run of memory for all samples.
    pub fn contiguous(self, rows: usize) -> bool {
        match self {
            Place::Temp(_) | Place::Scratch(_) | Place::Kept(_) | Place::Next => true,
            Place::State { total, .. }
            | Place::Seed { total, .. }
            | Place::Value { total, .. }
            | Place::Held { total, .. }
            | Place::Out { total, .. } => total == rows,
        }
    }
}

/// An argument of a tile operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Arg {
    At(Place),
    /// A vector or number of the weights, repeated over a tile at this place of the prepared numbers.
    Repeated(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tile {
    /// The cotangent that comes in as a combination.
    Cotangent,
    /// A combination that goes on from the value.
    Then(Arg),
    /// constant + sum c_k x_k
    Sum {
        constant: f64,
        terms: Vec<(f64, Arg)>,
    },
    Map(Function, Arg),
    /// f(a + b)
    MapSum(Function, Arg, Arg),
    Power(Arg, f64),
    Binary(Binary, Arg, Arg),
    /// f(a + b), and a combination that goes on from it
    MapSumThen(Function, Arg, Arg),
    /// u (1 - a^2): back through tanh
    Bell(Arg, Arg),
    /// The same with the combination that comes in for u, and the result accumulated as well.
    BellOf(Arg, usize),
    /// One row repeated over the destination's rows.
    Spread(Arg),
    /// The sum over `from` rows, in one row.
    RowSum {
        from: usize,
        of: Arg,
    },
    /// Adds to the sum over samples with this number; `fold` rows remain.
    Accumulate(usize, Arg),
    /// To and from places where rows are not one run of memory.
    Gather(Place),
    Scatter(Place, Arg),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct TileStep {
    pub to: Place,
    pub rows: usize,
    pub tile: Tile,
}

/// A sum over samples that grows during a loop, folded into the sums at its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fold {
    pub rows: usize,
    pub into: usize,
    pub into_rows: usize,
    /// Whether it is the first to write there.
    pub opens: bool,
}

/// sums\[into\] += u v', summed over samples
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outer {
    pub into: usize,
    pub left: Place,
    pub rows: usize,
    pub right: Place,
    pub cols: usize,
    /// Whether it is the first to write there.
    pub opens: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Product {
        to: Place,
        rows: usize,
        left: usize,
        left_rows: usize,
        left_cols: usize,
        left_t: bool,
        right: Place,
        right_rows: usize,
    },
    Outer(Outer),
    Loop {
        tiles: Vec<TileStep>,
        folds: Vec<Fold>,
        temps: usize,
    },
}

/// How a body takes the cotangent, which may come as a combination.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Seeding {
    /// As one block: what is a combination is formed first.
    #[default]
    Block,
    /// Formed first, and held for a product over all evaluations of a series.
    Held,
    /// Formed tile by tile, where it is read.
    Tile,
}

/// What is executed on a block.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub steps: Vec<Step>,
    pub seeding: Seeding,
    /// Products over all evaluations of a series at once.
    pub outers: Vec<Outer>,
    /// Rows of scratch memory.
    pub scratch: usize,
    /// Rows that are held until the outer products.
    pub held: usize,
    /// Whether a loop goes on from the value; otherwise that is done when the body has ended.
    pub then: bool,
}

/// Joins operations of a loop that read what the one before them left, so that it does not leave the registers:
/// tanh and its like at the end of a field with the sum that follows, the cotangent with its way back through tanh.
pub(super) fn fused(tiles: Vec<TileStep>) -> Vec<TileStep> {
    let mut fused: Vec<TileStep> = Vec::new();
    let readers = |place: Place| {
        let reads = |tile: &&TileStep| tile.tile.args().contains(&Arg::At(place));
        tiles.iter().filter(reads).count()
    };
    for step in &tiles {
        let joined = match (fused.as_slice(), &step.tile) {
            ([.., TileStep { to, tile: Tile::MapSum(f, a, b), .. }], Tile::Then(value))
                if *value == Arg::At(*to) =>
            {
                Some((1, *to, Tile::MapSumThen(*f, *a, *b)))
            }
            (
                [
                    ..,
                    TileStep { to: seed, tile: Tile::Cotangent, .. },
                    TileStep { to, tile: Tile::Bell(u, a), .. },
                ],
                Tile::Accumulate(fold, of),
            ) if *u == Arg::At(*seed)
                && *of == Arg::At(*to)
                && ![*u, *of].contains(a)
                && matches!(seed, Place::Temp(_))
                && readers(*seed) == 1 =>
            {
                Some((2, *to, Tile::BellOf(*a, *fold)))
            }
            _ => None,
        };
        match joined {
            Some((of, to, tile)) => {
                fused.truncate(fused.len() - of);
                fused.push(TileStep { to, rows: step.rows, tile });
            }
            None => fused.push(step.clone()),
        }
    }
    fused
}

impl Tile {
    /// What the operation reads as tiles of the size of its result, or of one row.
    fn args(&self) -> Vec<Arg> {
        match self {
            Tile::Cotangent | Tile::Gather(_) => Vec::new(),
            Tile::Sum { terms, .. } => terms.iter().map(|term| term.1).collect(),
            &(Tile::Then(a)
            | Tile::Map(_, a)
            | Tile::Power(a, _)
            | Tile::BellOf(a, _)
            | Tile::Spread(a)
            | Tile::RowSum { of: a, .. }
            | Tile::Accumulate(_, a)
            | Tile::Scatter(_, a)) => vec![a],
            &(Tile::MapSum(_, a, b)
            | Tile::MapSumThen(_, a, b)
            | Tile::Binary(_, a, b)
            | Tile::Bell(a, b)) => vec![a, b],
        }
    }
}

impl Body {
    /// Marks, in the order of execution, who writes first to each place of the sums.
    pub fn mark_first_writers(&mut self) {
        let mut seen = HashSet::new();
        for step in &mut self.steps {
            match step {
                Step::Outer(outer) => outer.opens = seen.insert(outer.into),
                Step::Loop { folds, .. } => {
                    folds.iter_mut().for_each(|fold| fold.opens = seen.insert(fold.into));
                }
                Step::Product { .. } => {}
            }
        }
        self.outers.iter_mut().for_each(|outer| outer.opens = seen.insert(outer.into));
    }
}
