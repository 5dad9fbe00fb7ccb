//! The symbolic core: a formula is parsed, its shapes are inferred, it is derived, and made into a plan that
//! is executed on blocks of samples.
//!
//! ```text
//! text -> syntax tree -> graph (shapes, shared subexpressions) -> derivatives in the same graph -> plan -> numbers
//! ```

mod blocks;
mod body;
mod derive;
mod error;
mod exec;
mod functions;
mod graph;
mod kernel;
mod lower;
mod place;
mod plan;
mod print;
#[cfg(test)]
mod print_tests;
mod printer;
mod reverse;
mod syntax;
pub mod vector;
mod weights;
pub mod work;
mod written;

#[cfg(test)]
mod tests;

pub use blocks::{Memory, Series, Then};
pub use error::ExprError;
pub use exec::Workspace;
pub use graph::Function;
pub use kernel::Kernel;
pub use lower::function_names;
pub use print::Shown;
pub use vector::Combination;
pub use work::{Call, Product, ProductKind, Work};

/// A block of rows of the state (or of an input or output) with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// As it stands in formulas.
    pub name: String,
    /// Its rows, for each sample.
    pub rows: usize,
}

/// A weight of a formula: a number (1 x 1), vector (rows x 1) or matrix, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// As it stands in formulas.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// Columns; 1 for a vector.
    pub cols: usize,
}

impl Weight {
    /// Its numbers, rows times columns.
    pub fn len(&self) -> usize {
        self.rows * self.cols
    }

    /// Whether it has no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The names that a formula may use, with their shapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declarations {
    /// The blocks of the state, stacked in this order.
    pub state: Vec<Block>,
    /// The weights, whose numbers stand in this order.
    pub weights: Vec<Weight>,
    /// Named numbers that are not trained.
    pub constants: Vec<(String, f64)>,
}

impl Declarations {
    /// Every declared name.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        let state = self.state.iter().map(|b| b.name.clone());
        let weights = self.weights.iter().map(|w| w.name.clone());
        state.chain(weights).chain(self.constants.iter().map(|c| c.0.clone()))
    }

    /// Numbers of all weights together.
    pub fn n_weights(&self) -> usize {
        self.weights.iter().map(Weight::len).sum()
    }

    /// Rows of all blocks of the state together.
    pub fn rows(&self) -> usize {
        self.state.iter().map(|b| b.rows).sum()
    }
}

/// A formula in full: what it may use, and a right-hand side for each block of its output.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    /// What it may use.
    pub declared: Declarations,
    /// Output blocks, each with its text.
    pub outputs: Vec<(Block, String)>,
}
