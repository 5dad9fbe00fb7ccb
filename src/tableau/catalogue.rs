//! The named methods. Each is proved when it is first asked for.

use super::{Rational, Tableau, TableauError, TableauFile, families};
use crate::dialect::RON;
use crate::nearest::{folded, nearest};
use std::sync::OnceLock;

/// One entry of the catalogue and, once it was asked for, its proof.
struct Entry {
    file: TableauFile,
    proof: OnceLock<Result<Tableau<Rational>, TableauError>>,
}

fn entries() -> Result<&'static [Entry], TableauError> {
    static ENTRIES: OnceLock<Result<Vec<Entry>, TableauError>> = OnceLock::new();
    let read = || {
        let files: Vec<TableauFile> =
            RON.from_str(include_str!("catalogue.ron")).map_err(TableauError::Syntax)?;
        Ok(files.into_iter().map(|file| Entry { file, proof: OnceLock::new() }).collect())
    };
    ENTRIES.get_or_init(read).as_deref().map_err(Clone::clone)
}

/// The entries of the catalogue as they are written, in the order of the file.
pub fn catalogue() -> impl Iterator<Item = &'static TableauFile> {
    // A test reads the catalogue, which is part of the program.
    entries().unwrap_or_default().iter().map(|entry| &entry.file)
}

/// The names of the catalogue, in the order of the file, without the members of
/// [`families`](super::families()).
pub fn names() -> Vec<&'static str> {
    catalogue().filter_map(|file| file.name.as_deref()).collect()
}

/// The names of the catalogue and of a few members of each family: what stands for all methods.
pub fn samples() -> Vec<String> {
    let members = families::families().iter().flat_map(|family| family.example_names());
    names().into_iter().map(str::to_owned).chain(members).collect()
}

/// The method of the catalogue with this name or alias, or the member of a family, proved.
///
/// Case, underscores, hyphens and spaces do not matter: `"Heun-Euler 21"` is `heun_euler21`.
///
/// # Errors
/// [`TableauError::UnknownName`], with the nearest name if there is a near one;
/// [`TableauError::Member`] for a family without its number of stages, or with one it does not have.
pub fn named(name: &str) -> Result<Tableau<Rational>, TableauError> {
    match find(name)? {
        Found::Entry(entry) => entry.proof.get_or_init(|| entry.file.prove()).clone(),
        Found::Member(file) => file.prove(),
    }
}

/// The file of the method of the catalogue with this name or alias, or of the member of a family.
///
/// # Errors
/// As [`named`].
pub fn file_named(name: &str) -> Result<TableauFile, TableauError> {
    Ok(match find(name)? {
        Found::Entry(entry) => entry.file.clone(),
        Found::Member(file) => *file,
    })
}

