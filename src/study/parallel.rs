//! Work on many points at once, each on a thread of its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` on the numbers below `count`, in order, as many at once as the pool at hand has threads. Each runs on
/// a pool of one thread, so that points do not wait for each other. A call that returns false ends the work: no
/// further one is begun.
///
/// # Errors
/// If the system gives no thread.
pub fn side_by_side(
    count: usize,
    work: impl Fn(usize) -> bool + Sync,
) -> Result<(), rayon::ThreadPoolBuildError> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let serve = || {
        let pool = match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
            Ok(pool) => pool,
            Err(error) => {
                failed.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(error);
                return;
            }
        };
        pool.install(|| {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count || !work(number) {
                    next.store(count, Ordering::Relaxed);
                    return;
                }
            }
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(count) {
            scope.spawn(serve);
        }
    });
    failed.into_inner().unwrap_or_else(|e| e.into_inner()).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_worked_on_once_until_one_says_no() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let calls: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
        let call = |number: usize| {
            assert_eq!(rayon::current_num_threads(), 1);
            calls[number].fetch_add(1, Ordering::Relaxed)
        };
        pool.install(|| side_by_side(50, |n| call(n) == 0)).unwrap();
        assert!(calls.iter().all(|c| c.load(Ordering::Relaxed) == 1));
        let count = AtomicUsize::new(0);
        pool.install(|| side_by_side(50, |n| count.fetch_add(1, Ordering::Relaxed) < 9 && n < 9))
            .unwrap();
        assert!((10..=13).contains(&count.into_inner()));
    }
}
