//! A field given by its formula.

use std::sync::Arc;

use indexmap::IndexMap;

use super::columns;
use super::{
    At, Call, FieldFile, Function, Pass, Pull, Size, Then, VectorField, Weight, WeightShape, Work,
    Workspace, pull_by_vjp,
};
use crate::expr::abreast::{LANES, WIDE};
use crate::expr::{Block, Declarations, ExprError, Formula, Kernel, Memory};
use crate::nearest::known;

/// Largest number of rows or columns.
const LARGEST: usize = 100_000;
/// Most weights that a field may have at one time.
const MOST_WEIGHTS: usize = 1 << 28;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages show
pub enum FieldError {
    #[error("unknown field `{name}`{}; or write a Formula(..)", known(name, names))]
    UnknownName { name: String, names: Vec<&'static str> },
    #[error("size of `{name}`: {message}")]
    Size { name: String, message: String },
    #[error("the blocks of the state have {rows} rows together, but the network is {width} wide")]
    Width { rows: usize, width: usize },
    #[error("the field has no state; `state` names its blocks, e.g. {{\"y\": \"n\"}}")]
    NoState,
    #[error("`{name}` stands in `rhs` but not in `state`{}", known(name, blocks))]
    UnknownBlock { name: String, blocks: Vec<String> },
    #[error("`rhs` has no entry for the block `{name}` of the state")]
    MissingBlock { name: String },
    #[error("`{name}` cannot be a name: {reason}")]
    Name { name: String, reason: &'static str },
    #[error("there is no constant `{name}` in this field{}", known(name, constants))]
    UnknownConstant { name: String, constants: Vec<String> },
    #[error("constant `{name}` is {value}; constants are finite numbers")]
    Constant { name: String, value: f64 },
    #[error("in the right-hand side of `{block}`: {error}")]
    Formula { block: String, error: ExprError },
    #[error("the field has {weights} weights at one time; the limit is {MOST_WEIGHTS}")]
    TooLarge { weights: u128 },
}

/// f(t, y; w) by its formula, with exact derivatives.
#[derive(Clone, Debug)]
pub struct SymbolicField {
    kernel: Kernel,
}

impl SymbolicField {
    /// The field of a file in a network of this width, with some constants replaced.
    ///
    /// # Errors
    /// [`FieldError`]: sizes that are none, names that clash, formulas that are wrong.
    pub fn new(
        file: &FieldFile,
        width: usize,
        constants: &IndexMap<String, f64>,
    ) -> Result<SymbolicField, FieldError> {
        let formula = resolve(file, width, constants)?;
        let blocks: Vec<String> = formula.outputs.iter().map(|o| o.0.name.clone()).collect();
        let declared = &formula.declared;
        let blocks_of = declared.state.iter().map(|block| block.rows);
        let sizes = blocks_of.chain(declared.weights.iter().flat_map(|w| [w.rows, w.cols]));
        let lanes = if sizes.max().is_some_and(|rows| rows < WIDE) { LANES } else { 1 };
        let kernel = Kernel::abreast(formula, true, lanes)
            .map_err(|(i, error)| FieldError::Formula { block: blocks[i].clone(), error })?;
        Ok(SymbolicField { kernel })
    }

    /// What executes the formula.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }
}

impl VectorField for SymbolicField {
    fn width(&self) -> usize {
        self.kernel.in_rows()
    }

    fn weights(&self) -> Vec<Weight> {
        self.kernel.formula().declared.weights.clone()
    }

    fn n_weights(&self) -> usize {
        self.kernel.n_weights()
    }

    fn lanes(&self) -> usize {
        self.kernel.lanes()
    }

    fn n_kept(&self) -> usize {
        self.kernel.n_kept()
    }

    fn n_prepared(&self) -> usize {
        self.kernel.n_prepared()
    }

    fn n_sums(&self) -> usize {
        self.kernel.n_sums()
    }

    fn sums_are_gradient(&self) -> bool {
        self.kernel.sums_are_gradient()
    }

    fn prepare(&self, t: f64, prepared: &mut [f64]) {
        self.kernel.prepare(t, prepared);
    }

    fn eval(&self, at: At<'_>, y: &[f64], k: &mut [f64], keep: &mut [f64], ws: &mut Workspace) {
        if self.kernel.lanes() != at.lanes {
            return columns::value(&self.kernel, at, y, k, ws);
        }
        let memory = Memory { state: y, out: k, keep, ..Memory::default() };
        self.kernel.value(at.prepared, at.batch, memory, ws);
    }

    fn jvp(&self, at: At<'_>, y: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        if self.kernel.lanes() != at.lanes {
            return columns::tangent(&self.kernel, at, [y, v], out, ws);
        }
        let memory = Memory { state: y, seed: v.into(), out, ..Memory::default() };
        self.kernel.tangent(at.prepared, at.batch, memory, ws);
    }

    fn vjp(
        &self,
        at: At<'_>,
        pass: Pass<'_>,
        gy: &mut [f64],
        sums: &mut [f64],
        ws: &mut Workspace,
    ) {
        let Pass { y, k, kept, u } = pass;
        if self.kernel.lanes() != at.lanes {
            return columns::adjoint(&self.kernel, at, [y, u], gy, sums, ws);
        }
        let seed = u.into();
        let memory = Memory { state: y, seed, value: k, kept, out: gy, sums, ..Memory::default() };
        self.kernel.adjoint(at.prepared, at.batch, memory, ws);
    }

    fn eval_then(
        &self,
        at: At<'_>,
        y: &[f64],
        k: &mut [f64],
        keep: &mut [f64],
        then: Then<'_>,
        ws: &mut Workspace,
    ) {
        if self.kernel.lanes() != at.lanes {
            self.eval(at, y, k, keep, ws);
            return then.apply(k);
        }
        let memory = Memory { state: y, out: k, keep, then: Some(then), ..Memory::default() };
        self.kernel.value(at.prepared, at.batch, memory, ws);
    }

    fn is_autonomous(&self) -> bool {
        !self.kernel.depends_on_time()
    }

    fn n_held(&self) -> usize {
        self.kernel.n_held()
    }

    fn pull(
        &self,
        at: At<'_>,
        pass: Pull<'_>,
        gy: &mut [f64],
        sums: &mut [f64],
        ws: &mut Workspace,
    ) {
        if self.kernel.lanes() != at.lanes {
            return pull_by_vjp(self, at, pass, gy, sums, ws);
        }
        let Pull { y, k, kept, u, held, series } = pass;
        let memory = Memory {
            state: y,
            seed: u,
            value: k,
            kept,
            out: gy,
            held,
            sums,
            series,
            ..Memory::default()
        };
        self.kernel.pull(at.prepared, at.batch, memory, ws);
    }

    fn sum_held(&self, at: At<'_>, pass: Pull<'_>, sums: &mut [f64]) {
        if self.kernel.lanes() != at.lanes {
            return;
        }
        let Pull { y, k, kept, held, series, .. } = pass;
        let memory = Memory { state: y, value: k, kept, held, sums, series, ..Memory::default() };
        self.kernel.sum_held(at.batch, memory);
    }

    fn gather(&self, at: At<'_>, sums: &[f64], gradient: &mut [f64], ws: &mut Workspace) {
        self.kernel.gather(at.t, at.prepared, sums, gradient, ws);
    }

    fn layer(&self) -> Option<Function> {
        self.kernel.layer()
    }

    fn tangent_field(&self) -> Option<Arc<dyn VectorField>> {
        let kernel = self.kernel.doubled(true).ok()?;
        Some(Arc::new(SymbolicField { kernel }))
    }

    fn has_kinks(&self) -> bool {
        self.kernel.has_kinks()
    }

    fn work(&self, call: Call) -> Option<Work> {
        Some(self.kernel.work(call))
    }
}

/// Sizes to numbers, names checked.
fn resolve(
    file: &FieldFile,
    width: usize,
    constants: &IndexMap<String, f64>,
) -> Result<Formula, FieldError> {
    if file.state.is_empty() {
        return Err(FieldError::NoState);
    }
    let names = file.state.keys().chain(file.weights.keys()).chain(file.constants.keys());
    let mut seen = std::collections::HashSet::new();
    for name in names {
        let reason = if !is_name(name) {
            "a name is letters, digits and `_`, and begins with a letter"
        } else if matches!(name.as_str(), "t" | "I" | "pi" | "n") {
            "it has a meaning of its own in formulas"
        } else if crate::expr::function_names().any(|f| f == name) {
            "it is a function"
        } else if !seen.insert(name) {
            "it is declared twice"
        } else {
            continue;
        };
        return Err(FieldError::Name { name: name.clone(), reason });
    }
    let mut state = Vec::new();
    for (name, size) in &file.state {
        state.push(Block { name: name.clone(), rows: rows_of(name, size, width)? });
    }
    let rows = state.iter().map(|b| b.rows).sum();
    if rows != width {
        return Err(FieldError::Width { rows, width });
    }
    let mut weights = Vec::new();
    for (name, shape) in &file.weights {
        let (rows, cols) = match shape {
            WeightShape::Matrix(r, c) => (rows_of(name, r, width)?, rows_of(name, c, width)?),
            WeightShape::Vector(r) => (rows_of(name, r, width)?, 1),
            WeightShape::Scalar => (1, 1),
        };
        weights.push(Weight { name: name.clone(), rows, cols });
    }
    let total: u128 = weights.iter().map(|w| w.rows as u128 * w.cols as u128).sum();
    if total > MOST_WEIGHTS as u128 {
        return Err(FieldError::TooLarge { weights: total });
    }
    for name in constants.keys() {
        if !file.constants.contains_key(name) {
            let constants = file.constants.keys().cloned().collect();
            return Err(FieldError::UnknownConstant { name: name.clone(), constants });
        }
    }
    let mut values = Vec::new();
    for (name, &value) in &file.constants {
        let value = constants.get(name).copied().unwrap_or(value);
        if !value.is_finite() {
            return Err(FieldError::Constant { name: name.clone(), value });
        }
        values.push((name.clone(), value));
    }
    if let Some(name) = file.rhs.keys().find(|k| !file.state.contains_key(*k)) {
        let blocks = file.state.keys().cloned().collect();
        return Err(FieldError::UnknownBlock { name: name.clone(), blocks });
    }
    let mut outputs = Vec::new();
    for block in &state {
        let Some(text) = file.rhs.get(&block.name) else {
            return Err(FieldError::MissingBlock { name: block.name.clone() });
        };
        outputs.push((block.clone(), text.clone()));
    }
    Ok(Formula { declared: Declarations { state, weights, constants: values }, outputs })
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.all(|c| c.is_alphanumeric() || c == '_')
}

/// A size: a number, or a product and quotient of numbers and the width, such as "n/2" or "3*n".
fn rows_of(name: &str, size: &Size, width: usize) -> Result<usize, FieldError> {
    let wrong = |message: String| FieldError::Size { name: name.to_owned(), message };
    let rows = match size {
        Size::Number(rows) => *rows,
        Size::Formula(text) => {
            size_formula(text, width).map_err(|reason| wrong(format!("`{text}` {reason}")))?
        }
    };
    if rows == 0 || rows > LARGEST {
        return Err(wrong(format!("{rows} is not between 1 and {LARGEST}")));
    }
    Ok(rows)
}

/// Sums of products and quotients of whole numbers and n, from left to right; every quotient is whole.
fn size_formula(text: &str, width: usize) -> Result<usize, String> {
    let mut sum: i128 = 0;
    let mut term: Option<i128> = None;
    let (mut sign, mut operator) = (1, '*');
    let mut rest = text.trim_start();
    let too_large = || "is too large".to_owned();
    loop {
        let length = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let value: i128 = match &rest[..length] {
            "n" => width as i128,
            digits => digits
                .parse::<u32>()
                .map_err(|_| format!("has `{rest}` where a number or n is expected"))?
                .into(),
        };
        let before = term.unwrap_or(1);
        term = Some(match operator {
            '/' if value == 0 => return Err("divides by zero".into()),
            '/' if before % value != 0 => {
                return Err(format!("is not whole: {before} / {value} (n is {width})"));
            }
            '/' => before / value,
            _ => before.checked_mul(value).ok_or_else(too_large)?,
        });
        rest = rest[length..].trim_start();
        let Some(next) = rest.chars().next() else { break };
        match next {
            '*' | '/' => operator = next,
            '+' | '-' => {
                sum = sum.checked_add(sign * term.take().unwrap_or(0)).ok_or_else(too_large)?;
                sign = if next == '-' { -1 } else { 1 };
                operator = '*';
            }
            _ => return Err(format!("has `{rest}` where +, -, * or / is expected")),
        }
        rest = rest[next.len_utf8()..].trim_start();
    }
    let total = sum.checked_add(sign * term.unwrap_or(0)).ok_or_else(too_large)?;
    usize::try_from(total).map_err(|_| format!("is {total} (n is {width})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{catalogue, named, names};

    #[test]
    fn every_entry_of_the_catalogue_compiles_and_cites() {
        assert!(names().count() >= 2);
        for (name, file) in catalogue() {
            let field = SymbolicField::new(file, 6, &IndexMap::new());
            assert!(field.is_ok(), "{name}: {:?}", field.err());
            assert!(file.citation.is_some(), "{name} has no citation");
        }
    }

    #[test]
    fn sizes_are_formulas_in_the_width() {
        for (text, expected) in [("n", 12), ("n/2", 6), ("2*n + 1", 25), ("n - n/3", 8), ("3", 3)] {
            assert_eq!(size_formula(text, 12), Ok(expected), "{text}");
        }
        for text in ["n/5", "n/0", "", "m", "n+", "n n", "1-n", "99999999999", "n*"] {
            assert!(size_formula(text, 12).is_err(), "{text}");
        }
    }

    #[test]
    fn unknown_names_are_told_with_the_nearest() {
        let error = named("restnet").map(|_| ()).map_err(|e| e.to_string());
        assert!(error.is_err_and(|e| e.contains("did you mean `resnet`?")));
    }
}
