//! `kutta spectrum`: eigenvalues along a network, and which steps they allow.

mod figures;
mod files;
mod findings;
mod report;
mod subject;

use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use self::subject::Subject;
use super::{Output, Refusal};
use crate::cli;
use crate::spectrum::advice::{Advice, Method, Mode, advise_all, modes};
use crate::spectrum::{
    Look, Propagator, Spectrum, Tolerance, When, grid, look, propagators, spectrum,
};
use crate::tableau::evaluate;

/// Most eigenvalues that are kept: 2 GB.
const MOST: usize = 1 << 27;

/// What a study found.
struct Study {
    when: When,
    spectrum: Spectrum,
    /// |R(h lambda)|, as the eigenvalues.
    amplification: Vec<f64>,
    /// The samples looked at closely, among those studied.
    close: Vec<usize>,
    /// [times, close samples]
    looks: Vec<Option<Look>>,
    /// A closely looked at sample each.
    propagators: Vec<Option<Propagator>>,
    /// The method in use.
    method: Method,
    advice: Vec<Advice>,
    /// The cheapest grids of the method in use and of the cheapest method.
    grids: Vec<(String, usize, Option<Vec<f64>>)>,
    tolerance: Tolerance,
}

pub fn run(args: &cli::Spectrum, output: &Output) -> Result<(), Refusal> {
    for (option, value) in [("--growth", args.growth), ("--tolerance", args.tolerance)] {
        if !(value.is_finite() && value > 0.0) {
            return Err(Refusal::request(format!("{option} {value}: a positive number is needed")));
        }
    }
    let subject = Subject::open(args)?;
    subject.warnings.iter().for_each(|warning| output.warn(warning));
    let when = match args.times {
        cli::TimeChoice::Steps => When::Steps,
        cli::TimeChoice::Stages => When::Stages,
        cli::TimeChoice::Grid(count) => When::Grid(count),
    };
    let flow = &subject.network.flow;
    let (times, width) = (when.times(flow).len(), flow.width());
    let count = times * subject.samples.len();
    if count.saturating_mul(width) > MOST {
        return Err(Refusal::request(format!(
            "{times} times x {} samples x {width} eigenvalues are more than {MOST}; take fewer --samples or --times",
            subject.samples.len()
        )));
    }
    let out = subject.prepare_folder(args)?;
    let tolerance = Tolerance { growth: args.growth, error: args.tolerance };
    let study = study(&subject, when, tolerance, output)?;
    for line in study.complaints(&subject) {
        output.warn(line);
    }
    if study.spectrum.lost.len() == count {
        return Err(Refusal::work("no Jacobian has eigenvalues; the states are not finite"));
    }
    write(&subject, &study, &out)?;
    for error in figures::draw(&subject, &study, &out) {
        output.warn(format_args!("a figure is missing: {error}"));
    }
    let report = report::Report::of(&subject, &study, &out);
    output.report(report.text(), &report)
}

fn study(
    subject: &Subject,
    when: When,
    tolerance: Tolerance,
    output: &Output,
) -> Result<Study, Refusal> {
    let flow = &subject.network.flow;
    let theta = subject.network.field_weights(&subject.theta);
    let (entries, close) = (&subject.entries, &subject.close);
    let horizon = flow.controls.horizon;
    let times = when.times(flow).len();

    let bar = progress(output, times * subject.samples.len(), "eigenvalues");
    let spectrum = spectrum(flow, theta, entries, when, |count| {
        bar.inc(count as u64);
        true
    });
    let used = Method::new(&subject.tableau.name, &subject.tableau);
    let steps = when.steps(flow);
    let per_time = spectrum.samples * spectrum.width;
    let each = spectrum.values.chunks(per_time.max(1)).zip(&steps);
    let amplification = each.flat_map(|(values, h)| {
        values.iter().map(|lambda| evaluate(&used.region.polynomial, lambda * *h).norm())
    });
    let amplification = amplification.collect();

    let bar = progress(output, times * close.len(), "closer look");
    let closer = subject.entries_of(close);
    let looks = look(flow, theta, &closer, when, &used.region, |count| {
        bar.inc(count as u64);
        true
    });
    let bar = progress(output, close.len(), "propagators");
    let propagators = propagators(flow, theta, &closer, || bar.inc(1)).map_err(Refusal::work)?;

    let modes: Vec<Vec<Mode>> = modes(&spectrum);
    let mut methods = Method::catalogue().map_err(Refusal::work)?;
    if !methods.iter().any(|method| method.name == used.name) {
        methods.push(used.clone());
    }
    let bar = progress(output, methods.len(), "advice");
    let advice = advise_all(&methods, &modes, horizon, tolerance, || bar.inc(1));
    let cheapest = advice.first().map(|advice| advice.method.clone());
    let mut wanted = vec![&used];
    wanted
        .extend(methods.iter().find(|m| Some(&m.name) == cheapest.as_ref() && m.name != used.name));
    let grids = wanted.into_iter().map(|method| {
        let found = grid(method, flow, &spectrum.times, &modes, tolerance);
        (method.name.clone(), method.evaluations, found)
    });
    let grids = grids.collect();
    bar.finish_and_clear();
    Ok(Study {
        when,
        spectrum,
        amplification,
        close: close.clone(),
        looks,
        propagators,
        method: used,
        advice,
        grids,
        tolerance,
    })
}

/// A bar where it can be seen.
fn progress(output: &Output, length: usize, what: &'static str) -> ProgressBar {
    if !output.shows_progress() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}  {eta} left");
    let bar = ProgressBar::new(length as u64).with_message(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn write(subject: &Subject, study: &Study, out: &std::path::Path) -> Result<(), Refusal> {
    let Study { spectrum, amplification, advice, .. } = study;
    let shape = [spectrum.times.len(), spectrum.samples, spectrum.width];
    let done = || {
        files::array(&out.join("eigenvalues.npy"), &shape, spectrum.values.iter().copied())?;
        files::array(&out.join("amplification.npy"), &shape, amplification.iter().copied())?;
        files::array(&out.join("times.npy"), &shape[..1], spectrum.times.iter().copied())?;
        files::array(
            &out.join("samples.npy"),
            &[subject.samples.len()],
            subject.samples.iter().map(|sample| *sample as i64),
        )?;
        files::advice(&out.join("advice.csv"), advice, &spectrum.times, &subject.samples)
    };
    done().map_err(Refusal::work)
}

/// The files that a study leaves.
fn file_names() -> impl Iterator<Item = String> {
    let arrays = ["eigenvalues.npy", "amplification.npy", "times.npy", "samples.npy", "advice.csv"];
    arrays.into_iter().map(String::from).chain(figures::file_names())
}

/// The folder that a study is written to if none is named.
fn default_folder(args: &cli::Spectrum) -> PathBuf {
    if args.target.is_dir() {
        return args.target.join("spectrum");
    }
    let stem = args.target.file_stem().unwrap_or(args.target.as_os_str()).to_string_lossy();
    args.target.with_file_name(format!("{stem}-spectrum"))
}
