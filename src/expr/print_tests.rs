use std::collections::HashMap;

use proptest::prelude::*;
use pulp::Arch;

use super::tests::{Case, dot, formula, kernel, noise, norm};
use super::*;

const N: usize = 3;
const WEIGHTS: [(&str, usize, usize); 5] =
    [("K", N, N), ("L", N, N), ("b", N, 1), ("c", N, 1), ("s", 1, 1)];
const BATCH: usize = 4;

fn lines(list: &[(String, String)]) -> Vec<String> {
    list.iter().map(|(name, text)| format!("{name} = {text}")).collect()
}

fn resnet() -> Kernel {
    kernel(&[("y", 16)], &[("K", 16, 16), ("b", 16, 1)], &[], &["tanh(K*y + b)"])
}

#[test]
fn the_resnet_is_shown_in_full() {
    let expected = "\
y' = tanh(K*y + b)
y: 16, K: 16 x 16, b: 16

value
  a = tanh(K*y + b)
  y' = a

jvp along dy, dK, db
  dy' = (1 - a.*a) .* (K*dy + dK*y + db)

vjp with cotangent u of y'
  z = u .* (1 - a.*a)
  y: K'*z
  K: sum z*y'
  b: sum z
  (sum x is over samples, sum(x) over rows)
";
    assert_eq!(resnet().show().to_string(), expected);
}

#[test]
fn the_antisymmetric_field_names_its_matrix() {
    let kernel = kernel(
        &[("y", 8)],
        &[("K", 8, 8), ("b", 8, 1)],
        &[("g", 0.1)],
        &["tanh((K - K' - g*I)*y + b)"],
    );
    let shown = kernel.show();
    assert_eq!(lines(&shown.equations), ["a1 = K - K' - 0.1*I", "a2 = tanh(a1*y + b)", "y' = a2"]);
    assert_eq!(lines(&shown.jvp), ["dy' = (1 - a2.*a2) .* (a1*dy + (dK - dK')*y + db)"]);
    assert_eq!(
        lines(&shown.vjp),
        ["z1 = u .* (1 - a2.*a2)", "z2 = sum z1*y'", "y = a1'*z1", "K = z2 - z2'", "b = sum z1"]
    );
    assert_eq!(shown.constants, [("g".to_owned(), 0.1)]);
}

#[test]
fn the_hamiltonian_field_keeps_its_blocks_apart() {
    let kernel = kernel(
        &[("y", 4), ("z", 4)],
        &[("K", 4, 4), ("b", 4, 1)],
        &[],
        &["K'*tanh(K*z + b)", "-K'*tanh(K*y + b)"],
    );
    let shown = kernel.show();
    assert_eq!(
        lines(&shown.equations),
        ["a1 = tanh(K*z + b)", "a2 = tanh(K*y + b)", "y' = K'*a1", "z' = -K'*a2"]
    );
    assert_eq!(
        lines(&shown.jvp),
        [
            "dy' = dK'*a1 + K'*((1 - a1.*a1) .* (K*dz + dK*z + db))",
            "dz' = -dK'*a2 - K'*((1 - a2.*a2) .* (K*dy + dK*y + db))",
        ]
    );
    assert_eq!(shown.cotangents, ["u_y", "u_z"]);
    assert_eq!(
        lines(&shown.vjp),
        [
            // Not z1, z2: z is a block.
            "x1 = -(1 - a2.*a2) .* (K*u_z)",
            "x2 = (1 - a1.*a1) .* (K*u_y)",
            "x3 = x1 + x2",
            "y = K'*x1",
            "z = K'*x2",
            "K = sum x1*y' + sum a1*u_y' + sum x2*z' - sum a2*u_z'",
            "b = sum x3",
        ]
    );
}

