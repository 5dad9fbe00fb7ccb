//! Losses of one sample's outputs, with their derivatives.

use serde::{Deserialize, Serialize};

/// A loss, averaged over samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// log sum exp z - z_label: cross-entropy of the softmax of the outputs; labels 0, 1, ...
    #[serde(rename = "softmax")]
    Softmax,
    /// log(1 + exp z) - label z, for one output z and labels 0 and 1.
    #[serde(rename = "logistic")]
    Logistic,
    /// |z - target|^2 / 2. With class labels the target is 1 at the label's output and 0 elsewhere.
    #[serde(rename = "squares")]
    Squares,
}

/// What is added to the mean loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Penalties {
    /// alpha in alpha / 2 |theta|^2 over all trained numbers.
    pub tikhonov: f64,
    /// beta in beta / 2 integral |dw/dt|^2 dt over the field's weights.
    pub smoothness: f64,
}

/// What a sample's outputs should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target<'a> {
    /// A class, from 0.
    Class(usize),
    /// The outputs themselves.
    Values(&'a [f64]),
}

impl Loss {
    const ALL: [Loss; 3] = [Loss::Softmax, Loss::Logistic, Loss::Squares];

    /// The name in model files.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Softmax => "softmax",
            Loss::Logistic => "logistic",
            Loss::Squares => "squares",
        }
    }

    /// The names there are.
    pub fn names() -> [&'static str; 3] {
        Loss::ALL.map(Loss::name)
    }

    /// The loss of this name.
    pub fn named(name: &str) -> Option<Loss> {
        Loss::ALL.into_iter().find(|loss| loss.name() == name)
    }

    /// Outputs that the head must have for so many classes.
    pub fn outputs(self, classes: usize) -> usize {
        match self {
            Loss::Softmax | Loss::Squares => classes,
            Loss::Logistic => 1,
        }
    }

    /// The loss of one sample; its derivative by the outputs, times `factor`, overwrites `slope`.
    pub fn value_and_slope(
        self,
        z: &[f64],
        target: Target<'_>,
        factor: f64,
        slope: &mut [f64],
    ) -> f64 {
        match (self, target) {
            (Loss::Softmax, Target::Class(label)) => {
                let log_sum = softmax(z, slope);
                slope.iter_mut().for_each(|s| *s *= factor);
                slope[label] -= factor;
                log_sum - z[label]
            }
            (Loss::Logistic, Target::Class(label)) => {
                let (z, label) = (z[0], label as f64);
                let (probability, rest) = logistic(z);
                slope[0] = factor * (probability - label);
                rest + (z.max(0.0) - label * z)
            }
            (Loss::Squares, Target::Class(label)) => {
                let mut sum = 0.0;
                for (i, (s, z)) in slope.iter_mut().zip(z).enumerate() {
                    let d = z - f64::from(u8::from(i == label));
                    *s = factor * d;
                    sum += 0.5 * d * d;
                }
                sum
            }
            (_, Target::Values(values)) => {
                let mut sum = 0.0;
                for ((s, z), v) in slope.iter_mut().zip(z).zip(values) {
                    let d = z - v;
                    *s = factor * d;
                    sum += 0.5 * d * d;
                }
                sum
            }
        }
    }

    /// The second derivative of the loss by the outputs z, which no loss here takes from the target, times v and
    /// `factor`; it overwrites `out`.
    pub fn curvature(self, z: &[f64], v: &[f64], factor: f64, out: &mut [f64]) {
        match self {
            Loss::Softmax => {
                // diag(p) - p p'
                softmax(z, out);
                let mean: f64 = out.iter().zip(v).map(|(p, v)| p * v).sum();
                out.iter_mut().zip(v).for_each(|(p, v)| *p *= factor * (v - mean));
            }
            Loss::Logistic => {
                let (p, _) = logistic(z[0]);
                out[0] = factor * p * (1.0 - p) * v[0];
            }
            Loss::Squares => out.iter_mut().zip(v).for_each(|(o, v)| *o = factor * v),
        }
    }

    /// The class that the outputs say.
    pub fn class(self, z: &[f64]) -> usize {
        match self {
            Loss::Logistic => usize::from(z[0] > 0.0),
            Loss::Softmax | Loss::Squares => {
                // Of equal ones the last of the reversed, which is the first.
                let best = z.iter().enumerate().rev().max_by(|a, b| a.1.total_cmp(b.1));
                best.map_or(0, |(i, _)| i)
            }
        }
    }

    /// How sure: probabilities of the classes (softmax, logistic), or the outputs themselves.
    pub fn scores(self, z: &[f64]) -> Vec<f64> {
        match self {
            Loss::Softmax => {
                let mut p = vec![0.0; z.len()];
                softmax(z, &mut p);
                p
            }
            Loss::Logistic => {
                let (p, _) = logistic(z[0]);
                vec![1.0 - p, p]
            }
            Loss::Squares => z.to_vec(),
        }
    }
}

