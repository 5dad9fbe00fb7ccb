//! Files that are either the old ones or the new ones, never half of each.
//!
//! The bytes go to a temporary file in the folder of the target, are flushed to the disk, and the
//! file is then renamed onto the target. A reader, or a run resumed after a kill at any moment,
//! sees the previous content or the whole new one.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a file was not written. The file that stood there before, if any, is untouched.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder of the file does not exist.
    #[error("cannot write {}: there is no folder {}; create it first", path.display(), folder.display())]
    NoFolder {
        /// The file that was to be written.
        path: PathBuf,
        /// The folder it was to stand in.
        folder: PathBuf,
    },
    /// A temporary file in the folder could not be created or filled.
    #[error("cannot write {}: the folder {} takes no new file ({source}); check its permissions and the free space", path.display(), folder.display())]
    Folder {
        /// The file that was to be written.
        path: PathBuf,
        /// The folder it was to stand in.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The finished temporary file could not take the place of the target.
    #[error("cannot replace {}: {source}", path.display())]
    Replace {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Writes `bytes` to `path` atomically, replacing a file that stands there.
///
/// # Errors
/// [`WriteError`], which names the folder that cannot be written or the target that cannot be
/// replaced.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    // A link stays, and what it leads to is written; a device or a pipe is no file to be replaced.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        let written = std::fs::OpenOptions::new().write(true).open(path);
        return written
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|source| WriteError::Replace { path: path.into(), source });
    }
    write_by(path, |part| std::fs::write(part, bytes).map_err(|e| no_new_file(path, e)))
}

/// Lets `fill` write to a temporary file, whose name ends like that of `path`, and makes it the file
/// at `path`.
///
/// # Errors
/// [`WriteError`] as in [`write()`], and what `fill` returns; the file at `path` is then untouched.
pub fn write_by<E: From<WriteError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(WriteError::NoFolder { path: path.into(), folder: folder.into() }.into());
    }
    let ending = path.extension().map_or(String::new(), |e| format!(".{}", e.to_string_lossy()));
    let part = temporary_in(folder, &ending).map_err(|e| no_new_file(path, e))?;
    fill(part.path())?;
    part.as_file().sync_all().map_err(|e| no_new_file(path, e))?;
    part.persist(path)
        .map_err(|failed| WriteError::Replace { path: path.into(), source: failed.error })?;
    sync_folder(folder);
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn no_new_file(path: &Path, source: std::io::Error) -> WriteError {
    WriteError::Folder { path: path.into(), folder: folder_of(path).into(), source }
}

/// How the names of unfinished files begin.
pub const UNFINISHED: &str = ".kutta-";

/// Removes the unfinished files that a process killed while writing left in `folder`.
///
/// # Errors
/// If the folder cannot be read or a file not be removed.
pub fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn temporary_in(folder: &Path, ending: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED).suffix(ending);
    // Temporary files are private by default; what takes the place of a user's file is as open
    // as the umask allows, like any file a program creates.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Makes the rename itself survive a power cut. Not every file system lets a folder be synced;
/// the content is safe either way, so a refusal is not an error.
fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = std::fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = folder;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"a long first version").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_a_device_is_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        write(&target, b"old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        write(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn only_unfinished_files_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let kept = temporary_in(folder.path(), "").unwrap().keep().unwrap().1;
        let other = folder.path().join(".hidden");
        write(&other, b"mine").unwrap();
        sweep(folder.path()).unwrap();
        assert!(!kept.exists() && other.exists());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nowhere");
        let error = write(&missing.join("a.txt"), b"").unwrap_err();
        assert!(matches!(&error, WriteError::NoFolder { folder, .. } if *folder == missing));
        assert!(error.to_string().contains("nowhere; create it first"));
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_an_error_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(write(&path, b"x"), Err(WriteError::Replace { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write(&ours, b"x").unwrap();
        std::fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
