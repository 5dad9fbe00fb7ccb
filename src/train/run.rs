//! The loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Score;
use super::checkpoint::{Best, Checkpoint};
use super::history::Row;
use super::objective::{self, Cause, Failure, Objective, Part};
use super::optimiser::Rule;
use super::order;
use super::outcome::{Activity, Outcome, StopReason};
use super::settings::Training;
use super::{Event, Observer, TrainError};

/// Minimises `objective` from `start` on, which is [`Checkpoint::fresh`] or was read from a file.
///
/// `interrupt` is looked at before each batch; once it is true the run ends with a checkpoint of
/// the last whole epoch. A loss, gradient or weight that is not finite ends the run too, as a
/// [`StopReason`], with the last weights whose loss was finite.
///
/// # Errors
/// [`TrainError`], when the settings, the start and the objective do not fit together, or when the
/// observer could not write.
pub fn train(
    objective: &mut dyn Objective,
    start: Checkpoint,
    training: &Training,
    seed: u64,
    interrupt: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Outcome, TrainError> {
    let mut run = Run::new(objective, start, training, seed, interrupt)?;
    let stop = run.drive(observer)?;
    observer.notice(Event::Stopped(&stop))?;
    Ok(run.outcome(stop))
}

/// Whether `objective` can be trained with these settings.
///
/// # Errors
/// [`TrainError::Setting`], [`TrainError::NoSamples`] and [`TrainError::NoValidation`].
pub fn check(objective: &dyn Objective, training: &Training) -> Result<(), TrainError> {
    training.check()?;
    if objective.samples(Part::Train) == 0 {
        return Err(TrainError::NoSamples);
    }
    if training.stop.is_some() && objective.samples(Part::Validation) == 0 {
        return Err(TrainError::NoValidation);
    }
    Ok(())
}

struct Run<'a> {
    objective: &'a mut dyn Objective,
    training: &'a Training,
    seed: u64,
    interrupt: &'a AtomicBool,
    samples: usize,
    batch: usize,
    /// The state between two epochs.
    state: Checkpoint,
    /// The optimiser, the weights and the gradient within an epoch.
    rule: Box<dyn Rule>,
    weights: Vec<f64>,
    gradient: Vec<f64>,
    /// The last weights of which a loss is known to be finite.
    good: Vec<f64>,
    clock: Instant,
    seconds_before: f64,
}

impl<'a> Run<'a> {
    fn new(
        objective: &'a mut dyn Objective,
        mut state: Checkpoint,
        training: &'a Training,
        seed: u64,
        interrupt: &'a AtomicBool,
    ) -> Result<Self, TrainError> {
        check(objective, training)?;
        let samples = objective.samples(Part::Train);
        let parameters = objective.parameters();
        let lengths = [Some(&state.weights), state.best.as_ref().map(|best| &best.weights)];
        for found in lengths.into_iter().flatten().map(Vec::len) {
            if found != parameters {
                return Err(TrainError::Parameters { expected: parameters, found });
            }
        }
        let mut rule = training.optimiser.rule(parameters);
        recall(&mut *rule, &mut state)?;
        Ok(Run {
            objective,
            training,
            seed,
            interrupt,
            samples,
            batch: training.batch.unwrap_or(samples).min(samples),
            rule,
            weights: state.weights.clone(),
            gradient: vec![0.0; parameters],
            good: state.weights.clone(),
            clock: Instant::now(),
            seconds_before: state.seconds,
            state,
        })
    }

    /// Epochs until there is a reason to stop.
    fn drive(&mut self, observer: &mut dyn Observer) -> Result<StopReason, TrainError> {
        loop {
            let stop = match self.finished() {
                Some(stop) => stop,
                None => match self.epoch() {
                    Ok(()) => {
                        observer.notice(Event::EpochDone {
                            history: &self.state.history,
                            weights: &self.state.weights,
                            epochs: self.training.epochs,
                        })?;
                        let every = self.training.checkpoint;
                        if every > 0 && self.state.epoch().is_multiple_of(every) {
                            observer.notice(Event::Checkpoint(&self.state))?;
                        }
                        continue;
                    }
                    Err(stop) => stop,
                },
            };
            self.state.seconds = self.seconds();
            if !matches!(stop, StopReason::Failed { .. }) {
                observer.notice(Event::Checkpoint(&self.state))?;
            }
            return Ok(stop);
        }
    }

    /// Whether the state is a final one. It depends on nothing else: a finished run that is resumed
    /// stops at once for the same reason.
    fn finished(&self) -> Option<StopReason> {
        let epoch = self.state.epoch();
        if self.state.history.is_empty() {
            return None;
        }
        if let (Some(stop), Some(best)) = (&self.training.stop, &self.state.best)
            && epoch >= best.epoch + stop.patience
        {
            return Some(StopReason::EarlyStop { best_epoch: best.epoch });
        }
        (epoch >= self.training.epochs).then_some(StopReason::Epochs)
    }

