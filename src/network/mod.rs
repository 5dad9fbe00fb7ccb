//! A network: opening -> flow -> head, and the layout of its trained numbers.
//!
//! ```text
//! y(0) = activation(W x + b),   y' = f(t, y; w(t)) on [0, horizon],   z = V y(horizon) + c
//! ```

mod adaptive;
mod engine;
mod layout;
mod second;
mod work;

use std::sync::Arc;

use faer::MatRef;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::control::Basis;
use crate::expr::{Block, Declarations, ExprError, Formula, Kernel, Weight, function_names};
use crate::loss::{Loss, Penalties, Wanted};
use crate::nearest::known;
use crate::solve::Flow;

pub use crate::solve::adaptive::Halt;
pub use adaptive::Trajectories;
pub use engine::{Engine, Score, Trace, Unfinished};
pub use layout::{Entry, Layout};
pub use second::{Curvature, Doubled, Products};
pub use work::NetworkWork;

/// From features to states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Opening {
    /// activation(W x + b)
    Dense {
        /// Rows of W, which is width x features, and of b.
        width: usize,
        /// A function of formulas by its name, or `identity`.
        #[serde(default = "default_activation")]
        activation: String,
    },
    /// The features, and zeros below them.
    Pad {
        /// Features and zeros together.
        width: usize,
    },
    /// The features themselves.
    Identity,
}

fn default_activation() -> String {
    "tanh".into()
}

impl Opening {
    /// Rows of the state for so many features.
    pub fn width(&self, features: usize) -> usize {
        match self {
            Opening::Dense { width, .. } | Opening::Pad { width } => *width,
            Opening::Identity => features,
        }
    }
}

/// From the final state to outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Head {
    /// V y + c
    #[default]
    Linear,
    /// The final state itself; where there are fewer outputs, its first rows.
    Identity,
}

/// Why parts do not make a network.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages show
pub enum NetworkError {
    #[error("unknown activation `{name}`{}", known(name, names))]
    Activation { name: String, names: Vec<&'static str> },
    #[error("in the formula of a layer: {error}")]
    Layer { error: ExprError },
    #[error(
        "the data have {features} features, more than the width {width} of Pad(width: {width}); use a width of at least {features}, or Dense"
    )]
    PadTooNarrow { features: usize, width: usize },
    #[error("the opening gives {opening} states, but the field has {field}")]
    Width { opening: usize, field: usize },
    #[error(
        "the loss needs {wanted} outputs, but head Identity gives the {width} states; use head Linear or at least that width"
    )]
    Outputs { wanted: usize, width: usize },
    #[error("the logistic loss tells 2 classes apart, the data have {classes}; use \"softmax\"")]
    LogisticClasses { classes: usize },
    #[error(
        "loss \"{loss}\" needs class labels, the data have {targets} target columns; use \"squares\""
    )]
    LossTargets { loss: &'static str, targets: usize },
    #[error("the network would have {parameters} parameters; the limit is {MOST_PARAMETERS}")]
    TooLarge { parameters: u128 },
}

/// Most trained numbers of a network.
pub const MOST_PARAMETERS: u128 = 1 << 30;

/// Standard deviation of the field's first matrices, times the root of their columns: of 0.1, 0.3 and 1 the
/// one with the best median and the least spread over 30 seeds of the peaks network.
pub const FIELD_SCALE: f64 = 0.3;

/// What the outputs are to be: classes or regression targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Classification into so many classes.
    Classes(usize),
    /// Regression onto so many targets.
    Targets(usize),
}

