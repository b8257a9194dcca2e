//! Signals in expressions: their names, and what stands in their parentheses and brackets.

use super::ast::{Expr, Link, Literal, Shape, Step};
use super::compile::Compiler;
use super::report::did_you_mean;
use super::session::Session;
use super::types::Type;
use super::vocabulary::{FUNCTION_NAMES, form, is_whole, remote_fields};
use crate::model::ages::{STEPS, step_for};
use crate::model::diagnostic::suggest;
use crate::model::kind::Kind;
use crate::model::name::{Name, Remote};
use crate::model::observation::{RemoteField, SignalKey};
use crate::model::signal::{Argument, CATALOGUE, Row, Signal};
use crate::model::units::format_span;

use std::time::Duration;

/// A signal with its argument, and what it gives.
pub(super) struct Resolved {
    pub(super) source: Source,
    pub(super) of: Type,
    /// Every reading of it is a whole number.
    pub(super) whole: bool,
}

/// Where its value comes from.
pub(super) enum Source {
    Key(SignalKey),
    Weekday,
    Session(Session),
}

/// The signal that a chain names, whatever its arguments; the brackets before and the steps after the name.
pub(super) fn row_of(steps: &[Step]) -> Option<(&'static Row, Option<&Step>, &[Step])> {
    let (name, index, rest) = name_of(steps)?;
    let row = CATALOGUE.iter().find(|row| row.name == name)?;
    Some((row, index, rest))
}

fn name_of(steps: &[Step]) -> Option<(String, Option<&Step>, &[Step])> {
    match steps {
        [Step { link: Link::Word(family), .. }, Step { link: Link::Word(field), .. }, rest @ ..] => {
            Some((format!("{family}.{field}"), None, rest))
        }
        [
            Step { link: Link::Word(family), .. },
            index @ Step { link: Link::Index(_), .. },
            Step { link: Link::Word(field), .. },
            rest @ ..,
        ] => Some((format!("{family}[].{field}"), Some(index), rest)),
        _ => None,
    }
}

/// How a signal is written whose last word is this one.
pub(super) fn named_like(field: &str) -> Option<String> {
    CATALOGUE.iter().find(|row| row.name.rsplit('.').next() == Some(field)).map(form)
}

impl Compiler<'_, '_> {
    /// The signal that a chain names, with its argument; `None` where a fault was told.
    pub(super) fn signal(&mut self, expr: &Expr, steps: &[Step]) -> Option<Resolved> {
        let Some((row, index, rest)) = row_of(steps) else {
            self.no_signal(expr, steps);
            return None;
        };
        let (source, rest) = self.argument(expr, row, index, rest)?;
        if let Some(extra) = rest.first() {
            let message = match &extra.link {
                Link::Word(word) => format!("`{}` has no field `{word}`", row.name),
                Link::Index(_) | Link::Call(_) => format!("`{}` takes no argument", row.name),
            };
            let help = format!("write `{}`", form(row));
            self.report.error_with("bad-argument", extra.span.clone(), message, help);
            return None;
        }
        Some(Resolved { source, of: Type::of(row.unit), whole: is_whole(row.signal) })
    }

