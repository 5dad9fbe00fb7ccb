//! Objectives small enough to be seen through.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::train::{Failure, Objective, Part, Score};

/// Logistic regression on 23 points of the plane, with a bias; validation on 11 others. Batches of 5
/// leave a ragged one of 3.
pub struct Logistic<'a> {
    pub train: Vec<([f64; 2], f64)>,
    pub validation: Vec<([f64; 2], f64)>,
    /// Sets the flag during the gradient of this number, counted from 1.
    pub interrupt: Option<(usize, &'a AtomicBool)>,
    pub batches: Vec<Vec<usize>>,
}

impl<'a> Logistic<'a> {
    pub fn new() -> Self {
        let point = |i: usize| {
            let x = [(i as f64 * 0.7).sin(), (i as f64 * 1.3).cos()];
            let label = x[0] + 0.4 * x[1] > 0.1 * (i as f64).sin();
            (x, f64::from(u8::from(label)))
        };
        Logistic {
            train: (0..23).map(point).collect(),
            validation: (100..111).map(point).collect(),
            interrupt: None,
            batches: Vec::new(),
        }
    }

    pub fn interrupted_at(gradient: usize, flag: &'a AtomicBool) -> Self {
        Logistic { interrupt: Some((gradient, flag)), ..Logistic::new() }
    }
}

fn logit(weights: &[f64], x: [f64; 2]) -> f64 {
    weights[0] * x[0] + weights[1] * x[1] + weights[2]
}

fn logistic_loss(z: f64, label: f64) -> f64 {
    z.max(0.0) - z * label + (-z.abs()).exp().ln_1p()
}

impl Objective for Logistic<'_> {
    fn parameters(&self) -> usize {
        3
    }

    fn samples(&self, part: Part) -> usize {
        match part {
            Part::Train => self.train.len(),
            Part::Validation => self.validation.len(),
        }
    }

    fn gradient(&mut self, w: &[f64], batch: &[usize], g: &mut [f64]) -> Result<f64, Failure> {
        self.batches.push(batch.to_vec());
        if let Some((when, flag)) = self.interrupt
            && self.batches.len() == when
        {
            flag.store(true, Ordering::Relaxed);
        }
        g.fill(0.0);
        let (share, mut loss) = (1.0 / batch.len() as f64, 0.0);
        for &i in batch {
            let (x, label) = self.train[i];
            let z = logit(w, x);
            loss += share * logistic_loss(z, label);
            let slope = share * (1.0 / (1.0 + (-z).exp()) - label);
            g[0] += slope * x[0];
            g[1] += slope * x[1];
            g[2] += slope;
        }
        Ok(loss)
    }

    fn evaluate(&mut self, w: &[f64], part: Part) -> Result<Score, Failure> {
        let points = if part == Part::Train { &self.train } else { &self.validation };
        let n = points.len() as f64;
        let loss = points.iter().map(|(x, label)| logistic_loss(logit(w, *x), *label)).sum::<f64>();
        let right = points.iter().filter(|(x, label)| (logit(w, *x) > 0.0) == (*label > 0.5));
        Ok(Score { loss: loss / n, accuracy: Some(right.count() as f64 / n) })
    }
}

/// J(w) = w^2 / 2 at one sample; the validation losses and the breakdowns are written in advance.
#[derive(Default)]
pub struct Scripted {
    pub validation: Vec<f64>,
    pub evaluations: usize,
    pub gradients: usize,
    /// What goes wrong at the gradient of this number, counted from 1.
    pub breakdown: Option<(usize, Breakdown)>,
    /// The number of the training evaluation whose loss is NaN.
    pub bad_evaluation: Option<usize>,
    pub weights: Vec<f64>,
}

#[derive(Clone)]
pub enum Breakdown {
    Loss,
    Gradient,
    Failure(Failure),
}

impl Objective for Scripted {
    fn parameters(&self) -> usize {
        1
    }

    fn samples(&self, part: Part) -> usize {
        if part == Part::Train { 4 } else { self.validation.len().min(1) }
    }

    fn gradient(&mut self, w: &[f64], _: &[usize], g: &mut [f64]) -> Result<f64, Failure> {
        self.gradients += 1;
        self.weights.push(w[0]);
        g[0] = w[0];
        let loss = w[0] * w[0] / 2.0;
        match &self.breakdown {
            Some((when, breakdown)) if *when == self.gradients => match breakdown {
                Breakdown::Loss => Ok(f64::NAN),
                Breakdown::Gradient => {
                    g[0] = f64::INFINITY;
                    Ok(loss)
                }
                Breakdown::Failure(failure) => Err(failure.clone()),
            },
            _ => Ok(loss),
        }
    }

    fn evaluate(&mut self, w: &[f64], part: Part) -> Result<Score, Failure> {
        if part == Part::Validation {
            return Ok(Score { loss: self.validation[self.evaluations - 1], accuracy: None });
        }
        self.evaluations += 1;
        let bad = self.bad_evaluation == Some(self.evaluations);
        Ok(Score { loss: if bad { f64::NAN } else { w[0] * w[0] / 2.0 }, accuracy: None })
    }
}
