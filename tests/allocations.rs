//! What allocates: all memory of gradient, score and training step is there after the first call.
//!
//! The counter is that of the whole process, so that the threads of a pool are counted too. There is no harness, whose
//! own thread would be counted with them.
//!
//! Two libraries could spoil it. faer packs large products into memory that each thread takes once, at its first
//! product, on processors with AVX2 and FMA; elsewhere its `gemm` makes a small list for every product, and nothing
//! is held there. rayon's `join` pushes into a deque that begins with room for 64 jobs, where we need 3; entering a
//! pool from outside takes a block for every 63 entries, which is why everything here happens inside the pool.

mod watched;

use std::alloc::System;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, LazyLock};

use faer::Mat;
use kutta::control::Basis;
use kutta::data::{Dataset, Kind, Labels, Samples, Schema};
use kutta::loss::{Loss, Penalties};
use kutta::network::{Engine, Network, Targets, Task};
use kutta::train::{Checkpoint, Event, Fit, Optimiser, Training, train};
use rayon::{ThreadPool, ThreadPoolBuilder};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use watched::{Call, network, numbers, watched};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SOFTMAX: (Loss, Task) = (Loss::Softmax, Task::Classes(3));
const LOSSES: [(Loss, Task); 4] = [
    SOFTMAX,
    (Loss::Logistic, Task::Classes(2)),
    (Loss::Squares, Task::Classes(3)),
    (Loss::Squares, Task::Targets(2)),
];
const LINEAR: Basis = Basis::PiecewiseLinear { nodes: 3 };

/// How often memory was asked for, by any thread.
fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(MEMORY);
    work();
    let change = region.change();

    change.allocations + change.reallocations
}

/// Runs inside a pool of so many threads. The pools stay: threads that start or end would be counted.
fn inside<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    static POOLS: LazyLock<[ThreadPool; 3]> = LazyLock::new(|| {
        [1, 2, 3].map(|n| ThreadPoolBuilder::new().num_threads(n).build().expect("a pool"))
    });
    POOLS[threads - 1].install(work)
}

/// Holds each thread of a pool at its first evaluation until all have come to theirs, so that none is left whose
/// memory was not needed in the first call.
fn meeting(threads: usize) -> impl Fn(Call) + Send + Sync {
    let barrier = Barrier::new(threads);
    let came: Vec<AtomicBool> = (0..threads).map(|_| AtomicBool::new(false)).collect();
    move |call| {
        let thread = rayon::current_thread_index().expect("inside the pool");
        if matches!(call, Call::Eval(_)) && !came[thread].swap(true, Ordering::Relaxed) {
            barrier.wait();
        }
    }
}

/// Allocations of a second gradient and a second score.
fn of_second_calls(network: &Network, task: Task) -> [usize; 2] {
    let mut engine = Engine::new(network);
    // As many threads have work; the blocks are not all of one size.
    let count = 3 * engine.block() + 1;
    let x = Mat::from_fn(2, count, |i, j| (1.0 + i as f64 + 0.3 * j as f64).sin());
    let values = Mat::from_fn(network.outputs(), count, |i, j| (i as f64 - 0.4 * j as f64).cos());
    let classes: Vec<usize> = match task {
        Task::Classes(n) => (0..count).map(|i| i % n).collect(),
        Task::Targets(_) => Vec::new(),
    };
    let targets = match task {
        Task::Classes(_) => Targets::Classes(&classes),
        Task::Targets(_) => Targets::Values(values.as_ref()),
    };
    let samples: Vec<usize> = (0..count).rev().collect();
    let theta = numbers(network.n_parameters(), 1.0 / network.width() as f64);
    let mut gradient = vec![0.0; theta.len()];
    let mut call = || {
        let slope = allocations(|| {
            let loss = engine.gradient(&theta, x.as_ref(), targets, &samples, &mut gradient);
            assert!(loss.is_ok());
        });
        let score = allocations(|| assert!(engine.score(&theta, x.as_ref(), targets).is_ok()));
        [slope, score]
    };
    assert!(call()[0] > 0, "the first gradient finds no memory");
    call()
}

fn allocations_of_all_threads_are_counted() {
    let vectors = inside(2, || {
        allocations(|| {
            rayon::broadcast(|_| drop(std::hint::black_box(vec![1.0_f64; 8])));
        })
    });
    assert!(vectors >= 2, "{vectors}");
}

fn second_gradients_and_scores_allocate_nothing() {
    for name in kutta::field::names() {
        // The blocks of a Hamiltonian field are of one size.
        let narrow = if name == "hamiltonian" { 4 } else { 3 };
        for width in [narrow, 16, 64] {
            for method in ["euler", "rk4", "dopri5"] {
                for dense in [true, false] {
                    for threads in [1, 3] {
                        let case = format!("{name}, {width}, {method}, {dense}, {threads}");
                        let found = inside(threads, || {
                            let field = watched(name, width, meeting(threads));
                            let network = network(field, (method, 2, LINEAR), dense, SOFTMAX);
                            of_second_calls(&network, SOFTMAX.1)
                        });
                        assert_eq!(found, [0, 0], "{case}");
                    }
                }
            }
        }
    }
}

