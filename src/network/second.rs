//! Products with second derivatives: H v of the Hessian and G v of the Gauss-Newton matrix, exact, through the solver.
//!
//! The directional derivative of the mean loss, phi(theta, v) = d/ds L(theta + s v), is itself the loss of a network:
//! the one whose states are (y, dy), whose weights are (theta, v) and whose field is that of the tangent. A step of a
//! method applied to it is the step and its tangent. Its gradient by theta is H v and its gradient by v that of L, so
//! the adjoint that gives gradients gives Hessians (tangent of the adjoint, by symmetry the adjoint of the tangent;
//! Pearlmutter, Fast exact multiplication by the Hessian, 1994). With psi = dz' l''(z) dz / 2, z held, in the place of phi
//! the gradient by v is G v (Schraudolph, Fast curvature matrix-vector products, 2002).

use std::sync::Arc;

use faer::MatRef;

use super::{Engine, Measure, Network, Start, Targets, Unfinished};
use crate::loss::{Loss, Wanted};
use crate::solve::Flow;

/// Which second derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curvature {
    /// H = L''.
    Hessian,
    /// G = J' l'' J with J the derivative of the outputs: H without the second derivatives of the outputs.
    GaussNewton,
}

impl Curvature {
    /// phi or psi of a sample with outputs (z, dz), and its derivative by them times `factor`.
    pub(super) fn value_and_slope(
        self,
        loss: Loss,
        outputs: &[f64],
        wanted: Wanted<'_>,
        factor: f64,
        slope: &mut [f64],
    ) -> f64 {
        let half = outputs.len() / 2;
        let (z, dz) = outputs.split_at(half);
        let (by_z, by_dz) = slope.split_at_mut(half);
        let along = |by: &[f64]| by.iter().zip(dz).map(|(s, d)| s * d).sum::<f64>() / factor;
        match self {
            Curvature::Hessian => {
                loss.values_and_slopes(z, half, wanted, factor, by_dz, &mut [0.0]);
                loss.curvature(z, dz, factor, by_z);
                along(by_dz)
            }
            Curvature::GaussNewton => {
                by_z.fill(0.0);
                loss.curvature(z, dz, factor, by_dz);
                0.5 * along(by_dz)
            }
        }
    }
}

/// A network and its tangent, as one network.
#[derive(Clone)]
pub struct Doubled<'n> {
    plain: &'n Network,
    network: Network,
    what: Curvature,
    /// Lengths of opening, of the field's weights at one coefficient, of head.
    parts: [usize; 3],
}

/// Memory for products, used again and again.
pub struct Products<'d, 'n> {
    doubled: &'d Doubled<'n>,
    engine: Engine<'d>,
    theta: Vec<f64>,
    gradient: Vec<f64>,
}

impl<'n> Doubled<'n> {
    /// The network with its tangent; none if the field does not know its second derivatives.
    pub fn new(plain: &'n Network, what: Curvature) -> Option<Doubled<'n>> {
        let flow = &plain.flow;
        let field = flow.field.tangent_field()?;
        let coefficient = flow.field.n_weights();
        let opening = match &plain.opening {
            Start::Dense(kernel) => Start::Dense(Arc::new(kernel.doubled(false).ok()?)),
            Start::Pad => Start::Pad,
        };
        let head = match &plain.head {
            Some(kernel) => Some(Arc::new(kernel.doubled(true).ok()?)),
            None => None,
        };
        let parts = [
            plain.n_opening(),
            coefficient,
            plain.head.as_ref().map_or(0, |kernel| kernel.n_weights()),
        ];
        let flow = Flow::new(field, flow.controls, &flow.tableau, flow.grid.clone());
        let layout = plain.layout.doubled();
        let network = Network {
            opening,
            flow,
            head,
            outputs: 2 * plain.outputs,
            layout,
            measure: Measure::Curvature(what),
            ..plain.clone()
        };
        Some(Doubled { plain, network, what, parts })
    }

    /// The network itself.
    pub fn plain(&self) -> &'n Network {
        self.plain
    }

