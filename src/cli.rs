//! What may be typed, nothing more.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Neural networks read as ordinary differential equations, solved by the Runge-Kutta tableau you choose.
#[derive(Parser, Debug)]
#[command(name = "kutta", version, about, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Args, Debug, Clone)]
pub struct Common {
    /// Print one JSON value on stdout and nothing else there
    #[arg(long, global = true)]
    pub json: bool,
    /// Threads to use (default: all cores); results do not depend on it
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
}

/// A model file and what is changed in it.
#[derive(Args, Debug, Clone)]
pub struct ModelArgs {
    /// The model file (RON)
    pub model: PathBuf,
    #[command(flatten)]
    pub changes: Changes,
}

#[derive(Args, Debug, Clone, Default)]
pub struct Changes {
    /// Change a value of the model, e.g. --set network.method=euler; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// The seed of everything random; the same as --set seed=N
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Train the network of a model file
    Train(Train),
    /// Loss and accuracy of a trained run, also under another method, number of steps or data
    Evaluate(Evaluate),
    /// Mean loss over the training set and its exact gradient
    Gradient(Gradient),
    /// Check all derivatives of a model: Taylor slopes, dot products, finite differences
    Gradcheck(ModelArgs),
    /// Classes and scores of new data by a trained run, as CSV
    Predict(Predict),
    /// The states of a model or a run in time, as an ODE solver
    Solve(Solve),
    /// Named fields, and what a formula and its derivatives are
    Field {
        #[command(subcommand)]
        verb: FieldVerb,
    },
    /// Methods: proved, measured, drawn and compared
    Tableau {
        #[command(subcommand)]
        verb: TableauVerb,
    },
    /// Eigenvalues of the Jacobian along a network, and which steps they allow each method
    ///
    /// Takes df/dy at chosen samples and times of a trained run, or of a model with its initial weights
    /// or with those of --weights, and writes a folder: eigenvalues.npy (complex128 [times, samples,
    /// width]), amplification.npy (|R(h lambda)|, the same shape), times.npy, samples.npy, advice.csv,
    /// and figures with their data. The advice has for each method of the catalogue the largest stable
    /// step, the largest accurate step, and what they cost.
    Spectrum(Spectrum),
    /// Write a commented model file to start from
    New(New),
    /// Everything that can be known of models without training
    Check(Check),
    /// Write a model's data set as CSV
    Data(Data),
    /// Train a model with some of its fields varied, and collect what comes of it
    ///
    /// The study file names a model and the values of its fields; there is a run for each
    /// combination, as many side by side as there are threads. What is done is not done again: the
    /// same command goes on with a study that was stopped. A run that fails keeps its row, with the
    /// reason. DIR gets results.csv with a row a run, summary.csv with the statistics over seeds,
    /// the figures that the file asks for, and the runs.
    Study(Study),
    /// Trained networks under every method and number of steps, beside the converged flow
    ///
    /// The converged flow is the network with its steps refined until the final states no longer
    /// move. Below the critical step the answer no longer depends on the solver: no method and no
    /// finer step of the table changes the accuracy by more than a point from the converged one.
    Swap(Swap),
    /// Error of a trained network against its step, the order of it, and whether it is an ODE
    ///
    /// Loss and distance from the converged flow with fewer and with more steps of the training
    /// method. A network whose loss has its minimum at the step of the training, and loses it when
    /// steps are refined, is not an ODE but a chain of steps.
    Converge(Converge),
    /// The objective on lines and planes through trained weights, and the spectrum of its Hessian
    ///
    /// One run: directions from its weights. Two runs: the line between them, 0 being the first and
    /// 1 the second. Three runs: their plane. Losses and accuracies of both parts of the data are
    /// found at every point of the grid; points that are known from an earlier call are not found
    /// again.
    Landscape(Landscape),
    /// Trained runs beside each other: a table, and their histories in one figure
    Compare(Compare),
    /// How fast a model's network is, beside plain matrix products of the same shape
    ///
    /// Times the network at its initial weights over all training samples of the model, or over
    /// random samples of the same shape, on the threads of --threads. In between, faer's products of
    /// a width x width matrix with width x batch numbers are timed on the same threads. Operations
    /// are those of matrix products, 2 m n k each: forward once, gradient three times; for Jacobians
    /// the field once and once more along each unit vector. Rates are taken at the median.
    ///
    /// The predicted time of the whole training is epochs x (updates x a gradient of the model's own
    /// batch + scores of both parts of its data), all of them measured; the updates themselves,
    /// checkpoints and figures are not in it, nor is an early stop.
    Bench(Bench),
}

