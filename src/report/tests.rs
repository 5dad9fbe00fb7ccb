use std::fs;
use std::io::Read;
use std::path::Path;

use proptest::prelude::*;

use super::chart::{HeatMap, Look, Series, chart, heat_map};
use super::confusion::{Confusion, confusion};
use super::decision::{DecisionMap, Sample, decision_map};
use super::drawing::{Align, Shape};
use super::features::{Features, Frame, features};
use super::font::Typeface;
use super::history::{Epoch, history};
use super::*;

const NAN: f64 = f64::NAN;

fn epoch(epoch: usize, loss: f64, accuracy: f64) -> Epoch {
    Epoch {
        epoch,
        train_loss: loss,
        validation_loss: 1.1 * loss,
        train_accuracy: accuracy,
        validation_accuracy: 0.9 * accuracy,
    }
}

fn run_history() -> Figure {
    let epochs: Vec<Epoch> = (0..50)
        .map(|k| epoch(k, 2.0 * 0.8f64.powi(k as i32), 1.0 - 0.8f64.powi(k as i32)))
        .collect();
    history(&epochs).unwrap()
}

fn map() -> DecisionMap {
    DecisionMap {
        title: "decisions <of> \"two\" & more".into(),
        axes: ["x₁ (cm)".into(), "x₂ (cm)".into()],
        classes: 2,
        class_names: vec!["inner".into(), "outer".into()],
        x: (-2.0, 2.0),
        y: (-1.0, 1.0),
        columns: 10,
        cells: (0..100).map(|k| (k % 10 / 5, 0.5 + 0.005 * k as f64)).collect(),
        training: vec![Sample { at: [0.0, 0.5], class: 0, predicted: 1 }],
        validation: vec![Sample { at: [1.0, NAN], class: 1, predicted: 1 }],
    }
}

fn states() -> Features {
    Features {
        axes: ["principal component 1".into(), "principal component 2".into()],
        class: vec![0, 1, 2],
        classes: 3,
        frames: (0..5)
            .map(|k| {
                let t = f64::from(k);
                Frame { time: t, points: vec![[t, 0.0], [-t, 1.0], [NAN, f64::INFINITY]] }
            })
            .collect(),
        ..Features::default()
    }
}

fn matrix() -> Confusion {
    let class_names = vec!["a class with a name that does not end so soon".into(), "b".into()];
    Confusion { counts: vec![vec![1_234_567, 12], vec![0, 0]], class_names, ..Confusion::default() }
}

fn heat() -> HeatMap {
    HeatMap {
        x: Axis::linear("Re z").over((-4.0, 1.0)),
        y: Axis::linear("Im z").over((-3.0, 3.0)),
        columns: 3,
        values: vec![1.0, 10.0, NAN, 0.0, f64::INFINITY, 1e-3],
        value: Axis::log("|R(z)|"),
        ..HeatMap::default()
    }
}

/// One of each kind, with the texts it must show.
fn gallery() -> Vec<(Figure, Vec<&'static str>)> {
    let series = |name: &str, slope: f64| Series {
        name: name.into(),
        points: (1..9).map(|k| [f64::from(k), f64::from(k).powf(slope)]).collect(),
    };
    let both = [series("euler", 1.0), series("rk4", 4.0)];
    let lines =
        |look| chart("orders", Axis::log("step (s)"), Axis::log("error"), look, &both).unwrap();
    vec![
        (run_history(), vec!["loss", "accuracy (%)", "epoch", "training", "validation", "100"]),
        (
            decision_map(&map()).unwrap(),
            vec![
                "decisions &lt;of&gt; &quot;two&quot; &amp; more",
                "x₁ (cm)",
                "inner",
                "outer",
                "misclassified",
            ],
        ),
        (features(&states()).unwrap(), vec!["t = 0", "t = 4", "principal component 2", "class 2"]),
        (
            confusion(&matrix()).unwrap(),
            vec!["true class", "predicted class", "12", "&lt;0.1 %", "&gt;99.9 %"],
        ),
        (lines(Look::Lines), vec!["orders", "step (s)", "error", "euler", "rk4"]),
        (lines(Look::LinesAndPoints), vec!["rk4"]),
        (lines(Look::Points), vec!["euler"]),
        (heat_map(&heat()).unwrap(), vec!["Re z", "|R(z)|", "10⁻³"]),
    ]
}

