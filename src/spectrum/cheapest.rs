//! The cheapest grid of steps that a method may take, each no longer than is allowed while it lasts.

use super::accuracy::Tolerance;
use super::advice::{Limits, Method, Mode};
use crate::solve::Flow;

/// Most steps of a grid that is written out.
const MOST: usize = 10_000;

/// The longest accurate step at each of `times`, and from it the times of the steps, which land on the breaks of the
/// weights. Between two times the shorter of their steps is allowed. None if some time allows no step, or there
/// would be too many.
///
/// Steps are taken as long as they may be. No grid has fewer: where a step is allowed, so is every step within it.
pub fn grid(
    method: &Method,
    flow: &Flow,
    times: &[f64],
    modes: &[Vec<Mode>],
    tolerance: Tolerance,
) -> Option<Vec<f64>> {
    let horizon = flow.controls.horizon;
    let mut at: Vec<Vec<Mode>> = vec![Vec::new(); times.len()];
    for mode in modes.iter().flatten() {
        at.get_mut(mode.time)?.push(*mode);
    }
    let step =
        |limits: Limits| limits.accurate.map_or(horizon, |binding| binding.step.min(horizon));
    let mut allowed: Vec<(f64, f64)> = times
        .iter()
        .zip(&at)
        .map(|(t, modes)| (*t, step(method.limits(modes.iter(), horizon, tolerance))))
        .collect();
    allowed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let breaks: Vec<f64> = flow.controls.breaks().map(|at| at.t).collect();
    greedy(&allowed, &breaks, horizon)
}

/// As few times as there can be from 0 to the horizon, with all `stops` among them.
fn greedy(allowed: &[(f64, f64)], stops: &[f64], horizon: f64) -> Option<Vec<f64>> {
    let near = 1e-12 * horizon;
    let mut times = vec![0.0];
    let mut t = 0.0;
    while t < horizon - near {
        let stop = stops.iter().copied().find(|stop| *stop > t + near).unwrap_or(horizon);
        // The step from t to s is allowed if s - t is no more than the least step allowed between them.
        let mut end = stop;
        for (k, &(from, step)) in allowed.iter().enumerate() {
            let low = if k == 0 { 0.0 } else { allowed[k - 1].0 };
            let high = allowed.get(k + 1).map_or(horizon, |next| next.0);
            // This time's step holds up to its neighbours.
            if high <= t || low >= end || from.is_nan() {
                continue;
            }
            end = end.min(t + step.max(low - t));
        }
        if end <= t + near || times.len() > MOST {
            return None;
        }
        // A stop that is all but reached is reached.
        t = if end >= stop - near { stop } else { end };
        times.push(t);
    }
    Some(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_as_long_as_allowed_and_land_on_breaks() {
        let same = [(0.0, 0.3), (1.0, 0.3)];
        assert_eq!(greedy(&same, &[], 1.0).unwrap().len(), 5);
        let grid = greedy(&same, &[0.5], 1.0).unwrap();
        assert_eq!(grid, [0.0, 0.3, 0.5, 0.8, 1.0]);
        assert_eq!(greedy(&[(0.0, 0.3), (0.5, 0.0), (1.0, 0.3)], &[], 1.0), None);
        assert_eq!(greedy(&[(0.0, 9.0)], &[], 1.0).unwrap(), [0.0, 1.0]);
    }

    #[test]
    fn every_step_is_allowed_while_it_lasts() {
        let allowed: Vec<(f64, f64)> = (0..=20)
            .map(|k| (f64::from(k) / 4.0, 0.05 + 0.4 * (f64::from(k) * 0.7).sin().powi(2)))
            .collect();
        let grid = greedy(&allowed, &[1.3], 5.0).unwrap();
        assert!(grid.contains(&1.3) && grid.last() == Some(&5.0));
        for step in grid.windows(2) {
            let (from, to) = (step[0], step[1]);
            for pair in allowed.windows(2) {
                if pair[1].0 > from + 1e-9 && pair[0].0 < to - 1e-9 {
                    let least = pair[0].1.min(pair[1].1);
                    assert!(to - from <= least + 1e-9, "{step:?} {pair:?}");
                }
            }
        }
    }
}
