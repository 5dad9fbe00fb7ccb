//! Where each named tensor stands in the vector of trained numbers.
//!
//! In the vector a matrix stands column by column, and the field's weights coefficient by coefficient; in
//! files tensors are row-major, `field.K` of shape [coefficients, rows, columns].

use crate::expr::Weight;

/// A named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    /// Where its first copy begins.
    pub start: usize,
    /// Coefficients of a weight in time; 1 for opening and head.
    pub copies: usize,
    /// From one copy to the next.
    pub stride: usize,
    pub rows: usize,
    pub cols: usize,
    /// Whether it belongs to the field.
    pub field: bool,
    /// Whether it is a vector or number rather than a matrix, which may have one column too.
    pub(super) vector: bool,
}

impl Entry {
    /// The tensor's shape in files.
    pub fn shape(&self) -> Vec<usize> {
        let copies = self.field.then_some(self.copies);
        let cols = (!self.vector).then_some(self.cols);
        copies.into_iter().chain([self.rows]).chain(cols).collect()
    }

    /// Whether it is a vector or a number, as biases are, rather than a matrix.
    pub fn is_vector(&self) -> bool {
        self.vector
    }

    /// For each element in row-major order its place in the vector.
    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.copies).flat_map(move |copy| {
            (0..self.rows).flat_map(move |i| {
                (0..self.cols).map(move |j| self.start + copy * self.stride + i + j * self.rows)
            })
        })
    }
}

/// All named tensors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    entries: Vec<Entry>,
    length: usize,
}

impl Layout {
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Length of the vector.
    pub fn length(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, name: &str, copies: usize, weight: &Weight, field: bool) {
        let Weight { rows, cols, .. } = *weight;
        let vector = cols == 1 && name != "opening.weight" && name != "head.weight";
        let entry = Entry {
            name: name.into(),
            start: self.length,
            copies,
            stride: rows * cols,
            rows,
            cols,
            field,
            vector,
        };
        self.entries.push(entry);
        self.length += copies * rows * cols;
    }

    /// The field's weights, which alternate: all of them for the first coefficient, then for the next.
    pub(super) fn push_field(&mut self, weights: &[Weight], coefficients: usize) {
        let stride: usize = weights.iter().map(Weight::len).sum();
        let first = self.length;
        let mut start = first;
        for weight in weights {
            self.push(&format!("field.{}", weight.name), coefficients, weight, true);
            if let Some(entry) = self.entries.last_mut() {
                (entry.start, entry.stride) = (start, stride);
            }
            start += weight.len();
        }
        self.length = first + coefficients * stride;
    }

    /// The tensors of a vector: name, shape, values in row-major order.
    pub fn to_tensors(&self, theta: &[f64]) -> Vec<(String, Vec<usize>, Vec<f64>)> {
        let tensor = |e: &Entry| {
            (e.name.clone(), e.shape(), e.places().map(|at| theta[at]).collect::<Vec<f64>>())
        };
        self.entries.iter().map(tensor).collect()
    }

    /// The vector of tensors given in the layout's own order, row-major.
    pub fn from_values<'a>(&self, values: impl Iterator<Item = &'a [f64]>) -> Vec<f64> {
        let mut theta = vec![0.0; self.length];
        for (entry, values) in self.entries.iter().zip(values) {
            entry.places().zip(values).for_each(|(at, &x)| theta[at] = x);
        }
        theta
    }

    /// A vector of twice the length; nobody asks for the names in it.
    pub(super) fn doubled(&self) -> Layout {
        Layout { entries: Vec::new(), length: 2 * self.length }
    }

    /// Names and shapes, as a file must have them.
    pub fn expected(&self) -> Vec<(String, Vec<usize>)> {
        self.entries.iter().map(|e| (e.name.clone(), e.shape())).collect()
    }

    /// The name of the tensor that holds an element of the vector, with its row and column.
    pub fn locate(&self, at: usize) -> Option<String> {
        self.entries.iter().find_map(|e| {
            let inside = at.checked_sub(e.start)?;
            let (copy, within) = (inside / e.stride.max(1), inside % e.stride.max(1));
            let hit = copy < e.copies && within < e.rows * e.cols;
            let (i, j) = (within % e.rows, within / e.rows);
            hit.then(|| format!("{} (coefficient {copy}, row {i}, column {j})", e.name))
        })
    }
}
