//! A data set as text.

use std::io::Write;

use super::{DataError, Dataset, Labels, PART, answer_names, numbered};

/// Writes columns `part,x1,..,xd,label`, or `y1..ym` in place of the label for regression: part is
/// `train` or `validation`, features stand as the network sees them, a label is the class number,
/// and every number reads back as the same f64.
///
/// # Errors
/// [`DataError::Write`] when the writer fails.
pub fn write_csv(dataset: &Dataset, mut writer: impl Write) -> Result<(), DataError> {
    let schema = &dataset.schema;
    let mut names = vec![PART.to_owned()];
    names.extend(numbered('x', schema.features.len()));
    names.extend(answer_names(schema.kind));
    writeln!(writer, "{}", names.join(","))?;
    for (part, samples) in [("train", &dataset.train), ("validation", &dataset.validation)] {
        for (j, x) in samples.x.col_iter().enumerate() {
            write!(writer, "{part}")?;
            for v in x.iter() {
                write!(writer, ",{v:?}")?;
            }
            match &samples.labels {
                Labels::Classes(classes) => {
                    if let Some(class) = classes.get(j) {
                        write!(writer, ",{class}")?;
                    }
                }
                Labels::Targets(y) => {
                    for v in y.col(j).iter() {
                        write!(writer, ",{v:?}")?;
                    }
                }
            }
            writeln!(writer)?;
        }
    }
    writer.flush()?;
    Ok(())
}
