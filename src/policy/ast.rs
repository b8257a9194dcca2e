//! An expression as written, and its canonical spelling.
//!
//! `Display` writes the one spelling that all equal expressions share: single blanks, no needless
//! parentheses, double quotes, durations and sizes in their shortest exact form. It parses again to the same
//! tree.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::time::Duration;

use crate::model::units::format_span;

/// A part of an expression with its place in the text.
#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) span: Range<usize>,
    pub(super) shape: Shape,
    /// Levels below and including this one; the parser bounds it, so that walks may recurse.
    pub(super) depth: usize,
}

/// What it is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Shape {
    Literal(Literal),
    /// A signal, a function or a tier: `pool["x"].waiting`, `avg(fd.open, 1m)`.
    Chain(Vec<Step>),
    Negate(Box<Expr>),
    Not(Box<Expr>),
    /// Two or more, none of them `All`.
    All(Vec<Expr>),
    /// Two or more, none of them `Any`.
    Any(Vec<Expr>),
    Compare(Comparator, Box<[Expr; 2]>),
    Arithmetic(Operator, Box<[Expr; 2]>),
    /// Could not be read; the fault is told.
    Broken,
}

/// A part of a chain. The first is always a word.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) span: Range<usize>,
    pub(super) link: Link,
}

/// What a step is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Link {
    Word(String),
    Index(Vec<Expr>),
    Call(Vec<Expr>),
}

/// A value as written.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Literal {
    Number(f64),
    Span(Duration),
    Bytes(u64),
    /// In per cent.
    Percent(f64),
    Rate(f64, Per),
    ByteRate(u64, Per),
    Flag(bool),
    Text(String),
}

/// The time of a rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Per {
    Second,
    Minute,
    Hour,
    Day,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// How tightly an expression binds; more binds tighter.
pub(super) mod power {
    pub(in crate::policy) const OR: u8 = 1;
    pub(in crate::policy) const AND: u8 = 2;
    pub(in crate::policy) const NOT: u8 = 3;
    pub(in crate::policy) const COMPARE: u8 = 4;
    pub(in crate::policy) const ADD: u8 = 5;
    pub(in crate::policy) const MULTIPLY: u8 = 6;
    pub(in crate::policy) const NEGATE: u8 = 7;
    pub(in crate::policy) const ATOM: u8 = 8;
}

impl Per {
    pub(super) const WORDS: [(&'static str, Self); 7] = [
        ("s", Self::Second),
        ("min", Self::Minute),
        ("h", Self::Hour),
        ("day", Self::Day),
        ("m", Self::Minute),
        ("hour", Self::Hour),
        ("d", Self::Day),
    ];

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, per)| *per)
    }

    pub(super) const fn seconds(self) -> f64 {
        match self {
            Self::Second => 1.0,
            Self::Minute => 60.0,
            Self::Hour => 3_600.0,
            Self::Day => 86_400.0,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "day",
        }
    }
}

impl Comparator {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// Whether it asks for equality only.
    pub(super) const fn is_equality(self) -> bool {
        match self {
            Self::Equal | Self::NotEqual => true,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => false,
        }
    }
}

impl Operator {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }

    pub(super) const fn power(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => power::ADD,
            Self::Multiply | Self::Divide => power::MULTIPLY,
        }
    }
}

impl Expr {
    pub(super) fn new(span: Range<usize>, shape: Shape) -> Self {
        let deepest = |parts: &[Self]| parts.iter().map(|part| part.depth).max().unwrap_or(0);
        let below = match &shape {
            Shape::Literal(_) | Shape::Broken => 0,
            Shape::Chain(steps) => steps.iter().map(|step| deepest(step.link.arguments())).max().unwrap_or(0),
            Shape::Negate(inner) | Shape::Not(inner) => inner.depth,
            Shape::All(parts) | Shape::Any(parts) => deepest(parts),
            Shape::Compare(_, sides) | Shape::Arithmetic(_, sides) => deepest(sides.as_slice()),
        };
        Self { span, shape, depth: below + 1 }
    }

