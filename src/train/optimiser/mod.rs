//! The update rules, a file each. They see slices and know nothing of what the numbers mean.

mod adam;
mod adamw;
mod sgd;

pub use adam::Adam;
pub use adamw::AdamW;
pub use sgd::Sgd;

/// How a gradient becomes an update.
pub trait Rule: Send {
    /// Moves `weights` by one update along `gradient`, at this rate.
    fn step(&mut self, weights: &mut [f64], gradient: &[f64], rate: f64);

    /// Everything the rule remembers between updates, by name. A rule of the same settings whose
    /// memory is overwritten with these values goes on bit for bit as this one would.
    fn memory(&mut self) -> Vec<(&'static str, &mut [f64])>;
}

#[cfg(test)]
mod tests {
    use crate::train::Optimiser;
    use serde::Deserialize;

    /// The file that tests/reference/optimisers.py writes.
    #[derive(Deserialize)]
    struct Reference {
        curvature: Vec<f64>,
        start: Vec<f64>,
        runs: Vec<Run>,
    }

    #[derive(Deserialize)]
    struct Run {
        optimiser: String,
        weights: Vec<Vec<f64>>,
    }

    fn reference() -> Reference {
        serde_json::from_str(include_str!("../../../tests/reference/optimisers.json")).unwrap()
    }

    #[test]
    fn the_rules_follow_their_papers_on_a_quadratic() {
        let reference = reference();
        for run in &reference.runs {
            let optimiser: Optimiser = ron::from_str(&run.optimiser).unwrap();
            let mut rule = optimiser.rule(reference.start.len());
            let mut weights = reference.start.clone();
            for (update, expected) in run.weights.iter().enumerate() {
                let gradient: Vec<f64> =
                    weights.iter().zip(&reference.curvature).map(|(w, c)| c * w).collect();
                rule.step(&mut weights, &gradient, optimiser.rate());
                for (actual, expected) in weights.iter().zip(expected) {
                    assert!(
                        (actual - expected).abs() < 1e-14,
                        "{}, update {update}: {actual} is not {expected}",
                        run.optimiser
                    );
                }
            }
        }
    }

    #[test]
    fn a_rule_given_the_memory_of_another_goes_on_as_it() {
        let reference = reference();
        for run in &reference.runs {
            let optimiser: Optimiser = ron::from_str(&run.optimiser).unwrap();
            let mut first = optimiser.rule(2);
            let mut weights = vec![1.0, -2.0];
            first.step(&mut weights, &[0.3, 0.1], 0.1);
            let mut second = optimiser.rule(2);
            for ((_, copy), (_, memory)) in second.memory().iter_mut().zip(first.memory()) {
                copy.copy_from_slice(memory);
            }
            let mut same = weights.clone();
            first.step(&mut weights, &[-0.2, 0.7], 0.05);
            second.step(&mut same, &[-0.2, 0.7], 0.05);
            assert_eq!(weights, same, "{}", run.optimiser);
        }
    }
}
