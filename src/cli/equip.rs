//! What can't work on this host, and why.

use std::collections::BTreeMap;

use crate::actuator::TradingReach;
use crate::config::proxy::Protocol;
use crate::config::{Config, Match, Target, TargetTrading};
use crate::model::action::Word;
use crate::sys::ability::{Ability, Capability};

/// Why nobody could start a target again that is stopped, where that is so.
pub(super) fn no_restart(target: &Target) -> Option<String> {
    match &target.matches {
        Match::Child(_) | Match::Unit(_) => None,
        Match::Pid(_) | Match::Pidfile(_) | Match::Cgroup(_) | Match::Command(_) => Some(
            "it is neither a child nor a unit of systemd; name it by `child` or `unit`, or have the stop `stay`"
                .to_owned(),
        ),
    }
}

/// What is paused where a target's trading is: the gates that it names, or all that there are.
pub(super) fn trading(config: &Config, target: &Target) -> TradingReach {
    let TargetTrading { gates, hook, resume } = &target.trading;
    let gates = if gates.is_empty() { config.gates().cloned().collect() } else { gates.clone() };
    TradingReach { gates, hook: hook.clone(), resume: resume.clone() }
}

/// Words that can't work here, and why.
pub(super) fn impossible(config: &Config, target: &Target, ability: &Ability) -> BTreeMap<Word, String> {
    let mut words = BTreeMap::new();
    let has_pools = config.proxies.values().any(|proxy| {
        matches!(proxy.protocol, Protocol::Postgres(_) | Protocol::Http(_) | Protocol::WebSocket(_))
    });
    if !has_pools {
        for word in [Word::ResetPool, Word::ThrottleConnects] {
            words.insert(word, "this agent has no pools".to_owned());
        }
    }
    let has_polls = config.proxies.values().any(|proxy| match &proxy.protocol {
        Protocol::WebSocket(stream) => stream.poll.is_some(),
        Protocol::Postgres(_) | Protocol::Http(_) | Protocol::Tcp => false,
    });
    if !has_polls {
        words.insert(Word::PollStream, "this agent has no streams that it could poll".to_owned());
    }
    let reach = trading(config, target);
    if reach.gates.is_empty() && reach.hook.is_none() {
        let why = "no proxy of this agent has an order gate, and the target no `trading.hook`";
        words.insert(Word::PauseTrading, why.to_owned());
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
