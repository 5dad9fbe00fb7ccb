use proptest::prelude::*;
use pulp::Arch;

use super::*;

/// A formula over blocks `state`, weights and constants, one output a block.
pub(crate) fn formula(
    state: &[(&str, usize)],
    weights: &[(&str, usize, usize)],
    constants: &[(&str, f64)],
    rhs: &[&str],
) -> Formula {
    let block = |(name, rows): &(&str, usize)| Block { name: (*name).into(), rows: *rows };
    let declared = Declarations {
        state: state.iter().map(block).collect(),
        weights: weights
            .iter()
            .map(|&(name, rows, cols)| Weight { name: name.into(), rows, cols })
            .collect(),
        constants: constants.iter().map(|&(n, x)| (n.into(), x)).collect(),
    };
    let outputs = declared.state.iter().cloned().zip(rhs.iter().map(|r| (*r).to_owned())).collect();
    Formula { declared, outputs }
}

pub(crate) fn kernel(
    state: &[(&str, usize)],
    weights: &[(&str, usize, usize)],
    constants: &[(&str, f64)],
    rhs: &[&str],
) -> Kernel {
    match Kernel::new(formula(state, weights, constants, rhs), true) {
        Ok(kernel) => kernel,
        Err((_, error)) => panic!("{error}"),
    }
}

/// Numbers between -1 and 1 that look random.
pub(crate) fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..n)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

pub(crate) struct Case<'a> {
    pub kernel: &'a Kernel,
    pub t: f64,
    pub batch: usize,
    pub arch: Arch,
}

