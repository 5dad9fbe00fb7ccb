//! The text of a part of a formula, with what is needed to put it into a larger one: few parentheses, signs
//! in front, and a reading by the parser that gives the same value back.

use std::fmt;

/// How tightly the outermost operation binds, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `a + b`
    Sum,
    /// `sum a*b'`, the sum over samples: it takes the whole product behind it.
    OverSamples,
    /// `a*b`
    Term,
    /// `a.*b`, elementwise products alone: they may be read from either end.
    Chain,
    /// `a.^b`
    Power,
    /// `a'`
    Transposed,
    /// A name, a number, a call, parentheses.
    Atom,
}

/// The size that the parser gives to the text, where the node it stands for has more than one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// A number: repeated by what stands beside it.
    Number,
    /// A multiple of `I`: sized by what stands beside it.
    Identity,
    /// The node's own.
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A number without its sign.
    Literal(f64),
    /// A name, or its transpose or multiple by a literal: as good as a name.
    Simple,
    Compound,
}

/// A sign, a coefficient and a text.
#[derive(Clone, Debug)]
pub struct Written {
    /// Whether a minus leads; in a sum it belongs to the first term.
    negative: bool,
    /// A positive number in front of a product; else 1.
    coefficient: f64,
    text: String,
    /// Of the text alone.
    level: Level,
    pub extent: Extent,
    pub kind: Kind,
    /// Whether it has a value for each sample.
    pub samples: bool,
    /// Whether it depends on the direction of a derivative.
    pub direction: bool,
    /// Whether `I` stands in it.
    pub identity: bool,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negative { "-" } else { "" }, self.unsigned())
    }
}

impl Written {
    pub fn name(text: &str, extent: Extent) -> Written {
        Written {
            negative: false,
            coefficient: 1.0,
            text: text.to_owned(),
            level: Level::Atom,
            extent,
            kind: Kind::Simple,
            samples: false,
            direction: false,
            identity: extent == Extent::Identity,
        }
    }

    pub fn number(x: f64) -> Written {
        let size = x.abs();
        let (text, level) = match size {
            // Folded constants may have no finite value; the parser folds these the same way.
            _ if x.is_nan() => ("0/0".to_owned(), Level::Term),
            _ if size == f64::INFINITY => ("1/0".to_owned(), Level::Term),
            std::f64::consts::PI => ("pi".to_owned(), Level::Atom),
            _ if size != 0.0 && !(1e-4..1e15).contains(&size) => (format!("{size:e}"), Level::Atom),
            _ => (size.to_string(), Level::Atom),
        };
        let (negative, kind) = (x.is_sign_negative() && !x.is_nan(), Kind::Literal(size));
        Written { negative, level, kind, ..Written::name(&text, Extent::Number) }
    }

    pub fn marked(self, samples: bool, direction: bool) -> Written {
        Written { samples, direction, ..self }
    }

    pub fn of_extent(self, extent: Extent) -> Written {
        Written { extent, ..self }
    }

    /// The same value under a name.
    pub fn renamed(&self, name: &str) -> Written {
        let Written { extent, samples, direction, identity, .. } = *self;
        Written { identity, ..Written::name(name, extent).marked(samples, direction) }
    }

    /// The text with its coefficient.
    fn unsigned(&self) -> String {
        match self.coefficient {
            1.0 => self.text.clone(),
            c => format!("{}*{}", Written::number(c).text, self.text),
        }
    }

    pub fn len(&self) -> usize {
        self.text.chars().count()
    }

    fn outer_level(&self) -> Level {
        if self.coefficient == 1.0 { self.level } else { self.level.min(Level::Term) }
    }

    /// Whether it can follow `sum` as a factor, or as a whole: parentheses there would read as a call.
    pub fn follows_sum(&self, factor: bool) -> bool {
        let least = if factor { Level::Power } else { Level::Term };
        self.outer_level() >= least && !self.text.starts_with('(')
    }

    /// Whether it is a sum over samples in full.
    pub fn is_over_samples(&self) -> bool {
        self.level == Level::OverSamples
    }

    /// `self` and `other` in one text, which has the sizes and marks of both and the sign of `self`.
    fn join(self, other: &Written, text: String, level: Level) -> Written {
        Written {
            text,
            level,
            extent: self.extent.max(other.extent),
            kind: Kind::Compound,
            samples: self.samples || other.samples,
            direction: self.direction || other.direction,
            identity: self.identity || other.identity,
            ..self
        }
    }

    /// In parentheses unless it binds at least so tightly; the sign of a product stays in front.
    fn at_least(self, level: Level) -> Written {
        match self.outer_level() {
            own if own >= level => self,
            Level::Sum => self.enclosed(),
            _ => Written {
                negative: self.negative,
                ..Written { negative: false, ..self }.enclosed()
            },
        }
    }

    fn enclosed(self) -> Written {
        let text = format!("({self})");
        Written { negative: false, coefficient: 1.0, text, level: Level::Atom, ..self }
    }

    /// As [`Written::at_least`], where a sign may not lead.
    fn without_sign(self, level: Level) -> Written {
        if self.negative { self.enclosed() } else { self.at_least(level) }
    }

    pub fn neg(self) -> Written {
        let inner = self.at_least(Level::OverSamples);
        Written { negative: !inner.negative, ..inner }
    }

    /// c times it, negated if the sign says so.
    fn scaled(self, c: f64, negative: bool) -> Written {
        if c == 1.0 {
            return if negative { self.neg() } else { self };
        }
        let inner = self.at_least(Level::Term);
        let negative = inner.negative != negative;
        match inner.kind {
            Kind::Literal(x) => Written { negative, ..Written::number(c * x) },
            _ => Written { negative, coefficient: inner.coefficient * c, ..inner },
        }
    }