/// Texts of an XML document; panics unless its tags are balanced and its text is escaped.
fn texts(xml: &str) -> Vec<String> {
    let (mut open, mut found, mut rest) = (Vec::new(), Vec::new(), xml);
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        assert!(!before.contains('>'), "{before}");
        found.push(before.trim().to_string());
        let end = tag.find('>').expect("a tag that ends");
        let inner = &tag[1..end];
        assert_eq!(inner.matches('"').count() % 2, 0, "{inner}");
        if let Some(name) = inner.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !inner.ends_with('/') {
            open.push(inner.split(' ').next().unwrap());
        }
        rest = &tag[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    found.retain(|text| !text.is_empty());
    found
}

/// Width, height and pixels (RGB) of a PNG file without interlacing; the filters of its lines are undone.
fn decode(path: &Path) -> (usize, usize, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut packed) = (8, Vec::new());
    while at < bytes.len() {
        let (length, kind) = (number(at), &bytes[at + 4..at + 8]);
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[at + 4..at + 8 + length]);
        assert_eq!(crc.sum() as usize, number(at + 8 + length));
        if kind == b"IDAT" {
            packed.extend_from_slice(&bytes[at + 8..at + 8 + length]);
        }
        at += length + 12;
    }
    let (width, height) = (number(16), number(20));
    assert_eq!(&bytes[24..29], [8, 2, 0, 0, 0], "8-bit RGB");
    let mut lines = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut lines).unwrap();
    assert_eq!(lines.len(), height * (1 + 3 * width));
    let mut pixels = vec![0u8; 3 * width * height];
    for (r, line) in lines.chunks(1 + 3 * width).enumerate() {
        for (c, &value) in line[1..].iter().enumerate() {
            let get = |dr: usize, dc: usize| {
                if r < dr || c < dc {
                    0i32
                } else {
                    i32::from(pixels[(r - dr) * 3 * width + c - dc])
                }
            };
            let (left, up, corner) = (get(0, 3), get(1, 0), get(1, 3));
            let guess = match line[0] {
                0 => 0,
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                4 => {
                    let p = left + up - corner;
                    let distances = [(p - left).abs(), (p - up).abs(), (p - corner).abs()];
                    let least = *distances.iter().min().unwrap();
                    if least == distances[0] {
                        left
                    } else if least == distances[1] {
                        up
                    } else {
                        corner
                    }
                }
                other => panic!("filter {other}"),
            };
            pixels[r * 3 * width + c] = value.wrapping_add(guess as u8);
        }
    }
    (width, height, pixels)
}

#[test]
fn every_figure_is_written_as_valid_svg_png_and_csv() {
    let dir = tempfile::tempdir().unwrap();
    for (k, (figure, labels)) in gallery().into_iter().enumerate() {
        figure.write(dir.path().join("new"), &format!("f{k}")).unwrap();
        let file = |ending: &str| dir.path().join("new").join(format!("f{k}.{ending}"));

        let svg = fs::read_to_string(file("svg")).unwrap();
        let shown = texts(&svg);
        for label in labels {
            assert!(shown.iter().any(|text| text == label), "{label} is not in {shown:?}");
        }
        assert!(svg.contains("sans-serif\"") && svg.starts_with("<svg width="));

        let (width, height, pixels) = decode(&file("png"));
        let drawing = layout::draw(&figure).unwrap();
        assert_eq!(
            (width, height),
            (2 * drawing.width.ceil() as usize, 2 * drawing.height.ceil() as usize)
        );
        let white = pixels.iter().filter(|&&p| p == 255).count() as f64 / pixels.len() as f64;
        assert!((0.05..0.99).contains(&white), "{white}");
        // Nothing is cut at the edge of the page.
        let edge = |x: usize, y: usize| x == 0 || y == 0 || x == width - 1 || y == height - 1;
        let pixel = |(k, rgb): (usize, &[u8])| !edge(k % width, k / width) || rgb == [255; 3];
        assert!(pixels.chunks(3).enumerate().all(pixel));

        let mut csv = csv::Reader::from_path(file("csv")).unwrap();
        assert!(csv.records().map(Result::unwrap).count() > 0);
    }
    let left = fs::read_dir(dir.path().join("new")).unwrap();
    assert_eq!(left.count(), 3 * gallery().len(), "no temporary files remain");
}