#[test]
fn few_parentheses_and_tidy_signs() {
    for (text, expected) in [
        ("((y)) + (b + (K*y))", "y' = y + K*y + b"),
        ("y + -1*b", "y' = y - b"),
        ("-y - -b", "y' = b - y"),
        ("-(K*y)", "y' = -K*y"),
        ("-2*(3*y)", "y' = -6*y"),
        ("y - (b + c)", "y' = y - (b + c)"),
        ("y - (b - c)", "y' = y - (b - c)"),
        ("K*(L*y)", "a = L*y; y' = K*a"),
        ("(K*L)*y", "a = K*L; y' = a*y"),
        ("2*(K*y)", "y' = 2*K*y"),
        ("(y .* b) ./ c", "a = y.*b./c; y' = a"),
        ("y ./ (b .* c)", "a1 = b.*c; a2 = y./a1; y' = a2"),
        ("1 ./ y", "a = 1./y; y' = a"),
        ("(K')'*y", "y' = K*y"),
        ("(K + L)'*y", "a = K + L; y' = a'*y"),
        ("y.^-1.5", "y' = y.^-1.5"),
        ("(-y).^3", "y' = (-y).^3"),
        ("-y.^3", "y' = -y.^3"),
        ("(2*y).^b", "a = (2*y).^b; y' = a"),
        ("2.^y", "a = 2.^y; y' = a"),
        ("(y.^3).^0.5", "a = y.^3; y' = a.^0.5"),
        ("y / (1 + s)", "a1 = 1 + s; a2 = y/a1; y' = a2"),
        ("y*(2 + t)", "a = 2 + t; y' = a*y"),
        ("tanh((y + b))", "a = tanh(y + b); y' = a"),
        ("pi*y*1e-9*1e20", "y' = 314159265358.9793*y"),
        ("y*pi", "y' = pi*y"),
        ("1e-9*y", "y' = 1e-9*y"),
        ("(y'*y)*(K*y)", "a1 = sum(y.*y); a2 = K*y; y' = a1*a2"),
        ("(b'*c)*K*y", "a1 = b'*c; a2 = a1*K; y' = a2*y"),
        ("(I - K)*y", "a = I - K; y' = a*y"),
        ("(K + s*I)*y", "a = K + s*I; y' = a*y"),
        ("I*y", "y' = y"),
        ("sum(b) + 0", "y' = sum(b)"),
        ("K*(2 + 0*y)", "y' = K*(2 + 0*b)"),
        ("sum(y) + 0*y", "y' = sum(y) + 0*b"),
        ("0*y", "y' = 0"),
    ] {
        let shown = kernel(&[("y", N)], &WEIGHTS, &[], &[text]).show();
        assert_eq!(lines(&shown.equations).join("; "), expected, "{text}");
    }
}

/// The lines that are not definitions, with the names of definitions replaced by what they stand for.
fn expand(
    definitions: &[(String, String)],
    lines: &[(String, String)],
    outputs: usize,
) -> Vec<(String, String)> {
    let mut known: HashMap<String, String> = HashMap::new();
    let mut expanded = Vec::new();
    for (name, text) in definitions.iter().chain(lines) {
        let mut full = String::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let word = first.is_alphanumeric() || first == '_';
            let end = match word {
                true => rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()),
                false => first.len_utf8(),
            };
            match known.get(&rest[..end]) {
                Some(definition) => full.push_str(&format!("({definition})")),
                None => full.push_str(&rest[..end]),
            }
            rest = &rest[end..];
        }
        if expanded.len() + outputs < definitions.len() + lines.len() && !name.ends_with('\'') {
            known.insert(name.clone(), full.clone());
        }
        expanded.push((name.clone(), full));
    }
    expanded.split_off(expanded.len() - outputs)
}

/// What a formula in states and weights gives.
fn read(
    state: &[(&str, usize)],
    weights: &[(&str, usize, usize)],
    text: &str,
    y: &[f64],
    w: &[f64],
    batch: usize,
) -> Result<Vec<f64>, String> {
    let kernel = Kernel::new(formula(state, weights, &[], &[text]), true)
        .map_err(|(_, error)| format!("what was printed cannot be read: {error}"))?;
    Ok(Case { kernel: &kernel, t: 0.3, batch, arch: Arch::new() }.value(y, w).0)
}