#[derive(Args, Debug)]
pub struct Train {
    /// The model file (RON)
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub model: Option<PathBuf>,
    #[command(flatten)]
    pub changes: Changes,
    /// The run folder to write (default: the model's name, under runs)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the files of an earlier run in that folder
    #[arg(long)]
    pub force: bool,
    /// Continue the run in this folder from its last checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = ["out", "force", "set", "seed"])]
    pub resume: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Evaluate {
    /// A run folder
    pub run: PathBuf,
    /// Another method: a name of the catalogue, or bdf, tr_bdf2, esdirk34
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Another number of equal steps
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Steps chosen by their error, at this relative tolerance; the absolute one is a hundredth of it
    #[arg(long, value_name = "RTOL", conflicts_with = "steps")]
    pub rtol: Option<f64>,
    /// Other data with labels: CSV
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The CSV file has no header
    #[arg(long, requires = "data")]
    pub no_header: bool,
}

#[derive(Args, Debug)]
pub struct Gradient {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Weights to take it at (default: the initial ones of the seed)
    #[arg(long, value_name = "FILE.safetensors")]
    pub weights: Option<PathBuf>,
    /// Where to write the gradient of the loss, in the weights' own names
    #[arg(long, value_name = "FILE.safetensors")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Predict {
    /// A run folder
    pub run: PathBuf,
    /// Features: CSV, NPY or IDX
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// The CSV file has no header
    #[arg(long)]
    pub no_header: bool,
    /// Where to write the CSV (default: stdout)
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Solve {
    /// A model file, solved with its initial weights, or the folder of a run
    #[arg(value_name = "MODEL|RUN")]
    pub model: PathBuf,
    #[command(flatten)]
    pub changes: Changes,
    /// From:to:count, such as 0:5:101, or times with commas between them (default: the ends of the steps)
    #[arg(long, value_name = "TIMES")]
    pub times: Option<String>,
    /// Where to write the states, times x samples x width
    #[arg(long, value_name = "FILE.npy")]
    pub out: Option<PathBuf>,
    /// Where to write the table of steps that were chosen by their error (in a run also: steps.csv)
    #[arg(long, value_name = "FILE.csv")]
    pub steps: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
pub enum FieldVerb {
    /// The named fields with their formulas and sources
    List,
    /// A field's value, jvp and vjp in readable form
    Show {
        /// A name of the catalogue, or a model file
        field: String,
        /// Width for a named field
        #[arg(long, default_value_t = 16)]
        width: usize,
        /// Change a value of the model file
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}

#[derive(Subcommand, Debug)]
pub enum TableauVerb {
    /// The methods of the catalogue with their measures
    List(TableauList),
    /// All that is known of a method
    ///
    /// Coefficients exactly, the proof of its order, stability, strong stability, contractivity,
    /// errors. Intervals per evaluation count a last stage that is the first of the next step once.
    Show {
        /// A name of the catalogue or a tableau file (RON)
        method: String,
    },
    /// Whether the claims of a tableau file are true: order, embedded_order, c
    ///
    /// Exit code 1 if one is false, 2 if the file is no tableau.
    Check {
        /// A tableau file (RON)
        file: PathBuf,
    },
    /// Draw regions of stability
    Region(TableauRegion),
    /// Methods side by side, and what accuracy costs with them on three known problems
    ///
    /// The problems are A3, B5 and D3 of DETEST (Hull, Enright, Fellen and Sedgwick 1972) on
    /// [0, 20], solved with equal steps; errors are relative ones at the end. In the table, the
    /// evaluations of f that an error of 1e-6 takes, where it is reached.
    Compare(TableauCompare),
    /// A method in another language, with exact coefficients
    Export(TableauExport),
}

#[derive(Args, Debug)]
pub struct TableauList {
    /// Methods of this order alone
    #[arg(long, value_name = "P")]
    pub order: Option<usize>,
    /// Methods of so many stages alone
    #[arg(long, value_name = "S")]
    pub stages: Option<usize>,
    /// The largest first (of error constants the smallest)
    #[arg(long, value_enum, value_name = "BY")]
    pub sort: Option<SortBy>,
}

/// What `tableau list` sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    Name,
    Order,
    Stages,
    /// The real interval per evaluation
    Real,
    /// The imaginary interval per evaluation
    Imaginary,
    /// The SSP coefficient per evaluation
    Ssp,
    /// The principal error norm
    Error,
}

#[derive(Args, Debug)]
pub struct TableauRegion {
    /// Names of the catalogue or tableau files (RON)
    #[arg(required = true)]
    pub methods: Vec<String>,
    /// Where to draw them: SVG, PNG, or CSV for the boundaries
    #[arg(long, value_name = "FILE", default_value = "region.svg")]
    pub out: PathBuf,
    /// Eigenvalues to lay over the regions: an array of complex or real numbers
    #[arg(long, value_name = "FILE.npy")]
    pub spectrum: Option<PathBuf>,
    /// The step h by which eigenvalues are multiplied
    #[arg(long, value_name = "H", requires = "spectrum", default_value_t = 1.0)]
    pub step: f64,
    /// Points of the grid along an edge
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub points: usize,
}

#[derive(Args, Debug)]
pub struct TableauCompare {
    /// Names of the catalogue or tableau files (RON)
    #[arg(required = true)]
    pub methods: Vec<String>,
    /// Where to draw the work-precision diagram: SVG, PNG, or CSV for its numbers
    #[arg(long, value_name = "FILE", default_value = "compare.svg")]
    pub out: PathBuf,
}

#[derive(Args, Debug)]
pub struct TableauExport {
    /// A name of the catalogue or a tableau file (RON)
    pub method: String,
    /// The language
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Where to write it (default: stdout)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The languages of `tableau export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A tableau file, read back to the same method
    Ron,
    /// Coefficients as exact texts
    Json,
    /// The tableau as it is printed in books: c and a row by row, then b and b_hat
    Csv,
    /// Arrays of Rational{BigInt}
    Julia,
    /// Lists of fractions.Fraction
    Python,
}

#[derive(Args, Debug)]
pub struct Spectrum {
    /// A run folder, or a model file (RON)
    pub target: PathBuf,
    #[command(flatten)]
    pub changes: Changes,
    /// Weights from elsewhere, in the names of weights.safetensors (default: those of the run, or the initial ones)
    #[arg(long, value_name = "FILE.safetensors")]
    pub weights: Option<PathBuf>,
    /// Training samples: all, class-means, or a number of them drawn at random (default: 100, or all if fewer)
    #[arg(long, value_name = "all|class-means|N")]
    pub samples: Option<SampleChoice>,
    /// Times: steps, stages (of all steps), or a number of equally spaced ones
    #[arg(long, default_value = "steps", value_name = "steps|stages|N")]
    pub times: TimeChoice,
    /// Samples of these whose eigenvectors, numerical ranges and propagators are computed too (default: at most 20)
    #[arg(long, value_name = "N")]
    pub close: Option<usize>,
    /// Growth over the horizon that a method may make
    #[arg(long, default_value_t = 0.01, value_name = "SHARE", allow_negative_numbers = true)]
    pub growth: f64,
    /// Error of damping, and of phase in radians, over the horizon
    #[arg(long, default_value_t = 0.01, value_name = "ERROR", allow_negative_numbers = true)]
    pub tolerance: f64,
    /// The folder to write (default: spectrum in the run, or beside the model NAME-spectrum)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the files of an earlier study in that folder
    #[arg(long)]
    pub force: bool,
}

/// Which samples `spectrum` studies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleChoice {
    /// All of the training part.
    All,
    /// The mean features of each class.
    ClassMeans,
    /// So many, drawn at random.
    Random(usize),
}

impl FromStr for SampleChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<SampleChoice, String> {
        match (text, text.parse()) {
            ("all", _) => Ok(SampleChoice::All),
            ("class-means", _) => Ok(SampleChoice::ClassMeans),
            (_, Ok(count)) if count > 0 => Ok(SampleChoice::Random(count)),
            _ => Err("give all, class-means, or a number from 1 on".to_owned()),
        }
    }
}

/// At which times `spectrum` takes Jacobians.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeChoice {
    /// Those of the steps.
    Steps,
    /// Those of all stages.
    Stages,
    /// So many, equally spaced.
    Grid(usize),
}

impl FromStr for TimeChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<TimeChoice, String> {
        match (text, text.parse()) {
            ("steps", _) => Ok(TimeChoice::Steps),
            ("stages", _) => Ok(TimeChoice::Stages),
            (_, Ok(count)) if (2..=100_000).contains(&count) => Ok(TimeChoice::Grid(count)),
            _ => Err("give steps, stages, or a number from 2 to 100000".to_owned()),
        }
    }
}

#[derive(Args, Debug)]
pub struct New {
    /// What to start from: peaks, digits, formula, ellipses, swiss_roll, spirals, rings, regression,
    /// nested_rings, ott_rings, flip, benning or tableau; or a plain ODE: van_der_pol, pendulum, lorenz
    /// or arenstorf
    pub name: String,
    /// Where to write it (default: NAME.ron)
    #[arg(long, value_name = "FILE.ron")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Check {
    /// Model files
    #[arg(required = true)]
    pub models: Vec<PathBuf>,
    #[command(flatten)]
    pub changes: Changes,
}

#[derive(Args, Debug)]
pub struct Data {
    #[command(flatten)]
    pub model: ModelArgs,
    /// Where to write the CSV (default: stdout)
    #[arg(long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Study {
    /// The study file (RON)
    pub study: PathBuf,
    /// The folder of the study (default: the study's name, under runs)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Swap {
    /// Run folders
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Methods of the catalogue
    #[arg(long, value_delimiter = ',', default_value = "euler,midpoint,heun3,rk4,dopri5")]
    pub methods: Vec<String>,
    /// Numbers of steps (default: powers of two up to 256, and those of the training)
    #[arg(long, value_delimiter = ',')]
    pub steps: Vec<usize>,
    #[command(flatten)]
    pub refined: Refined,
    /// Where to write table and figure (default: the folder of the first run)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Converge {
    /// A run folder
    pub run: PathBuf,
    /// Another method: a name of the catalogue
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    #[command(flatten)]
    pub refined: Refined,
    /// Where to write table and figure (default: the folder of the run)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Landscape {
    /// Run folders, one to three
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Where directions from one run lead
    #[arg(long, value_enum, default_value_t)]
    pub along: Along,
    /// A line along the first direction instead of a plane
    #[arg(long)]
    pub line: bool,
    /// The points along each direction (default: -1:1:51; along the path what holds it)
    #[arg(long, value_name = "FROM:TO:COUNT", allow_hyphen_values = true)]
    pub grid: Option<String>,
    /// What random directions do with biases
    #[arg(long, value_enum, default_value_t)]
    pub biases: Biases,
    /// The seed of random directions and probes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// The Hessian's largest eigenvalues, the density of all of them, and the trace
    #[arg(long, conflicts_with_all = ["along", "line", "grid"])]
    pub spectrum: bool,
    /// The same of the Gauss-Newton matrix
    #[arg(long, requires = "spectrum")]
    pub gauss_newton: bool,
    /// How many of the largest eigenvalues
    #[arg(long, value_name = "K", default_value_t = 10)]
    pub eigenvalues: usize,
    /// Random vectors for density and trace
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub probes: usize,
    /// Where to write figures and arrays (default: the folder of the first run)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Where directions lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Along {
    /// At random, each row of a matrix as long as that of the weights (Li and others, 2018)
    #[default]
    Random,
    /// Where the training went furthest: needs `snapshots` in the training of the run
    Path,
    /// Eigenvectors of the Hessian's largest eigenvalues
    Hessian,
}

/// What random directions do with biases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Biases {
    /// They stay
    #[default]
    Frozen,
    /// Each moves by its own size
    Normalised,
}

#[derive(Args, Debug)]
pub struct Compare {
    /// Run folders
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Where to write table and figure
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// How the converged flow is found.
#[derive(Args, Debug)]
pub struct Refined {
    /// Steps are refined until the final states move by less than this share of their size
    #[arg(long, value_name = "SHARE", default_value = "1e-8")]
    pub tolerance: f64,
}

#[derive(Args, Debug)]
pub struct Bench {
    #[command(flatten)]
    pub model: ModelArgs,
    /// What is timed
    #[arg(long, value_enum, default_value_t)]
    pub what: Timed,
    /// Random samples to take instead of the model's own training samples
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// How often (default: for about 2 s, from 5 to 1000 times)
    #[arg(long, value_name = "R")]
    pub repeat: Option<usize>,
}

/// What `bench` times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Timed {
    /// Mean loss over the batch and its gradient
    #[default]
    Gradient,
    /// Mean loss over the batch alone
    Forward,
    /// df/dy at t = 0 at the state of every sample behind the opening
    Jacobian,
}
