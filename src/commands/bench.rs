//! `kutta bench MODEL`: how fast a network is, beside plain matrix products of the same shape.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

use super::check::forward_flops;
use super::gradient::failed;
use super::{Output, Refusal, read_model};
use crate::cli::{Bench, Timed};
use crate::data::{Dataset, Kind, Labels, Samples, Schema};
use crate::field::Call;
use crate::jacobian::{self, Room};
use crate::measure::{Products, Summary, peak_memory, seconds};
use crate::network::{Engine, Network};
use crate::report::table::{Align, Table};
use crate::solve::Time;
use crate::spec::Model;
use crate::train::{Failure, Fit, Objective, Part, TrainError, frozen};

/// Most bytes of samples and results.
const MOST_BYTES: u128 = 1 << 33;
/// Seconds of warming up, and of all repeats where their number is not given.
const WARM: f64 = 0.2;
const TOTAL: f64 = 2.0;
/// Repeats between which products are timed, as many times as this.
const PAUSES: usize = 10;
/// Most looks at the parts of a training, the first to warm up; fewer where they take longer than [`TOTAL`].
const LOOKS: usize = 6;
/// The stream of the random samples.
const STREAM: u64 = u64::from_be_bytes(*b"\0\0\0bench");

#[derive(Serialize)]
struct Report {
    model: PathBuf,
    what: &'static str,
    width: usize,
    batch: usize,
    steps: usize,
    stages: usize,
    method: String,
    threads: usize,
    repeat: usize,
    median_ms: f64,
    min_ms: f64,
    lower_quartile_ms: f64,
    upper_quartile_ms: f64,
    /// Operations of one repeat.
    flop: f64,
    gflops: f64,
    matmul_gflops: f64,
    /// gflops / matmul_gflops
    fraction: f64,
    /// Of the process with data, network and all that was timed, before the products; none where it is not known.
    peak_memory_bytes: Option<u64>,
    /// None for a model without training samples.
    predicted_training_seconds: Option<f64>,
}

/// What is timed, ready to be done again and again.
type Work<'a> = Box<dyn FnMut() -> Result<(), Failure> + 'a>;

pub fn run(args: &Bench, output: &Output) -> Result<(), Refusal> {
    for (option, number) in [("--repeat", args.repeat), ("--batch", args.batch)] {
        if number == Some(0) {
            return Err(Refusal::request(format!("{option} 0: nothing to time; take 1 or more")));
        }
    }
    let model = read_model(&args.model)?;
    if args.what == Timed::Gradient {
        model.check_trainable()?;
    }
    let data = model.dataset()?;
    let network = model.network(&data.schema)?;
    model.warnings(&network).iter().for_each(|warning| output.warn(warning));
    let batch = args.batch.unwrap_or(data.train.count());
    if batch == 0 {
        return Err(model.build_error("data", TrainError::NoSamples).into());
    }
    check_size(args.what, &network, batch)?;
    let drawn = args.batch.map(|batch| random(&data.schema, batch, model.seed));
    let theta = network.initial(model.seed);
    let failed = |failure: Failure| failed(&network, &failure);

    let work = work(args.what, &network, drawn.as_ref().unwrap_or(&data), &theta)?;
    let timing = time(work, args.repeat, network.width(), batch).map_err(failed)?;
    let predicted = predict(&model, &network, &data, &theta).map_err(failed)?;

    let none = || Refusal::work("nothing was timed");
    let times = Summary::of(&timing.seconds).ok_or_else(none)?;
    let matmul_gflops = 1e-9 * timing.products.rate().ok_or_else(none)?;
    // Where steps are chosen, rates count those of the initial weights.
    let frozen =
        frozen(&network, &theta, &drawn.as_ref().unwrap_or(&data).train).map_err(failed)?;
    let over = frozen.as_ref().unwrap_or(&network);
    let forward = forward_flops(over) as f64;
    let each = match args.what {
        Timed::Forward => forward,
        Timed::Gradient => 3.0 * forward,
        Timed::Jacobian => {
            let value = network.flow.field.work(Call::Value { batch: 1, then: None });
            (network.width() + 1) as f64 * value.map_or(0, |work| work.flop()) as f64
        }
    };
    let flop = each * batch as f64;
    let gflops = 1e-9 * flop / times.median;
    let report = Report {
        model: args.model.model.clone(),
        what: name(args.what),
        width: network.width(),
        batch,
        steps: over.flow.steps(),
        stages: network.flow.stages(),
        method: network.flow.tableau.name.clone(),
        threads: rayon::current_num_threads(),
        repeat: timing.seconds.len(),
        median_ms: 1e3 * times.median,
        min_ms: 1e3 * times.min,
        lower_quartile_ms: 1e3 * times.lower,
        upper_quartile_ms: 1e3 * times.upper,
        flop,
        gflops,
        matmul_gflops,
        fraction: gflops / matmul_gflops,
        peak_memory_bytes: timing.peak_memory,
        predicted_training_seconds: predicted,
    };
    output.report(text(&report), &report)
}