fn close(a: &[f64], b: &[f64], what: &str) -> Result<(), String> {
    let finite = |x: &[f64]| x.iter().all(|x| x.is_finite());
    let error = a.iter().zip(b).fold(0.0, |e: f64, (a, b)| e.max((a - b).abs()));
    let scale = 1.0 + a.iter().chain(b).fold(0.0, |m: f64, x| m.max(x.abs()));
    if a.len() != b.len() || finite(a) != finite(b) || finite(a) && error > 1e-10 * scale {
        return Err(format!("{what}: {a:?}, not {b:?}"));
    }
    Ok(())
}

/// Reads what is printed of a formula in y and [`WEIGHTS`] and compares it with what the kernel computes.
fn check(kernel: &Kernel) -> Result<(), String> {
    let shown = kernel.show();
    let inside = |result: Result<(), String>| result.map_err(|e| format!("{shown}{e}"));
    let n = kernel.n_weights();
    let positive = |x: Vec<f64>| -> Vec<f64> { x.iter().map(|x| 0.8 + 0.3 * x).collect() };

    // Value and jvp, with directions as further states and weights.
    let (y, w) = (positive(noise(N * BATCH, 1)), positive(noise(n, 2)));
    let (dy, dw, u) = (noise(N * BATCH, 3), noise(n, 4), noise(N * BATCH, 5));
    let case = Case { kernel, t: 0.3, batch: BATCH, arch: Arch::new() };
    let value = expand(&shown.equations, &[], 1).remove(0).1;
    let again = read(&[("y", N)], &WEIGHTS, &value, &y, &w, BATCH);
    inside(again.and_then(|again| close(&again, &case.value(&y, &w).0, "value")))?;

    let jvp = expand(&shown.equations, &shown.jvp, 1).remove(0).1;
    let both: Vec<f64> =
        y.chunks(N).zip(dy.chunks(N)).flat_map(|(y, dy)| [y, dy].concat()).collect();
    let directions: Vec<(&str, usize, usize)> = WEIGHTS
        .iter()
        .zip(&shown.directions[1..])
        .map(|(&(_, rows, cols), d)| (d.as_str(), rows, cols))
        .collect();
    let weights = [&WEIGHTS[..], &directions].concat();
    let again = read(
        &[("y", N), (&shown.directions[0], N)],
        &weights,
        &jvp,
        &both,
        &[w.clone(), dw.clone()].concat(),
        BATCH,
    );
    let (gy, gw) = case.adjoint(&y, &w, &u);
    let expected = dot(&gy, &dy) + dot(&gw, &dw);
    inside(again.and_then(|jvp| {
        let scale = 1.0 + norm(&u) * norm(&jvp) + norm(&gy) * norm(&dy) + norm(&gw) * norm(&dw);
        close(&[dot(&u, &jvp) / scale], &[expected / scale], "jvp")
    }))?;

    // The vjp of one sample: there is nothing to sum over, and all inputs may be weights.
    let (y, u) = (&y[..N], &u[..N]);
    let case = Case { batch: 1, ..case };
    let (gy, gw) = case.adjoint(y, &w, u);
    let gradient = [gy, gw].concat();
    let mut rest = gradient.as_slice();
    let columns = [("y", N, 1), (&shown.cotangents[0], N, 1)];
    let weights = [&columns[..], &WEIGHTS, &[("probe", N, 1)]].concat();
    let probe = noise(N, 6);
    let numbers = [y, u, &w, &probe].concat();
    let vjp = expand(&shown.equations, &shown.vjp, 1 + WEIGHTS.len());
    for ((name, text), (rows, cols)) in
        vjp.iter().zip([(N, 1)].into_iter().chain(WEIGHTS.iter().map(|w| (w.1, w.2))))
    {
        let (own, others) = rest.split_at(rows * cols);
        rest = others;
        let text = text.replace("sum ", "");
        let text = if cols > 1 { format!("({text})*probe + 0*out") } else { text };
        let again = read(&[("out", rows)], &weights, &text, &vec![0.0; rows], &numbers, 1);
        let expected: Vec<f64> = match cols {
            1 => own.to_vec(),
            _ => (0..rows).map(|i| (0..cols).map(|j| own[i + j * rows] * probe[j]).sum()).collect(),
        };
        inside(again.and_then(|again| close(&again, &expected, name)))?;
    }
    Ok(())
}

