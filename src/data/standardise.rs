//! Features with mean 0 and variance 1.

use faer::{Mat, MatMut};
use serde::{Deserialize, Serialize};

use super::DataError;

/// x -> (x - mean) / deviation for each feature, with the mean and the deviation
/// sqrt(Σ (x - mean)² / count) of the training part. A feature that is constant there has
/// deviation 0 and becomes 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardisation {
    /// The mean of each feature.
    pub mean: Vec<f64>,
    /// The standard deviation of each feature.
    pub deviation: Vec<f64>,
}

impl Standardisation {
    /// Fits to the rows of `x` (features x count).
    ///
    /// # Errors
    /// [`DataError::Overflow`] when a moment is beyond f64; `place` and `names` say where.
    pub fn fit(x: &Mat<f64>, place: &str, names: &[String]) -> Result<Self, DataError> {
        let count = x.ncols().max(1) as f64;
        let mut fitted = Self { mean: Vec::new(), deviation: Vec::new() };
        for (i, row) in x.row_iter().enumerate() {
            // Each value is divided first, so that a mean never overflows.
            let mean = row.iter().map(|v| v / count).sum::<f64>();
            let first = row.iter().next().copied().unwrap_or(0.0);
            let deviation = if row.iter().all(|&v| v == first) {
                0.0
            } else {
                (row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
            };
            if !mean.is_finite() || !deviation.is_finite() {
                let column = names.get(i).cloned().unwrap_or_else(|| format!("x{}", i + 1));
                return Err(DataError::Overflow { place: place.to_owned(), column });
            }
            fitted.mean.push(mean);
            fitted.deviation.push(deviation);
        }
        Ok(fitted)
    }

    /// Standardises `x` (features x count) in place.
    ///
    /// # Errors
    /// [`DataError::FeatureCount`] when `x` has another number of features.
    pub fn apply(&self, mut x: MatMut<'_, f64>) -> Result<(), DataError> {
        if x.nrows() != self.mean.len() || x.nrows() != self.deviation.len() {
            return Err(DataError::FeatureCount {
                place: "the data to standardise".to_owned(),
                found: x.nrows(),
                expected: self.mean.len(),
            });
        }
        for column in x.as_mut().col_iter_mut() {
            for ((v, mean), deviation) in column.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *v = if *deviation == 0.0 { 0.0 } else { (*v - mean) / deviation };
            }
        }
        Ok(())
    }

    /// The value that became `value` of this feature; the mean for a constant one.
    pub fn original(&self, feature: usize, value: f64) -> f64 {
        let of = |moments: &[f64]| moments.get(feature).copied().unwrap_or(f64::NAN);
        of(&self.mean) + of(&self.deviation) * value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["a".into(), "b".into(), "c".into()]
    }

    #[test]
    fn moments_are_zero_and_one_and_a_constant_becomes_zero() {
        let mut x = Mat::from_fn(3, 7, |i, j| match i {
            0 => (j * j) as f64,
            1 => 0.1, // its mean is not exactly 0.1, so a rounding error must not be blown up
            _ => -1e6 + j as f64,
        });
        let fitted = Standardisation::fit(&x, "x", &names()).unwrap();
        fitted.apply(x.as_mut()).unwrap();
        for i in [0, 2] {
            let mean = x.row(i).iter().sum::<f64>() / 7.0;
            let variance = x.row(i).iter().map(|v| v * v).sum::<f64>() / 7.0;
            assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-9, "{mean} {variance}");
        }
        assert!(x.row(1).iter().all(|&v| v == 0.0));
        assert_eq!(fitted.deviation[1], 0.0);
    }

    #[test]
    fn new_data_are_moved_by_the_fitted_moments() {
        let x = Mat::from_fn(1, 2, |_, j| 2.0 + 4.0 * j as f64); // 2, 6: mean 4, deviation 2
        let fitted = Standardisation::fit(&x, "x", &names()).unwrap();
        let mut new = Mat::from_fn(1, 1, |_, _| 10.0);
        fitted.apply(new.as_mut()).unwrap();
        assert_eq!(new[(0, 0)], 3.0);
        assert_eq!(fitted.original(0, 3.0), 10.0);
        let text = ron::to_string(&fitted).unwrap();
        assert_eq!(ron::from_str::<Standardisation>(&text).unwrap(), fitted);
    }

    #[test]
    fn too_large_and_wrong_width_are_refused() {
        let x = Mat::from_fn(1, 2, |_, j| if j == 0 { 1e308 } else { -1e308 });
        let error = Standardisation::fit(&x, "big.csv", &names()).unwrap_err();
        assert!(error.to_string().contains("big.csv: the values of column `a`"), "{error}");
        let fitted = Standardisation { mean: vec![0.0], deviation: vec![1.0] };
        let error = fitted.apply(Mat::zeros(2, 1).as_mut()).unwrap_err();
        assert!(error.to_string().contains("2 features where 1"), "{error}");
    }
}
