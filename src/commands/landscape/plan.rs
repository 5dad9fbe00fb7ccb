//! Which line or plane is asked for: its directions, its grid, and what is marked on it.

use serde::Serialize;

use super::hessian;
use crate::cli::{self, Along};
use crate::commands::Refusal;
use crate::commands::solvers::Subject;
use crate::landscape::{self, Biases};
use crate::network::Layout;

/// Most points of a section.
const MOST: usize = 4_000_000;

/// The values along one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Grid {
    pub from: f64,
    pub to: f64,
    pub count: usize,
}

/// What the section is made of.
pub struct Plan {
    /// The name of its files.
    pub stem: String,
    pub directions: Vec<Vec<f64>>,
    pub names: Vec<String>,
    pub grid: Vec<Grid>,
    /// The way of the training in the directions.
    pub path: Vec<[f64; 2]>,
    /// The runs in the directions, with their names.
    pub marks: Vec<(String, Vec<f64>)>,
    /// Shares of the path's squared distances, of principal directions.
    pub shares: Option<[f64; 2]>,
    /// Of the eigenvectors that are the directions.
    pub eigenvalues: Option<Vec<f64>>,
}

/// Directions, grid and marks of what was asked for.
pub fn plan(args: &cli::Landscape, subjects: &[Subject]) -> Result<Plan, Refusal> {
    let Some((first, others)) = subjects.split_first() else {
        return Err(Refusal::request("name a run folder"));
    };
    let theta = &first.weights;
    for other in others {
        same_shape(first.network.layout(), other.network.layout(), first, other)?;
    }
    let name = |subject: &Subject| {
        let path = subject.run.folder.path();
        path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into())
    };
    let plain = |stem: &str, directions: Vec<Vec<f64>>, names: Vec<String>, grid: Vec<Grid>| Plan {
        stem: stem.to_owned(),
        directions,
        names,
        grid,
        path: Vec::new(),
        marks: Vec::new(),
        shares: None,
        eigenvalues: None,
    };
    if others.len() > 2 {
        return Err(Refusal::request(format!(
            "{} runs span more than a plane; name one (directions from it), two (the line between them) or three (their plane)",
            subjects.len()
        )));
    }
    if !others.is_empty() {
        let to = |other: &Subject| -> Vec<f64> {
            other.weights.iter().zip(theta).map(|(a, b)| a - b).collect()
        };
        let grid = grids(args, others.len(), Grid { from: -0.5, to: 1.5, count: 81 })?;
        let stem = if others.len() == 1 { "line-runs" } else { "plane-runs" };
        let towards = others.iter().map(|other| format!("towards {}", name(other))).collect();
        let unit = |k: usize| (0..others.len()).map(|j| f64::from(u8::from(j == k))).collect();
        let ends = others.iter().enumerate().map(|(k, other)| (name(other), unit(k)));
        let marks = [(name(first), vec![0.0; others.len()])].into_iter().chain(ends).collect();
        return Ok(Plan { marks, ..plain(stem, others.iter().map(to).collect(), towards, grid) });
    }
    let dimensions = if args.line { 1 } else { 2 };
    let kind = if args.line { "line" } else { "plane" };
    let usual = Grid { from: -1.0, to: 1.0, count: 51 };
    match args.along {
        Along::Random => {
            let biases = match args.biases {
                cli::Biases::Frozen => Biases::Frozen,
                cli::Biases::Normalised => Biases::Normalised,
            };
            let direction = |k: usize| {
                let drawn = landscape::random(theta.len(), args.seed, k as u64);
                landscape::filtered(&first.network, theta, &drawn, biases)
            };
            let grid = grids(args, dimensions, usual)?;
            let names = (1..=dimensions).map(|k| format!("random direction {k}")).collect();
            Ok(plain(
                &format!("{kind}-random"),
                (0..dimensions).map(direction).collect(),
                names,
                grid,
            ))
        }
        Along::Path => {
            let snapshots = first.run.snapshots(&first.network)?;
            let path: Vec<Vec<f64>> = snapshots.into_iter().map(|(_, theta)| theta).collect();
            let found = landscape::principal(&path, theta).map_err(Refusal::request)?;
            let extent = |k: usize| {
                let along = found.path.iter().map(|p| p[k]).chain([0.0]);
                let (low, high) = along
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
                // The end of the training is a point of the grid.
                let step = 1.3 * (high - low) / 50.0;
                let whole = |x: f64| (x / step).ceil();
                let (before, after) =
                    (whole(0.15 * (high - low) - low), whole(high + 0.15 * (high - low)));
                let count = (before + after) as usize + 1;
                Grid { from: -before * step, to: after * step, count }
            };
            let grid = match &args.grid {
                Some(_) => grids(args, dimensions, usual)?,
                None => (0..dimensions).map(extent).collect(),
            };
            let names = found.shares.iter().enumerate().take(dimensions);
            let names = names.map(|(k, share)| {
                format!("principal direction {} ({:.1} %)", k + 1, 100.0 * share)
            });
            let directions = found.directions.into_iter().take(dimensions).collect();
            Ok(Plan {
                path: found.path,
                shares: Some(found.shares),
                ..plain(&format!("{kind}-path"), directions, names.collect(), grid)
            })
        }
        Along::Hessian => {
            let eigen = hessian::largest(first, dimensions, args.seed)?;
            let directions = eigen.vectors.iter().map(|v| landscape::sized(theta, v)).collect();
            let names = eigen.values.iter().enumerate();
            let names =
                names.map(|(k, value)| format!("eigenvector {} (eigenvalue {value:.3e})", k + 1));
            let grid = grids(args, dimensions, usual)?;
            Ok(Plan {
                eigenvalues: Some(eigen.values.clone()),
                ..plain(&format!("{kind}-hessian"), directions, names.collect(), grid)
            })
        }
    }
}

