//! `run`: a hook of the agent's file, a command or an HTTP call.

use std::time::Duration;

use crate::call::probe;
use crate::config::{self, Probe};
use crate::model::decision::Done;
use crate::model::name::Name;

use super::kit::Kit;
use super::order::Order;
use super::settings::{HookCall, HookCommand, HookRequest};
use crate::call::capture::{self, Command};
use crate::call::excerpt::Excerpt;
use crate::call::web::{Call, method};
use crate::model::chain::chain;
use crate::model::reading::{Gap, Reading};
use crate::model::units::format_span;

/// From one question whether a hook's work is done to the next.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Runs a hook to its end or its time limit. What it said goes, without secrets, into the summary.
pub(super) async fn run(kit: &Kit, order: &Order, hook: &Name) -> Result<Done, String> {
    run_with(kit, order, hook, &[]).await
}

/// The same, with more to tell it.
pub(super) async fn run_with(
    kit: &Kit,
    order: &Order,
    hook: &Name,
    more: &[(&'static str, String)],
) -> Result<Done, String> {
    let Some(settings) = kit.settings.hooks.get(hook) else {
        return Err(format!("there is no hook `{hook}`"));
    };
    let told: Vec<_> = facts(order).into_iter().chain(more.iter().cloned()).collect();
    let (went, said) = match &settings.call {
        HookCall::Command(call) => command(call, &told, settings.timeout).await,
        HookCall::Http(request) => http(kit, request, &told, settings.timeout).await,
    };
    let went = match &settings.until {
        Some((probe, within)) => confirm(kit, went, (probe, *within)).await,
        None => went,
    };
    let said = said.map(|said| kit.redactor.text(&said.text())).filter(|said| !said.is_empty());
    let tell = |how: &str| match &said {
        Some(said) => format!("hook {hook}: {how}; it said: {said}"),
        None => format!("hook {hook}: {how}"),
    };
    match went {
        Ok(how) => Ok(Done { summary: tell(&how) }),
        Err(how) => Err(tell(&how)),
    }
}

/// Asks a probe until it says 0: that counts, whatever the call itself said.
async fn confirm(
    kit: &Kit,
    went: Result<String, String>,
    (probe, within): (&Probe, Duration),
) -> Result<String, String> {
    let clock = &kit.settings.clock;
    let begun = clock.now();
    let called = went.unwrap_or_else(|why| format!("failed: {why}"));
    loop {
        let left = within.saturating_sub(clock.now().since(begun));
        let asked = tokio::time::timeout(left, probe::ask(probe, &kit.web)).await;
        let reading = asked.unwrap_or(Reading::Unavailable(Gap::Late));
        let took = clock.now().since(begun);
        if reading == Reading::Known(0.0) {
            return Ok(format!("{called}; {} says 0 after {}", probe.name, format_span(took)));
        }
        if took + ASK_AGAIN > within {
            let said = match reading {
                Reading::Known(value) => format!("still says {value}"),
                Reading::Unavailable(gap) => format!("is not known: {gap}"),
            };
            return Err(format!("{called}; {} {said} after {}", probe.name, format_span(took)));
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// A fact: the name of its variable, and its value.
type Told = (&'static str, String);
type Went = (Result<String, String>, Option<Excerpt>);

async fn command(call: &HookCommand, told: &[Told], timeout: Duration) -> Went {
    let mut environment: Vec<(&str, &str)> =
        call.environment.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    environment.extend(told.iter().map(|(name, value)| (*name, value.as_str())));
    let command =
        Command { argv: &call.argv, environment: &environment, user: call.user, input: Vec::new(), timeout };
    match capture::run(command).await {
        Ok(ran) if ran.ended.success() => (Ok(ran.ended.to_string()), Some(ran.output)),
        Ok(ran) => (Err(ran.ended.to_string()), Some(ran.output)),
        Err(error) => (Err(chain(&error)), None),
    }
}

async fn http(kit: &Kit, request: &HookRequest, told: &[Told], timeout: Duration) -> Went {
    let endpoint = &request.endpoint;
    let carries = matches!(request.method, config::Method::Post | config::Method::Put);
    let method = method(request.method);
    let body = match &request.body {
        Some(body) => body.clone().into_bytes(),
        None if carries => json(told),
        None => Vec::new(),
    };
    match kit.web.call(endpoint, Call { method, body, timeout }).await {
        Ok(answer) => {
            let how = format!("{} answered {}", endpoint.label(), answer.status);
            let went = if (200..300).contains(&answer.status) { Ok(how) } else { Err(how) };
            (went, Some(answer.body))
        }
        Err(error) => (Err(chain(&error)), None),
    }
}

fn json(told: &[Told]) -> Vec<u8> {
    let lower = |name: &str| name.trim_start_matches("FDGUARD_").to_lowercase();
    let facts = told.iter().map(|(name, value)| (lower(name), value.clone().into()));
    serde_json::Value::Object(facts.collect()).to_string().into_bytes()
}

/// What a hook is told of why it runs.
fn facts(order: &Order) -> Vec<Told> {
    let tier = order.story.tier.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![
        ("FDGUARD_TARGET", order.target.to_string()),
        ("FDGUARD_PID", order.process.pid.to_string()),
        ("FDGUARD_TIER", tier),
        ("FDGUARD_RULE", order.story.rule.clone()),
        ("FDGUARD_DECISION", order.decision.0.to_string()),
    ]
}
