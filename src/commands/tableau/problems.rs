//! Initial value problems whose solution is known, from the set DETEST of Hull, Enright, Fellen and
//! Sedgwick (*Comparing numerical methods for ordinary differential equations*, SIAM J. Numer. Anal. 9
//! (1972) 603-637), on [0, 20].

use std::sync::Arc;

use indexmap::IndexMap;

use crate::control::{Basis, Controls};
use crate::field::{FieldError, FieldFile, Size, SymbolicField};
use crate::solve::{Flow, Prepared, Tape};
use crate::tableau::Tableau;

/// The end of the interval that starts at 0.
pub const END: f64 = 20.0;

/// y' = f(t, y), y(0), y(20).
pub struct Problem {
    pub name: &'static str,
    pub formula: &'static str,
    field: Arc<SymbolicField>,
    start: Vec<f64>,
    end: Vec<f64>,
}

/// All problems.
///
/// # Errors
/// None that can occur: a test builds them.
pub fn problems() -> Result<[Problem; 3], FieldError> {
    Ok([growth()?, rigid_body()?, orbit()?])
}

/// A3: y' = y cos t, y(0) = 1, y = exp(sin t).
fn growth() -> Result<Problem, FieldError> {
    Ok(Problem {
        name: "A3, y' = y cos t",
        formula: "y' = y cos t",
        field: field(&[("y", "cos(t)*y")])?,
        start: vec![1.0],
        end: vec![END.sin().exp()],
    })
}

/// B5: the Euler equations of a rigid body without forces, y = (sn, cn, dn)(t) of parameter m = 0.51.
fn rigid_body() -> Result<Problem, FieldError> {
    let rhs = [("x", "y.*z"), ("y", "-x.*z"), ("z", "-0.51*x.*y")];
    Ok(Problem {
        name: "B5, rigid body",
        formula: "x' = y z, y' = -x z, z' = -0.51 x y",
        field: field(&rhs)?,
        start: vec![0.0, 1.0, 1.0],
        end: jacobi(END, 0.51).to_vec(),
    })
}

/// D3: the orbit of Kepler's problem of eccentricity 1/2 and period 2π, from its nearest point.
fn orbit() -> Result<Problem, FieldError> {
    let rhs = [
        ("x", "u"),
        ("y", "v"),
        ("u", "-x ./ (x.^2 + y.^2).^1.5"),
        ("v", "-y ./ (x.^2 + y.^2).^1.5"),
    ];
    Ok(Problem {
        name: "D3, Kepler orbit",
        formula: "q'' = -q/|q|^3, eccentricity 1/2",
        field: field(&rhs)?,
        start: kepler(0.0, 0.5).to_vec(),
        end: kepler(END, 0.5).to_vec(),
    })
}

fn field(rhs: &[(&str, &str)]) -> Result<Arc<SymbolicField>, FieldError> {
    let file = FieldFile {
        state: rhs.iter().map(|(block, _)| (block.to_string(), Size::Number(1))).collect(),
        weights: IndexMap::new(),
        constants: IndexMap::new(),
        rhs: rhs.iter().map(|(block, rhs)| (block.to_string(), rhs.to_string())).collect(),
        citation: None,
    };
    Ok(Arc::new(SymbolicField::new(&file, rhs.len(), &IndexMap::new())?))
}

impl Problem {
    /// |y - y(20)|/|y(20)| after `steps` equal steps; not finite where the solution is lost.
    pub fn error(&self, tableau: &Tableau<f64>, steps: usize) -> f64 {
        let grid = (0..=steps).map(|k| END * k as f64 / steps as f64).collect();
        let controls = Controls::new(Basis::Constant, END);
        let flow = Flow::new(self.field.clone(), controls, tableau, grid);
        let (mut prepared, mut tape) = (Prepared::default(), Tape::default());
        flow.prepare(&[], &mut prepared);
        flow.entry(&mut tape, 1).copy_from_slice(&self.start);
        flow.forward_only(&prepared, &mut tape, 1);
        let found = flow.exit(&tape, 1);
        let off: f64 = found.iter().zip(&self.end).map(|(x, y)| (x - y).powi(2)).sum();
        let size: f64 = self.end.iter().map(|y| y * y).sum();
        (off / size).sqrt()
    }
}

/// sn, cn and dn of parameter m in (0, 1), by the arithmetic-geometric mean (Abramowitz and Stegun 1964,
/// 16.4).
fn jacobi(u: f64, m: f64) -> [f64; 3] {
    let (mut a, mut b, mut c) = (1.0, (1.0 - m).sqrt(), m.sqrt());
    let mut steps = vec![(a, c)];
    while c.abs() > 1e-17 && steps.len() < 20 {
        (a, b, c) = (0.5 * (a + b), (a * b).sqrt(), 0.5 * (a - b));
        steps.push((a, c));
    }
    let doublings = steps.len() as i32 - 1;
    let mut phi = 2f64.powi(doublings) * a * u;
    for (a, c) in steps.iter().skip(1).rev() {
        phi = 0.5 * (phi + (c / a * phi.sin()).asin());
    }
    let (sn, cn) = phi.sin_cos();
    [sn, cn, (1.0 - m * sn * sn).sqrt()]
}

/// Place and velocity at time t on the orbit of semi-axis 1 and eccentricity e, by Kepler's equation
/// E - e sin E = t.
fn kepler(t: f64, e: f64) -> [f64; 4] {
    let newton = |x: f64, _| x - (x - e * x.sin() - t) / (1.0 - e * x.cos());
    let anomaly = (0..60).fold(t, newton);
    let (sin, cos) = anomaly.sin_cos();
    let minor = (1.0 - e * e).sqrt();
    let rate = 1.0 / (1.0 - e * cos);
    [cos - e, minor * sin, -sin * rate, minor * cos * rate]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::named;

    #[test]
    fn solutions_are_those_of_the_literature() {
        // Abramowitz and Stegun (1964), chapter 16, example 2: dn(0.20 | 0.19) = 0.996253;
        // example 3: sn(0.75342 | 0.7) = 0.62584 (mathematical tables of the same book).
        assert!((jacobi(0.20, 0.19)[2] - 0.996_253).abs() < 5e-7);
        // sn² + cn² = 1 and m sn² + dn² = 1.
        let [sn, cn, dn] = jacobi(END, 0.51);
        assert!((sn * sn + cn * cn - 1.0).abs() < 1e-14);
        assert!((0.51 * sn * sn + dn * dn - 1.0).abs() < 1e-14);
        // DETEST D3 starts at (1/2, 0, 0, sqrt 3); after a period it is back.
        let start = kepler(0.0, 0.5);
        assert!((start[0] - 0.5).abs() < 1e-15 && (start[3] - 3f64.sqrt()).abs() < 1e-14);
        let back = kepler(2.0 * std::f64::consts::PI, 0.5);
        assert!(start.iter().zip(back).all(|(x, y)| (x - y).abs() < 1e-13));
    }

    #[test]
    fn methods_come_to_the_known_solutions_at_their_order() {
        for problem in problems().unwrap() {
            let accurate = problem.error(&named("dop853").unwrap().to_f64(), 2000);
            assert!(accurate < 1e-12, "{}: {accurate}", problem.name);
            let error = |steps| problem.error(&named("rk4").unwrap().to_f64(), steps);
            let order = (error(1600) / error(3200)).log2();
            assert!((order - 4.0).abs() < 0.3, "{}: {order}", problem.name);
        }
    }
}
