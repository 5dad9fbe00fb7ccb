//! Comma-separated text, a sample a line.

use ::csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use faer::{Mat, MatRef};

use super::label::Label;
use super::{Column, DataError, check_size};

/// The columns of a file.
pub(super) struct Head {
    pub place: String,
    /// The names, if the file has a header.
    pub names: Option<Vec<String>>,
    pub width: usize,
}

impl Head {
    /// Where a column stands.
    pub fn find(&self, column: &Column) -> Result<usize, DataError> {
        let place = self.place.clone();
        match (column, &self.names) {
            (Column::Number(number), _) if *number < self.width => Ok(*number),
            (Column::Number(number), _) => {
                Err(DataError::ColumnNumber { place, number: *number, columns: self.width })
            }
            (Column::Name(name), None) => {
                Err(DataError::NamedWithoutHeader { place, name: name.clone() })
            }
            (Column::Name(name), Some(names)) => {
                names.iter().position(|known| known == name).ok_or_else(|| {
                    DataError::UnknownColumn { place, name: name.clone(), names: names.clone() }
                })
            }
        }
    }

    /// The name of a column, or its number where there is no header.
    pub fn name(&self, column: usize) -> String {
        let name = self.names.as_ref().and_then(|names| names.get(column));
        name.cloned().unwrap_or_else(|| column.to_string())
    }
}

/// Which columns are what.
pub(super) struct Roles {
    pub features: Vec<usize>,
    pub label: Option<usize>,
    pub targets: Vec<usize>,
}

/// The columns that were asked for.
pub(super) struct Table {
    pub head: Head,
    pub roles: Roles,
    /// Features x count.
    pub x: Mat<f64>,
    /// One for each sample, or none.
    pub labels: Vec<Label>,
    /// Targets x count.
    pub targets: Mat<f64>,
    /// The line on which each sample begins.
    pub lines: Vec<u64>,
}

/// Reads the bytes of a file; `choose` gives the columns their roles once they are known.
pub(super) fn parse(
    bytes: &[u8],
    place: String,
    header: bool,
    choose: impl FnOnce(&Head) -> Result<Roles, DataError>,
) -> Result<Table, DataError> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(bytes);
    let mut record = StringRecord::new();
    let mut next = |record: &mut StringRecord| {
        let more = reader.read_record(record).map_err(|error| malformed(&place, &error))?;
        Ok::<bool, DataError>(more)
    };

    if !next(&mut record)? {
        return Err(DataError::Empty { place });
    }
    let names = if header { Some(header_names(&place, &record)?) } else { None };
    let head = Head { place: place.clone(), names, width: record.len() };
    if header && !next(&mut record)? {
        return Err(DataError::HeaderOnly { place });
    }

    let roles = choose(&head)?;
    let (mut x, mut labels, mut targets, mut lines) = (vec![], vec![], vec![], vec![]);
    loop {
        let line = line_of(&record, bytes);
        if record.len() != head.width {
            return Err(DataError::Ragged {
                place: format!("{place}, line {line}"),
                found: record.len(),
                expected: head.width,
                header,
            });
        }
        let row = Row { head: &head, record: &record, line };
        for &column in &roles.features {
            x.push(row.number(column)?);
        }
        for &column in &roles.targets {
            targets.push(row.number(column)?);
        }
        if let Some(column) = roles.label {
            labels.push(row.label(column)?);
        }
        lines.push(line);
        if !next(&mut record)? {
            break;
        }
    }
    check_size(&place, head.width, lines.len())?;
    let matrix = |values: &[f64], rows: usize| {
        MatRef::from_column_major_slice(values, rows, lines.len()).to_owned()
    };
    let (x, targets) = (matrix(&x, roles.features.len()), matrix(&targets, roles.targets.len()));
    Ok(Table { head, roles, x, labels, targets, lines })
}

/// The line a record begins on. Its position is where the one before ended, so the line ends and
/// empty lines that follow there are counted too.
fn line_of(record: &StringRecord, bytes: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let rest = bytes.iter().skip(position.byte() as usize);
    let skipped = rest.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + skipped.filter(|&&byte| byte == b'\n').count() as u64
}

fn header_names(place: &str, record: &StringRecord) -> Result<Vec<String>, DataError> {
    let place = || format!("{place}, line 1");
    if record.iter().all(|field| field.parse::<f64>().is_ok()) {
        return Err(DataError::HeaderOfNumbers { place: place() });
    }
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    let mut seen = std::collections::HashSet::new();
    for name in record {
        if !seen.insert(name) {
            return Err(DataError::ColumnTwice { place: place(), name: name.to_owned() });
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// One line while it is read.
struct Row<'a> {
    head: &'a Head,
    record: &'a StringRecord,
    line: u64,
}

impl Row<'_> {
    fn place(&self, column: usize) -> String {
        format!("{}, line {}, column `{}`", self.head.place, self.line, self.head.name(column))
    }

    fn field(&self, column: usize) -> &str {
        self.record.get(column).unwrap_or_default()
    }

    fn number(&self, column: usize) -> Result<f64, DataError> {
        let text = self.field(column);
        let Ok(value) = text.parse::<f64>() else {
            return Err(DataError::NotANumber {
                place: self.place(column),
                text: text.to_owned(),
                remedy: self.remedy(text),
            });
        };
        self.finite(value, column)
    }

    fn finite(&self, value: f64, column: usize) -> Result<f64, DataError> {
        if value.is_finite() {
            return Ok(value);
        }
        Err(DataError::NotFinite { place: self.place(column), value })
    }

    fn label(&self, column: usize) -> Result<Label, DataError> {
        let text = self.field(column);
        match text.parse::<f64>() {
            // The sum turns -0 into 0, which is the same class.
            Ok(value) => Ok(Label::Number(self.finite(value, column)? + 0.0)),
            Err(_) if text.is_empty() => Err(DataError::NotANumber {
                place: self.place(column),
                text: String::new(),
                remedy: self.remedy(text),
            }),
            Err(_) => Ok(Label::Text(text.to_owned())),
        }
    }

    fn remedy(&self, text: &str) -> &'static str {
        if text.is_empty() {
            "fill in the missing value or drop the line"
        } else if text.contains([';', '\t']) {
            "separate the fields by commas"
        } else if self.line == 1 && self.head.names.is_none() {
            "leave out `header: false` if line 1 holds the column names"
        } else {
            "only the label column may hold text"
        }
    }
}

fn malformed(place: &str, error: &::csv::Error) -> DataError {
    let line = error.position().map(|position| format!(", line {}", position.line()));
    let reason = match error.kind() {
        ErrorKind::Utf8 { err, .. } => format!("{err}"),
        _ => error.to_string(),
    };
    DataError::Csv { place: format!("{place}{}", line.unwrap_or_default()), reason }
}
