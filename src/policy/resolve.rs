//! Functions and `before.` in expressions; see [`signals`](super::signals) and [`tiers`](super::tiers) for
//! the other names.

use std::time::Duration;

use super::ast::{Expr, Link, Literal, Shape, Step};
use super::compile::{Compiler, Measured, Typed};
use super::condition::Place;
use super::node::{Asked, Flag, Measure, When};
use super::report::did_you_mean;
use super::signals::{Resolved, Source};
use super::tree::{Leaf, Shown};
use super::types::Type;
use super::vocabulary::FUNCTION_NAMES;
use super::window::Function;
use super::windows::WindowKey;

/// The spans that a window can have.
const SPAN_MIN: Duration = Duration::from_secs(1);
const SPAN_MAX: Duration = Duration::from_hours(7 * 24);

impl Compiler<'_, '_> {
    /// What a chain of words, brackets and calls means.
    pub(super) fn chain(&mut self, expr: &Expr, steps: &[Step]) -> Option<Typed> {
        let typed = self.meaning(expr, steps)?;
        if let Typed::Measure(measured) = &typed {
            self.show(expr, Shown::Measure(measured.measure.clone(), measured.of));
        }
        Some(typed)
    }

    fn meaning(&mut self, expr: &Expr, steps: &[Step]) -> Option<Typed> {
        let Some((Step { link: Link::Word(first), .. }, rest)) = steps.split_first() else { return None };
        match rest {
            [Step { link: Link::Call(arguments), .. }] => return self.function(expr, first, arguments),
            [Step { link: Link::Word(_), .. }, ..] if first == "before" => {
                return self.before(expr, rest);
            }
            _ => {}
        }
        if let Some((tier, fields)) = self.tier_of(steps) {
            return self.tier(expr, tier, fields);
        }
        let resolved = self.signal(expr, steps)?;
        Some(self.reading(resolved, When::Now))
    }

    pub(super) fn show(&mut self, expr: &Expr, shown: Shown) {
        self.leaves.push(Leaf { start: expr.span.start, shown });
    }

    fn reading(&mut self, resolved: Resolved, when: When) -> Typed {
        let Resolved { source, of, whole } = resolved;
        let measure = match source {
            Source::Key(key) => {
                self.keys.insert(key.clone());
                Measure::Signal(key, when)
            }
            Source::Weekday => Measure::Weekday(when),
            Source::Session(session) => {
                self.sessions.push(session.clone());
                return Typed::Flag(Flag::Session(session, when));
            }
        };
        measure_or_flag(measure, of, whole)
    }

    fn before(&mut self, expr: &Expr, steps: &[Step]) -> Option<Typed> {
        if self.scope.place != Place::Expect {
            let message = "`before.` stands only in an expectation";
            let help = "elsewhere `ago(signal, 5m)` looks back";
            self.report.error_with("out-of-place", expr.span.clone(), message, help);
        }
        if let [Step { link: Link::Word(name), .. }, Step { link: Link::Call(_), .. }] = steps {
            let message = format!("`before.` goes before a signal, not before `{name}(..)`");
            self.report.error("out-of-place", expr.span.clone(), message);
            return None;
        }
        let resolved = self.signal(expr, steps)?;
        Some(self.reading(resolved, When::Before))
    }

    fn function(&mut self, expr: &Expr, name: &str, arguments: &[Expr]) -> Option<Typed> {
        let windowed = matches!(arguments, [_, Expr { shape: Shape::Literal(Literal::Span(_)), .. }]);
        match name {
            "avg" => self.window(expr, name, Function::Avg, arguments),
            "rate" => self.window(expr, name, Function::Rate, arguments),
            "increase" => self.window(expr, name, Function::Increase, arguments),
            "trend" => self.window(expr, name, Function::Trend, arguments),
            "ago" => self.window(expr, name, Function::Ago, arguments),
            "max" if windowed => self.window(expr, name, Function::Max, arguments),
            "min" if windowed => self.window(expr, name, Function::Min, arguments),
            "max" | "min" => self.extreme(expr, name, arguments),
            "unknown" => self.unknown(expr, arguments),
            "waited" => self.waited(expr, arguments),
            _ => {
                let help = match super::signals::named_like(name) {
                    Some(form) => format!("did you mean `{form}`?"),
                    None => did_you_mean(name, FUNCTION_NAMES),
                };
                let message = format!("there is no function `{name}`");
                self.report.error_with("unknown-function", expr.span.clone(), message, help);
                None
            }
        }
    }

    fn unknown(&mut self, expr: &Expr, arguments: &[Expr]) -> Option<Typed> {
        let [argument] = arguments else {
            return self.wants(expr, "`unknown` takes one signal or expression: unknown(fd.tte)");
        };
        let asked = match self.value(argument)? {
            Typed::Measure(measured) => Asked::Measure(measured.measure),
            Typed::Flag(flag) => Asked::Flag(Box::new(flag)),
            Typed::Text(_) => {
                return self.wants(expr, "`unknown` takes one signal or expression: unknown(fd.tte)");
            }
        };
        Some(Typed::Flag(Flag::Unknown(asked)))
    }

