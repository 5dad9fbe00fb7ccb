//! What is studied: a network with its weights, and samples with their states behind the opening.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::super::bench::entries;
use super::super::run_folder::Run;
use super::super::{Refusal, overrides};
use super::{default_folder, file_names};
use crate::cli::{self, SampleChoice};
use crate::data::{Dataset, Labels, Samples};
use crate::network::Network;
use crate::spec::Model;
use crate::tableau::{Rational, Tableau};
use crate::weights;

/// Samples that are drawn, and looked at closely, if nothing is said.
const DRAWN: usize = 100;
const CLOSE: usize = 20;
/// The stream of the samples that are drawn.
const STREAM: u64 = u64::from_be_bytes(*b"spectrum");

pub struct Subject {
    pub network: Network,
    pub tableau: Tableau<Rational>,
    /// All trained numbers.
    pub theta: Vec<f64>,
    /// Where they come from.
    pub weights: String,
    /// Numbers of the samples in the training part, or classes.
    pub samples: Vec<usize>,
    /// What `samples` are.
    pub kind: &'static str,
    /// Those of them that are looked at closely.
    pub close: Vec<usize>,
    /// width x samples
    pub entries: Vec<f64>,
    pub warnings: Vec<String>,
}

impl Subject {
    pub fn open(args: &cli::Spectrum) -> Result<Subject, Refusal> {
        let changes = overrides(&args.changes);
        let (model, data, own) = match args.target.is_dir() {
            true => {
                let run = Run::open(&args.target, &changes)?;
                let network = run.model.network(&run.schema)?;
                // A run without weights is refused before its data are read.
                let own = match &args.weights {
                    Some(_) => None,
                    None => Some(run.weights(&network)?),
                };
                let data = run.dataset()?;
                (run.model, data, own)
            }
            false => {
                let model = Model::read(&args.target, &changes)?;
                let data = model.dataset()?;
                (model, data, None)
            }
        };
        let network = model.network(&data.schema)?;
        let tableau = model.tableau()?;
        let (theta, from) = match (&args.weights, own) {
            (Some(path), _) => {
                let layout = network.layout();
                let tensors = weights::read(path, &layout.expected()).map_err(Refusal::request)?;
                let values = tensors.iter().map(|tensor| tensor.values.as_slice());
                (layout.from_values(values), path.display().to_string())
            }
            (None, Some(theta)) => (theta, "the run".to_owned()),
            (None, None) => (network.initial(model.seed), "initial".to_owned()),
        };
        let (samples, kind, chosen) = choose(args.samples, &data, model.seed)?;
        let entries = entries(&network, &chosen, &theta);
        let close = match args.close {
            Some(close) if close > samples.len() => {
                return Err(Refusal::request(format!(
                    "--close {close}: only {} samples are studied; take more --samples",
                    samples.len()
                )));
            }
            close => close.unwrap_or(CLOSE).min(samples.len()),
        };
        let close = (0..close).map(|k| k * samples.len() / close).collect();
        let warnings = model.warnings(&network);
        Ok(Subject {
            network,
            tableau,
            theta,
            weights: from,
            samples,
            kind,
            close,
            entries,
            warnings,
        })
    }

    /// The states at t = 0 of some of the samples.
    pub fn entries_of(&self, samples: &[usize]) -> Vec<f64> {
        let width = self.network.width();
        let columns = samples.iter().map(|s| &self.entries[s * width..(s + 1) * width]);
        columns.flatten().copied().collect()
    }

    /// The number that a sample has in the data.
    pub fn name_of(&self, sample: usize) -> usize {
        self.samples.get(sample).copied().unwrap_or(sample)
    }

    /// The folder of the study, which is made; the files of an earlier one are removed if they may be.
    pub fn prepare_folder(&self, args: &cli::Spectrum) -> Result<PathBuf, Refusal> {
        let out = args.out.clone().unwrap_or_else(|| default_folder(args));
        let unusable =
            |error| Refusal::request(format!("cannot use the folder {}: {error}", out.display()));
        let filled = match fs::read_dir(&out) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(unusable(error)),
        };
        if filled && !args.force {
            return Err(Refusal::request(format!(
                "the folder {} is not empty; --force replaces the files of an earlier study in it, --out names another folder",
                out.display()
            )));
        }
        fs::create_dir_all(&out).map_err(unusable)?;
        for name in file_names() {
            match fs::remove_file(out.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(unusable(error)),
                _ => {}
            }
        }
        Ok(out)
    }
}

/// The samples of the study: their numbers, what these are, and the samples themselves.
fn choose(
    wanted: Option<SampleChoice>,
    data: &Dataset,
    seed: u64,
) -> Result<(Vec<usize>, &'static str, Samples), Refusal> {
    let train = &data.train;
    let count = train.count();
    if count == 0 {
        return Err(Refusal::request("the data have no training samples to take Jacobians at"));
    }
    let wanted = wanted.unwrap_or(SampleChoice::Random(DRAWN.min(count)));
    let numbers: Vec<usize> = match wanted {
        SampleChoice::ClassMeans => return class_means(train),
        SampleChoice::All => (0..count).collect(),
        SampleChoice::Random(some) if some > count => {
            return Err(Refusal::request(format!(
                "--samples {some}: the training part has {count}; take --samples all, or fewer"
            )));
        }
        SampleChoice::Random(some) => {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(STREAM);
            let mut drawn = rand::seq::index::sample(&mut rng, count, some).into_vec();
            drawn.sort_unstable();
            drawn
        }
    };
    let x = Mat::from_fn(train.x.nrows(), numbers.len(), |i, j| train.x[(i, numbers[j])]);
    let labels = train.labels.select(&numbers);
    Ok((numbers, "training samples", Samples { x, labels }))
}

/// The mean features of each class that has samples.
fn class_means(train: &Samples) -> Result<(Vec<usize>, &'static str, Samples), Refusal> {
    let Labels::Classes(labels) = &train.labels else {
        return Err(Refusal::request(
            "--samples class-means: the data have targets, not classes; take all or a number",
        ));
    };
    let mut classes = labels.clone();
    classes.sort_unstable();
    classes.dedup();
    let mean = |i: usize, class: usize| {
        let of = labels.iter().enumerate().filter(|(_, label)| **label == class);
        let (sum, count) = of.fold((0.0, 0.0), |(s, n), (j, _)| (s + train.x[(i, j)], n + 1.0));
        sum / count
    };
    let x = Mat::from_fn(train.x.nrows(), classes.len(), |i, j| mean(i, classes[j]));
    let labels = Labels::Classes(classes.clone());
    Ok((classes, "class means", Samples { x, labels }))
}
