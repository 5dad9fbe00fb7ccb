//! Learning-rate schedules: a factor on the rate that depends on the progress in updates.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the rate moves with the update u = 0, 1, .., U-1, where an epoch has P updates and the run
/// U in all. The rate of an update is the optimiser's `rate` times the factor given here.
///
/// The cosine is that of Loshchilov & Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm
/// Restarts", without restarts; the linear warm-up is that of Goyal et al. (2017), "Accurate, Large
/// Minibatch SGD".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Schedule {
    /// 1.
    #[default]
    Constant,
    /// (1 + cos(pi u / U)) / 2, from 1 down to 0 at the end of the run.
    Cosine,
    /// share + (1 - share) (1 + cos(pi u / U)) / 2, from 1 down to `share`.
    CosineTo {
        /// The share of the rate that is left at the end, in 0..1.
        share: f64,
    },
    /// factor ^ floor(epoch / every), the epoch being floor(u / P).
    Step {
        /// Epochs between two changes of the rate.
        every: usize,
        /// What each change multiplies the rate by.
        factor: f64,
    },
    /// (u + 1) / W during the first W = epochs * P updates; then the schedule `then`, on the
    /// U - W updates that are left and counted from there.
    Warmup {
        /// Length of the warm-up.
        epochs: usize,
        /// What follows it.
        then: Box<Schedule>,
    },
}

impl Schedule {
    /// The factor for update `update` of `updates`, an epoch having `per_epoch` of them.
    pub fn factor(&self, update: usize, updates: usize, per_epoch: usize) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => cosine(update, updates),
            Schedule::CosineTo { share } => share + (1.0 - share) * cosine(update, updates),
            Schedule::Step { every, factor } => {
                let changes = update / per_epoch.max(1) / (*every).max(1);
                factor.powf(changes as f64)
            }
            Schedule::Warmup { epochs, then } => {
                let warmup = epochs * per_epoch;
                if update < warmup {
                    (update + 1) as f64 / warmup as f64
                } else {
                    then.factor(update - warmup, updates.saturating_sub(warmup), per_epoch)
                }
            }
        }
    }
}

fn cosine(update: usize, updates: usize) -> f64 {
    (1.0 + (PI * update as f64 / updates.max(1) as f64).cos()) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: &Schedule, updates: usize, per_epoch: usize) -> Vec<f64> {
        (0..updates).map(|update| schedule.factor(update, updates, per_epoch)).collect()
    }

    fn assert_close(actual: &[f64], expected: &[f64]) {
        assert_eq!(actual.len(), expected.len());
        for (actual, expected) in actual.iter().zip(expected) {
            assert!((actual - expected).abs() < 1e-15, "{actual} is not {expected}");
        }
    }

    #[test]
    fn the_cosine_falls_from_one_to_zero_by_updates_not_by_epochs() {
        let half = 0.5f64.sqrt();
        let expected = [1.0, (1.0 + half) / 2.0, 0.5, (1.0 - half) / 2.0];
        for per_epoch in [1, 2, 4] {
            assert_close(&factors(&Schedule::Cosine, 4, per_epoch), &expected);
        }
        assert_eq!(Schedule::Cosine.factor(4, 4, 1), 0.0);
        let lifted = expected.map(|factor| 0.2 + 0.8 * factor);
        assert_close(&factors(&Schedule::CosineTo { share: 0.2 }, 4, 2), &lifted);
    }

    #[test]
    fn steps_are_taken_at_the_ends_of_epochs() {
        let schedule = Schedule::Step { every: 2, factor: 0.1 };
        assert_close(
            &factors(&schedule, 10, 2),
            &[1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01],
        );
    }

    #[test]
    fn the_warm_up_is_linear_and_what_follows_starts_where_it_ends() {
        let schedule = Schedule::Warmup { epochs: 2, then: Box::new(Schedule::Cosine) };
        assert_close(&factors(&schedule, 6, 2), &[0.25, 0.5, 0.75, 1.0, 1.0, 0.5]);
        let longer_than_the_run =
            Schedule::Warmup { epochs: 4, then: Box::new(Schedule::Constant) };
        assert_close(&factors(&longer_than_the_run, 2, 1), &[0.25, 0.5]);
    }
}
