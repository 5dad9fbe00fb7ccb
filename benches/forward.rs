//! Loss and accuracy of a network, without a gradient: what an epoch's evaluation and every figure cost.

mod common;

use std::hint::black_box;

use faer::MatRef;
use kutta::network::{Engine, Targets};

use common::{CASES, FEATURES, account, faers_rate, median};

fn main() {
    for case in CASES {
        let network = case.network();
        let theta = case.weights(network.n_parameters());
        let (x, labels) = case.samples();
        let x = MatRef::from_column_major_slice(&x, FEATURES, case.batch);
        let mut engine = Engine::new(&network);
        let score = median(|| {
            let score = engine.score(&theta, x, Targets::Classes(&labels));
            black_box(score.expect("a finite loss"));
        });
        let faer = faers_rate(case.width, case.batch);
        case.announce(faer);
        account("score", score, case.forward(), faer);
    }
}
