//! The canonical spelling of an expression.
//!
//! The one spelling that all equal expressions share: single blanks, no needless parentheses, double quotes,
//! durations and sizes in their shortest exact form. It parses again to the same tree.

use std::fmt::{self, Write as _};

use super::ast::{Expr, Link, Literal, Shape, Step, power};
use crate::model::units::format_span;

/// Adds something after a chain, such as its live value.
pub(super) type Note<'n> = &'n mut dyn FnMut(&Expr, &mut String);

impl Expr {
    /// Writes it canonically; after each chain `note` may add something, such as its live value.
    pub(super) fn write(&self, out: &mut String, note: Note<'_>) {
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

    fn write_within(&self, least: u8, out: &mut String, note: Note<'_>) {
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

fn write_joined(parts: &[Expr], word: &str, power: u8, (out, note): (&mut String, Note<'_>)) {
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
