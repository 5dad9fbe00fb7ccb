use std::path::Path;

use super::*;
use crate::data::Source;

fn load(text: &str, seed: u64) -> Dataset {
    source(text).load(Path::new("."), seed).unwrap()
}

fn refusal(text: &str) -> String {
    source(text).load(Path::new("."), 0).unwrap_err().to_string()
}

fn source(text: &str) -> Source {
    ron::from_str(text).unwrap()
}

fn classes(samples: &Samples) -> &[usize] {
    match &samples.labels {
        Labels::Classes(classes) => classes,
        Labels::Targets(_) => panic!("classes expected"),
    }
}

fn counts(samples: &Samples, n: usize) -> Vec<usize> {
    (0..n).map(|k| classes(samples).iter().filter(|&&c| c == k).count()).collect()
}

/// Radius, angle and class of every sample.
fn polars(samples: &Samples) -> Vec<(f64, f64, usize)> {
    let x = &samples.x;
    let of =
        |j: usize| (x[(0, j)].hypot(x[(1, j)]), x[(1, j)].atan2(x[(0, j)]), classes(samples)[j]);
    (0..samples.count()).map(of).collect()
}

const ALL: [&str; 8] = [
    "Peaks(train: 50, validation: 20)",
    "Ellipses(train: 50, validation: 20)",
    "SwissRoll(train: 50, validation: 20)",
    "Spirals(train: 50, validation: 20, noise: 0.05)",
    "Rings(classes: [[(inner: 0.0, outer: 0.2, count: 20)], [(inner: 0.4, outer: 0.5, count: 30)]], validation: 20)",
    "Donut(train: 50, validation: 20)",
    "Squares(train: 50, validation: 20)",
    "Flip(train: 50, validation: 20)",
];

#[test]
fn the_seed_decides_and_the_parts_are_independent() {
    for text in ALL {
        let data = load(text, 3);
        assert_eq!(data, load(text, 3), "{text}");
        assert_eq!((data.train.count(), data.validation.count()), (50, 20), "{text}");
        assert!(data.schema.standardisation.is_none());
        let random = !text.starts_with("SwissRoll") && !text.starts_with("Flip");
        assert_eq!(data.train.x != load(text, 4).train.x, random, "{text}");
        // More training points leave the validation points alone, and the other way round.
        if !text.starts_with("Rings") {
            let more = load(&text.replace("train: 50", "train: 60"), 3);
            assert_eq!(more.validation, data.validation, "{text}");
        }
        let more = load(&text.replace("validation: 20", "validation: 0"), 3);
        assert_eq!((&more.train, more.validation.count()), (&data.train, 0), "{text}");
    }
}

#[test]
fn the_streams_are_not_the_same_numbers() {
    let data = load("Ellipses(train: 20, validation: 20)", 1);
    assert_ne!(data.train.x, data.validation.x);
}

#[test]
fn classes_get_equal_numbers_and_the_first_the_remainder() {
    let data = load("Peaks(classes: 5, train: 1000, validation: 12)", 1);
    assert_eq!(counts(&data.train, 5), [200; 5]);
    assert_eq!(counts(&data.validation, 5), [3, 3, 2, 2, 2]);
    assert_eq!(data.schema.kind, Kind::Classes(5));
}

#[test]
fn peaks_has_the_values_of_matlab() {
    // The middle by hand; the maximum and minimum to the four digits MATLAB users know.
    assert!((height(0.0, 0.0) - (3.0 - 1.0 / 3.0) * (-1.0_f64).exp()).abs() < 1e-15);
    assert!((height(-0.0093, 1.5814) - 8.1062).abs() < 5e-5);
    assert!((height(0.2283, -1.6255) + 6.5511).abs() < 5e-5);
    // peaks(1, 0) = 0 - 10 (1/5 - 1)/e - exp(-4)/3.
    let exact = 8.0 * (-1.0_f64).exp() - (-4.0_f64).exp() / 3.0;
    assert!((height(1.0, 0.0) - exact).abs() < 1e-14);
}

#[test]
fn peaks_points_are_in_one_part_only() {
    let data = load("Peaks(classes: 5, train: 1000, validation: 1000)", 3);
    let points = |samples: &Samples| -> std::collections::HashSet<[u64; 2]> {
        let x = &samples.x;
        (0..samples.count()).map(|j| [x[(0, j)].to_bits(), x[(1, j)].to_bits()]).collect()
    };
    let (train, validation) = (points(&data.train), points(&data.validation));
    assert_eq!((train.len(), validation.len()), (1000, 1000));
    assert!(train.is_disjoint(&validation));
}