#[test]
fn what_is_printed_reads_the_same() {
    for text in [
        "y",
        "b",
        "s",
        "2",
        "0*y",
        "t*y - s",
        "tanh((K - K' - 0.1*I)*y + b)",
        "-K'*tanh(K*y + b)",
        "K'*tanh(K*y + b) - -L*sin(K*y + b)",
        "K*K*y - (K*L)'*(K*(L*y))",
        "softplus(K*y) - gelu(y) + silu(L*y + b)",
        "(y' * y) * (K*y) + (b'*y)*c*s",
        "y / (1 + sum(y.^2)) + sum(K)*y",
        "exp(y) .* log(y.*y + 1) ./ sqrt(1 + y.^2)",
        "y.^3 - 2*y^2 + y.^-1.5 ./ (s - 3)",
        "(2 + y).^(1 + y.^2) - (-y).^3 + (-2)^s*y",
        "(s*I - K)*y + (I*2)*y/4 - (K - I/s)'*y",
        "K*(2 + 0*y) + sum(y)*b",
        "tanh(K*(b + 0*y)) + y",
        "sum(s + 0*y)*y + sum((s + 0*y).*(t + 0*y))*c",
        "((s + 0*K) + I)*y",
        "(I - (K + s))*y + (I + 0*K).*L*y",
        "tanh(I + 0*K)*y - (s + K - I)*b",
        "(1/0)*s + 0*y",
        "y - (y - (b - (c - y)))",
        "y.*b.*c ./ (y.*(b./c)) ./ 2",
        "relu(y - 0.8).*b",
    ] {
        if let Err(error) = check(&kernel(&[("y", N)], &WEIGHTS, &[], &[text])) {
            panic!("{error}");
        }
    }
}

