//! Losses of the outputs of samples, with their derivatives.

use serde::{Deserialize, Serialize};

use crate::expr::Function;
use crate::expr::vector::map;

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

/// What the outputs of a block of samples should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted<'a> {
    /// The class of each sample, from 0.
    Classes(&'a [usize]),
    /// The outputs themselves, one sample after the other.
    Values(&'a [f64]),
}

impl<'a> Wanted<'a> {
    /// That of one sample, with so many outputs.
    pub fn of(self, sample: usize, outputs: usize) -> Wanted<'a> {
        match self {
            Wanted::Classes(labels) => Wanted::Classes(&labels[sample..=sample]),
            Wanted::Values(values) => Wanted::Values(&values[sample * outputs..][..outputs]),
        }
    }
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

    /// The losses of a block of samples, whose `outputs` each stand one after the other in `z`, overwrite `values`;
    /// their derivatives by the outputs, times `factor`, overwrite `slopes`.
    pub fn values_and_slopes(
        self,
        z: &[f64],
        outputs: usize,
        wanted: Wanted<'_>,
        factor: f64,
        slopes: &mut [f64],
        values: &mut [f64],
    ) {
        if self == Loss::Softmax {
            softmax(z, outputs, slopes, values);
        }
        let each = z.chunks_exact(outputs).zip(slopes.chunks_exact_mut(outputs)).zip(values);
        for (sample, ((z, slope), value)) in each.enumerate() {
            match (self, wanted) {
                (Loss::Softmax, Wanted::Classes(labels)) => {
                    let label = labels[sample];
                    slope.iter_mut().for_each(|s| *s *= factor);
                    slope[label] -= factor;
                    *value -= z[label];
                }
                (Loss::Logistic, Wanted::Classes(labels)) => {
                    let (z, label) = (z[0], labels[sample] as f64);
                    let (probability, rest) = logistic(z);
                    slope[0] = factor * (probability - label);
                    *value = rest + (z.max(0.0) - label * z);
                }
                (Loss::Squares, Wanted::Classes(labels)) => {
                    let target = |i: usize| f64::from(u8::from(i == labels[sample]));
                    *value = squares(z, target, factor, slope);
                }
                (_, Wanted::Values(values)) => {
                    let target = &values[sample * outputs..];
                    *value = squares(z, |i| target[i], factor, slope);
                }
            }
        }
    }

    /// The second derivative of the loss by the outputs z, which no loss here takes from the target, times v and
    /// `factor`; it overwrites `out`.
    pub fn curvature(self, z: &[f64], v: &[f64], factor: f64, out: &mut [f64]) {
        match self {
            Loss::Softmax => {
                // diag(p) - p p'
                softmax(z, z.len(), out, &mut [0.0]);
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
                softmax(z, z.len(), &mut p, &mut [0.0]);
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

/// p_i = exp z_i / sum_j exp z_j and log sum_j exp z_j, for each sample. Neither overflows.
fn softmax(z: &[f64], outputs: usize, p: &mut [f64], log_sums: &mut [f64]) {
    let top = |z: &[f64]| z.iter().copied().fold(f64::NEG_INFINITY, nan_max);
    for (p, z) in p.chunks_exact_mut(outputs).zip(z.chunks_exact(outputs)) {
        let top = top(z);
        p.iter_mut().zip(z).for_each(|(p, z)| *p = z - top);
    }
    map(p, Function::Exp);
    for (p, sum) in p.chunks_exact_mut(outputs).zip(&mut *log_sums) {
        *sum = p.iter().sum();
        let share = 1.0 / *sum;
        p.iter_mut().for_each(|p| *p *= share);
    }
    map(log_sums, Function::Log);
    log_sums.iter_mut().zip(z.chunks_exact(outputs)).for_each(|(log, z)| *log += top(z));
}

/// |z - target|^2 / 2, and factor (z - target)
fn squares(z: &[f64], target: impl Fn(usize) -> f64, factor: f64, slope: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (i, (s, z)) in slope.iter_mut().zip(z).enumerate() {
        let d = z - target(i);
        *s = factor * d;
        sum += 0.5 * d * d;
    }
    sum
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

    /// The losses of samples and the slopes of their sum.
    fn of(loss: Loss, z: &[f64], outputs: usize, wanted: Wanted<'_>) -> (Vec<f64>, Vec<f64>) {
        let (mut slopes, mut values) = (vec![0.0; z.len()], vec![0.0; z.len() / outputs]);
        loss.values_and_slopes(z, outputs, wanted, 2.0, &mut slopes, &mut values);
        (values, slopes)
    }

    #[test]
    fn slopes_are_the_derivatives() {
        let z = [0.3, -1.2, 0.9, 2.0, 0.1, -0.4];
        let targets = [0.1, 0.2, -0.4, 1.0, 0.0, -2.0];
        let classes = Wanted::Classes(&[1, 0, 1, 1, 0, 0]);
        let cases = [
            (Loss::Softmax, 3, classes),
            (Loss::Softmax, 2, classes),
            (Loss::Logistic, 1, classes),
            (Loss::Squares, 3, classes),
            (Loss::Squares, 3, Wanted::Values(&targets)),
        ];
        for (loss, outputs, wanted) in cases {
            let (_, slopes) = of(loss, &z, outputs, wanted);
            for (i, slope) in slopes.iter().enumerate() {
                let at = |d: f64| {
                    let mut z = z;
                    z[i] += d;
                    of(loss, &z, outputs, wanted).0.iter().sum::<f64>()
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((slope - 2.0 * difference).abs() < 1e-9, "{loss:?} {wanted:?}");
            }
        }
    }

    /// By the definitions, with the library's functions.
    #[test]
    fn values_are_those_of_the_definitions() {
        let z: [f64; 6] = [0.3, -1.2, 0.9, 2.0, 0.1, -0.4];
        let labels = [1, 0];
        let (values, _) = of(Loss::Softmax, &z, 3, Wanted::Classes(&labels));
        for ((value, z), label) in values.iter().zip(z.chunks_exact(3)).zip(labels) {
            let exact = z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[label];
            assert!((value - exact).abs() < 1e-15 * 8.0, "{value} {exact}");
        }
        let p = Loss::Softmax.scores(&z[..3]);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-15 && p[2] > p[0] && p[0] > p[1]);
        let (values, _) = of(Loss::Logistic, &z[..1], 1, Wanted::Classes(&[1]));
        assert!((values[0] - (-z[0]).exp().ln_1p()).abs() < 1e-15);
        let (values, _) = of(Loss::Squares, &z[..2], 2, Wanted::Classes(&[1]));
        assert!((values[0] - 0.5 * (z[0].powi(2) + (z[1] - 1.0).powi(2))).abs() < 1e-15);
    }

    #[test]
    fn curvature_is_the_derivative_of_the_slope() {
        let (z, v) = ([0.3, -1.2, 0.9], [0.7, 0.1, -0.5]);
        let values = [0.1, 0.2, -0.4];
        for (loss, n, wanted) in [
            (Loss::Softmax, 3, Wanted::Classes(&[1])),
            (Loss::Logistic, 1, Wanted::Classes(&[1])),
            (Loss::Squares, 3, Wanted::Values(&values)),
        ] {
            let mut exact = vec![0.0; n];
            loss.curvature(&z[..n], &v[..n], 2.0, &mut exact);
            let slope = |s: f64| {
                let z: Vec<f64> = z[..n].iter().zip(v).map(|(z, v)| z + s * v).collect();
                of(loss, &z, n, wanted).1
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
        let softmax = |z: &[f64]| of(Loss::Softmax, z, 2, Wanted::Classes(&[1]));
        assert_eq!(softmax(&[1e4, 0.0]), (vec![1e4], vec![2.0, -2.0]));
        let (values, slopes) = of(Loss::Logistic, &[-1e4], 1, Wanted::Classes(&[1]));
        assert_eq!((values[0], slopes[0]), (1e4, -2.0));
        for lost in [f64::NAN, f64::INFINITY] {
            assert!(softmax(&[lost, 0.0]).0[0].is_nan());
        }
    }
}