#[test]
fn text_of_the_png_comes_from_the_embedded_typeface() {
    // An l is a bar: in ink, about as wide as its stem and as high as its ascender.
    let mut drawing = drawing::Drawing { width: 40.0, height: 40.0, ..Default::default() };
    drawing.text((20.0, 20.0), "l", 20.0, Align::Middle);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("l.png");
    render::png(&drawing, &path).unwrap();
    let (width, _, pixels) = decode(&path);
    let dark: Vec<(usize, usize)> = (pixels.chunks(3).enumerate())
        .filter(|(_, rgb)| rgb[0] < 128)
        .map(|(k, _)| (k % width, k / width))
        .collect();
    let span = |values: Vec<usize>| (*values.iter().min().unwrap(), *values.iter().max().unwrap());
    let (left, right) = span(dark.iter().map(|p| p.0).collect());
    let (top, bottom) = span(dark.iter().map(|p| p.1).collect());
    assert!((3..=5).contains(&(right - left + 1)), "{left} {right}");
    assert!((29..=32).contains(&(bottom - top + 1)), "{top} {bottom}");
    assert!(((left + right) as f64 / 2.0 - 40.0).abs() < 1.5, "centred");
}

/// Corners of the box that a text fills.
fn text_box(shape: &Shape, typeface: &Typeface) -> Option<[f64; 4]> {
    let Shape::Text { at, text, size, align, upwards, .. } = shape else { return None };
    let width = typeface.width(text, *size);
    let start = match align {
        Align::Left => 0.0,
        Align::Middle => -width / 2.0,
        Align::Right => -width,
    };
    let half = 0.45 * size;
    Some(if *upwards {
        [at.0 - half, at.1 - start - width, at.0 + half, at.1 - start]
    } else {
        [at.0 + start, at.1 - half, at.0 + start + width, at.1 + half]
    })
}

#[test]
fn no_text_leaves_the_page_or_covers_another() {
    let typeface = Typeface::load().unwrap();
    let many = Confusion::count(30, (0..30).map(|k| (k, k))).unwrap();
    let tiny: Vec<Epoch> =
        (0..9).map(|k| epoch(k * 1_000_000, 0.5 + 1e-10 * k as f64, 0.99999)).collect();
    let awkward =
        [confusion(&many).unwrap(), history(&tiny).unwrap(), history(&tiny[..1]).unwrap()];
    for figure in gallery().into_iter().map(|(figure, _)| figure).chain(awkward) {
        let drawing = layout::draw(&figure).unwrap();
        let boxes: Vec<[f64; 4]> =
            drawing.shapes.iter().filter_map(|s| text_box(s, &typeface)).collect();
        for (k, a) in boxes.iter().enumerate() {
            assert!(
                a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= drawing.width && a[3] <= drawing.height,
                "{a:?}"
            );
            for b in &boxes[..k] {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{a:?} and {b:?} in {:?}", figure.panels[0].title);
            }
        }
    }
}

#[test]
fn loss_is_logarithmic_beyond_a_decade_and_regression_has_one_panel() {
    let scale = |losses: [f64; 2]| {
        let epochs = [epoch(0, losses[0], NAN), epoch(1, losses[1], NAN)];
        let figure = history(&epochs).unwrap();
        assert_eq!(figure.panels.len(), 1);
        figure.panels[0].y.scale
    };
    assert_eq!(scale([1.0, 0.5]), Scale::Linear);
    assert_eq!(scale([1.0, 0.05]), Scale::Log);
    assert_eq!(scale([1.0, 0.0]), Scale::Linear);
    assert_eq!(scale([1.0, NAN]), Scale::Linear);
    assert_eq!(run_history().panels.len(), 2);
}

#[test]
fn the_csv_reads_back_to_the_same_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let loss = 0.1 + 0.2;
    history(&[epoch(7, loss, NAN)]).unwrap().write(dir.path(), "h").unwrap();
    let text = fs::read_to_string(dir.path().join("h.csv")).unwrap();
    let row: Vec<&str> = text.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(row[0], "7");
    assert_eq!(row[1].parse::<f64>().unwrap().to_bits(), loss.to_bits());
    assert!(row[3].parse::<f64>().unwrap().is_nan());
}

