//! Spectra of symmetric matrices that are known by their products alone.
//!
//! Lanczos' recursion gives an orthonormal basis in which the matrix is tridiagonal. The basis is kept and every vector
//! orthogonalised against all of it twice (Parlett, The symmetric eigenvalue problem, 1980, section 6.9), so that no
//! eigenvalue appears as its own ghost.

use faer::{Mat, Side};

use super::directions::{DirectionError, dot, norm, random};

/// A product of the matrix with the first argument, into the second.
pub type Product<'a, E> = dyn FnMut(&[f64], &mut [f64]) -> Result<(), E> + 'a;

/// Some eigenvalues with their vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// The largest first.
    pub values: Vec<f64>,
    /// Of length 1, in the order of the values.
    pub vectors: Vec<Vec<f64>>,
    /// |A v - lambda v| of each, as far as rounding lets it be known.
    pub residuals: Vec<f64>,
    /// The smallest eigenvalue that was met; with few products an upper bound of the smallest there is.
    pub least: f64,
    /// Products with the matrix.
    pub products: usize,
}

/// How the eigenvalues lie, by stochastic Lanczos quadrature (Ubaru, Chen, Saad, 2017; Ghorbani, Krishnan, Xiao, 2019).
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// Places and weights of all probes; the weights have the sum 1.
    pub nodes: Vec<[f64; 2]>,
    /// The mean of v' A v over probes of signs: the trace (Hutchinson, 1990).
    pub trace: f64,
    /// The standard error of that mean; NaN for one probe.
    pub trace_error: f64,
    /// Products with the matrix.
    pub products: usize,
}

/// The tridiagonal matrix, and the basis in which it stands.
#[derive(Default)]
struct Krylov {
    diagonal: Vec<f64>,
    /// Below each entry of the diagonal; 0 where a new direction had to be drawn.
    beside: Vec<f64>,
    basis: Vec<Vec<f64>>,
    next: Vec<f64>,
}

impl Krylov {
    fn new(start: Vec<f64>) -> Krylov {
        let length = norm(&start);
        Krylov { next: start.iter().map(|x| x / length).collect(), ..Krylov::default() }
    }

    fn step<E>(&mut self, product: &mut Product<'_, E>) -> Result<(), E> {
        let n = self.next.len();
        let v = std::mem::take(&mut self.next);
        let mut w = vec![0.0; n];
        product(&v, &mut w)?;
        self.diagonal.push(dot(&v, &w));
        self.basis.push(v);
        let size = norm(&w);
        self.orthogonalise(&mut w);
        let mut left = norm(&w);
        if left <= 1e-13 * size || size == 0.0 {
            // The space is closed under the matrix: go on with another one beside it.
            self.beside.push(0.0);
            w = random(n, 0, 1 + self.basis.len() as u64);
            self.orthogonalise(&mut w);
            left = norm(&w);
        } else {
            self.beside.push(left);
        }
        w.iter_mut().for_each(|x| *x /= left);
        self.next = w;
        Ok(())
    }

    fn orthogonalise(&self, w: &mut [f64]) {
        for _ in 0..2 {
            for v in &self.basis {
                let along = dot(v, w);
                w.iter_mut().zip(v).for_each(|(w, v)| *w -= along * v);
            }
        }
    }

    /// Eigenvalues of the tridiagonal matrix, the smallest first, and their vectors by columns.
    fn decomposed(&self) -> Result<(Vec<f64>, Mat<f64>), DirectionError> {
        let m = self.diagonal.len();
        let matrix = Mat::from_fn(m, m, |i, j| match i.abs_diff(j) {
            0 => self.diagonal[i],
            1 => self.beside[i.min(j)],
            _ => 0.0,
        });
        let eigen = matrix
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| DirectionError::Decomposition { size: m })?;
        let values = eigen.S().column_vector();
        Ok(((0..m).map(|i| values[i]).collect(), eigen.U().to_owned()))
    }
}

/// The `count` algebraically largest eigenvalues of a symmetric matrix of size `n`, to a residual of `tolerance` times
/// the largest size of any, or as far as `most` products lead.
///
/// # Errors
/// That of a product, or of a decomposition.
pub fn largest<E: From<DirectionError>>(
    n: usize,
    count: usize,
    tolerance: f64,
    most: usize,
    seed: u64,
    product: &mut Product<'_, E>,
) -> Result<Eigen, E> {
    let (count, most) = (count.min(n), most.min(n));
    let mut krylov = Krylov::new(random(n, seed, 0));
    loop {
        krylov.step(product)?;
        let m = krylov.diagonal.len();
        let due = m >= most || (m > count && m.is_multiple_of(5));
        if !due {
            continue;
        }
        let (values, vectors) = krylov.decomposed()?;
        let size = values.iter().fold(0.0, |size: f64, x| size.max(x.abs()));
        let beside = krylov.beside.last().copied().unwrap_or(0.0);
        // A whole basis leaves nothing beside it.
        let beside = if m == n { 0.0 } else { beside };
        let rounding = f64::EPSILON * size;
        let residual = |at: usize| (beside * vectors[(m - 1, at)]).abs().max(rounding);
        let chosen: Vec<usize> = (0..m).rev().take(count).collect();
        if m < most && chosen.iter().any(|&at| residual(at) > tolerance * size) {
            continue;
        }
        let vector = |at: &usize| {
            let mut vector = vec![0.0; n];
            for (i, v) in krylov.basis.iter().enumerate() {
                let factor = vectors[(i, *at)];
                vector.iter_mut().zip(v).for_each(|(x, v)| *x += factor * v);
            }
            vector
        };
        return Ok(Eigen {
            vectors: chosen.iter().map(vector).collect(),
            residuals: chosen.iter().map(|&at| residual(at)).collect(),
            least: values.first().copied().unwrap_or(f64::NAN),
            values: chosen.iter().filter_map(|&at| values.get(at).copied()).collect(),
            products: m,
        });
    }
}