/// What the samples' outputs should be.
#[derive(Clone, Copy)]
pub enum Targets<'a> {
    /// The class of each sample.
    Classes(&'a [usize]),
    /// targets x samples
    Values(MatRef<'a, f64>),
}

/// Opening, flow, head and loss, ready to be evaluated.
#[derive(Clone)]
pub struct Network {
    opening: Start,
    /// The flow between opening and head.
    pub flow: Flow,
    head: Option<Arc<Kernel>>,
    /// The loss of a sample; the objective has the mean.
    pub loss: Loss,
    /// What is added to the mean loss.
    pub penalties: Penalties,
    features: usize,
    outputs: usize,
    layout: Layout,
    measure: Measure,
}

/// What is made of the outputs of a sample.
#[derive(Clone, Copy)]
enum Measure {
    /// The loss.
    Loss,
    /// Of outputs and their tangents, see [`second`].
    Curvature(Curvature),
}

#[derive(Clone)]
enum Start {
    Dense(Arc<Kernel>),
    /// Features copied, zeros below.
    Pad,
}

impl Network {
    /// Joins the parts, for data of so many features and this task.
    ///
    /// # Errors
    /// [`NetworkError`], where the parts do not fit.
    pub fn new(
        opening: &Opening,
        flow: Flow,
        head: Head,
        loss: Loss,
        penalties: Penalties,
        features: usize,
        task: Task,
    ) -> Result<Network, NetworkError> {
        let width = flow.width();
        if opening.width(features) != width {
            return Err(NetworkError::Width { opening: opening.width(features), field: width });
        }
        let wanted = match (loss, task) {
            (Loss::Logistic, Task::Classes(classes)) if classes != 2 => {
                return Err(NetworkError::LogisticClasses { classes });
            }
            (Loss::Softmax | Loss::Logistic, Task::Targets(targets)) => {
                return Err(NetworkError::LossTargets { loss: loss.name(), targets });
            }
            (_, Task::Classes(classes)) => loss.outputs(classes),
            (_, Task::Targets(targets)) => targets,
        };
        let outputs = match head {
            Head::Linear => wanted,
            Head::Identity if width >= wanted => wanted,
            Head::Identity => return Err(NetworkError::Outputs { wanted, width }),
        };
        let opening_weights = match opening {
            Opening::Dense { .. } => width as u128 * (features as u128 + 1),
            _ => 0,
        };
        let flow_weights = flow.controls.coefficients() as u128 * flow.field.n_weights() as u128;
        let parameters = opening_weights + flow_weights + (width as u128 + 1) * outputs as u128;
        if parameters > MOST_PARAMETERS {
            return Err(NetworkError::TooLarge { parameters });
        }
        let opening = match opening {
            Opening::Dense { activation, .. } => {
                Start::Dense(Arc::new(dense(activation, features, width)?))
            }
            Opening::Pad { .. } if features > width => {
                return Err(NetworkError::PadTooNarrow { features, width });
            }
            Opening::Pad { .. } | Opening::Identity => Start::Pad,
        };
        let linear = head == Head::Linear;
        let head = match head {
            Head::Linear => Some(Arc::new(affine("W*y + b", "y", width, outputs, true)?)),
            Head::Identity if outputs < width => Some(Arc::new(first_rows(width, outputs)?)),
            Head::Identity => None,
        };
        let mut layout = Layout::default();
        if let Start::Dense(_) = opening {
            layout.push(
                "opening.weight",
                1,
                &Weight { name: String::new(), rows: width, cols: features },
                false,
            );
            layout.push(
                "opening.bias",
                1,
                &Weight { name: String::new(), rows: width, cols: 1 },
                false,
            );
        }
        layout.push_field(&flow.field.weights(), flow.controls.coefficients());
        if linear {
            layout.push(
                "head.weight",
                1,
                &Weight { name: String::new(), rows: outputs, cols: width },
                false,
            );
            layout.push(
                "head.bias",
                1,
                &Weight { name: String::new(), rows: outputs, cols: 1 },
                false,
            );
        }
        let measure = Measure::Loss;
        Ok(Network { opening, flow, head, loss, penalties, features, outputs, layout, measure })
    }

    /// The same without a head: its outputs are the final states. The vector of trained numbers stays the same.
    pub fn headless(&self) -> Network {
        Network { head: None, outputs: self.width(), ..self.clone() }
    }

    /// Rows of x.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Rows of z.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Rows of the state y.
    pub fn width(&self) -> usize {
        self.flow.width()
    }

    /// The trained numbers, by name and shape.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Length of the vector of trained numbers.
    pub fn n_parameters(&self) -> usize {
        self.layout.length()
    }

    /// Whether opening or field have kinks or jumps, as relu and step do.
    pub fn has_kinks(&self) -> bool {
        let opening = match &self.opening {
            Start::Dense(kernel) => kernel.has_kinks(),
            Start::Pad => false,
        };
        opening || self.flow.field.has_kinks()
    }

    fn n_opening(&self) -> usize {
        match &self.opening {
            Start::Dense(kernel) => kernel.n_weights(),
            Start::Pad => 0,
        }
    }

    /// Opening, field and head weights out of the whole vector.
    fn split<'a>(&self, theta: &'a [f64]) -> (&'a [f64], &'a [f64], &'a [f64]) {
        let (opening, rest) = theta.split_at(self.n_opening());
        let (field, head) = rest.split_at(self.flow.n_parameters());
        (opening, field, head)
    }

    /// The field's coefficients out of the whole vector, one after the other.
    pub fn field_weights<'a>(&self, theta: &'a [f64]) -> &'a [f64] {
        self.split(theta).1
    }

    fn split_mut<'a>(&self, theta: &'a mut [f64]) -> (&'a mut [f64], &'a mut [f64], &'a mut [f64]) {
        let (opening, rest) = theta.split_at_mut(self.n_opening());
        let (field, head) = rest.split_at_mut(self.flow.n_parameters());
        (opening, field, head)
    }

    /// Weights to begin with, from a stream of their own of this seed: matrices normal with variance
    /// 1 / columns (the field's [`FIELD_SCALE`]^2 / columns), vectors zero; the field's the same at all times
    /// (for Legendre polynomials the lowest alone), so that training begins with a smooth and gentle flow.
    pub fn initial(&self, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::from_be_bytes(*b"weights\0"));
        let mut theta = vec![0.0; self.n_parameters()];
        let lowest_only = matches!(self.flow.controls.basis, Basis::Legendre { .. });
        for entry in self.layout.entries() {
            if entry.vector && !(entry.rows == 1 && entry.field) {
                continue;
            }
            let scale = if entry.field { FIELD_SCALE } else { 1.0 };
            let deviation = scale / (entry.cols as f64).sqrt();
            let length = entry.rows * entry.cols;
            let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
            let drawn: Vec<f64> = (0..length).map(|_| deviation * draw()).collect();
            let copies = if lowest_only { 1 } else { entry.copies };
            for copy in 0..copies {
                let start = entry.start + copy * entry.stride;
                theta[start..start + length].copy_from_slice(&drawn);
            }
        }
        theta
    }

    /// What counts of each sample with outputs z, with its derivative times `factor`.
    fn values_and_slopes(
        &self,
        z: &[f64],
        wanted: Wanted<'_>,
        factor: f64,
        slopes: &mut [f64],
        values: &mut [f64],
    ) {
        let (loss, n) = (self.loss, self.outputs);
        match self.measure {
            Measure::Loss => loss.values_and_slopes(z, n, wanted, factor, slopes, values),
            Measure::Curvature(what) => {
                let each = z.chunks_exact(n).zip(slopes.chunks_exact_mut(n)).zip(values);
                for (sample, ((z, slope), value)) in each.enumerate() {
                    let wanted = wanted.of(sample, n / 2);
                    *value = what.value_and_slope(loss, z, wanted, factor, slope);
                }
            }
        }
    }

    /// The class that the outputs of a sample say.
    fn class(&self, z: &[f64]) -> usize {
        match self.measure {
            Measure::Loss => self.loss.class(z),
            Measure::Curvature(_) => self.loss.class(&z[..z.len() / 2]),
        }
    }

    /// Penalties at these weights; their gradient is added.
    pub fn penalty(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let Penalties { tikhonov, smoothness } = self.penalties;
        let mut total = 0.0;
        if tikhonov > 0.0 {
            total += 0.5 * tikhonov * theta.iter().map(|x| x * x).sum::<f64>();
            gradient.iter_mut().zip(theta).for_each(|(g, x)| *g += tikhonov * x);
        }
        if smoothness > 0.0 {
            let (_, field, _) = self.split(theta);
            let (_, slope, _) = self.split_mut(gradient);
            total += smoothness * self.flow.controls.roughness(field, smoothness, slope);
        }
        total
    }
}

