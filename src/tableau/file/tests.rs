//! What a tableau file may say, and what is refused.

use super::*;
use crate::tableau::{catalogue, named};
use proptest::prelude::*;

fn file(text: &str) -> TableauFile {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refusal(text: &str) -> String {
    file(text).prove().unwrap_err().to_string()
}

fn entry(name: &str) -> TableauFile {
    catalogue().find(|file| file.name.as_deref() == Some(name)).unwrap().clone()
}

#[test]
fn orders_and_times_are_derived() {
    let kutta = file(r#"(a: [[], ["1/2"], ["-1", "2"]], b: ["1/6", "2/3", "1/6"])"#);
    let tableau = kutta.prove().unwrap();
    assert_eq!((tableau.order, tableau.name.as_str()), (3, "tableau"));
    assert_eq!(tableau.to_f64().c, [0.0, 0.5, 1.0]);
    for (name, order, embedded) in [
        ("dopri5", 5, Some(4)),
        ("fehlberg45", 4, Some(5)),
        ("tsit5", 5, Some(4)),
        ("gill4", 4, None),
    ] {
        let file = TableauFile { order: None, embedded_order: None, c: None, ..entry(name) };
        let tableau = file.prove().unwrap();
        assert_eq!(tableau.order, order, "{name}");
        assert_eq!(tableau.embedded.map(|pair| pair.order), embedded, "{name}");
    }
}

#[test]
fn the_shu_osher_form_gives_stages_and_weights() {
    // y_2 = y + h f(y), y_3 = 3/4 y + 1/4 y_2 + h/4 f(y_2), y⁺ = 1/3 y + 2/3 y_3 + 2h/3 f(y_3).
    let tableau = entry("ssprk33").prove().unwrap().to_f64();
    assert_eq!(tableau.a, [vec![], vec![1.0], vec![0.25, 0.25]]);
    assert_eq!(tableau.b, [1.0 / 6.0, 1.0 / 6.0, 2.0 / 3.0]);
    assert_eq!(tableau.c, [0.0, 1.0, 0.5]);
    // A change of β in its twelfth digit moves the sum of b.
    let mut changed = entry("ssprk53");
    changed.beta[4][3] = "0.238458932856290".into();
    let error = changed.prove().unwrap_err();
    assert!(matches!(error, TableauError::Inconsistent { .. }), "{error}");
}

#[test]
fn long_shu_osher_forms_are_refused_rather_than_waited_for() {
    let third = |k: usize| format!("1/(1e90+{})", 2 * k + 1);
    let row = |i: usize| -> Vec<String> { (0..i).map(|j| third(i * i + j)).collect() };
    let beta: Vec<Vec<String>> = (0..65).map(row).collect();
    let alpha = (0..65).map(|i: usize| {
        let mut row = vec![format!("1/{}", 2 * i + 1); i];
        if let Some(last) = row.last_mut() {
            *last = format!("1-{}/{}", i - 1, 2 * i + 1);
        }
        row
    });
    let file = TableauFile { alpha: alpha.collect(), beta, ..TableauFile::default() };
    assert!(matches!(file.prove(), Err(TableauError::Denominator { .. })));
    // Rounded, they are decimals.
    let file = TableauFile { digits: Some(40), ..file };
    assert!(matches!(file.prove(), Err(TableauError::Inconsistent { .. })));
}

#[test]
fn zeros_may_fill_the_rows() {
    let square = file(r#"(a: [["0", "0"], ["1/2", "0"]], b: ["0", "1"])"#).prove().unwrap();
    assert_eq!(square.a, named("midpoint").unwrap().a);
}

#[test]
fn a_file_survives_writing_and_reading() {
    for entry in catalogue() {
        let text = RON.to_string(entry).unwrap();
        assert_eq!(&file(&text), entry);
    }
    assert_eq!(file(r#"Tableau(a: [[]], b: ["1"])"#), file(r#"(a: [[]], b: ["1"])"#));
}

#[test]
fn shapes_that_are_no_explicit_tableau_are_refused() {
    let cases = [
        (r#"(a: [], b: [])"#, "the tableau has no stages"),
        (r#"(a: [[], []], b: ["0", "1"])"#, "row 2 of `a` has 0 entries instead of 1"),
        (r#"(a: [["0", "0"]], b: ["1"])"#, "row 1 of `a` has 2 entries instead of 0"),
        (r#"(a: [[], ["1/2", "1/2"]], b: ["0", "1"])"#, "a[2][2] = 1/2 makes stage 2 depend on"),
        (r#"(a: [["1/2"], ["0", "1"]], b: ["0", "1"])"#, "a[1][1] = 1/2 makes stage 1 depend on"),
        (r#"(a: [[]], b: ["1/2", "1/2"])"#, "`b` has 2 entries, but `a` has 1 rows"),
        (r#"(a: [[]], b: ["1"], b_hat: [])"#, "`b_hat` has 0 entries"),
        (r#"(a: [[]], b: ["1"], c: ["0", "0"])"#, "`c` has 2 entries"),
        (
            r#"(a: [[], ["1"]], b: ["0", "1"], c: ["0", "1/3"])"#,
            "c[2] is 1/3, but row 2 of `a` sums to 1;",
        ),
        (r#"(a: [[]], b: ["1"], b_hat: ["1"])"#, "`b_hat` equals `b`"),
        (r#"(a: [[]], b: ["1"], embedded_order: 1)"#, "`embedded_order: 1` without `b_hat`"),
        (r#"(a: [[]], b: ["1"], digits: 3)"#, "`digits: 3` is not between 8 and 50"),
        (r#"(a: [[]], b: ["0.9"])"#, "the entries of `b` sum to 9/10 instead of 1"),
        (r#"(a: [[]], b: ["1"], b_hat: ["2"])"#, "the entries of `b_hat` sum to 2 instead of 1"),
        (r#"(a: [[]], b: ["1"], order: 11)"#, "`order: 11`: orders are proved from 1 to 10"),
        (r#"(alpha: [[], ["1"]], beta: [[], ["1/0"]])"#, r#"beta[2][1]: "1/0" divides by zero"#),
        (r#"(alpha: [[], ["1/2"]], beta: [[], ["1"]])"#, "row 2 of `alpha` sums to 1/2 instead of"),
        (r#"(alpha: [[], []], beta: [[], ["1"]])"#, "row 2 of `alpha` has 0 entries instead of 1"),
        (r#"(alpha: [["1"], ["1"]], beta: [[], ["1"]])"#, "alpha[1][1] = 1 makes stage 1 depend"),
        (
            r#"(alpha: [[], ["1"]])"#,
            "a method is given by `a` and `b` or by `alpha` and `beta`; `alp",
        ),
        (
            r#"(a: [[]], alpha: [[], ["1"]], beta: [[], ["1"]])"#,
            "a method is given by `a` and `b` or by `alpha` and `beta`; `a` of length 1 with `alpha`",
        ),
        (r#"(alpha: [[]], beta: [[]])"#, "the tableau has no stages"),
        (r#"(a: [[]])"#, "`b` has 0 entries, but `a` has 1 rows"),
        (r#"(b: ["1"])"#, "the tableau has no stages"),
        (r#"(a: [[], ["1/0"]], b: ["0", "1"])"#, r#"a[2][1]: "1/0" divides by zero, at column 2"#),
    ];
    for (text, start) in cases {
        let message = refusal(text);
        assert!(message.starts_with(start), "{text}: {message}");
    }
    for stages in [MAX_STAGES + 1, 200] {
        let (a, b) = (vec![vec![]; stages], vec!["0".into(); stages]);
        let long = TableauFile { a, b, ..entry("euler") };
        assert_eq!(long.prove(), Err(TableauError::TooManyStages { stages }));
    }
    assert!(matches!("a = 1".parse::<TableauFile>(), Err(TableauError::Syntax(_))));
}

#[test]
fn a_syntax_error_has_its_place() {
    let error = "(a: [[]],\n bb: [\"1\"])".parse::<TableauFile>().unwrap_err();
    let TableauError::Syntax(spanned) = &error else { panic!("{error}") };
    assert_eq!(spanned.span.start.line, 2);
    assert!(error.to_string().contains("bb"), "{error}");
}

#[test]
fn a_wrong_claim_names_the_tree() {
    let overstated = TableauFile { order: Some(3), ..entry("heun2") }.prove().unwrap_err();
    assert_eq!(
        overstated.to_string(),
        "`b` claims order 3, but tree [τ,τ] of order 3 gives 1/2 instead of 1/3 (off by 1.7e-1, \
         rounding allows 0.0e0); the order is 2"
    );
    let understated = TableauFile { order: Some(3), ..entry("rk4") }.prove().unwrap_err();
    assert!(understated.to_string().contains("write `order: 4` or leave it out"));
}

#[test]
fn a_changed_digit_is_refused_by_a_tree() {
    // One digit of a_42 of dopri5 moves c_4, and with it Σ b_i c_i.
    let mut changed = TableauFile { c: None, ..entry("dopri5") };
    changed.a[3][1] = "-56/16".into();
    let error = changed.prove().unwrap_err();
    assert!(
        matches!(&error, TableauError::Order { proved: 1, tree, .. } if tree == "[τ]"),
        "{error}"
    );

    // The twelfth decimal of a rounded coefficient, its row sum kept.
    let mut changed = TableauFile { c: None, ..entry("tsit5") };
    changed.a[3][0] = "2.8971530571064935".into();
    changed.a[3][1] = "-6.359448489976075".into();
    let error = changed.prove().unwrap_err();
    let TableauError::Order { weights, claimed: 5, tree, off, allowed, .. } = error else {
        panic!("{error}")
    };
    assert_eq!((weights, tree.as_str()), (Weights::Main, "[[τ]]"));
    assert!(off > allowed && off < 1e-12 && allowed < 1e-13, "{off} {allowed}");
}

#[test]
fn without_digits_a_rounded_tableau_is_not_of_its_order() {
    let exact = TableauFile { digits: None, c: None, ..entry("tsit5") };
    assert!(exact.prove().is_err());
}

#[test]
fn large_denominators_are_refused_rather_than_waited_for() {
    // These denominators have next to no common factors.
    let row: Vec<String> = (0..63).map(|k| format!("1/(1e90+{})", 2 * k + 1)).collect();
    let a = (0..64).map(|i| row[..i].to_vec()).collect();
    let mut b = vec!["0".to_string(); 63];
    b.push("1".into());
    let file = TableauFile { a, b, order: None, ..entry("euler") };
    assert!(matches!(file.prove(), Err(TableauError::Denominator { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_file_makes_the_proof_panic(
        a in prop::collection::vec(prop::collection::vec("[-0-9/.e]{0,4}", 0..4), 0..4),
        b in prop::collection::vec("[-0-9/.]{0,4}", 0..4),
        digits in prop::option::of(0u32..60),
        order in prop::option::of(0usize..20),
    ) {
        let file = TableauFile { a, b, digits, order, ..entry("euler") };
        let _ = file.prove();
    }

    /// Any change of any single coefficient of dopri5 is noticed, those for b_hat alone included.
    #[test]
    fn every_coefficient_of_dopri5_is_guarded(place in 0usize..28, denominator in 2u64..1_000_000) {
        let mut file = TableauFile { c: None, ..entry("dopri5") };
        let coefficients = file.a.iter_mut().chain([&mut file.b]).flatten();
        let text = coefficients.into_iter().nth(place).unwrap();
        *text = format!("{text} + 1/{denominator}");
        prop_assert!(file.prove().is_err());
    }
}