#[test]
fn peaks_classes_are_equal_bins_of_height_on_the_grid() {
    let data = load("Peaks(classes: 4, train: 400, validation: 0)", 5);
    // The grid's extremes lie within a cell of those of the plane.
    let (low, high) = (-6.55, 8.11);
    for j in 0..data.train.count() {
        let (x, y) = (data.train.x[(0, j)], data.train.x[(1, j)]);
        for v in [x, y] {
            let i = (v + 3.0) / 6.0 * 255.0;
            assert!((i - i.round()).abs() < 1e-9 && v.abs() <= 3.0);
        }
        let bin = (height(x, y) - low) / (high - low) * 4.0;
        let k = classes(&data.train)[j] as f64;
        assert!(bin > k - 0.01 && bin < k + 1.01, "height in bin {bin}, class {k}");
    }
}

#[test]
fn ellipses_have_uniform_radii() {
    let data = load("Ellipses(train: 4000, validation: 0)", 2);
    let mut sums = [0.0; 2];
    for j in 0..4000 {
        let (x, y) = (data.train.x[(0, j)], data.train.x[(1, j)] / 0.4);
        let class = classes(&data.train)[j];
        let radius = x.hypot(y);
        assert!(radius >= class as f64 && radius <= class as f64 + 1.0 + 1e-12);
        sums[class] += radius / 2000.0;
    }
    // The mean of 2000 uniform radii has deviation 0.0065.
    assert!((sums[0] - 0.5).abs() < 0.026 && (sums[1] - 1.5).abs() < 0.026, "{sums:?}");
}

#[test]
fn swiss_roll_is_that_of_meganet() {
    // setupSwissRoll(n = 2): angles 0, pi, .., 4 pi; odd rows of both arms in a row for training.
    let data = load("SwissRoll(train: 5, validation: 5)", 0);
    let radii = |samples: &Samples| polars(samples).iter().map(|p| p.0).collect::<Vec<_>>();
    let close = |found: Vec<f64>, expected: [f64; 5]| {
        assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-14), "{found:?}");
    };
    close(radii(&data.train), [0.0, 0.5, 1.0, 0.45, 0.95]);
    close(radii(&data.validation), [0.25, 0.75, 0.2, 0.7, 1.2]);
    assert_eq!(classes(&data.train), [0, 0, 0, 1, 1]);
    assert_eq!(classes(&data.validation), [0, 0, 1, 1, 1]);
    assert!(data.train.x[(0, 3)] < 0.0); // angle pi
}

#[test]
fn spirals_lie_on_their_arms() {
    let data = load("Spirals(arms: 3, turns: 1.5, train: 300, validation: 0)", 1);
    for (radius, angle, arm) in polars(&data.train) {
        let s = (radius - 0.1) / 0.9;
        assert!((0.0..=1.0).contains(&s));
        let expected = 0.1 + (1.5 * TAU - 0.1) * s + TAU * arm as f64 / 3.0;
        assert!((expected - angle).cos() > 1.0 - 1e-9);
    }
}

#[test]
fn rings_keep_radii_counts_and_proportions() {
    let text = "Rings(classes: [[(inner: 0.1, outer: 0.15, count: 500), (inner: 0.5, outer: 1.0, count: 1000)], \
                [(inner: 0.2, outer: 0.3, count: 500)]], validation: 400)";
    let data = load(text, 1);
    assert_eq!(counts(&data.train, 2), [1500, 500]);
    assert_eq!(counts(&data.validation, 2), [300, 100]);
    let wide: Vec<f64> = polars(&data.train).iter().map(|p| p.0).filter(|&r| r >= 0.5).collect();
    assert_eq!(wide.len(), 1000);
    // Even over the area: half of the points within sqrt((0.25 + 1)/2), binomial deviation 16.
    let inside = wide.iter().filter(|&&r| r < 0.625_f64.sqrt()).count();
    assert!(inside.abs_diff(500) < 64, "{inside}");
    for (radius, _, class) in polars(&data.train) {
        let within = |inner: f64, outer: f64| radius >= inner - 1e-12 && radius <= outer + 1e-12;
        assert!(if class == 1 { within(0.2, 0.3) } else { within(0.1, 0.15) || within(0.5, 1.0) });
    }
}

