//! `[probe.NAME]`: a question asked again and again, whose answer feeds a signal.

use std::time::Duration;

use super::call::{self, Command, HttpCall, Method, Way};
use super::section::{Context, Section};
use super::show::Show;
use super::{defaults, read};
use crate::model::name::Name;
use crate::model::signal::Signal;

/// The most probes.
pub(super) const PROBES_MAX: usize = 32;

/// A question asked again and again. Its answer is `probe["NAME"].value` in policies, and where it feeds a
/// signal that one too.
#[derive(Clone, PartialEq, Debug)]
pub struct Probe {
    /// Its name.
    pub name: Name,
    /// `orders.open` or `deadman.armed`, if it feeds one of them.
    pub feeds: Option<Signal>,
    /// The targets it speaks of; all where empty.
    pub targets: Vec<Name>,
    /// How it is asked.
    pub ask: Ask,
    /// Where in a JSON answer the value stands (RFC 6901); absent where the answer is the value.
    pub value: Option<String>,
    /// Time from one question to the next.
    pub every: Duration,
    /// Without an answer in this time the value is unknown.
    pub timeout: Duration,
}

/// How a probe asks.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    /// By an HTTP call; the body of the answer counts.
    Http(HttpCall),
    /// By a command; its standard output counts: a number, `true`, `false`, or JSON.
    Run(Command),
}

#[derive(Clone, Copy)]
struct Feed(Signal);

const FEEDS: &[(&str, Feed)] =
    &[("orders.open", Feed(Signal::OrdersOpen)), ("deadman.armed", Feed(Signal::DeadmanArmed))];

impl Show for Feed {
    fn show(&self) -> String {
        super::show::quoted(self.0.name())
    }
}

/// The signal that a probe of this name feeds where it does not say.
fn usual_feed(name: &Name) -> Option<Feed> {
    match name.as_str() {
        "open-orders" => Some(Feed(Signal::OrdersOpen)),
        "deadman" => Some(Feed(Signal::DeadmanArmed)),
        _ => None,
    }
}

/// Reads one probe.
pub(super) fn read(name: Name, mut section: Section<'_>, cx: &mut Context<'_>) -> Option<Probe> {
    let feeds = match usual_feed(&name) {
        Some(usual) => Some(section.or(cx, "feeds", usual, read::word(FEEDS))),
        None => section.get(cx, "feeds", read::word(FEEDS)),
    };
    let targets = section.or(cx, "targets", Vec::new(), read::list(|v, f| v.parsed(f, Name::parse)));
    let asked = match call::way(&mut section, cx) {
        Some(Way::Http) => section.present(cx, "http").and_then(|http| read_http(http, cx)),
        Some(Way::Run) => read_run(&mut section, cx),
        None => None,
    };
    section.finish(cx);
    let (ask, value, timing) = asked?;
    let (every, timeout) = timing?;
    Some(Probe { name, feeds: feeds.map(|feed| feed.0), targets, ask, value, every, timeout })
}

type Asked = (Ask, Option<String>, Option<(Duration, Duration)>);

fn read_http(mut section: Section<'_>, cx: &mut Context<'_>) -> Option<Asked> {
    let call = call::http(&mut section, Method::Get, cx);
    let value = section.get(cx, "value", read::pointer);
    let timing = timing(&mut section, cx);
    section.finish(cx);
    Some((Ask::Http(call?), value, timing))
}

fn read_run(probe: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Asked> {
    let given = probe.value("run")?;
    if !given.is_table() {
        cx.faults.push(
            crate::model::diagnostic::Diagnostic::error(
                "wrong-type",
                given.span(),
                "a table is wanted here: the command and when to run it",
            )
            .help("write run = { argv = [\"/path/to/program\"], every = \"5s\" }"),
        );
        return None;
    }
    let mut section = probe.section(cx, "run");
    let argv = section.need(cx, "argv", read::argv);
    let env = super::matching::env(&mut section, cx);
    let user = section.get(cx, "user", read::text);
    let value = section.get(cx, "value", read::pointer);
    let timing = timing(&mut section, cx);
    section.finish(cx);
    Some((Ask::Run(Command { argv: argv?, env, user }), value, timing))
}

fn timing(section: &mut Section<'_>, cx: &mut Context<'_>) -> Option<(Duration, Duration)> {
    let every = section.need(cx, "every", read::span(Duration::from_millis(100)..=Duration::from_hours(24)));
    let span = Duration::from_millis(10)..=Duration::from_mins(10);
    let timeout = section.or(cx, "timeout", defaults::PROBE_TIMEOUT, read::span(span));
    if let Some(every) = every {
        super::ordered(cx, section, ("timeout", timeout), ("every", every));
    }
    Some((every?, timeout))
}
