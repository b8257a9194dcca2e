//! What can't work on this host, and why.

use std::collections::BTreeMap;

use crate::model::action::Word;
use crate::sys::ability::{Ability, Capability};

/// Words that can't work here, and why.
pub(super) fn impossible(ability: &Ability) -> BTreeMap<Word, String> {
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