    /// Reads the argument of a signal; what is left of the steps.
    fn argument<'s>(
        &mut self,
        expr: &Expr,
        row: &'static Row,
        index: Option<&Step>,
        rest: &'s [Step],
    ) -> Option<(Source, &'s [Step])> {
        let call = match rest {
            [Step { link: Link::Call(arguments), .. }, after @ ..] => Some((arguments.as_slice(), after)),
            _ => None,
        };
        let key = |key: SignalKey, rest: &'s [Step]| Some((Source::Key(key), rest));
        match (row.argument, index, call) {
            (Argument::None, _, _) if row.signal == Signal::ClockWeekday => Some((Source::Weekday, rest)),
            (Argument::None, _, _) => key(SignalKey::Plain(row.signal), rest),
            (Argument::Age, _, Some(([age], after))) => key(SignalKey::Leaked(self.age(age)?), after),
            (Argument::Kind, _, Some(([kind], after))) => key(SignalKey::Kind(self.kind(kind)?), after),
            (Argument::RemoteField, _, Some(([remote], after))) => {
                let (remote, field) = (self.remote(remote), self.remote_field(expr, after));
                key(SignalKey::Remote(remote?, field?), after.get(1..).unwrap_or_default())
            }
            (Argument::Remote, _, Some(([remote], after))) => {
                key(SignalKey::ConnectRate(self.remote(remote)?), after)
            }
            (Argument::Session, _, Some(([hours], after))) => Some((self.session(hours)?, after)),
            (Argument::Named, Some(Step { link: Link::Index(names), span }), _) => {
                let name = self.name(names, span.clone())?;
                key(SignalKey::Named(row.signal, name), rest)
            }
            (
                Argument::Age
                | Argument::Kind
                | Argument::RemoteField
                | Argument::Remote
                | Argument::Session
                | Argument::Named,
                _,
                _,
            ) => {
                let message = format!("`{}` takes one argument", row.name);
                let help = format!("write for example `{}`", form(row));
                self.report.error_with("bad-argument", expr.span.clone(), message, help);
                None
            }
        }
    }

    fn age(&mut self, expr: &Expr) -> Option<Duration> {
        let Shape::Literal(Literal::Span(age)) = &expr.shape else {
            let help = match &expr.shape {
                Shape::Literal(Literal::Number(number)) => format!("write `{number}s` or `{number}m`"),
                _ => "write for example `2m`".to_owned(),
            };
            let message = "an age is a duration";
            self.report.error_with("bad-argument", expr.span.clone(), message, help);
            return None;
        };
        let at = expr.span.clone();
        let Some(step) = step_for(*age).map(|place| Duration::from_secs(u64::from(STEPS[place]))) else {
            let longest = format_span(Duration::from_secs(u64::from(STEPS[STEPS.len() - 1])));
            self.report.error("out-of-range", at, format!("ages are counted up to {longest}"));
            return None;
        };
        if step != *age {
            let message = format!("an age of {} counts at {}", format_span(*age), format_span(step));
            let below = STEPS.iter().rev().map(|step| Duration::from_secs(u64::from(*step)));
            let below = below.into_iter().find(|step| step < age).unwrap_or_default();
            let help = format!("write {} or {}", format_span(below), format_span(step));
            self.report.warning("age-step", at, message, help);
        }
        Some(*age)
    }

    fn kind(&mut self, expr: &Expr) -> Option<Kind> {
        let Some(word) = word_or_text(expr) else {
            return self.wants(expr, "a kind is a word: fd.by_kind(socket)");
        };
        let kind = Kind::parse(word);
        if kind.is_none() {
            let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            let message = format!("there is no kind `{word}`");
            self.report.error_with("unknown-word", expr.span.clone(), message, did_you_mean(word, &known));
        }
        kind
    }

    fn remote(&mut self, expr: &Expr) -> Option<Remote> {
        let Shape::Literal(Literal::Text(text)) = &expr.shape else {
            return self.wants(expr, "a remote is written in quotes: \"db:5432\"");
        };
        match Remote::parse(text) {
            Ok(remote) => Some(remote),
            Err(error) => self.wants(expr, &error.to_string()),
        }
    }

    fn remote_field(&mut self, expr: &Expr, after: &[Step]) -> Option<RemoteField> {
        let known = remote_fields();
        let Some(Step { link: Link::Word(word), span }) = after.first() else {
            let message = "a field is missing after the remote";
            let help = format!("write one of .{}", known.join(", ."));
            self.report.error_with("bad-argument", expr.span.clone(), message, help);
            return None;
        };
        let field = RemoteField::parse(word);
        if field.is_none() {
            let message = format!("a remote has no `{word}`");
            self.report.error_with("unknown-field", span.clone(), message, did_you_mean(word, &known));
        }
        field
    }

    fn session(&mut self, expr: &Expr) -> Option<Source> {
        let Shape::Literal(Literal::Text(text)) = &expr.shape else {
            let message = "opening hours are written in quotes: \"09:30-16:00 America/New_York\"";
            return self.wants(expr, message);
        };
        match Session::parse(text) {
            Ok(session) => Some(Source::Session(session)),
            Err(error) => {
                self.report.error_with("bad-argument", expr.span.clone(), error.message, error.help);
                None
            }
        }
    }

    fn name(&mut self, index: &[Expr], at: std::ops::Range<usize>) -> Option<Name> {
        let [expr] = index else {
            self.report.error("bad-argument", at, "one name in quotes is wanted here");
            return None;
        };
        match &expr.shape {
            Shape::Literal(Literal::Text(text)) => match Name::parse(text) {
                Ok(name) => Some(name),
                Err(error) => self.wants(expr, &error.to_string()),
            },
            Shape::Broken => None,
            _ => {
                let written = self.written(expr);
                let message = "a name is written in quotes here";
                let help = format!("write `[\"{written}\"]`");
                self.report.error_with("bad-argument", expr.span.clone(), message, help);
                None
            }
        }
    }

    fn no_signal(&mut self, expr: &Expr, steps: &[Step]) {
        let Some(Step { link: Link::Word(family), .. }) = steps.first() else { return };
        let spelled = name_of(steps).map(|(name, _, _)| name);
        let (message, help) = match spelled {
            Some(name) => (format!("there is no signal `{name}`"), no_such_name(family, &name)),
            None if family == "min" => {
                let help = "a rate is written without blanks: `25/min`; the function is `min(fd.open, 1m)`";
                ("`min` is a function".to_owned(), help.to_owned())
            }
            None if FUNCTION_NAMES.contains(&family.as_str()) => (
                format!("`{family}` is a function"),
                format!("write its arguments in parentheses: `{family}(…)`"),
            ),
            None if self.scope.tiers.iter().any(|tier| tier.as_str() == family) => {
                (format!("`{family}` is a tier"), format!("write `{family}.active`"))
            }
            None => {
                let written = self.written(expr);
                (format!("there is no signal `{written}`"), no_such_family(family))
            }
        };
        self.report.error_with("unknown-signal", expr.span.clone(), message, help);
    }
}

