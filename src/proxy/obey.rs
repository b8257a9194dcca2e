//! What a pool does when it is told to, and how it is told what came of it.

use std::collections::BTreeSet;

use crate::model::clock::Timestamp;
use crate::pool::Pool;
use crate::pool::id::ConnectionId;
use crate::pool::reset::{Reset, ResetCause, Scope};
use crate::proxy::command::{Command, Done};

/// Has a pool do something. Its orders are still to be carried out.
pub(in crate::proxy) fn obey(pool: &mut Pool, command: Command, now: Timestamp) {
    match command {
        Command::Reset { how, share } => {
            pool.reset(Reset { how, share, scope: Scope::All, cause: ResetCause::Asked }, now);
        }
        Command::Admit(gate) => pool.set_gate(gate, now),
        Command::Pause => pool.pause(now),
        Command::Resume => pool.resume(now),
        Command::Reconnect => {
            pool.reconnect(now);
        }
        Command::Disable => pool.disable(now),
        Command::Kill => pool.kill(now),
        // What is kept of answers stands beside the pool.
        Command::FlushCache => {}
        Command::Adjust(limits) => pool.adjust(&limits, now),
    }
}

/// A pool's connections and clients, to tell what a command did.
pub(in crate::proxy) struct Standing {
    open: BTreeSet<ConnectionId>,
    retired: BTreeSet<ConnectionId>,
    clients: u32,
}

impl Standing {
    /// As it is now.
    pub(in crate::proxy) fn of(pool: &Pool, now: Timestamp) -> Self {
        let open = pool.connections(now).map(|seen| seen.connection).collect();
        let retired = pool.connections(now).filter(|seen| seen.retired.is_some());
        let retired = retired.map(|seen| seen.connection).collect();
        Self { open, retired, clients: pool.snapshot(now).clients }
    }

    /// What has changed since.
    pub(in crate::proxy) fn until(&self, after: &Self) -> Done {
        Done {
            closed: self.open.difference(&after.open).count(),
            retired: after.retired.difference(&self.retired).count(),
            clients: self.clients.saturating_sub(after.clients) as usize,
            answers: None,
        }
    }
}