/// What answers to a name.
enum Found {
    Entry(&'static Entry),
    Member(Box<TableauFile>),
}

fn find(name: &str) -> Result<Found, TableauError> {
    let entries = entries()?;
    let wanted = folded(name);
    match entries.iter().find(|entry| spellings(entry).any(|name| folded(name) == wanted)) {
        Some(entry) => Ok(Found::Entry(entry)),
        None => {
            if let Some(member) = families::member(name) {
                return member.map(|file| Found::Member(Box::new(file)));
            }
            let patterns = families::families().iter().map(|family| family.pattern);
            let names: Vec<&'static str> = names().into_iter().chain(patterns).collect();
            // A name is suggested before an alias.
            let aliases = entries.iter().flat_map(|entry| spellings(entry).skip(1));
            let spellings: Vec<&str> = names.iter().copied().chain(aliases).collect();
            let near = nearest(name, &spellings).copied();
            Err(TableauError::UnknownName { name: name.to_string(), near, names })
        }
    }
}

/// The name of an entry and then its aliases.
fn spellings(entry: &Entry) -> impl Iterator<Item = &str> {
    entry.file.name.iter().chain(&entry.file.aliases).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tableau::Weights;
    use std::collections::HashMap;

    #[test]
    fn every_entry_has_its_claimed_orders_and_not_one_more() {
        assert!(entries().is_ok_and(|entries| entries.len() == 38));
        for file in catalogue() {
            let name = file.name.clone().unwrap();
            let tableau = named(&name).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(Some(tableau.order), file.order, "{name}");
            assert_eq!(tableau.embedded.map(|pair| pair.order), file.embedded_order, "{name}");

            let refused = TableauFile { order: file.order.map(|p| p + 1), ..file.clone() };
            let error = refused.prove().unwrap_err();
            let TableauError::Order { weights, claimed, proved, .. } = error else {
                panic!("{name}: {error}")
            };
            assert_eq!((weights, claimed), (Weights::Main, proved + 1), "{name}");
            if file.b_hat.is_some() {
                let embedded_order = file.embedded_order.map(|p| p + 1);
                let error = TableauFile { embedded_order, ..file.clone() }.prove().unwrap_err();
                let weights = Weights::Embedded;
                assert!(matches!(error, TableauError::Order { weights: w, .. } if w == weights));
            }
        }
    }

    #[test]
    fn members_of_families_have_their_orders_and_not_one_more() {
        for family in families::families() {
            for name in family.example_names() {
                let file = families::member(&name).unwrap().unwrap();
                assert_eq!(Some(file.prove().unwrap().order), file.order, "{name}");
                let refused = TableauFile { order: file.order.map(|p| p + 1), ..file };
                assert!(matches!(refused.prove(), Err(TableauError::Order { .. })), "{name}");
            }
        }
    }

    #[test]
    fn every_entry_says_where_it_comes_from() {
        for file in catalogue() {
            let citation = file.citation.as_deref().unwrap_or_default();
            let year = citation.split(|c: char| !c.is_ascii_digit()).any(|part| part.len() == 4);
            assert!(year, "{:?} needs an author and a year", file.name);
        }
    }

    #[test]
    fn no_two_methods_answer_to_one_name() {
        let mut seen = HashMap::new();
        for (k, entry) in entries().unwrap().iter().enumerate() {
            for spelling in spellings(entry) {
                assert!(families::member(spelling).is_none(), "`{spelling}` is of a family");
                let earlier = seen.insert(folded(spelling), k);
                assert_eq!(earlier, None, "`{spelling}` stands twice");
            }
        }
    }

    #[test]
    fn case_and_underscores_do_not_matter() {
        for name in ["RK45", "DP5", "ode45", "Dopri5", "dormand_prince", "DormandPrince"] {
            assert_eq!(named(name).unwrap().name, "dopri5");
        }
        assert_eq!(named("Heun-Euler 21").unwrap().name, "heun_euler21");
        assert_eq!(named("ode23").unwrap(), named("BS3").unwrap());
    }

    #[test]
    fn methods_answer_to_what_other_programs_call_them() {
        let programs: [(&str, &[(&str, &str)]); 6] = [
            (
                "DifferentialEquations.jl",
                &[
                    ("Euler", "euler"),
                    ("Midpoint", "midpoint"),
                    ("Ralston", "ralston2"),
                    ("RK4", "rk4"),
                    ("BS3", "bs3"),
                    ("DP5", "dopri5"),
                    ("Tsit5", "tsit5"),
                    ("BS5", "bs5"),
                    ("Vern6", "verner6"),
                    ("Vern7", "verner7"),
                    ("Vern8", "verner8"),
                    ("Vern9", "verner9"),
                    ("DP8", "dop853"),
                    ("SSPRK22", "ssprk22"),
                    ("SSPRK33", "ssprk33"),
                    ("SSPRK43", "ssprk43"),
                    ("SSPRK53", "ssprk53"),
                    ("SSPRK54", "ssprk54"),
                    ("SSPRK63", "ssprk63"),
                    ("SSPRK104", "ssprk104"),
                ],
            ),
            (
                "diffrax",
                &[
                    ("Euler", "euler"),
                    ("Midpoint", "midpoint"),
                    ("Ralston", "ralston2"),
                    ("Bosh3", "bs3"),
                    ("Dopri5", "dopri5"),
                    ("Tsit5", "tsit5"),
                    ("Dopri8", "dopri8"),
                ],
            ),
            (
                "torchdiffeq",
                &[
                    ("euler", "euler"),
                    ("midpoint", "midpoint"),
                    ("heun2", "heun2"),
                    ("heun3", "heun3"),
                    ("bosh3", "bs3"),
                    ("adaptive_heun", "heun_euler21"),
                    ("dopri5", "dopri5"),
                    ("dopri8", "dopri8"),
                ],
            ),
            ("SciPy", &[("RK23", "bs3"), ("RK45", "dopri5"), ("DOP853", "dop853")]),
            (
                "Boost.odeint",
                &[
                    ("runge_kutta4", "rk4"),
                    ("runge_kutta_cash_karp54", "cash_karp"),
                    ("runge_kutta_dopri5", "dopri5"),
                ],
            ),
            (
                "NodePy",
                &[
                    ("FE", "euler"),
                    ("Mid22", "midpoint"),
                    ("Heun22", "heun2"),
                    ("MTE22", "ralston2"),
                    ("Heun33", "heun3"),
                    ("RK44", "rk4"),
                    ("Merson43", "merson4"),
                    ("Fehlberg45", "fehlberg45"),
                    ("CK5", "cash_karp"),
                    ("DP5", "dopri5"),
                    ("CMR6", "calvo6"),
                    ("PD8", "dopri8"),
                    ("SSP33", "ssprk33"),
                    ("SSP54", "ssprk54"),
                    ("SSP104", "ssprk104"),
                ],
            ),
        ];
        for (program, pairs) in programs {
            for (theirs, ours) in pairs {
                assert_eq!(named(theirs).unwrap().name, *ours, "{theirs} of {program}");
            }
        }
    }

    #[test]
    fn notes_say_where_a_name_means_another_method() {
        let note = |name: &str| named(name).unwrap().note.unwrap_or_default();
        assert!(note("rk4").contains("rk4_38") && note("rk4_38").contains("torchdiffeq"));
        assert!(note("dopri8").contains("dop853") && note("dop853").contains("dopri8"));
        assert!(note("heun2").contains("heun_euler21"));
    }

    #[test]
    fn samples_are_names_that_are_known() {
        let samples = samples();
        assert_eq!(samples.len(), names().len() + 12);
        for name in samples {
            assert_eq!(named(&name).unwrap().name, name);
        }
    }

    /// All coefficients that are written, c included.
    fn texts(file: &mut TableauFile) -> Vec<&mut String> {
        let rows = file.a.iter_mut().chain(&mut file.alpha).chain(&mut file.beta);
        let lists = rows.chain([&mut file.b]).chain(&mut file.b_hat).chain(&mut file.c);
        lists.flatten().filter(|text| *text != "0").collect()
    }

    /// Changes one coefficient by a share of its size and says what is then wrong.
    fn changed(file: &TableauFile, at: usize, change: &str) -> TableauError {
        let mut file = file.clone();
        let shown = {
            let mut texts = texts(&mut file);
            let text = &mut *texts[at];
            *text = format!("({text})*(1{change})");
            text.clone()
        };
        match file.prove() {
            Err(error) => error,
            Ok(tableau) => panic!("{} with {shown} is not refused", tableau.name),
        }
    }

    /// A change of a coefficient by 10^4 times its rounding or more, or by 1e-30 where it is exact,
    /// breaks an order condition, and the error names its tree; or a sum that is stated: of a row, of
    /// the weights, of the shares of a Shu-Osher form.
    #[test]
    fn every_coefficient_is_guarded() {
        let mut random = 1u64;
        let mut below = |n: usize| {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (random >> 33) as usize % n
        };
        for file in catalogue() {
            let name = file.name.as_deref().unwrap();
            let mut copy = file.clone();
            let texts = texts(&mut copy);
            let irrational = texts.iter().any(|text| text.contains("sqrt"));
            for at in 0..texts.len() {
                for sign in ["+", "-"] {
                    let larger = 1 + below(1000);
                    let changes = match file.digits {
                        // Half a unit in the last digit, 5e-digits, is the rounding.
                        Some(digits) => [1, larger].map(|k| format!("{sign}{k}*5e-{}", digits - 4)),
                        None if irrational => [1, larger].map(|k| format!("{sign}{k}e-49")),
                        None => [1, larger].map(|k| format!("{sign}{k}e-30")),
                    };
                    for change in changes {
                        match changed(file, at, &change) {
                            TableauError::Order { tree, off, allowed, .. } => {
                                assert!(tree.contains('τ') && off > allowed, "{name}: {tree}");
                            }
                            // The condition of τ itself, and sums that are stated.
                            TableauError::Inconsistent { .. }
                            | TableauError::RowSum { .. }
                            | TableauError::Shares { .. } => {}
                            other => panic!("{name}: {other}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_by_the_nearest() {
        let message = named("rk5").unwrap_err().to_string();
        let start = "unknown method `rk5`; did you mean `rk4`? Known: euler, midpoint, ";
        assert!(message.starts_with(start), "{message}");
        let suggestion = |name: &str| match named(name) {
            Err(TableauError::UnknownName { near, .. }) => near,
            other => panic!("{other:?}"),
        };
        assert_eq!(suggestion("dopri6"), Some("dopri5"));
        assert_eq!(suggestion("Tsit_4"), Some("tsit5"));
        assert_eq!(suggestion("leapfrog"), None);
        assert_eq!(suggestion(""), None);
        assert_eq!(suggestion(&"rk4".repeat(100_000)), None);
    }
}
