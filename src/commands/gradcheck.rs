//! `kutta gradcheck MODEL`: are the derivatives right?

use serde::Serialize;

use super::gradient::failed;
use super::{Output, Refusal, read_model};
use crate::cli::ModelArgs;
use crate::gradcheck::{self, DIFFERENCE_TOLERANCE, SYMMETRY_TOLERANCE, TRANSPOSE_TOLERANCE};
use crate::report::table::Table;

#[derive(Serialize)]
struct Report {
    passed: bool,
    failures: Vec<String>,
    #[serde(flatten)]
    tests: gradcheck::Report,
}

pub fn run(args: &ModelArgs, output: &Output) -> Result<(), Refusal> {
    let model = read_model(args)?;
    model.check_trainable()?;
    let data = model.dataset()?;
    let network = model.network(&data.schema)?;
    let tests = gradcheck::gradcheck(&network, &data, model.seed)
        .map_err(|failure| failed(&network, &failure))?;
    let failures = tests.failures();
    let report = Report { passed: failures.is_empty(), failures, tests };
    output.report(text(&report), &report)?;
    if report.passed {
        return Ok(());
    }
    let kinks = match network.has_kinks() {
        true => {
            "; relu and step have kinks, across which differences and Taylor are wrong though the gradient is right: try another --seed"
        }
        false => "",
    };
    Err(Refusal::work(format!("{}{kinks}", report.failures.join("; "))))
}

fn text(report: &Report) -> String {
    let tests = &report.tests;
    let slope = |slope: Option<f64>| slope.map_or("-".to_owned(), |slope| format!("{slope:.3}"));
    let mut taylor = Table::new(["ε", "change", "slope", "remainder", "slope"]);
    for row in &tests.taylor.rows {
        taylor.row([
            format!("{:.1e}", row.epsilon),
            format!("{:.3e}", row.change),
            slope(row.change_slope),
            format!("{:.3e}", row.remainder),
            slope(row.remainder_slope),
        ]);
    }
    let second = match &tests.second {
        Some(second) => {
            let mut table = Table::new(["ε", "remainder", "slope"]);
            for row in &second.rows {
                let remainder = format!("{:.3e}", row.remainder);
                table.row([format!("{:.1e}", row.epsilon), remainder, slope(row.slope)]);
            }
            let taylor = match second.rows.is_empty() {
                true => "No Taylor test with the Hessian: there are kinks.\n".to_owned(),
                false => format!(
                    "Taylor test with the Hessian: slope {}, should be 3\n{table}\n",
                    slope(second.slope)
                ),
            };
            format!(
                "{taylor}\
                 Symmetry, relative error below {SYMMETRY_TOLERANCE:.0e}: Hessian {:.1e}, Gauss-Newton matrix {:.1e}\n\n",
                second.hessian_symmetry, second.gauss_newton_symmetry,
            )
        }
        None => "The field does not know its second derivatives.\n\n".to_owned(),
    };
    let mut transposes = Table::new(["t", "relative error"]);
    for row in &tests.transposes {
        transposes.row([format!("{:.4}", row.t), format!("{:.1e}", row.error)]);
    }
    let mut differences =
        Table::new(["direction", "exact", "differences", "step", "relative error"]);
    for row in &tests.differences {
        differences.row([
            row.along.clone(),
            format!("{:.9e}", row.exact),
            format!("{:.9e}", row.difference),
            format!("{:.0e}", row.step),
            format!("{:.1e}", row.error),
        ]);
    }
    let adjoints = tests.adjoints.as_ref().map_or(String::new(), |adjoints| {
        let told = |off: Option<f64>| off.map_or("-".to_owned(), |off| format!("{off:.1e}"));
        let mut table = Table::new(["the adjoint of the steps against", "relative distance"]);
        table.row(["diffsol's step_vjp".to_owned(), told(adjoints.step_vjp)]);
        table.row(["the continuous adjoint".to_owned(), told(adjoints.continuous)]);
        table.row(["y(0) against y(T) solved back".to_owned(), told(adjoints.reversed)]);
        let warning = adjoints.warning().map(|warning| format!("warning: {warning}\n"));
        format!("Steps chosen by their error\n{table}{}\n", warning.unwrap_or_default())
    });
    let verdict = match report.failures.as_slice() {
        [] => "PASS".to_owned(),
        failures => format!("FAIL: {}", failures.join("; ")),
    };
    format!(
        "objective {:.6}, gradient norm {:.6e}; {} samples, {} parameters\n\n\
         Taylor test: slopes {} and {}, should be 1 and 2\n{taylor}\n{second}\
         Field: <u, J v> = <J' u, v>, relative error below {TRANSPOSE_TOLERANCE:.0e}\n{transposes}\n\
         Gradient against differences of fourth order, relative error below {DIFFERENCE_TOLERANCE:.0e}\n{differences}\n{adjoints}{verdict}",
        tests.objective,
        tests.gradient_norm,
        tests.samples,
        tests.parameters,
        slope(tests.taylor.change_slope),
        slope(tests.taylor.remainder_slope),
    )
}
