//! Value and exact gradient of a network: against the same written by hand, and faer's products of its shapes.

mod common;
mod hand;

use std::hint::black_box;

use faer::MatRef;
use kutta::network::{Engine, Targets};

use common::{CASES, Case, FEATURES, HORIZON, OUTPUTS, account, faers_rate, median};
use hand::Hand;

fn by_hand(case: Case) -> f64 {
    let Case { width, batch, steps } = case;
    let mut hand = Hand::new(width, FEATURES, OUTPUTS, steps, HORIZON, batch);
    let theta = case.weights(hand.parameters());
    let (x, labels) = case.samples();
    let mut gradient = vec![0.0; theta.len()];
    median(|| {
        black_box(hand.gradient(&theta, &x, &labels, &mut gradient));
    })
}

fn kutta(case: Case) -> f64 {
    let network = case.network();
    let theta = case.weights(network.n_parameters());
    let (x, labels) = case.samples();
    let x = MatRef::from_column_major_slice(&x, FEATURES, case.batch);
    let samples: Vec<usize> = (0..case.batch).collect();
    let mut gradient = vec![0.0; theta.len()];
    let mut engine = Engine::new(&network);
    median(|| {
        let targets = Targets::Classes(&labels);
        let loss = engine.gradient(&theta, x, targets, &samples, &mut gradient);
        black_box(loss.expect("a finite loss"));
    })
}

fn main() {
    for case in CASES {
        let faer = faers_rate(case.width, case.batch);
        let (hand, kutta) = (by_hand(case), kutta(case));
        case.announce(faer);
        account("kutta", kutta, 3.0 * case.forward(), faer);
        account("by hand", hand, 3.0 * case.forward(), faer);
        println!("  kutta costs {:.2} of what is written by hand\n", kutta / hand);
    }
}
