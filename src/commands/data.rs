//! `kutta data MODEL`: the data set as CSV.

use serde_json::json;

use super::{Output, Refusal, check_out, read_model};
use crate::atomic;
use crate::cli::Data;
use crate::data::write_csv;

pub fn run(args: &Data, output: &Output) -> Result<(), Refusal> {
    if output.json() && args.out.is_none() {
        let message = "--json and the CSV cannot both go to stdout; add --out FILE.csv";
        return Err(Refusal::request(message));
    }
    args.out.as_deref().map_or(Ok(()), |out| check_out(out, &[&args.model.model]))?;
    let data = read_model(&args.model)?.dataset()?;
    let mut csv = Vec::new();
    write_csv(&data, &mut csv).map_err(Refusal::work)?;
    let Some(path) = &args.out else {
        return output.write(&csv);
    };
    atomic::write(path, &csv).map_err(Refusal::work)?;
    let (train, validation) = (data.train.count(), data.validation.count());
    let text = format!("{}: {train} training and {validation} validation samples", path.display());
    output.report(text, &json!({ "out": path, "train": train, "validation": validation }))
}