    /// Writes it canonically; after each chain `note` may add something, such as its live value.
    pub(super) fn write(&self, out: &mut String, note: &mut dyn FnMut(&Self, &mut String)) {
        match &self.shape {
            Shape::Literal(literal) => {
                let _ = write!(out, "{literal}");
            }
            Shape::Chain(steps) => {
                write_chain(steps, out);
                note(self, out);
            }
            Shape::Negate(inner) => {
                out.push('-');
                inner.write_within(power::NEGATE + 1, out, note);
            }
            Shape::Not(inner) => {
                out.push_str("not ");
                inner.write_within(power::NOT, out, note);
            }
            Shape::All(parts) => write_joined(parts, " and ", power::AND, (out, note)),
            Shape::Any(parts) => write_joined(parts, " or ", power::OR, (out, note)),
            Shape::Compare(comparator, sides) => {
                sides[0].write_within(power::COMPARE + 1, out, note);
                let _ = write!(out, " {} ", comparator.sign());
                sides[1].write_within(power::COMPARE + 1, out, note);
            }
            Shape::Arithmetic(operator, sides) => {
                sides[0].write_within(operator.power(), out, note);
                let _ = write!(out, " {} ", operator.sign());
                sides[1].write_within(operator.power() + 1, out, note);
            }
            Shape::Broken => out.push('?'),
        }
    }

    fn write_within(&self, least: u8, out: &mut String, note: &mut dyn FnMut(&Self, &mut String)) {
        if self.power() < least {
            out.push('(');
            self.write(out, note);
            out.push(')');
        } else {
            self.write(out, note);
        }
    }

    fn power(&self) -> u8 {
        match &self.shape {
            Shape::Literal(_) | Shape::Chain(_) | Shape::Broken => power::ATOM,
            Shape::Negate(_) => power::NEGATE,
            Shape::Not(_) => power::NOT,
            Shape::All(_) => power::AND,
            Shape::Any(_) => power::OR,
            Shape::Compare(..) => power::COMPARE,
            Shape::Arithmetic(operator, _) => operator.power(),
        }
    }
}

impl Link {
    fn arguments(&self) -> &[Expr] {
        match self {
            Self::Word(_) => &[],
            Self::Index(arguments) | Self::Call(arguments) => arguments,
        }
    }
}

fn write_joined(
    parts: &[Expr],
    word: &str,
    power: u8,
    (out, note): (&mut String, &mut dyn FnMut(&Expr, &mut String)),
) {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            out.push_str(word);
        }
        part.write_within(power + 1, out, note);
    }
}

fn write_chain(steps: &[Step], out: &mut String) {
    let list = |arguments: &[Expr], out: &mut String| {
        for (place, argument) in arguments.iter().enumerate() {
            if place > 0 {
                out.push_str(", ");
            }
            argument.write(out, &mut |_, _| {});
        }
    };
    for (place, step) in steps.iter().enumerate() {
        match &step.link {
            Link::Word(word) => {
                if place > 0 {
                    out.push('.');
                }
                out.push_str(word);
            }
            Link::Index(arguments) => {
                out.push('[');
                list(arguments, out);
                out.push(']');
            }
            Link::Call(arguments) => {
                out.push('(');
                list(arguments, out);
                out.push(')');
            }
        }
    }
}

impl PartialEq for Expr {
    /// Equal but for their places.
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape
    }
}

impl PartialEq for Step {
    /// Equal but for their places.
    fn eq(&self, other: &Self) -> bool {
        self.link == other.link
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text, &mut |_, _| {});
        f.write_str(&text)
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Span(span) => f.write_str(&format_span(*span)),
            Self::Bytes(bytes) => f.write_str(&exact_bytes(*bytes)),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Rate(count, per) => write!(f, "{count}/{}", per.word()),
            Self::ByteRate(bytes, per) => write!(f, "{}/{}", exact_bytes(*bytes), per.word()),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Text(text) if text.contains('"') => write!(f, "'{text}'"),
            Self::Text(text) => write!(f, "\"{text}\""),
        }
    }
}

fn exact_bytes(bytes: u64) -> String {
    let units = [("TiB", 1u64 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let whole = units.into_iter().find(|(_, size)| bytes > 0 && bytes.is_multiple_of(*size));
    whole.map_or_else(|| format!("{bytes}B"), |(unit, size)| format!("{}{unit}", bytes / size))
}
