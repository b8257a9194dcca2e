//! What the owner of pools does when it is asked, what a pool does when it is told to, and how it is told what came of it.

use std::collections::BTreeSet;

use crate::model::action::Gate;
use crate::model::clock::Timestamp;
use crate::pool::Pool;
use crate::pool::id::ConnectionId;
use crate::pool::reset::{Reset, ResetCause, Scope};
use crate::proxy::command::{By, Command, Done};
use crate::proxy::proxies::{Client, Question};
use crate::proxy::view::{GateView, View};

/// The thread that owns pools, each at its place.
pub(in crate::proxy) trait Owner {
    /// What there is; none where there is no such place.
    fn view(&self, place: u16) -> Option<View>;
    /// Has a pool do something; none where there is no such place.
    fn obey(&mut self, place: u16, command: Command) -> Option<Done>;
    /// Drops what is kept of answers, where any are; how many that were.
    fn flush_cache(&mut self, _place: u16) -> usize {
        0
    }
    /// Closes an order gate, or opens it; how it stands then, where there is one.
    fn trade(&mut self, _place: u16, _by: By, _gate: Option<Gate>) -> Option<GateView> {
        None
    }
    /// Closes one client, if it is still there.
    fn kill_client(&mut self, place: u16, client: Client) -> Done;
}

/// Answers a question about a pool. One about a place that is not there is dropped, which says so.
pub(in crate::proxy) fn answer(owner: &mut impl Owner, place: u16, question: Question) {
    match question {
        Question::View(reply) => {
            if let Some(view) = owner.view(place) {
                reply.send(Box::new(view));
            }
        }
        Question::Do(Command::FlushCache, reply) => {
            reply.send(Done { answers: Some(owner.flush_cache(place)), ..Done::default() });
        }
        Question::Do(Command::Trade(by, gate), reply) => {
            if let Some(trading) = owner.trade(place, by, gate) {
                reply.send(Done { trading: Some(trading), ..Done::default() });
            }
        }
        Question::Do(command, reply) => {
            if let Some(done) = owner.obey(place, command) {
                reply.send(done);
            }
        }
        Question::KillClient(client, reply) => reply.send(owner.kill_client(place, client)),
    }
}

/// Has a pool do something. Its orders are still to be carried out.
pub(in crate::proxy) fn obey(pool: &mut Pool, command: Command, now: Timestamp) {
    match command {
        Command::Reset { how, share } => {
            pool.reset(Reset { how, share, scope: Scope::All, cause: ResetCause::Asked }, now);
        }
        Command::Admit(gate) => pool.set_gate(gate, now),
        Command::Supply(supply) => pool.set_supply(supply),
        Command::Pause => pool.pause(now),
        Command::Resume => pool.resume(now),
        Command::Reconnect => {
            pool.reconnect(now);
        }
        Command::Disable => pool.disable(now),
        Command::Kill => pool.kill(now),
        // What is kept of answers, and the order gate, stand beside the pool; streams belong to sessions.
        Command::FlushCache | Command::Stream(_) | Command::Trade(..) => {}
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
            ..Done::default()
        }
    }
}
