//! The steps of a flow, one after the other, with every stage shown to whoever wants to see it.

use crate::expr::vector::combine;
use crate::field::{At, Workspace};
use crate::solve::{Flow, Times, step};
use crate::tableau::Tableau;

/// Takes steps of a method through the field of a flow, for a block of states.
pub(super) struct Walker<'a> {
    flow: &'a Flow,
    /// The coefficients of the field's weights.
    theta: &'a [f64],
    tableau: &'a Tableau<f64>,
    prepared: Vec<f64>,
    slopes: Vec<f64>,
    point: Vec<f64>,
    kept: Vec<f64>,
    pub workspace: Workspace,
}

/// A stage: where the field is evaluated.
pub(super) struct Stage<'a> {
    /// From 0.
    pub number: usize,
    pub t: f64,
    /// The weights at t and what the field made of them.
    pub prepared: &'a [f64],
    /// The states Y_i, width x samples.
    pub y: &'a [f64],
    pub workspace: &'a mut Workspace,
}

impl<'a> Walker<'a> {
    /// Steps of `tableau`, which may be another method than the flow's.
    pub fn new(flow: &'a Flow, theta: &'a [f64], tableau: &'a Tableau<f64>) -> Walker<'a> {
        Walker {
            flow,
            theta,
            tableau,
            prepared: vec![0.0; flow.field.n_prepared()],
            slopes: Vec::new(),
            point: Vec::new(),
            kept: Vec::new(),
            workspace: Workspace::default(),
        }
    }

    /// The step from one time to another, which replaces the states. The weights of each stage are those that a
    /// flow over a grid with this step takes.
    pub fn step(&mut self, from: f64, to: f64, y: &mut [f64], mut see: impl FnMut(Stage<'_>)) {
        let Flow { field, controls, .. } = self.flow;
        let (stages, width, h) = (self.tableau.b.len(), y.len(), to - from);
        let batch = width / field.width().max(1);
        self.slopes.resize(stages * width, 0.0);
        self.point.resize(width, 0.0);
        self.kept.resize(field.n_kept() * batch, 0.0);
        let times = Times::new(&[from, to], self.tableau, controls, field.is_autonomous());
        let mut at = None;
        for (i, number) in times.of_stage.iter().enumerate() {
            let time = &times.distinct[*number];
            if at != Some(*number) {
                self.flow.prepare_time(time, self.theta, &mut self.prepared);
                at = Some(*number);
            }
            let (earlier, rest) = self.slopes.split_at_mut(i * width);
            self.point.copy_from_slice(y);
            let row = step::row(self.tableau, i)[..i].iter().zip(earlier.chunks_exact(width));
            combine(&mut self.point, 1.0, row.map(|(a, k)| (h * a, k)));
            // A field that depends on time through its weights alone shares them between times.
            let t = from + self.tableau.c[i] * h;
            see(Stage {
                number: i,
                t,
                prepared: &self.prepared,
                y: &self.point,
                workspace: &mut self.workspace,
            });
            let here = At { t: time.t, prepared: &self.prepared, batch, lanes: 1 };
            let k = &mut rest[..width];
            field.eval(here, &self.point, k, &mut self.kept, &mut self.workspace);
        }
        let b = step::row(self.tableau, stages).iter().zip(self.slopes.chunks_exact(width));
        combine(y, 1.0, b.map(|(b, k)| (h * b, k)));
    }

    /// The weights at a time, at a break those of the later piece.
    pub fn weights_at(&mut self, t: f64) -> &[f64] {
        let controls = &self.flow.controls;
        let row = controls.row(t, controls.piece(t));
        self.flow.prepare_time(&crate::solve::Time { t, row }, self.theta, &mut self.prepared);
        &self.prepared
    }
}