impl Case<'_> {
    fn prepared(&self, w: &[f64]) -> Vec<f64> {
        let mut prepared = vec![0.0; self.kernel.n_prepared()];
        prepared[..w.len()].copy_from_slice(w);
        self.kernel.prepare(self.t, &mut prepared);
        prepared
    }

    /// Value and kept numbers.
    pub fn value(&self, y: &[f64], w: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut out = vec![f64::NAN; self.kernel.out_rows() * self.batch];
        let mut keep = vec![f64::NAN; self.kernel.n_kept() * self.batch];
        let memory = Memory { state: y, out: &mut out, keep: &mut keep, ..Memory::default() };
        let mut ws = Workspace::with_arch(self.arch);
        self.kernel.value(&self.prepared(w), self.batch, memory, &mut ws);
        (out, keep)
    }

    pub fn tangent(&self, y: &[f64], w: &[f64], v: &[f64]) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.kernel.out_rows() * self.batch];
        let memory = Memory { state: y, seed: v.into(), out: &mut out, ..Memory::default() };
        let mut ws = Workspace::with_arch(self.arch);
        self.kernel.tangent(&self.prepared(w), self.batch, memory, &mut ws);
        out
    }

    pub fn adjoint(&self, y: &[f64], w: &[f64], u: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (value, kept) = self.value(y, w);
        let mut out = vec![f64::NAN; self.kernel.in_rows() * self.batch];
        let mut sums = vec![0.0; self.kernel.n_sums()];
        let memory = Memory {
            state: y,
            seed: u.into(),
            value: &value,
            kept: &kept,
            out: &mut out,
            sums: &mut sums,
            ..Memory::default()
        };
        let mut ws = Workspace::with_arch(self.arch);
        let prepared = self.prepared(w);
        self.kernel.adjoint(&prepared, self.batch, memory, &mut ws);
        let mut gradient = vec![0.0; self.kernel.n_weights()];
        self.kernel.gather(self.t, &prepared, &sums, &mut gradient, &mut ws);
        (out, gradient)
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(crate) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

pub(crate) fn moved(x: &[f64], step: f64, d: &[f64]) -> Vec<f64> {
    x.iter().zip(d).map(|(x, d)| x + step * d).collect()
}

/// Derivatives against fourth-order central differences of the value, and the transposed against the plain.
fn check_derivatives(kernel: &Kernel, batch: usize, shift: f64) {
    let case = Case { kernel, t: 0.3, batch, arch: Arch::new() };
    let (n, m) = (kernel.in_rows() * batch, kernel.out_rows() * batch);
    let y: Vec<f64> = noise(n, 1).iter().map(|x| shift + 0.6 * x).collect();
    let w: Vec<f64> = noise(kernel.n_weights(), 2).iter().map(|x| shift + 0.6 * x).collect();
    let (v, dw, u) = (noise(n, 3), noise(w.len(), 4), noise(m, 5));
    let value = |s: f64, r: f64| case.value(&moved(&y, s, &v), &moved(&w, r, &dw)).0;
    let slope = |f: &dyn Fn(f64) -> Vec<f64>| -> Vec<f64> {
        let h = 1e-3;
        let (a, b, c, d) = (f(-2.0 * h), f(-h), f(h), f(2.0 * h));
        (0..m).map(|i| (a[i] - 8.0 * b[i] + 8.0 * c[i] - d[i]) / (12.0 * h)).collect()
    };
    let jvp = case.tangent(&y, &w, &v);
    let differences = slope(&|s| value(s, 0.0));
    let error = norm(&moved(&jvp, -1.0, &differences));
    assert!(error <= 1e-9 * (1.0 + norm(&jvp)), "jvp differs from differences by {error:e}");
    let (gy, gw) = case.adjoint(&y, &w, &u);
    let scale = norm(&u) * norm(&jvp) + norm(&gy) * norm(&v) + 1e-300;
    let error = (dot(&u, &jvp) - dot(&gy, &v)).abs();
    assert!(
        error <= 1e-13 * scale,
        "{:?}: vjp and jvp differ by {error:e} of {scale:e}",
        kernel.formula().outputs
    );
    let differences = slope(&|r| value(0.0, r));
    let error = (dot(&u, &differences) - dot(&gw, &dw)).abs();
    let scale = norm(&u) * norm(&differences) + norm(&gw) * norm(&dw) + 1.0;
    assert!(
        error <= 1e-9 * scale,
        "weight gradient differs from differences by {error:e} of {scale:e}"
    );
}

/// tanh(K y + b) by hand, sample by sample.
fn by_hand(n: usize, w: &[f64], y: &[f64]) -> Vec<f64> {
    let (k, b) = w.split_at(n * n);
    let mut out = Vec::new();
    for y in y.chunks_exact(n) {
        for i in 0..n {
            let z: f64 = (0..n).map(|j| k[i + j * n] * y[j]).sum();
            out.push((z + b[i]).tanh());
        }
    }
    out
}

#[test]
fn the_resnet_formula_is_what_it_says() {
    for (n, batch) in [(1, 1), (1, 7), (2, 3), (16, 100), (33, 65), (64, 17)] {
        let kernel = kernel(&[("y", n)], &[("K", n, n), ("b", n, 1)], &[], &["tanh(K*y + b)"]);
        let case = Case { kernel: &kernel, t: 0.0, batch, arch: Arch::new() };
        let (y, w) = (noise(n * batch, 7), noise(n * n + n, 8));
        let (value, kept) = case.value(&y, &w);
        assert!(kept.is_empty(), "tanh is given back by its value");
        let error = norm(&moved(&value, -1.0, &by_hand(n, &w, &y)));
        assert!(error < 1e-13 * norm(&value), "width {n}: {error:e}");
        check_derivatives(&kernel, batch, 0.0);
    }
}

#[test]
fn derivatives_of_every_kind_of_formula() {
    let n = 6;
    let square = [("K", n, n), ("L", n, n), ("b", n, 1), ("c", n, 1), ("s", 1, 1)];
    for rhs in [
        "y",
        "K*y",
        "b",
        "0*y + b",
        "t*y",
        "tanh((K - K' - 0.1*I)*y + b)",
        "-K'*tanh(K*y + b)",
        "L*tanh(K*y + b)",
        "L*sin(K*y + b) + c",
        "2*(K*(L*y)) - (K*L)*y",
        "K*K*y",
        "sigmoid(K*y + b) .* tanh(L*y + c)",
        "softplus(K*y) - gelu(y) + silu(L*y + b)",
        "cos(t)*y + sin(t)*b + exp(-t)",
        "(y' * y) * (K*y)",
        "y / (1 + sum(y.^2))",
        "(b' * y) * c - s*y",
        "exp(y) .* log(y.*y + 1) ./ sqrt(1 + y.^2)",
        "y.^3 - 2*y^2 + y.^-1 .* 0",
        "(s.*y + 3)^1.5 / s^2",
        "(2 + y).^(1 + y.^2)",
        "1 - tanh(y).^2",
        "tanh(y) .* (1 - tanh(y).*tanh(y)) + (1 - tanh(y).*tanh(y)) .* y",
        "tanh(K*y + L*y + b)",
        "K*tanh(K'*tanh(K*y + b) + c) + pi*I*y",
        "-(-(K - L))'*y - -b",
        "(s*I - K)*y + (I*2)*y/4",
        "tanh(K*(b + 0*y)) + y",
        "tanh(s*t + y) - 3",
        "(K .* L - 2*K)*y + (K*b)",
        "normal_cdf(y + b) .* exp(-(y .* y)/2)",
    ] {
        let kernel = kernel(&[("y", n)], &square, &[], &[rhs]);
        for batch in [1, 5, 100] {
            let result = std::panic::catch_unwind(|| check_derivatives(&kernel, batch, 0.0));
            assert!(result.is_ok(), "{rhs} with batch {batch}");
        }
    }
}

#[test]
fn derivatives_of_blocks() {
    let hamilton = kernel(
        &[("q", 4), ("p", 4)],
        &[("K", 4, 4), ("b", 4, 1)],
        &[("g", 0.1)],
        &["K' * tanh(K*p + b) - g*q", "-K' * tanh(K*q + b) - g*p"],
    );
    check_derivatives(&hamilton, 9, 0.0);
    let unequal = kernel(
        &[("q", 3), ("p", 5)],
        &[("A", 3, 5), ("B", 5, 3)],
        &[],
        &["A*p", "tanh(B*q) + p.*p"],
    );
    check_derivatives(&unequal, 200, 0.0);
    let swapped = kernel(&[("q", 2), ("p", 2)], &[("u", 2, 1)], &[], &["p", "u"]);
    check_derivatives(&swapped, 3, 0.0);
    let lorenz = kernel(
        &[("x", 1), ("y", 1), ("z", 1)],
        &[],
        &[("sigma", 10.0), ("rho", 28.0), ("beta", 8.0 / 3.0)],
        &["sigma*(y - x)", "x*(rho - z) - y", "x*y - beta*z"],
    );
    check_derivatives(&lorenz, 11, 0.0);
    let relu = kernel(&[("y", 4)], &[("K", 4, 4), ("L", 4, 4)], &[], &["L*relu(K*y)"]);
    check_derivatives(&relu, 1, 2.0);
}

/// A value that is written into the place of what is made of it, or read by two: each stays what it is.
#[test]
fn what_is_computed_beside_a_value_leaves_it_alone() {
    for (rhs, f) in [
        ("(1 - y.^2).^2", (|y| (1.0 - y * y).powi(2)) as fn(f64) -> f64),
        ("1 - (1 - y.^2).^2", |y| 1.0 - (1.0 - y * y).powi(2)),
        ("(1 - tanh(y).^2).^2", |y| (1.0 - y.tanh().powi(2)).powi(2)),
        ("y .* (1 - (1 - y.^2).^2)", |y| y * (1.0 - (1.0 - y * y).powi(2))),
    ] {
        let kernel = kernel(&[("y", 3)], &[], &[], &[rhs]);
        let case = Case { kernel: &kernel, t: 0.0, batch: 5, arch: Arch::new() };
        let y = noise(15, 1);
        let by_hand: Vec<f64> = y.iter().map(|&y| f(y)).collect();
        assert!(norm(&moved(&case.value(&y, &[]).0, -1.0, &by_hand)) < 1e-14, "{rhs}");
        check_derivatives(&kernel, 5, 0.0);
    }
    let (n, batch) = (3, 5);
    for (first, f) in [
        ("tanh(K*q)", (|_, z: &[f64]| z.iter().map(|z| z.tanh()).collect()) as OfBlock),
        ("L*(K*q)", |l, z| (0..3).map(|i| (0..3).map(|j| l[i + 3 * j] * z[j]).sum()).collect()),
    ] {
        let blocks = [("p", n), ("q", n)];
        let kernel = kernel(&blocks, &[("K", n, n), ("L", n, n)], &[], &[first, "K*q"]);
        let case = Case { kernel: &kernel, t: 0.0, batch, arch: Arch::new() };
        let (y, w) = (noise(2 * n * batch, 1), noise(2 * n * n, 2));
        let (k, l) = w.split_at(n * n);
        let by_hand: Vec<f64> = y
            .chunks_exact(2 * n)
            .flat_map(|y| {
                let row = |i: usize| (0..n).map(|j| k[i + n * j] * y[n + j]).sum();
                let z: Vec<f64> = (0..n).map(row).collect();
                [f(l, &z), z].concat()
            })
            .collect();
        let error = norm(&moved(&case.value(&y, &w).0, -1.0, &by_hand));
        assert!(error < 1e-13, "{first}: {error:e}");
        check_derivatives(&kernel, batch, 0.0);
    }
}

/// A block as a function of weights and another block.
type OfBlock = fn(&[f64], &[f64]) -> Vec<f64>;

#[test]
fn a_state_that_is_not_read_may_be_larger_than_what_is_computed() {
    let mut formula = formula(&[("x", 600)], &[("b", 2, 1)], &[], &[]);
    formula.outputs = vec![(Block { name: "y".into(), rows: 2 }, "b".into())];
    let kernel = Kernel::new(formula, true).unwrap_or_else(|(_, error)| panic!("{error}"));
    let case = Case { kernel: &kernel, t: 0.0, batch: 5, arch: Arch::new() };
    let (gy, gw) = case.adjoint(&noise(3000, 1), &[0.5, 2.0], &[1.0; 10]);
    assert_eq!((gy, gw), (vec![0.0; 3000], vec![5.0; 2]));
}

/// In a network one wide `K - g*I` is a number like any other; beside a matrix it is not.
#[test]
fn the_identity_beside_a_number_is_one_by_one() {
    let narrow = kernel(&[("y", 1)], &[("K", 1, 1)], &[], &["tanh((K - K' - 0.1*I)*y)"]);
    let case = Case { kernel: &narrow, t: 0.0, batch: 1, arch: Arch::new() };
    assert_eq!(case.value(&[2.0], &[7.0]).0, [apply_tanh(-0.2)]);
    let weights = [("K", 3, 3), ("s", 1, 1)];
    for rhs in ["(K + (s + I))*y", "(s + I)*y", "(2 - I) .* y", "K*y + sum(s + I)", "s + I"] {
        let error = match Kernel::new(formula(&[("y", 3)], &weights, &[], &[rhs]), true) {
            Err((_, error)) => error.to_string(),
            Ok(_) => panic!("{rhs} is read"),
        };
        assert!(error.contains("1 x 1 matrix"), "{rhs}: {error}");
    }
    for rhs in ["(K + (s*I + I))*y", "(s*I - 2*I)*y", "(K + I + s)*y"] {
        assert!(Kernel::new(formula(&[("y", 3)], &weights, &[], &[rhs]), true).is_ok(), "{rhs}");
    }
}

fn apply_tanh(x: f64) -> f64 {
    functions::apply::<true>(Function::Tanh, x)
}

#[test]
fn processors_agree() {
    let n = 7;
    let rhs = "tanh(K*y + b) + sigmoid(y).*exp(y) - softplus(y)";
    let kernel = kernel(&[("y", n)], &[("K", n, n), ("b", n, 1)], &[], &[rhs]);
    let batch = 101;
    let (y, w, u) = (noise(n * batch, 1), noise(n * n + n, 2), noise(n * batch, 3));
    let mut archs = vec![Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        archs.extend(pulp::x86::V3::try_new().map(Arch::V3));
        archs.extend(pulp::x86::V4::try_new().map(Arch::V4));
    }
    let results: Vec<_> = archs
        .into_iter()
        .map(|arch| {
            let case = Case { kernel: &kernel, t: 0.0, batch, arch };
            let (gy, gw) = case.adjoint(&y, &w, &u);
            [case.value(&y, &w).0, case.tangent(&y, &w, &u), gy, gw].concat()
        })
        .collect();
    for other in &results[1..] {
        assert!(norm(&moved(other, -1.0, &results[0])) < 1e-14 * norm(other));
    }
}

#[test]
fn functions_are_exact_to_a_few_units() {
    let apply = functions::apply::<true>;
    for i in -4000..=4000 {
        let x = f64::from(i) * 0.01 + 1e-4;
        let within = |f, exact: f64, ulps: f64| {
            let y = apply(f, x);
            assert!(
                (y - exact).abs() <= ulps * f64::EPSILON * exact.abs(),
                "{f:?}({x}) = {y}, not {exact}"
            );
        };
        within(Function::Tanh, x.tanh(), 4.0);
        within(Function::Exp, x.exp(), 2.0);
        within(Function::Sigmoid, 1.0 / (1.0 + (-x).exp()), 4.0);
    }
    for x in [1e-300, 1e-20, 1e-9, 1e-3] {
        assert!((apply(Function::Tanh, x) - x.tanh()).abs() <= 2.0 * f64::EPSILON * x);
    }
    for f in Function::ALL {
        assert!(apply(f, f64::NAN).is_nan(), "{f:?}(NaN)");
    }
    assert_eq!(apply(Function::Tanh, f64::INFINITY), 1.0);
    assert_eq!(apply(Function::Tanh, f64::NEG_INFINITY), -1.0);
    assert_eq!(apply(Function::Exp, 1000.0), f64::INFINITY);
    assert_eq!(apply(Function::Exp, -1000.0), 0.0);
    assert_eq!(apply(Function::Exp, f64::NEG_INFINITY), 0.0);
    let top = 709.78;
    assert!((apply(Function::Exp, top) / f64::exp(top) - 1.0).abs() < 1e-14);
}

#[test]
fn precedence_is_matlabs() {
    // y = 3, s = 2
    for (text, expected) in [
        ("-y^2", -9.0),
        ("2^-1*y", 1.5),
        ("y-s-1", 0.0),
        ("12/s/y", 2.0),
        ("2*y^s", 18.0),
        ("2^3^s", 64.0),
        ("-s^2*y", -12.0),
        ("2.*y", 6.0),
        ("2.5e-1*y*4", 3.0),
        ("+y - -s", 5.0),
        ("y.^s./s.*2", 9.0),
    ] {
        let kernel = kernel(&[("y", 1)], &[], &[("s", 2.0)], &[text]);
        let case = Case { kernel: &kernel, t: 0.0, batch: 1, arch: Arch::new() };
        assert_eq!(case.value(&[3.0], &[]).0, [expected], "{text}");
    }
}

#[test]
fn errors_say_where_and_what() {
    let say = |text: &str| -> String {
        let formula = formula(
            &[("y", 16), ("p", 8)],
            &[("K", 16, 16), ("B", 8, 16), ("b", 8, 1)],
            &[],
            &["y", text],
        );
        match Kernel::new(formula, true) {
            Err((1, error)) => error.to_string(),
            other => panic!("{text}: {other:?}"),
        }
    };
    let message = say("tanh(B*y + c)");
    assert!(message.contains("there is no name `c`"), "{message}");
    assert!(message.ends_with("    tanh(B*y + c)\n               ^"), "{message}");
    for (text, what) in [
        ("tahn(B*y)", "did you mean `tanh`"),
        ("K*y", "16 rows, but `p` has 8 rows"),
        ("B*p", "16 columns meet 8 rows"),
        ("B*y + y", "sizes differ"),
        ("y*p", "is no matrix product"),
        ("p*b", "elementwise is `.*`"),
        ("(p", "not closed"),
        ("p)", "closes nothing"),
        ("p b", "operator is missing"),
        ("p +", "a value is expected"),
        ("", "empty"),
        ("p # b", "has no meaning"),
        ("1e999*p", "not a number"),
        ("tanh", "a function: write tanh(..)"),
        ("p(2)", "not a function"),
        ("I", "matrix, not a state"),
        ("p'", "transposed"),
        ("p*p'", "only stand left of"),
        ("K^2*y", "two things"),
        ("B'", "matrix"),
        ("p / b", "elementwise is `./`"),
    ] {
        let message = say(text);
        assert!(message.contains(what), "{text}: {message}");
    }
    let deep = "(".repeat(100_000);
    assert!(say(&deep).contains("nested more than"));
    assert!(say(&"-".repeat(100_000)).contains("nested more than"));
    assert!(say(&"p+".repeat(100_000)).contains("operations"));
}

proptest! {
    /// Any chain of tokens is read or refused, and what is read has right derivatives.
    #[test]
    fn random_formulas(tokens in proptest::collection::vec(0usize..30, 1..14)) {
        const WORDS: [&str; 30] = [
            "y", "y", "y", "b", "b", "K", "K", "s", "t", "I", "2", "0.5", "0", "(", ")", "(", ")",
            "+", "-", "*", "*", ".*", "/", "./", "^", ".^", "'", "tanh(", "sin(", "sum(",
        ];
        let text: String = tokens.iter().map(|&i| WORDS[i]).collect::<Vec<_>>().join(" ");
        let formula = formula(
            &[("y", 3)], &[("K", 3, 3), ("b", 3, 1), ("s", 1, 1)], &[], &[&text]);
        if let Ok(kernel) = Kernel::new(formula, true) {
            let case = Case { kernel: &kernel, t: 0.3, batch: 2, arch: Arch::new() };
            let w: Vec<f64> = noise(13, 2).iter().map(|x| 1.5 + 0.3 * x).collect();
            let y: Vec<f64> = noise(6, 1).iter().map(|x| 1.5 + 0.3 * x).collect();
            let (v, u) = (noise(6, 3), noise(6, 5));
            let jvp = case.tangent(&y, &w, &v);
            let (gy, gw) = case.adjoint(&y, &w, &u);
            prop_assert_eq!(gw.len(), 13);
            let scale = norm(&u) * norm(&jvp) + norm(&gy) * norm(&v) + 1e-300;
            if scale.is_finite() {
                prop_assert!((dot(&u, &jvp) - dot(&gy, &v)).abs() <= 1e-12 * scale);
            }
        }
    }
}
