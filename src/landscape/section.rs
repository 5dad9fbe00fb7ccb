//! The objective on a line or plane through the weights.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::data::Dataset;
use crate::network::Network;
use crate::parallel::side_by_side;
use crate::train::{Fit, Objective, Part};

/// What is found at a point: mean losses, shares told right, and the objective, the training loss with penalties.
pub const QUANTITIES: [&str; 5] =
    ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "objective"];

/// The values at a point, none if it is not known yet. A loss that is not finite is infinite; what there is none of,
/// as accuracies of regression, is NaN.
pub type Point = Option<[f64; 5]>;

/// A line or plane: theta + sum_k a_k d_k.
pub struct Section<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its data.
    pub data: &'a Dataset,
    /// theta
    pub origin: &'a [f64],
    /// d_1 and perhaps d_2.
    pub directions: &'a [Vec<f64>],
}

impl Section<'_> {
    /// The weights at a place.
    pub fn weights(&self, place: &[f64]) -> Vec<f64> {
        let mut theta = self.origin.to_vec();
        for (a, direction) in place.iter().zip(self.directions) {
            theta.iter_mut().zip(direction).for_each(|(t, d)| *t += a * d);
        }
        theta
    }

    /// Finds the values at all places that are not known, on all cores, a point each. `keep` is called now and then
    /// with what is known, and once at the end; when it returns false the work ends early.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn evaluate(
        &self,
        places: &[Vec<f64>],
        known: Vec<Point>,
        every: Duration,
        keep: impl Fn(&[Point]) -> bool + Sync,
    ) -> Result<Vec<Point>, rayon::ThreadPoolBuildError> {
        let open: Vec<usize> =
            (0..places.len()).filter(|&at| !matches!(known.get(at), Some(Some(_)))).collect();
        let mut known = known;
        known.resize(places.len(), None);
        let state = Mutex::new((known, Instant::now()));
        let begin = || (Fit::new(self.network, self.data), vec![0.0; self.origin.len()]);
        side_by_side(open.len(), begin, |(fit, room), number| {
            let Some(place) = open.get(number).and_then(|&at| places.get(at)) else { return true };
            let values = self.values(fit, &self.weights(place), room);
            let mut state = state.lock().unwrap_or_else(|e| e.into_inner());
            let (known, last) = &mut *state;
            if let Some(slot) = open.get(number).and_then(|&at| known.get_mut(at)) {
                *slot = Some(values);
            }
            if last.elapsed() < every {
                return true;
            }
            *last = Instant::now();
            keep(known)
        })?;
        let (known, _) = state.into_inner().unwrap_or_else(|e| e.into_inner());
        keep(&known);
        Ok(known)
    }

    fn values(&self, fit: &mut Fit<'_>, theta: &[f64], room: &mut [f64]) -> [f64; 5] {
        let mut part = |part: Part| match fit.samples(part) {
            0 => [f64::NAN; 2],
            _ => match fit.evaluate(theta, part) {
                Ok(score) if score.loss.is_finite() => {
                    [score.loss, score.accuracy.unwrap_or(f64::NAN)]
                }
                _ => [f64::INFINITY, f64::NAN],
            },
        };
        let ([loss, share], [validation, right]) = (part(Part::Train), part(Part::Validation));
        // The gradient of the penalties goes to a place that nobody reads.
        [loss, share, validation, right, loss + self.network.penalty(theta, room)]
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::landscape::{Biases, filtered, random};
    use crate::spec::Model;

    const RELU: &str = r#"(
        data: Rings(classes: [[(inner: 1, outer: 2, count: 40)], [(inner: 0, outer: 0.5, count: 40)]], validation: 30),
        network: (
            opening: Pad(width: 3),
            field: Formula(state: {"y": 3}, weights: {"K1": Matrix(6, 3), "b1": Vector(6), "K2": Matrix(3, 6)}, rhs: {"y": "K2*relu(K1*y + b1)"}),
            controls: PiecewiseLinear(nodes: 3), horizon: 1.0, method: "rk4", stepping: Fixed(steps: 2),
        ),
        loss: "logistic",
        training: (optimiser: Adam(rate: 0.1), epochs: 1),
    )"#;

    fn built() -> (Network, Dataset) {
        let model = Model::parse(RELU, Path::new("m.ron"), &[]).unwrap();
        let data = model.dataset().unwrap();
        (model.network(&data.schema).unwrap(), data)
    }

    fn evaluated(network: &Network, data: &Dataset, theta: &[f64], d: Vec<f64>) -> Vec<[f64; 5]> {
        let section = Section { network, data, origin: theta, directions: &[d] };
        let places: Vec<Vec<f64>> = (-3..=3).map(|k| vec![0.3 * f64::from(k)]).collect();
        let values = section.evaluate(&places, Vec::new(), Duration::ZERO, |_| true).unwrap();
        values.into_iter().map(Option::unwrap).collect()
    }

    #[test]
    fn scaling_a_network_that_stays_the_same_moves_nothing_along_filtered_directions() {
        let (network, data) = built();
        let theta = random(network.n_parameters(), 3, 0);
        let mut scaled = theta.clone();
        for entry in network.layout().entries() {
            let factor = match entry.name.as_str() {
                "field.K1" | "field.b1" => 3.7,
                "field.K2" => 1.0 / 3.7,
                _ => continue,
            };
            for copy in 0..entry.copies {
                let start = entry.start + copy * entry.stride;
                scaled[start..start + entry.rows * entry.cols]
                    .iter_mut()
                    .for_each(|x| *x *= factor);
            }
        }
        let drawn = random(theta.len(), 5, 0);
        for biases in [Biases::Frozen, Biases::Normalised] {
            let values = |theta: &[f64]| {
                evaluated(&network, &data, theta, filtered(&network, theta, &drawn, biases))
            };
            let (a, b) = (values(&theta), values(&scaled));
            assert!(a[0][0] != a[3][0], "the direction leads somewhere");
            for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
                assert!((a - b).abs() < 1e-10, "{biases:?}: {a} {b}");
            }
        }
        // A direction that is not normalised tells the two apart.
        let (a, b) = (
            evaluated(&network, &data, &theta, drawn.clone()),
            evaluated(&network, &data, &scaled, drawn),
        );
        assert!((a[0][0] - b[0][0]).abs() > 1e-3);
    }

    #[test]
    fn the_centre_is_the_loss_and_what_is_known_is_not_found_again() {
        let (network, data) = built();
        let theta = random(network.n_parameters(), 3, 0);
        let direction = random(network.n_parameters(), 3, 1);
        let values = evaluated(&network, &data, &theta, direction.clone());
        let mut fit = Fit::new(&network, &data);
        let here = fit.evaluate(&theta, Part::Train).unwrap();
        assert!((values[3][0] - here.loss).abs() < 1e-14);
        assert_eq!(Some(values[3][1]), here.accuracy);
        let section =
            Section { network: &network, data: &data, origin: &theta, directions: &[direction] };
        let places: Vec<Vec<f64>> = (0..20).map(|k| vec![f64::from(k)]).collect();
        let mut known = vec![Some([7.0; 5]); 20];
        known[11] = None;
        let calls = AtomicUsize::new(0);
        let found = section.evaluate(&places, known, Duration::ZERO, |known| {
            calls.fetch_add(1, Ordering::Relaxed);
            known.iter().all(Option::is_some)
        });
        let found = found.unwrap();
        assert!(calls.into_inner() <= 2);
        assert!(found.iter().enumerate().all(|(k, p)| (p == &Some([7.0; 5])) == (k != 11)));
    }
}