fn name(what: Timed) -> &'static str {
    match what {
        Timed::Gradient => "gradient",
        Timed::Forward => "forward",
        Timed::Jacobian => "jacobian",
    }
}

/// Refuses a batch that does not fit before anything of its size is allocated.
fn check_size(what: Timed, network: &Network, batch: usize) -> Result<(), Refusal> {
    let (width, sample) = (network.width() as u128, network.features() + network.outputs() + 2);
    let (held, numbers) = match what {
        Timed::Gradient | Timed::Forward => ("samples", sample as u128),
        Timed::Jacobian => ("samples and Jacobians", sample as u128 + width + width * width),
    };
    let each = numbers * size_of::<f64>() as u128;
    let bytes = each * batch as u128;
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(Refusal::request(format!(
        "a batch of {batch} needs {:.1} GB for its {held}, the limit is {:.1} GB; take --batch {} or less",
        1e-9 * bytes as f64,
        1e-9 * MOST_BYTES as f64,
        MOST_BYTES / each,
    )))
}

/// Normal features and targets, classes with equal chances.
fn random(schema: &Schema, samples: usize, seed: u64) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let normal = |rows: usize, rng: &mut ChaCha8Rng| -> Mat<f64> {
        Mat::from_fn(rows, samples, |_, _| StandardNormal.sample(rng))
    };
    let x = normal(schema.features.len(), &mut rng);
    let (labels, none) = match schema.kind {
        Kind::Classes(classes) => {
            let labels = (0..samples).map(|_| rng.random_range(0..classes.max(1)));
            (Labels::Classes(labels.collect()), Labels::Classes(Vec::new()))
        }
        Kind::Targets(targets) => {
            (Labels::Targets(normal(targets, &mut rng)), Labels::Targets(Mat::new()))
        }
    };
    let validation = Samples { x: Mat::new(), labels: none };
    Dataset { train: Samples { x, labels }, validation, schema: schema.clone() }
}

/// # Errors
/// Jacobians that are not finite: no time of theirs means anything.
fn work<'a>(
    what: Timed,
    network: &'a Network,
    data: &'a Dataset,
    theta: &'a [f64],
) -> Result<Work<'a>, Refusal> {
    let mut fit = Fit::new(network, data);
    Ok(match what {
        Timed::Gradient => {
            let everything: Vec<usize> = (0..data.train.count()).collect();
            let mut gradient = vec![0.0; theta.len()];
            Box::new(move || {
                black_box(fit.loss(theta, &everything, &mut gradient)?);
                Ok(())
            })
        }
        Timed::Forward => Box::new(move || {
            black_box(fit.evaluate(theta, Part::Train)?);
            Ok(())
        }),
        Timed::Jacobian => {
            let flow = &network.flow;
            let field = flow.field.as_ref();
            let states = entries(network, &data.train, theta);
            let mut prepared = vec![0.0; field.n_prepared()];
            let row = flow.controls.row(0.0, flow.controls.piece(0.0));
            let start = Time { t: 0.0, row };
            flow.prepare_time(&start, network.field_weights(theta), &mut prepared);
            let mut out = vec![0.0; states.len() * network.width()];
            let mut room = Room::default();
            jacobian::jacobians(field, 0.0, &prepared, &states, &mut room, &mut out);
            if let Some(at) = out.iter().position(|x| !x.is_finite()) {
                let sample = at / network.width().pow(2);
                return Err(Refusal::work(format!(
                    "the Jacobian at time 0, sample {sample} is not finite; the field overflows there, try another --seed"
                )));
            }
            Box::new(move || {
                jacobian::jacobians(field, 0.0, &prepared, &states, &mut room, &mut out);
                black_box(&out);
                Ok(())
            })
        }
    })
}

/// The states behind the opening, width x samples: the first of the trace, a block of samples after the other.
pub(super) fn entries(network: &Network, samples: &Samples, theta: &[f64]) -> Vec<f64> {
    let mut engine = Engine::new(network);
    let (block, count) = (engine.block(), samples.count());
    let mut states = Vec::with_capacity(network.width() * count);
    for start in (0..count).step_by(block) {
        let x = samples.x.as_ref().subcols(start, block.min(count - start));
        if let Some((_, first)) = engine.trace(theta, x).first() {
            states.extend(first.col_iter().flat_map(|state| state.iter()));
        }
    }
    states
}

