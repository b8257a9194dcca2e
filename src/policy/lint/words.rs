//! What can't work on a given target: words that are not allowed or can't be done, names that are not here.

use std::ops::Range;

use crate::model::action::Word;
use crate::model::diagnostic::Diagnostic;
use crate::policy::definition::Policy;
use crate::policy::means::{Lack, Means};

pub(super) fn check(policy: &Policy, means: &Means, found: &mut Vec<Diagnostic>) {
    let tiers = || policy.ladders.iter().flat_map(|ladder| &ladder.tiers);
    let upkeep = policy.upkeep.iter().flat_map(|rule| &rule.work);
    for item in tiers().flat_map(|tier| &tier.work).chain(upkeep) {
        match means.permit(&item.action) {
            Err(lack) => found.push(doubt(lack, item.action.word(), &item.span)),
            Ok(()) if item.action.word() == Word::ReapDescriptors => found.push(loops(&item.span)),
            Ok(()) => {}
        }
    }
    for item in tiers().flat_map(|tier| &tier.hold) {
        if let Err(lack) = means.permit_hold(&item.hold) {
            found.push(doubt(lack, item.hold.word(), &item.span));
        }
    }
}

/// Allowed and possible, and still not for every bot.
fn loops(span: &Range<usize>) -> Diagnostic {
    let message = "`reap_descriptors` breaks a bot whose event loop keeps books by descriptor number";
    let help = "not for asyncio, uvloop, Node.js or gevent, where it is refused if they are seen: \
                `fdguard doctor --pid N` says so; `destroy_sockets` and `stop` work there";
    Diagnostic::warning("breaks-loops", span.clone(), message).help(help)
}

fn doubt(lack: Lack, word: Word, span: &Range<usize>) -> Diagnostic {
    match lack {
        Lack::NotAllowed => {
            let message = format!("`{word}` is not in the target's `allow`: it will be refused");
            let help = format!("add \"{word}\" to `allow` in the agent's file, or leave it out here");
            Diagnostic::warning("not-allowed", span.clone(), message).help(help)
        }
        Lack::Unavailable(why) => {
            let message = format!("`{word}` can't work on this target: {why}");
            let help = "`fdguard doctor` says what would grant it; names come from the agent's file";
            Diagnostic::warning("unavailable", span.clone(), message).help(help)
        }
    }
}
