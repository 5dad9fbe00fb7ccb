//! Measures of methods against numbers that an independent program made
//! (tests/reference/measures.py), and the step of the solver against the stability polynomial.

use std::sync::Arc;

use kutta::control::{Basis, Controls};
use kutta::field::{At, Pass, VectorField, Weight, Workspace};
use kutta::solve::{Flow, Prepared, Tape};
use kutta::tableau::{LeadingTerm, Rational, Tableau, TableauFile, evaluate, named, samples};
use num_complex::Complex64;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

/// Numbers are texts of 20 digits.
#[derive(Deserialize)]
struct Case {
    name: String,
    a: Vec<Vec<String>>,
    b: Vec<String>,
    order: usize,
    real: Vec<[String; 2]>,
    imaginary: Vec<[String; 2]>,
    disk: String,
    linear_ssp: String,
    ssp: String,
    contractivity: String,
    principal: Option<String>,
    next: Option<String>,
    real_amplification: String,
    amplification: Option<String>,
    dispersion: Term,
    dissipation: Term,
}

#[derive(Deserialize)]
struct Term {
    order: usize,
    coefficient: String,
}

fn tableau(a: &[Vec<String>], b: &[String]) -> Tableau<Rational> {
    let file: TableauFile = r#"(a: [], b: [])"#.parse().unwrap();
    TableauFile { a: a.to_vec(), b: b.to_vec(), ..file }.prove().unwrap()
}

#[test]
fn measures_are_those_of_an_independent_program() {
    let file: File = serde_json::from_str(include_str!("reference/measures.json")).unwrap();
    assert_eq!(file.cases.len(), 16);
    for case in &file.cases {
        let found = tableau(&case.a, &case.b).measures();
        let step = &found.main;
        let close = |what: &str, found: f64, expected: &str| {
            let expected: f64 = expected.parse().unwrap();
            let off = (found - expected).abs();
            let name = &case.name;
            assert!(off <= 1e-12 * expected.abs(), "{name}: {what} {found}, {expected}");
        };
        assert_eq!(step.order, case.order, "{}", case.name);
        for (what, found, expected) in
            [("real", &step.real, &case.real), ("imaginary", &step.imaginary, &case.imaginary)]
        {
            assert_eq!(found.0.len(), expected.len(), "{}: {what}", case.name);
            for (found, expected) in found.0.iter().flatten().zip(expected.iter().flatten()) {
                close(what, *found, expected);
            }
        }
        close("disk", step.disk, &case.disk);
        close("linear_ssp", step.linear_ssp, &case.linear_ssp);
        close("ssp", step.ssp, &case.ssp);
        close("contractivity", step.contractivity, &case.contractivity);
        for (what, found, expected) in [
            ("A(p+1)", step.errors.principal, &case.principal),
            ("A(p+2)", step.errors.next, &case.next),
        ] {
            if let Some(expected) = expected {
                close(what, found.unwrap(), expected);
            }
        }
        close("real amplification", found.internal.real_amplification, &case.real_amplification);
        if let Some(expected) = &case.amplification {
            close("amplification", found.internal.amplification.unwrap(), expected);
        }
        let term = |term: &Term| LeadingTerm {
            order: term.order,
            coefficient: term.coefficient.parse().unwrap(),
        };
        assert_eq!(step.dispersion, Some(term(&case.dispersion)), "{}", case.name);
        assert_eq!(step.dissipation, Some(term(&case.dissipation)), "{}", case.name);
    }
}

#[derive(Deserialize)]
struct Catalogue {
    cases: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    real: String,
    imaginary: String,
    disk: String,
    contractivity: String,
    principal: String,
    next: String,
    ssp: Option<String>,
}

