//! Shares: how a number is divided among groups, and how samples are kept apart for validation.

use rand::seq::SliceRandom;

use super::{DataError, Labels, SPLIT_STREAM, rng};

/// Divides `total` in proportion to `weights` by largest remainders (Hamilton 1792); of equal
/// remainders the first comes first. The parts sum to `total`.
pub(super) fn apportion(total: usize, weights: &[usize]) -> Vec<usize> {
    let sum: u128 = weights.iter().map(|&w| w as u128).sum::<u128>().max(1);
    let exact = |w: usize| total as u128 * w as u128;
    let mut parts: Vec<usize> = weights.iter().map(|&w| (exact(w) / sum) as usize).collect();
    let left = total.saturating_sub(parts.iter().sum());
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&k| std::cmp::Reverse(exact(weights[k]) % sum));
    for &k in order.iter().take(left) {
        parts[k] += 1;
    }
    parts
}

/// The indices of the training and of the validation samples, each in their first order.
///
/// A class gives the rounded share of its samples, at least one and never all; regression data
/// are one group.
pub(super) fn split(
    labels: &Labels,
    class_name: impl Fn(usize) -> String,
    share: f64,
    seed: u64,
) -> Result<(Vec<usize>, Vec<usize>), DataError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(DataError::Share { share });
    }
    let groups: Vec<Vec<usize>> = match labels {
        Labels::Targets(y) => vec![(0..y.ncols()).collect()],
        Labels::Classes(classes) => {
            let mut groups = vec![Vec::new(); classes.iter().max().map_or(0, |k| k + 1)];
            for (i, &k) in classes.iter().enumerate() {
                groups[k].push(i);
            }
            groups
        }
    };
    let mut rng = rng(seed, SPLIT_STREAM);
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for (k, mut group) in groups.into_iter().enumerate() {
        let count = group.len();
        if count < 2 {
            let group = match labels {
                Labels::Classes(_) => format!("class `{}`", class_name(k)),
                Labels::Targets(_) => "the data set".to_owned(),
            };
            return Err(DataError::TooFewToSplit { group, count });
        }
        group.shuffle(&mut rng);
        let kept = ((share * count as f64).round() as usize).clamp(1, count - 1);
        validation.extend(group.drain(..kept));
        train.append(&mut group);
    }
    train.sort_unstable();
    validation.sort_unstable();
    Ok((train, validation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn halves(labels: &Labels, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
        split(labels, |k| k.to_string(), share, seed).unwrap()
    }

    proptest! {
        #[test]
        fn parts_sum_and_keep_proportion(total in 0usize..10_000, weights in prop::collection::vec(1usize..50, 1..9)) {
            let parts = apportion(total, &weights);
            let sum: usize = weights.iter().sum();
            prop_assert_eq!(parts.iter().sum::<usize>(), total);
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = (total * weight) as f64 / sum as f64;
                prop_assert!((*part as f64 - exact).abs() < 1.0);
            }
        }

        #[test]
        fn every_class_is_in_both_parts(counts in prop::collection::vec(2usize..40, 2..5), share in 0.01f64..0.99, seed: u64) {
            let classes: Vec<usize> = counts.iter().enumerate().flat_map(|(k, &c)| std::iter::repeat_n(k, c)).collect();
            let (train, validation) = halves(&Labels::Classes(classes.clone()), share, seed);
            let mut all = [train.clone(), validation.clone()].concat();
            all.sort();
            prop_assert_eq!(all, (0..classes.len()).collect::<Vec<_>>());
            for (k, &count) in counts.iter().enumerate() {
                let kept = validation.iter().filter(|&&i| classes[i] == k).count();
                prop_assert!(kept >= 1 && kept < count);
                prop_assert!((kept as f64 - share * count as f64).abs() <= 1.0);
            }
        }
    }

    #[test]
    fn remainders_go_to_the_first() {
        assert_eq!(apportion(11, &[1, 1, 1]), [4, 4, 3]);
        assert_eq!(apportion(10, &[500, 1000]), [3, 7]);
        assert_eq!(apportion(2, &[1, 1, 1]), [1, 1, 0]);
    }

    #[test]
    fn the_seed_alone_decides() {
        let labels = Labels::Classes([0, 1].repeat(50));
        assert_eq!(halves(&labels, 0.2, 7), halves(&labels, 0.2, 7));
        assert_ne!(halves(&labels, 0.2, 7), halves(&labels, 0.2, 8));
    }

    #[test]
    fn shares_and_counts_out_of_range() {
        let labels = Labels::Classes(vec![0, 0, 1]);
        for share in [0.0, 1.0, -0.5, 20.0, f64::NAN] {
            let error = split(&labels, |k| k.to_string(), share, 0).unwrap_err();
            assert!(matches!(error, DataError::Share { .. }), "{error}");
        }
        let error = split(&labels, |_| "setosa".into(), 0.5, 0).unwrap_err().to_string();
        assert!(error.contains("class `setosa` has 1 sample"), "{error}");
    }
}
