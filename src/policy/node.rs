//! The compact form in which an expression is evaluated: no names to look up, nothing allocated.

use std::time::Duration;

use super::ast::{Comparator, Operator};
use super::session::{Session, weekday_utc};
use super::truth::Truth;
use super::window::Function;
use super::windows::WindowKey;
use super::world::World;
use crate::model::name::Name;
use crate::model::observation::{Observation, SignalKey};
use crate::model::reading::{Gap, Reading};

/// Which observation is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    Now,
    /// That at the start of the action.
    Before,
}

/// A number with a unit that was checked, in the base unit.
#[derive(Clone, Debug)]
pub(super) enum Measure {
    Constant(f64),
    Signal(SignalKey, When),
    Weekday(When),
    Window(Box<WindowKey>, Function),
    Negated(Box<Measure>),
    Arithmetic(Operator, Box<[Measure; 2]>),
    Greatest(Box<[Measure; 2]>),
    Least(Box<[Measure; 2]>),
}

/// Something that is true or false.
#[derive(Clone, Debug)]
pub(super) enum Flag {
    Constant(bool),
    /// A signal that is a flag: known and not zero.
    Measured(Measure),
    Session(Session, When),
    Active(Name),
    Ineffective(Name, u32),
    Waited(Duration),
    Unknown(Asked),
    Not(Box<Flag>),
    All(Vec<Flag>),
    Any(Vec<Flag>),
    Compare(Comparator, Box<[Measure; 2]>),
    /// Both hold or both don't; with [`Comparator::NotEqual`] just one.
    Same(Comparator, Box<[Flag; 2]>),
}

/// What `unknown(..)` asks about.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Measure(Measure),
    Flag(Box<Flag>),
}

impl Measure {
    pub(super) fn read(&self, world: &World<'_>) -> Result<f64, Gap> {
        match self {
            Self::Constant(value) => Ok(*value),
            Self::Signal(key, when) => match observation(world, *when)?.read(key) {
                Reading::Known(value) if value.is_nan() => Err(Gap::Undefined),
                Reading::Known(value) => Ok(value),
                Reading::Unavailable(gap) => Err(gap),
            },
            Self::Weekday(when) => Ok(weekday_utc(observation(world, *when)?.wall) as f64),
            Self::Window(key, function) => world.windows.read(key, *function),
            Self::Negated(inner) => Ok(-inner.read(world)?),
            Self::Arithmetic(operator, sides) => {
                let (left, right) = both(sides, world)?;
                let value = match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide if right == 0.0 => f64::NAN,
                    Operator::Divide => left / right,
                };
                if value.is_nan() { Err(Gap::Undefined) } else { Ok(value) }
            }
            Self::Greatest(sides) => both(sides, world).map(|(left, right)| left.max(right)),
            Self::Least(sides) => both(sides, world).map(|(left, right)| left.min(right)),
        }
    }
}

impl Flag {
    pub(super) fn evaluate(&self, world: &World<'_>) -> Truth {
        match self {
            Self::Constant(flag) => (*flag).into(),
            Self::Measured(measure) => truth(measure.read(world).map(|value| value != 0.0)),
            Self::Session(session, when) => truth(open(session, *when, world)),
            Self::Active(tier) => world.tiers.active(tier).into(),
            Self::Ineffective(tier, least) => (world.tiers.ineffective(tier) >= *least).into(),
            Self::Waited(least) => (world.waited.unwrap_or_default() >= *least).into(),
            Self::Unknown(Asked::Measure(measure)) => measure.read(world).is_err().into(),
            Self::Unknown(Asked::Flag(flag)) => flag.evaluate(world).known().is_none().into(),
            Self::Not(inner) => !inner.evaluate(world),
            Self::All(parts) => all(parts, world),
            Self::Any(parts) => any(parts, world),
            Self::Compare(comparator, sides) => {
                truth(both(sides, world).map(|(left, right)| compare(*comparator, left, right)))
            }
            Self::Same(comparator, sides) => {
                let (left, right) = (sides[0].evaluate(world), sides[1].evaluate(world));
                let same = left.and(right).or((!left).and(!right));
                if *comparator == Comparator::Equal { same } else { !same }
            }
        }
    }
}

fn all(parts: &[Flag], world: &World<'_>) -> Truth {
    let mut result = Truth::True;
    for part in parts {
        result = result.and(part.evaluate(world));
        if result == Truth::False {
            break;
        }
    }
    result
}

fn any(parts: &[Flag], world: &World<'_>) -> Truth {
    let mut result = Truth::False;
    for part in parts {
        result = result.or(part.evaluate(world));
        if result == Truth::True {
            break;
        }
    }
    result
}

fn both(sides: &[Measure; 2], world: &World<'_>) -> Result<(f64, f64), Gap> {
    match (sides[0].read(world), sides[1].read(world)) {
        (Ok(left), Ok(right)) => Ok((left, right)),
        (Err(left), Err(right)) => Err(left.min(right)),
        (Err(gap), Ok(_)) | (Ok(_), Err(gap)) => Err(gap),
    }
}

#[expect(clippy::float_cmp, reason = "equality is what was asked for; counts and words are exact")]
fn compare(comparator: Comparator, left: f64, right: f64) -> bool {
    match comparator {
        Comparator::Less => left < right,
        Comparator::LessOrEqual => left <= right,
        Comparator::Greater => left > right,
        Comparator::GreaterOrEqual => left >= right,
        Comparator::Equal => left == right,
        Comparator::NotEqual => left != right,
    }
}

fn open(session: &Session, when: When, world: &World<'_>) -> Result<bool, Gap> {
    let open = match when {
        When::Now => world.windows.is_open(session, world.now),
        When::Before => session.at(observation(world, when)?.wall).map(|standing| standing.open),
    };
    open.ok_or(Gap::Failed)
}

fn observation<'a>(world: &World<'a>, when: When) -> Result<&'a Observation, Gap> {
    match when {
        When::Now => Ok(world.now),
        When::Before => world.before.ok_or(Gap::NotYet),
    }
}

fn truth(known: Result<bool, Gap>) -> Truth {
    known.map_or_else(Truth::Unknown, Truth::from)
}