#[test]
fn measures_of_the_catalogue_are_those_of_an_independent_program() {
    let file: Catalogue = serde_json::from_str(include_str!("reference/catalogue.json")).unwrap();
    let names: Vec<&str> = file.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, samples());
    for case in &file.cases {
        let found = named(&case.name).unwrap().measures().main;
        for (what, found, expected) in [
            ("real", found.real.limit(), Some(&case.real)),
            ("imaginary", found.imaginary.limit(), Some(&case.imaginary)),
            ("disk", found.disk, Some(&case.disk)),
            ("contractivity", found.contractivity, Some(&case.contractivity)),
            ("A(p+1)", found.errors.principal.unwrap(), Some(&case.principal)),
            ("A(p+2)", found.errors.next.unwrap(), Some(&case.next)),
            ("ssp", found.ssp, case.ssp.as_ref()),
        ] {
            let Some(expected) = expected else { continue };
            let expected: f64 = expected.parse().unwrap();
            let off = (found - expected).abs();
            assert!(off <= 1e-10 * expected, "{}: {what} {found}, {expected}", case.name);
        }
    }
}

/// y' = λy in the plane, of complex λ.
struct TestEquation(Complex64);

impl VectorField for TestEquation {
    fn width(&self) -> usize {
        2
    }

    fn weights(&self) -> Vec<Weight> {
        Vec::new()
    }

    fn eval(&self, _: At<'_>, y: &[f64], k: &mut [f64], _: &mut [f64], _: &mut Workspace) {
        let value = self.0 * Complex64::new(y[0], y[1]);
        k.copy_from_slice(&[value.re, value.im]);
    }

    fn jvp(&self, at: At<'_>, _: &[f64], v: &[f64], out: &mut [f64], ws: &mut Workspace) {
        self.eval(at, v, out, &mut [], ws);
    }

    fn vjp(&self, _: At<'_>, pass: Pass<'_>, gy: &mut [f64], _: &mut [f64], _: &mut Workspace) {
        let value = self.0.conj() * Complex64::new(pass.u[0], pass.u[1]);
        gy.copy_from_slice(&[value.re, value.im]);
    }
}

/// One step of size h from y = 1.
fn step(tableau: &Tableau<f64>, lambda: Complex64, h: f64) -> Complex64 {
    let controls = Controls::new(Basis::Constant, h);
    let flow = Flow::new(Arc::new(TestEquation(lambda)), controls, tableau, vec![0.0, h]);
    let (mut prepared, mut tape) = (Prepared::default(), Tape::default());
    flow.prepare(&[], &mut prepared);
    flow.entry(&mut tape, 1).copy_from_slice(&[1.0, 0.0]);
    flow.forward(&prepared, &mut tape, 1);
    let exit = flow.exit(&tape, 1);
    Complex64::new(exit[0], exit[1])
}

/// 1 + Σ |bᵀ| |a|^{k-1} 1 |z|^k.
fn sum_of_sizes(tableau: &Tableau<f64>, z: f64) -> f64 {
    let mut slopes: Vec<f64> = Vec::new();
    let dot = |row: &[f64], slopes: &[f64]| -> f64 {
        row.iter().zip(slopes).map(|(a, k)| a.abs() * k).sum()
    };
    for row in &tableau.a {
        slopes.push(z * (1.0 + dot(row, &slopes)));
    }
    1.0 + dot(&tableau.b, &slopes)
}

proptest! {
    #[test]
    fn a_step_of_the_solver_multiplies_by_the_stability_polynomial(
        rows in (1usize..8).prop_flat_map(|stages| {
            let row = |i: usize| prop::collection::vec((-20i64..20, 1i64..12), i);
            (0..stages).chain([stages - 1]).map(row).collect::<Vec<_>>()
        }),
        lambda in (-3.0..3.0f64, -3.0..3.0f64),
        h in 0.01..3.0f64,
    ) {
        let texts = |row: &Vec<(i64, i64)>| row.iter().map(|(n, d)| format!("{n}/{d}")).collect();
        let mut rows: Vec<Vec<String>> = rows.iter().map(texts).collect();
        let mut b = rows.pop().unwrap();
        let sum: Rational = b.iter().map(|x| x.parse::<Rational>().unwrap()).sum();
        b.push((Rational::from_integer(1.into()) - sum).to_string());
        let method = tableau(&rows, &b).to_f64();

        let lambda = Complex64::new(lambda.0, lambda.1);
        let due = evaluate(&method.stability_polynomial(), lambda * h);
        let off = (step(&method, lambda, h) - due).norm();
        let bound = 1e-14 * sum_of_sizes(&method, (lambda * h).norm());
        prop_assert!(off <= bound, "{off} beyond {bound}");
    }
}
