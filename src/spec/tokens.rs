//! RON cut into tokens, with the byte range of each; anything at all can be cut, so nothing here fails.

use std::ops::Range;

/// What a token is, as far as the outline of a file needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `:`
    Colon,
    /// `,`
    Comma,
    /// A string, raw or not, or a character.
    Text,
    /// An identifier, a number or what else stands between the others.
    Word,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub kind: Kind,
    pub span: Range<usize>,
}

/// The tokens of `text` without its white space, comments and `#![..]` attributes.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = Token> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += blank_len(text.get(at..)?);
        let rest = text.get(at..)?;
        let (kind, len) = token(rest)?;
        let span = at..at + len;
        at = span.end;
        Some(Token { kind, span })
    })
}

/// The first token of a text that does not begin with white space, and its length in bytes.
fn token(rest: &str) -> Option<(Kind, usize)> {
    let first = rest.chars().next()?;
    Some(match first {
        '(' | '[' | '{' => (Kind::Open, 1),
        ')' | ']' | '}' => (Kind::Close, 1),
        ':' => (Kind::Colon, 1),
        ',' => (Kind::Comma, 1),
        _ => match quoted_len(rest) {
            Some(len) => (Kind::Text, len),
            None => (Kind::Word, word_len(rest).max(first.len_utf8())),
        },
    })
}

/// The length of the white space, comments and attributes that `rest` begins with.
fn blank_len(rest: &str) -> usize {
    let mut at = 0;
    while let Some(here) = rest.get(at..) {
        let space = here.len() - here.trim_start_matches(is_space).len();
        let len = match &here[space..] {
            line if line.starts_with("//") => line.find('\n').unwrap_or(line.len()),
            block if block.starts_with("/*") => block_comment_len(block),
            attribute if attribute.starts_with("#!") => {
                attribute.find(']').map_or(attribute.len(), |end| end + 1)
            }
            _ => 0,
        };
        if space + len == 0 {
            break;
        }
        at += space + len;
    }
    at
}

/// RON's white space; `char::is_whitespace` knows more of it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200E}' | '\u{200F}')
}

/// The length of a block comment, which may hold others; the whole text if it is not closed.
fn block_comment_len(block: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(next) = block[at..].find(['/', '*']).map(|found| at + found) {
        match &block[next..] {
            open if open.starts_with("/*") => (depth, at) = (depth + 1, next + 2),
            close if close.starts_with("*/") => (depth, at) = (depth - 1, next + 2),
            _ => at = next + 1,
        }
        if depth == 0 {
            return at;
        }
    }
    block.len()
}

/// The length of the string or character that `rest` begins with, if it does; up to the end if it is not closed.
fn quoted_len(rest: &str) -> Option<usize> {
    let bare = rest.strip_prefix('b').unwrap_or(rest);
    let prefix = rest.len() - bare.len();
    let len = if let Some(raw) = bare.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        raw[hashes..].starts_with('"').then(|| {
            let close = format!("\"{}", &raw[..hashes]);
            let content = hashes + 1;
            raw[content..].find(&close).map_or(bare.len(), |end| 1 + content + end + close.len())
        })
    } else if bare.starts_with('"') {
        Some(escaped_len(bare, '"'))
    } else if bare.starts_with('\'') {
        // A lone quote is not a character: 'a' and '\'' have their end close by.
        Some(escaped_len(bare, '\'')).filter(|&len| len <= "'\\u{10FFFF}'".len())
    } else {
        None
    };
    len.map(|len| prefix + len)
}

/// The length of a literal that ends at the next `quote` without a backslash before it.
fn escaped_len(literal: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in literal.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    literal.len()
}

/// The length of what stands before the next blank, bracket, separator, quote or comment.
fn word_len(rest: &str) -> usize {
    let end = |(at, c): (usize, char)| {
        let stops = is_space(c) || "()[]{}:,\"'".contains(c);
        stops || rest[at..].starts_with("//") || rest[at..].starts_with("/*")
    };
    rest.char_indices().find(|&found| end(found)).map_or(rest.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        tokens(text).map(|token| &text[token.span]).collect()
    }

    #[test]
    fn separators_inside_strings_and_comments_do_not_cut() {
        assert_eq!(cut(r#"a: "x, \" y", // c, d"#), ["a", ":", r#""x, \" y""#, ","]);
        assert_eq!(cut("a/* , /* : */ */, 'b' '\\'' ')'"), ["a", ",", "'b'", "'\\''", "')'"]);
        assert_eq!(cut(r##"r#"a " b"#, r"\", x"##), [r##"r#"a " b"#"##, ",", r#"r"\""#, ",", "x"]);
    }

    #[test]
    fn attributes_are_skipped_and_raw_identifiers_are_words() {
        assert_eq!(cut("#![enable(implicit_some)]\n(r#in:1)"), ["(", "r#in", ":", "1", ")"]);
    }

    #[test]
    fn what_is_not_closed_reaches_to_the_end() {
        assert_eq!(cut("a \"b, c"), ["a", "\"b, c"]);
        assert_eq!(cut("a /* b /* c */"), ["a"]);
        assert_eq!(cut("r##\"x\"# y"), ["r##\"x\"# y"]);
    }
}
