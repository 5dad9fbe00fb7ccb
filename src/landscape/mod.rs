//! The objective about trained weights: on lines and planes, and the spectrum of its Hessian.
//!
//! ```text
//! J(theta + a d_1 + b d_2)
//! ```
//!
//! with directions that are random and normalised by filters (Li, Xu, Taylor, Studer, Goldstein, Visualizing the loss
//! landscape of neural nets, 2018), principal for the path of the training (ibid., section 7), eigenvectors of the
//! Hessian, or lead to other runs (Goodfellow, Vinyals, Saxe, 2015).

mod directions;
mod lanczos;
mod section;

pub use directions::{Biases, DirectionError, Principal, filtered, principal, random, sized};
pub use lanczos::{Density, Eigen, density, largest};
pub use section::{Point, QUANTITIES, Section};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::Dataset;
    use crate::network::{Curvature, Doubled, Network};
    use crate::spec::Model;

    const TANH: &str = r#"(
        data: Peaks(classes: 3, train: 40),
        network: (
            opening: Dense(width: 4, activation: "tanh"), field: "resnet",
            controls: PiecewiseLinear(nodes: 3), horizon: 1.5, method: "rk4", stepping: Fixed(steps: 3),
        ),
        loss: "softmax",
        penalties: (tikhonov: 0.01, smoothness: 0.02),
        training: (optimiser: Adam(rate: 0.1), epochs: 1),
    )"#;

    fn built() -> (Network, Dataset) {
        let model = Model::parse(TANH, Path::new("m.ron"), &[]).unwrap();
        let data = model.dataset().unwrap();
        (model.network(&data.schema).unwrap(), data)
    }

    #[test]
    fn the_largest_eigenvalues_are_those_of_the_dense_matrix() {
        let (network, data) = built();
        let n = network.n_parameters();
        let theta = random(n, 2, 0).iter().map(|x| 0.5 * x).collect::<Vec<f64>>();
        let mut fit = crate::train::Fit::new(&network, &data);
        let all: Vec<usize> = (0..40).collect();
        // The gradient's differences of fourth order, a column each.
        let mut column = |k: usize| -> Vec<f64> {
            let h = 1e-3;
            let mut at = |s: f64| {
                let mut moved = theta.clone();
                moved[k] += s * h;
                let mut gradient = vec![0.0; n];
                crate::train::Objective::gradient(&mut fit, &moved, &all, &mut gradient).unwrap();
                gradient
            };
            let [a, b, c, d] = [-2.0, -1.0, 1.0, 2.0].map(&mut at);
            (0..n).map(|i| (a[i] - d[i] + 8.0 * (c[i] - b[i])) / (12.0 * h)).collect()
        };
        let columns: Vec<Vec<f64>> = (0..n).map(&mut column).collect();
        let dense = faer::Mat::from_fn(n, n, |i, j| 0.5 * (columns[j][i] + columns[i][j]));
        let eigen = dense.self_adjoint_eigen(faer::Side::Lower).unwrap();
        let expected: Vec<f64> = (0..10).map(|k| eigen.S().column_vector()[n - 1 - k]).collect();

        let doubled = Doubled::new(&network, Curvature::Hessian).unwrap();
        let mut second = crate::train::SecondOrder::new(&doubled, &data);
        #[derive(Debug)]
        struct Broken;
        impl From<crate::landscape::DirectionError> for Broken {
            fn from(_: crate::landscape::DirectionError) -> Broken {
                Broken
            }
        }
        let found = largest(n, 10, 1e-9, 600, 1, &mut |v, out| {
            second.apply(&theta, v, out).map_err(|_| Broken)
        });
        for (found, expected) in found.unwrap().values.iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 1e-6 * eigen.S().column_vector()[n - 1],
                "{found} {expected}"
            );
        }
    }
}
