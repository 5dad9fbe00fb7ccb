//! Data sets drawn from a seed. What each draws is written at the variants of [`Source`].
//!
//! [`Source`]: super::Source

use std::f64::consts::TAU;
use std::iter::repeat_n;

use faer::Mat;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::split::apportion;
use super::{
    Column, DataError, Dataset, Kind, Labels, Ring, Samples, Schema, TRAIN_STREAM,
    VALIDATION_STREAM, answer_names, check_size, numbered, rng,
};

/// Points per axis of the grid of peaks.
const GRID: usize = 256;

/// How many samples are wanted, and from which seed.
pub(super) struct Wanted {
    pub train: usize,
    pub validation: usize,
    pub seed: u64,
}

/// MATLAB's `peaks`:
/// 3 (1-x)² exp(-x²-(y+1)²) - 10 (x/5 - x³ - y⁵) exp(-x²-y²) - exp(-(x+1)²-y²)/3.
fn height(x: f64, y: f64) -> f64 {
    3.0 * (1.0 - x).powi(2) * (-x * x - (y + 1.0).powi(2)).exp()
        - 10.0 * (x / 5.0 - x.powi(3) - y.powi(5)) * (-x * x - y * y).exp()
        - (-(x + 1.0).powi(2) - y * y).exp() / 3.0
}

pub(super) fn peaks(classes: usize, wanted: &Wanted) -> Result<Dataset, DataError> {
    let source = "Peaks";
    check(source, "classes", classes, wanted)?;
    if classes > GRID * GRID {
        return Err(parameter(source, "classes", classes, "no more than the grid has points"));
    }
    let at = |i: usize| -3.0 + 6.0 * i as f64 / (GRID - 1) as f64;
    let grid = || (0..GRID * GRID).map(|i| [at(i / GRID), at(i % GRID)]);
    let (low, high) = grid()
        .map(|[x, y]| height(x, y))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), z| (low.min(z), high.max(z)));
    let mut bins = vec![Vec::new(); classes];
    for [x, y] in grid() {
        // Bin k is (low + k h, low + (k+1) h]; rounding must not push an extreme out of the last.
        let k = (((height(x, y) - low) / (high - low) * classes as f64).ceil() as usize)
            .clamp(1, classes)
            - 1;
        bins[k].push([x, y]);
    }
    if let Some(empty) = bins.iter().position(Vec::is_empty) {
        return Err(DataError::EmptyBin { classes, bin: empty });
    }
    // Both parts take from one shuffled order, training from its beginning and validation from its end:
    // no point is in both while a bin has enough, and the size of one part does not move the other.
    let mut rng = rng(wanted.seed, TRAIN_STREAM);
    bins.iter_mut().for_each(|bin| bin.shuffle(&mut rng));
    let part = |count: usize, backwards: bool| {
        let mut points = Vec::with_capacity(count);
        let counts = apportion(count, &vec![1; classes]);
        for (k, (bin, count)) in bins.iter().zip(counts).enumerate() {
            let nth = |i: usize| if backwards { bin.len() - 1 - i } else { i };
            points.extend((0..count).map(|i| (k, bin[nth(i % bin.len())])));
        }
        planar(points)
    };
    let (train, validation) = (part(wanted.train, false), part(wanted.validation, true));
    Ok(unnamed(2, Kind::Classes(classes), train, validation))
}

pub(super) fn ellipses(wanted: &Wanted) -> Result<Dataset, DataError> {
    check("Ellipses", "classes", 2, wanted)?;
    draw(&equal(2), wanted, |class, rng| {
        let [x, y] = polar(class as f64 + uniform(rng), TAU * uniform(rng));
        [x, 0.4 * y]
    })
}

pub(super) fn swiss_roll(wanted: &Wanted) -> Result<Dataset, DataError> {
    check("SwissRoll", "classes", 2, wanted)?;
    let part = |count: usize, skipped: usize| {
        let steps = count.saturating_sub(1).max(1) as f64;
        let arms = (0..2 * count).map(|i| {
            let (class, s) = (i / count, (i % count) as f64 / steps);
            (class, polar(s + 0.2 * class as f64, 2.0 * TAU * s))
        });
        planar(arms.skip(skipped).step_by(2).collect())
    };
    Ok(unnamed(2, Kind::Classes(2), part(wanted.train, 0), part(wanted.validation, 1)))
}

