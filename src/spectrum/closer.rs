//! A closer look at Jacobians: how far they are from normal, and which step their numerical range allows.

use faer::MatRef;
use rayon::prelude::*;
use serde::Serialize;

use super::along::{When, along};
use super::normality::{Normality, inside, numerical_range};
use super::ray::Region;
use super::structure::{self, DampedSkew};
use crate::jacobian::Room;
use crate::solve::Flow;

/// What was found of one Jacobian.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Look {
    /// In the usual norm.
    pub normality: Normality,
    /// The largest h for which h W(J) lies in the region of the method, W in the right norm.
    pub range_step: f64,
    /// The condition of the norm in which the range was taken: (max d / min d)^(1/2) where the Jacobian is
    /// D (S - g I), and 1 for all others.
    pub norm_condition: f64,
}

/// Looks at all Jacobians of these `entries`, [times, samples]; none for those that are not finite.
pub fn look(
    flow: &Flow,
    theta: &[f64],
    entries: &[f64],
    when: When,
    region: &Region,
    mut done: impl FnMut(usize) -> bool,
) -> Vec<Option<Look>> {
    let width = flow.width().max(1);
    let samples = entries.len() / width;
    let mut looks = vec![None; when.times(flow).len() * samples];
    let mut room = Room::default();
    along(flow, theta, entries, when, |frame| {
        let of = frame.states.len() / width;
        let start = frame.time * samples + frame.first;
        let skew = DampedSkew::of(flow, frame.t, frame.prepared, &mut room);
        let slopes = structure::slopes(flow, frame.t, frame.prepared, frame.states);
        let matrices = frame.jacobians.par_chunks_exact(width * width);
        let each = matrices.zip(slopes.par_chunks_exact(width));
        each.zip(&mut looks[start..start + of])
            .for_each(|((matrix, d), look)| *look = one(matrix, skew.as_ref(), d, region));
        done(of)
    });
    looks
}

fn one(matrix: &[f64], skew: Option<&DampedSkew>, d: &[f64], region: &Region) -> Option<Look> {
    if matrix.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let width = d.len();
    let normality = Normality::of(MatRef::from_column_major_slice(matrix, width, width))?;
    let mut similar = matrix.to_vec();
    let ends = d.iter().fold([f64::INFINITY, 0.0], |[a, b]: [f64; 2], d| [a.min(*d), b.max(*d)]);
    let norm_condition = skew.map_or(1.0, |skew| {
        skew.symmetrise(d, &mut similar);
        (ends[1] / ends[0]).sqrt()
    });
    let corners = numerical_range(MatRef::from_column_major_slice(&similar, width, width))?;
    Some(Look { normality, range_step: inside(region, &corners), norm_condition })
}
