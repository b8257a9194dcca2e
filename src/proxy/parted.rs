//! Clients that this side has closed and whose descriptor may still be open in the bot.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::clock::Timestamp;
use crate::pool::reason::Farewell;
use crate::proxy::view::{Identity, Parted};

/// The latest so many are kept in mind.
const PARTED_MAX: usize = 256;

/// The list, the latest last.
#[derive(Debug, Default)]
pub(in crate::proxy) struct PartedClients(VecDeque<(Arc<Identity>, Timestamp)>);

impl PartedClients {
    /// A client has been closed. One that left by itself has closed its descriptor, and one that nobody can find
    /// again is not kept in mind.
    pub(in crate::proxy) fn note(&mut self, who: &Arc<Identity>, farewell: Farewell, now: Timestamp) {
        if farewell == Farewell::Left || who.inode.is_none() {
            return;
        }
        if self.0.len() >= PARTED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((Arc::clone(who), now));
    }

    /// What is told of them, the latest first.
    pub(in crate::proxy) fn view(&self, now: Timestamp) -> Vec<Parted> {
        let told = |(who, at): &(Arc<Identity>, Timestamp)| Parted {
            identity: Arc::clone(who),
            since: now.since(*at),
        };
        self.0.iter().rev().map(told).collect()
    }
}