struct Timing {
    seconds: Vec<f64>,
    products: Products,
    peak_memory: Option<u64>,
}

/// Repeats with products before, between and after them, so that both see the same moods of the machine. All of it
/// is called from inside the pool, as training does.
fn time(
    mut work: Work<'_>,
    repeat: Option<usize>,
    width: usize,
    batch: usize,
) -> Result<Timing, Failure> {
    let mut once = || -> Result<f64, Failure> {
        let (seconds, done) = seconds(&mut work);
        done.map(|()| seconds)
    };
    let (mut spent, mut least) = (once()?, f64::INFINITY);
    while spent < WARM || least.is_infinite() {
        let seconds = once()?;
        spent += seconds;
        least = least.min(seconds);
    }
    let repeat = repeat.unwrap_or((TOTAL / least).clamp(5.0, 1000.0) as usize);
    let peak_memory = peak_memory();
    let mut products = Products::new(width, batch);
    let mut taken = Vec::new();
    for number in 0..repeat {
        if number % repeat.div_ceil(PAUSES) == 0 {
            products.sample();
        }
        taken.push(once()?);
    }
    products.sample();
    Ok(Timing { seconds: taken, products, peak_memory })
}

/// Seconds of the whole training: in each epoch gradients of the model's own batches and scores of both parts, and
/// the scores once before.
fn predict(
    model: &Model,
    network: &Network,
    data: &Dataset,
    theta: &[f64],
) -> Result<Option<f64>, Failure> {
    let samples = data.train.count();
    if samples == 0 {
        return Ok(None);
    }
    let batch = model.training.batch.unwrap_or(samples).clamp(1, samples);
    // Evenly from all samples, which may be sorted by class.
    let chosen: Vec<usize> = (0..batch).map(|i| i * samples / batch).collect();
    let mut gradient = vec![0.0; theta.len()];
    let mut fit = Fit::new(network, data);
    let parts = [Part::Train, Part::Validation];
    let parts = parts.into_iter().filter(|part| fit.samples(*part) > 0).collect::<Vec<_>>();
    let (mut gradients, mut scores) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while gradients.len() < 2 || gradients.len() < LOOKS && start.elapsed().as_secs_f64() < TOTAL {
        let (of_gradient, done) = seconds(|| fit.gradient(theta, &chosen, &mut gradient));
        done?;
        let (of_scores, done) =
            seconds(|| parts.iter().try_for_each(|part| fit.evaluate(theta, *part).map(drop)));
        done?;
        gradients.push(of_gradient);
        scores.push(of_scores);
    }
    let median = |looks: &[f64]| Summary::of(looks.get(1..)?).map(|summary| summary.median);
    let (Some(gradient), Some(scores)) = (median(&gradients), median(&scores)) else {
        return Ok(None);
    };
    // The last batch of an epoch may be a part of one.
    let updates = samples as f64 / batch as f64;
    let epochs = model.training.epochs as f64;
    Ok(Some(epochs * (updates * gradient + scores) + scores))
}

fn text(report: &Report) -> String {
    let mut table = Table::new([""; 0]);
    table.align(1, Align::Left);
    let mut line = |key: &str, value: String| {
        table.row([key, &value]);
    };
    line("what", format!("{}, median of {}", report.what, report.repeat));
    line("width", report.width.to_string());
    line("batch", report.batch.to_string());
    line("steps", format!("{} of {} ({} stages)", report.steps, report.method, report.stages));
    line("threads", report.threads.to_string());
    line(
        "time",
        format!(
            "{} ms, least {}, quartiles {} and {}",
            digits(report.median_ms),
            digits(report.min_ms),
            digits(report.lower_quartile_ms),
            digits(report.upper_quartile_ms)
        ),
    );
    line("rate", format!("{} GFLOP/s", digits(report.gflops)));
    line("faer's products", format!("{} GFLOP/s", digits(report.matmul_gflops)));
    line("share of faer's", format!("{:.0} %", 100.0 * report.fraction));
    if let Some(bytes) = report.peak_memory_bytes {
        line("peak memory", format!("{:.0} MB", 1e-6 * bytes as f64));
    }
    if let Some(seconds) = report.predicted_training_seconds {
        line("whole training", format!("about {} s", digits(seconds)));
    }
    format!("{}\n\n{}", report.model.display(), table.to_string().trim_end())
}

/// Three digits that count, and all before the point.
fn digits(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let before = number.abs().log10().floor().clamp(-6.0, 2.0) as i32;
    format!("{number:.*}", (2 - before) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let shown = [12345.6, 1234.56, 12.3456, 1.0, 0.001_234_56, 0.0].map(digits);
        assert_eq!(shown, ["12346", "1235", "12.3", "1.00", "0.00123", "0"]);
    }
}
