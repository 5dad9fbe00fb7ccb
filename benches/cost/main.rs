//! The model of time: fitted to three sizes, then held against other fields, methods and widths that it has not seen.
//!
//! `cargo bench --bench cost` prints its tables; with `-- --write` they also replace the section of
//! docs/performance.md that is marked as written by this bench.

#[path = "../common/mod.rs"]
mod common;
mod model;
mod page;
mod rates;
mod subject;

use kutta::network::NetworkWork;
use rayon::{ThreadPool, ThreadPoolBuilder};

use common::Case;
use model::{Prices, Terms, fit};
use rates::Rates;
use subject::{Loop, Subject, Timed, fitted, predicted};

/// Turns of each subject; one after the other has its turn, so that all see the same moods of the machine.
const ROUNDS: usize = 7;

/// Times on so many threads.
pub struct Session<'s> {
    pub threads: usize,
    pub rates: Rates,
    pub timed: Vec<Timed<'s>>,
    loops: Vec<Loop>,
}

impl<'s> Session<'s> {
    /// The first turn of each is its warming up and is not counted.
    fn new(
        threads: usize,
        subjects: impl Iterator<Item = &'s Subject>,
    ) -> (ThreadPool, Session<'s>) {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let timed: Vec<Timed<'s>> = subjects.map(Timed::new).collect();
        let session = pool.install(|| {
            let mut rates = Rates::default();
            for timed in &timed {
                for gradient in [false, true] {
                    let work = work(timed.subject, gradient);
                    rates.include(&work.total(), work.times);
                }
            }
            Session { threads, rates, timed, loops: Vec::new() }
        });
        (pool, session)
    }

    fn round(&mut self) {
        self.rates.sample();
        self.timed.iter_mut().for_each(Timed::sample);
        self.loops.iter_mut().for_each(Loop::sample);
    }

    pub fn terms(&self, timed: &Timed<'_>, gradient: bool) -> Terms {
        let work = work(timed.subject, gradient);
        let all = work.total();
        Terms::new(&all, self.rates.seconds(&all, work.times), self.threads)
    }

    /// Prices by the first subjects, forward and with gradient, and by their loops.
    fn prices(&self, fitted: usize) -> Prices {
        let runs = self.timed[..fitted].iter().flat_map(|timed| {
            [false, true].map(|gradient| (self.terms(timed, gradient), timed.median(gradient)))
        });
        let loops = self.loops.iter().map(|each| (Terms::new(&each.work(), 0.0, 1), each.median()));
        fit(&runs.chain(loops).collect::<Vec<_>>())
    }
}

/// # Panics
/// Every field here is a formula, which tells its work.
pub fn work(subject: &Subject, gradient: bool) -> NetworkWork {
    subject.network.work(subject.case.batch, gradient).expect("a field that is a formula")
}

/// The sizes of peaks and multiples of its batch and of its steps, up to 64.
fn growing() -> [Vec<Subject>; 2] {
    let double = |from: usize| (0..7).map(move |power| from << power);
    let (width, batch, steps) = (16, 1000, 8);
    [
        double(128).map(|batch| Subject::resnet(Case { width, batch, steps })).collect(),
        double(4).map(|steps| Subject::resnet(Case { width, batch, steps })).collect(),
    ]
}

fn main() {
    let (fitted, predicted, growing) = (fitted(), predicted(), growing());
    let cores = rayon::current_num_threads();
    let all = || fitted.iter().chain(&predicted);
    let (one_pool, mut one) = Session::new(1, all().chain(growing.iter().flatten()));
    let (many_pool, mut many) = Session::new(cores, all());
    one.loops = fitted.iter().map(Loop::new).collect();
    for _ in 0..ROUNDS {
        one_pool.install(|| one.round());
        many_pool.install(|| many.round());
    }
    let prices = one.prices(fitted.len());
    let page = page::text([&one, &many], &prices, fitted.len(), predicted.len());
    println!("{page}");
    if std::env::args().any(|argument| argument == "--write") {
        page::write(&page).expect("docs/performance.md with the lines that mark the section");
    }
}
