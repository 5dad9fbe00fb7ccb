//! `kutta tableau show`: a method, its proof and its measures.

use std::fmt::Write;

use super::report::{Report, Step, Term};
use super::{Method, Output, Refusal};

/// Coefficients longer than this are cut in the text; `--json` and `export` have them whole.
const LONG: usize = 24;

pub fn run(name: &str, output: &Output) -> Result<(), Refusal> {
    let report = Report::new(&Method::find(name)?);
    output.report(text(&report).trim_end(), &report)
}

fn text(r: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, r);
    text
}

fn write(out: &mut String, r: &Report) -> std::fmt::Result {
    writeln!(out, "{}", r.name)?;
    if !r.aliases.is_empty() {
        writeln!(out, "also {}", r.aliases.join(", "))?;
    }
    for line in r.citation.iter().chain(&r.note) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "\n{}", butcher(r))?;
    if r.shu_osher.is_some() {
        writeln!(out, "given in Shu-Osher form; `kutta tableau export` has alpha and beta\n")?;
    }

    let digits = r.digits.map_or("exact".to_owned(), |digits| format!("{digits} digits"));
    writeln!(out, "proof ({digits})")?;
    proof(out, "order", r.order, &r.main)?;
    if let (Some(order), Some(step)) = (r.embedded_order, &r.embedded) {
        proof(out, "embedded", order, step)?;
    }
    line(out, "stage order", &format!("{} ({})", r.stage_order, joined(&r.stage_orders)))?;
    let evaluations = match r.fsal {
        true => format!(
            "{} of {} stages: the last is the first of the next step",
            r.evaluations, r.stages
        ),
        false => r.evaluations.to_string(),
    };
    line(out, "evaluations", &evaluations)?;
    if !r.unused_stages.is_empty() {
        line(out, "reducible", &format!("nothing uses stage {}", joined(&r.unused_stages)))?;
    }

    writeln!(out, "\nstep with b")?;
    step(out, &r.main)?;
    let e = &r.effective;
    let per = format!(
        "real {:.6}, imaginary {:.6}, SSP {:.6}, disk {:.6}",
        e.real, e.imaginary, e.ssp, e.disk
    );
    line(out, "per evaluation", &per)?;
    line(out, "D", &format!("{} (largest coefficient)", r.coefficient_bound))?;
    let region = r.internal.amplification.map_or("unknown".to_owned(), |m| format!("{m:.6}"));
    let axis = r.internal.real_amplification;
    line(
        out,
        "errors in stages",
        &format!("grow by {axis:.6} on the real axis, {region} in the region"),
    )?;
    if let Some(embedded) = &r.embedded {
        writeln!(out, "\nstep with b_hat")?;
        step(out, embedded)?;
    }
    Ok(())
}

fn proof(out: &mut String, what: &str, order: usize, step: &Step) -> std::fmt::Result {
    let fails = match &step.first_failing_tree {
        Some(f) => format!(
            "{order}; of order {}, {} misses {} by {:.6e}",
            f.order, f.tree, f.expected, f.residual
        ),
        None => format!("{order}"),
    };
    line(out, what, &fails)
}

fn step(out: &mut String, s: &Step) -> std::fmt::Result {
    let powers = s.stability_polynomial.iter().enumerate().filter(|(_, c)| *c != "0");
    let terms: Vec<String> = powers
        .map(|(k, c)| match (k, c.as_str()) {
            (0, c) => c.to_owned(),
            (1, "1") => "z".to_owned(),
            (1, c) => format!("{} z", short(c)),
            (k, c) => format!("{} z^{k}", short(c)),
        })
        .collect();
    line(out, "R(z)", &terms.join(" + ").replace("+ -", "- "))?;
    line(out, "real interval", &intervals(s.real_interval, &s.real_intervals))?;
    line(out, "imaginary", &intervals(s.imaginary_interval, &s.imaginary_intervals))?;
    line(out, "disk", &s.disk.to_string())?;
    line(out, "SSP", &format!("{}; linear {}", s.ssp, s.linear_ssp))?;
    line(out, "contractivity", &s.contractivity.to_string())?;
    let norm = |x: Option<f64>| x.map_or("unknown".to_owned(), |x| format!("{x:.10e}"));
    let norms = format!(
        "A(p+1) {}, largest {}, A(p+2) {}",
        norm(s.principal_error_norm),
        norm(s.largest_error),
        norm(s.next_error_norm)
    );
    line(out, "error norms", &norms)?;
    line(out, "dissipation", &term(&s.dissipation))?;
    line(out, "dispersion", &term(&s.dispersion))
}

fn line(out: &mut String, what: &str, value: &str) -> std::fmt::Result {
    writeln!(out, "  {what:16}  {value}")
}

fn joined(numbers: &[usize]) -> String {
    let texts: Vec<String> = numbers.iter().map(usize::to_string).collect();
    texts.join(", ")
}

/// The interval at 0, and the stable parts away from it.
fn intervals(limit: f64, all: &[[f64; 2]]) -> String {
    let away = all.iter().filter(|[start, _]| *start > 0.0);
    let away: Vec<String> = away.map(|[from, to]| format!("[{from}, {to}]")).collect();
    if away.is_empty() {
        limit.to_string()
    } else {
        format!("{limit}; stable again on {}", away.join(", "))
    }
}

fn term(term: &Option<Term>) -> String {
    term.as_ref().map_or("none".to_owned(), |t| {
        format!("order {}, {} y^{}", t.order, short(&t.exact), t.order + 1)
    })
}

fn short(coefficient: &str) -> String {
    let letters = coefficient.chars().count();
    if letters <= LONG {
        return coefficient.to_owned();
    }
    // A long fraction is shown by its value.
    match coefficient.split_once('/') {
        Some((n, d)) => match (n.parse::<f64>(), d.parse::<f64>()) {
            (Ok(n), Ok(d)) if (n / d).is_finite() => format!("{:.16e}", n / d),
            _ => format!("{}…", coefficient.chars().take(LONG).collect::<String>()),
        },
        None => format!("{}…", coefficient.chars().take(LONG).collect::<String>()),
    }
}

/// The tableau as it is printed in books.
fn butcher(r: &Report) -> String {
    let s = r.stages;
    let row = |first: &str, cells: &[String]| -> Vec<String> {
        let cells = cells.iter().map(|c| short(c)).chain(std::iter::repeat(String::new()));
        std::iter::once(short(first)).chain(cells.take(s)).collect()
    };
    let mut rows: Vec<Vec<String>> = r.c.iter().zip(&r.a).map(|(c, a)| row(c, a)).collect();
    let weights = rows.len();
    rows.push(row("b", &r.b));
    if let Some(b_hat) = &r.b_hat {
        rows.push(row("b_hat", b_hat));
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..=s).map(width).collect();
    let mut text = String::new();
    for (k, row) in rows.iter().enumerate() {
        if k == weights {
            let total: usize = widths.iter().skip(1).map(|w| w + 2).sum();
            let first = widths.first().copied().unwrap_or(0);
            text.push_str(&format!("{}─┼{}\n", "─".repeat(first), "─".repeat(total)));
        }
        let mut cells = row.iter().zip(&widths);
        let first = cells.next().map(|(cell, w)| format!("{cell:>w$} │")).unwrap_or_default();
        let rest: String = cells.map(|(cell, w)| format!("  {cell:>w$}")).collect();
        text.push_str(format!("{first}{rest}").trim_end());
        text.push('\n');
    }
    text
}