fn so_with_every_loss_and_basis() {
    let bases = [
        Basis::Constant,
        Basis::PiecewiseConstant { cells: 2 },
        LINEAR,
        Basis::Legendre { degree: 2 },
    ];
    for (loss, task) in LOSSES {
        for basis in bases {
            for threads in [1, 3] {
                let found = inside(threads, || {
                    let field = watched("antisymmetric", 16, meeting(threads));
                    let network = network(field, ("rk4", 3, basis), true, (loss, task));
                    of_second_calls(&network, task)
                });
                assert_eq!(found, [0, 0], "{loss:?} {task:?} {basis:?}, {threads}");
            }
        }
    }
}

/// Wide enough that faer packs both factors.
fn so_with_large_products() {
    for width in [130, 520] {
        let found = inside(2, || {
            let field = watched("resnet", width, meeting(2));
            of_second_calls(&network(field, ("euler", 1, LINEAR), true, SOFTMAX), SOFTMAX.1)
        });
        assert_eq!(found, [0, 0], "{width}");
    }
}

/// A small call between two large ones leaves the memory of the groups that it has no blocks for.
fn a_small_call_in_between_costs_nothing() {
    let found = inside(1, || {
        let network = network(watched("resnet", 8, |_| ()), ("rk4", 2, LINEAR), true, SOFTMAX);
        let x = Mat::from_fn(2, 300, |i, j| (1.0 + i as f64 + 0.3 * j as f64).sin());
        let labels: Vec<usize> = (0..300).map(|i| i % 3).collect();
        let all: Vec<usize> = (0..300).collect();
        let theta = network.initial(1);
        let mut gradient = vec![0.0; theta.len()];
        let mut engine = Engine::new(&network);
        let mut call = |samples: &[usize]| {
            let targets = Targets::Classes(&labels);
            let loss = engine.gradient(&theta, x.as_ref(), targets, samples, &mut gradient);
            assert!(loss.is_ok());
        };
        call(&all);
        allocations(|| {
            call(&all[..10]);
            call(&all);
        })
    });
    assert_eq!(found, 0);
}

fn dataset() -> Dataset {
    let samples = |count: usize| Samples {
        x: Mat::from_fn(2, count, |i, j| (1.0 + i as f64 + 0.3 * j as f64).sin()),
        labels: Labels::Classes((0..count).map(|i| i % 3).collect()),
    };
    let schema = Schema {
        features: vec!["x1".into(), "x2".into()],
        labels: Vec::new(),
        kind: Kind::Classes(3),
        class_names: None,
        standardisation: None,
    };
    Dataset { train: samples(300), validation: samples(40), schema }
}

/// Allocations between the ends of the first and the second epoch, so many samples an update.
fn of_an_epoch(optimiser: &Optimiser, penalties: Penalties, batch: usize) -> usize {
    let mut network = network(watched("resnet", 8, |_| ()), ("rk4", 2, LINEAR), true, SOFTMAX);
    network.penalties = penalties;
    let data = dataset();
    let training = Training {
        snapshots: 0,
        optimiser: optimiser.clone(),
        epochs: 2,
        batch: Some(batch),
        checkpoint: 0,
        stop: None,
    };
    let start = Checkpoint::fresh("allocations", network.initial(1));
    let ends = RefCell::new(Vec::with_capacity(10));
    let mut observer = |event: Event<'_>| {
        if let Event::EpochDone { .. } = event {
            let so_far = MEMORY.stats();
            ends.borrow_mut().push(so_far.allocations + so_far.reallocations);
        }
        Ok(())
    };
    let never = AtomicBool::new(false);
    train(&mut Fit::new(&network, &data), start, &training, 1, &never, &mut observer)
        .expect("settings that fit");
    let ends = ends.into_inner();
    ends[2] - ends[1]
}

/// An epoch makes its order, a row of the history and a list of what the optimiser remembers; an update nothing.
fn an_epoch_of_many_updates_allocates_as_often_as_one_of_few() {
    let optimisers = [
        "Sgd(rate: 0.1)",
        "Sgd(rate: 0.1, momentum: 0.9)",
        "Sgd(rate: 0.1, momentum: 0.9, nesterov: true)",
        "Adam(rate: 0.01, schedule: Warmup(epochs: 1, then: Cosine))",
        "AdamW(rate: 0.01, schedule: Step(every: 1, factor: 0.5))",
    ];
    let penalised = Penalties { tikhonov: 1e-3, smoothness: 1e-3 };
    for text in optimisers {
        let optimiser: Optimiser = ron::from_str(text).expect("an optimiser");
        for penalties in [Penalties::default(), penalised] {
            let [few, many] =
                [100, 10].map(|batch| inside(1, || of_an_epoch(&optimiser, penalties, batch)));
            assert_eq!(few, many, "{text}, {penalties:?}");
            assert!(few <= 10, "{text}: {few}");
        }
    }
}

/// Whether faer's products pack into memory of their thread.
fn packs_once() -> bool {
    #[cfg(target_arch = "x86_64")]
    let packs =
        std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let packs = false;
    packs
}

fn main() {
    allocations_of_all_threads_are_counted();
    if !packs_once() {
        println!("not held on this processor: every product of faer allocates a list");
        return;
    }
    let tests: [(&str, fn()); 5] = [
        (
            "second_gradients_and_scores_allocate_nothing",
            second_gradients_and_scores_allocate_nothing,
        ),
        ("so_with_every_loss_and_basis", so_with_every_loss_and_basis),
        ("so_with_large_products", so_with_large_products),
        ("a_small_call_in_between_costs_nothing", a_small_call_in_between_costs_nothing),
        (
            "an_epoch_of_many_updates_allocates_as_often_as_one_of_few",
            an_epoch_of_many_updates_allocates_as_often_as_one_of_few,
        ),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
}