    /// The text alone, its coefficient and its sign.
    fn split(self) -> (Written, f64, bool) {
        let (c, negative) = (self.coefficient, self.negative);
        (Written { coefficient: 1.0, negative: false, ..self }, c, negative)
    }

    pub fn add(self, other: Written) -> Written {
        // A sign is better inside than in front, a bias better behind what it is added to.
        let full = self.extent == Extent::Full && other.extent == Extent::Full;
        let swap = match (self.negative, other.negative) {
            (false, false) => full && other.samples && !self.samples,
            (own, others) => own && !others,
        };
        let (first, second) = if swap { (other, self) } else { (self, other) };
        // Read from the left, `I` may not meet a number before it meets a matrix.
        let lonely =
            first.extent == Extent::Identity || first.extent == Extent::Number && second.identity;
        let second = if lonely { second.at_least(Level::OverSamples) } else { second };
        let sign = if second.negative { '-' } else { '+' };
        let text = format!("{} {sign} {}", first.unsigned(), second.unsigned());
        Written { coefficient: 1.0, ..first.join(&second, text, Level::Sum) }
    }

    /// Elementwise product.
    pub fn mul(self, other: Written) -> Written {
        match (self.kind, other.kind) {
            (Kind::Literal(c), _) => return other.scaled(c, self.negative),
            (_, Kind::Literal(c)) => return self.scaled(c, other.negative),
            _ => {}
        }
        let (a, c, a_negative) = self.at_least(Level::Term).split();
        let (b, d, b_negative) = other.at_least(Level::Term).split();
        // Numbers first, then what needs no parentheses, then what a derivative is taken along.
        let rank = |w: &Written| match w.extent {
            Extent::Number => (0, w.direction),
            _ if w.level >= Level::Power && !w.text.starts_with('(') => (1, w.direction),
            _ => (2, w.direction),
        };
        let (a, b) = if rank(&b) < rank(&a) { (b, a) } else { (a, b) };
        // (c*A)*B = c*(A*B)
        let shared_number = a.extent == Extent::Number && !a.samples;
        let full = a.extent == Extent::Full && b.extent == Extent::Full;
        let b = b.at_least(match full {
            true => Level::Chain,
            false if shared_number => Level::Term,
            false => Level::Power,
        });
        let chain = full && a.level >= Level::Chain;
        let text = elementwise(&a, if full { ".*" } else { "*" }, &b);
        let product = a.join(&b, text, if chain { Level::Chain } else { Level::Term });
        product.scaled(c * d, a_negative != b_negative)
    }

    pub fn div(self, other: Written) -> Written {
        let symbol = if other.extent == Extent::Number { "/" } else { "./" };
        let (a, c, a_negative) = self.at_least(Level::Term).split();
        let b = other.at_least(Level::Power);
        let text = elementwise(&a, symbol, &b);
        let negative = a_negative != b.negative;
        a.join(&b, text, Level::Term).scaled(c, negative)
    }

    /// Elementwise power.
    pub fn pow(self, other: Written) -> Written {
        let numbers = self.extent == Extent::Number && other.extent == Extent::Number;
        let base = self.without_sign(Level::Transposed);
        let exponent = match other.kind {
            Kind::Literal(_) => other.at_least(Level::Atom),
            _ => other.without_sign(Level::Atom),
        };
        let text = format!("{}{}{exponent}", base.text, if numbers { "^" } else { ".^" });
        base.join(&exponent, text, Level::Power)
    }

    /// Matrix product.
    pub fn times(self, other: Written) -> Written {
        let (a, c, a_negative) = self.at_least(Level::Term).split();
        let (b, d, b_negative) = other.at_least(Level::Term).split();
        let b = b.at_least(Level::Power);
        let text = format!("{}*{}", a.text, b.text);
        a.join(&b, text, Level::Term).scaled(c * d, a_negative != b_negative)
    }

    pub fn transpose(self) -> Written {
        if self.extent != Extent::Full {
            return self;
        }
        let (kind, (inner, c, negative)) = (self.kind, self.at_least(Level::Term).split());
        let (text, level) = match inner.text.strip_suffix('\'') {
            Some(plain) if kind == Kind::Simple => (plain.to_owned(), Level::Atom),
            _ => (format!("{}'", inner.clone().at_least(Level::Atom).text), Level::Transposed),
        };
        Written { negative, coefficient: c, text, level, ..inner }
    }

    pub fn call(self, function: &str) -> Written {
        let text = format!("{function}({self})");
        let (level, kind) = (Level::Atom, Kind::Compound);
        Written { negative: false, coefficient: 1.0, text, level, kind, ..self }
    }

    /// The sum over samples of a product or name.
    pub fn over_samples(self) -> Written {
        let text = format!("sum {}", self.unsigned());
        let (level, kind) = (Level::OverSamples, Kind::Compound);
        Written { coefficient: 1.0, text, level, kind, samples: false, ..self }
    }
}

/// `a.*b` close together, anything longer with room.
fn elementwise(a: &Written, symbol: &str, b: &Written) -> String {
    let long = |w: &Written| matches!(w.level, Level::Term | Level::Power) || w.text.contains(' ');
    let room = if symbol.starts_with('.') && (long(a) || long(b)) { " " } else { "" };
    format!("{}{room}{symbol}{room}{}", a.text, b.text)
}
