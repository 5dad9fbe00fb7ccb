//! The flow itself, apart from the steps it was trained with: steps refined until the final states no longer change.
//!
//! A trained network answers by a method and its steps. Whether it is an ordinary differential equation shows in
//! whether the answer stays when the steps are refined (Ott, Katiyar, Hennig, Tiemann, ResNet after all, ICLR 2021;
//! Queiruga, Erichson, Taylor, Mahoney, Continuous-in-depth neural networks, 2020; Krishnapriyan, Queiruga, Erichson,
//! Mahoney, Learning continuous models for continuous physics, 2022).

use faer::{Mat, MatRef};

use crate::network::{Engine, Network};
use crate::solve::Flow;
use crate::tableau::{self, Tableau};

/// The method of the refined flow: of the catalogue's the one of fifth order with the least error.
const METHOD: &str = "tsit5";
/// Most steps between two breaks of the weights, and of the whole grid.
const MOST_STEPS: usize = 1 << 14;
/// The tolerance that commands take unless told otherwise.
pub const TOLERANCE: f64 = 1e-8;

/// A network whose steps are so fine that it is the flow.
#[derive(Clone)]
pub struct Converged {
    /// The same network on the refined grid.
    pub network: Network,
    /// The final states, width x samples.
    pub states: Mat<f64>,
    /// The steps of the grid.
    pub steps: usize,
    /// By how much the states moved when the steps were halved last, see [`distance`].
    pub change: f64,
    /// Whether that is within the tolerance; if not, these are the finest steps that are tried.
    pub settled: bool,
}

/// Why there is no converged flow.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the fields are what the messages show
pub enum FlowError {
    #[error("the method of the refined flow is not in the catalogue: {0}")]
    Method(#[from] tableau::TableauError),
    #[error(
        "the flow has no finite end even with {steps} steps; its solution may not exist up to the horizon"
    )]
    NotFinite { steps: usize },
}

/// Refines the flow of a network from steps between the breaks of its weights, halving them until the final states of
/// all samples `x` move by at most `tolerance` ([`distance`]). Steps land on the breaks.
///
/// # Errors
/// [`FlowError`], if the states are not finite even on the finest grid.
pub fn converged(
    network: &Network,
    theta: &[f64],
    x: MatRef<'_, f64>,
    tolerance: f64,
) -> Result<Converged, FlowError> {
    let method = tableau::named(METHOD)?.to_f64();
    let pieces = pieces(network);
    let most = (MOST_STEPS / pieces).max(2);
    let mut each = 8_usize.div_ceil(pieces);
    let mut before: Option<Mat<f64>> = None;
    loop {
        let steps = each * pieces;
        let refined = resolved(network, &method, steps);
        let states = final_states(&refined, theta, x);
        let change =
            before.as_ref().map_or(f64::NAN, |before| distance(before.as_ref(), states.as_ref()));
        let settled = change <= tolerance;
        if settled || 2 * each > most {
            let finite = states.col_iter().all(|c| c.iter().all(|y| y.is_finite()));
            return match finite {
                true => Ok(Converged { network: refined, states, steps, change, settled }),
                false => Err(FlowError::NotFinite { steps }),
            };
        }
        before = Some(states);
        each *= 2;
    }
}

/// Pieces on which the weights are smooth.
pub fn pieces(network: &Network) -> usize {
    network.flow.controls.breaks().len() + 1
}

/// The network with another method and so many equal steps.
pub fn resolved(network: &Network, method: &Tableau<f64>, steps: usize) -> Network {
    let flow = &network.flow;
    let horizon = flow.controls.horizon;
    let grid = (0..=steps).map(|i| horizon * i as f64 / steps as f64).collect();
    let mut network = network.clone();
    network.flow = Flow::new(flow.field.clone(), flow.controls, method, grid);
    network
}

/// The states at the horizon, width x samples.
pub fn final_states(network: &Network, theta: &[f64], x: MatRef<'_, f64>) -> Mat<f64> {
    Engine::new(&network.headless()).outputs(theta, x)
}

/// The root mean square over the samples of |a - b|, over that of |b| where it is larger than 1.
pub fn distance(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    let mean = |sum: f64| (sum / b.ncols().max(1) as f64).sqrt();
    let size: f64 = b.col_iter().flat_map(|c| c.iter()).map(|y| y * y).sum();
    let pairs = a.col_iter().zip(b.col_iter());
    let apart: f64 =
        pairs.flat_map(|(a, b)| a.iter().zip(b.iter())).map(|(a, b)| (a - b).powi(2)).sum();
    mean(apart) / mean(size).max(1.0)
}

