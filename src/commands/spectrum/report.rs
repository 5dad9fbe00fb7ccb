//! What a study says: extreme values, notes, advice.

use std::path::{Path, PathBuf};

use num_complex::Complex64;
use serde::Serialize;

use super::Study;
use super::subject::Subject;
use crate::report::table::Table;
use crate::spectrum::advice::{Advice, QUANTILES, Share};
use crate::spectrum::{DEFECTIVE, Frozen, Look, Propagator, Tolerance};

/// Condition of eigenvectors from which on eigenvalues alone are not to be trusted.
const MISLEADING: f64 = 10.0;
/// Methods in the printed table.
const ROWS: usize = 12;
/// Jacobians that are named one by one.
const NAMED: usize = 3;

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

/// An eigenvalue and where it was found.
#[derive(Clone, Copy, Serialize)]
struct At {
    re: f64,
    im: f64,
    t: f64,
    sample: usize,
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

impl Study {
    fn at(&self, subject: &Subject, number: usize) -> At {
        let spectrum = &self.spectrum;
        let lambda = spectrum.values[number];
        let place = number / spectrum.width;
        let t = spectrum.times[place / spectrum.samples];
        At { re: lambda.re, im: lambda.im, t, sample: subject.name_of(place % spectrum.samples) }
    }

    /// The eigenvalue for which a number is largest.
    fn most(&self, subject: &Subject, of: impl Fn(usize, Complex64) -> f64) -> Option<(f64, At)> {
        let finite = self.spectrum.values.iter().enumerate().filter(|(_, v)| v.is_finite());
        let scored = finite.map(|(k, value)| (of(k, *value), k));
        let best =
            scored.filter(|(score, _)| !score.is_nan()).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 > f64::NEG_INFINITY).then(|| (best.0, self.at(subject, best.1)))
    }

    /// Whether an eigenvalue grows by itself, beyond the rounding of its real part.
    fn grows(&self, number: usize) -> bool {
        let place = number / self.spectrum.width;
        let (time, sample) = (place / self.spectrum.samples, place % self.spectrum.samples);
        self.spectrum.values[number].re > self.spectrum.rounding(time, sample)
    }

    /// Frozen eigenvalues against the propagator, for each sample looked at closely.
    pub fn frozen(&self) -> Vec<Option<Frozen>> {
        let (times, count) = (self.spectrum.times.len(), self.close.len());
        let of = |(k, propagator): (usize, &Option<Propagator>)| {
            let looks: Option<Vec<&Look>> =
                (0..times).map(|time| self.looks[time * count + k].as_ref()).collect();
            let looks = looks?;
            let abscissas: Vec<f64> = looks.iter().map(|look| look.normality.abscissa).collect();
            let condition = looks.iter().map(|look| look.normality.condition).fold(1.0, f64::max);
            Some(Frozen::of(&self.spectrum.times, &abscissas, condition, propagator.as_ref()?))
        };
        self.propagators.iter().enumerate().map(of).collect()
    }

    /// Looks with their time and sample.
    fn looks(&self) -> impl Iterator<Item = (&Look, f64, usize)> {
        let count = self.close.len().max(1);
        self.looks.iter().enumerate().filter_map(move |(k, look)| {
            Some((look.as_ref()?, self.spectrum.times[k / count], self.close[k % count]))
        })
    }

    /// What a person should be warned of.
    pub fn complaints(&self, subject: &Subject) -> Vec<String> {
        let mut lines = Vec::new();
        let mut named = |all: Vec<String>, what: &str| {
            let more = all.len().saturating_sub(NAMED);
            lines.extend(all.into_iter().take(NAMED));
            if more > 0 {
                lines.push(format!("{more} more {what}"));
            }
        };
        let lost = self.spectrum.lost.iter().map(|lost| {
            let sample = subject.name_of(lost.sample);
            format!(
                "the Jacobian at time {}, sample {sample} {}; the others go on",
                lost.t, lost.why
            )
        });
        named(lost.collect(), "Jacobians without eigenvalues");
        let defective = self.looks().filter(|(look, ..)| look.normality.condition > DEFECTIVE);
        let defective = defective.map(|(look, t, sample)| {
            let (sample, condition) = (subject.name_of(sample), look.normality.condition);
            format!(
                "the Jacobian at time {t}, sample {sample} is defective: the condition of its eigenvectors is {condition:.1e}, its eigenvalues are right to half the digits"
            )
        });
        named(defective.collect(), "defective Jacobians");
        let beyond = self.frozen().into_iter().flatten().filter(Frozen::misleads).count();
        if beyond > 0 {
            lines.push(format!(
                "for {beyond} of {} samples the propagator dy(T)/dy(0) is larger than the eigenvalues at each time, frozen, would allow: they prove nothing here (Markus & Yamabe 1960); trust the propagator",
                self.close.len()
            ));
        }
        lines
    }