/// activation(W x + b)
fn dense(activation: &str, features: usize, width: usize) -> Result<Kernel, NetworkError> {
    let affine_text = "W*x + b";
    let names: Vec<&str> = function_names().filter(|f| *f != "sum").chain(["identity"]).collect();
    let text = match activation {
        "identity" => affine_text.to_owned(),
        name if names.contains(&name) => format!("{name}({affine_text})"),
        name => return Err(NetworkError::Activation { name: name.to_owned(), names }),
    };
    affine(&text, "x", features, width, false)
}

/// A formula in W and b from one block to another.
fn affine(
    text: &str,
    state: &str,
    from: usize,
    to: usize,
    state_cotangent: bool,
) -> Result<Kernel, NetworkError> {
    let weight = |name: &str, rows, cols| Weight { name: name.into(), rows, cols };
    let state = vec![Block { name: state.into(), rows: from }];
    let weights = vec![weight("W", to, from), weight("b", to, 1)];
    layer(Declarations { state, weights, constants: Vec::new() }, text, to, state_cotangent)
}

/// The first rows of a block.
fn first_rows(of: usize, rows: usize) -> Result<Kernel, NetworkError> {
    let block = |name: &str, rows| Block { name: name.into(), rows };
    let state = vec![block("y", rows), block("rest", of - rows)];
    layer(Declarations { state, ..Declarations::default() }, "y", rows, true)
}

fn layer(
    declared: Declarations,
    text: &str,
    rows: usize,
    state_cotangent: bool,
) -> Result<Kernel, NetworkError> {
    let outputs = vec![(Block { name: "z".into(), rows }, text.to_owned())];
    Kernel::new(Formula { declared, outputs }, state_cotangent)
        .map_err(|(_, error)| NetworkError::Layer { error })
}
