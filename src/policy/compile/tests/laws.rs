//! What holds for every expression.

use std::time::Duration;

use proptest::prelude::*;

use super::compiled;
use super::meaning::{Tiers, seen};
use crate::document::{self, Faults};
use crate::policy::ast::{Comparator, Expr, Link, Literal, Operator, Per, Shape, Step};
use crate::policy::condition::Place;
use crate::policy::parse::{DEPTH_MAX, LENGTH_MAX, parse};
use crate::policy::report::Report;
use crate::policy::windows::Windows;
use crate::policy::world::World;

fn parsed(text: &str) -> (Expr, Vec<String>) {
    let source = format!("x = {}", toml::Value::String(text.to_owned()));
    let mut faults = Faults::default();
    let expr = document::read(&source, &mut faults, |mut root, faults| {
        let text = root.text("x", faults).unwrap();
        parse(&mut Report::new(&text, faults))
    });
    (expr.unwrap(), faults.into_sorted().into_iter().map(|fault| fault.message).collect())
}

fn of(shape: Shape) -> Expr {
    Expr::new(0..0, shape)
}

fn literal() -> impl Strategy<Value = Expr> {
    let per = prop::sample::select(vec![Per::Second, Per::Minute, Per::Hour, Per::Day]);
    let number = prop_oneof![(0u32..5_000).prop_map(f64::from), 0.0..1e15];
    prop_oneof![
        number.clone().prop_map(Literal::Number),
        (0u64..10_000_000_000).prop_map(|millis| Literal::Span(Duration::from_millis(millis))),
        (0u64..1 << 50).prop_map(Literal::Bytes),
        (0.0..10_000.0).prop_map(Literal::Percent),
        (number, per.clone()).prop_map(|(count, per)| Literal::Rate(count, per)),
        (0u64..1 << 50, per).prop_map(|(bytes, per)| Literal::ByteRate(bytes, per)),
        any::<bool>().prop_map(Literal::Flag),
        "[a-z \"(]{0,6}|[a-z ']{0,6}".prop_map(Literal::Text),
    ]
    .prop_map(|literal| of(Shape::Literal(literal)))
}

fn word() -> impl Strategy<Value = Step> {
    "[a-z_][a-z0-9_]{0,6}"
        .prop_filter("keywords stand elsewhere", |word| {
            !["and", "or", "not", "true", "false"].contains(&word.as_str())
        })
        .prop_map(|word| Step { span: 0..0, link: Link::Word(word) })
}

fn expr() -> impl Strategy<Value = Expr> {
    let chain = |steps: Vec<Step>| of(Shape::Chain(steps));
    let leaf = prop_oneof![literal(), prop::collection::vec(word(), 1..3).prop_map(chain)];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let pair = || (inner.clone(), inner.clone()).prop_map(|(left, right)| Box::new([left, right]));
        let list = || prop::collection::vec(inner.clone(), 2..4);
        let link = prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Link::Call),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Link::Index),
        ];
        let comparator =
            prop::sample::select(vec![Comparator::Less, Comparator::GreaterOrEqual, Comparator::Equal]);
        let operator = prop::sample::select(vec![
            Operator::Add,
            Operator::Subtract,
            Operator::Multiply,
            Operator::Divide,
        ]);
        prop_oneof![
            inner.clone().prop_map(|inner| of(Shape::Not(Box::new(inner)))),
            inner.clone().prop_map(|inner| of(Shape::Negate(Box::new(inner)))),
            list().prop_map(|parts| flat(parts, true)),
            list().prop_map(|parts| flat(parts, false)),
            (comparator, pair()).prop_map(|(comparator, sides)| of(Shape::Compare(comparator, sides))),
            (operator, pair()).prop_map(|(operator, sides)| of(Shape::Arithmetic(operator, sides))),
            (word(), link, word())
                .prop_map(move |(first, link, last)| { chain(vec![first, Step { span: 0..0, link }, last]) }),
        ]
    })
}

