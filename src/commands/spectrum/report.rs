//! What a study says: extreme values, notes, advice.

mod notes;

use std::path::{Path, PathBuf};

use num_complex::Complex64;
use serde::Serialize;

use self::notes::short;
use super::Study;
use super::findings::At;
use super::subject::Subject;
use crate::report::table::Table;
use crate::spectrum::advice::{QUANTILES, Share};
use crate::spectrum::{DEFECTIVE, Frozen, Look, Propagator, Tolerance};

/// Methods in the printed table.
const ROWS: usize = 12;

#[derive(Serialize)]
pub struct Report {
    folder: PathBuf,
    weights: String,
    method: String,
    steps: usize,
    horizon: f64,
    width: usize,
    times: usize,
    samples: usize,
    samples_are: &'static str,
    tolerance: Tolerance,
    extremes: Extremes,
    amplification: Amplification,
    damping: Option<Damping>,
    normality: Option<Closer>,
    propagators: Option<Propagators>,
    adjoint: Adjoint,
    notes: Vec<String>,
    advice: Vec<Row>,
    grids: Vec<Grid>,
    lost: Vec<LostAt>,
}

#[derive(Serialize)]
struct Extremes {
    /// Largest Re, least Re, largest |Im| and largest modulus.
    rightmost: Option<At>,
    leftmost: Option<At>,
    fastest: Option<At>,
    largest: Option<At>,
}

/// |R(h lambda)| of the method and steps in use.
#[derive(Serialize)]
struct Amplification {
    largest: f64,
    at: Option<At>,
    /// Share of the eigenvalues with Re > 0: growth in the equation.
    growing_in_equation: f64,
    /// Share of those with Re <= 0 and |R| > 1: growth made by the method.
    growing_by_method: f64,
    /// The largest |R| among these.
    largest_by_method: Option<f64>,
}

#[derive(Serialize)]
struct Damping {
    /// Least and largest g over the times.
    g: [f64; 2],
    /// Of all lower and upper bounds of real parts the least and the largest.
    bounds: [f64; 2],
}

#[derive(Serialize)]
struct Closer {
    samples: usize,
    largest_condition: f64,
    t: f64,
    sample: usize,
    median_condition: f64,
    largest_norm: f64,
    largest_numerical_abscissa: f64,
    median_departure: f64,
    defective: usize,
    /// The least step with which the numerical range lies inside the region of the method in use.
    range_step: f64,
    norm_condition: f64,
}

#[derive(Serialize)]
struct Propagators {
    samples: usize,
    /// Medians over the samples.
    discrete: Vec<f64>,
    converged: Vec<f64>,
    exponents: Vec<f64>,
    largest_norm: f64,
    largest_difference: f64,
    largest_uncertainty: f64,
    /// Samples whose propagator is larger than frozen eigenvalues allow, and the worst of them.
    beyond_frozen: usize,
    worst_frozen: Option<Frozen>,
}

/// What a solve backward in time sees.
#[derive(Serialize)]
struct Adjoint {
    /// lambda' = -J' lambda, solved from the horizon to 0, has the eigenvalues of J: the largest real part.
    abscissa: Option<f64>,
    /// The state, recomputed backward, has theirs with the other sign: the largest real part.
    backward_state_abscissa: Option<f64>,
    /// How much an error of the final state can grow on that way, 1 / the least singular value; median.
    backward_growth: Option<f64>,
}

#[derive(Serialize)]
struct Row {
    method: String,
    order: usize,
    shares: Vec<ShareRow>,
    later_stable_steps: Vec<[f64; 2]>,
}

#[derive(Serialize)]
struct ShareRow {
    quantile: f64,
    stable_step: Option<f64>,
    accurate_step: Option<f64>,
    step: f64,
    steps: Option<usize>,
    evaluations: Option<usize>,
    /// Usable over this horizon, not over any.
    beyond_stability: bool,
    limit: Option<&'static str>,
    binding: Option<At>,
}

#[derive(Serialize)]
struct Grid {
    method: String,
    steps: Option<usize>,
    evaluations: Option<usize>,
    stepping: Option<String>,
}

#[derive(Serialize)]
struct LostAt {
    t: f64,
    sample: usize,
    why: String,
}

