//! What is true of a run.

mod objectives;

use std::sync::atomic::AtomicBool;

use super::*;
use objectives::{Breakdown, Logistic, Scripted};

const OPTIMISERS: [&str; 5] = [
    "Sgd(rate: 0.5, schedule: Step(every: 2, factor: 0.5))",
    "Sgd(rate: 0.1, momentum: 0.9, schedule: Cosine)",
    "Sgd(rate: 0.1, momentum: 0.9, nesterov: true)",
    "Adam(rate: 0.05, schedule: Warmup(epochs: 2, then: CosineTo(share: 0.1)))",
    "AdamW(rate: 0.05, decay: 0.1, schedule: Cosine)",
];

fn settings(optimiser: &str, epochs: usize) -> Training {
    Training {
        optimiser: ron::from_str(optimiser).unwrap(),
        epochs,
        batch: Some(5),
        snapshots: 0,
        checkpoint: 1,
        stop: None,
    }
}

fn sgd(rate: f64, epochs: usize) -> Training {
    settings(&format!("Sgd(rate: {rate:?})"), epochs)
}

fn fresh() -> Checkpoint {
    Checkpoint::fresh("model", vec![0.3, -0.2, 0.0])
}

/// Runs, and keeps a copy of every checkpoint as it comes back from the bytes of its file.
fn run(
    objective: &mut dyn Objective,
    start: Checkpoint,
    training: &Training,
    interrupt: &AtomicBool,
) -> (Outcome, Vec<Checkpoint>) {
    let mut checkpoints = Vec::new();
    let mut observer = |event: Event<'_>| {
        if let Event::Checkpoint(state) = event {
            checkpoints.push(Checkpoint::decode(&state.encode()?).unwrap());
        }
        Ok(())
    };
    let outcome = train(objective, start, training, 11, interrupt, &mut observer).unwrap();
    (outcome, checkpoints)
}

fn run_on(objective: &mut dyn Objective, start: Checkpoint, training: &Training) -> Outcome {
    run(objective, start, training, &AtomicBool::new(false)).0
}

/// The outcome but for the clock, every float as its bits.
fn bits(outcome: &Outcome) -> (Vec<u64>, Vec<String>, String) {
    let rows = outcome.history.iter().map(|row| {
        let row = Row { seconds: 0.0, ..row.clone() };
        // JSON keeps the bits of finite floats.
        serde_json::to_string(&row).unwrap()
    });
    let weights = outcome.weights.iter().map(|w| w.to_bits()).collect();
    (weights, rows.collect(), outcome.stop.to_string())
}

#[test]
fn a_run_resumed_from_any_checkpoint_ends_as_if_never_killed() {
    for optimiser in OPTIMISERS {
        for stop in [None, Some(EarlyStop { patience: 100, min_delta: 0.0 })] {
            let training = Training { stop, ..settings(optimiser, 6) };
            let (whole, checkpoints) =
                run(&mut Logistic::new(), fresh(), &training, &AtomicBool::new(false));
            assert_eq!(whole.stop, StopReason::Epochs);
            let epochs: Vec<usize> = checkpoints.iter().map(Checkpoint::epoch).collect();
            assert_eq!(epochs, [0, 1, 2, 3, 4, 5, 6, 6]);
            for checkpoint in checkpoints {
                let resumed = run_on(&mut Logistic::new(), checkpoint, &training);
                assert_eq!(bits(&resumed), bits(&whole), "{optimiser}");
            }
        }
    }
}

