//! The bytes of a file, unpacked if they are gzip.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::DataError;
use crate::nearest::nearest;

/// The most bytes that are read, packed or unpacked: 8 GiB.
const MAX_BYTES: u64 = 8 << 30;

/// Reads the whole file; gzip is known by its first two bytes, whatever the name says.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let file = File::open(path).map_err(|source| cannot_open(path, source))?;
    let raw =
        limited(file, path)?.map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    if !raw.starts_with(&[0x1f, 0x8b]) {
        return Ok(raw);
    }
    limited(MultiGzDecoder::new(raw.as_slice()), path)?
        .map_err(|source| DataError::Gzip { path: path.to_owned(), source })
}

/// Reads to the end, but never much more than [`MAX_BYTES`].
pub(super) fn limited(
    reader: impl Read,
    path: &Path,
) -> Result<std::io::Result<Vec<u8>>, DataError> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    if bytes.len() as u64 > MAX_BYTES {
        return Err(DataError::TooLarge {
            place: path.display().to_string(),
            what: "bytes",
            size: bytes.len() as u128,
            limit: MAX_BYTES,
        });
    }
    Ok(read.map(|_| bytes))
}

fn cannot_open(path: &Path, source: std::io::Error) -> DataError {
    if source.kind() != ErrorKind::NotFound {
        return DataError::Read { path: path.to_owned(), source };
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match fs::read_dir(folder) {
        Ok(entries) => {
            let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
            let names: Vec<String> = entries.flatten().map(name).collect();
            let near = nearest(&file, &names).cloned();
            DataError::Missing { path: path.to_owned(), near }
        }
        Err(_) => DataError::MissingFolder { folder: folder.to_owned(), file: file.into_owned() },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    pub(in crate::data) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn gzip_is_known_by_its_bytes_not_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (packed, plain) = (folder.path().join("a.csv"), folder.path().join("b.gz"));
        fs::write(&packed, gzip(b"hello")).unwrap();
        fs::write(&plain, b"hello").unwrap();
        assert_eq!(read(&packed).unwrap(), b"hello");
        assert_eq!(read(&plain).unwrap(), b"hello");
    }

    #[test]
    fn a_cut_stream_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv.gz");
        let packed = gzip(&[7; 1000]);
        fs::write(&path, &packed[..packed.len() - 5]).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("a.csv.gz") && error.contains("cut short"), "{error}");
    }

    #[test]
    fn a_missing_file_is_compared_with_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("wine.csv"), b"").unwrap();
        let error = read(&folder.path().join("wines.csv")).unwrap_err().to_string();
        assert!(error.contains("did you mean `wine.csv`?"), "{error}");
        let error = read(&folder.path().join("zzz")).unwrap_err().to_string();
        assert!(!error.contains("did you mean"), "{error}");
        let error = read(&folder.path().join("no/wine.csv")).unwrap_err().to_string();
        assert!(error.contains("there is no folder"), "{error}");
    }
}