impl Report {
    pub fn of(subject: &Subject, study: &Study, out: &Path) -> Report {
        let flow = &subject.network.flow;
        let spectrum = &study.spectrum;
        let only = |found: Option<(f64, At)>| found.map(|(_, at)| at);
        let extremes = Extremes {
            rightmost: only(study.most(subject, |_, v| v.re)),
            leftmost: only(study.most(subject, |_, v| -v.re)),
            fastest: only(study.most(subject, |_, v| v.im)),
            largest: only(study.most(subject, |_, v| v.norm())),
        };
        let by_method = |k: usize, _: Complex64| match study.grows(k) {
            true => f64::NEG_INFINITY,
            false => study.amplification[k],
        };
        let finite: Vec<usize> =
            (0..spectrum.values.len()).filter(|k| spectrum.values[*k].is_finite()).collect();
        let share = |holds: &dyn Fn(usize) -> bool| {
            finite.iter().filter(|k| holds(**k)).count() as f64 / finite.len().max(1) as f64
        };
        let largest = study.most(subject, |k, _| study.amplification[k]);
        let amplification = Amplification {
            largest: largest.map_or(f64::NAN, |(value, _)| value),
            at: only(largest),
            growing_in_equation: share(&|k| study.grows(k)),
            growing_by_method: share(&|k| !study.grows(k) && study.amplification[k] > 1.0 + 1e-12),
            largest_by_method: study.most(subject, by_method).map(|(value, _)| value),
        };
        let ends = |values: &mut dyn Iterator<Item = f64>| {
            values.fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], v| [a.min(v), b.max(v)])
        };
        let damping = spectrum.damped.as_ref().map(|damped| Damping {
            g: ends(&mut damped.g.iter().copied()),
            bounds: ends(&mut damped.bounds.iter().flatten().copied()),
        });
        let propagators = propagators(study);
        let adjoint = Adjoint {
            abscissa: extremes.rightmost.map(|at| at.re),
            backward_state_abscissa: extremes.leftmost.map(|at| -at.re),
            backward_growth: propagators
                .as_ref()
                .and_then(|all| all.converged.last().map(|least| 1.0 / least)),
        };
        let at = |advice: &Share| {
            let mode = advice.binding()?.mode;
            let sample = subject.name_of(mode.sample);
            Some(At {
                re: mode.lambda.re,
                im: mode.lambda.im,
                t: spectrum.times[mode.time],
                sample,
            })
        };
        let share_row = |share: &Share| ShareRow {
            quantile: share.quantile,
            stable_step: share.limits.stable.map(|binding| binding.step),
            accurate_step: share.limits.accurate.map(|binding| binding.step),
            step: share.step,
            steps: share.steps,
            evaluations: share.evaluations,
            beyond_stability: share.is_beyond_stability(),
            limit: share.binding().map(|binding| binding.limit.name()),
            binding: at(share),
        };
        let advice = study.advice.iter().map(|advice| Row {
            method: advice.method.clone(),
            order: advice.order,
            shares: advice.shares.iter().map(share_row).collect(),
            later_stable_steps: advice.later.clone(),
        });
        let grids = study.grids.iter().map(|(method, evaluations, grid)| {
            let steps = grid.as_ref().map(|grid| grid.len() - 1);
            Grid {
                method: method.clone(),
                steps,
                evaluations: steps.map(|steps| steps * evaluations),
                stepping: grid.as_ref().map(|grid| format!("Grid({grid:?})")),
            }
        });
        let mut report = Report {
            folder: out.into(),
            weights: subject.weights.clone(),
            method: study.method.name.clone(),
            steps: flow.steps(),
            horizon: flow.controls.horizon,
            width: spectrum.width,
            times: spectrum.times.len(),
            samples: spectrum.samples,
            samples_are: subject.kind,
            tolerance: study.tolerance,
            extremes,
            amplification,
            damping,
            normality: closer(subject, study),
            propagators,
            adjoint,
            notes: Vec::new(),
            advice: advice.collect(),
            grids: grids.collect(),
            lost: spectrum
                .lost
                .iter()
                .map(|lost| LostAt {
                    t: lost.t,
                    sample: subject.name_of(lost.sample),
                    why: lost.why.to_string(),
                })
                .collect(),
        };
        report.notes = report.notes_of(study, subject);
        report
    }

    pub fn text(&self) -> String {
        let mut table = Table::new([
            "method",
            "order",
            "stable to h",
            "accurate to h",
            "steps",
            "evaluations",
            "limit",
            "95 %",
            "99 %",
        ]);
        let step = |step: Option<f64>| step.map_or("any".to_owned(), short);
        let count = |n: Option<usize>| n.map_or("none".to_owned(), |n| n.to_string());
        let cheapest = self.advice.iter().take(ROWS);
        let own = self.advice.iter().skip(ROWS).find(|row| row.method == self.method);
        for row in cheapest.chain(own) {
            let Some(all) = row.shares.last() else { continue };
            let mut cells = vec![
                row.method.clone(),
                row.order.to_string(),
                step(all.stable_step),
                step(all.accurate_step),
                count(all.steps),
                count(all.evaluations),
                all.limit.unwrap_or("horizon").to_owned(),
            ];
            let others = row.shares.iter().take(QUANTILES.len() - 1);
            cells.extend(others.map(|share| count(share.evaluations)));
            table.row(cells);
        }
        let notes: Vec<String> = self.notes.iter().map(|note| format!("- {note}")).collect();
        let grids: Vec<String> = self
            .grids
            .iter()
            .filter_map(|grid| {
                let (steps, stepping) = (grid.steps?, grid.stepping.as_ref()?);
                // A long grid is not for reading; advice.csv and --json have it.
                (steps <= 40).then(|| format!("{}: stepping: {stepping},", grid.method))
            })
            .collect();
        let grids = match grids.is_empty() {
            true => String::new(),
            false => format!(
                "\ncheapest grids (steps land on the breaks of the weights):\n{}\n",
                grids.join("\n")
            ),
        };
        format!(
            "{} {}, {} times, width {}, weights: {}; {} in {} steps to {}\n\n{}\n\nlargest steps for all samples, cheapest first by evaluations at the accurate step; then evaluations for 95 % and 99 % of the samples\n{table}{grids}\n{}",
            self.samples,
            self.samples_are,
            self.times,
            self.width,
            self.weights,
            self.method,
            self.steps,
            short(self.horizon),
            notes.join("\n"),
            self.folder.display()
        )
    }
}