    /// Memory for products.
    pub fn products(&self) -> Products<'_, 'n> {
        let n = self.network.n_parameters();
        Products {
            doubled: self,
            engine: Engine::new(&self.network),
            theta: vec![0.0; n],
            gradient: vec![0.0; n],
        }
    }

    /// Calls `each` with the runs of the vector of trained numbers: where a run stands in it, its length, and where
    /// run and tangent stand in the doubled vector.
    fn runs(&self, mut each: impl FnMut(usize, usize, [usize; 2])) {
        let [opening, coefficient, head] = self.parts;
        let mut at = 0;
        let coefficients = self.plain.flow.controls.coefficients();
        for length in
            [opening].into_iter().chain((0..coefficients).map(|_| coefficient)).chain([head])
        {
            each(at, length, [2 * at, 2 * at + length]);
            at += length;
        }
    }
}

impl Products<'_, '_> {
    /// The mean of phi (for the Hessian, the derivative of the mean loss along v) or psi over `samples`, without
    /// penalties; the product with v overwrites `out`.
    ///
    /// # Errors
    /// [`Unfinished`]: the first sample whose value is not finite.
    pub fn apply(
        &mut self,
        theta: &[f64],
        v: &[f64],
        (x, targets, samples): (MatRef<'_, f64>, Targets<'_>, &[usize]),
        out: &mut [f64],
    ) -> Result<f64, Unfinished> {
        let Products { doubled, engine, theta: both, gradient } = self;
        doubled.runs(|at, length, [first, second]| {
            both[first..first + length].copy_from_slice(&theta[at..at + length]);
            both[second..second + length].copy_from_slice(&v[at..at + length]);
        });
        let value = engine.gradient(both, x, targets, samples, gradient)?;
        doubled.runs(|at, length, [first, second]| {
            let from = match doubled.what {
                Curvature::Hessian => first,
                Curvature::GaussNewton => second,
            };
            out[at..at + length].copy_from_slice(&gradient[from..from + length]);
        });
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::Dataset;
    use crate::spec::Model;
    use crate::train::targets;

    fn model(field: &str, method: &str, extra: &str) -> String {
        format!(
            r#"(
            data: Peaks(classes: 3, train: 40),
            network: (
                opening: Dense(width: 4, activation: "tanh"), field: {field},
                controls: PiecewiseLinear(nodes: 3), horizon: 1.5, method: "{method}", stepping: Fixed(steps: 3),
            ),
            {extra}
            training: (optimiser: Adam(rate: 0.1), epochs: 1),
        )"#
        )
    }

    fn built(source: &str) -> (Network, Dataset) {
        let model = Model::parse(source, Path::new("m.ron"), &[]).unwrap();
        let data = model.dataset().unwrap();
        (model.network(&data.schema).unwrap(), data)
    }

    fn wave(n: usize, phase: f64) -> Vec<f64> {
        (0..n).map(|i| 0.6 * (phase + 1.7 * i as f64).sin()).collect()
    }

