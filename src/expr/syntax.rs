//! The text of a formula and its syntax tree.
//!
//! Precedence is MATLAB's: `'`, `^` and `.^` bind tightest, then unary minus and plus, then `*`, `/`, `.*`
//! and `./`, then `+` and `-`; equals are read from left to right. `2^-1` is allowed.

use std::ops::Range;

use super::ExprError;

/// A place in a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(u32);

impl Id {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Sub,
    /// `*`: matrix product, or number times anything.
    Times,
    /// `/`: by a number.
    Over,
    /// `.*`
    Mul,
    /// `./`
    Div,
    /// `^`, with a number.
    Hat,
    /// `.^`
    Pow,
}

impl Operator {
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Sub => "-",
            Operator::Times => "*",
            Operator::Over => "/",
            Operator::Mul => ".*",
            Operator::Div => "./",
            Operator::Hat => "^",
            Operator::Pow => ".^",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Syntax {
    Number(f64),
    /// The name is the text of the span.
    Name,
    Neg(Id),
    Transpose(Id),
    Binary(Operator, Id, Id),
    /// A function's name is the text of `function`.
    Call {
        function: (usize, usize),
        argument: Id,
    },
}

/// A formula read. Arguments come before what uses them, so that a walk needs no recursion.
#[derive(Clone, Debug)]
pub struct Tree {
    pub nodes: Vec<(Syntax, Range<usize>)>,
    pub root: Id,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Number(f64),
    Name,
    Operator(Operator),
    Quote,
    Open,
    Close,
    End,
}

/// Deepest nesting of parentheses, signs and powers; operations in one formula.
const DEEPEST: usize = 200;
const LONGEST: usize = 20_000;

/// Reads a formula. Errors carry the place in `text`.
pub fn parse(text: &str) -> Result<Tree, ExprError> {
    let mut parser =
        Parser { text, at: 0, token: Token::End, span: 0..0, nodes: Vec::new(), depth: 0 };
    parser.advance()?;
    if parser.token == Token::End {
        return Err(ExprError::new(text, 0..text.len(), "the formula is empty".into()));
    }
    let root = parser.sum()?;
    match parser.token {
        Token::End => Ok(Tree { nodes: parser.nodes, root }),
        Token::Close => Err(parser.here("this `)` closes nothing".into())),
        Token::Number(_) | Token::Name | Token::Open => {
            Err(parser.here("an operator is missing before this (`*`, `.*`, `+`, ...)".into()))
        }
        _ => Err(parser.here("the formula should end here".into())),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    token: Token,
    span: Range<usize>,
    nodes: Vec<(Syntax, Range<usize>)>,
    depth: usize,
}

impl Parser<'_> {
    fn here(&self, message: String) -> ExprError {
        ExprError::new(self.text, self.span.clone(), message)
    }

    fn push(&mut self, syntax: Syntax, span: Range<usize>) -> Result<Id, ExprError> {
        if self.nodes.len() >= LONGEST {
            return Err(ExprError::new(
                self.text,
                span,
                format!("a formula may have {LONGEST} operations; this one has more"),
            ));
        }
        self.nodes.push((syntax, span));
        Ok(Id(self.nodes.len() as u32 - 1))
    }

    fn span_of(&self, id: Id) -> Range<usize> {
        self.nodes[id.index()].1.clone()
    }

    fn advance(&mut self) -> Result<(), ExprError> {
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_start().len());
        let rest = &self.text[start..];
        let mut chars = rest.chars();
        let Some(first) = chars.next() else {
            self.token = Token::End;
            self.span = start..start;
            self.at = start;
            return Ok(());
        };
        let second = chars.next();
        let (token, length) = match (first, second) {
            ('.', Some('*')) => (Token::Operator(Operator::Mul), 2),
            ('.', Some('/')) => (Token::Operator(Operator::Div), 2),
            ('.', Some('^')) => (Token::Operator(Operator::Pow), 2),
            ('.', Some('\'')) => (Token::Quote, 2),
            ('+', _) => (Token::Operator(Operator::Add), 1),
            ('-', _) => (Token::Operator(Operator::Sub), 1),
            ('*', _) => (Token::Operator(Operator::Times), 1),
            ('/', _) => (Token::Operator(Operator::Over), 1),
            ('^', _) => (Token::Operator(Operator::Hat), 1),
            ('\'', _) => (Token::Quote, 1),
            ('(', _) => (Token::Open, 1),
            (')', _) => (Token::Close, 1),
            ('0'..='9' | '.', _) => {
                let length = number_length(rest.as_bytes());
                match rest[..length].parse::<f64>() {
                    Ok(x) if x.is_finite() => (Token::Number(x), length),
                    _ => {
                        let span = start..start + length.max(1);
                        return Err(ExprError::new(self.text, span, "this is not a number".into()));
                    }
                }
            }
            (c, _) if c.is_alphabetic() || c == '_' => {
                let length =
                    rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                (Token::Name, length)
            }
            (c, _) => {
                let span = start..start + c.len_utf8();
                let message = format!("`{}` has no meaning in a formula", c.escape_default());
                return Err(ExprError::new(self.text, span, message));
            }
        };
        self.token = token;
        self.span = start..start + length;
        self.at = start + length;
        Ok(())
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ExprError>,
    ) -> Result<T, ExprError> {
        if self.depth == DEEPEST {
            return Err(self.here(format!("nested more than {DEEPEST} deep; name a part of it")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn sum(&mut self) -> Result<Id, ExprError> {
        self.chain(&[Operator::Add, Operator::Sub], Self::term)
    }

    fn term(&mut self) -> Result<Id, ExprError> {
        use Operator::*;
        self.chain(&[Times, Over, Mul, Div], Self::signed)
    }

    /// Operators of one precedence, from left to right.
    fn chain(
        &mut self,
        operators: &[Operator],
        operand: fn(&mut Self) -> Result<Id, ExprError>,
    ) -> Result<Id, ExprError> {
        let mut left = operand(self)?;
        while let Token::Operator(op) = self.token {
            if !operators.contains(&op) {
                break;
            }
            self.advance()?;
            let right = operand(self)?;
            let span = self.span_of(left).start..self.span_of(right).end;
            left = self.push(Syntax::Binary(op, left, right), span)?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Id, ExprError> {
        let start = self.span.start;
        match self.token {
            Token::Operator(Operator::Sub) => {
                self.advance()?;
                let inner = self.deeper(Self::signed)?;
                let span = start..self.span_of(inner).end;
                self.push(Syntax::Neg(inner), span)
            }
            Token::Operator(Operator::Add) => {
                self.advance()?;
                self.deeper(Self::signed)
            }
            _ => self.postfix(),
        }
    }

    fn postfix(&mut self) -> Result<Id, ExprError> {
        let mut base = self.atom()?;
        loop {
            let start = self.span_of(base).start;
            match self.token {
                Token::Quote => {
                    let span = start..self.span.end;
                    self.advance()?;
                    base = self.push(Syntax::Transpose(base), span)?;
                }
                Token::Operator(op @ (Operator::Hat | Operator::Pow)) => {
                    self.advance()?;
                    let exponent = self.exponent()?;
                    let span = start..self.span_of(exponent).end;
                    base = self.push(Syntax::Binary(op, base, exponent), span)?;
                }
                _ => return Ok(base),
            }
        }
    }

    fn exponent(&mut self) -> Result<Id, ExprError> {
        let start = self.span.start;
        match self.token {
            Token::Operator(Operator::Sub) => {
                self.advance()?;
                let inner = self.deeper(Self::exponent)?;
                let span = start..self.span_of(inner).end;
                self.push(Syntax::Neg(inner), span)
            }
            Token::Operator(Operator::Add) => {
                self.advance()?;
                self.deeper(Self::exponent)
            }
            _ => self.atom(),
        }
    }

    fn atom(&mut self) -> Result<Id, ExprError> {
        let span = self.span.clone();
        match self.token {
            Token::Number(x) => {
                self.advance()?;
                self.push(Syntax::Number(x), span)
            }
            Token::Name => {
                self.advance()?;
                if self.token != Token::Open {
                    return self.push(Syntax::Name, span);
                }
                let argument = self.parenthesised()?;
                let function = (span.start, span.end);
                let end = self.span_of(argument).end + 1;
                self.push(Syntax::Call { function, argument }, span.start..end.min(self.text.len()))
            }
            Token::Open => self.parenthesised(),
            Token::End => Err(self.here("the formula ends where a value is expected".into())),
            _ => Err(self.here("a value is expected here (a name, a number or `(`)".into())),
        }
    }

    fn parenthesised(&mut self) -> Result<Id, ExprError> {
        let open = self.span.clone();
        self.advance()?;
        let inner = self.deeper(Self::sum)?;
        if self.token != Token::Close {
            return Err(match self.token {
                Token::End => ExprError::new(self.text, open, "this `(` is not closed".into()),
                _ => self.here("`)` or an operator is expected here".into()),
            });
        }
        self.advance()?;
        Ok(inner)
    }
}

/// Bytes of a number: digits, one point that does not begin an operator, an exponent.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut at = digits(0);
    let operator_follows = matches!(bytes.get(at + 1), Some(b'*' | b'/' | b'^' | b'\''));
    if bytes.get(at) == Some(&b'.') && !operator_follows {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
            at = digits(at + 1 + sign);
        }
    }
    at
}
