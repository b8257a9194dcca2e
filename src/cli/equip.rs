//! What the actuator needs, from the settings: secrets read, addresses parsed, what can't work here named.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::actuator::{self, Backoff, Bounds, Endpoint, Evidence, Hook, HookCall, Receiver, Way};
use crate::config::{self, Config, Format, Match, Target, UrlSource};
use crate::model::action::Word;
use crate::model::chain::chain;
use crate::sys::ability::{Ability, Capability};
use crate::sys::clock::SystemClock;

/// What the actuator needs. The error names the setting and never the secret.
pub fn actuator(config: &Config) -> Result<actuator::Settings, String> {
    let mut hooks = BTreeMap::new();
    for (name, hook) in &config.hooks {
        let call = hook_call(&hook.call).map_err(|why| format!("hook.{name}: {why}"))?;
        hooks.insert(name.clone(), Hook { call, timeout: hook.timeout });
    }
    let mut receivers = BTreeMap::new();
    for (name, receiver) in &config.receivers {
        let way = way(&receiver.way).map_err(|why| format!("notify.{name}: {why}"))?;
        let backoff = Backoff { retries: receiver.retries, timeout: receiver.timeout, ..Backoff::default() };
        let receiver = Receiver { way, group: receiver.group, quota: receiver.rate, backoff };
        receivers.insert(name.clone(), receiver);
    }
    let evidence = &config.agent.evidence;
    Ok(actuator::Settings {
        host: crate::sys::host_name(),
        clock: Arc::new(SystemClock),
        hooks,
        receivers,
        evidence: Evidence {
            folder: evidence.dir.clone(),
            bounds: Bounds {
                bundle: evidence.max_size,
                number: usize::try_from(evidence.keep).unwrap_or(usize::MAX),
                ..Bounds::default()
            },
        },
        systemctl: "systemctl".into(),
    })
}

fn hook_call(call: &config::HookCall) -> Result<HookCall, String> {
    match call {
        config::HookCall::Run(command) => Ok(HookCall::Command(command.argv.clone())),
        config::HookCall::Http(call) => {
            let endpoint = Endpoint::parse(call.url.as_str()).map_err(|error| chain(&error))?;
            Ok(HookCall::Http(with_headers(endpoint, call.headers_file.as_deref())?))
        }
    }
}

fn way(way: &config::Way) -> Result<Way, String> {
    match way {
        config::Way::Command(argv) => Ok(Way::Command(argv.clone())),
        config::Way::Webhook { url, format, headers, headers_file } => {
            let endpoint = match url {
                UrlSource::File(path) => crate::cli::load::endpoint(path)?,
                UrlSource::Env(name) => {
                    let url = std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?;
                    Endpoint::parse(&url).map_err(|error| chain(&error))?
                }
                UrlSource::Inline(secret) => Endpoint::parse(secret.reveal()).map_err(|error| chain(&error))?,
            };
            let lines: Vec<String> =
                headers.iter().map(|(name, value)| format!("{name}: {}", value.reveal())).collect();
            let endpoint = endpoint.with_headers(&lines.join("\n")).map_err(|error| chain(&error))?;
            let endpoint = with_headers(endpoint, headers_file.as_deref())?;
            Ok(match format {
                Format::Slack => Way::Slack(endpoint),
                Format::Json => Way::Webhook(endpoint),
            })
        }
    }
}

fn with_headers(endpoint: Endpoint, file: Option<&Path>) -> Result<Endpoint, String> {
    let Some(path) = file else { return Ok(endpoint) };
    let text = std::fs::read_to_string(path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
    endpoint.with_headers(&text).map_err(|error| chain(&error))
}

/// Words that can't work on a target here, and why.
pub fn impossible(target: &Target, ability: &Ability) -> BTreeMap<Word, String> {
    let mut words = BTreeMap::new();
    for word in [Word::ResetPool, Word::ThrottleConnects, Word::PollStream, Word::PauseTrading] {
        words.insert(word, "this agent has no proxies".to_owned());
    }
    if !ability.has(Capability::NetAdmin) {
        words.insert(Word::DestroySockets, "CAP_NET_ADMIN is missing".to_owned());
    }
    if ability.yama >= 2 && !ability.has(Capability::SysPtrace) {
        words.insert(Word::ReapDescriptors, "Yama forbids ptrace without CAP_SYS_PTRACE".to_owned());
    }
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        words.insert(Word::ReapDescriptors, "not on this processor".to_owned());
    }
    words
}
