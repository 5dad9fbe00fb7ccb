//! Which room opens which: the table in docs/architecture.md, held against the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../docs/architecture.md");
const HEADING: &str = "## Who may open whom";

/// Each room of the table with the rooms that it may open; `all` stands for those above it.
fn list() -> Vec<(String, Vec<String>)> {
    let (_, section) = PAGE.split_once(HEADING).expect("the heading");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let mut list: Vec<(String, Vec<String>)> = Vec::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = row.split('|').skip(1).map(words);
        let room = cells.next().and_then(|names| names.first().cloned()).expect("a room");
        let mut open = cells.next().expect("a second column");
        if open == ["all"] {
            open = list.iter().map(|(above, _)| above.clone()).collect();
        }
        list.push((room, open));
    }
    list
}

fn words(cell: &str) -> Vec<String> {
    let word = |c: char| !(c.is_alphanumeric() || c == '_');
    cell.split(word).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// The source files of each room but for tests, with how many modules deep each is.
fn rooms() -> BTreeMap<String, Vec<(PathBuf, usize)>> {
    let mut rooms: BTreeMap<String, Vec<(PathBuf, usize)>> = BTreeMap::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![source.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let inside = path.strip_prefix(&source).expect("below src").with_extension("");
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            if stem == "tests" || stem.ends_with("_tests") {
                continue;
            } else if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs")
                && !["lib", "main"].contains(&&*parts[0])
            {
                let depth = parts.len() - usize::from(stem == "mod");
                rooms.entry(parts[0].to_string()).or_default().push((path, depth));
            }
        }
    }
    rooms
}

/// The source without comments, strings and characters; lines stay lines.
fn code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let hidden = hidden(rest);
        let (part, after) = rest.split_at(hidden.max(first.len_utf8()));
        match hidden {
            0 => code.push_str(part),
            _ => code.extend(part.chars().map(|c| if c == '\n' { c } else { ' ' })),
        }
        rest = after;
    }
    code
}

/// The length of the comment or literal that begins here, if one does.
fn hidden(rest: &str) -> usize {
    let through = |from: usize, end: &str| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    let quoted = |quote: char| {
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|&(_, c)| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        end.map_or(rest.len(), |(at, _)| at + 1)
    };
    let raw = rest.strip_prefix('r').map(|rest| rest.trim_start_matches('#'));
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        through(2, "*/")
    } else if let Some(text) = raw.filter(|text| text.starts_with('"')) {
        let hashes = rest.len() - text.len() - 1;
        through(hashes + 2, &format!("\"{}", "#".repeat(hashes)))
    } else if rest.starts_with('"') {
        quoted('"')
    } else if rest.starts_with("'\\") || rest.starts_with('\'') && rest.chars().nth(2) == Some('\'')
    {
        quoted('\'')
    } else {
        0
    }
}

/// The code without the items that stand under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let Some((before, item)) = code.split_once(MARK) else { return code.to_owned() };
    let mut braces = 0;
    let end = item.char_indices().find(|&(_, c)| {
        braces += i32::from(c == '{') - i32::from(c == '}');
        braces == 0 && (c == ';' || c == '}')
    });
    let (item, after) = item.split_at(end.map_or(item.len(), |(at, _)| at + 1));
    format!("{before}{}{}", "\n".repeat(item.matches('\n').count()), without_tests(after))
}

/// What is taken from the root of the crate in a file `depth` modules deep: line and first name of each path.
fn openings(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut openings = Vec::new();
    for root in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&root) {
            let (before, path) = (&code[..at], &code[at + root.len()..]);
            let inside = before.ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c));
            if inside || path.starts_with("super::") {
                continue;
            }
            let line = 1 + before.matches('\n').count();
            openings.extend(first_names(path).into_iter().map(|name| (line, name)));
        }
    }
    openings
}

/// `a` of `a::b`; `a` and `c` of `{a::b, c::{d, e}}`.
fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        return words(path).into_iter().take(1).collect();
    };
    let mut depth = 0;
    let flat: String = group
        .chars()
        .take_while(|&c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth >= 0
        })
        .collect();
    let mut nested = 0;
    let entries = flat.split(|c: char| {
        nested += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && nested == 0
    });
    entries.filter_map(|entry| words(entry).into_iter().next()).collect()
}

#[test]
fn rooms_open_only_what_the_list_allows() {
    let list: BTreeMap<String, Vec<String>> = list().into_iter().collect();
    let rooms = rooms();
    let mut wrong = Vec::new();
    for (room, files) in &rooms {
        let Some(allowed) = list.get(room) else {
            wrong.push(format!("the room `{room}` has no row"));
            continue;
        };
        for (path, depth) in files {
            let source = fs::read_to_string(path).expect("a source file");
            for (line, other) in openings(&without_tests(&code(&source)), *depth) {
                if other != *room && rooms.contains_key(&other) && !allowed.contains(&other) {
                    wrong.push(format!("{}:{line}: `{room}` opens `{other}`", path.display()));
                }
            }
        }
    }
    let wrong = wrong.join("\n");
    assert!(wrong.is_empty(), "docs/architecture.md, \"{HEADING}\", does not allow:\n{wrong}");
}

#[test]
fn no_room_opens_one_below_it_in_the_list() {
    let list = list();
    assert!(list.len() > 10, "the table is read");
    for (i, (room, open)) in list.iter().enumerate() {
        for other in open {
            let above = list[..i].iter().any(|(name, _)| name == other);
            assert!(above, "`{room}` opens `{other}`, which has no row above it");
        }
    }
}

#[test]
fn openings_are_found_in_code_alone() {
    let source = r##"
        use crate::a::{b, c};
        use crate::{d::D, e::{f, g}, h};
        pub(in crate::i) fn x<'x>() { super::super::j::f('"', '\'', "crate::no", r#"crate::"no"#) }
        // crate::no
        /* use crate::no; */
        use super::{Here, super::no};
        #[cfg(test)]
        use crate::no;
        #[cfg(test)]
        mod tests {
            fn f() { crate::no::f("}") }
        }
        use crate::k;
    "##;
    let found = openings(&without_tests(&code(source)), 2);
    let mut names: Vec<_> = found.iter().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "d", "e", "h", "i", "j", "k"]);
    assert!(found.contains(&(14, "k".to_owned())), "{found:?}");
}