fn word_or_text(expr: &Expr) -> Option<&str> {
    match &expr.shape {
        Shape::Literal(Literal::Text(text)) => Some(text),
        Shape::Chain(steps) => match steps.as_slice() {
            [Step { link: Link::Word(word), .. }] => Some(word),
            _ => None,
        },
        _ => None,
    }
}

/// Help for `family.field` or `family[].field` that is no signal.
fn no_such_name(family: &str, name: &str) -> String {
    let field = name.rsplit('.').next().unwrap_or(name);
    let of_family = |row: &&Row| family_of(row.name) == family;
    let fields: Vec<&str> = CATALOGUE.iter().filter(of_family).map(|row| field_of(row.name)).collect();
    let row_named =
        |wanted: &str| CATALOGUE.iter().filter(of_family).find(|row| field_of(row.name) == wanted);
    if let Some(row) = row_named(field) {
        return format!("write `{}`", form(row));
    }
    if fields.is_empty() {
        let names = CATALOGUE.iter().map(|row| row.name);
        return match suggest(name, names).and_then(Signal::parse) {
            Some(signal) => format!("did you mean `{}`?", form(signal.row())),
            None => no_such_family(family),
        };
    }
    match suggest(field, fields.iter().copied()).and_then(row_named) {
        Some(row) => format!("did you mean `{}`?", form(row)),
        None => format!("`{family}` has: {}", fields.join(", ")),
    }
}

/// Help for a word that starts no signal.
fn no_such_family(word: &str) -> String {
    if let Some(form) = named_like(word) {
        return format!("did you mean `{form}`?");
    }
    let mut families: Vec<&str> = CATALOGUE.iter().map(|row| family_of(row.name)).collect();
    families.dedup();
    match suggest(word, families.iter().copied()) {
        Some(family) => format!("did you mean `{family}.…`?"),
        None => format!("signals start with one of: {}", families.join(", ")),
    }
}

fn family_of(name: &'static str) -> &'static str {
    name.split(['.', '[']).next().unwrap_or(name)
}

fn field_of(name: &'static str) -> &'static str {
    name.rsplit('.').next().unwrap_or(name)
}