    /// One epoch, ending in a new state: updates over all batches, then a row of the history. The
    /// first one, of row 0, has no updates. If it cannot be finished the state stays as it was.
    fn epoch(&mut self) -> Result<(), StopReason> {
        let Some(last) = self.state.history.last() else {
            let row = self.evaluate(0, 0.0, None)?;
            self.commit(row);
            return Ok(());
        };
        let (epoch, work_units) = (last.epoch + 1, last.work_units);
        let order = if self.batch == self.samples {
            (0..self.samples).collect()
        } else {
            order::shuffled(self.samples, self.seed, epoch)
        };
        let per_epoch = order.len().div_ceil(self.batch);
        let updates = per_epoch * self.training.epochs;
        for (index, samples) in order.chunks(self.batch).enumerate() {
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(StopReason::Interrupted);
            }
            let update = (epoch - 1) * per_epoch + index;
            let schedule = self.training.optimiser.schedule();
            let rate = self.training.optimiser.rate() * schedule.factor(update, updates, per_epoch);
            self.update(samples, rate).map_err(|failure| {
                let during = Activity::Update { epoch, batch: index + 1 };
                StopReason::Failed { during, failure }
            })?;
        }
        let norm = norm(&self.gradient);
        // The gradients went once forward and once backward over every sample.
        let row = self.evaluate(epoch, work_units + 2.0, Some(norm))?;
        self.commit(row);
        Ok(())
    }

    fn update(&mut self, samples: &[usize], rate: f64) -> Result<(), Failure> {
        let loss = self.objective.gradient(&self.weights, samples, &mut self.gradient)?;
        objective::finite(loss, Cause::Loss)?;
        self.good.copy_from_slice(&self.weights);
        objective::all_finite(&self.gradient, |parameter| Cause::Gradient { parameter })?;
        self.rule.step(&mut self.weights, &self.gradient, rate);
        objective::all_finite(&self.weights, |parameter| Cause::Weight { parameter })
    }

    /// The row of an epoch; its evaluation of the training set is one unit of work.
    fn evaluate(
        &mut self,
        epoch: usize,
        work_units: f64,
        gradient_norm: Option<f64>,
    ) -> Result<Row, StopReason> {
        let train = self.score(epoch, Part::Train)?;
        let validation = match self.objective.samples(Part::Validation) {
            0 => None,
            _ => Some(self.score(epoch, Part::Validation)?),
        };
        Ok(Row {
            epoch,
            work_units: work_units + 1.0,
            seconds: self.seconds(),
            train_loss: train.loss,
            train_accuracy: train.accuracy,
            validation_loss: validation.map(|score| score.loss),
            validation_accuracy: validation.and_then(|score| score.accuracy),
            gradient_norm,
        })
    }

    fn score(&mut self, epoch: usize, part: Part) -> Result<Score, StopReason> {
        let score = self.objective.evaluate(&self.weights, part).and_then(|score| {
            objective::finite(score.loss, Cause::Loss)?;
            Ok(score)
        });
        score.map_err(|failure| {
            let during = Activity::Evaluation { epoch, part };
            StopReason::Failed { during, failure }
        })
    }

    /// Makes the end of an epoch the new state.
    fn commit(&mut self, row: Row) {
        self.good.copy_from_slice(&self.weights);
        self.state.weights.copy_from_slice(&self.weights);
        for ((_, kept), (_, memory)) in
            self.state.optimiser.iter_mut().zip(sorted_memory(&mut *self.rule))
        {
            kept.copy_from_slice(memory);
        }
        if let (Some(stop), Some(loss)) = (&self.training.stop, row.validation_loss)
            && self.state.best.as_ref().is_none_or(|best| loss < best.loss - stop.min_delta)
        {
            self.state.best = Some(Best { epoch: row.epoch, loss, weights: self.weights.clone() });
        }
        self.state.seconds = row.seconds;
        self.state.history.push(row);
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.clock.elapsed().as_secs_f64()
    }

    fn outcome(self, stop: StopReason) -> Outcome {
        let (epoch, weights) = match (&stop, self.state.best) {
            (StopReason::Failed { .. }, _) => {
                (self.state.history.len().saturating_sub(1), self.good)
            }
            (StopReason::Epochs | StopReason::EarlyStop { .. }, Some(best)) => {
                (best.epoch, best.weights)
            }
            _ => (self.state.history.len().saturating_sub(1), self.state.weights),
        };
        Outcome { weights, epoch, history: self.state.history, seconds: self.state.seconds, stop }
    }
}

/// Its squares neither overflow nor vanish.
fn norm(gradient: &[f64]) -> f64 {
    let top = gradient.iter().fold(0.0, |top: f64, g| top.max(g.abs()));
    if top == 0.0 {
        return 0.0;
    }
    top * gradient.iter().map(|g| (g / top).powi(2)).sum::<f64>().sqrt()
}

/// The rule's memory in the order of the names, as files keep it.
fn sorted_memory(rule: &mut dyn Rule) -> Vec<(&'static str, &mut [f64])> {
    let mut memory = rule.memory();
    memory.sort_by_key(|(name, _)| *name);
    memory
}

/// Gives the rule the memory that the state holds, or a fresh state the memory of the rule.
fn recall(rule: &mut dyn Rule, state: &mut Checkpoint) -> Result<(), TrainError> {
    let mut memory = sorted_memory(rule);
    if state.history.is_empty() {
        state.optimiser =
            memory.iter().map(|(name, slice)| (name.to_string(), slice.to_vec())).collect();
        return Ok(());
    }
    state.optimiser.sort_by(|(left, _), (right, _)| left.cmp(right));
    let describe = |name: &str, length: usize| format!("{name} [{length}]");
    let expected: Vec<_> = memory.iter().map(|(name, s)| describe(name, s.len())).collect();
    let found: Vec<_> = state.optimiser.iter().map(|(name, s)| describe(name, s.len())).collect();
    if expected != found {
        return Err(TrainError::Memory { expected, found });
    }
    for ((_, slice), (_, kept)) in memory.iter_mut().zip(&state.optimiser) {
        slice.copy_from_slice(kept);
    }
    Ok(())
}
