use super::{Adam, Rule};

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, "Decoupled Weight Decay
/// Regularization", algorithm 2, in the form of PyTorch): w <- (1 - rate decay) w, then a step of
/// [`Adam`]. The decay acts on every parameter and does not pass through Adam's means.
#[derive(Debug, Clone)]
pub struct AdamW {
    decay: f64,
    adam: Adam,
}

impl AdamW {
    /// The rule before its first update.
    pub fn new(decay: f64, adam: Adam) -> Self {
        AdamW { decay, adam }
    }
}

impl Rule for AdamW {
    fn step(&mut self, weights: &mut [f64], gradient: &[f64], rate: f64) {
        let kept = 1.0 - rate * self.decay;
        weights.iter_mut().for_each(|w| *w *= kept);
        self.adam.step(weights, gradient, rate);
    }

    fn memory(&mut self) -> Vec<(&'static str, &mut [f64])> {
        self.adam.memory()
    }
}
