//! What clients are told that are not served, or no longer.

use crate::pool::reason::{Farewell, Refusal};
use crate::proxy::postgres::worker::Worker;
use crate::wire::postgres::sqlstate::{Report, SqlState};

impl Worker {
    pub(super) fn refuse(&mut self, place: usize, refusal: Refusal) {
        let Some(client) = self.clients.get(place) else { return };
        let room = &self.rooms[usize::from(client.room)];
        let said = room.door(client.key).map(|door| door.refused.clone()).unwrap_or_default();
        if matches!(refusal, Refusal::LoginRefused | Refusal::UpstreamDown) && !said.is_empty() {
            return self.dismiss_with(place, &said, Farewell::Refused);
        }
        let (state, text, hint) = refused(refusal);
        let report = Report::new(state, text).fatal().hint(hint);
        self.dismiss(place, &report, Farewell::Refused);
    }

    pub(super) fn farewell(&mut self, place: usize, farewell: Farewell) {
        let text = farewell.meaning();
        self.dismiss(place, &Report::new(SqlState::AdminShutdown, text).fatal(), farewell);
    }
}

/// What a client is told of a refusal.
fn refused(refusal: Refusal) -> (SqlState, &'static str, &'static str) {
    let full = SqlState::TooManyConnections;
    match refusal {
        Refusal::ClientsFull => (
            full,
            "the proxy has as many clients as it may",
            "Raise clients.max, or look for clients that are never closed: fdguard status names them.",
        ),
        Refusal::Throttled => (
            full,
            "new clients come faster than the throttle lets them in",
            "A policy holds new connections back; try again later.",
        ),
        Refusal::Scarce => {
            (full, "only the reserved clients are let in", "The bot's descriptors are nearly gone.")
        }
        Refusal::QueueFull => {
            (full, "too many clients wait for a server connection", "Raise pool.max or pool.waiters.")
        }
        Refusal::WaitOver => (
            full,
            "no server connection came free in time",
            "Raise pool.max or pool.wait, or look for long transactions.",
        ),
        Refusal::UpstreamDown => (
            SqlState::CannotConnectNow,
            "no server can be reached",
            "Look at the servers in upstream, and at the proxy's log.",
        ),
        Refusal::LoginRefused => (
            SqlState::InvalidAuthorization,
            "the server does not accept the proxy's login",
            "Look at pool.login.",
        ),
        Refusal::Disabled => {
            (SqlState::CannotConnectNow, "the pool is disabled", "RESUME or ENABLE it in the console.")
        }
        Refusal::ShuttingDown => {
            (SqlState::AdminShutdown, "the proxy is shutting down", "Try again when it is back.")
        }
        Refusal::OutOfTurn => {
            (SqlState::Internal, "the proxy lost count of this client", "Please report this.")
        }
    }
}