/// A random formula of the given kind: 0 a state, 1 a matrix, 2 a number.
fn random(kind: usize, depth: usize, pick: &mut impl FnMut(usize) -> usize) -> String {
    let (leaf, choice) = (depth == 0, pick(1000));
    let mut part = |kind| random(kind, depth - 1, pick);
    match (kind, leaf) {
        (0, true) => ["y", "b", "c", "y"][choice % 4].into(),
        (1, true) => ["K", "L", "K'", "0.1*I", "I"][choice % 5].into(),
        (_, true) => ["s", "t", "2", "-0.5", "pi", "1e-7"][choice % 6].into(),
        (0, _) => match choice % 14 {
            0 => format!("({} + {})", part(0), part(0)),
            1 => format!("({} - {})", part(0), part(0)),
            2 => format!("({} .* {})", part(0), part(0)),
            3 => format!("({} ./ (1.5 + cos({})))", part(0), part(0)),
            4 | 5 => format!("({} * {})", part(1), part(0)),
            6 => format!("({} * {})", part(2), part(0)),
            7 => format!("(-{})", part(0)),
            8 => format!("tanh({})", part(0)),
            9 => format!("sin({})", part(0)),
            10 => format!("(1 + sigmoid({})).^{}", part(0), ["2", "-1.5", "s", "3"][depth % 4]),
            11 => format!("({} + {})", part(2), part(0)),
            12 => format!("({} + 0*y)", part(2)),
            _ => format!("({})/(2 + s)", part(0)),
        },
        (1, _) => match choice % 8 {
            0 => format!("({} + {})", part(1), part(1)),
            1 => format!("({} - {})", part(1), part(1)),
            2 => format!("({} * {})", part(1), part(1)),
            3 => format!("({})'", part(1)),
            4 => format!("(-{})", part(1)),
            5 => format!("(s*{})", part(1)),
            6 => format!("(tanh({} + 0*K) .* {})", part(1), part(1)),
            _ => format!("({} + s + 0*K)", part(1)),
        },
        _ => match choice % 7 {
            0 => format!("({} + {})", part(2), part(2)),
            1 => format!("({} * {})", part(2), part(2)),
            2 => format!("sum({})", part(0)),
            3 => format!("(b' * {})", part(0)),
            4 => format!("(-{})", part(2)),
            5 => format!("sin({})", part(2)),
            _ => format!("(y' * {})", part(0)),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_printed_of_random_formulas_reads_the_same(choices in proptest::collection::vec(0usize..1000, 40), depth in 1usize..5) {
        let mut next = choices.iter().cycle();
        let text = random(0, depth, &mut |n| next.next().map_or(0, |c| c % n));
        // Some are refused: `I` beside a number, for one.
        if let Ok(kernel) = Kernel::new(formula(&[("y", N)], &WEIGHTS, &[], &[&text]), true) {
            let result = check(&kernel);
            prop_assert!(result.is_ok(), "{}", result.unwrap_err());
        }
    }
}

#[test]
fn names_that_are_taken_are_left_alone() {
    let kernel = kernel(
        &[("a", 2), ("dz", 2)],
        &[("z", 2, 2), ("u_a", 2, 1), ("a1", 1, 1)],
        &[("v", 2.0)],
        &["tanh(z*a + u_a)", "a1*tanh(z*dz) + v"],
    );
    let shown = kernel.show();
    let defined = |list: &[(String, String)]| list.iter().map(|l| l.0.clone()).collect::<Vec<_>>();
    assert_eq!(defined(&shown.equations), ["c1", "c2", "a'", "dz'"]);
    assert_eq!(shown.directions, ["da", "ddz", "dz_", "du_a", "da1"]);
    assert_eq!(shown.cotangents, ["u_a_", "u_dz"]);
    assert_eq!(defined(&shown.vjp), ["x1", "x2", "a", "dz", "z", "u_a", "a1"]);
}

#[test]
fn zero_derivatives_are_said() {
    let shown = kernel(&[("y", 2)], &[("b", 2, 1), ("s", 1, 1)], &[], &["b"]).show();
    assert_eq!(lines(&shown.jvp), ["dy' = db"]);
    assert_eq!(lines(&shown.vjp), ["y = 0", "b = sum u", "s = 0"]);
    let shown = kernel(&[("y", 2)], &[], &[], &["0*y + 1"]).show();
    assert_eq!(lines(&shown.equations), ["y' = 1"]);
    assert_eq!(lines(&shown.jvp), ["dy' = 0"]);
}

/// Every line stays short, however long the formula, and the same formula is shown the same way.
#[test]
fn large_formulas_are_shown_in_short_lines() {
    let deep = (0..150).fold("y".to_owned(), |inner, i| match i % 3 {
        0 => format!("tanh(K*{inner} + b)"),
        1 => format!("sin({inner} .* b)"),
        _ => format!("(1 + {inner})"),
    });
    let wide = vec!["tanh(K*y + b).*sin(y)"; 1100].join(" + 0.5*y.*");
    let chain = "K*(b - L*y) + ".repeat(900) + "y";
    for text in [deep, wide, chain] {
        let kernel = kernel(&[("y", N)], &WEIGHTS, &[], &[&text]);
        let shown = kernel.show();
        for (name, line) in shown.equations.iter().chain(&shown.jvp).chain(&shown.vjp) {
            assert!(line.len() < 200, "{name} = {line}");
        }
        assert_eq!(shown, kernel.show());
    }
}

#[test]
fn what_is_shown_can_be_written_as_json() {
    let json = serde_json::to_value(resnet().show()).unwrap();
    assert_eq!(json["equations"][0][1], "tanh(K*y + b)");
    assert_eq!(json["shapes"][1], serde_json::json!(["K", "16 x 16"]));
    assert_eq!(json["vjp"][2], serde_json::json!(["K", "sum z*y'"]));
}