    fn waited(&mut self, expr: &Expr, arguments: &[Expr]) -> Option<Typed> {
        if self.scope.place != Place::Guard {
            let message = "`waited(..)` stands only in a guard";
            self.report.error("out-of-place", expr.span.clone(), message);
        }
        let [Expr { shape: Shape::Literal(Literal::Span(span)), .. }] = arguments else {
            return self.wants(expr, "`waited` takes a duration: waited(2m)");
        };
        self.show(expr, Shown::Waited);
        Some(Typed::Flag(Flag::Waited(*span)))
    }

    /// `max(a, b)` of two values.
    fn extreme(&mut self, expr: &Expr, name: &str, arguments: &[Expr]) -> Option<Typed> {
        let [first, second] = arguments else {
            return self.wants(
                expr,
                &format!("`{name}` takes a signal and a duration, or two values: {name}(fd.open, 1m)"),
            );
        };
        let (left, right) = (self.measured(first), self.measured(second));
        let (left, right) = (left?, right?);
        let Some(of) = left.of.common(right.of) else {
            let message = format!("`{name}` of {} and {}", left.of.name(), right.of.name());
            let help = "both must have one unit; a duration as second argument makes a window";
            self.report.error_with("unit-mismatch", expr.span.clone(), message, help);
            return None;
        };
        let (whole, fixed) = (left.whole && right.whole, left.fixed && right.fixed);
        let sides = Box::new([left.measure, right.measure]);
        let measure = if name == "max" { Measure::Greatest(sides) } else { Measure::Least(sides) };
        Some(Typed::Measure(Measured { measure, of, whole, fixed }))
    }

    /// A function over time.
    fn window(&mut self, expr: &Expr, name: &str, function: Function, arguments: &[Expr]) -> Option<Typed> {
        let [signal, span] = arguments else {
            return self.wants(expr, &format!("`{name}` takes a signal and a duration: {name}(fd.open, 1m)"));
        };
        let (resolved, span) = (self.windowed(signal, name), self.span(span, name));
        let Resolved { source, of, whole } = resolved?;
        let Source::Key(key) = source else {
            let message = "the clock has no window";
            self.report.error("unit-mismatch", signal.span.clone(), message);
            return None;
        };
        let result = match function {
            Function::Ago => Some(of),
            Function::Avg | Function::Max | Function::Min | Function::Increase => {
                of.is_numeric().then_some(of)
            }
            Function::Rate | Function::Trend => of.per_second(),
        };
        let Some(result) = result else {
            let message = format!("`{name}` has no unit for `{}`, {}", self.written(signal), of.name());
            let at = signal.span.clone();
            if of.is_numeric() {
                let help = "`increase(signal, 5m)` says how much it grew, in its own unit";
                self.report.error_with("unit-mismatch", at, message, help);
            } else {
                self.report.error("unit-mismatch", at, message);
            }
            return None;
        };
        let window = WindowKey::new(key.clone(), span?, function);
        self.keys.insert(key);
        self.windows.insert(window.clone());
        let whole = whole && !matches!(function, Function::Avg | Function::Rate | Function::Trend);
        Some(measure_or_flag(Measure::Window(Box::new(window), function), result, whole))
    }

    fn windowed(&mut self, signal: &Expr, name: &str) -> Option<Resolved> {
        if let Shape::Chain(steps) = &signal.shape
            && !matches!(steps.get(1), Some(Step { link: Link::Call(_), .. }))
            && !matches!(&steps[0].link, Link::Word(word) if word == "before" && steps.len() > 1)
            && self.tier_of(steps).is_none()
        {
            return self.signal(signal, steps);
        }
        if signal.shape != Shape::Broken {
            let message = format!("`{name}` looks at one signal over time, not at an expression");
            let help = format!("write the function inside: `{name}(fd.open, 1m) - {name}(fd.files, 1m)`");
            self.report.error_with("unit-mismatch", signal.span.clone(), message, help);
        }
        None
    }

    fn span(&mut self, expr: &Expr, name: &str) -> Option<Duration> {
        match &expr.shape {
            Shape::Literal(Literal::Span(span)) if (SPAN_MIN..=SPAN_MAX).contains(span) => Some(*span),
            Shape::Literal(Literal::Span(_)) => {
                self.report.error("out-of-range", expr.span.clone(), "a window is from 1s to 7d long");
                None
            }
            Shape::Literal(Literal::Number(number)) => {
                let message = format!("`{number}` has no unit");
                let help = format!("write `{number}s` or `{number}m`");
                self.report.error_with("unit-mismatch", expr.span.clone(), message, help);
                None
            }
            Shape::Broken => None,
            _ => {
                let message = format!("the window of `{name}` is a duration such as `5m`");
                self.report.error("unit-mismatch", expr.span.clone(), message);
                None
            }
        }
    }

    pub(super) fn wants<T>(&mut self, expr: &Expr, message: &str) -> Option<T> {
        self.report.error("bad-argument", expr.span.clone(), message);
        None
    }
}

fn measure_or_flag(measure: Measure, of: Type, whole: bool) -> Typed {
    match of {
        Type::Flag => Typed::Flag(Flag::Measured(measure)),
        Type::Number
        | Type::Count
        | Type::Duration
        | Type::Bytes
        | Type::Ratio
        | Type::Rate
        | Type::ByteRate
        | Type::Word(_) => Typed::Measure(Measured { measure, of, whole, fixed: false }),
    }
}
