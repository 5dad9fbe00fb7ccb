//! The model file as it is kept in a run folder: its paths lead to the same files from there.

use std::path::{Component, Path, PathBuf};

use super::outline::{Outline, content};

/// The fields that hold paths, by the variant of the data they stand in.
const PATHS: [(&str, &[&str]); 4] = [
    ("Csv", &["path"]),
    ("Npz", &["path"]),
    ("Npy", &["path", "labels"]),
    ("Idx", &["images", "labels"]),
];

/// Rewrites the relative paths of a source, read in the folder `from`, for the folder `to`; all else stays as it is.
pub(crate) fn rebase(source: &str, from: &Path, to: &Path) -> String {
    let (from, to) = (absolute(from), absolute(to));
    let outline = Outline::scan(source);
    let mut rebased = String::with_capacity(source.len());
    let mut done = 0;
    for (id, node) in outline.nodes().enumerate() {
        let Some(path) = outline.parent(id).and_then(|parent| {
            let name = outline.name(source, parent)?;
            let (_, keys) = PATHS.iter().find(|(variant, _)| *variant == name)?;
            let key = node.key.clone().map(|key| &source[key])?;
            keys.contains(&key).then_some(())?;
            ron::from_str::<PathBuf>(&source[node.value.clone()]).ok()
        }) else {
            continue;
        };
        if path.is_absolute() || content(&source[node.value.clone()]).is_none() {
            continue;
        }
        rebased.push_str(&source[done..node.value.start]);
        rebased.push_str(&literal(&relative(&normal(&from.join(path)), &to)));
        done = node.value.end;
    }
    rebased.push_str(&source[done..]);
    rebased
}

/// The folder without links where it exists, for `..` after a link leads elsewhere.
fn absolute(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder
        .canonicalize()
        .or_else(|_| std::path::absolute(folder).map(|folder| normal(&folder)))
        .unwrap_or_else(|_| folder.to_owned())
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            component => normal.push(component),
        }
    }
    normal
}

/// The way from the folder `to` to `path`, both absolute; `path` itself where there is none, as between drives.
fn relative(path: &Path, to: &Path) -> PathBuf {
    let common = path.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    if common == 0 {
        return path.to_owned();
    }
    let up = to.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

/// The path as RON, with slashes on every system.
fn literal(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    format!("\"{}\"", text.escape_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(source: &str) -> String {
        rebase(source, Path::new("/no/models"), Path::new("/no/runs/a"))
    }

    #[test]
    fn relative_paths_lead_to_the_same_file() {
        assert_eq!(
            moved(r#"(data: Csv(path: "x.csv"))"#),
            r#"(data: Csv(path: "../../models/x.csv"))"#
        );
        assert_eq!(
            moved(r#"(data: Csv(path: "../runs/a/x.csv"))"#),
            r#"(data: Csv(path: "x.csv"))"#
        );
        assert_eq!(
            moved(r#"(data: Idx(images: r"./i", labels: "l"))"#),
            r#"(data: Idx(images: "../../models/i", labels: "../../models/l"))"#
        );
    }

    #[test]
    fn the_file_of_the_validation_part_is_moved_too() {
        let source =
            r#"(data: Csv(path: "a", /* keep */ label: "path", validation: Csv(path: "b")))"#;
        let expected = r#"(data: Csv(path: "../../models/a", /* keep */ label: "path", validation: Csv(path: "../../models/b")))"#;
        assert_eq!(moved(source), expected);
    }

    #[test]
    fn what_is_no_relative_path_stays() {
        for source in [
            r#"(data: Csv(path: "/d/x.csv"))"#,
            r#"(data: Npz(labels: "y")) // path: "x""#,
            r#"(data: Peaks(), network: (field: "path"))"#,
        ] {
            assert_eq!(moved(source), source);
        }
    }

    #[test]
    fn there_and_back_is_where_it_was() {
        let source = r#"(data: Csv(path: "d/ü \"x\".csv"))"#;
        let back = rebase(&moved(source), Path::new("/no/runs/a"), Path::new("/no/models"));
        let path = |source: &str| {
            let outline = Outline::scan(source);
            let last = outline.nodes().last().unwrap().value.clone();
            ron::from_str::<String>(&source[last]).unwrap()
        };
        assert_eq!(path(&back), path(source));
    }
}