fn closer(subject: &Subject, study: &Study) -> Option<Closer> {
    let worst =
        study.looks().max_by(|a, b| a.0.normality.condition.total_cmp(&b.0.normality.condition))?;
    let of =
        |pick: fn(&Look) -> f64| study.looks().map(|(look, ..)| pick(look)).collect::<Vec<_>>();
    let most = |values: Vec<f64>| values.into_iter().fold(f64::NEG_INFINITY, f64::max);
    Some(Closer {
        samples: study.close.len(),
        largest_condition: worst.0.normality.condition,
        t: worst.1,
        sample: subject.name_of(worst.2),
        median_condition: median(of(|look| look.normality.condition)),
        largest_norm: most(of(|look| look.normality.norm)),
        largest_numerical_abscissa: most(of(|look| look.normality.numerical_abscissa)),
        median_departure: median(of(|look| look.normality.departure)),
        defective: study.looks().filter(|(look, ..)| look.normality.condition > DEFECTIVE).count(),
        range_step: of(|look| look.range_step).into_iter().fold(f64::INFINITY, f64::min),
        norm_condition: most(of(|look| look.norm_condition)),
    })
}

fn propagators(study: &Study) -> Option<Propagators> {
    let found: Vec<&Propagator> = study.propagators.iter().flatten().collect();
    let first = found.first()?;
    let medians = |pick: fn(&Propagator) -> &Vec<f64>| -> Vec<f64> {
        let at = |k: usize| median(found.iter().filter_map(|p| pick(p).get(k).copied()).collect());
        (0..pick(first).len()).map(at).collect()
    };
    let most = |pick: fn(&Propagator) -> f64| found.iter().map(|p| pick(p)).fold(0.0, f64::max);
    let beyond: Vec<Frozen> =
        study.frozen().into_iter().flatten().filter(Frozen::misleads).collect();
    Some(Propagators {
        samples: found.len(),
        discrete: medians(|p| &p.discrete),
        converged: medians(|p| &p.converged),
        exponents: medians(|p| &p.exponents),
        largest_norm: most(|p| p.discrete.first().copied().unwrap_or(f64::NAN)),
        largest_difference: most(|p| p.difference),
        largest_uncertainty: most(|p| p.uncertainty),
        beyond_frozen: beyond.len(),
        worst_frozen: beyond
            .into_iter()
            .max_by(|a, b| (a.norm / a.bound).total_cmp(&(b.norm / b.bound))),
    })
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
