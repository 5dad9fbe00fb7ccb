//! Threads of a pool that stay awake between parallel regions.
//!
//! A worker of rayon that finds nothing to do looks round some thirty times and then sleeps; to wake it takes tens of
//! microseconds, as long as a whole gradient of a small batch takes. Between the gradients of a training there is less
//! to do than that, but more than the worker waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::Yield;

/// While it lives, the other threads of the pool that it was made in do not sleep. They take what work there is, and
/// give way to other programs.
#[derive(Debug)]
pub struct Awake {
    over: Arc<AtomicBool>,
}

impl Awake {
    /// Outside a pool it does nothing.
    pub fn keep() -> Awake {
        let over = Arc::new(AtomicBool::new(false));
        if let Some(own) = rayon::current_thread_index() {
            let over = Arc::clone(&over);
            rayon::spawn_broadcast(move |context| {
                // This thread would wait for itself.
                while context.index() != own && !over.load(Ordering::Relaxed) {
                    if rayon::yield_now() != Some(Yield::Executed) {
                        std::thread::yield_now();
                    }
                }
            });
        }
        Awake { over }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// The threads that are kept awake take jobs, and are free again in the end.
    #[test]
    fn work_is_done_meanwhile_and_the_pool_is_free_afterwards() {
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let awake = Awake::keep();
                for n in 0..100 {
                    assert_eq!(rayon::join(|| n, || n + 1), (n, n + 1));
                }
                drop(awake);
            });
            let (done, all) = mpsc::channel();
            pool.broadcast(|context| done.send(context.index()).unwrap());
            drop(done);
            assert_eq!(all.iter().count(), threads);
        }
        drop(Awake::keep());
    }
}
