//! From text to a [`Condition`]: names are resolved, types and units checked, every fault told.

use std::collections::BTreeSet;

use super::ast::{Comparator, Expr, Link, Literal, Operator, Shape};
use super::condition::{Compiled, Condition, Place, Scope};
use super::node::{Flag, Measure};
use super::parse::parse;
use super::report::{Report, did_you_mean};
use super::session::Session;
use super::signals::Source;
use super::tree::Leaf;
use super::types::Type;
use super::windows::WindowKey;
use crate::document::{Faults, Text};
use crate::model::observation::SignalKey;

/// Compiles the expression in `text`. Each fault goes to `faults` with its place in the file; `None` where
/// one of them is an error.
pub fn compile(text: &Text<'_>, scope: &Scope<'_>, faults: &mut Faults) -> Option<Condition> {
    let mut report = Report::new(text, faults);
    let written = parse(&mut report);
    let mut compiler = Compiler {
        scope,
        report: &mut report,
        keys: BTreeSet::new(),
        windows: BTreeSet::new(),
        sessions: Vec::new(),
        leaves: Vec::new(),
    };
    let root = compiler.flag(&written);
    let Compiler { keys, windows, sessions, leaves, .. } = compiler;
    if report.failed() {
        return None;
    }
    Some(Condition::new(Compiled {
        source: text.value.to_string(),
        canonical: written.to_string(),
        root: root?,
        written,
        keys: keys.into_iter().collect(),
        windows: windows.into_iter().collect(),
        sessions,
        leaves,
    }))
}

/// The signal that `text` names, with its argument: `socket.leaked(2m)`. The clock's have no key.
pub fn signal_key(text: &Text<'_>, faults: &mut Faults) -> Option<SignalKey> {
    let mut report = Report::new(text, faults);
    let written = parse(&mut report);
    if report.failed() {
        return None;
    }
    let Shape::Chain(steps) = &written.shape else {
        report.error_with(
            "no-signal",
            written.span,
            "a signal is wanted here",
            "write for example `fd.open`",
        );
        return None;
    };
    let scope = Scope { tiers: &[], place: Place::Test };
    let mut compiler = Compiler {
        scope: &scope,
        report: &mut report,
        keys: BTreeSet::new(),
        windows: BTreeSet::new(),
        sessions: Vec::new(),
        leaves: Vec::new(),
    };
    match compiler.signal(&written, steps)?.source {
        Source::Key(key) => Some(key),
        Source::Weekday | Source::Session(_) => {
            let help = "set `clock` of the scenario instead";
            report.error_with("no-signal", written.span, "the clock can't be set as a signal", help);
            None
        }
    }
}

/// What a part of an expression turned out to be.
pub(super) enum Typed {
    Measure(Measured),
    Flag(Flag),
    /// A word in quotes, or a bare one beside a comparison.
    Text(String),
}

/// A number, its type, and what lint wants to know of it.
pub(super) struct Measured {
    pub(super) measure: Measure,
    pub(super) of: Type,
    /// Always a whole number.
    pub(super) whole: bool,
    /// Made of literals only.
    pub(super) fixed: bool,
}

pub(super) struct Compiler<'c, 'a> {
    pub(super) scope: &'c Scope<'c>,
    pub(super) report: &'c mut Report<'a>,
    pub(super) keys: BTreeSet<SignalKey>,
    pub(super) windows: BTreeSet<WindowKey>,
    pub(super) sessions: Vec<Session>,
    pub(super) leaves: Vec<Leaf>,
}

impl Compiler<'_, '_> {
    /// As true or false; `None` where a fault was told.
    pub(super) fn flag(&mut self, expr: &Expr) -> Option<Flag> {
        match self.value(expr)? {
            Typed::Flag(flag) => Some(flag),
            Typed::Measure(measured) => {
                let written = self.written(expr);
                let message = format!("`{written}` is {}, not true or false", measured.of.name());
                let help = match measured.of {
                    Type::Word(words) => format!("compare it: `{written} == {}`", words[0]),
                    _ => format!("compare it: `{written} > …`"),
                };
                self.report.error_with("not-a-condition", expr.span.clone(), message, help);
                None
            }
            Typed::Text(_) => {
                let message = format!("`{}` is a text, not true or false", self.written(expr));
                self.report.error("not-a-condition", expr.span.clone(), message);
                None
            }
        }
    }

