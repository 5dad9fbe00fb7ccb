use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::data::write_csv;
use crate::dialect::RON;

/// A folder with the given files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load_in(folder: &tempfile::TempDir, source: &str) -> Result<Dataset, DataError> {
    RON.from_str::<Source>(source).unwrap().load(folder.path(), 1)
}

/// What is refused about `text` read as `source`, the path being d.csv.
fn refusal(text: &str, source: &str) -> String {
    load_in(&folder(&[("d.csv", text)]), source).unwrap_err().to_string()
}

fn classes(labels: &Labels) -> &[usize] {
    match labels {
        Labels::Classes(classes) => classes,
        Labels::Targets(_) => panic!("classes expected"),
    }
}

const IRIS: &str = "length,kind,width\n1,setosa,10\n2,virginica,20\n3,setosa,30\n4,virginica,40\n";

#[test]
fn csv_with_text_labels() {
    let folder = folder(&[("d.csv", IRIS)]);
    let data =
        load_in(&folder, r#"Csv(path: "d.csv", label: "kind", standardise: false)"#).unwrap();
    assert_eq!(data.schema.features, ["length", "width"]);
    assert_eq!(data.schema.class_names.as_deref().unwrap(), ["setosa", "virginica"]);
    assert_eq!(data.schema.kind, Kind::Classes(2));
    assert_eq!(classes(&data.train.labels), [0, 1, 0, 1]);
    assert_eq!(data.train.x, Mat::from_fn(2, 4, |i, j| (j + 1) as f64 * [1.0, 10.0][i]));
    assert_eq!((data.validation.count(), data.validation.x.nrows()), (0, 2));
}

#[test]
fn csv_without_header_with_blanks_quotes_and_a_byte_order_mark() {
    let text = "\u{feff}1.5, 0 ,\"2\"\r\n\r\n-1e-3,1,4\r\n";
    let data = load_in(
        &folder(&[("d.csv", text)]),
        r#"Csv(path: "d.csv", label: 1, header: false, standardise: false)"#,
    )
    .unwrap();
    assert_eq!(data.schema.features, ["x1", "x2"]);
    assert_eq!(data.train.x, Mat::from_fn(2, 2, |i, j| [[1.5, -1e-3], [2.0, 4.0]][i][j]));
    assert_eq!(classes(&data.train.labels), [0, 1]);
}

#[test]
fn regression_targets() {
    let text = "a,y,b,z\n1,2,3,4\n5,6,7,8\n";
    let data = load_in(
        &folder(&[("d.csv", text)]),
        r#"Csv(path: "d.csv", targets: ["z", 1], standardise: false)"#,
    )
    .unwrap();
    assert_eq!(data.schema.kind, Kind::Targets(2));
    assert_eq!(data.schema.features, ["a", "b"]);
    let expected = Mat::from_fn(2, 2, |i, j| [[4.0, 8.0], [2.0, 6.0]][i][j]);
    assert_eq!(data.train.labels, Labels::Targets(expected));
}

#[test]
fn standardisation_is_fitted_on_the_training_part_only() {
    let rows: String = (0..40).map(|i| format!("{},{},7\n", i * i, i % 2)).collect();
    let source = r#"Csv(path: "d.csv", label: 1, header: false, validation: 0.25)"#;
    let data = load_in(&folder(&[("d.csv", &rows)]), source).unwrap();
    assert_eq!((data.train.count(), data.validation.count()), (30, 10));
    let moments = |x: &Mat<f64>| {
        let n = x.ncols() as f64;
        let mean = x.row(0).iter().sum::<f64>() / n;
        (mean, x.row(0).iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
    };
    let (mean, variance) = moments(&data.train.x);
    assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
    let (mean, variance) = moments(&data.validation.x);
    assert!(mean.abs() > 1e-3 && (variance - 1.0).abs() > 1e-3);
    assert!(data.train.x.row(1).iter().chain(data.validation.x.row(1).iter()).all(|&v| v == 0.0));
}

#[test]
fn validation_from_another_file() {
    let other = "length,kind,width\n5,virginica,50\n";
    let folder = folder(&[
        ("d.csv", IRIS),
        ("v.csv", other),
        ("w.csv", "length,kind,height\n5,virginica,50\n"),
        ("u.csv", "length,kind,width\n5,rose,50\n"),
    ]);
    let source = |v: &str| format!(r#"Csv(path: "d.csv", label: "kind", validation: {v})"#);
    let data = load_in(&folder, &source(r#"Csv(path: "v.csv")"#)).unwrap();
    assert_eq!((data.train.count(), data.validation.count()), (4, 1));
    assert_eq!(classes(&data.validation.labels), [1]);
    let deviation = 1.25_f64.sqrt(); // of 1, 2, 3, 4
    assert!((data.validation.x[(0, 0)] - 2.5 / deviation).abs() < 1e-12);

    let refusal = |v: &str| load_in(&folder, &source(v)).unwrap_err().to_string();
    let error = refusal(r#"Csv(path: "w.csv")"#);
    assert!(error.contains("w.csv has the columns `length`, `height`"), "{error}");
    let error = refusal(r#"Csv(path: "u.csv")"#);
    assert!(error.contains("u.csv, line 2") && error.contains("no class `rose`"), "{error}");
    assert!(refusal("Peaks()").contains("must come from a file"));
    let error = refusal(r#"Csv(path: "v.csv", validation: 0.5)"#);
    assert!(error.contains("cannot be split again"), "{error}");
    let error = refusal(r#"Csv(path: "v.csv", targets: ["kind"])"#);
    assert!(error.contains("`virginica` is not a number"), "{error}");
}

#[test]
fn validation_of_another_kind_is_refused() {
    let numbers = "a,b\n1,0\n2,1\n";
    let source =
        r#"Csv(path: "d.csv", label: "b", validation: Csv(path: "d.csv", targets: ["b"]))"#;
    let error = refusal(numbers, source);
    assert!(error.contains("1 target columns where the training data have 2 classes"), "{error}");
}

#[test]
fn csv_refusals_name_the_place_and_the_remedy() {
    let by_name = r#"Csv(path: "d.csv", label: "k")"#;
    let by_number = r#"Csv(path: "d.csv", label: 1, header: false)"#;
    let cases: [(&str, &str, &[&str]); 27] = [
        (
            "a,k\n1,0\n2,1\n\n3,1,5\n",
            by_name,
            &["d.csv, line 5 has 3 fields where the header has 2"],
        ),
        ("a,k\r\n1,0\r\n\r\n2\r\n", by_name, &["line 4 has 1 fields"]),
        ("1,0\n2\n", by_number, &["line 2 has 1 fields where line 1 has 2"]),
        (
            "a,k\n1,0\nten,1\n",
            by_name,
            &["d.csv, line 3, column `a`: `ten` is not a number", "only the label"],
        ),
        ("a,k\n1,0\n,1\n", by_name, &["line 3, column `a`: `` is not a number", "missing value"]),
        ("a,k\n1,0\n2,\n", by_name, &["line 3, column `k`", "missing value"]),
        ("a,k\n1;5,0\n", by_name, &["separate the fields by commas"]),
        ("a,k\n1,0\n", by_number, &["line 1, column `0`: `a`", "`header: false`"]),
        ("a,k\nNaN,0\n", by_name, &["line 2, column `a`: NaN is not finite"]),
        ("a,k\n-inf,0\n", by_name, &["-inf is not finite"]),
        ("a,k\n1e999,0\n", by_name, &["inf is not finite"]),
        ("a,k\n1,nan\n", by_name, &["line 2, column `k`: NaN"]),
        ("a,k\n1,1\n2,2\n", by_name, &["line 3: label 2", "0 to 1"]),
        ("a,k\n1,0\n2,0\n", by_name, &["every sample has the label `0`"]),
        ("a,k\n1,0\n2,x\n", by_name, &["line 3: the label `x` is of another kind"]),
        ("", by_name, &["d.csv is empty"]),
        ("\n\n", by_number, &["d.csv is empty"]),
        ("a,k\n", by_name, &["has a header but no rows"]),
        (
            "1,0\n2,1\n",
            r#"Csv(path: "d.csv", label: 1)"#,
            &["line 1 holds only numbers", "header: false"],
        ),
        ("a,a,k\n1,2,0\n", by_name, &["line 1: the column name `a` stands twice"]),
        (
            "a,class\n1,0\n",
            r#"Csv(path: "d.csv", label: "clas")"#,
            &["no column `clas`; did you mean `class`?", "`a`, `class`"],
        ),
        (
            "1,0\n",
            r#"Csv(path: "d.csv", label: "k", header: false)"#,
            &["no header to find the column `k` in"],
        ),
        ("a,k\n1,0\n", r#"Csv(path: "d.csv", label: 2)"#, &["no column 2: it has 2"]),
        ("a,k\n1,0\n", r#"Csv(path: "d.csv")"#, &["which column is to be learned?"]),
        (
            "a,k\n1,0\n",
            r#"Csv(path: "d.csv", label: "k", targets: ["a"])"#,
            &["both a label and targets"],
        ),
        (
            "a,k\n1,0\n",
            r#"Csv(path: "d.csv", targets: ["k", 1])"#,
            &["column `k` is asked for twice"],
        ),
        ("k\n0\n", by_name, &["no feature left"]),
    ];
    for (text, source, expected) in cases {
        let error = refusal(text, source);
        for part in expected {
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
    for share in ["0", "1.0", "-0.2", "20", "NaN"] {
        let error =
            refusal(IRIS, &format!(r#"Csv(path: "d.csv", label: "kind", validation: {share})"#));
        assert!(error.contains("is not between 0 and 1"), "{share}: {error}");
    }
    let once = "a,k\n1,cat\n2,dog\n3,cat\n";
    let error = refusal(once, r#"Csv(path: "d.csv", label: "k", validation: 0.5)"#);
    assert!(error.contains("class `dog` has 1 sample"), "{error}");
    let error = refusal(IRIS, r#"Csv(path: "e.csv", label: "kind")"#);
    assert!(error.contains("did you mean `d.csv`?"), "{error}");
    let folder = folder(&[]);
    fs::write(folder.path().join("d.csv"), b"a,k\n1,\xff\n").unwrap();
    let error = load_in(&folder, by_name).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("UTF-8"), "{error}");
}

fn npy(shape: &[u64], values: &[f64]) -> Vec<u8> {
    use npyz::WriterBuilder;
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(shape)
        .writer(&mut bytes)
        .begin_nd()
        .unwrap();
    writer.extend(values.iter().copied()).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn arrays_of_features_and_labels() {
    let folder = folder(&[]);
    let write = |name: &str, bytes: Vec<u8>| fs::write(folder.path().join(name), bytes).unwrap();
    write("x.npy", npy(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    write("y.npy", npy(&[3], &[0.0, 1.0, -0.0]));
    write("short.npy", npy(&[2], &[0.0, 1.0]));
    write("wide.npy", npy(&[3, 2], &[0.0; 6]));
    write("images", vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 9, 8, 7, 255]);
    write("labels", vec![0, 0, 8, 1, 0, 0, 0, 2, 1, 0]);

    let data =
        load_in(&folder, r#"Npy(path: "x.npy", labels: "y.npy", standardise: false)"#).unwrap();
    assert_eq!(classes(&data.train.labels), [0, 1, 0]);
    assert_eq!((data.train.x[(1, 0)], data.train.x[(0, 2)]), (2.0, 5.0));
    assert_eq!(data.schema.features, ["x1", "x2"]);
    let data =
        load_in(&folder, r#"Idx(images: "images", labels: "labels", standardise: false)"#).unwrap();
    assert_eq!(classes(&data.train.labels), [1, 0]);
    assert_eq!(data.train.x[(1, 1)], 255.0);

    let error = |s: &str| load_in(&folder, s).unwrap_err().to_string();
    assert!(error(r#"Npy(path: "x.npy", labels: "short.npy")"#).contains("2 labels for 3 samples"));
    assert!(
        error(r#"Npy(path: "x.npy", labels: "wide.npy")"#).contains("one label for each sample")
    );
}

#[test]
fn features_are_found_for_a_trained_network() {
    let folder = folder(&[
        ("d.csv", IRIS),
        ("new.csv", "width,remark,length\n20,fine,2\n"),
        ("labelled.csv", "width,length,kind\n20,2,virginica\n"),
        ("unknown.csv", "width,length,kind\n20,2,rose\n"),
        ("lacking.csv", "width,lenght\n20,2\n"),
        ("plain.csv", "2,20\n"),
        ("three.csv", "2,20,4\n"),
    ]);
    let data = load_in(&folder, r#"Csv(path: "d.csv", label: "kind")"#).unwrap();
    let read = |name: &str, header: bool| {
        read_features(&folder.path().join(name), header, &data.schema, true)
    };
    let expected = data.train.x.subcols(1, 1).to_owned();
    let found = read("new.csv", true).unwrap();
    assert_eq!((&found.x, &found.labels), (&expected, &None));
    let found = read("labelled.csv", true).unwrap();
    assert_eq!((&found.x, &found.labels), (&expected, &Some(Labels::Classes(vec![1]))));
    assert_eq!(read("plain.csv", false).unwrap().x, expected);
    let error = |name: &str, header: bool| read(name, header).unwrap_err().to_string();
    assert!(error("lacking.csv", true).contains("no column `length`; did you mean `lenght`?"));
    assert!(error("three.csv", false).contains("3 features where 2 are expected"));
    assert!(error("unknown.csv", true).contains("no class `rose`"));

    fs::write(folder.path().join("x.npy"), npy(&[1, 2], &[2.0, 20.0])).unwrap();
    assert_eq!(read("x.npy", false).unwrap().x, expected);
    fs::write(folder.path().join("x.npy"), npy(&[2, 1], &[2.0, 20.0])).unwrap();
    assert!(error("x.npy", false).contains("1 features where 2"));
}

#[test]
fn label_columns_by_number_are_found_in_files_of_the_same_width() {
    let folder =
        folder(&[("d.csv", "0,1.5\n1,2.5\n"), ("both.csv", "1,2.5\n"), ("x.csv", "2.5\n")]);
    let data = load_in(&folder, r#"Csv(path: "d.csv", label: 0, header: false)"#).unwrap();
    let both = read_features(&folder.path().join("both.csv"), false, &data.schema, true).unwrap();
    let alone = read_features(&folder.path().join("x.csv"), false, &data.schema, true).unwrap();
    assert_eq!(both.labels, Some(Labels::Classes(vec![1])));
    assert_eq!(alone.labels, None);
    assert_eq!(both.x, alone.x);
}

#[test]
fn written_data_read_back_exactly() {
    let sources = [
        r#"Csv(path: "d.csv", label: "kind", validation: 0.5)"#,
        r#"Csv(path: "d.csv", targets: ["width"], validation: 0.5, label: None)"#,
    ];
    for (source, text) in
        sources.into_iter().zip([IRIS, "a,width\n0.1,1\n0.7,1e-300\n-3e200,0.3\n"])
    {
        let folder = folder(&[("d.csv", text)]);
        let data = load_in(&folder, source).unwrap();
        let mut bytes = Vec::new();
        write_csv(&data, &mut bytes).unwrap();
        let path: PathBuf = folder.path().join("out.csv");
        fs::write(&path, &bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("part,x1"), "{text}");
        assert_eq!(text.matches("\ntrain,").count(), data.train.count());
        assert_eq!(text.matches("\nvalidation,").count(), data.validation.count());
        // As the network sees them: already standardised, classes as numbers.
        let back = read_features(&path, true, &data.schema, true).unwrap();
        let all = faer::concat![[data.train.x, data.validation.x]];
        assert_eq!(back.x, all);
        match (back.labels, data.train.labels) {
            (Some(Labels::Classes(back)), Labels::Classes(train)) => {
                assert_eq!(back[..train.len()], train);
            }
            (Some(Labels::Targets(back)), Labels::Targets(train)) => {
                assert_eq!(back.subcols(0, train.ncols()).to_owned(), train);
            }
            _ => panic!("the labels are lost"),
        }
    }
}

#[test]
fn the_shipped_digits_load() {
    let base = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/data");
    let source = r#"Csv(path: "digits.csv.gz", label: 64, header: false, validation: 0.2)"#;
    let data = RON.from_str::<Source>(source).unwrap().load(&base, 0).unwrap();
    assert_eq!(data.train.count() + data.validation.count(), 1797);
    assert_eq!((data.schema.kind, data.train.x.nrows()), (Kind::Classes(10), 64));
    assert!(data.train.x.row(0).iter().all(|&v| v == 0.0)); // a corner no pen has touched
    let zeros = |labels: &Labels| classes(labels).iter().filter(|&&k| k == 0).count();
    assert_eq!((zeros(&data.train.labels), zeros(&data.validation.labels)), (142, 36)); // of 178
}

#[test]
fn a_schema_survives_being_stored() {
    let folder = folder(&[("d.csv", IRIS)]);
    let data = load_in(&folder, r#"Csv(path: "d.csv", label: "kind")"#).unwrap();
    let text = serde_json::to_string(&data.schema).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), data.schema);
    let text = ron::to_string(&data.schema).unwrap();
    assert_eq!(ron::from_str::<Schema>(&text).unwrap(), data.schema);
}

proptest! {
    #[test]
    fn mangled_text_is_read_or_refused(
        changes in prop::collection::vec((0..IRIS.len(), any::<u8>()), 0..5),
        packed: bool,
        cut in 0..IRIS.len(),
    ) {
        let mut bytes = IRIS.as_bytes().to_vec();
        for &(at, byte) in &changes {
            bytes[at] = byte;
        }
        if packed {
            use std::io::Write;
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            writer.write_all(&bytes).unwrap();
            bytes = writer.finish().unwrap();
            for &(at, byte) in &changes {
                if let Some(old) = bytes.get_mut(at) { *old = byte; }
            }
        }
        if cut % 2 == 0 {
            bytes.truncate(cut);
        }
        let folder = folder(&[]);
        fs::write(folder.path().join("d.csv"), bytes).unwrap();
        let _ = load_in(&folder, r#"Csv(path: "d.csv", label: "kind", validation: 0.5)"#);
        let _ = load_in(&folder, r#"Csv(path: "d.csv", label: 1, header: false)"#);
        let schema = Schema {
            features: vec!["length".into(), "width".into()],
            labels: vec![Column::Name("kind".into())],
            kind: Kind::Classes(2),
            class_names: Some(vec!["setosa".into(), "virginica".into()]),
            standardisation: None,
        };
        let _ = read_features(&folder.path().join("d.csv"), cut % 3 == 0, &schema, true);
    }
}
