//! `kutta tableau export`: a method in another language, with exact coefficients.

use serde_json::json;

use super::{Method, Output, Refusal, check_out};
use crate::atomic;
use crate::cli::{ExportFormat, TableauExport};
use crate::tableau::{Coefficient, TableauError, Texts};

pub fn run(args: &TableauExport, output: &Output) -> Result<(), Refusal> {
    if let Some(out) = &args.out {
        check_out(out, &[std::path::Path::new(&args.method)])?;
    }
    let method = Method::find(&args.method)?;
    let text = match args.format {
        ExportFormat::Ron => ron(&method).map_err(Refusal::work)?,
        ExportFormat::Json => json_text(&method).map_err(Refusal::work)?,
        ExportFormat::Csv => csv(&method),
        ExportFormat::Julia => julia(&method),
        ExportFormat::Python => python(&method),
    };
    let name = &method.tableau.name;
    match &args.out {
        Some(out) => {
            atomic::write(out, text.as_bytes()).map_err(Refusal::work)?;
            let said = format!("{name}: {}", out.display());
            output.report(said, &json!({ "name": name, "out": out }))
        }
        None => output.report(text.trim_end(), &json!({ "name": name, "text": text })),
    }
}

/// The tableau file itself, with its claims.
fn ron(method: &Method) -> Result<String, TableauError> {
    method.file.to_ron()
}

fn json_text(method: &Method) -> Result<String, serde_json::Error> {
    let Method { file, tableau } = method;
    let texts = file.texts(tableau);
    let mut value = json!({
        "name": tableau.name,
        "stages": tableau.stages(),
        "order": tableau.order,
        "embedded_order": tableau.embedded.as_ref().map(|pair| pair.order),
        "a": texts.a,
        "b": texts.b,
        "b_hat": texts.b_hat,
        "c": texts.c,
        "digits": tableau.digits,
        "citation": tableau.citation,
    });
    if let (Some(form), Some(object)) = (texts.shu_osher, value.as_object_mut()) {
        object.insert("alpha".into(), json!(form.alpha));
        object.insert("beta".into(), json!(form.beta));
    }
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}

/// Rows of `row, c, 1, .., s`: one a stage, then b and b_hat.
fn csv(method: &Method) -> String {
    let texts = method.file.texts(&method.tableau);
    let stages = method.tableau.stages();
    let columns: Vec<String> = (1..=stages).map(|k| k.to_string()).collect();
    let mut text = format!("row,c,{}\n", columns.join(","));
    for (i, (c, row)) in texts.c.iter().zip(filled(&texts)).enumerate() {
        text.push_str(&format!("{},{c},{}\n", i + 1, row.join(",")));
    }
    text.push_str(&format!("b,,{}\n", texts.b.join(",")));
    if let Some(b_hat) = &texts.b_hat {
        text.push_str(&format!("b_hat,,{}\n", b_hat.join(",")));
    }
    text
}

/// The rows of a, filled up with zeros.
fn filled(texts: &Texts) -> Vec<Vec<String>> {
    let zeros = || std::iter::repeat_with(|| "0".to_owned());
    texts
        .a
        .iter()
        .map(|row| row.iter().cloned().chain(zeros()).take(texts.b.len()).collect())
        .collect()
}

/// Whether a coefficient is a formula of radicals.
fn has_roots(texts: &Texts) -> bool {
    let all = texts.a.iter().flatten().chain(&texts.b).chain(&texts.c);
    all.chain(texts.b_hat.iter().flatten()).any(|text| text.contains("sqrt"))
}

/// What stands above the arrays, one line each.
fn heading(method: &Method) -> Vec<String> {
    let tableau = &method.tableau;
    let embedded = tableau.embedded.as_ref().map(|pair| format!("({})", pair.order));
    let order = format!("order {}{}", tableau.order, embedded.unwrap_or_default());
    let first = format!("{}, {order}, {} stages", tableau.name, tableau.stages());
    let lines = std::iter::once(first).chain(tableau.citation.clone()).chain(tableau.note.clone());
    lines.map(|line| format!("# {}\n", line.replace(['\n', '\r'], " "))).collect()
}

fn julia(method: &Method) -> String {
    let texts = method.file.texts(&method.tableau);
    let kind = if has_roots(&texts) { "BigFloat" } else { "Rational{BigInt}" };
    let one = |text: &String| match text.contains("sqrt") {
        true => with_exact_numbers(text, |n, d| match d {
            "1" => format!("big({n})"),
            d => format!("(big({n})//{d})"),
        }),
        false => fraction(text, |n, d| match d {
            "1" => n.to_owned(),
            d => format!("{n}//{d}"),
        }),
    };
    let row =
        |texts: &[String], between: &str| texts.iter().map(one).collect::<Vec<_>>().join(between);
    let rows: Vec<String> = filled(&texts).iter().map(|texts| row(texts, " ")).collect();
    let mut text = heading(method).concat();
    // A matrix of one entry needs the comma-free form, too.
    let matrix = match rows.as_slice() {
        [only] => format!("reshape({kind}[{only}], 1, 1)"),
        rows => format!("{kind}[\n    {}\n]", rows.join("\n    ")),
    };
    text.push_str(&format!("A = {matrix}\n"));
    for (name, list) in lists(&texts) {
        text.push_str(&format!("{name} = {kind}[{}]\n", row(list, ", ")));
    }
    text
}