pub(super) fn spirals(
    arms: usize,
    turns: f64,
    noise: f64,
    wanted: &Wanted,
) -> Result<Dataset, DataError> {
    let source = "Spirals";
    check(source, "arms", arms, wanted)?;
    if !(turns.is_finite() && turns > 0.0) {
        return Err(parameter(source, "turns", turns, "a number larger than 0"));
    }
    if !(noise.is_finite() && noise >= 0.0) {
        return Err(parameter(source, "noise", noise, "0 or a number larger than 0"));
    }
    draw(&equal(arms), wanted, |arm, rng| {
        let s = uniform(rng);
        let angle = 0.1 + (TAU * turns - 0.1) * s + TAU * arm as f64 / arms as f64;
        noisy(polar(0.1 + 0.9 * s, angle), noise, rng)
    })
}

pub(super) fn rings(
    classes: &[Vec<Ring>],
    validation: usize,
    seed: u64,
) -> Result<Dataset, DataError> {
    let source = "Rings";
    let mut rings = Vec::new();
    let mut groups = Vec::new();
    let mut train = 0_usize;
    for (class, of_class) in classes.iter().enumerate() {
        if of_class.is_empty() {
            let expected = format!("at least one ring for class {class}");
            return Err(parameter(source, "classes", "an empty list", expected));
        }
        for ring in of_class {
            let Ring { inner, outer, count } = *ring;
            if !(inner >= 0.0 && inner.is_finite()) {
                return Err(parameter(source, "inner", inner, "0 or a number larger than 0"));
            }
            if !(outer > inner && outer.is_finite()) {
                let expected = format!("a number larger than the inner radius {inner}");
                return Err(parameter(source, "outer", outer, expected));
            }
            if count == 0 {
                return Err(parameter(source, "count", count, "1 or more"));
            }
            train = train.saturating_add(count);
            rings.push((inner, outer));
            groups.push(Group { class, weight: count });
        }
    }
    let wanted = Wanted { train, validation, seed };
    check(source, "classes", classes.len(), &wanted)?;
    draw(&groups, &wanted, |ring, rng| {
        let (inner, outer) = rings[ring];
        // Even over the area: the fraction of it within a radius is uniform. The radius is
        // scaled by the outer one, so that squares stay finite.
        let hole = (inner / outer).powi(2);
        polar(outer * (hole + (1.0 - hole) * uniform(rng)).sqrt(), TAU * uniform(rng))
    })
}

pub(super) fn donut(wanted: &Wanted) -> Result<Dataset, DataError> {
    check("Donut", "classes", 2, wanted)?;
    draw(&equal(2), wanted, |class, rng| {
        let point = match class {
            0 => polar(donut_radius(rng), TAU * uniform(rng)),
            _ => noisy([0.0, 0.0], 0.1, rng),
        };
        noisy(point, 0.1, rng)
    })
}

/// A radius with density proportional to r exp(-(r - 0.5)²/(2 0.1²)): a normal radius is kept
/// with probability r, the length of its circle (r > 1 is five deviations away).
fn donut_radius(rng: &mut ChaCha8Rng) -> f64 {
    loop {
        let radius = 0.5 + 0.1 * normal(rng);
        if (0.0..=1.0).contains(&radius) && uniform(rng) < radius {
            return radius;
        }
    }
}

pub(super) fn squares(wanted: &Wanted) -> Result<Dataset, DataError> {
    check("Squares", "classes", 2, wanted)?;
    draw(&equal(2), wanted, |class, rng| {
        let x = 0.7 * (2.0 * uniform(rng) - 1.0);
        let y = 0.7 * uniform(rng);
        let sign = if class == 1 { x.signum() } else { -x.signum() };
        noisy([x, sign * y], 0.1, rng)
    })
}

pub(super) fn flip(wanted: &Wanted) -> Result<Dataset, DataError> {
    check("Flip", "points", 2, wanted)?;
    let part = |count: usize| {
        let left = count.div_ceil(2);
        let x = Mat::from_fn(1, count, |_, j| if j < left { -1.0 } else { 1.0 });
        let labels = Labels::Targets(-&x);
        Samples { x, labels }
    };
    Ok(unnamed(1, Kind::Targets(1), part(wanted.train), part(wanted.validation)))
}