    /// Whatever it is; `None` where a fault was told.
    pub(super) fn value(&mut self, expr: &Expr) -> Option<Typed> {
        match &expr.shape {
            Shape::Broken => None,
            Shape::Literal(literal) => Some(literal_value(literal)),
            Shape::Chain(steps) => self.chain(expr, steps),
            Shape::Negate(inner) => self.negated(inner),
            Shape::Not(inner) => Some(Typed::Flag(Flag::Not(Box::new(self.flag(inner)?)))),
            Shape::All(parts) => Some(Typed::Flag(Flag::All(self.flags(parts)?))),
            Shape::Any(parts) => Some(Typed::Flag(Flag::Any(self.flags(parts)?))),
            Shape::Compare(comparator, sides) => self.compared(expr, *comparator, sides),
            Shape::Arithmetic(operator, sides) => self.calculated(expr, *operator, sides),
        }
    }

    /// As a number; `None` where a fault was told.
    pub(super) fn measured(&mut self, expr: &Expr) -> Option<Measured> {
        let message = match self.value(expr)? {
            Typed::Measure(measured) if measured.of.is_numeric() => return Some(measured),
            Typed::Measure(measured) => {
                format!("one can't calculate with `{}`, {}", self.written(expr), measured.of.name())
            }
            Typed::Flag(_) => {
                format!("a number is wanted here, `{}` is true or false", self.written(expr))
            }
            Typed::Text(_) => format!("a number is wanted here, `{}` is a text", self.written(expr)),
        };
        self.report.error("unit-mismatch", expr.span.clone(), message);
        None
    }

    pub(super) fn written(&self, expr: &Expr) -> String {
        self.report.source().get(expr.span.clone()).unwrap_or_default().to_owned()
    }

    /// Every part is checked, also where one before it is faulty.
    fn flags(&mut self, parts: &[Expr]) -> Option<Vec<Flag>> {
        let flags: Vec<Option<Flag>> = parts.iter().map(|part| self.flag(part)).collect();
        flags.into_iter().collect()
    }

    fn negated(&mut self, inner: &Expr) -> Option<Typed> {
        let Measured { measure, of, whole, fixed } = self.measured(inner)?;
        let measure = Measure::Negated(Box::new(measure));
        Some(Typed::Measure(Measured { measure, of, whole, fixed }))
    }

    fn calculated(&mut self, expr: &Expr, operator: Operator, sides: &[Expr; 2]) -> Option<Typed> {
        let (left, right) = (self.measured(&sides[0]), self.measured(&sides[1]));
        let (left, right) = (left?, right?);
        let of = match operator {
            Operator::Add | Operator::Subtract => left.of.common(right.of),
            Operator::Multiply => left.of.times(right.of),
            Operator::Divide => left.of.over(right.of),
        };
        let Some(of) = of else {
            self.mismatch(expr, operator.sign(), sides, [&left, &right]);
            return None;
        };
        let whole = left.whole && right.whole && operator != Operator::Divide;
        let fixed = left.fixed && right.fixed;
        let measure = Measure::Arithmetic(operator, Box::new([left.measure, right.measure]));
        Some(Typed::Measure(Measured { measure, of, whole, fixed }))
    }

    fn compared(&mut self, expr: &Expr, comparator: Comparator, sides: &[Expr; 2]) -> Option<Typed> {
        let (left, right) = (self.side(&sides[0]), self.side(&sides[1]));
        let flag = match (left?, right?) {
            (Typed::Measure(left), Typed::Measure(right)) => {
                self.numbers(expr, comparator, sides, [left, right])?
            }
            (Typed::Measure(word), Typed::Text(text)) => {
                let text = self.word(&sides[1], &text, &word, &sides[0])?;
                self.words_are_compared_for_equality(expr, comparator)?;
                Flag::Compare(comparator, Box::new([word.measure, text]))
            }
            (Typed::Text(text), Typed::Measure(word)) => {
                let text = self.word(&sides[0], &text, &word, &sides[1])?;
                self.words_are_compared_for_equality(expr, comparator)?;
                Flag::Compare(comparator, Box::new([text, word.measure]))
            }
            (Typed::Flag(left), Typed::Flag(right)) if comparator.is_equality() => {
                Flag::Same(comparator, Box::new([left, right]))
            }
            (Typed::Flag(_), Typed::Flag(_)) => {
                let message =
                    format!("true and false have no order, `{}` can't compare them", comparator.sign());
                self.report.error("unit-mismatch", expr.span.clone(), message);
                return None;
            }
            (Typed::Flag(_), Typed::Measure(_) | Typed::Text(_))
            | (Typed::Measure(_) | Typed::Text(_), Typed::Flag(_)) => {
                let message = "true or false can't be compared with anything else";
                let help = "write it alone, or with `not` before it";
                self.report.error_with("unit-mismatch", expr.span.clone(), message, help);
                return None;
            }
            (Typed::Text(_), Typed::Text(_)) => {
                self.report.error("unit-mismatch", expr.span.clone(), "two texts are compared, no signal");
                return None;
            }
        };
        Some(Typed::Flag(flag))
    }

