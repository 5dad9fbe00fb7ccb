//! Where everything stands in a RON source: the byte range of each value and its path, such as `network.method`.
//!
//! The outline judges nothing, it takes any text; whether the text is RON is for the `ron` crate to say.

use std::ops::Range;

use super::tokens::{Kind, tokens};

/// The values of a source, flat, each with its parent: no nesting is deep enough to overflow a stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    nodes: Vec<Node>,
}

/// A value: `Adam(rate: 0.02)`, `"rk4"`, `[1, 2]`.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    parent: Option<usize>,
    /// Its number among its siblings.
    index: usize,
    /// Where its key stands: in `rate: 0.02` the word `rate`, in `"K": Scalar` the string with its quotes.
    pub key: Option<Range<usize>>,
    /// Where it stands itself, without the key; empty where the value is missing.
    pub value: Range<usize>,
    /// The byte at which its bracket opens.
    pub open: Option<usize>,
    n_children: usize,
}

/// How far a path leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// To the end, at this node.
    Value(usize),
    /// Only to this node, which has no child for the rest of the path: so many segments were found.
    Partly { node: usize, segments: usize },
    /// There is no value in the source at all.
    Nothing,
}

impl Outline {
    /// Reads the outline of `text` in one pass.
    pub fn scan(text: &str) -> Self {
        let mut outline = Outline::default();
        let mut containers = Vec::new();
        let mut current = None;
        for token in tokens(text) {
            let span = token.span;
            match token.kind {
                Kind::Comma => {
                    outline.leave_empty(current, span.start);
                    current = None;
                }
                Kind::Colon => outline.turn_into_key(current, span.end),
                Kind::Text | Kind::Word => {
                    let node = outline.here(current, containers.last().copied(), &span);
                    outline.nodes[node].value.end = span.end;
                    current = Some(node);
                }
                Kind::Open => {
                    let node = outline.here(current, containers.last().copied(), &span);
                    outline.nodes[node].value.end = span.end;
                    outline.nodes[node].open.get_or_insert(span.start);
                    containers.push(node);
                    current = None;
                }
                Kind::Close => {
                    outline.leave_empty(current, span.start);
                    if let Some(node) = containers.pop() {
                        outline.nodes[node].value.end = span.end;
                        current = Some(node);
                    }
                }
            }
        }
        for node in containers {
            outline.nodes[node].value.end = text.len();
        }
        outline
    }

    /// The node that the next token belongs to: the current one, or a new one that begins here.
    fn here(
        &mut self,
        current: Option<usize>,
        parent: Option<usize>,
        span: &Range<usize>,
    ) -> usize {
        if let Some(node) = current {
            let value = &mut self.nodes[node].value;
            if value.start == value.end {
                *value = span.clone();
            }
            return node;
        }
        let index = match parent {
            Some(parent) => {
                self.nodes[parent].n_children += 1;
                self.nodes[parent].n_children - 1
            }
            None => 0,
        };
        let value = span.clone();
        self.nodes.push(Node { parent, index, key: None, value, open: None, n_children: 0 });
        self.nodes.len() - 1
    }

    /// What was read as a value stands before a colon and is the key of the value that follows.
    fn turn_into_key(&mut self, current: Option<usize>, after: usize) {
        if let Some(node) = current.and_then(|current| self.nodes.get_mut(current))
            && node.key.is_none()
            && node.open.is_none()
        {
            node.key = Some(std::mem::replace(&mut node.value, after..after));
        }
    }

    /// A key without a value has an empty one right before the comma or bracket, where it is missed.
    fn leave_empty(&mut self, current: Option<usize>, at: usize) {
        if let Some(node) = current.and_then(|current| self.nodes.get_mut(current))
            && node.value.start == node.value.end
        {
            node.value = at..at;
        }
    }

    /// The node of that number.
    pub fn node(&self, id: usize) -> &Node {
        &self.nodes[id]
    }

