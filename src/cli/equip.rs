//! What can't work on this host, and why.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::proxy::Protocol;
use crate::model::action::Word;
use crate::sys::ability::{Ability, Capability};

/// Words that can't work here, and why.
pub(super) fn impossible(config: &Config, ability: &Ability) -> BTreeMap<Word, String> {
    let mut words = BTreeMap::new();
    let has_pools = config.proxies.values().any(|proxy| matches!(proxy.protocol, Protocol::Postgres(_)));
    if !has_pools {
        for word in [Word::ResetPool, Word::ThrottleConnects] {
            words.insert(word, "this agent has no pools".to_owned());
        }
    }
    words.insert(Word::PollStream, "this agent has no streams".to_owned());
    words.insert(Word::PauseTrading, "this agent has no order gate".to_owned());
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