#[test]
fn a_run_interrupted_in_any_batch_ends_as_if_left_alone() {
    for optimiser in OPTIMISERS {
        let training = Training { checkpoint: 0, ..settings(optimiser, 3) };
        let whole = run_on(&mut Logistic::new(), fresh(), &training);
        for batch in 1..=14 {
            let flag = AtomicBool::new(false);
            let mut objective = Logistic::interrupted_at(batch, &flag);
            let (stopped, mut checkpoints) = run(&mut objective, fresh(), &training, &flag);
            assert_eq!(stopped.stop, StopReason::Interrupted);
            assert_eq!(objective.batches.len(), batch, "no batch is begun after the interrupt");
            assert_eq!(checkpoints.len(), 1, "checkpoint: 0 writes at the end alone");
            let checkpoint = checkpoints.remove(0);
            assert_eq!(stopped.weights, checkpoint.weights);
            assert_eq!(stopped.epoch, batch / 5, "the row of the last whole epoch");
            assert!(checkpoint.seconds >= checkpoint.history.last().unwrap().seconds);
            let resumed = run_on(&mut Logistic::new(), checkpoint, &training);
            assert_eq!(bits(&resumed), bits(&whole), "{optimiser}, batch {batch}");
        }
    }
}

#[test]
fn an_interrupt_before_the_start_leaves_a_checkpoint_of_the_initial_network() {
    let (outcome, checkpoints) =
        run(&mut Logistic::new(), fresh(), &sgd(0.1, 3), &AtomicBool::new(true));
    assert_eq!(outcome.stop, StopReason::Interrupted);
    assert_eq!(checkpoints.last().unwrap().epoch(), 0);
    assert_eq!(outcome.weights, fresh().weights);
}