    #[test]
    fn hessian_products_are_the_differences_of_gradients() {
        let fields = [
            "\"resnet\"",
            "\"antisymmetric\"",
            "\"hamiltonian\"",
            "\"parabolic\"",
            "\"two_layer\"",
            r#"Formula(state: {"y": 4}, weights: {"K": Matrix(4, 4), "c": Scalar}, rhs: {"y": "sigmoid(K*y) .* sin(t + y) ./ (2 + y.^2) + c*exp(-y) + sum(y)"})"#,
        ];
        for (k, field) in fields.into_iter().enumerate() {
            // dopri5 has b_2 = 0; a loss each.
            let method = ["rk4", "euler", "dopri5"][k % 3];
            let loss = ["loss: \"softmax\",", "loss: \"squares\","][k % 2];
            let (network, data) = built(&model(field, method, loss));
            let n = network.n_parameters();
            let (theta, v) = (wave(n, 0.3), wave(n, 2.0));
            let samples: Vec<usize> = (0..40).step_by(3).collect();
            let part = (data.train.x.as_ref(), targets(&data.train.labels), samples.as_slice());
            let doubled = Doubled::new(&network, Curvature::Hessian).unwrap();
            let mut product = vec![0.0; n];
            let slope = doubled.products().apply(&theta, &v, part, &mut product).unwrap();

            let mut engine = Engine::new(&network);
            let mut gradient = |s: f64| {
                let moved: Vec<f64> = theta.iter().zip(&v).map(|(t, v)| t + s * v).collect();
                let mut gradient = vec![0.0; n];
                engine.gradient(&moved, part.0, part.1, part.2, &mut gradient).unwrap();
                gradient
            };
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let here = gradient(0.0);
            let along = dot(&here, &v);
            let size = (dot(&here, &here) * dot(&v, &v)).sqrt();
            assert!((slope - along).abs() < 1e-13 * size, "{field}: {slope} {along}");
            let h = 1e-3;
            let [a, b, c, d] = [-2.0, -1.0, 1.0, 2.0].map(|s| gradient(s * h));
            let scale = dot(&product, &product).sqrt();
            for i in 0..n {
                let difference = (a[i] - d[i] + 8.0 * (c[i] - b[i])) / (12.0 * h);
                assert!(
                    (product[i] - difference).abs() < 1e-8 * scale.max(1.0),
                    "{field} {i}: {} {difference}",
                    product[i]
                );
            }
        }
    }

    #[test]
    fn gauss_newton_is_the_hessian_where_outputs_are_linear_in_the_weights() {
        // Of the head alone: directions in head weights.
        let (network, data) = built(&model("\"resnet\"", "rk4", "loss: \"softmax\","));
        let n = network.n_parameters();
        let theta = wave(n, 0.1);
        let head = 15;
        let mut v = vec![0.0; n];
        v[n - head..].copy_from_slice(&wave(head, 1.0));
        let all: Vec<usize> = (0..40).collect();
        let part = (data.train.x.as_ref(), targets(&data.train.labels), all.as_slice());
        let apply = |what, v: &[f64]| {
            let mut out = vec![0.0; n];
            Doubled::new(&network, what)
                .unwrap()
                .products()
                .apply(&theta, v, part, &mut out)
                .unwrap();
            out
        };
        let (h, g) = (apply(Curvature::Hessian, &v), apply(Curvature::GaussNewton, &v));
        for i in n - head..n {
            assert!((h[i] - g[i]).abs() < 1e-14, "{i}: {} {}", h[i], g[i]);
        }
        // Symmetric and never negative, along any direction.
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (u, w) = (wave(n, 0.7), wave(n, 4.0));
        let (gu, gw) = (apply(Curvature::GaussNewton, &u), apply(Curvature::GaussNewton, &w));
        assert!((dot(&gu, &w) - dot(&gw, &u)).abs() < 1e-12);
        assert!(dot(&gu, &u) > 0.0);
    }

    #[test]
    fn a_network_without_opening_and_head_has_products_too() {
        const FLIP: &str = r#"(
            data: Flip(train: 10),
            network: (
                opening: Pad(width: 2), field: Formula(state: {"y": 2}, weights: {"K": Matrix(2, 2)}, rhs: {"y": "tanh(K*y)"}),
                controls: Legendre(degree: 2), horizon: 1.0, method: "heun3", stepping: Fixed(steps: 2), head: Linear,
            ),
            loss: "squares",
            training: (optimiser: Adam(rate: 0.1), epochs: 1),
        )"#;
        let (network, data) = built(FLIP);
        let n = network.n_parameters();
        let (theta, u, v) = (wave(n, 0.1), wave(n, 1.0), wave(n, 2.0));
        let all: Vec<usize> = (0..10).collect();
        let part = (data.train.x.as_ref(), targets(&data.train.labels), all.as_slice());
        let doubled = Doubled::new(&network, Curvature::Hessian).unwrap();
        let mut products = doubled.products();
        let mut apply = |v: &[f64]| {
            let mut out = vec![0.0; n];
            products.apply(&theta, v, part, &mut out).unwrap();
            out
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (hu, hv) = (apply(&u), apply(&v));
        assert!((dot(&hu, &v) - dot(&hv, &u)).abs() < 1e-13, "symmetric");
    }
}
