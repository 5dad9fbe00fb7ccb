//! A figure as files: drawn, then moved into place whole.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use super::figure::{Data, Figure};
use super::{ReportError, layout, render};

impl Figure {
    /// Writes `stem.svg`, `stem.png` (twice the resolution of the page) and `stem.csv` into `dir`, which is made
    /// if it is missing. Each file is written under another name and renamed, so that none is ever half there.
    ///
    /// # Errors
    /// [`ReportError::Range`], [`ReportError::Page`] and [`ReportError::Empty`] if the figure cannot be drawn,
    /// before any file is touched; [`ReportError::Write`] with the path that failed.
    pub fn write(&self, dir: impl AsRef<Path>, stem: &str) -> Result<(), ReportError> {
        let dir = dir.as_ref();
        let drawing = layout::draw(self)?;
        fs::create_dir_all(dir)
            .map_err(|e| ReportError::Write { path: dir.into(), source: e.into() })?;
        place(dir, &format!("{stem}.svg"), |path| Ok(fs::write(path, render::svg(&drawing)?)?))?;
        place(dir, &format!("{stem}.png"), |path| render::png(&drawing, path))?;
        place(dir, &format!("{stem}.csv"), |path| self.data.write(path))
    }
}

impl Data {
    fn write(&self, path: &Path) -> render::Drawn {
        let mut writer = csv::Writer::from_path(path)?;
        writer.write_record(&self.headers)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        Ok(writer.flush()?)
    }
}

/// Lets `fill` write a file that becomes `dir/name` once it is whole, and is removed if it does not.
fn place(
    dir: &Path,
    name: &str,
    fill: impl FnOnce(&Path) -> render::Drawn,
) -> Result<(), ReportError> {
    let path = dir.join(name);
    let attempt = || -> Result<(), Box<dyn Error + Send + Sync>> {
        // The name keeps its ending: the PNG encoder looks at it.
        let ending = format!("-{name}");
        let part = tempfile::Builder::new()
            .prefix(".kutta-")
            .suffix(&ending)
            .make_in(dir, |path| File::create_new(path))?;
        fill(part.path())?;
        part.persist(&path)?;
        Ok(())
    };
    attempt().map_err(|source| ReportError::Write { path: path.clone(), source })
}
