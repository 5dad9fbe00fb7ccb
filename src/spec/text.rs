//! The source of a model file as it stands after `--set`, and from where each piece of it came.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::outline::{Found, Outline, content};
use super::place::Place;

/// A source spliced together from the file and the overrides of the command line.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    path: PathBuf,
    /// The file first, then one document an override.
    documents: Vec<Document>,
    pieces: Vec<Piece>,
    spliced: String,
}

#[derive(Debug, Clone)]
struct Document {
    /// What an error calls it when it is not the file.
    label: Option<String>,
    text: String,
}

/// A run of the spliced text that comes from one document.
#[derive(Debug, Clone)]
struct Piece {
    document: usize,
    start: usize,
    len: usize,
}

impl Text {
    /// The text of a file.
    pub fn new(path: &Path, source: &str) -> Self {
        // Some editors begin a file with a byte order mark, which is not RON.
        let text = source.strip_prefix('\u{FEFF}').unwrap_or(source).to_owned();
        let pieces = vec![Piece { document: 0, start: 0, len: text.len() }];
        let spliced = text.clone();
        let documents = vec![Document { label: None, text }];
        Text { path: path.to_owned(), documents, pieces, spliced }
    }

    /// The text with all overrides.
    pub fn as_str(&self) -> &str {
        &self.spliced
    }

    /// The file that it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts `text` in the place of `range`; errors in it will name `label`.
    pub fn splice(&mut self, range: Range<usize>, text: &str, label: &str) {
        let document = self.documents.len();
        self.documents.push(Document { label: Some(label.to_owned()), text: text.to_owned() });
        let mut pieces = self.part(0..range.start);
        pieces.push(Piece { document, start: 0, len: text.len() });
        pieces.extend(self.part(range.end..self.spliced.len()));
        self.pieces = pieces;
        self.spliced.replace_range(range, text);
    }

    /// The pieces of a part of the text.
    fn part(&self, range: Range<usize>) -> Vec<Piece> {
        let mut begin = 0;
        let mut part = Vec::new();
        for piece in &self.pieces {
            let (from, to) = (range.start.max(begin), range.end.min(begin + piece.len));
            if from < to {
                let start = piece.start + from - begin;
                part.push(Piece { document: piece.document, start, len: to - from });
            }
            begin += piece.len;
        }
        part
    }

    /// Where a byte of the text came from.
    pub fn place(&self, offset: usize) -> Place {
        // The end of the text belongs to its last piece.
        let offset = offset.min(self.spliced.len().saturating_sub(1));
        let mut begin = 0;
        for piece in &self.pieces {
            if offset < begin + piece.len {
                let document = &self.documents[piece.document];
                let at = piece.start + offset - begin;
                return Place::new(&self.path, document.label.as_deref(), &document.text, at);
            }
            begin += piece.len;
        }
        Place::new(&self.path, None, "", 0)
    }

    /// Where the value of a path stands, or of as much of the path as is written.
    pub fn place_of(&self, path: &str) -> Place {
        self.place(self.value_of(path).start)
    }

    /// The place of byte `offset` of the string at `path`, exact where the string holds no escapes.
    pub fn place_in(&self, path: &str, offset: usize) -> Place {
        let value = self.value_of(path);
        match content(&self.spliced[value.clone()]) {
            Some((start, literal)) => {
                let escapes = self.spliced[value.clone()].starts_with('"');
                let offset = if escapes { written(literal, offset) } else { offset };
                self.place(value.start + start + offset)
            }
            None => self.place(value.start),
        }
    }

    /// The value of a path, if all of it is written.
    pub fn value_at(&self, path: &str) -> Option<&str> {
        let outline = Outline::scan(&self.spliced);
        let segments: Vec<_> = path.split('.').collect();
        match outline.find(&self.spliced, &segments) {
            Found::Value(node) => self.spliced.get(outline.node(node).value.clone()),
            _ => None,
        }
    }

    fn value_of(&self, path: &str) -> Range<usize> {
        let outline = Outline::scan(&self.spliced);
        let segments: Vec<_> = path.split('.').collect();
        match outline.find(&self.spliced, &segments) {
            Found::Value(node) | Found::Partly { node, .. } => outline.node(node).value.clone(),
            Found::Nothing => 0..0,
        }
    }
}

/// The byte of a literal that writes byte `offset` of the string it stands for: an escape counts as its character.
fn written(literal: &str, offset: usize) -> usize {
    let mut read = 0;
    let mut chars = literal.char_indices();
    while let Some((at, c)) = chars.next() {
        if read >= offset {
            return at;
        }
        read += c.len_utf8();
        if c == '\\' {
            chars.next();
        }
    }
    literal.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &Text, needle: &str) -> String {
        text.place(text.as_str().find(needle).unwrap()).to_string()
    }

    #[test]
    fn what_follows_an_override_keeps_its_place_in_the_file() {
        let mut text = Text::new(Path::new("m.ron"), "(a: 1, b: 2,\n c: 3)");
        text.splice(4..5, "10000", "--set a=10000");
        text.splice(14..15, "x", "--set b=x");
        assert_eq!(text.as_str(), "(a: 10000, b: x,\n c: 3)");
        assert_eq!(header(&text, "b:"), "m.ron:1:8");
        assert_eq!(header(&text, "c:"), "m.ron:2:2");
        assert_eq!(header(&text, "00"), "--set a=10000");
        assert_eq!(header(&text, "x"), "--set b=x");
    }

    #[test]
    fn an_override_of_a_part_of_an_override_leaves_the_rest_to_the_first() {
        let mut text = Text::new(Path::new("m.ron"), "(a: 1)");
        text.splice(4..5, "Sgd(rate: 1, momentum: 2)", "first");
        text.splice(14..15, "0.5", "second");
        assert_eq!(text.as_str(), "(a: Sgd(rate: 0.5, momentum: 2))");
        assert_eq!(header(&text, "Sgd"), "first");
        assert_eq!(header(&text, "0.5"), "second");
        assert_eq!(header(&text, "momentum"), "first");
    }

    #[test]
    fn an_offset_in_a_formula_is_a_place_in_the_file() {
        for (literal, column) in
            [(r#""K*pp""#, 8), (r#"r"K*pp""#, 9), (r##"r#"K*pp"#"##, 10), (r#""\"*pp""#, 9)]
        {
            let text = Text::new(Path::new("m.ron"), &format!("(a: {literal})"));
            let place = text.place_in("a", 2);
            assert_eq!(place.to_string(), format!("m.ron:1:{column}"), "{literal}");
        }
    }

    #[test]
    fn a_path_that_is_not_written_has_the_place_of_its_section() {
        let text = Text::new(Path::new("m.ron"), "(\n network: (horizon: 5.0))");
        assert_eq!(text.place_of("network.head").to_string(), "m.ron:2:11");
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        assert_eq!(Text::new(Path::new("m.ron"), "\u{FEFF}(a: 1)").as_str(), "(a: 1)");
    }
}
