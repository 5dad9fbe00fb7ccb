//! Weights in time: w(t) = sum_i p_i(t) theta_i on [0, horizon].
//!
//! The coefficients theta_i are what is trained. Their number has nothing to do with the steps of the state:
//! states and weights are discretised separately.

use serde::{Deserialize, Serialize};

/// The functions p_i.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Basis {
    /// The same weights at all times.
    Constant,
    /// As many cells of equal length, the weights constant on each.
    PiecewiseConstant {
        /// Their number.
        cells: usize,
    },
    /// Nodes at equal distances from 0 to the horizon, straight lines between them.
    PiecewiseLinear {
        /// Their number, both ends included.
        nodes: usize,
    },
    /// Legendre polynomials up to this degree on [0, horizon], lowest first, each 1 at the end.
    Legendre {
        /// The highest degree: there are degree + 1 coefficients.
        degree: usize,
    },
}

/// A basis on its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controls {
    /// The functions p_i.
    pub basis: Basis,
    /// The end of the interval.
    pub horizon: f64,
}

/// A time at which the weights are not smooth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Break {
    /// Inside (0, horizon).
    pub t: f64,
    /// Whether the weights themselves jump there, or only their slope.
    pub jump: bool,
}

/// The values p_i(t) that are not zero, with their i.
pub type Row = Vec<(usize, f64)>;

/// Times closer than this share of the horizon count as one.
const SAME: f64 = 1e-10;

impl Controls {
    /// The basis on [0, horizon].
    pub fn new(basis: Basis, horizon: f64) -> Controls {
        Controls { basis, horizon }
    }

    /// Number of coefficients.
    pub fn coefficients(&self) -> usize {
        match self.basis {
            Basis::Constant => 1,
            Basis::PiecewiseConstant { cells } => cells,
            Basis::PiecewiseLinear { nodes } => nodes,
            Basis::Legendre { degree } => degree + 1,
        }
    }

    /// Pieces on which the weights are smooth.
    fn pieces(&self) -> usize {
        match self.basis {
            Basis::Constant | Basis::Legendre { .. } => 1,
            Basis::PiecewiseConstant { cells } => cells,
            Basis::PiecewiseLinear { nodes } => nodes.saturating_sub(1).max(1),
        }
    }