/// The density of the spectrum by so many probes of `steps` products each.
///
/// # Errors
/// That of a product, or of a decomposition.
pub fn density<E: From<DirectionError>>(
    n: usize,
    probes: usize,
    steps: usize,
    seed: u64,
    product: &mut Product<'_, E>,
) -> Result<Density, E> {
    let (mut nodes, mut traces, mut products) = (Vec::new(), Vec::new(), 0);
    for probe in 0..probes {
        let signs = random(n, seed, 1_000_000 + probe as u64);
        let mut krylov = Krylov::new(signs.iter().map(|x| x.signum()).collect());
        for _ in 0..steps.min(n) {
            krylov.step(product)?;
            products += 1;
            if krylov.beside.last() == Some(&0.0) {
                break;
            }
        }
        // v has length 1: of signs themselves it is n times as much.
        traces.push(n as f64 * krylov.diagonal.first().copied().unwrap_or(f64::NAN));
        let (values, vectors) = krylov.decomposed()?;
        let weighed = values
            .iter()
            .enumerate()
            .map(|(k, value)| [*value, vectors[(0, k)].powi(2) / probes as f64]);
        nodes.extend(weighed);
    }
    let mean = traces.iter().sum::<f64>() / probes as f64;
    let square = traces.iter().map(|t| (t - mean).powi(2)).sum::<f64>();
    let trace_error = (square / (probes as f64 - 1.0) / probes as f64).sqrt();
    Ok(Density { nodes, trace: mean, trace_error, products })
}

impl Density {
    /// The density at `x`, each node widened to a normal one of this deviation.
    pub fn at(&self, x: f64, deviation: f64) -> f64 {
        let bell = |z: f64| (-0.5 * z * z).exp() / (deviation * std::f64::consts::TAU.sqrt());
        self.nodes.iter().map(|[value, weight]| weight * bell((x - value) / deviation)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known eigenvalues in a random orthonormal basis.
    struct Matrix {
        values: Vec<f64>,
        reflect: Vec<f64>,
    }

    impl Matrix {
        fn new(values: Vec<f64>) -> Matrix {
            let v = random(values.len(), 9, 9);
            let length = norm(&v);
            Matrix { reflect: v.iter().map(|x| x / length).collect(), values }
        }

        /// Q D Q with a reflection Q.
        fn apply(&self, x: &[f64], out: &mut [f64]) -> Result<(), DirectionError> {
            let reflect = |x: &mut [f64]| {
                let along = 2.0 * dot(x, &self.reflect);
                x.iter_mut().zip(&self.reflect).for_each(|(x, v)| *x -= along * v);
            };
            out.copy_from_slice(x);
            reflect(out);
            out.iter_mut().zip(&self.values).for_each(|(x, d)| *x *= d);
            reflect(out);
            Ok(())
        }
    }

    #[test]
    fn the_largest_eigenvalues_are_found_with_their_vectors() {
        // A few large ones above many near zero, as Hessians have them, and a negative one that is largest in size.
        let mut values: Vec<f64> = (0..200).map(|i| 1e-3 * (f64::from(i)).sin()).collect();
        values[..5].copy_from_slice(&[9.0, 4.0, 3.5, 1.0, -20.0]);
        let matrix = Matrix::new(values);
        let found = largest(200, 4, 1e-10, 150, 1, &mut |x, out| matrix.apply(x, out)).unwrap();
        assert!(found.products < 100, "{}", found.products);
        for (value, expected) in found.values.iter().zip([9.0, 4.0, 3.5, 1.0]) {
            assert!((value - expected).abs() < 1e-10, "{value}");
        }
        assert!((found.least + 20.0).abs() < 1e-9);
        let mut out = vec![0.0; 200];
        for (vector, value) in found.vectors.iter().zip(&found.values) {
            matrix.apply(vector, &mut out).unwrap();
            let apart: f64 = out.iter().zip(vector).map(|(a, v)| (a - value * v).powi(2)).sum();
            assert!(apart.sqrt() < 1e-8 && (norm(vector) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn eigenvalues_that_stand_more_than_once_are_all_found_in_a_whole_basis() {
        let matrix = Matrix::new([vec![2.0; 3], vec![1.0; 4], vec![-1.0; 3]].concat());
        let found = largest(10, 7, 1e-12, 100, 1, &mut |x, out| matrix.apply(x, out)).unwrap();
        for (k, value) in found.values.iter().enumerate() {
            let expected = if k < 3 { 2.0 } else { 1.0 };
            assert!((value - expected).abs() < 1e-12, "{k}: {value}");
        }
    }

    #[test]
    fn the_density_has_the_trace_and_the_moments_of_the_matrix() {
        let matrix = Matrix::new((0..100).map(|i| f64::from(i) / 50.0).collect());
        let found = density(100, 40, 20, 1, &mut |x, out| matrix.apply(x, out)).unwrap();
        assert!((found.trace - 99.0).abs() < 4.0 * found.trace_error, "{found:?}");
        assert!(found.trace_error < 3.0);
        let moment = |k: i32| found.nodes.iter().map(|[x, w]| w * x.powi(k)).sum::<f64>();
        assert!((moment(0) - 1.0).abs() < 1e-12);
        assert!((moment(2) - 1.3134).abs() < 0.05, "{}", moment(2));
        // Even over (0, 2), so about one half inside.
        assert!((found.at(1.0, 0.1) - 0.5).abs() < 0.05);
    }
}