/// p_i = exp z_i / sum_j exp z_j; returns log sum_j exp z_j. Neither overflows.
fn softmax(z: &[f64], p: &mut [f64]) -> f64 {
    let top = z.iter().copied().fold(f64::NEG_INFINITY, nan_max);
    let mut sum = 0.0;
    for (p, z) in p.iter_mut().zip(z) {
        *p = (z - top).exp();
        sum += *p;
    }
    p.iter_mut().for_each(|p| *p /= sum);
    sum.ln() + top
}

/// p = 1 / (1 + exp(-z)), and log(1 + exp z) without its greater part max(z, 0), beside which it would be rounded.
fn logistic(z: f64) -> (f64, f64) {
    let e = (-z.abs()).exp();
    let p = if z < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) };
    (p, e.ln_1p())
}

/// The larger one, NaN if either is.
fn nan_max(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_derivatives() {
        let z = [0.3, -1.2, 0.9];
        let values = [0.1, 0.2, -0.4];
        let cases = [
            (Loss::Softmax, 3, Target::Class(1)),
            (Loss::Logistic, 1, Target::Class(0)),
            (Loss::Logistic, 1, Target::Class(1)),
            (Loss::Squares, 3, Target::Class(2)),
            (Loss::Squares, 3, Target::Values(&values)),
        ];
        for (loss, n, target) in cases {
            let mut slope = vec![0.0; n];
            loss.value_and_slope(&z[..n], target, 2.0, &mut slope);
            for i in 0..n {
                let at = |d: f64| {
                    let mut z = z[..n].to_vec();
                    z[i] += d;
                    loss.value_and_slope(&z, target, 1.0, &mut vec![0.0; n])
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope[i] - 2.0 * difference).abs() < 1e-9, "{loss:?} {target:?}");
            }
        }
    }

    #[test]
    fn curvature_is_the_derivative_of_the_slope() {
        let (z, v) = ([0.3, -1.2, 0.9], [0.7, 0.1, -0.5]);
        let values = [0.1, 0.2, -0.4];
        for (loss, n, target) in [
            (Loss::Softmax, 3, Target::Class(1)),
            (Loss::Logistic, 1, Target::Class(1)),
            (Loss::Squares, 3, Target::Values(&values)),
        ] {
            let mut exact = vec![0.0; n];
            loss.curvature(&z[..n], &v[..n], 2.0, &mut exact);
            let slope = |s: f64| {
                let z: Vec<f64> = z[..n].iter().zip(v).map(|(z, v)| z + s * v).collect();
                let mut slope = vec![0.0; n];
                loss.value_and_slope(&z, target, 2.0, &mut slope);
                slope
            };
            let (ahead, behind) = (slope(1e-5), slope(-1e-5));
            for i in 0..n {
                let difference = (ahead[i] - behind[i]) / 2e-5;
                assert!((exact[i] - difference).abs() < 1e-9, "{loss:?}");
            }
        }
    }

    #[test]
    fn of_equal_outputs_the_first_counts() {
        assert_eq!(Loss::Softmax.class(&[0.5, 2.0, 2.0]), 1);
        assert_eq!(Loss::Squares.class(&[0.0; 3]), 0);
        assert_eq!(Loss::Logistic.class(&[0.0]), 0);
    }

    #[test]
    fn large_outputs_do_not_overflow() {
        let mut slope = [0.0; 2];
        let loss = Loss::Softmax.value_and_slope(&[1e4, 0.0], Target::Class(1), 1.0, &mut slope);
        assert_eq!((loss, slope), (1e4, [1.0, -1.0]));
        let loss = Loss::Logistic.value_and_slope(&[-1e4], Target::Class(1), 1.0, &mut slope[..1]);
        assert_eq!((loss, slope[0]), (1e4, -1.0));
        let nan =
            Loss::Softmax.value_and_slope(&[f64::NAN, 0.0], Target::Class(1), 1.0, &mut slope);
        assert!(nan.is_nan());
    }
}
