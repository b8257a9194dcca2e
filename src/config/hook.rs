//! `[hook.NAME]`: what a policy's `run` and a stop's `before` may call.

use std::time::Duration;

use super::call::{self, Command, HttpCall, Method, Way};
use super::section::{Context, Section};
use super::{defaults, read};
use crate::model::name::Name;

/// The most hooks.
pub(super) const HOOKS_MAX: usize = 64;

/// A command or an HTTP call of the operator's own.
#[derive(Clone, PartialEq, Debug)]
pub struct Hook {
    /// Its name.
    pub name: Name,
    /// What it does.
    pub call: HookCall,
    /// It is given up after so long: the command is killed.
    pub timeout: Duration,
    /// What shows that its work is done, where it is not the call's own word.
    pub until: Option<Until>,
}

/// What shows that a hook's work is done: a probe, asked until it says 0.
#[derive(Clone, PartialEq, Debug)]
pub struct Until {
    /// The probe.
    pub probe: Name,
    /// How long it is asked.
    pub within: Duration,
}

impl Hook {
    /// How long it takes at most: the call, then the wait for what shows that its work is done.
    pub fn longest(&self) -> Duration {
        self.timeout + self.until.as_ref().map_or(Duration::ZERO, |until| until.within)
    }
}

/// What a hook does.
#[derive(Clone, PartialEq, Debug)]
pub enum HookCall {
    /// Runs a command; good where it ends with 0.
    Run(Command),
    /// Makes an HTTP call; good where the status is 2xx.
    Http(HttpCall),
}

/// Reads one hook.
pub(super) fn read(name: Name, mut section: Section<'_>, cx: &mut Context<'_>) -> Option<Hook> {
    let call = match call::way(&mut section, cx) {
        Some(Way::Run) => {
            let argv = section.get(cx, "run", read::argv);
            let env = super::matching::env(&mut section, cx);
            let user = section.get(cx, "user", read::text);
            argv.map(|argv| HookCall::Run(Command { argv, env, user }))
        }
        Some(Way::Http) => section.present(cx, "http").and_then(|mut http| {
            let call = call::http(&mut http, Method::Post, cx);
            http.finish(cx);
            call.map(HookCall::Http)
        }),
        None => None,
    };
    let span = Duration::from_millis(10)..=Duration::from_mins(10);
    let timeout = section.or(cx, "timeout", defaults::HOOK_TIMEOUT, read::span(span.clone()));
    let until = section.present(cx, "until").and_then(|mut until| {
        let probe = until.need(cx, "probe", |value, faults| value.parsed(faults, Name::parse));
        let within = until.or(cx, "within", defaults::HOOK_UNTIL, read::span(span));
        until.finish(cx);
        Some(Until { probe: probe?, within })
    });
    section.finish(cx);
    Some(Hook { name, call: call?, timeout, until })
}
