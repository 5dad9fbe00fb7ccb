//! NumPy's `.npy` and `.npz` and LeCun's IDX.
//!
//! The header of an array is read here rather than by a library: one that lies about its size
//! must be an error before memory is asked for.

use std::io::Cursor;
use std::path::Path;

use faer::{Mat, MatRef};
use zip::ZipArchive;

use super::{DataError, MAX_VALUES, open};

/// An array of numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    /// The file, and the array in it.
    pub place: String,
    pub shape: Vec<u64>,
    /// In C order: the last index runs fastest.
    values: Vec<f64>,
}

impl Array {
    /// The matrix (rest of the shape, flattened) x (first axis): a sample a column.
    pub fn columns(&self) -> Result<Mat<f64>, DataError> {
        let count = self.shape.first().map_or(0, |&count| count as usize);
        if count == 0 {
            return Err(self.wrong_shape("at least one sample along the first axis is expected"));
        }
        let rows = self.values.len() / count;
        if rows == 0 {
            return Err(self.wrong_shape("at least one feature for each sample is expected"));
        }
        if let Some(at) = self.values.iter().position(|v| !v.is_finite()) {
            let place =
                format!("{}, sample {}, entry {} (from 0)", self.place, at / rows, at % rows);
            return Err(DataError::NotFinite { place, value: self.values[at] });
        }
        Ok(MatRef::from_column_major_slice(&self.values, rows, count).to_owned())
    }

    pub fn wrong_shape(&self, expected: &'static str) -> DataError {
        DataError::Shape { place: self.place.clone(), shape: self.shape.clone(), expected }
    }
}

/// Reads a `.npy` or IDX file; which one it is, its first bytes tell.
pub(super) fn read(path: &Path) -> Result<Array, DataError> {
    parse(&open::read(path)?, path.display().to_string())
}

pub(super) fn is_array(bytes: &[u8]) -> bool {
    bytes.starts_with(NPY_MAGIC) || bytes.starts_with(&[0, 0])
}

pub(super) fn parse(bytes: &[u8], place: String) -> Result<Array, DataError> {
    if bytes.is_empty() {
        return Err(DataError::Empty { place });
    }
    if let Some(rest) = bytes.strip_prefix(NPY_MAGIC) {
        return npy(rest, place);
    }
    match bytes {
        [0, 0, element, axes, rest @ ..] => idx(*element, usize::from(*axes), rest, place),
        _ => Err(DataError::Format {
            place,
            expected: "a NumPy array nor an IDX file",
            remedy: "save it with numpy.save, or name the file of its kind",
        }),
    }
}

/// Reads the arrays `names` of an archive, in that order.
pub(super) fn read_npz(path: &Path, names: &[&str]) -> Result<Vec<Array>, DataError> {
    let damaged = |reason: String| DataError::Archive { path: path.to_owned(), reason };
    let bytes = open::read(path)?;
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()))?;
    let known: Vec<String> = archive
        .file_names()
        .filter_map(|file| Some(file.ok()?.strip_suffix(".npy")?.to_owned()))
        .collect();
    names
        .iter()
        .map(|&name| {
            if !known.iter().any(|known| known == name) {
                return Err(DataError::UnknownColumn {
                    place: path.display().to_string(),
                    name: name.to_owned(),
                    names: known.clone(),
                });
            }
            let entry = archive
                .by_name(&format!("{name}.npy"))
                .map_err(|error| damaged(error.to_string()))?;
            let bytes = open::limited(entry, path)?.map_err(|error| damaged(error.to_string()))?;
            parse(&bytes, format!("{}, array `{name}`", path.display()))
        })
        .collect()
}

const NPY_MAGIC: &[u8] = b"\x93NUMPY";

/// What follows the magic: version, length of the header, the header (a Python dictionary), the
/// entries (NumPy Enhancement Proposal 1).
fn npy(bytes: &[u8], place: String) -> Result<Array, DataError> {
    npy_of(bytes, place, false)
}

/// All numbers of a `.npy` array of complex or real ones, as real and imaginary parts.
///
/// # Errors
/// [`DataError`]: a file that cannot be read, is no such array, or holds numbers that are not finite.
pub fn complex_numbers(path: &Path) -> Result<Vec<[f64; 2]>, DataError> {
    let bytes = open::read(path)?;
    let place = path.display().to_string();
    let Some(rest) = bytes.strip_prefix(NPY_MAGIC) else {
        let expected = "a NumPy array";
        return Err(DataError::Format { place, expected, remedy: "save it with numpy.save" });
    };
    let array = npy_of(rest, place.clone(), true)?;
    if let Some(at) = array.values.iter().position(|v| !v.is_finite()) {
        let value = array.values[at];
        return Err(DataError::NotFinite { place: format!("{place}, part {at} (from 0)"), value });
    }
    Ok(array.values.chunks_exact(2).map(|parts| [parts[0], parts[1]]).collect())
}