#[test]
fn wrong_values_are_named() {
    let message = |result: Result<Figure, ReportError>| result.unwrap_err().to_string();
    assert!(message(history(&[])).contains("epochs is empty"));
    assert!(message(decision_map(&DecisionMap::default())).contains("grid is empty"));
    let uneven = DecisionMap { columns: 7, ..map() };
    assert!(message(decision_map(&uneven)).contains("100 values where 105 are needed"));
    let classes = DecisionMap { classes: 1, ..map() };
    assert!(message(decision_map(&classes)).contains("class 1, but there are 1 classes"));
    let short = Features { class: vec![0; 4], ..states() };
    assert!(message(features(&short)).contains("3 values where 4 are needed"));
    assert!(message(features(&Features::default())).contains("samples is empty"));
    let ragged = Confusion { counts: vec![vec![1, 2], vec![3]], ..Confusion::default() };
    assert!(message(confusion(&ragged)).contains("1 values where 2 are needed"));
    assert!(
        message(heat_map(&HeatMap { x: Axis::linear("x"), ..heat() }))
            .contains("the x axis runs from NaN")
    );
    assert!(
        message(chart("", Axis::default(), Axis::default(), Look::Lines, &[]))
            .contains("series is empty")
    );

    let dir = tempfile::tempdir().unwrap();
    let flat = decision_map(&DecisionMap { x: (1.0, 1.0), ..map() }).unwrap();
    assert!(matches!(flat.write(dir.path(), "f"), Err(ReportError::Range { .. })));
    assert!(matches!(Figure::default().write(dir.path(), "f"), Err(ReportError::Empty { .. })));
    let huge = confusion(&Confusion { counts: vec![vec![0; 2000]; 2000], ..Confusion::default() })
        .unwrap();
    assert!(matches!(huge.write(dir.path(), "f"), Err(ReportError::Page { .. })));
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is written for a figure that fails"
    );
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = run_history().write(&file, "f").unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn equal_axes_have_units_of_one_length() {
    let points = |points: [[f64; 2]; 2]| {
        let series = [Series { name: String::new(), points: points.to_vec() }];
        chart("", Axis::linear(""), Axis::linear(""), Look::Points, &series).unwrap()
    };
    let mut map = heat_map(&heat()).unwrap();
    map.panels[0].layers.extend(points([[-4.0, -3.0], [1.0, 3.0]]).panels[0].layers.clone());
    for (mut figure, (dx, dy)) in
        [(points([[0.0, 0.0], [10.0, 1.0]]), (10.0, 1.0)), (map, (5.0, 6.0))]
    {
        figure.panels[0].equal = true;
        let drawing = layout::draw(&figure).unwrap();
        let centres = drawing.shapes.iter().filter_map(|shape| match shape {
            Shape::Disc { centre, .. } => Some(*centre),
            _ => None,
        });
        // A disc and its outline for each point.
        let centres: Vec<_> = centres.collect();
        let [(ax, ay), _, (bx, by), _] = centres[..] else { panic!("{centres:?}") };
        assert!(((bx - ax) / dx - (ay - by) / dy).abs() < 1e-9 * (bx - ax), "{centres:?}");
    }
}

fn odd() -> impl Strategy<Value = f64> {
    let special = [
        0.0,
        -0.0,
        NAN,
        f64::INFINITY,
        -f64::INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
    ];
    prop_oneof![any::<f64>(), prop::sample::select(special.to_vec()), -3.0..3.0f64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever the numbers, a figure is drawn with finite coordinates or refused.
    #[test]
    fn odd_numbers_neither_panic_nor_escape(
        values in prop::collection::vec((odd(), odd()), 1..12),
        log in any::<bool>(),
        equal in any::<bool>(),
    ) {
        let points: Vec<[f64; 2]> = values.iter().map(|&(x, y)| [x, y]).collect();
        let scale = if log { Scale::Log } else { Scale::Linear };
        let axis = |label: &str| Axis { scale, ..Axis::linear(label) };
        let series = [Series { name: "s".into(), points: points.clone() }];
        let epochs: Vec<Epoch> = values.iter().enumerate().map(|(k, v)| epoch(k, v.0, v.1)).collect();
        let cells = values.iter().map(|v| (0, v.1)).collect();
        let figures = [
            chart("", axis("x"), axis("y"), Look::LinesAndPoints, &series),
            history(&epochs),
            heat_map(&HeatMap { values: values.iter().map(|v| v.0).collect(), columns: values.len(), value: axis("v"), ..heat() }),
            decision_map(&DecisionMap { columns: values.len(), cells, x: values[0], ..map() }),
        ];
        for mut figure in figures.into_iter().flatten() {
            figure.panels[0].equal = equal && !log;
            let Ok(drawing) = layout::draw(&figure) else { continue };
            let finite = |p: &(f64, f64)| p.0.is_finite() && p.1.is_finite();
            let fine = drawing.shapes.iter().all(|shape| match shape {
                Shape::Path { points, .. } | Shape::Polygon { points, .. } => points.iter().all(finite),
                Shape::Rect { from, to, .. } => finite(from) && finite(to),
                Shape::Disc { centre, .. } => finite(centre),
                Shape::Text { at, .. } => finite(at),
            });
            prop_assert!(fine);
            prop_assert!(render::svg(&drawing).is_ok());
        }
    }
}
