//! Work on many points at once, each on a thread of its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` on the numbers below `count`, in order, as many at once as the pool at hand has threads. Each thread
/// has what `begin` makes, and a pool of itself alone, so that points do not wait for each other. A call that returns
/// false ends the work: no further one is begun.
///
/// # Errors
/// If the system gives no thread.
pub fn side_by_side<S>(
    count: usize,
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> bool + Sync,
) -> Result<(), rayon::ThreadPoolBuildError> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    // The pool's one thread makes what it works with and keeps it: it need not be moved between threads.
    let serve = || {
        next_of(&next, count, &begin, &work);
    };
    let pooled = || match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(serve),
        Err(error) => {
            failed.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(error);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(count) {
            scope.spawn(pooled);
        }
    });
    failed.into_inner().unwrap_or_else(|e| e.into_inner()).map_or(Ok(()), Err)
}

fn next_of<S>(
    next: &AtomicUsize,
    count: usize,
    begin: &impl Fn() -> S,
    work: &impl Fn(&mut S, usize) -> bool,
) {
    let mut own = begin();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count || !work(&mut own, number) {
            next.store(count, Ordering::Relaxed);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_worked_on_once_until_one_says_no() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let calls: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
        let begun = AtomicUsize::new(0);
        let begin = || begun.fetch_add(1, Ordering::Relaxed);
        let call = |_: &mut usize, number: usize| {
            assert_eq!(rayon::current_num_threads(), 1);
            calls[number].fetch_add(1, Ordering::Relaxed) == 0
        };
        pool.install(|| side_by_side(50, begin, call)).unwrap();
        assert!(calls.iter().all(|c| c.load(Ordering::Relaxed) == 1));
        assert_eq!(begun.into_inner(), 3);
        let count = AtomicUsize::new(0);
        let until = |_: &mut (), n: usize| count.fetch_add(1, Ordering::Relaxed) < 9 && n < 9;
        pool.install(|| side_by_side(50, || (), until)).unwrap();
        assert!((10..=13).contains(&count.into_inner()));
    }
}
