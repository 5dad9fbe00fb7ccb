//! The gradient of a flow that chooses its steps, by other ways than the one that trains.

use faer::MatRef;
use serde::Serialize;

use super::{norm, relative};
use crate::network::{Engine, Network};
use crate::solve::adaptive::{Wanted, adjoints, solve};

/// Largest relative distance from diffsol's `step_vjp`, an exact adjoint too.
pub const STEP_VJP_TOLERANCE: f64 = 1e-10;
/// A way back that misses the start by more is told of.
const MISSED: f64 = 1e-2;

/// Other ways, side by side: relative distances of the gradient by the field's weights, for a random cotangent of
/// the final states.
#[derive(Clone, Debug, Serialize)]
pub struct Adjoints {
    /// From diffsol's `step_vjp`; none for methods that diffsol does not take.
    pub step_vjp: Option<f64>,
    /// From the continuous adjoint (diffsol's Tsit5 at the same tolerance); none where it does not get there.
    pub continuous: Option<f64>,
    /// |y(0) - y'(0)| / |y(0)|, y'(0) solved for back from y(T); none where that does not get there.
    pub reversed: Option<f64>,
}

impl Adjoints {
    /// What solving back would do, if it would do harm.
    pub fn warning(&self) -> Option<String> {
        let missed = match self.reversed {
            Some(missed) if missed <= MISSED => return None,
            Some(missed) => format!("misses y(0) by {:.1e} of its size", missed),
            None => "does not get to y(0)".to_owned(),
        };
        Some(format!(
            "solving back from y(T) {missed}: an adjoint that does without stored states would be wrong"
        ))
    }
}

/// Compares for samples `x`; none for a network over a grid that is given, or whose solver gives up.
pub(super) fn compare(
    network: &Network,
    weights: &[f64],
    x: MatRef<'_, f64>,
    draw: impl FnOnce(usize) -> Vec<f64>,
) -> Option<Adjoints> {
    let flow = &network.flow;
    let adaptive = flow.adaptive.as_deref()?;
    let start = Engine::new(network).opened(weights, x);
    let theta = network.field_weights(weights);
    let solution = solve(flow, adaptive, theta, &start, Wanted::default());
    let cotangent = draw(start.len());
    let over = flow.over(solution.grid);
    let ours = adjoints::discrete(&over, theta, &start, &cotangent).gradient;
    let distance = |theirs: &[f64]| {
        let apart: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
        relative(norm(&apart), norm(&ours))
    };
    let step_vjp = adjoints::step_vjp(flow, adaptive, theta, &start, &cotangent);
    let step_vjp = step_vjp.ok().flatten().map(|(_, pulled)| distance(&pulled.gradient));
    let continuous = adjoints::continuous(flow, &adaptive.control, theta, &start, &cotangent);
    let continuous = continuous.ok().map(|pulled| distance(&pulled.gradient));
    let back = adjoints::reversed(flow, adaptive, theta, &solution.state).ok();
    let reversed = back.map(|back| {
        let apart: Vec<f64> = start.iter().zip(&back).map(|(a, b)| a - b).collect();
        relative(norm(&apart), norm(&start))
    });
    Some(Adjoints { step_vjp, continuous, reversed })
}
