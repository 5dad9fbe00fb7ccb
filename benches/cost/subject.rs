//! What is timed: a network with its data, forward and with its gradient.

use std::hint::black_box;

use faer::MatRef;
use indexmap::IndexMap;
use kutta::field::{At, Call, FieldFile, SymbolicField, VectorField, Work, Workspace};
use kutta::measure::{Summary, seconds};
use kutta::network::{Engine, Network, Targets};
use kutta::tableau::{Tableau, TableauFile};

use crate::common::{Case, FEATURES, field, method, numbers, resnet};

/// Seconds of one turn at least, for the clock.
const TURN: f64 = 0.02;

pub struct Subject {
    pub name: String,
    pub case: Case,
    pub network: Network,
    theta: Vec<f64>,
    x: Vec<f64>,
    labels: Vec<usize>,
    samples: Vec<usize>,
}

impl Subject {
    pub fn new(name: &str, case: Case, field: SymbolicField, method: &Tableau<f64>) -> Subject {
        let network = case.network_of(field, method);
        let theta = case.weights(network.n_parameters());
        let (x, labels) = case.samples();
        let samples = (0..case.batch).collect();
        Subject { name: name.into(), case, network, theta, x, labels, samples }
    }

    pub fn resnet(case: Case) -> Subject {
        Subject::new("resnet, rk4", case, resnet(case.width), &method("rk4"))
    }
}

/// Times of one subject, on the threads of the pool that it is called in.
pub struct Timed<'s> {
    pub subject: &'s Subject,
    engine: Engine<'s>,
    gradient: Vec<f64>,
    taken: [Vec<f64>; 2],
}

impl<'s> Timed<'s> {
    pub fn new(subject: &'s Subject) -> Timed<'s> {
        let engine = Engine::new(&subject.network);
        let gradient = vec![0.0; subject.theta.len()];
        Timed { subject, engine, gradient, taken: [Vec::new(), Vec::new()] }
    }

    /// Times forward and gradient once; what is short is repeated.
    pub fn sample(&mut self) {
        let Timed { subject, engine, gradient, taken } = self;
        let Subject { theta, x, labels, samples, .. } = subject;
        let x = MatRef::from_column_major_slice(x, FEATURES, samples.len());
        let targets = Targets::Classes(labels);
        let mut forward = || {
            black_box(engine.score(theta, x, targets).expect("a finite loss"));
        };
        let forward = turn(&mut forward);
        let mut backward = || {
            let loss = engine.gradient(theta, x, targets, samples, gradient);
            black_box(loss.expect("a finite loss"));
        };
        taken[0].push(forward);
        taken[1].push(turn(&mut backward));
    }

    /// Seconds, the median of all turns.
    pub fn median(&self, gradient: bool) -> f64 {
        let taken = &self.taken[usize::from(gradient)];
        Summary::of(taken).map_or(f64::NAN, |summary| summary.median)
    }
}

/// The loop of a field by itself, tanh(y + b) on a block: what tells the price of tanh from that of a number.
pub struct Loop {
    field: SymbolicField,
    batch: usize,
    taken: Vec<f64>,
}

impl Loop {
    pub fn new(subject: &Subject) -> Loop {
        let batch = Engine::new(&subject.network).block();
        Loop { field: formula(LOOP, subject.case.width), batch, taken: Vec::new() }
    }

    pub fn work(&self) -> Work {
        self.field.kernel().work(Call::Value { batch: self.batch, then: None })
    }

    pub fn sample(&mut self) {
        let Loop { field, batch, taken } = self;
        let mut prepared = numbers(field.n_prepared(), 0.5);
        field.prepare(0.0, &mut prepared);
        let y = numbers(field.width() * *batch, 0.9);
        let (mut k, mut workspace) = (vec![0.0; y.len()], Workspace::new());
        let at = At { t: 0.0, prepared: &prepared, batch: *batch };
        let mut many = || {
            for _ in 0..100 {
                field.eval(at, black_box(&y), black_box(&mut k), &mut [], &mut workspace);
            }
        };
        taken.push(turn(&mut many) / 100.0);
    }

