//! The order in which an epoch goes through the training samples.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The stream of the seed from which the orders of batches are drawn, and nothing else.
pub const ORDER_STREAM: u64 = u64::from_be_bytes(*b"\0\0\0order");

/// The samples 0..n in the order of epoch `epoch`: a fresh permutation that depends on the seed and
/// the epoch alone, so that it need not be remembered in a checkpoint.
pub(super) fn shuffled(samples: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(ORDER_STREAM);
    // Each epoch has 2^40 words of the stream to itself, far more than a permutation draws.
    rng.set_word_pos((epoch as u128) << 40);
    let mut order: Vec<usize> = (0..samples).collect();
    order.shuffle(&mut rng);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_permutation_that_seed_and_epoch_decide() {
        let order = shuffled(50, 7, 3);
        assert_eq!(order, shuffled(50, 7, 3));
        assert_ne!(order, shuffled(50, 7, 4));
        assert_ne!(order, shuffled(50, 8, 3));
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }

    /// Weights of a run are promised to be the same in later versions: so must be the order.
    #[test]
    fn the_order_stays_what_it_is() {
        assert_eq!(shuffled(8, 1, 1), [6, 5, 2, 0, 3, 7, 4, 1]);
    }
}