    /// A side of a comparison, where a bare word may stand for one of a signal's words.
    fn side(&mut self, expr: &Expr) -> Option<Typed> {
        if let Shape::Chain(steps) = &expr.shape
            && let [step] = steps.as_slice()
            && let Link::Word(word) = &step.link
        {
            return Some(Typed::Text(word.clone()));
        }
        self.value(expr)
    }

    fn word(&mut self, expr: &Expr, text: &str, signal: &Measured, other: &Expr) -> Option<Measure> {
        let Type::Word(words) = signal.of else {
            if matches!(expr.shape, Shape::Chain(_)) {
                return self.value(expr).and(None);
            }
            let message = format!(
                "`{}` is {}, it can't be compared with a text",
                self.written(other),
                signal.of.name()
            );
            self.report.error("unit-mismatch", expr.span.clone(), message);
            return None;
        };
        if let Some(place) = words.iter().position(|word| *word == text) {
            return Some(Measure::Constant(place as f64));
        }
        let message = format!("`{}` is never `{text}`", self.written(other));
        self.report.error_with("unknown-word", expr.span.clone(), message, did_you_mean(text, words));
        None
    }

    fn words_are_compared_for_equality(&mut self, expr: &Expr, comparator: Comparator) -> Option<()> {
        if comparator.is_equality() {
            return Some(());
        }
        let message = format!("words have no order, `{}` can't compare them", comparator.sign());
        self.report.error_with("unit-mismatch", expr.span.clone(), message, "use `==` or `!=`");
        None
    }

    fn numbers(
        &mut self,
        expr: &Expr,
        comparator: Comparator,
        sides: &[Expr; 2],
        [left, right]: [Measured; 2],
    ) -> Option<Flag> {
        if let (Type::Word(one), Type::Word(other)) = (left.of, right.of) {
            self.words_are_compared_for_equality(expr, comparator)?;
            if one == other {
                return Some(Flag::Compare(comparator, Box::new([left.measure, right.measure])));
            }
        }
        if left.of.common(right.of).is_none() {
            self.mismatch(expr, comparator.sign(), sides, [&left, &right]);
            return None;
        }
        let at = expr.span.clone();
        if left.fixed && right.fixed {
            let help = "compare a signal with a value";
            self.report.warning("constant", at, "this is always the same", help);
        } else if comparator.is_equality() && !(left.whole && right.whole) {
            let message = "measured values are hardly ever equal";
            self.report.warning("float-equality", at, message, "compare with `<`, `<=`, `>` or `>=`");
        }
        Some(Flag::Compare(comparator, Box::new([left.measure, right.measure])))
    }

    /// Tells that the types of two sides don't fit, at the literal where one of them is one.
    fn mismatch(&mut self, expr: &Expr, sign: &str, sides: &[Expr; 2], types: [&Measured; 2]) {
        let [left, right] = [self.written(&sides[0]), self.written(&sides[1])];
        let message = format!("`{left}` is {}, `{right}` is {}", types[0].of.name(), types[1].of.name());
        let literal = |side: usize| match &sides[side].shape {
            Shape::Literal(literal) => Some(literal),
            Shape::Negate(inner) => match &inner.shape {
                Shape::Literal(literal) => Some(literal),
                _ => None,
            },
            _ => None,
        };
        let at = match (literal(0), literal(1)) {
            (None, Some(_)) => sides[1].span.clone(),
            (Some(_), None) => sides[0].span.clone(),
            (None, None) | (Some(_), Some(_)) => expr.span.clone(),
        };
        let bare = |side: usize, other: &Measured| match literal(side) {
            Some(Literal::Number(number)) => other.of.suggestion(*number),
            _ => None,
        };
        let help = match bare(1, types[0]).or_else(|| bare(0, types[1])) {
            Some(written) => format!("write {written}"),
            None => format!("`{sign}` does not go between these two"),
        };
        self.report.error_with("unit-mismatch", at, message, help);
    }
}

fn literal_value(literal: &Literal) -> Typed {
    let (value, of) = match literal {
        Literal::Number(number) => (*number, Type::Number),
        Literal::Span(span) => (span.as_secs_f64(), Type::Duration),
        Literal::Bytes(bytes) => (*bytes as f64, Type::Bytes),
        Literal::Percent(percent) => (percent / 100.0, Type::Ratio),
        Literal::Rate(count, per) => (count / per.seconds(), Type::Rate),
        Literal::ByteRate(bytes, per) => (*bytes as f64 / per.seconds(), Type::ByteRate),
        Literal::Flag(flag) => return Typed::Flag(Flag::Constant(*flag)),
        Literal::Text(text) => return Typed::Text(text.clone()),
    };
    let whole = value.fract() == 0.0 && matches!(of, Type::Number | Type::Bytes);
    Typed::Measure(Measured { measure: Measure::Constant(value), of, whole, fixed: true })
}

#[cfg(test)]
pub(super) mod tests;
