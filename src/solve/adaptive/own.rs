//! Steps of our own, by diffsol's controller: for methods of more stages than diffsol takes.

use super::control::{Control, MOST_REJECTIONS};
use super::drive::{Attempt, Halt, Stepper};
use super::pair::Pair;
use super::system::{Stages, System};

/// One step after the other of any pair.
pub(super) struct Own<'a> {
    system: &'a System<'a>,
    pair: &'a Pair,
    control: &'a Control,
    t: f64,
    h: f64,
    y: Vec<f64>,
    /// The point of the stage at hand, and after the last of them the state at the end of the step.
    point: Vec<f64>,
    /// k_1, k_2, ..; the first belongs to t and y.
    stages: Vec<f64>,
}

impl<'a> Own<'a> {
    pub fn new(system: &'a System<'a>, pair: &'a Pair, control: &'a Control, y: &[f64]) -> Own<'a> {
        let n = system.len();
        let mut own = Own {
            system,
            pair,
            control,
            t: 0.0,
            h: 0.0,
            y: y.to_vec(),
            point: vec![0.0; n],
            stages: vec![0.0; n * pair.stages()],
        };
        own.restart();
        own.h = control.first_step.unwrap_or_else(|| own.first_step());
        own
    }

    fn first_step(&mut self) -> f64 {
        let n = self.system.len();
        let (slope, rest) = self.stages.split_at_mut(n);
        let guess = self.control.try_first(&self.y, slope);
        let stages = Stages { done: slope, point: &mut self.point, k: &mut rest[..n] };
        self.system.stage(guess, &self.y, (guess, &[1.0]), stages);
        self.control.first(guess, &self.y, slope, &rest[..n], self.pair.order)
    }
}

impl Stepper for Own<'_> {
    fn time(&self) -> f64 {
        self.t
    }

    fn copy_state(&self, y: &mut [f64]) {
        y.copy_from_slice(&self.y);
    }

    fn step_size(&self) -> f64 {
        self.h
    }

    fn aim(&mut self, h: f64) {
        self.h = h;
    }

    fn land(&mut self, t: f64) {
        self.t = t;
    }

    fn back(&mut self, t: f64, y: &[f64], h: f64) -> bool {
        (self.t, self.h) = (t, h);
        self.y.copy_from_slice(y);
        self.restart();
        true
    }

    fn restart(&mut self) {
        let n = self.system.len();
        self.system.value(self.t, &self.y, &mut self.stages[..n]);
    }

    fn step(&mut self, attempts: &mut Vec<Attempt>) -> Result<(), Halt> {
        let (n, count) = (self.system.len(), self.pair.stages());
        loop {
            let (t, h) = (self.t, self.h);
            for i in 1..count {
                let (done, rest) = self.stages.split_at_mut(i * n);
                let stages = Stages { done, point: &mut self.point, k: &mut rest[..n] };
                self.system.stage(t + self.pair.c[i] * h, &self.y, (h, &self.pair.a[i]), stages);
            }
            let (y, stages) = (&self.y, &self.stages);
            let error = self.system.error(self.control, (h, &self.pair.d), y, stages);
            // What is not a number is too large.
            let accepted = error.all < 1.0;
            attempts.push(Attempt { h, error: Some(error), accepted });
            let squared = if error.all.is_nan() { f64::INFINITY } else { error.all * error.all };
            self.h = h * Control::factor(squared, self.pair.order);
            if accepted {
                self.t = t + h;
                std::mem::swap(&mut self.y, &mut self.point);
                self.stages.copy_within((count - 1) * n.., 0);
                return Ok(());
            }
            let smallest = Control::smallest(self.system.flow.controls.horizon);
            if attempts.len() >= MOST_REJECTIONS || self.h < smallest {
                let lost =
                    self.system.lost(self.pair, t, h, &self.y).filter(|_| error.all.is_nan());
                return Err(match lost {
                    Some((stage, sample)) => Halt::NotFinite { t, stage: Some(stage), sample },
                    None => Halt::TooSmall { t, h: smallest, sample: error.sample },
                });
            }
        }
    }

    fn pair(&self) -> Option<&Pair> {
        Some(self.pair)
    }

    fn within(&self, from: f64, start: &[f64], t: f64, out: &mut [f64]) {
        self.system.advance(self.pair, from, t - from, start, out);
    }
}
