//! A figure as files: drawn, then moved into place whole.

use std::fs;
use std::path::Path;

use super::figure::{Data, Figure};
use super::{ReportError, layout, render};
use crate::atomic;

impl Figure {
    /// Writes `stem.svg`, `stem.png` (twice the resolution of the page) and `stem.csv` into `dir`, which is made
    /// if it is missing, each of them atomically.
    ///
    /// # Errors
    /// [`ReportError::Range`], [`ReportError::Page`] and [`ReportError::Empty`] if the figure cannot be drawn,
    /// before any file is touched; [`ReportError::Write`] and [`ReportError::Place`] with the path that failed.
    pub fn write(&self, dir: impl AsRef<Path>, stem: &str) -> Result<(), ReportError> {
        let dir = dir.as_ref();
        let drawing = layout::draw(self)?;
        fs::create_dir_all(dir)
            .map_err(|e| ReportError::Write { path: dir.into(), source: e.into() })?;
        let write = |ending: &str, fill: &dyn Fn(&Path) -> render::Drawn| {
            let path = dir.join(format!("{stem}.{ending}"));
            atomic::write_by(&path, |part| {
                fill(part).map_err(|source| ReportError::Write { path: path.clone(), source })
            })
        };
        write("svg", &|part| Ok(fs::write(part, render::svg(&drawing)?)?))?;
        write("png", &|part| render::png(&drawing, part))?;
        write("csv", &|part| self.data.write(part))
    }
}

/// The endings of the files that [`Figure::write_file`] can write.
pub const ENDINGS: [&str; 3] = ["svg", "png", "csv"];

impl Figure {
    /// Writes the one file `path`, whose ending says which of SVG, PNG (twice the resolution of the page) and
    /// CSV it is to be, atomically.
    ///
    /// # Errors
    /// As [`Figure::write`], and [`ReportError::Ending`] for any other ending.
    pub fn write_file(&self, path: &Path) -> Result<(), ReportError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let fill: &dyn Fn(&Path) -> render::Drawn = match ending.to_lowercase().as_str() {
            "svg" => &|part| Ok(fs::write(part, render::svg(&layout::draw(self)?)?)?),
            "png" => &|part| render::png(&layout::draw(self)?, part),
            "csv" => &|part| self.data.write(part),
            _ => return Err(ReportError::Ending { path: path.into() }),
        };
        atomic::write_by(path, |part| {
            fill(part).map_err(|source| ReportError::Write { path: path.into(), source })
        })
    }
}

impl Data {
    /// Writes the columns as a CSV file, whole and atomically.
    ///
    /// # Errors
    /// [`ReportError::Write`] and [`ReportError::Place`] with the path that failed.
    pub fn save(&self, path: &Path) -> Result<(), ReportError> {
        atomic::write_by(path, |part| {
            self.write(part).map_err(|source| ReportError::Write { path: path.into(), source })
        })
    }

    fn write(&self, path: &Path) -> render::Drawn {
        let mut writer = csv::Writer::from_path(path)?;
        writer.write_record(&self.headers)?;
        for row in &self.rows {
            writer.write_record(row)?;
        }
        Ok(writer.flush()?)
    }
}
