//! The name that a misspelt one stands for, and how an error says so.

use std::fmt::Display;

/// The candidate that `name` is most like, if it is like one at all; the first of several that are equally like it.
///
/// What counts is slips: a letter too many, too few or wrong, or two neighbours that changed places. There may be one
/// in every three letters of the candidate, but fewer than either name has letters. Case, `_`, `-` and spaces do not
/// count.
pub fn nearest<'c, S: AsRef<str>>(name: &str, candidates: &'c [S]) -> Option<&'c S> {
    let name = folded(name);
    let letters = name.chars().count();
    let slips = |candidate: &str| {
        let candidate = folded(candidate);
        let others = candidate.chars().count();
        let allowed = others.div_ceil(3).min(letters.min(others).saturating_sub(1));
        // There are at least as many as the lengths differ by: a very long name is not worth comparing.
        let far = letters.abs_diff(others) > allowed;
        let slips = if far { usize::MAX } else { strsim::osa_distance(&name, &candidate) };
        (slips <= allowed).then_some(slips)
    };
    candidates
        .iter()
        .filter_map(|candidate| Some((slips(candidate.as_ref())?, candidate)))
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, candidate)| candidate)
}

/// A name without what does not matter in it.
pub fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The end of a sentence about an unknown name: a question where there is a near one, otherwise a full stop.
pub fn did_you_mean(near: Option<impl Display>) -> String {
    near.map_or_else(|| ".".to_owned(), |near| format!("; did you mean `{near}`?"))
}

/// The end of a sentence about an unknown name, and then all names that there are.
pub fn known(name: &str, candidates: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = candidates.iter().map(AsRef::as_ref).collect();
    let near = nearest(name, &names);
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("{} Known: {names}", did_you_mean(near))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_slips_are_forgiven_and_another_word_is_not() {
        let names = ["rk4", "rk45", "resnet", "heun_euler21", "K", "b"];
        for (name, near) in [
            ("rk5", Some("rk4")),
            ("restnet", Some("resnet")),
            ("rsenet", Some("resnet")),
            ("Heun-Euler 12", Some("heun_euler21")),
            ("k", Some("K")),
            ("c", None),
            ("leapfrog", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &names).copied(), near, "{name}");
        }
        assert_eq!(nearest(&"rk4".repeat(1_000_000), &names), None);
        assert_eq!(nearest("", &[""; 0]), None);
    }

    #[test]
    fn the_sentence_ends_with_or_without_a_near_name() {
        assert_eq!(known("b", &["B", "K"]), "; did you mean `B`? Known: B, K");
        assert_eq!(known("leapfrog", &["K"]), ". Known: K");
        assert_eq!(known("g", &[""; 0]), ". Known: none");
    }
}