#[test]
fn an_epoch_goes_once_through_all_samples_in_an_order_of_its_own() {
    let mut objective = Logistic::new();
    run_on(&mut objective, fresh(), &sgd(0.1, 2));
    let sizes: Vec<usize> = objective.batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [5, 5, 5, 5, 3, 5, 5, 5, 5, 3]);
    let (first, second) = objective.batches.split_at(5);
    assert_ne!(first, second);
    for epoch in [first, second] {
        let mut samples = epoch.concat();
        samples.sort_unstable();
        assert_eq!(samples, (0..23).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_batch_keeps_the_order_of_the_samples() {
    for batch in [None, Some(23), Some(1000)] {
        let mut objective = Logistic::new();
        run_on(&mut objective, fresh(), &Training { batch, ..sgd(0.1, 1) });
        assert_eq!(objective.batches, [(0..23).collect::<Vec<_>>()]);
    }
}

#[test]
fn the_rows_say_what_the_objective_says() {
    let mut objective = Logistic::new();
    let mut seen = Vec::new();
    let mut observer = |event: Event<'_>| {
        if let Event::EpochDone { history, weights, epochs } = event {
            assert_eq!(epochs, 3);
            seen.push((history.last().unwrap().clone(), weights.to_vec()));
        }
        Ok(())
    };
    let quiet = AtomicBool::new(false);
    let training = sgd(0.5, 3);
    let outcome = train(&mut objective, fresh(), &training, 1, &quiet, &mut observer).unwrap();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].1, fresh().weights);
    assert_eq!(seen[0].0.gradient_norm, None);
    for (epoch, (row, weights)) in seen.iter().enumerate() {
        assert_eq!(row.epoch, epoch);
        assert_eq!(row.work_units, 1.0 + 3.0 * epoch as f64);
        let train = objective.evaluate(weights, Part::Train).unwrap();
        let validation = objective.evaluate(weights, Part::Validation).unwrap();
        assert_eq!((row.train_loss, row.train_accuracy), (train.loss, train.accuracy));
        assert_eq!(row.validation_loss, Some(validation.loss));
        assert_eq!(row.validation_accuracy, validation.accuracy);
    }
    assert!(seen.windows(2).all(|pair| pair[0].0.seconds <= pair[1].0.seconds));
    let summary = outcome.summary();
    assert_eq!(summary.train_loss, Some(seen[3].0.train_loss));
    assert_eq!((summary.parameters, summary.epochs, summary.epoch), (3, 3, 3));
    let text = serde_json::to_string(&summary).unwrap();
    assert!(text.contains(r#""stop_reason":"epochs""#), "{text}");
    assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
}

#[test]
fn the_gradient_norm_is_that_of_the_last_batch() {
    let mut objective = Scripted::default();
    let training = Training { batch: Some(2), ..sgd(0.5, 1) };
    let outcome = run_on(&mut objective, Checkpoint::fresh("", vec![-8.0]), &training);
    // Two updates of w <- w / 2; the gradient is w.
    assert_eq!(objective.weights, [-8.0, -4.0]);
    assert_eq!(outcome.weights, [-2.0]);
    assert_eq!(outcome.history[1].gradient_norm, Some(4.0));
}

#[test]
fn the_schedule_moves_by_updates_within_an_epoch() {
    let training = Training {
        batch: Some(1),
        ..settings("Sgd(rate: 1, schedule: Warmup(epochs: 2, then: Constant))", 1)
    };
    let mut objective = Scripted::default();
    run_on(&mut objective, Checkpoint::fresh("", vec![1.0]), &training);
    // w <- (1 - u/8) w for u = 1, 2, 3.
    assert_eq!(objective.weights, [1.0, 7.0 / 8.0, 21.0 / 32.0, 105.0 / 256.0]);
}

#[test]
fn an_early_stop_waits_out_its_patience_and_keeps_the_best_epoch() {
    let stop = |patience, min_delta| Some(EarlyStop { patience, min_delta });
    let validation = vec![5.0, 3.0, 2.9, 3.5, 2.95, 3.2, 0.0];
    for (stop, epochs, best, reason) in [
        (stop(2, 0.0), 4, 2, StopReason::EarlyStop { best_epoch: 2 }),
        (stop(3, 0.0), 5, 2, StopReason::EarlyStop { best_epoch: 2 }),
        (stop(2, 0.5), 3, 1, StopReason::EarlyStop { best_epoch: 1 }),
        (stop(4, 0.0), 6, 6, StopReason::Epochs),
    ] {
        let training = Training { stop, batch: None, ..sgd(0.5, 6) };
        let mut objective = Scripted { validation: validation.clone(), ..Default::default() };
        let start = Checkpoint::fresh("", vec![1.0]);
        let (outcome, checkpoints) = run(&mut objective, start, &training, &AtomicBool::new(false));
        assert_eq!(outcome.stop, reason);
        assert_eq!(outcome.history.len(), epochs + 1);
        assert_eq!((outcome.epoch, outcome.weights[0]), (best, 0.5f64.powi(best as i32)));
        assert_eq!(outcome.summary().validation_loss, Some(validation[best]));

        let last = checkpoints.last().unwrap().clone();
        let mut untouched = Scripted { validation: vec![0.0], ..Default::default() };
        let again = run_on(&mut untouched, last, &training);
        assert_eq!(bits(&again), bits(&outcome), "a finished run has nothing left to do");
        assert_eq!(untouched.gradients + untouched.evaluations, 0);
    }
}

#[test]
fn a_breakdown_names_its_place_and_keeps_the_last_good_weights() {
    let state =
        Failure { time: Some(1.5), stage: Some(2), sample: Some(3), ..Failure::new(Cause::State) };
    let start = Checkpoint::fresh("", vec![64.0]);
    // Two batches an epoch, w <- w / 2; the third gradient is at w = 16.
    let training = Training { batch: Some(2), ..sgd(0.5, 9) };
    for (breakdown, weight, text) in [
        (Breakdown::Loss, 16.0, "epoch 2, batch 1: the loss is not finite"),
        (Breakdown::Gradient, 16.0, "epoch 2, batch 1: the gradient by parameter 0 is not finite"),
        (
            Breakdown::Failure(state),
            16.0,
            "epoch 2, batch 1: the state is not finite at time 1.5, stage 2, sample 3",
        ),
    ] {
        let breakdown = Some((3, breakdown));
        let mut objective = Scripted { breakdown, ..Default::default() };
        let (outcome, checkpoints) =
            run(&mut objective, start.clone(), &training, &AtomicBool::new(false));
        assert!(outcome.stop.to_string().starts_with(text), "{}", outcome.stop);
        assert_eq!(outcome.weights, [weight], "{text}");
        assert_eq!((outcome.epoch, outcome.history.len()), (1, 2));
        assert_eq!(checkpoints.last().unwrap().epoch(), 1);
    }

    // In the second batch the loss tells on the update of the first, the gradient does not.
    for (breakdown, weight) in [(Breakdown::Loss, 16.0), (Breakdown::Gradient, 8.0)] {
        let mut objective = Scripted { breakdown: Some((4, breakdown)), ..Default::default() };
        let outcome = run_on(&mut objective, start.clone(), &training);
        assert!(outcome.stop.to_string().starts_with("epoch 2, batch 2: "));
        assert_eq!(outcome.weights, [weight]);
    }

    let mut objective = Scripted { bad_evaluation: Some(3), ..Default::default() };
    let outcome = run_on(&mut objective, start.clone(), &training);
    assert!(outcome.stop.to_string().starts_with("epoch 2, evaluation of the training set: "));
    assert_eq!(outcome.weights, [8.0], "the weights before the last update");

    let mut objective = Scripted { bad_evaluation: Some(1), ..Default::default() };
    let outcome = run_on(&mut objective, start, &training);
    assert!(outcome.stop.to_string().starts_with("epoch 0, evaluation of the training set: "));
    assert_eq!((outcome.weights[0], outcome.history.len()), (64.0, 0));
    assert_eq!(outcome.summary().train_loss, None);
}

#[test]
fn a_weight_that_overflows_is_caught_at_its_update() {
    let start = Checkpoint::fresh("", vec![1e150]);
    let outcome = run_on(&mut Scripted::default(), start, &sgd(1e200, 1));
    let text = outcome.stop.to_string();
    assert!(
        text.starts_with("epoch 1, batch 1: the update of parameter 0 is not finite"),
        "{text}"
    );
    assert_eq!(outcome.weights, [1e150]);
}

#[test]
fn what_does_not_fit_together_is_refused_before_the_work() {
    let refusal = |objective: &mut dyn Objective, start, training: &Training| {
        let quiet = AtomicBool::new(false);
        let mut observer = |_: Event<'_>| Ok(());
        train(objective, start, training, 0, &quiet, &mut observer).unwrap_err()
    };
    let stop = Some(EarlyStop { patience: 1, min_delta: 0.0 });
    let error = refusal(
        &mut Scripted::default(),
        Checkpoint::fresh("", vec![1.0]),
        &Training { stop, ..sgd(0.1, 1) },
    );
    assert!(matches!(error, TrainError::NoValidation));

    let error = refusal(&mut Logistic::new(), Checkpoint::fresh("", vec![1.0]), &sgd(0.1, 1));
    assert!(matches!(error, TrainError::Parameters { expected: 3, found: 1 }));

    let mut empty = Logistic { train: Vec::new(), ..Logistic::new() };
    assert!(matches!(refusal(&mut empty, fresh(), &sgd(0.1, 1)), TrainError::NoSamples));

    let error = refusal(&mut Logistic::new(), fresh(), &sgd(-1.0, 1));
    assert!(matches!(error, TrainError::Setting { field, .. } if field == "optimiser.rate"));

    let quiet = AtomicBool::new(false);
    let (_, mut checkpoints) = run(&mut Logistic::new(), fresh(), &sgd(0.1, 1), &quiet);
    let adam = settings("Adam(rate: 0.1)", 2);
    let error = refusal(&mut Logistic::new(), checkpoints.remove(0), &adam).to_string();
    assert!(error.contains("another optimiser (velocity [3])"), "{error}");
    assert!(error.contains("needs mean [3], powers [2], square [3]"), "{error}");
}

#[test]
fn a_checkpoint_that_cannot_be_written_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone").join("checkpoint.safetensors");
    let quiet = AtomicBool::new(false);
    let mut objective = Logistic::new();
    let mut observer = |event: Event<'_>| match event {
        Event::Checkpoint(state) => state.write(&path),
        _ => Ok(()),
    };
    let error = train(&mut objective, fresh(), &sgd(0.1, 9), 0, &quiet, &mut observer);
    assert!(error.unwrap_err().to_string().contains("there is no folder"));
    assert!(objective.batches.is_empty(), "it is found out before the first batch");
}