/// The slopes of log error over log step between neighbours; none where an error is zero or not finite.
pub fn observed_orders(steps: &[usize], errors: &[f64]) -> Vec<Option<f64>> {
    let pairs = steps.windows(2).zip(errors.windows(2));
    let slope = |(n, e): (&[usize], &[f64])| {
        let slope = (e[0] / e[1]).ln() / (n[1] as f64 / n[0] as f64).ln();
        (e[0] > 0.0 && e[1] > 0.0 && slope.is_finite()).then_some(slope)
    };
    pairs.map(slope).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spec::Model;

    const SPIN: &str = r#"(
        data: Rings(classes: [[(inner: 1, outer: 2, count: 5)], [(inner: 2, outer: 3, count: 5)]]),
        network: (
            opening: Identity,
            field: Formula(state: {"y": 2}, weights: {"K": Matrix(2, 2)}, rhs: {"y": "K*y"}),
            controls: PiecewiseConstant(cells: 3), horizon: 2.0, method: "euler", stepping: Fixed(steps: 4),
        ),
        loss: "softmax",
        training: (optimiser: Adam(rate: 0.1), epochs: 1),
    )"#;

    fn spin() -> (Network, Vec<f64>, Mat<f64>) {
        let model = Model::parse(SPIN, Path::new("spin.ron"), &[]).unwrap();
        let data = model.dataset().unwrap();
        let network = model.network(&data.schema).unwrap();
        let mut theta = vec![0.0; network.n_parameters()];
        // A quarter turn a unit of time, then none, then back twice as fast: in all a turn by -pi/3.
        for (cell, speed) in [1.0, 0.0, -2.0].into_iter().enumerate() {
            (theta[4 * cell + 1], theta[4 * cell + 2]) =
                (0.5 * std::f64::consts::PI * speed, -0.5 * std::f64::consts::PI * speed);
        }
        (network, theta, data.train.x)
    }

    #[test]
    fn a_rotation_with_jumps_in_its_speed_is_met_to_the_tolerance() {
        let (network, theta, x) = spin();
        let angle = -std::f64::consts::PI / 3.0;
        let exact = Mat::from_fn(2, x.ncols(), |i, j| match i {
            0 => angle.cos() * x[(0, j)] - angle.sin() * x[(1, j)],
            _ => angle.sin() * x[(0, j)] + angle.cos() * x[(1, j)],
        });
        let flow = converged(&network, &theta, x.as_ref(), 1e-10).unwrap();
        assert!(flow.settled && flow.steps.is_multiple_of(3), "{}", flow.steps);
        assert!(distance(flow.states.as_ref(), exact.as_ref()) < 1e-10);
        assert!(
            distance(final_states(&network, &theta, x.as_ref()).as_ref(), exact.as_ref()) > 0.1
        );
    }

    #[test]
    fn methods_come_to_the_flow_with_their_order() {
        let (network, theta, x) = spin();
        let flow = converged(&network, &theta, x.as_ref(), 1e-12).unwrap();
        for (name, order) in [("euler", 1.0), ("heun2", 2.0), ("kutta3", 3.0), ("rk4", 4.0)] {
            let method = tableau::named(name).unwrap().to_f64();
            let steps = [48, 96, 192];
            let errors = steps.map(|n| {
                let states = final_states(&resolved(&network, &method, n), &theta, x.as_ref());
                distance(states.as_ref(), flow.states.as_ref())
            });
            let found = observed_orders(&steps, &errors)[1].unwrap();
            assert!((found - order).abs() < 0.1, "{name}: {found}");
        }
    }

    #[test]
    fn a_flow_without_an_end_is_told() {
        let source = SPIN.replace("K*y\"", "y .* y .* y + K*y\"");
        let model = Model::parse(&source, Path::new("spin.ron"), &[]).unwrap();
        let data = model.dataset().unwrap();
        let network = model.network(&data.schema).unwrap();
        let theta = vec![0.0; network.n_parameters()];
        let found = converged(&network, &theta, data.train.x.as_ref(), 1e-8);
        assert!(matches!(found, Err(FlowError::NotFinite { .. })));
    }
}
