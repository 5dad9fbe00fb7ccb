use super::Rule;

/// Adam (Kingma & Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1):
///
/// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
/// w <- w - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
///
/// at update t = 1, 2, ..
#[derive(Debug, Clone)]
pub struct Adam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    mean: Vec<f64>,
    square: Vec<f64>,
    /// beta1^t and beta2^t, kept as running products: the same bits however often a run is resumed.
    powers: [f64; 2],
}

impl Adam {
    /// The rule before its first update.
    pub fn new(parameters: usize, beta1: f64, beta2: f64, epsilon: f64) -> Self {
        Adam {
            beta1,
            beta2,
            epsilon,
            mean: vec![0.0; parameters],
            square: vec![0.0; parameters],
            powers: [1.0; 2],
        }
    }
}

impl Rule for Adam {
    fn step(&mut self, weights: &mut [f64], gradient: &[f64], rate: f64) {
        let Adam { beta1, beta2, epsilon, .. } = *self;
        let [power1, power2] = &mut self.powers;
        *power1 *= beta1;
        *power2 *= beta2;
        let rate = rate / (1.0 - *power1);
        let scale = (1.0 - *power2).sqrt().recip();
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *w -= rate * *m / (v.sqrt() * scale + epsilon);
        }
    }

    fn memory(&mut self) -> Vec<(&'static str, &mut [f64])> {
        vec![("mean", &mut self.mean), ("square", &mut self.square), ("powers", &mut self.powers)]
    }
}