    /// All nodes, parents before children.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The children of a node in their order.
    pub fn children(&self, id: usize) -> impl Iterator<Item = usize> + '_ {
        (id + 1..self.nodes.len()).filter(move |&child| self.nodes[child].parent == Some(id))
    }

    /// Follows a path such as `["training", "optimiser", "rate"]`; elements without a key go by their number.
    ///
    /// A value with a single unnamed part, `Some((patience: 5))`, is looked through.
    pub fn find(&self, text: &str, path: &[&str]) -> Found {
        if self.nodes.is_empty() {
            return Found::Nothing;
        }
        let mut node = 0;
        for (segments, segment) in path.iter().enumerate() {
            match self.child(text, node, segment) {
                Some(child) => node = child,
                None => return Found::Partly { node, segments },
            }
        }
        Found::Value(node)
    }

    fn child(&self, text: &str, mut node: usize, segment: &str) -> Option<usize> {
        loop {
            let matching = self.children(node).find(|&child| match self.key(text, child) {
                Some(key) => key == segment,
                None => segment.parse() == Ok(self.nodes[child].index),
            });
            if matching.is_some() {
                return matching;
            }
            // The first child of a node comes right after it.
            let only = node + 1;
            if self.nodes[node].n_children != 1 || self.nodes[only].key.is_some() {
                return None;
            }
            node = only;
        }
    }

    /// The path of a node as it would be typed: `network.field.rhs.q`; empty for the whole file.
    pub fn path(&self, text: &str, id: usize) -> String {
        let mut segments = Vec::new();
        let mut here = Some(id);
        while let Some(id) = here {
            let node = &self.nodes[id];
            match (self.key(text, id), node.parent) {
                (Some(key), _) => segments.push(key.to_owned()),
                (None, Some(parent)) if self.nodes[parent].n_children > 1 => {
                    segments.push(node.index.to_string());
                }
                (None, _) => {}
            }
            here = node.parent;
        }
        segments.reverse();
        segments.join(".")
    }

    /// The key of a node without quotes.
    fn key<'t>(&self, text: &'t str, id: usize) -> Option<&'t str> {
        let key = self.nodes[id].key.clone()?;
        Some(content(&text[key.clone()]).map_or(&text[key], |(_, content)| content))
    }

    /// The variant that a value begins with: `Csv` in `Csv(path: "x.csv")`.
    pub fn name<'t>(&self, text: &'t str, id: usize) -> Option<&'t str> {
        let node = &self.nodes[id];
        let name = text[node.value.start..node.open.unwrap_or(node.value.end)].trim();
        (!name.is_empty()).then_some(name)
    }

    /// The parent of a node.
    pub fn parent(&self, id: usize) -> Option<usize> {
        self.nodes[id].parent
    }

    /// The smallest value that reaches over or touches `offset` and of which `holds` is true.
    pub fn at(&self, offset: usize, holds: impl Fn(&Node) -> bool) -> Option<usize> {
        let touches = |node: &Node| node.value.start <= offset && offset <= node.value.end;
        (0..self.nodes.len())
            .filter(|&id| touches(&self.nodes[id]) && holds(&self.nodes[id]))
            .min_by_key(|&id| (self.nodes[id].value.len(), std::cmp::Reverse(id)))
    }

    /// The node whose key begins at `offset`.
    pub fn keyed_at(&self, offset: usize) -> Option<usize> {
        self.nodes.iter().position(|node| node.key.as_ref().is_some_and(|key| key.start == offset))
    }
}

/// What a string literal holds, as it is written, and where it begins in the literal.
pub(crate) fn content(literal: &str) -> Option<(usize, &str)> {
    let raw = literal.strip_prefix('r').map(|raw| raw.trim_start_matches('#'));
    let body = raw.unwrap_or(literal).strip_prefix('"')?;
    let start = literal.len() - body.len();
    let end = if raw.is_some() { body.rfind('"') } else { body.strip_suffix('"').map(str::len) };
    Some((start, &body[..end.unwrap_or(body.len())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"(
        network: ( // method: "euler",
            method: "rk4", field: Formula(rhs: { "q": "K*p, t" }, weights: {"K": Matrix(8, "n")}),
        ),
        training: (optimiser: Adam(rate: 0.02, schedule: Cosine), stop: Some((patience: 5))),
        data: Rings(classes: [[(inner: 1)], [(inner: 2), (inner: 3)]]),
    )"#;

    fn value<'t>(text: &'t str, path: &str) -> Option<&'t str> {
        let outline = Outline::scan(text);
        match outline.find(text, &path.split('.').collect::<Vec<_>>()) {
            Found::Value(node) => Some(&text[outline.node(node).value.clone()]),
            _ => None,
        }
    }

    #[test]
    fn a_path_leads_to_the_text_of_its_value() {
        for (path, expected) in [
            ("network.method", r#""rk4""#),
            ("network.field.rhs.q", r#""K*p, t""#),
            ("network.field.weights.K.1", r#""n""#),
            ("training.optimiser.rate", "0.02"),
            ("training.optimiser", "Adam(rate: 0.02, schedule: Cosine)"),
            ("training.stop.patience", "5"),
            ("data.classes.1.0.inner", "2"),
        ] {
            assert_eq!(value(SOURCE, path), Some(expected), "{path}");
        }
        assert_eq!(value(SOURCE, "network.methd"), None);
        assert_eq!(value(SOURCE, "network.method.x"), None);
    }

    #[test]
    fn every_value_is_found_again_by_its_path() {
        let outline = Outline::scan(SOURCE);
        for (id, node) in outline.nodes().enumerate().skip(1) {
            let path = outline.path(SOURCE, id);
            let segments: Vec<_> = path.split('.').collect();
            let Found::Value(found) = outline.find(SOURCE, &segments) else {
                panic!("{path} is not found");
            };
            // The inside of Some(..) has the path of the whole.
            let looked_through = outline.node(found).value.contains(&node.value.start);
            assert!(found == id || looked_through, "{path}");
        }
    }

    #[test]
    fn the_content_of_a_literal_is_what_stands_between_its_quotes() {
        assert_eq!(content(r#""ab""#), Some((1, "ab")));
        assert_eq!(content(r###"r#"a"b"#"###), Some((3, "a\"b")));
        assert_eq!(content("rk4"), None);
        assert_eq!(content("\""), Some((1, "")));
    }

    #[test]
    fn unbalanced_text_has_an_outline_too() {
        for text in ["", ")", "(((", "a: b: c", ": 1", "(a: (b: 1", "[1}, x", "\"", "r#\""] {
            let outline = Outline::scan(text);
            for id in 0..outline.nodes.len() {
                outline.path(text, id);
                outline.name(text, id);
            }
        }
    }
}