/// States that are given; as targets they stand for themselves.
pub(super) fn initial(states: &[Vec<f64>]) -> Result<Dataset, DataError> {
    let source = "Initial";
    let refused = |value: String, expected: &str| Err(parameter(source, "states", value, expected));
    let width = match states.first() {
        Some(first) if !first.is_empty() => first.len(),
        _ => return refused("an empty list".into(), "at least one state of at least one number"),
    };
    if let Some(other) = states.iter().find(|state| state.len() != width) {
        let expected = format!("{width} numbers as in the first state");
        return refused(format!("{} numbers", other.len()), &expected);
    }
    if let Some(value) = states.iter().flatten().find(|value| !value.is_finite()) {
        return refused(value.to_string(), "finite numbers");
    }
    let x = Mat::from_fn(width, states.len(), |i, j| states[j][i]);
    let none = Samples { x: Mat::new(), labels: Labels::Targets(Mat::new()) };
    let train = Samples { labels: Labels::Targets(x.clone()), x };
    Ok(unnamed(width, Kind::Targets(width), train, none))
}

/// Points that are drawn alike: a class, or one ring of it.
struct Group {
    class: usize,
    /// Its share of the points, relative to the other groups.
    weight: usize,
}

fn equal(classes: usize) -> Vec<Group> {
    (0..classes).map(|class| Group { class, weight: 1 }).collect()
}

/// Draws both parts, each from its own stream, group after group.
fn draw(
    groups: &[Group],
    wanted: &Wanted,
    point: impl Fn(usize, &mut ChaCha8Rng) -> [f64; 2],
) -> Result<Dataset, DataError> {
    let weights: Vec<usize> = groups.iter().map(|group| group.weight).collect();
    let part = |count: usize, stream: u64| {
        let mut rng = rng(wanted.seed, stream);
        let mut points = Vec::with_capacity(count);
        for (k, (group, count)) in groups.iter().zip(apportion(count, &weights)).enumerate() {
            points.extend(repeat_n(group.class, count).map(|class| (class, point(k, &mut rng))));
        }
        planar(points)
    };
    let classes = groups.iter().map(|group| group.class + 1).max().unwrap_or(0);
    Ok(unnamed(
        2,
        Kind::Classes(classes),
        part(wanted.train, TRAIN_STREAM),
        part(wanted.validation, VALIDATION_STREAM),
    ))
}

fn planar(points: Vec<(usize, [f64; 2])>) -> Samples {
    let x = Mat::from_fn(2, points.len(), |i, j| points[j].1[i]);
    Samples { x, labels: Labels::Classes(points.into_iter().map(|(class, _)| class).collect()) }
}

fn unnamed(features: usize, kind: Kind, train: Samples, validation: Samples) -> Dataset {
    let schema = Schema {
        features: numbered('x', features),
        labels: answer_names(kind).into_iter().map(Column::Name).collect(),
        kind,
        class_names: None,
        standardisation: None,
    };
    Dataset { train, validation, schema }
}

/// Sizes are refused before anything is allocated: at least two classes, a training point for
/// each, and no more points than [`MAX_VALUES`](super::MAX_VALUES) allows.
fn check(
    source: &'static str,
    name: &'static str,
    classes: usize,
    wanted: &Wanted,
) -> Result<(), DataError> {
    check_size(&format!("{source}, train"), 2, wanted.train)?;
    check_size(&format!("{source}, validation"), 2, wanted.validation)?;
    if classes < 2 {
        return Err(parameter(source, name, classes, "2 or more"));
    }
    if wanted.train < classes {
        let expected = format!("{classes} or more, a point for each of {classes} {name}");
        return Err(parameter(source, "train", wanted.train, expected));
    }
    Ok(())
}

fn parameter(
    source_name: &'static str,
    name: &'static str,
    value: impl ToString,
    expected: impl Into<String>,
) -> DataError {
    DataError::Parameter { source_name, name, value: value.to_string(), expected: expected.into() }
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    rng.random()
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    rng.sample(StandardNormal)
}

fn polar(radius: f64, angle: f64) -> [f64; 2] {
    [radius * angle.cos(), radius * angle.sin()]
}

fn noisy([x, y]: [f64; 2], deviation: f64, rng: &mut ChaCha8Rng) -> [f64; 2] {
    [x + deviation * normal(rng), y + deviation * normal(rng)]
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
