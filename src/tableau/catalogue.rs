//! The named methods. Each is proved when it is first asked for.

use super::{Rational, Tableau, TableauError, TableauFile};
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

/// The names of the catalogue, in the order of the file.
pub fn names() -> Vec<&'static str> {
    catalogue().filter_map(|file| file.name.as_deref()).collect()
}

/// The method of the catalogue with this name or alias, proved.
///
/// Case, underscores, hyphens and spaces do not matter: `"Heun-Euler 21"` is `heun_euler21`.
///
/// # Errors
/// [`TableauError::UnknownName`], with the nearest name if there is a near one.
pub fn named(name: &str) -> Result<Tableau<Rational>, TableauError> {
    let entries = entries()?;
    let wanted = folded(name);
    match entries.iter().find(|entry| spellings(entry).any(|name| folded(name) == wanted)) {
        Some(entry) => entry.proof.get_or_init(|| entry.file.prove()).clone(),
        None => {
            let names = names();
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
        assert!(entries().is_ok_and(|entries| entries.len() >= 9));
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
