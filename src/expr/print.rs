//! Formulas and their derivatives in readable form.
//!
//! What is printed is what was understood: constants are numbers, equal parts are one, and every line of the
//! value and of the directional derivative can be read again as a formula.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use super::derive::tangents;
use super::graph::{Graph, Input, Node, Shape};
use super::printer::{Names, Printer};
use super::{Formula, Kernel};

/// A compiled formula in the language of formulas: each list holds left and right sides in the order in which
/// they can be computed, intermediate names first where they are needed.
///
/// Along with that language, `sum x` (without parentheses) is the sum over samples. Names that were defined in
/// `equations` stand in `jvp` and `vjp` too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The right-hand sides as they were written.
    pub formula: Vec<(String, String)>,
    /// States and weights: `16`, `16 x 16`, `number`.
    pub shapes: Vec<(String, String)>,
    pub constants: Vec<(String, f64)>,
    /// f, a line for each block `y'`.
    pub equations: Vec<(String, String)>,
    /// The names of the directions of the states and weights, in the order of `shapes`.
    pub directions: Vec<String>,
    /// (df/dy) dy + (df/dw) dw
    pub jvp: Vec<(String, String)>,
    /// The names of the cotangents, in the order of `formula`.
    pub cotangents: Vec<String>,
    /// (df/dy)' u for each state and (df/dw)' u for each weight, under the name of the state or weight.
    pub vjp: Vec<(String, String)>,
}

impl Kernel {
    /// The formula, its derivative along directions of states and weights, and its transposed derivative.
    pub fn show(&self) -> Shown {
        let declared = &self.formula().declared;
        let mut graph = self.graph.clone();
        let mut along = HashMap::new();
        for (i, block) in declared.state.iter().enumerate() {
            let shape = Shape::state(block.rows);
            let state = graph.input(Input::State(i), shape);
            along.insert(state, graph.input(Input::StateTangent(i), shape));
        }
        for (i, weight) in declared.weights.iter().enumerate() {
            let shape = Shape::weight(weight.rows, weight.cols);
            let weight = graph.input(Input::Weight(i), shape);
            along.insert(weight, graph.input(Input::WeightTangent(i), shape));
        }
        let derived = &self.derived;
        let tangent = tangents(&mut graph, &derived.value, &along);
        let targets = Targets {
            value: derived.value.iter().copied().map(Some).collect(),
            jvp: tangent,
            vjp: derived.state.iter().chain(&derived.weights).copied().collect(),
        };
        let names = Names::new(self.formula());
        let numbered = show(&graph, self.formula(), &names, &targets, [false; 3]);
        // A name that stands alone in its section needs no number.
        let alone = [
            numbered.equations.len() == targets.value.len() + 1,
            numbered.jvp.len() == targets.jvp.len() + 1,
            numbered.vjp.len() == targets.vjp.len() + 1,
        ];
        match alone {
            [false, false, false] => numbered,
            _ => show(&graph, self.formula(), &names, &targets, alone),
        }
    }
}

/// What the three sections compute; `None` is zero.
struct Targets {
    value: Vec<Option<Node>>,
    jvp: Vec<Option<Node>>,
    vjp: Vec<Option<Node>>,
}

fn show(
    graph: &Graph,
    formula: &Formula,
    names: &Names,
    targets: &Targets,
    alone: [bool; 3],
) -> Shown {
    let declared = &formula.declared;
    let outputs = formula.outputs.iter().map(|o| o.0.name.as_str());
    let value = outputs.clone().map(|o| format!("{o}'")).collect();
    let jvp = outputs.map(|o| format!("{}'", names.direction(o))).collect();
    let vjp = declared.names().take(declared.state.len() + declared.weights.len()).collect();

    let mut printer = Printer::new(graph, names);
    // What a derivative reads of the value gets its name there.
    let everything = [targets.value.as_slice(), &targets.jvp, &targets.vjp].concat();
    let uses = printer.uses(&everything);
    let equations = printer.section(&targets.value, value, &uses, ("ace", alone[0]));
    let derivative = |targets: &[Option<Node>], labels, name| {
        let mut printer = printer.clone();
        let uses = printer.uses(targets);
        printer.section(targets, labels, &uses, name)
    };
    let jvp = derivative(&targets.jvp, jvp, ("vwr", alone[1]));
    let vjp = derivative(&targets.vjp, vjp, ("zxm", alone[2]));

    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let states = declared.state.iter().map(|b| (b.name.clone(), b.rows.to_string()));
    let weights = declared.weights.iter().map(|w| {
        let shape = match (w.rows, w.cols) {
            (1, 1) => "number".to_owned(),
            (rows, 1) => rows.to_string(),
            (rows, cols) => format!("{rows} x {cols}"),
        };
        (w.name.clone(), shape)
    });
    Shown {
        formula: formula
            .outputs
            .iter()
            .map(|(b, text)| (format!("{}'", b.name), one_line(text)))
            .collect(),
        shapes: states.chain(weights).collect(),
        constants: declared.constants.clone(),
        equations,
        directions: names
            .state_directions
            .iter()
            .chain(&names.weight_directions)
            .cloned()
            .collect(),
        jvp,
        cotangents: names.cotangents.clone(),
        vjp,
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in &self.formula {
            writeln!(f, "{name} = {text}")?;
        }
        let shapes = self.shapes.iter().map(|(name, shape)| format!("{name}: {shape}"));
        let constants = self.constants.iter().map(|(name, x)| format!("{name} = {x}"));
        writeln!(f, "{}", shapes.chain(constants).collect::<Vec<_>>().join(", "))?;

        writeln!(f, "\nvalue")?;
        self.equations.iter().try_for_each(|(name, text)| writeln!(f, "  {name} = {text}"))?;

        writeln!(f, "\njvp along {}", self.directions.join(", "))?;
        self.jvp.iter().try_for_each(|(name, text)| writeln!(f, "  {name} = {text}"))?;

        let cotangents = self.cotangents.iter().zip(&self.formula);
        let of: Vec<String> = cotangents.map(|(u, (y, _))| format!("{u} of {y}")).collect();
        writeln!(
            f,
            "\nvjp with cotangent{} {}",
            if of.len() == 1 { "" } else { "s" },
            of.join(", ")
        )?;
        for (name, text) in &self.vjp {
            let input = self.shapes.iter().any(|(n, _)| n == name);
            writeln!(f, "  {name}{} {text}", if input { ":" } else { " =" })?;
        }
        let over_samples = |text: &str| text.split([' ', '(', '-']).any(|word| word == "sum");
        if self.vjp.iter().any(|(_, text)| over_samples(text)) {
            writeln!(f, "  (sum x is over samples, sum(x) over rows)")?;
        }
        Ok(())
    }
}