fn python(method: &Method) -> String {
    let texts = method.file.texts(&method.tableau);
    let mut text = heading(method).concat();
    let roots = has_roots(&texts);
    text.push_str(match roots {
        true => "from sympy import Rational as F, sqrt\n\n",
        false => "from fractions import Fraction as F\n\n",
    });
    let number = |n: &str, d: &str| match d {
        "1" => format!("F({n})"),
        d => format!("F({n}, {d})"),
    };
    let one = |text: &String| match text.contains("sqrt") {
        true => with_exact_numbers(text, number),
        false => fraction(text, number),
    };
    let row =
        |texts: &[String]| format!("[{}]", texts.iter().map(one).collect::<Vec<_>>().join(", "));
    text.push_str("A = [\n");
    for texts in filled(&texts) {
        text.push_str(&format!("    {},\n", row(&texts)));
    }
    text.push_str("]\n");
    for (name, list) in lists(&texts) {
        text.push_str(&format!("{name} = {}\n", row(list)));
    }
    text
}

fn lists(texts: &Texts) -> impl Iterator<Item = (&'static str, &Vec<String>)> {
    [("b", &texts.b)]
        .into_iter()
        .chain(texts.b_hat.as_ref().map(|b_hat| ("b_hat", b_hat)))
        .chain([("c", &texts.c)])
}

/// A text of [`Texts`] without radicals, as numerator and denominator.
fn fraction(text: &str, write: impl Fn(&str, &str) -> String) -> String {
    match (text.split_once('/'), text.split_once('.')) {
        (Some((n, d)), _) => write(n, d),
        (None, Some((whole, decimals))) => {
            let digits = format!("{whole}{decimals}");
            let (sign, digits) = match digits.strip_prefix('-') {
                Some(digits) => ("-", digits),
                None => ("", digits.as_str()),
            };
            let digits = digits.trim_start_matches('0');
            let digits = if digits.is_empty() { "0" } else { digits };
            write(&format!("{sign}{digits}"), &format!("1{}", "0".repeat(decimals.len())))
        }
        (None, None) => write(text, "1"),
    }
}

/// A formula with every number written as numerator and denominator: with `F(n)` for whole numbers
/// `(2-sqrt(2))/4` becomes `(F(2)-sqrt(F(2)))/F(4)`. Spaces go, since in a row of Julia they end a number.
fn with_exact_numbers(text: &str, write: impl Fn(&str, &str) -> String) -> String {
    let chars: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (mut out, mut k) = (String::new(), 0);
    while let Some(c) = chars.get(k) {
        if !(c.is_ascii_digit() || *c == '.') {
            out.push(*c);
            k += 1;
            continue;
        }
        // Digits, a point, and an exponent with its sign.
        let in_number = |at: usize, c: &char| {
            let exponent = at > k && matches!(chars.get(at - 1), Some('e' | 'E'));
            let sign = exponent && matches!(c, '+' | '-');
            c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || sign
        };
        let literal = chars.iter().enumerate().skip(k).take_while(|(at, c)| in_number(*at, c));
        let literal: String = literal.map(|(_, c)| *c).collect();
        k += literal.chars().count();
        match literal.parse::<Coefficient>() {
            Ok(Coefficient { value, .. }) => {
                out.push_str(&write(&value.numer().to_string(), &value.denom().to_string()));
            }
            Err(_) => out.push_str(&literal),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_have_whole_numerators_and_denominators() {
        let pair = |text: &str| fraction(text, |n, d| format!("{n} {d}"));
        assert_eq!(pair("35/384"), "35 384");
        assert_eq!(pair("-0.0125"), "-125 10000");
        assert_eq!(pair("12.5"), "125 10");
        assert_eq!(pair("-3"), "-3 1");
        assert_eq!(pair("0"), "0 1");
    }

    #[test]
    fn numbers_in_formulas_become_exact_ones() {
        let exact = |text: &str| with_exact_numbers(text, |n, d| format!("[{n}:{d}]"));
        assert_eq!(exact("(2 - sqrt(2))/4"), "([2:1]-sqrt([2:1]))/[4:1]");
        assert_eq!(exact("0.5*sqrt(10)"), "[1:2]*sqrt([10:1])");
        assert_eq!(exact("1e-3+sqrt(2)-2.5e+2"), "[1:1000]+sqrt([2:1])-[250:1]");
    }

    #[test]
    fn languages_have_the_whole_tableau() {
        let text = |name: &str| {
            let method = Method::find(name).unwrap();
            (julia(&method), python(&method), csv(&method))
        };
        let (julia, python, csv) = text("heun_euler21");
        assert!(julia.ends_with("A = Rational{BigInt}[\n    0 0\n    1 0\n]\nb = Rational{BigInt}[1//2, 1//2]\nb_hat = Rational{BigInt}[1, 0]\nc = Rational{BigInt}[0, 1]\n"), "{julia}");
        assert!(
            python.contains(
                "A = [\n    [F(0), F(0)],\n    [F(1), F(0)],\n]\nb = [F(1, 2), F(1, 2)]\n"
            ),
            "{python}"
        );
        assert_eq!(csv, "row,c,1,2\n1,0,0,0\n2,1,1,0\nb,,1/2,1/2\nb_hat,,1,0\n");
        let (julia, python, _) = text("gill4");
        assert!(
            julia.contains("BigFloat[") && julia.contains("(big(2)-sqrt(big(2)))/big(2)"),
            "{julia}"
        );
        assert!(
            python.contains("from sympy") && python.contains("(F(2)-sqrt(F(2)))/F(2)"),
            "{python}"
        );
        assert!(text("euler").0.contains("A = reshape(Rational{BigInt}[0], 1, 1)"));
    }
}