/// Lists inside lists of their own kind are written as one.
fn flat(parts: Vec<Expr>, all: bool) -> Expr {
    let mut flat = Vec::new();
    for part in parts {
        match (part.shape, all) {
            (Shape::All(inner), true) | (Shape::Any(inner), false) => flat.extend(inner),
            (shape, _) => flat.push(of(shape)),
        }
    }
    of(if all { Shape::All(flat) } else { Shape::Any(flat) })
}

const WORDS: &[&str] = &[
    "fd.open",
    "fd.tte",
    "fd.ratio",
    "process.state",
    "deadman.armed",
    "clock.weekday",
    "disk",
    "300",
    "20m",
    "80%",
    "64MiB",
    "25/min",
    "1MiB/s",
    "true",
    "and",
    "or",
    "not",
    "<",
    ">=",
    "==",
    "=",
    "+",
    "-",
    "*",
    "/",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "avg(",
    "max(",
    "ago(",
    "unknown(",
    "socket.leaked(",
    "before.",
    "waited(",
    "attention.active",
    "attention.ineffective(",
    "pool[\"x\"].waiting",
    "\"",
    "'",
    "&&",
    "ä",
    "1m)",
];

proptest! {
    #[test]
    fn what_is_printed_parses_again(written in expr()) {
        let text = written.to_string();
        prop_assume!(text.len() <= LENGTH_MAX);
        let (back, faults) = parsed(&text);
        prop_assert_eq!(faults, Vec::<String>::new(), "{}", text);
        prop_assert_eq!(&back, &written, "{}", text);
        prop_assert_eq!(back.to_string(), text);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        drop(compiled(&text, Place::Raise));
    }

    /// Half-right texts: each compiles to the same condition twice, or says why not.
    #[test]
    fn words_in_any_order_compile_or_are_told(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..14),
        place in prop::sample::select(vec![Place::Raise, Place::Guard, Place::Expect]),
    ) {
        let text = words.join(" ").replace("( ", "(").replace(". ", ".");
        let (condition, faults) = compiled(&text, place);
        prop_assert_eq!(compiled(&text, place).1, faults.clone());
        match condition {
            None => prop_assert!(!faults.is_empty(), "{}", text),
            Some(condition) => {
                let (again, _) = compiled(condition.canonical(), place);
                let again = again.unwrap();
                prop_assert_eq!(again.canonical(), condition.canonical());
                let windows = Windows::for_conditions([&condition].into_iter());
                let now = seen(0);
                let world = World { now: &now, windows: &windows, tiers: &Tiers, before: None, waited: None };
                prop_assert_eq!(condition.evaluate(&world), again.evaluate(&world));
                let tree = condition.tree(&world);
                prop_assert_eq!(tree.value, condition.evaluate(&world));
                prop_assert_eq!(tree, condition.tree(&world));
            }
        }
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let faults = |text: &str| compiled(text, Place::Raise).1.lines().count();
    let deep = |levels: usize| format!("{}fd.open > 3{}", "(".repeat(levels), ")".repeat(levels));
    assert_eq!(faults(&deep(DEPTH_MAX - 3)), 0);
    for text in [
        deep(DEPTH_MAX + 1),
        deep(1_500),
        format!("{} fd.open > 3", "not ".repeat(900)),
        format!("fd.open > 3{}", " + 1".repeat(900)),
        format!("{}fd.open > 3", "max(".repeat(900)),
        format!("fd.open > {}3", "-".repeat(900)),
        "x[".repeat(1_000),
        format!("fd.open > 3{}", " ".repeat(LENGTH_MAX)),
    ] {
        assert_eq!(faults(&text), 1, "{}", &text[..40]);
    }
    let wide = format!("fd.open > 3{}", " or fd.tte < 3m".repeat(200));
    assert_eq!(faults(&wide), 0);
}