/// Refuses runs whose weights do not have the same names and shapes.
fn same_shape(a: &Layout, b: &Layout, first: &Subject, other: &Subject) -> Result<(), Refusal> {
    let (ours, theirs) = (a.expected(), b.expected());
    if ours == theirs {
        return Ok(());
    }
    let differs = |k: usize| {
        let show = |tensors: &[(String, Vec<usize>)]| {
            tensors.get(k).map_or("nothing".to_owned(), |(name, shape)| format!("{name} {shape:?}"))
        };
        (ours.get(k) != theirs.get(k)).then(|| (show(&ours), show(&theirs)))
    };
    let found = (0..ours.len().max(theirs.len())).find_map(differs);
    let (ours, theirs) = found.unwrap_or_default();
    Err(Refusal::request(format!(
        "there is no line between weights of different shapes: {} has {ours} where {} has {theirs}; take runs of one architecture",
        first.run.folder.path().display(),
        other.run.folder.path().display()
    )))
}

/// The grid as typed, `-1:1:51` for all directions or one for each with a comma between.
fn grids(args: &cli::Landscape, dimensions: usize, usual: Grid) -> Result<Vec<Grid>, Refusal> {
    let Some(text) = &args.grid else { return Ok(vec![usual; dimensions]) };
    let wrong = || {
        Refusal::request(format!(
            "--grid {text}: write FROM:TO:COUNT such as -1:1:51 with FROM below TO and at least 2 points, once or once for each of {dimensions} directions with a comma between"
        ))
    };
    let one = |text: &str| -> Option<Grid> {
        let &[from, to, count] = text.split(':').collect::<Vec<_>>().as_slice() else {
            return None;
        };
        let grid =
            Grid { from: from.parse().ok()?, to: to.parse().ok()?, count: count.parse().ok()? };
        (grid.from < grid.to && grid.from.is_finite() && grid.to.is_finite() && grid.count > 1)
            .then_some(grid)
    };
    let grids: Option<Vec<Grid>> = text.split(',').map(one).collect();
    match grids.as_deref() {
        Some(&[grid]) => Ok(vec![grid; dimensions]),
        Some(grids) if grids.len() == dimensions => Ok(grids.to_vec()),
        _ => Err(wrong()),
    }
}

impl Grid {
    /// Its values; one that rounding leaves next to zero or to a whole number is that number.
    pub fn values(&self) -> Vec<f64> {
        let step = (self.to - self.from) / (self.count - 1) as f64;
        let value = |k: usize| {
            let x = self.from + k as f64 * step;
            if (x - x.round()).abs() < 1e-9 * step { x.round() } else { x }
        };
        (0..self.count).map(value).collect()
    }
}

/// All places, those along the first direction next to each other.
pub fn places(grid: &[Grid]) -> Result<Vec<Vec<f64>>, Refusal> {
    let count = grid.iter().map(|grid| grid.count).try_fold(1_usize, usize::checked_mul);
    if count.is_none_or(|count| count > MOST) {
        return Err(Refusal::request(format!("--grid: at most {MOST} points")));
    }
    let [first, rest @ ..] = grid else { return Ok(Vec::new()) };
    let rows =
        rest.first().map_or(vec![None], |grid| grid.values().into_iter().map(Some).collect());
    let place = |a: f64, b: Option<f64>| [a].into_iter().chain(b).collect();
    Ok(rows.iter().flat_map(|&b| first.values().into_iter().map(move |a| place(a, b))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_its_ends_and_its_middle_exactly() {
        for (from, to, count) in [(-1.0, 1.0, 51), (-0.5, 1.5, 81), (-0.3, 0.3, 7)] {
            let values = Grid { from, to, count }.values();
            assert_eq!(values.len(), count);
            assert!((values[0] - from).abs() < 1e-15 && (values[count - 1] - to).abs() < 1e-15);
            assert!(values.contains(&0.0));
        }
        assert!(Grid { from: -0.5, to: 1.5, count: 81 }.values().contains(&1.0));
    }

    #[test]
    fn places_run_along_the_first_direction() {
        let grid = [Grid { from: 0.0, to: 1.0, count: 2 }, Grid { from: 5.0, to: 7.0, count: 3 }];
        let places = places(&grid).unwrap();
        assert_eq!(places[..3], [vec![0.0, 5.0], vec![1.0, 5.0], vec![0.0, 6.0]]);
        assert_eq!(super::places(&grid[..1]).unwrap(), [[0.0], [1.0]]);
    }
}
