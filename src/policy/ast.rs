//! An expression as written: its tree, each part with its place. Its spelling is in
//! [`spelling`](super::spelling).

use std::ops::Range;
use std::time::Duration;

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

    pub(super) const fn word(self) -> &'static str {
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
}

impl Link {
    fn arguments(&self) -> &[Expr] {
        match self {
            Self::Word(_) => &[],
            Self::Index(arguments) | Self::Call(arguments) => arguments,
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