    /// The times inside (0, horizon) at which the weights have a jump or a kink.
    pub fn breaks(&self) -> impl ExactSizeIterator<Item = Break> + '_ {
        (1..self.pieces()).map(|i| self.break_at(i))
    }

    fn break_at(&self, i: usize) -> Break {
        let t = self.horizon * i as f64 / self.pieces() as f64;
        Break { t, jump: matches!(self.basis, Basis::PiecewiseConstant { .. }) }
    }

    /// The first break strictly inside a step, if any.
    pub fn break_inside(&self, from: f64, to: f64) -> Option<Break> {
        let near = SAME * self.horizon;
        let next = self.piece(from + near) + 1;
        let found = (next < self.pieces()).then(|| self.break_at(next));
        found.filter(|b| from + near < b.t && b.t < to - near)
    }

    /// The piece that holds t; at a break the later one.
    pub fn piece(&self, t: f64) -> usize {
        let pieces = self.pieces();
        let at = t / self.horizon * pieces as f64;
        // Rounding must not put a break into the piece before it.
        let near = SAME * pieces as f64;
        ((at + near).floor().max(0.0) as usize).min(pieces - 1)
    }

    /// The basis at t, taken from one piece and extended where t lies outside it.
    pub fn row(&self, t: f64, piece: usize) -> Row {
        match self.basis {
            Basis::Constant => vec![(0, 1.0)],
            Basis::PiecewiseConstant { .. } => vec![(piece, 1.0)],
            Basis::PiecewiseLinear { nodes: 1 } => vec![(0, 1.0)],
            Basis::PiecewiseLinear { nodes } => {
                let s = t / self.horizon * (nodes - 1) as f64 - piece as f64;
                // At a node only that node counts, to the last bit.
                if s.abs() < SAME {
                    vec![(piece, 1.0)]
                } else if (s - 1.0).abs() < SAME {
                    vec![(piece + 1, 1.0)]
                } else {
                    vec![(piece, 1.0 - s), (piece + 1, s)]
                }
            }
            Basis::Legendre { degree } => {
                let x = 2.0 * t / self.horizon - 1.0;
                let (mut before, mut now) = (1.0, x);
                let mut row = vec![(0, 1.0)];
                for k in 1..=degree {
                    row.push((k, now));
                    let k = k as f64;
                    // (k + 1) P_{k+1} = (2k + 1) x P_k - k P_{k-1}
                    (before, now) = (now, ((2.0 * k + 1.0) * x * now - k * before) / (k + 1.0));
                }
                row
            }
        }
    }

    /// 1/2 integral of |dw/dt|^2 over [0, horizon], and its gradient times `factor` added to `gradient`.
    /// For piecewise constant weights, whose derivative is a sum of jumps, the differences between the
    /// midpoints of cells stand for it.
    pub fn roughness(&self, theta: &[f64], factor: f64, gradient: &mut [f64]) -> f64 {
        let n = theta.len() / self.coefficients().max(1);
        let mut total = 0.0;
        self.each_roughness(|i, j, c| {
            let (a, b) = (&theta[i * n..(i + 1) * n], &theta[j * n..(j + 1) * n]);
            total += 0.5 * c * a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
            let rows = gradient[i * n..(i + 1) * n].iter_mut().zip(b);
            rows.for_each(|(g, y)| *g += factor * c * y);
        });
        total
    }

    /// Calls `each` with the entries (i, j, c_ij) of the symmetric matrix of the integrals of p_i' p_j'.
    fn each_roughness(&self, mut each: impl FnMut(usize, usize, f64)) {
        match self.basis {
            Basis::Constant => {}
            Basis::PiecewiseConstant { .. } | Basis::PiecewiseLinear { .. } => {
                let slope = self.pieces() as f64 / self.horizon;
                for j in 1..self.coefficients() {
                    let i = j - 1;
                    each(i, i, slope);
                    each(j, j, slope);
                    each(i, j, -slope);
                    each(j, i, -slope);
                }
            }
            Basis::Legendre { degree } => {
                // Integral of P_i' P_j' over [-1, 1]: m (m + 1) with m the smaller index, if i + j is even.
                for i in 0..=degree {
                    for j in (i % 2..=degree).step_by(2) {
                        let m = i.min(j) as f64;
                        each(i, j, m * (m + 1.0) * 2.0 / self.horizon);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Controls> {
        [
            Basis::Constant,
            Basis::PiecewiseConstant { cells: 1 },
            Basis::PiecewiseConstant { cells: 7 },
            Basis::PiecewiseLinear { nodes: 2 },
            Basis::PiecewiseLinear { nodes: 9 },
            Basis::Legendre { degree: 0 },
            Basis::Legendre { degree: 5 },
        ]
        .map(|basis| Controls::new(basis, 3.7))
        .to_vec()
    }

    #[test]
    fn legendre_polynomials_are_one_at_the_end_and_orthogonal() {
        let controls = Controls::new(Basis::Legendre { degree: 4 }, 2.0);
        assert!(controls.row(2.0, 0).iter().all(|&(_, p)| (p - 1.0).abs() < 1e-15));
        // P_3(x) = (5 x^3 - 3 x) / 2 at x = 0.4
        let p3 = controls.row(1.4, 0)[3].1;
        assert!((p3 - (5.0 * 0.064 - 1.2) / 2.0).abs() < 1e-15);
    }

    /// w(t) of a field with one weight.
    fn weight(controls: &Controls, theta: &[f64], t: f64) -> f64 {
        controls.row(t, controls.piece(t)).iter().map(|&(i, p)| p * theta[i]).sum()
    }

    #[test]
    fn linear_weights_are_their_nodes_and_straight_between() {
        let controls = Controls::new(Basis::PiecewiseLinear { nodes: 3 }, 2.0);
        let theta = [1.0, 5.0, 2.0];
        let at = |t: f64| weight(&controls, &theta, t);
        assert_eq!([at(0.0), at(0.25), at(1.0), at(1.5), at(2.0)], [1.0, 2.0, 5.0, 3.5, 2.0]);
        assert_eq!(controls.breaks().collect::<Vec<_>>(), [Break { t: 1.0, jump: false }]);
        assert!(controls.break_inside(0.0, 1.0).is_none());
        assert!(controls.break_inside(0.0, 1.1).is_some());
    }

    #[test]
    fn a_break_belongs_to_the_piece_behind_it() {
        for cells in 1..60 {
            let controls = Controls::new(Basis::PiecewiseConstant { cells }, 0.7);
            for (i, at) in controls.breaks().enumerate() {
                assert_eq!(controls.piece(at.t), i + 1);
                assert_eq!(controls.piece(at.t - 1e-6), i);
            }
        }
    }

    #[test]
    fn roughness_is_the_integral_of_the_squared_slope() {
        for controls in all() {
            let n = controls.coefficients();
            let theta: Vec<f64> = (0..n).map(|i| (1.0 + i as f64).cos()).collect();
            let mut gradient = vec![0.0; n];
            let value = controls.roughness(&theta, 1.0, &mut gradient);
            let product: f64 = theta.iter().zip(&gradient).map(|(a, b)| a * b).sum();
            assert!((product - 2.0 * value).abs() < 1e-12 * (1.0 + value), "quadratic form");
            if matches!(controls.basis, Basis::PiecewiseConstant { .. }) {
                continue;
            }
            let cells = 80_000;
            let h = controls.horizon / f64::from(cells);
            let at = |t: f64| weight(&controls, &theta, t);
            let sum: f64 = (0..cells)
                .map(|i| {
                    let t = f64::from(i) * h;
                    ((at(t + 0.99 * h) - at(t + 0.01 * h)) / (0.98 * h)).powi(2) * h / 2.0
                })
                .sum();
            assert!((sum - value).abs() < 1e-6 * (1.0 + value), "{sum} {value}");
        }
    }
}
