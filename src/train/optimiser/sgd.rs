use super::Rule;

/// Stochastic gradient descent with momentum, in the form of PyTorch:
///
/// v <- mu v + g,  w <- w - rate v, or with Nesterov's look-ahead w <- w - rate (g + mu v).
///
/// The rate is outside the velocity v, so that a change of rate acts at once. Sources: Polyak
/// (1964); Sutskever, Martens, Dahl & Hinton (2013), "On the importance of initialization and
/// momentum in deep learning".
#[derive(Debug, Clone)]
pub struct Sgd {
    momentum: f64,
    nesterov: bool,
    velocity: Vec<f64>,
}

impl Sgd {
    /// The rule at rest.
    pub fn new(parameters: usize, momentum: f64, nesterov: bool) -> Self {
        Sgd { momentum, nesterov, velocity: vec![0.0; parameters] }
    }
}

impl Rule for Sgd {
    fn step(&mut self, weights: &mut [f64], gradient: &[f64], rate: f64) {
        for ((w, g), v) in weights.iter_mut().zip(gradient).zip(&mut self.velocity) {
            *v = self.momentum * *v + g;
            *w -= rate * if self.nesterov { g + self.momentum * *v } else { *v };
        }
    }

    fn memory(&mut self) -> Vec<(&'static str, &mut [f64])> {
        vec![("velocity", &mut self.velocity)]
    }
}
