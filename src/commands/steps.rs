//! The steps that a solver chose, in a few numbers and as a table.

use serde::Serialize;

use super::Refusal;
use crate::network::{Engine, Network};
use crate::solve::adaptive::{Solution, Worst};

/// What all solutions of a call came to; of several the one with the most steps is told.
#[derive(Clone, Debug, Serialize)]
pub struct Chosen {
    /// Steps that were taken.
    pub accepted: usize,
    /// Steps that were tried again with a smaller one.
    pub rejected: usize,
    /// Of the field, for all samples of the solution each.
    pub evaluations: usize,
    pub shortest_step: f64,
    pub longest_step: f64,
    /// The sample with the largest error by itself; above 1 the norm over the batch has hidden it.
    pub worst: Option<Worst>,
    /// Solutions: 1, or as many as there are samples if each has its own.
    pub solutions: usize,
}

impl Chosen {
    /// None for a flow over a grid that is given.
    pub fn of(engine: &Engine<'_>) -> Option<Chosen> {
        let solutions = engine.solutions();
        let most = solutions.iter().max_by_key(|solution| solution.grid.len())?;
        let rejected = |s: &Solution| s.steps.iter().filter(|step| !step.accepted).count();
        let lengths = || most.grid.windows(2).map(|pair| pair[1] - pair[0]);
        let worst = solutions.iter().filter_map(|solution| solution.worst);
        Some(Chosen {
            accepted: most.grid.len() - 1,
            rejected: rejected(most),
            evaluations: most.evaluations,
            shortest_step: lengths().fold(f64::INFINITY, f64::min),
            longest_step: lengths().fold(0.0, f64::max),
            worst: worst.max_by(|a, b| a.error.total_cmp(&b.error)),
            solutions: solutions.len(),
        })
    }

    /// A warning where the error norm over the batch has let a sample pass.
    pub fn warning(&self) -> Option<String> {
        let worst = self.worst.filter(|worst| worst.error > 1.0)?;
        Some(format!(
            "sample {} has {:.1} times the tolerance in the step at t = {:.4}, which the mean over the batch hides; \
             stepping: Adaptive(.., per_sample: true) gives each sample its own steps",
            worst.sample, worst.error, worst.t
        ))
    }
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Chosen { accepted, rejected, evaluations, solutions, .. } = self;
        let most = if *solutions > 1 { "at most " } else { "" };
        let s = if *accepted == 1 { "" } else { "s" };
        write!(f, "{most}{accepted} step{s} ({rejected} more rejected), {evaluations} evaluations")
    }
}

/// The method and its steps in words.
pub fn described(network: &Network, chosen: Option<&Chosen>) -> String {
    let name = &network.flow.tableau.name;
    match chosen {
        Some(chosen) => format!("{name}, {chosen}"),
        None => {
            let steps = network.flow.steps();
            format!("{name}, {steps} step{}", if steps == 1 { "" } else { "s" })
        }
    }
}

/// `solution,t,h,error,accepted,evaluations`: all attempts in their order.
pub fn csv_of(solutions: &[Solution]) -> Result<Vec<u8>, Refusal> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["solution", "t", "h", "error", "accepted", "evaluations"];
    writer.write_record(header).map_err(Refusal::work)?;
    for (number, solution) in solutions.iter().enumerate() {
        for step in &solution.steps {
            let record = [
                number.to_string(),
                format!("{:?}", step.t),
                format!("{:?}", step.h),
                step.error.map_or(String::new(), |error| format!("{error:e}")),
                step.accepted.to_string(),
                step.evaluations.to_string(),
            ];
            writer.write_record(record).map_err(Refusal::work)?;
        }
    }
    writer.into_inner().map_err(|error| Refusal::work(error.to_string()))
}