#[test]
fn donut_and_squares_have_the_moments_of_the_paper() {
    let data = load("Donut(train: 4000, validation: 0)", 1);
    assert_eq!(counts(&data.train, 2), [2000, 2000]);
    // Class 1: two normals of 0.1 in each coordinate, so a mean square radius of 4 0.01; class 0:
    // E r² under r exp(-(r - m)²/(2 s²)) is m² + 3 s² up to exp(-12.5), plus the noise's 2 0.01.
    let mut mean_square = [0.0; 2];
    for (radius, _, class) in polars(&data.train) {
        mean_square[class] += radius * radius / 2000.0;
    }
    assert!((mean_square[0] - 0.30).abs() < 0.015, "{mean_square:?}");
    assert!((mean_square[1] - 0.04).abs() < 0.004, "{mean_square:?}");

    let data = load("Squares(train: 4000, validation: 0)", 1);
    assert_eq!(counts(&data.train, 2), [2000, 2000]);
    // E x1 x2 = ± 0.35²; a variance of 0.7²/3 + 0.01 in each coordinate.
    let (mut product, mut square) = ([0.0; 2], 0.0);
    for j in 0..4000 {
        let (x, y) = (data.train.x[(0, j)], data.train.x[(1, j)]);
        product[classes(&data.train)[j]] += x * y / 2000.0;
        square += (x * x + y * y) / 8000.0;
    }
    assert!((product[0] + 0.1225).abs() < 0.01 && (product[1] - 0.1225).abs() < 0.01);
    assert!((square - (0.49 / 3.0 + 0.01)).abs() < 0.008, "{square}");
}

#[test]
fn flip_exchanges_the_two_points() {
    let data = load("Flip(train: 5, validation: 2)", 0);
    let Labels::Targets(y) = &data.train.labels else { panic!("targets expected") };
    let row = |m: &Mat<f64>| m.row(0).iter().copied().collect::<Vec<_>>();
    assert_eq!(row(&data.train.x), [-1.0, -1.0, -1.0, 1.0, 1.0]);
    assert_eq!(row(y), [1.0, 1.0, 1.0, -1.0, -1.0]);
    assert_eq!(data.schema.kind, Kind::Targets(1));
    assert_eq!(data.schema.labels, [Column::Name("y1".into())]);
}

#[test]
fn refusals_name_the_source_the_value_and_what_is_expected() {
    let cases = [
        ("Peaks(train: 0)", "Peaks: `train` is 0, but must be 5 or more"),
        ("Peaks(classes: 0)", "Peaks: `classes` is 0, but must be 2 or more"),
        ("Peaks(classes: 70000, train: 100000)", "`classes` is 70000"),
        ("Peaks(classes: 60000, train: 100000)", "holds no point"),
        ("Ellipses(train: 1000000000000)", "2000000000000 numbers are more than the 1073741824"),
        ("Flip(validation: 18446744073709551615)", "Flip, validation"),
        ("SwissRoll(train: 1)", "2 or more"),
        ("Spirals(arms: 1)", "Spirals: `arms` is 1"),
        ("Spirals(arms: 1000000000000)", "`train` is 1000"),
        ("Spirals(turns: 0.0)", "`turns` is 0"),
        ("Spirals(turns: inf)", "`turns` is inf"),
        ("Spirals(noise: NaN)", "`noise` is NaN"),
        ("Rings(classes: [])", "Rings: `classes` is 0"),
        ("Rings(classes: [[], []])", "at least one ring for class 0"),
        (
            "Rings(classes: [[(inner: 0.2, outer: 0.1, count: 5)]])",
            "larger than the inner radius 0.2",
        ),
        ("Rings(classes: [[(inner: -0.2, outer: 0.1, count: 5)]])", "`inner` is -0.2"),
        ("Rings(classes: [[(inner: 0.0, outer: 0.1, count: 0)]])", "`count` is 0"),
        ("Rings(classes: [[(inner: 0.0, outer: 0.1, count: 5)]])", "`classes` is 1"),
        (
            "Rings(classes: [[(inner: 0.0, outer: 0.1, count: 18446744073709551615)], [(inner: 0.0, outer: 0.1, count: 9)]])",
            "Rings, train",
        ),
    ];
    for (text, expected) in cases {
        let error = refusal(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}
