//! One event of each fact, for the tests of this room.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::action::{Action, Gate, Hold, Word};
use crate::model::asker::{Asker, Role};
use crate::model::clock::{Timestamp, WallTime};
use crate::model::decision::{
    Cause, Decision, DecisionId, DryRun, Judged, Outcome, Refusal, RulePath, Transition, Verdict, Work,
};
use crate::model::event::{Event, Fact};
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::reading::Gap;
use crate::model::signal::Signal;
use crate::model::units::Quota;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn path() -> RulePath {
    RulePath { policy: name("longport"), ladder: Some(name("descriptors")), tier: Some(name("warning")) }
}

fn decision(id: u64, verdict: Verdict) -> Fact {
    Fact::Decision(Decision {
        id: DecisionId(id),
        at: Timestamp::from_millis(5),
        wall: WallTime::from_millis(5),
        rule: path(),
        cause: Cause::Entry,
        work: Work::Do(Action::Run { hook: name("cancel-all") }),
        verdict,
    })
}

/// Every fact, some in several forms.
pub(crate) fn facts() -> Vec<Fact> {
    let text = |text: &str| text.to_owned();
    let hold = Hold::PauseTrading { state: Gate::Reducing };
    let quota = Quota { count: 3, per: Duration::from_hours(24) };
    let mut facts = vec![
        Fact::AgentStarted { version: text("0.1.0"), settings: text("ab12") },
        Fact::AgentStopping { why: text("SIGTERM") },
        Fact::Adopted { command: text("python bot.py"), again: false },
        Fact::Adopted { command: text("python bot.py"), again: true },
        Fact::TargetAbsent { sought: text("unit bot.service") },
        Fact::StaysDown { why: text("its quota of restarts is spent") },
        Fact::Exited { code: Some(137) },
        Fact::Exited { code: None },
        Fact::Spawned { restarts: 2 },
        Fact::Transition(Transition {
            at: Timestamp::from_millis(5),
            wall: WallTime::from_millis(5),
            policy: name("longport"),
            ladder: name("descriptors"),
            from: None,
            to: Some(name("warning")),
            because: text("fd.open 612 > 600"),
        }),
        decision(1, Verdict::Start),
        decision(2, Verdict::DryRun(DryRun::Agent)),
        decision(3, Verdict::Refused(Refusal::Budget { quota, left: Duration::from_secs(30) })),
        Fact::Finished {
            decision: DecisionId(1),
            result: Ok(text("ran")),
            took: Duration::from_millis(1_500),
        },
        Fact::Finished {
            decision: DecisionId(9),
            result: Err(text("timed out")),
            took: Duration::from_secs(9),
        },
        Fact::Judged(Judged {
            decision: DecisionId(1),
            at: Timestamp::from_millis(9),
            rule: path(),
            word: Word::Run,
            outcome: Outcome::Ineffective,
            because: text("fd.open 611 <= 520"),
        }),
        Fact::HoldTaken { hold: hold.clone() },
        Fact::HoldReleased { hold, why: text("tier cleared") },
        Fact::Latched { rule: path().to_string() },
        Fact::Commanded { command: text("release bot"), by: Asker::User { uid: 1000 } },
        Fact::Commanded {
            command: text("hold bot"),
            by: Asker::Token { token: Role::Write, from: SocketAddr::from(([127, 0, 0, 1], 40_000)) },
        },
    ];
    facts.extend(surroundings());
    facts
}

/// Those of what is around the process and the engine: pools, streams, sight, settings, stores, receivers.
fn surroundings() -> Vec<Fact> {
    let text = |text: &str| text.to_owned();
    vec![
        Fact::DescriptorsScarce { pool: name("orders-db"), left: 12 },
        Fact::DescriptorsBack { pool: name("orders-db") },
        Fact::StreamChanged {
            stream: name("quotes"),
            client: text("unix"),
            from: text("connected"),
            to: text("reconnecting"),
            why: text("the connection was lost"),
        },
        Fact::SignalLost { signal: Signal::FdOpen, gap: Gap::NotPermitted },
        Fact::SignalBack { signal: Signal::FdOpen },
        Fact::Reloaded { what: text("1 policy changed") },
        Fact::ReloadRefused { why: text("unknown key") },
        Fact::ShadowDiffers { policy: name("next"), how: text("would stop") },
        Fact::HistoryLost { why: text("disk full") },
        Fact::HistoryBack { lost: 7 },
        Fact::FleetAway { why: text("no answer in 2s") },
        Fact::FleetBack {},
        Fact::BoundHit { bound: text("remotes") },
        Fact::NoticeFailed { to: name("slack"), why: text("500") },
    ]
}

/// Every fact as an event of a target's process.
pub(crate) fn events() -> Vec<Event> {
    let process = ProcessId { pid: 4321, inode: 9, started: 1, exe: (1, 2) };
    let event = |(second, fact): (i64, Fact)| Event {
        at: Timestamp::from_millis(second.unsigned_abs() * 1_000),
        wall: WallTime::from_millis(1_700_000_000_000 + second * 1_000),
        target: Some(name("bot")),
        process: Some(process),
        fact,
    };
    (0..).zip(facts()).map(event).collect()
}
