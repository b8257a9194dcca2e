//! The outline of a policy file: its expressions and settings as they stand in the text.
//!
//! What turns a knob of a file and tries it again works on the text, so that it changes exactly what an author
//! would change and every place it names is a place of the file.

use std::ops::Range;

use super::ast::{Expr, Link, Literal, Shape};
use super::parse::parse;
use super::report::Report;
use crate::document::{Faults, Table, Text, Value};

/// A tier, an upkeep rule or a ladder with what it says.
pub(super) struct Part<'d> {
    /// `descriptors/attention`, `descriptors`, `upkeep/recycle`.
    pub(super) place: String,
    pub(super) clauses: Vec<Clause<'d>>,
    /// Times, quotas and `for`, by key.
    pub(super) settings: Vec<(&'static str, Text<'d>)>,
    /// Where `guard` and its value stand.
    pub(super) guard: Option<Range<usize>>,
}

/// An expression of the file.
pub(super) struct Clause<'d> {
    /// `raise`, `clear`, `guard`, `expect`.
    pub(super) key: &'static str,
    pub(super) text: Text<'d>,
    pub(super) expr: Expr,
}

/// Hands the parts of a policy to `visit`, in the order of the file as far as it can be read.
pub(super) fn outline<T>(source: &str, visit: impl FnOnce(Vec<Part<'_>>) -> T) -> Option<T> {
    let mut faults = Faults::default();
    crate::document::read(source, &mut faults, |mut root, faults| {
        let mut parts = Vec::new();
        for (index, value) in root.list("upkeep", faults).unwrap_or_default().iter().enumerate() {
            parts.extend(upkeep(*value, index, faults));
        }
        if let Some(table) = root.table("ladder", faults) {
            for (name, _, value) in table.named_entries(faults) {
                ladder(name.as_str(), value, &mut parts, faults);
            }
        }
        visit(parts)
    })
}

fn upkeep<'d>(value: Value<'d>, index: usize, faults: &mut Faults) -> Option<Part<'d>> {
    let mut table = value.table(faults)?;
    let name = table.text("name", faults).map(|text| text.value.into_owned());
    let name = name.unwrap_or_else(|| format!("upkeep-{}", index + 1));
    let settings = settings(&mut table, &["every"], faults);
    Some(Part { place: format!("upkeep/{name}"), clauses: Vec::new(), settings, guard: None })
}

fn ladder<'d>(name: &str, value: Value<'d>, parts: &mut Vec<Part<'d>>, faults: &mut Faults) {
    let Some(mut table) = value.table(faults) else { return };
    let grace = settings(&mut table, &["start_grace"], faults);
    if !grace.is_empty() {
        parts.push(Part { place: name.to_owned(), clauses: Vec::new(), settings: grace, guard: None });
    }
    for value in table.list("tier", faults).unwrap_or_default() {
        parts.extend(tier(name, value, faults));
    }
}

fn tier<'d>(ladder: &str, value: Value<'d>, faults: &mut Faults) -> Option<Part<'d>> {
    let mut table = value.table(faults)?;
    let name = table.text("name", faults)?.value.into_owned();
    let mut clauses = Vec::new();
    for key in ["raise", "clear", "guard"] {
        let text = table.text(key, faults);
        clauses.extend(text.map(|text| clause(key, text)));
    }
    let guard = table.key_span("guard").zip(table.value("guard"));
    let guard = guard.map(|(key, value)| key.start..value.span().end);
    let mut times = settings(&mut table, &["for", "dwell", "cooldown", "every", "budget"], faults);
    if let Some(mut expect) = table.table("expect", faults) {
        clauses.extend(expect.text("that", faults).map(|text| clause("expect", text)));
        times.extend(settings(&mut expect, &["within"], faults));
    }
    Some(Part { place: format!("{ladder}/{name}"), clauses, settings: times, guard })
}

fn settings<'d>(
    table: &mut Table<'d>,
    keys: &[&'static str],
    faults: &mut Faults,
) -> Vec<(&'static str, Text<'d>)> {
    keys.iter().filter_map(|key| Some((*key, table.text(key, faults)?))).collect()
}

fn clause<'d>(key: &'static str, text: Text<'d>) -> Clause<'d> {
    let mut faults = Faults::default();
    let expr = parse(&mut Report::new(&text, &mut faults));
    Clause { key, text, expr }
}

/// What a literal does in its expression.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It is compared or calculated with.
    Threshold,
    /// It is an argument: the age of `leaked(2m)`, the window of `avg(s, 1m)`, the count of `ineffective(2)`.
    Argument,
}

/// A part of an expression that can be changed.
pub(super) enum Piece<'e> {
    Literal(&'e Expr, &'e Literal, Role),
    Compare(&'e Expr),
    /// The parts of an `and` or `or`.
    Sides(&'e [Expr]),
}

/// Hands every changeable part of an expression to `visit`, from left to right.
pub(super) fn pieces<'e>(expr: &'e Expr, role: Role, visit: &mut impl FnMut(Piece<'e>)) {
    match &expr.shape {
        Shape::Literal(literal) => visit(Piece::Literal(expr, literal, role)),
        Shape::Chain(steps) => {
            for step in steps {
                match &step.link {
                    Link::Word(_) => {}
                    Link::Index(arguments) | Link::Call(arguments) => {
                        for inner in arguments {
                            pieces(inner, Role::Argument, visit);
                        }
                    }
                }
            }
        }
        Shape::Negate(inner) | Shape::Not(inner) => pieces(inner, role, visit),
        Shape::All(parts) | Shape::Any(parts) => {
            visit(Piece::Sides(parts));
            for part in parts {
                pieces(part, role, visit);
            }
        }
        Shape::Compare(_, sides) => {
            pieces(&sides[0], role, visit);
            visit(Piece::Compare(expr));
            pieces(&sides[1], role, visit);
        }
        Shape::Arithmetic(_, sides) => sides.iter().for_each(|side| pieces(side, role, visit)),
        Shape::Broken => {}
    }
}