    /// The advice for the method in use.
    fn own_advice(&self) -> Option<&Advice> {
        self.advice.iter().find(|advice| advice.method == self.method.name)
    }
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

    fn notes_of(&self, study: &Study, subject: &Subject) -> Vec<String> {
        let mut notes = Vec::new();
        let method = &self.method;
        if let Some(Damping { g: [least, most], bounds: [low, high] }) = self.damping {
            let g = if most - least <= 1e-9 * most.abs() {
                short(most)
            } else {
                format!("{} to {}", short(least), short(most))
            };
            notes.push(format!(
                "the field is tanh((S - g I) y + b) with S skew, g = {g}: J = D (S - g I) with D = diag(1 - f^2), so that -g max d <= Re λ <= -g min d at each sample and time, here within {} and {}; it is not normal, and the norm to measure in is |D^(-1/2) v|",
                short(low), short(high)
            ));
        }
        let Amplification { growing_in_equation, growing_by_method, largest_by_method, .. } =
            self.amplification;
        if let (true, Some(at)) = (growing_in_equation > 0.0, self.extremes.rightmost) {
            notes.push(format!(
                "growth in the equation itself: Re λ > 0 for {} of the eigenvalues, most {} at t = {}, sample {}; no step changes that, and stable steps are those of the others",
                percent(growing_in_equation), short(at.re), short(at.t), at.sample
            ));
        }
        notes.push(match (growing_by_method > 0.0, largest_by_method) {
            (true, Some(most)) => format!(
                "growth made by the method: at the steps in use {method} has |R(hλ)| > 1 for {} of the eigenvalues though Re λ <= 0 there, at most {}",
                percent(growing_by_method), short(most)
            ),
            _ => format!("at the steps in use {method} makes no eigenvalue with Re λ <= 0 grow"),
        });
        if let Some(share) = study.own_advice().and_then(|advice| advice.shares.last())
            && let Some(binding) = share.limits.stable
        {
            let mode = binding.mode;
            notes.push(format!(
                "{method} is stable up to h = {}; the eigenvalue that binds is {} ± {}i at t = {}, sample {}",
                short(binding.step),
                short(mode.lambda.re),
                short(mode.lambda.im),
                short(study.spectrum.times[mode.time]),
                subject.name_of(mode.sample)
            ));
        }
        if let Some(closer) = &self.normality {
            let misleading = closer.largest_condition > MISLEADING;
            let holds = match closer.range_step > 0.0 {
                true => format!(
                    "up to h = {} the numerical range, times h, lies in the region of {method}, so that powers of R(hJ) stay below {} at each frozen time (Crouzeix & Palencia 2017)",
                    short(closer.range_step),
                    match closer.norm_condition > 1.0 {
                        true => format!(
                            "1 + √2 in the norm |D^(-1/2) v|, {} in the usual one",
                            short((1.0 + 2f64.sqrt()) * closer.norm_condition)
                        ),
                        false => "1 + √2".to_owned(),
                    }
                ),
                false => format!(
                    "the numerical range reaches Re = {}, into the right half-plane, so that solutions may at first grow like e^(ωt) with that ω, and no step bounds the powers of R(hJ) by Crouzeix & Palencia's theorem",
                    short(closer.largest_numerical_abscissa)
                ),
            };
            if misleading {
                notes.push(format!(
                    "the Jacobians are far from normal (condition of the eigenvectors up to {}, at t = {}, sample {}): eigenvalues say what happens in the end, not at first; {holds}",
                    short(closer.largest_condition), short(closer.t), closer.sample
                ));
            } else {
                notes.push(format!(
                    "the eigenvectors are well conditioned (at most {}); {holds}",
                    short(closer.largest_condition)
                ));
            }
        }
        if let Some(all) = &self.propagators {
            notes.push(format!(
                "dy(T)/dy(0): norm up to {}, differing from the converged flow's by up to {} of it; Lyapunov exponents from {} to {} (medians)",
                short(all.largest_norm),
                percent(all.largest_difference),
                short(all.exponents.last().copied().unwrap_or(f64::NAN)),
                short(all.exponents.first().copied().unwrap_or(f64::NAN)),
            ));
        }
        if let (Some(back), Some(growth)) =
            (self.adjoint.backward_state_abscissa, self.adjoint.backward_growth)
        {
            notes.push(format!(
                "backward: the adjoint has the same eigenvalues as the flow, the state recomputed backward those with the other sign, up to Re = {}: errors of the final state grow {} times on that way",
                short(back), short(growth)
            ));
        }
        notes
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

fn percent(share: f64) -> String {
    format!("{} %", short(100.0 * share))
}

/// Three digits that count.
fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    if !(1e-3..1e5).contains(&size) {
        return format!("{value:.2e}");
    }
    let before = size.log10().floor() as i32;
    let text = format!("{value:.*}", (2 - before).clamp(0, 6) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
