//! A condition explained: the flags it is made of, each with its value and the live values in it.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::ast::{Expr, Shape};
use super::node::{Flag, Measure};
use super::truth::Truth;
use super::types::Type;
use super::world::World;
use crate::model::name::Name;
use crate::model::units::{format_bytes, format_ratio, format_span};

/// One flag of an expression with its value and the flags it is made of.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Branch {
    /// The expression, with the live value after each signal: `fd.open (312) > 300`.
    pub text: String,
    /// Its value.
    pub value: Truth,
    /// The flags it is made of; none for a comparison.
    pub parts: Vec<Branch>,
}

/// A part of an expression that has a live value worth showing.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// Where its text starts.
    pub(super) start: usize,
    pub(super) shown: Shown,
}

/// What is shown.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    Measure(Measure, Type),
    Ineffective(Name),
    Waited,
}

/// The tree of `written`, which was compiled to `flag`.
pub(super) fn branch(written: &Expr, flag: &Flag, leaves: &[Leaf], world: &World<'_>) -> Branch {
    let parts = match (&written.shape, flag) {
        (Shape::All(written), Flag::All(flags)) | (Shape::Any(written), Flag::Any(flags)) => {
            written.iter().zip(flags).map(|(written, flag)| branch(written, flag, leaves, world)).collect()
        }
        (Shape::Not(written), Flag::Not(flag)) => vec![branch(written, flag, leaves, world)],
        (Shape::Compare(_, written), Flag::Same(_, flags)) => written
            .iter()
            .zip(flags.iter())
            .map(|(written, flag)| branch(written, flag, leaves, world))
            .collect(),
        _ => Vec::new(),
    };
    let mut text = String::new();
    written.write(&mut text, &mut |part, out| {
        // Where a branch has parts, the values stand with them.
        let leaf = leaves.iter().find(|leaf| leaf.start == part.span.start);
        if let Some(leaf) = leaf.filter(|_| parts.is_empty()) {
            out.push_str(" (");
            out.push_str(&leaf.shown.text(world));
            out.push(')');
        }
    });
    Branch { text, value: flag.evaluate(world), parts }
}

impl Shown {
    fn text(&self, world: &World<'_>) -> String {
        match self {
            Self::Measure(measure, of) => match measure.read(world) {
                Ok(value) => show(value, *of),
                Err(gap) => gap.to_string(),
            },
            Self::Ineffective(tier) => world.tiers.ineffective(tier).to_string(),
            Self::Waited => format_span(world.waited.unwrap_or_default()),
        }
    }
}

/// A value in the unit of its type, as people read it.
pub(super) fn show(value: f64, of: Type) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "infinite" } else { "-infinite" }.to_owned();
    }
    if value < 0.0 && of.is_numeric() {
        return format!("-{}", show(-value, of));
    }
    match of {
        Type::Number | Type::Count => decimal(value),
        Type::Duration => duration(value),
        Type::Bytes => bytes(value),
        Type::Ratio => format_ratio(value),
        Type::Rate if value == 0.0 || value >= 1.0 => format!("{}/s", decimal(value)),
        Type::Rate if value >= 1.0 / 60.0 => format!("{}/min", decimal(value * 60.0)),
        Type::Rate => format!("{}/h", decimal(value * 3_600.0)),
        Type::ByteRate => format!("{}/s", bytes(value)),
        Type::Flag => (value != 0.0).to_string(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a short list; a float cast saturates"
        )]
        Type::Word(words) => words.get(value as usize).map_or_else(|| decimal(value), |w| (*w).to_owned()),
    }
}

fn decimal(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// To the millisecond below ten seconds, to the second above.
fn duration(seconds: f64) -> String {
    let rounded = if seconds < 10.0 { (seconds * 1e3).round() / 1e3 } else { seconds.round() };
    Duration::try_from_secs_f64(rounded).map_or_else(|_| "ages".to_owned(), format_span)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative; a float cast saturates"
)]
fn bytes(value: f64) -> String {
    format_bytes(value.round() as u64)
}

impl Branch {
    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        write!(f, "{:indent$}{} -> {}", "", self.text, self.value)?;
        for part in &self.parts {
            writeln!(f)?;
            part.write(f, indent + 2)?;
        }
        Ok(())
    }
}

impl fmt::Display for Branch {
    /// One line for each branch, parts indented below their whole, no newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}
