//! What `show` and `list` say of a method, as values for JSON.

use num_traits::ToPrimitive;
use serde::Serialize;

use super::Method;
use crate::tableau::{LeadingTerm, Measures, Rational, StepMeasures, TreeResidual, text};

/// Everything that is known of a method. Coefficients are exact texts; lengths that limit a step are
/// those of z = hλ.
#[derive(Serialize)]
pub struct Report {
    pub name: String,
    pub aliases: Vec<String>,
    pub stages: usize,
    /// The stages, less one if the last is the first of the next step.
    pub evaluations: usize,
    pub order: usize,
    pub embedded_order: Option<usize>,
    pub stage_order: usize,
    pub stage_orders: Vec<usize>,
    pub fsal: bool,
    /// Stages, from 1, that nothing uses.
    pub unused_stages: Vec<usize>,
    /// Significant digits of rounded coefficients.
    pub digits: Option<u32>,
    pub a: Vec<Vec<String>>,
    pub b: Vec<String>,
    pub b_hat: Option<Vec<String>>,
    pub c: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shu_osher: Option<ShuOsherTexts>,
    #[serde(flatten)]
    pub main: Step,
    pub embedded: Option<Step>,
    pub effective: Effective,
    pub internal: InternalReport,
    pub coefficient_bound: f64,
    pub citation: Option<String>,
    pub note: Option<String>,
}

#[derive(Serialize)]
pub struct ShuOsherTexts {
    pub alpha: Vec<Vec<String>>,
    pub beta: Vec<Vec<String>>,
}

/// The step with one set of weights.
#[derive(Serialize)]
pub struct Step {
    pub stability_polynomial: Vec<String>,
    pub real_interval: f64,
    /// All stable parts of the negative half-axis, measured from 0.
    pub real_intervals: Vec<[f64; 2]>,
    pub imaginary_interval: f64,
    pub imaginary_intervals: Vec<[f64; 2]>,
    pub disk: f64,
    pub ssp: f64,
    pub linear_ssp: f64,
    pub contractivity: f64,
    pub principal_error_norm: Option<f64>,
    pub largest_error: Option<f64>,
    pub next_error_norm: Option<f64>,
    pub dissipation: Option<Term>,
    pub dispersion: Option<Term>,
    /// The first condition of the next order that is not met.
    pub first_failing_tree: Option<FailingTree>,
}

/// coefficient · y^(order + 1), in y = hω.
#[derive(Serialize)]
pub struct Term {
    pub order: usize,
    pub coefficient: f64,
    pub exact: String,
}

#[derive(Serialize)]
pub struct FailingTree {
    pub tree: String,
    pub order: usize,
    pub expected: String,
    pub residual: f64,
    pub exact_residual: String,
}

/// Lengths per evaluation of f.
#[derive(Serialize)]
pub struct Effective {
    pub real: f64,
    pub imaginary: f64,
    pub ssp: f64,
    pub disk: f64,
}

/// Polynomials of the stages that reach b, the constant first.
#[derive(Serialize)]
pub struct InternalReport {
    pub stages: Vec<Vec<f64>>,
    pub perturbations: Vec<Vec<f64>>,
    pub real_amplification: f64,
    pub amplification: Option<f64>,
}

impl Report {
    pub fn new(method: &Method) -> Report {
        let Method { file, tableau } = method;
        let measures = tableau.measures();
        let texts = file.texts(tableau);
        let stage_orders = tableau.stage_orders();
        let Measures { main, embedded, internal, .. } = &measures;
        let rounded = tableau.digits.is_some();
        let failing = |weights: &[Rational], order| {
            let found = tableau.first_failure(weights, order)?;
            Some(FailingTree::new(found, order + 1, rounded))
        };
        Report {
            name: tableau.name.clone(),
            aliases: tableau.aliases.clone(),
            stages: measures.stages,
            evaluations: measures.evaluations,
            order: tableau.order,
            embedded_order: tableau.embedded.as_ref().map(|pair| pair.order),
            stage_order: stage_orders.iter().copied().min().unwrap_or(0),
            stage_orders,
            fsal: tableau.fsal(),
            unused_stages: tableau.unused_stages(),
            digits: tableau.digits,
            a: texts.a,
            b: texts.b,
            b_hat: texts.b_hat,
            c: texts.c,
            shu_osher: texts
                .shu_osher
                .map(|form| ShuOsherTexts { alpha: form.alpha, beta: form.beta }),
            main: Step::new(main, rounded, failing(&tableau.b, tableau.order)),
            embedded: embedded
                .as_ref()
                .zip(tableau.embedded.as_ref())
                .map(|(step, pair)| Step::new(step, rounded, failing(&pair.b_hat, pair.order))),
            effective: Effective {
                real: measures.effective(main.real.limit()),
                imaginary: measures.effective(main.imaginary.limit()),
                ssp: measures.effective(main.ssp),
                disk: measures.effective(main.disk),
            },
            internal: InternalReport {
                stages: internal.stages.clone(),
                perturbations: internal.perturbations.clone(),
                real_amplification: internal.real_amplification,
                amplification: internal.amplification,
            },
            coefficient_bound: measures.coefficient_bound,
            citation: tableau.citation.clone(),
            note: tableau.note.clone(),
        }
    }
}

impl Step {
    fn new(step: &StepMeasures, rounded: bool, first_failing_tree: Option<FailingTree>) -> Step {
        let term = |term: &Option<LeadingTerm>| {
            term.as_ref().map(|term| Term {
                order: term.order,
                coefficient: float(&term.coefficient),
                exact: text(&term.coefficient, rounded),
            })
        };
        Step {
            stability_polynomial: step.polynomial.iter().map(|c| text(c, false)).collect(),
            real_interval: step.real.limit(),
            real_intervals: step.real.0.clone(),
            imaginary_interval: step.imaginary.limit(),
            imaginary_intervals: step.imaginary.0.clone(),
            disk: step.disk,
            ssp: step.ssp,
            linear_ssp: step.linear_ssp,
            contractivity: step.contractivity,
            principal_error_norm: step.errors.principal,
            largest_error: step.errors.largest,
            next_error_norm: step.errors.next,
            dissipation: term(&step.dissipation),
            dispersion: term(&step.dispersion),
            first_failing_tree,
        }
    }
}

impl FailingTree {
    fn new(found: TreeResidual, order: usize, rounded: bool) -> FailingTree {
        FailingTree {
            tree: found.tree,
            order,
            expected: format!("1/{}", found.gamma),
            residual: float(&found.residual),
            exact_residual: text(&found.residual, rounded),
        }
    }
}

fn float(x: &Rational) -> f64 {
    x.to_f64().unwrap_or(f64::NAN)
}
