//! What the numbers of a study mean, in sentences.

use super::{Amplification, Damping, Report};
use crate::commands::spectrum::Study;
use crate::commands::spectrum::subject::Subject;

/// Condition of eigenvectors from which on eigenvalues alone are not to be trusted.
const MISLEADING: f64 = 10.0;

impl Report {
    pub(super) fn notes_of(&self, study: &Study, subject: &Subject) -> Vec<String> {
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
                false if self.damping.is_some() => format!(
                    "in the norm |D^(-1/2) v| the numerical range stays in Re <= 0 but reaches where {method} is stable with no step, so that nothing bounds the powers of R(hJ) by Crouzeix & Palencia's theorem"
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
}

fn percent(share: f64) -> String {
    format!("{} %", short(100.0 * share))
}

/// Three digits that count.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
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
