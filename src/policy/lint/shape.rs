//! What lint sees in an expression: its alternatives, its thresholds, the signals it reads.

use crate::policy::ast::{Comparator, Expr, Link, Literal, Operator, Shape, Step};

/// Which side of its threshold a value must be on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Above,
    Below,
}

/// `signal > number`, or the like.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Bound {
    /// The signal with its argument, in canonical spelling.
    pub(super) signal: String,
    pub(super) direction: Direction,
    pub(super) value: f64,
    /// Whether the threshold itself counts.
    pub(super) touches: bool,
}

impl Bound {
    /// The expression as a threshold, where it is nothing else.
    pub(super) fn of(expr: &Expr) -> Option<Self> {
        let Shape::Compare(comparator, sides) = &expr.shape else { return None };
        let (chain, literal, flipped) = match (&sides[0].shape, &sides[1].shape) {
            (Shape::Chain(_), Shape::Literal(literal)) => (&sides[0], literal, false),
            (Shape::Literal(literal), Shape::Chain(_)) => (&sides[1], literal, true),
            _ => return None,
        };
        let (direction, touches) = match comparator {
            Comparator::Less => (Direction::Below, false),
            Comparator::LessOrEqual => (Direction::Below, true),
            Comparator::Greater => (Direction::Above, false),
            Comparator::GreaterOrEqual => (Direction::Above, true),
            Comparator::Equal | Comparator::NotEqual => return None,
        };
        let direction = match (direction, flipped) {
            (Direction::Above, false) | (Direction::Below, true) => Direction::Above,
            (Direction::Below, false) | (Direction::Above, true) => Direction::Below,
        };
        Some(Self { signal: chain.to_string(), direction, value: value(literal)?, touches })
    }

    /// Whether everything that meets `other` meets this one too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let same = self.signal == other.signal && self.direction == other.direction;
        let equal = self.value.total_cmp(&other.value).is_eq();
        let wider = match self.direction {
            Direction::Above => self.value < other.value,
            Direction::Below => self.value > other.value,
        };
        same && (wider || (equal && (self.touches || !other.touches)))
    }

    /// How this raise and that clear on the same signal lie to each other.
    pub(super) fn against(&self, clear: &Self) -> Option<Gap> {
        if self.signal != clear.signal || self.direction == clear.direction {
            return None;
        }
        let (low, high) = match self.direction {
            Direction::Above => (clear.value, self.value),
            Direction::Below => (self.value, clear.value),
        };
        Some(if low < high {
            Gap::Apart
        } else if low > high || (self.touches && clear.touches) {
            Gap::Overlap
        } else {
            Gap::Meet
        })
    }
}

/// What lies between a raise and a clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gap {
    /// A dead band.
    Apart,
    /// Nothing.
    Meet,
    /// Values that meet both.
    Overlap,
}

fn value(literal: &Literal) -> Option<f64> {
    match literal {
        Literal::Number(number) => Some(*number),
        Literal::Span(span) => Some(span.as_secs_f64()),
        Literal::Bytes(bytes) => Some(*bytes as f64),
        Literal::Percent(percent) => Some(percent / 100.0),
        Literal::Rate(number, per) => Some(number / per.seconds()),
        Literal::ByteRate(bytes, per) => Some(*bytes as f64 / per.seconds()),
        Literal::Flag(_) | Literal::Text(_) => None,
    }
}

/// The factor above one in `x <= before.x * factor`, or the same the other way round: at most more than there was.
pub(super) fn growth(expr: &Expr) -> Option<f64> {
    let mut found = None;
    walk(expr, &mut |part| {
        let Shape::Compare(comparator, sides) = &part.shape else { return };
        let most = match comparator {
            Comparator::Less | Comparator::LessOrEqual => &sides[1],
            Comparator::Greater | Comparator::GreaterOrEqual => &sides[0],
            Comparator::Equal | Comparator::NotEqual => return,
        };
        found = found.or(times_before(most).filter(|factor| *factor > 1.0));
    });
    found
}

/// The number that a value from before the action is multiplied with.
fn times_before(expr: &Expr) -> Option<f64> {
    let Shape::Arithmetic(Operator::Multiply, sides) = &expr.shape else { return None };
    match (&sides[0].shape, &sides[1].shape) {
        (Shape::Chain(steps), Shape::Literal(literal @ (Literal::Number(_) | Literal::Percent(_))))
        | (Shape::Literal(literal @ (Literal::Number(_) | Literal::Percent(_))), Shape::Chain(steps))
            if steps.first().and_then(word) == Some("before") =>
        {
            value(literal)
        }
        _ => None,
    }
}

/// The parts of which one alone makes the expression true.
pub(super) fn alternatives(expr: &Expr) -> Vec<&Expr> {
    match &expr.shape {
        Shape::Any(parts) => parts.iter().collect(),
        _ => vec![expr],
    }
}

/// The parts that must all be true.
pub(super) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match &expr.shape {
        Shape::All(parts) => parts.iter().collect(),
        _ => vec![expr],
    }
}

/// Every threshold in the expression.
pub(super) fn bounds(expr: &Expr) -> Vec<Bound> {
    let mut found = Vec::new();
    walk(expr, &mut |part| found.extend(Bound::of(part)));
    found
}

/// Every signal that the expression reads, without its argument: `socket.by_remote.close_wait`.
pub(super) fn signals(expr: &Expr) -> Vec<String> {
    let mut found = Vec::new();
    walk(expr, &mut |part| {
        if let Shape::Chain(steps) = &part.shape {
            let words: Vec<&str> = steps.iter().filter_map(word).collect();
            let words = words.strip_prefix(&["before"]).unwrap_or(&words);
            if words.len() > 1 {
                found.push(words.join("."));
            }
        }
    });
    found
}

fn word(step: &Step) -> Option<&str> {
    match &step.link {
        Link::Word(word) => Some(word),
        Link::Index(_) | Link::Call(_) => None,
    }
}

fn walk<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr)) {
    visit(expr);
    match &expr.shape {
        Shape::Literal(_) | Shape::Broken => {}
        Shape::Chain(steps) => {
            for step in steps {
                match &step.link {
                    Link::Word(_) => {}
                    Link::Index(parts) | Link::Call(parts) => parts.iter().for_each(|part| walk(part, visit)),
                }
            }
        }
        Shape::Negate(inner) | Shape::Not(inner) => walk(inner, visit),
        Shape::All(parts) | Shape::Any(parts) => parts.iter().for_each(|part| walk(part, visit)),
        Shape::Compare(_, sides) | Shape::Arithmetic(_, sides) => {
            sides.iter().for_each(|part| walk(part, visit));
        }
    }
}
