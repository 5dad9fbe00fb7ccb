//! Reading data of realistic size from files: text, NumPy arrays, images, gzipped or not.

mod common;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use kutta::data::Source;

use common::{median, numbers};

type Written = std::io::Result<()>;

/// Like the handwritten digits of 8 x 8 pixels, with digits behind the point.
fn csv(mut to: impl Write, rows: usize) -> Written {
    let values = numbers(rows * 64, 16.0);
    let header: Vec<String> = (1..=64).map(|i| format!("x{i}")).collect();
    writeln!(to, "label,{}", header.join(","))?;
    for (i, row) in values.chunks(64).enumerate() {
        let row: Vec<String> = row.iter().map(|x| format!("{x:.6}")).collect();
        writeln!(to, "{},{}", i % 10, row.join(","))?;
    }
    to.flush()
}

fn npy<T: npyz::AutoSerialize + Copy>(to: &Path, shape: &[u64], values: &[T]) -> Written {
    use npyz::WriterBuilder;
    let file = BufWriter::new(File::create(to)?);
    let builder = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file);
    let mut writer = builder.begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()
}

/// Images of 28 x 28 unsigned bytes, or labels.
fn idx(mut to: impl Write, shape: &[u32], each: impl Fn(usize) -> u8) -> Written {
    to.write_all(&[0, 0, 8, shape.len() as u8])?;
    shape.iter().try_for_each(|n| to.write_all(&n.to_be_bytes()))?;
    let length = shape.iter().map(|&n| n as usize).product();
    to.write_all(&(0..length).map(each).collect::<Vec<u8>>())?;
    to.flush()
}

fn gzipped(path: &Path) -> std::io::Result<BufWriter<GzEncoder<File>>> {
    Ok(BufWriter::new(GzEncoder::new(File::create(path)?, Compression::default())))
}

fn write_all(folder: &Path) -> Written {
    let at = |name: &str| folder.join(name);
    csv(BufWriter::new(File::create(at("d.csv"))?), 2000)?;
    csv(gzipped(&at("d.csv.gz"))?, 2000)?;
    npy(&at("x.npy"), &[20_000, 64], &numbers(20_000 * 64, 1.0))?;
    npy(&at("y.npy"), &[20_000], &(0..20_000).map(|i| i % 10).collect::<Vec<i64>>())?;
    // Strokes of ink on blank paper, which is what makes images compress.
    let ink = |i: usize| {
        if i % 784 < 120 { ((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8 } else { 0 }
    };
    idx(BufWriter::new(File::create(at("i.idx"))?), &[5000, 28, 28], ink)?;
    idx(gzipped(&at("i.idx.gz"))?, &[5000, 28, 28], ink)?;
    idx(BufWriter::new(File::create(at("l.idx"))?), &[5000], |i| (i % 10) as u8)
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    write_all(folder.path()).expect("files are written");
    let sources = [
        ("d.csv", r#"Csv(path: "d.csv", label: Some("label"))"#),
        ("d.csv.gz", r#"Csv(path: "d.csv.gz", label: Some("label"))"#),
        ("x.npy", r#"Npy(path: "x.npy", labels: "y.npy")"#),
        ("i.idx", r#"Idx(images: "i.idx", labels: "l.idx")"#),
        ("i.idx.gz", r#"Idx(images: "i.idx.gz", labels: "l.idx")"#),
    ];
    for (name, text) in sources {
        let source: Source = ron::from_str(text).expect("a source");
        let load = || source.load(folder.path(), 1).expect("readable");
        let (rows, columns) = (load().train.x.ncols(), load().train.x.nrows());
        let time = median(|| {
            black_box(load());
        });
        let size = fs::metadata(folder.path().join(name)).map_or(0, |file| file.len());
        println!(
            "{name:9} {rows} x {columns}: {:7.2} ms, {:4.0} MB/s of the file, {:5.1} million numbers a second",
            1e3 * time,
            1e-6 * size as f64 / time,
            1e-6 * (rows * columns) as f64 / time,
        );
    }
}
