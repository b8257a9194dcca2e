//! An event as the fields of a log record.

use std::borrow::Cow;

use crate::journal::facts::{kind, rule};
use crate::model::asker::Asker;
use crate::model::decision::{Cause, Decision, DryRun, Verdict, Work};
use crate::model::event::{Event, Fact};
use crate::model::name::Name;

/// One field each; what an event does not have is absent.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) fact: &'static str,
    pub(super) target: Option<&'a str>,
    pub(super) process: Option<u32>,
    pub(super) rule: Option<String>,
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
    pub(super) because: Option<&'a str>,
    pub(super) decision: Option<u64>,
    pub(super) action: Option<&'static str>,
    pub(super) work: Option<&'static str>,
    pub(super) cause: Option<&'static str>,
    pub(super) dry_run: Option<&'static str>,
    pub(super) refusal: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) result: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    pub(super) took_seconds: Option<f64>,
    pub(super) why: Option<Cow<'a, str>>,
    pub(super) signal: Option<&'static str>,
    pub(super) gap: Option<String>,
    pub(super) command: Option<&'a str>,
    pub(super) uid: Option<u32>,
    pub(super) token: Option<&'static str>,
    pub(super) peer: Option<String>,
    pub(super) code: Option<i32>,
    pub(super) restarts: Option<u32>,
    pub(super) version: Option<&'a str>,
    pub(super) settings: Option<&'a str>,
    pub(super) lost: Option<u64>,
    pub(super) bound: Option<&'a str>,
    pub(super) receiver: Option<&'a str>,
    pub(super) proxy: Option<&'a str>,
    pub(super) client: Option<&'a str>,
    pub(super) sought: Option<&'a str>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(event: &'a Event) -> Self {
        let fields = Self {
            fact: kind(&event.fact),
            target: event.target.as_ref().map(Name::as_str),
            process: event.process.map(|process| process.pid),
            rule: rule(&event.fact),
            ..Self::default()
        };
        fields.with(&event.fact)
    }

    fn by(self, asker: Asker) -> Self {
        match asker {
            Asker::User { uid } => Self { uid: Some(uid), ..self },
            Asker::Token { token, from } => {
                Self { token: Some(token.name()), peer: Some(from.to_string()), ..self }
            }
        }
    }

    fn with(self, fact: &'a Fact) -> Self {
        match fact {
            Fact::AgentStarted { version, settings } => {
                Self { version: Some(version), settings: Some(settings), ..self }
            }
            Fact::AgentStopping { why }
            | Fact::StaysDown { why }
            | Fact::ReloadRefused { why }
            | Fact::HistoryLost { why }
            | Fact::FleetAway { why } => Self { why: Some(Cow::Borrowed(why)), ..self },
            Fact::Adopted { command, again: _ } => Self { command: Some(command), ..self },
            Fact::TargetAbsent { sought } => Self { sought: Some(sought), ..self },
            Fact::Exited { code } => Self { code: *code, ..self },
            Fact::Spawned { restarts } => Self { restarts: Some(*restarts), ..self },
            Fact::Transition(transition) => Self {
                from: transition.from.as_ref().map(Name::as_str),
                to: transition.to.as_ref().map(Name::as_str),
                because: Some(&transition.because),
                ..self
            },
            Fact::Decision(decision) => self.with_decision(decision),
            Fact::Finished { decision, result, took } => Self {
                decision: Some(decision.0),
                result: result.as_deref().ok(),
                error: result.as_ref().err().map(String::as_str),
                took_seconds: Some(took.as_secs_f64()),
                ..self
            },
            Fact::Judged(judged) => Self {
                decision: Some(judged.decision.0),
                action: Some(judged.word.name()),
                outcome: Some(judged.outcome.to_string()),
                because: Some(&judged.because),
                ..self
            },
            Fact::HoldTaken { hold } => Self { action: Some(hold.word().name()), ..self },
            Fact::HoldReleased { hold, why } => {
                Self { action: Some(hold.word().name()), why: Some(Cow::Borrowed(why)), ..self }
            }
            // The rule is all there is to say.
            Fact::Latched { rule: _ } | Fact::FleetBack {} => self,
            Fact::Commanded { command, by } => Self { command: Some(command), ..self.by(*by) },
            Fact::DescriptorsScarce { pool, left } => {
                let why = Some(Cow::Owned(format!("{left} descriptors left")));
                Self { proxy: Some(pool.as_str()), why, ..self }
            }
            Fact::DescriptorsBack { pool } => Self { proxy: Some(pool.as_str()), ..self },
            Fact::StreamChanged { stream, client, from, to, why } => Self {
                proxy: Some(stream.as_str()),
                client: Some(client),
                from: Some(from),
                to: Some(to),
                why: Some(Cow::Borrowed(why)),
                ..self
            },
            Fact::SignalLost { signal, gap } => {
                Self { signal: Some(signal.name()), gap: Some(gap.to_string()), ..self }
            }
            Fact::SignalBack { signal } => Self { signal: Some(signal.name()), ..self },
            Fact::Reloaded { what } => Self { result: Some(what), ..self },
            Fact::ShadowDiffers { policy: _, how } => Self { because: Some(how), ..self },
            Fact::HistoryBack { lost } => Self { lost: Some(*lost), ..self },
            Fact::BoundHit { bound } => Self { bound: Some(bound), ..self },
            Fact::NoticeFailed { to, why } => {
                Self { receiver: Some(to.as_str()), why: Some(Cow::Borrowed(why)), ..self }
            }
        }
    }

    fn with_decision(self, decision: &'a Decision) -> Self {
        let (dry_run, refusal) = match &decision.verdict {
            Verdict::Start => (None, None),
            Verdict::DryRun(scope) => (Some(scope_word(*scope)), None),
            Verdict::Refused(refusal) => (None, Some(refusal.to_string())),
        };
        Self {
            decision: Some(decision.id.0),
            action: Some(decision.work.word().name()),
            work: Some(match &decision.work {
                Work::Do(_) => "do",
                Work::Take(_) => "take",
                Work::Release(_) => "release",
            }),
            cause: Some(match decision.cause {
                Cause::Entry => "entry",
                Cause::Again => "again",
                Cause::Every => "every",
                Cause::Upkeep => "upkeep",
                Cause::Command => "command",
            }),
            dry_run,
            refusal,
            ..self
        }
    }
}

const fn scope_word(scope: DryRun) -> &'static str {
    match scope {
        DryRun::Agent => "agent",
        DryRun::Policy => "policy",
        DryRun::Action => "action",
        DryRun::Shadow => "shadow",
    }
}