/// An array of real numbers, or of numbers as pairs of their parts, which are one more axis.
fn npy_of(bytes: &[u8], place: String, pairs: bool) -> Result<Array, DataError> {
    let Some((text, data)) = npy_header(bytes) else {
        return Err(damaged_header(place));
    };
    let (Some(descr), Some(fortran), Some(shape)) =
        (entry(text, "'descr'"), entry(text, "'fortran_order'"), entry(text, "'shape'"))
    else {
        return Err(damaged_header(place));
    };
    let Some(mut shape) = npy_shape(shape) else {
        return Err(damaged_header(place));
    };
    // Both halves of a complex number are floats of half its size.
    let halves = [("<c16", "'<f8'"), (">c16", "'>f8'"), ("<c8", "'<f4'"), (">c8", "'>f4'")];
    let is = |whole: &str| descr.get(1..).is_some_and(|descr| descr.starts_with(whole));
    let halves = halves.into_iter().find(|(whole, _)| pairs && is(whole));
    let descr = halves.map_or(descr, |(_, half)| half);
    if halves.is_some() {
        shape.push(2);
    }
    let Some(element) = Element::from_descr(descr) else {
        let found = descr.split(['\n', '}']).next().unwrap_or_default().trim().to_owned();
        let expected = "real and integer numbers (f4, f8, i1 to i8, u1 to u8, bool)";
        return Err(DataError::ElementType { place, found, expected });
    };
    let mut values = element.decode(exactly(data, &shape, element.size, &place)?);
    if pairs {
        // Their order does not matter; in both orders of the axes the parts are neighbours.
        if halves.is_none() {
            values = values.into_iter().flat_map(|re| [re, 0.0]).collect();
        }
    } else if fortran.starts_with("True") {
        values = c_order(&values, &shape);
    }
    Ok(Array { place, shape, values })
}

fn npy_header(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (version, rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        _ => return None,
    };
    let (text, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, data))
}

/// What follows `key:`.
fn entry<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(key)?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn npy_shape(text: &str) -> Option<Vec<u64>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    inside
        .split(',')
        .map(str::trim)
        .filter(|axis| !axis.is_empty())
        .map(|n| n.parse().ok())
        .collect()
}

fn damaged_header(place: String) -> DataError {
    DataError::Format {
        place,
        expected: "a whole NumPy header",
        remedy: "the file is damaged or cut short; save it again",
    }
}

/// IDX after its first four bytes: the axes as big-endian 32-bit numbers, then the entries.
fn idx(element: u8, axes: usize, bytes: &[u8], place: String) -> Result<Array, DataError> {
    const UNSIGNED_BYTE: u8 = 0x08;
    if element != UNSIGNED_BYTE {
        let found = format!("0x{element:02x}");
        let expected = "IDX files of unsigned bytes (0x08)";
        return Err(DataError::ElementType { place, found, expected });
    }
    let Some((axes, data)) = bytes.split_at_checked(4 * axes) else {
        let (found, promised) = (bytes.len() as u64, 4 * axes as u64);
        return Err(DataError::Length { place, found, promised });
    };
    let axis = |b: &[u8]| b.iter().fold(0, |n, &byte| 256 * n + u64::from(byte));
    let shape: Vec<u64> = axes.chunks_exact(4).map(axis).collect();
    let values = exactly(data, &shape, 1, &place)?.iter().map(|&byte| f64::from(byte)).collect();
    Ok(Array { place, shape, values })
}

/// The entries, if they are as many as the shape promises and not absurdly many.
fn exactly<'a>(
    data: &'a [u8],
    shape: &[u64],
    size: usize,
    place: &str,
) -> Result<&'a [u8], DataError> {
    let place = || place.to_owned();
    let count = if shape.contains(&0) {
        0
    } else {
        shape.iter().fold(1_u128, |count, &axis| count.saturating_mul(u128::from(axis)))
    };
    if count > u128::from(MAX_VALUES) {
        return Err(DataError::TooLarge {
            place: place(),
            what: "numbers",
            size: count,
            limit: MAX_VALUES,
        });
    }
    let (found, promised) = (data.len() as u64, count as u64 * size as u64);
    if found != promised {
        return Err(DataError::Length { place: place(), found, promised });
    }
    Ok(data)
}

/// The type of the entries of a `.npy` array, as in '<f8'.
struct Element {
    big_endian: bool,
    kind: char,
    size: usize,
}

impl Element {
    fn from_descr(descr: &str) -> Option<Self> {
        let quote = descr.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (descr, _) = descr[1..].split_once(quote)?;
        let mut letters = descr.chars();
        let big_endian = match letters.next()? {
            '>' => true,
            '<' | '|' | '=' => false,
            _ => return None,
        };
        let kind = letters.next()?;
        let size = letters.as_str().parse().ok()?;
        let known = matches!((kind, size), ('f', 4 | 8) | ('i' | 'u', 1 | 2 | 4 | 8) | ('b', 1));
        known.then_some(Self { big_endian, kind, size })
    }

    /// The entries as f64; integers beyond 2^53 are rounded.
    fn decode(&self, data: &[u8]) -> Vec<f64> {
        let number = |bytes: &[u8]| {
            let bits = bytes.iter().fold(0_u64, |bits, &byte| bits << 8 | u64::from(byte));
            let unused = 64 - 8 * self.size as u32;
            match (self.kind, self.size) {
                ('f', 4) => f64::from(f32::from_bits(bits as u32)),
                ('f', _) => f64::from_bits(bits),
                // Shifted to the top and back, the sign bit fills the unused ones.
                ('i', _) => ((bits << unused) as i64 >> unused) as f64,
                _ => bits as f64,
            }
        };
        let swapped = |bytes: &[u8]| {
            let mut turned = [0; 8];
            for (to, from) in turned.iter_mut().zip(bytes.iter().rev()) {
                *to = *from;
            }
            number(&turned[..self.size])
        };
        let entries = data.chunks_exact(self.size);
        if self.big_endian { entries.map(number).collect() } else { entries.map(swapped).collect() }
    }
}

/// From Fortran order, where the first index runs fastest, to C order.
fn c_order(values: &[f64], shape: &[u64]) -> Vec<f64> {
    (0..values.len())
        .map(|mut at| {
            let mut stride = values.len();
            let mut from = 0;
            for &axis in shape.iter().rev() {
                let axis = axis as usize;
                stride /= axis;
                from += at % axis * stride;
                at /= axis;
            }
            values[from]
        })
        .collect()
}

#[cfg(test)]
#[path = "array_tests.rs"]
mod tests;