    pub fn median(&self) -> f64 {
        Summary::of(&self.taken).map_or(f64::NAN, |summary| summary.median)
    }
}

fn formula(text: &str, width: usize) -> SymbolicField {
    let file: FieldFile = ron::from_str(text).expect("a field");
    SymbolicField::new(&file, width, &IndexMap::new()).expect("a formula")
}

fn turn(work: &mut impl FnMut()) -> f64 {
    let (once, ()) = seconds(&mut *work);
    let repeats = (TURN / once).ceil().clamp(1.0, 1e3);
    let (all, ()) = seconds(|| (0..repeats as usize).for_each(|_| work()));
    all / repeats
}

/// The resnet field with rk4, to which prices are fitted.
pub fn fitted() -> Vec<Subject> {
    [(16, 1000, 8), (64, 1024, 16), (256, 2048, 16)]
        .map(|(width, batch, steps)| Subject::resnet(Case { width, batch, steps }))
        .into()
}

/// Other fields, methods and widths, whose times are predicted.
pub fn predicted() -> Vec<Subject> {
    let mut subjects = Vec::new();
    let rk4 = method("rk4");
    for (width, batch, steps) in [(16, 1000, 8), (64, 1024, 16)] {
        let case = Case { width, batch, steps };
        for name in ["antisymmetric", "hamiltonian"] {
            let name_and_method = format!("{name}, rk4");
            subjects.push(Subject::new(&name_and_method, case, field(name, width), &rk4));
        }
        for (name, text) in [("two-layer", TWO_LAYER), ("parabolic", PARABOLIC)] {
            let name = format!("{name} as a formula, rk4");
            subjects.push(Subject::new(&name, case, formula(text, width), &rk4));
        }
        for name in ["euler", "dopri5"] {
            let subject =
                Subject::new(&format!("resnet, {name}"), case, resnet(width), &method(name));
            subjects.push(subject);
        }
        let typed: TableauFile = TEN_STAGES.parse().expect("a tableau");
        let typed = typed.prove().expect("a method of order 4").to_f64();
        subjects.push(Subject::new("resnet, ten stages typed in", case, resnet(width), &typed));
    }
    let widths = [3, 4, 7, 32, 33, 100];
    subjects.extend(widths.map(|width| Subject::resnet(Case { width, batch: 1000, steps: 8 })));
    subjects
}

const LOOP: &str = r#"(
    state: {"y": "n"},
    weights: {"b": Vector("n")},
    rhs: {"y": "tanh(y + b)"},
)"#;

const TWO_LAYER: &str = r#"(
    state: {"y": "n"},
    weights: {"K1": Matrix("n", "n"), "b1": Vector("n"), "K2": Matrix("n", "n"), "b2": Vector("n")},
    rhs: {"y": "K2*tanh(K1*y + b1) + b2"},
)"#;

const PARABOLIC: &str = r#"(
    state: {"y": "n"},
    weights: {"K": Matrix("n", "n"), "b": Vector("n")},
    rhs: {"y": "-K'*tanh(K*y + b)"},
)"#;

/// SSPRK(10, 4), D. Ketcheson, SIAM J. Sci. Comput. 30, 2008.
const TEN_STAGES: &str = r#"(
    a: [
        [],
        ["1/6"],
        ["1/6", "1/6"],
        ["1/6", "1/6", "1/6"],
        ["1/6", "1/6", "1/6", "1/6"],
        ["1/15", "1/15", "1/15", "1/15", "1/15"],
        ["1/15", "1/15", "1/15", "1/15", "1/15", "1/6"],
        ["1/15", "1/15", "1/15", "1/15", "1/15", "1/6", "1/6"],
        ["1/15", "1/15", "1/15", "1/15", "1/15", "1/6", "1/6", "1/6"],
        ["1/15", "1/15", "1/15", "1/15", "1/15", "1/6", "1/6", "1/6", "1/6"],
    ],
    b: ["1/10", "1/10", "1/10", "1/10", "1/10", "1/10", "1/10", "1/10", "1/10", "1/10"],
    order: 4,
)"#;
