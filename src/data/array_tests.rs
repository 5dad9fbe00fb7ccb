use std::io::Write;

use npyz::WriterBuilder;
use proptest::prelude::*;

use super::*;

/// A `.npy` file as npyz writes it.
fn written<T: npyz::AutoSerialize + Copy>(
    values: &[T],
    shape: &[u64],
    order: npyz::Order,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::<T>::new()
        .default_dtype()
        .order(order)
        .shape(shape)
        .writer(&mut bytes)
        .begin_nd()
        .unwrap();
    writer.extend(values.iter().copied()).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A `.npy` file with a header of our own.
fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn parsed(bytes: &[u8]) -> Array {
    parse(bytes, "a.npy".into()).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    parse(bytes, "a.npy".into()).unwrap_err().to_string()
}

fn idx_file(shape: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, shape.len() as u8];
    bytes.extend(shape.iter().flat_map(|n| n.to_be_bytes()));
    bytes.extend(data);
    bytes
}

/// An archive with one array stored as it is, as numpy.savez does, and one deflated.
fn npz_file() -> Vec<u8> {
    use zip::CompressionMethod::{Deflated, Stored};
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let (x, y) = ([1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, 1.0]);
    for (file, method, values) in [("x.npy", Stored, x), ("y.npy", Deflated, y)] {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        zip.start_file(file, options).unwrap();
        zip.write_all(&written(&values, &[4], npyz::Order::C)).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn every_element_type_and_both_orders_are_read() {
    use npyz::Order::{C, Fortran};
    let expected = [1.0, -2.0, 3.0, 4.0, 5.0, 6.0];
    assert_eq!(parsed(&written(&expected, &[2, 3], C)).values, expected);
    assert_eq!(parsed(&written(&expected.map(|v| v as f32), &[2, 3], C)).values, expected);
    assert_eq!(parsed(&written(&expected.map(|v| v as i8), &[2, 3], C)).values, expected);
    assert_eq!(parsed(&written(&expected.map(|v| v as i16), &[2, 3], C)).values, expected);
    assert_eq!(parsed(&written(&expected.map(|v| v as i32), &[2, 3], C)).values, expected);
    assert_eq!(parsed(&written(&expected.map(|v| v as i64), &[2, 3], C)).values, expected);
    assert_eq!(parsed(&written(&[1_u8, 255], &[2], C)).values, [1.0, 255.0]);
    assert_eq!(parsed(&written(&[1_u16, 65535], &[2], C)).values, [1.0, 65535.0]);
    assert_eq!(parsed(&written(&[1_u64, 1 << 40], &[2], C)).values, [1.0, (1_u64 << 40) as f64]);
    assert_eq!(parsed(&written(&[true, false], &[2], C)).values, [1.0, 0.0]);
    // Column by column in the file, row by row here.
    let fortran = parsed(&written(&[1.0, 4.0, -2.0, 5.0, 3.0, 6.0], &[2, 3], Fortran));
    assert_eq!(fortran.values, [1.0, -2.0, 3.0, 4.0, 5.0, 6.0]);
    let cube: Vec<f64> = (0..24).map(f64::from).collect();
    let fortran = parsed(&written(&cube, &[2, 3, 4], Fortran));
    assert_eq!(fortran.values[..5], [0.0, 6.0, 12.0, 18.0, 2.0]);
}

#[test]
fn big_endian_entries_are_turned() {
    let header = "{'descr': '>f8', 'fortran_order': False, 'shape': (2,), }\n";
    let data = [1.5_f64.to_be_bytes(), (-2.0_f64).to_be_bytes()].concat();
    assert_eq!(parsed(&raw(header, &data)).values, [1.5, -2.0]);
    let header = "{\"x\": 1, 'shape': (1,1), 'fortran_order': False, 'descr': '>i2'}";
    assert_eq!(parsed(&raw(header, &[0xff, 0xfe])).values, [-2.0]);
}

#[test]
fn samples_become_columns() {
    let x = parsed(&written(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2], npyz::Order::C));
    let x = x.columns().unwrap();
    assert_eq!((x.nrows(), x.ncols(), x[(1, 0)], x[(0, 2)]), (2, 3, 2.0, 5.0));
    let images = parse(&idx_file(&[2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 255]), "i".into()).unwrap();
    let x = images.columns().unwrap();
    assert_eq!((x.nrows(), x.ncols(), x[(3, 1)], x[(0, 1)]), (4, 2, 255.0, 4.0));
}

#[test]
fn headers_that_lie_are_refused_before_anything_is_allocated() {
    let header = |shape: &str| {
        raw(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"), &[0; 16])
    };
    assert!(
        refusal(&header("(3,)")).contains("holds 16 bytes of entries where its header promises 24")
    );
    assert!(refusal(&header("(1,)")).contains("promises 8"));
    assert!(refusal(&header("(1000000, 1000000)")).contains("1000000000000 numbers are more than"));
    let huge = "(18446744073709551615, 18446744073709551615, 18446744073709551615)";
    assert!(refusal(&header(huge)).contains("more than"));
    assert!(refusal(&header("(99999999999999999999,)")).contains("whole NumPy header"));
    assert!(refusal(&header("(-1,)")).contains("whole NumPy header"));
    let idx = idx_file(&[u32::MAX, u32::MAX], &[]);
    assert!(refusal(&idx).contains("more than"));
    assert!(refusal(&idx_file(&[2, 2], &[1, 2, 3])).contains("holds 3 bytes"));
    assert!(
        refusal(&[0, 0, 8, 3, 0, 0])
            .contains("holds 2 bytes of entries where its header promises 12")
    );
}

#[test]
fn what_is_no_array_of_numbers_is_refused() {
    assert!(refusal(b"").contains("is empty"));
    assert!(refusal(b"x,y\n1,2\n").contains("not a NumPy array nor an IDX file"));
    assert!(refusal(b"\x93NUMPY").contains("whole NumPy header"));
    let text = raw("{'descr': '<U5', 'fortran_order': False, 'shape': (1,), }", &[0; 20]);
    assert!(refusal(&text).contains("'<U5'"));
    let records =
        raw("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", &[0; 8]);
    assert!(refusal(&records).contains("entries of type [('a'"), "{}", refusal(&records));
    let nested = raw(&"(".repeat(60_000), &[]);
    assert!(refusal(&nested).contains("whole NumPy header"));
    assert!(refusal(&[0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0]).contains("0x0d"));
    let none = parsed(&written::<f64>(&[], &[0, 3], npyz::Order::Fortran)).columns().unwrap_err();
    assert!(none.to_string().contains("at least one sample"), "{none}");
    let none = parsed(&written::<f64>(&[], &[3, 0], npyz::Order::C)).columns().unwrap_err();
    assert!(none.to_string().contains("at least one feature"), "{none}");
    let nan = parsed(&written(&[1.0, 2.0, f64::NAN, 3.0], &[2, 2], npyz::Order::C));
    let error = nan.columns().unwrap_err().to_string();
    assert!(error.contains("a.npy, sample 1, entry 0 (from 0): NaN"), "{error}");
}

#[test]
fn archives_give_arrays_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.npz");
    std::fs::write(&path, npz_file()).unwrap();
    let arrays = read_npz(&path, &["y", "x"]).unwrap();
    assert_eq!(arrays[0].values, [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(arrays[1].values, [1.0, 2.0, 3.0, 4.0]);
    let error = read_npz(&path, &["X"]).unwrap_err().to_string();
    assert!(error.contains("no column `X`; did you mean `x`?"), "{error}");
    std::fs::write(&path, &npz_file()[..100]).unwrap();
    let error = read_npz(&path, &["x"]).unwrap_err().to_string();
    assert!(error.contains("not a readable .npz archive"), "{error}");
}

/// Some bytes of a good file overwritten, and its end cut off.
fn mangled(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let n = good.len();
    (prop::collection::vec((0..n, any::<u8>()), 0..6), 0..=n).prop_map(move |(changes, cut)| {
        let mut bytes = good.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        if cut % 2 == 0 {
            bytes.truncate(cut);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, String::new());
        let _ = parse(&[NPY_MAGIC, &bytes].concat(), String::new());
        let _ = parse(&[&[0, 0, 8], &bytes[..]].concat(), String::new());
    }

    #[test]
    fn mangled_npy_is_read_or_refused(bytes in mangled(written(&[1.0, 2.0, 3.0, 4.0], &[2, 2], npyz::Order::Fortran))) {
        let _ = parse(&bytes, String::new()).map(|array| array.columns());
    }

    #[test]
    fn mangled_idx_is_read_or_refused(bytes in mangled(idx_file(&[3, 1, 2], &[1, 2, 3, 4, 5, 6]))) {
        let _ = parse(&bytes, String::new()).map(|array| array.columns());
    }

    #[test]
    fn mangled_archives_are_read_or_refused(bytes in mangled(npz_file())) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let _ = read_npz(file.path(), &["x", "y"]);
    }
}

#[test]
fn complex_numbers_are_read_in_any_precision_and_order() {
    let file = |name: &str, bytes: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        complex_numbers(&path).map_err(|error| error.to_string())
    };
    let header = |descr: &str, shape: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n")
    };
    let parts = [-1.5, 2.0, 0.25, -8.0];
    let due = Ok(vec![[-1.5, 2.0], [0.25, -8.0]]);
    let little: Vec<u8> = parts.iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
    assert_eq!(file("a.npy", &raw(&header("<c16", "(2,)"), &little)), due);
    assert_eq!(file("a.npy", &raw(&header("<c16", "(1, 2)"), &little)), due);
    let big: Vec<u8> = parts.iter().flat_map(|x: &f64| x.to_be_bytes()).collect();
    assert_eq!(file("a.npy", &raw(&header(">c16", "(2,)"), &big)), due);
    let single: Vec<u8> = parts.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
    assert_eq!(file("a.npy", &raw(&header("<c8", "(2,)"), &single)), due);
    // Real numbers have no imaginary part.
    let real = written(&[3.0, -4.0], &[2], npyz::Order::C);
    assert_eq!(file("a.npy", &real), Ok(vec![[3.0, 0.0], [-4.0, 0.0]]));
    // As features complex numbers are refused, as before.
    assert!(refusal(&raw(&header("<c16", "(2,)"), &little)).contains("real"));
    let short = raw(&header("<c16", "(3,)"), &little);
    assert!(file("a.npy", &short).unwrap_err().contains("a.npy"));
    let lost: Vec<u8> = [1.0, f64::NAN].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert!(file("a.npy", &raw(&header("<c16", "(1,)"), &lost)).unwrap_err().contains("finite"));
}
