//! Work-precision diagrams: the error that methods reach against what it costs them.

use super::chart::{Look, Series, chart};
use super::figure::{Data, Figure};
use super::{Axis, ReportError, extent};
use super::{Scale, figure::Layer};

/// A problem and the errors of several methods on it: (evaluations, error) of each.
#[derive(Clone, Debug)]
pub struct Problem {
    pub name: String,
    pub methods: Vec<Series>,
}

/// One panel for each problem, both axes logarithmic, all to one scale.
///
/// # Errors
/// [`ReportError::Empty`] without problems or methods.
pub fn work_precision(problems: &[Problem]) -> Result<Figure, ReportError> {
    let all = || problems.iter().flat_map(|p| &p.methods).flat_map(|m| &m.points);
    let x = extent(all().map(|p| p[0]), Scale::Log, 0.03);
    let y = extent(all().map(|p| p[1]), Scale::Log, 0.03);
    let mut data = Data::new(["problem", "method", "evaluations", "error"]);
    let mut panels = Vec::new();
    for (k, problem) in problems.iter().enumerate() {
        let bare = k > 0;
        let across = Axis::log("evaluations of f").over(x);
        let label = if bare { "" } else { "relative error at the end" };
        let up = Axis { bare, ..Axis::log(label).over(y) };
        let figure = chart("", across, up, Look::LinesAndPoints, &problem.methods)?;
        for row in figure.data.rows {
            let cells = std::iter::once(problem.name.clone()).chain(row);
            data.rows.push(cells.collect());
        }
        for mut panel in figure.panels {
            panel.title = problem.name.clone();
            panel.size = (290.0, 330.0);
            for layer in &mut panel.layers {
                if let Layer::Points { radius, .. } = layer {
                    *radius = 2.75;
                }
            }
            panels.push(panel);
        }
    }
    if panels.is_empty() {
        return Err(ReportError::Empty { figure: "work-precision", what: "the list of problems" });
    }
    let title = "Work and precision with equal steps".to_owned();
    Ok(Figure { title, columns: panels.len(), panels, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_panel_and_every_point_a_row() {
        let methods = vec![
            Series { name: "a".into(), points: vec![[10.0, 1e-2], [100.0, 1e-4]] },
            Series { name: "b".into(), points: vec![[20.0, 1e-3]] },
        ];
        let problem = |name: &str| Problem { name: name.into(), methods: methods.clone() };
        let figure = work_precision(&[problem("p"), problem("q")]).unwrap();
        assert_eq!((figure.panels.len(), figure.data.rows.len()), (2, 6));
        assert_eq!(figure.data.rows[3], ["q", "a", "10.0", "0.01"]);
        assert!(matches!(work_precision(&[]), Err(ReportError::Empty { .. })));
    }
}
