//! How sessions end.

use mio::event::Event;

use crate::pool::reason::{CloseReason, Farewell};
use crate::proxy::guests::Seen;
use crate::proxy::tcp::token::Side;
use crate::proxy::tcp::worker::Worker;
use crate::proxy::tcp::worker::serving::client_of;
use crate::proxy::transport::Stream;
use crate::sys::tcp::abort_on_close;

/// How the sockets of a session are closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Parting {
    /// In order: nothing is missing, or the end is by a rule of this side.
    InOrder,
    /// One side broke off. The other must not take what it got for all there was.
    Broken,
}

impl Worker {
    /// The poll says that a side has closed its half, or is gone.
    pub(super) fn hung_up(&mut self, place: usize, side: Side, event: &Event) {
        let session = &mut self.sessions[place];
        let Some(end) = session.end_mut(side) else { return };
        // An end that comes with the last bytes has no event of its own: reads go on until they find it.
        end.transport.hung_up();
        if side == Side::Server {
            return;
        }
        // Of a unix socket this comes only when nobody holds the other end any more.
        session.gone |= match session.client.transport.stream() {
            Stream::Unix(_) => event.is_write_closed(),
            Stream::Tcp(_) => event.is_error(),
        };
        if session.is_cut_off() {
            return self.broken(place, side);
        }
        if session.server.is_none() && self.is_gone(place) {
            // It costs no server connection any more.
            self.end(place, Farewell::Left, CloseReason::ClientGone, Parting::InOrder);
        }
    }

    /// Whether nobody holds the client's end of a session any more.
    pub(super) fn is_gone(&mut self, place: usize) -> bool {
        let Some(session) = self.sessions.get_mut(place) else { return false };
        session.looked = self.now;
        let address = match session.client.transport.stream() {
            Stream::Unix(_) => None,
            Stream::Tcp(stream) => session.origin.address.zip(stream.local_addr().ok()),
        };
        session.gone || address.is_some_and(|ends| self.porch.look_at(ends).1 == Seen::Gone)
    }

    /// A side broke off.
    pub(super) fn broken(&mut self, place: usize, side: Side) {
        let (farewell, reason) = match side {
            Side::Client => (Farewell::Lost, CloseReason::ClientGone),
            Side::Server => (Farewell::Cut, CloseReason::StreamBroken),
        };
        self.end(place, farewell, reason, Parting::Broken);
    }

    /// Ends a session: both its sockets are closed.
    pub(super) fn end(&mut self, place: usize, farewell: Farewell, reason: CloseReason, parting: Parting) {
        let Some(session) = self.sessions.try_remove(place) else { return };
        if parting == Parting::Broken {
            let ends = [Some(&session.client), session.server.as_ref()];
            for end in ends.into_iter().flatten() {
                // One that can't be told so is closed all the same; unix sockets know no other end.
                let _told = abort_on_close(&end.transport);
            }
        }
        let room_place = usize::from(session.room);
        let room = &mut self.rooms[room_place];
        room.parted.note(&session.about, farewell, self.now);
        room.pool.detach(client_of(place), farewell, self.now);
        if let Some(connection) = session.lease {
            room.pool.spend(connection, reason, self.now);
        }
        drop(session);
        self.carry_out(room_place);
    }
}

/// Why the server connection of a session is closed whose client is told to go.
pub(super) const fn reason_of(farewell: Farewell) -> CloseReason {
    match farewell {
        Farewell::IdleOver => CloseReason::IdleOver,
        Farewell::Killed => CloseReason::Killed,
        Farewell::Shutdown => CloseReason::Shutdown,
        Farewell::Shed | Farewell::Lost | Farewell::Protocol => CloseReason::ClientGone,
        Farewell::Left | Farewell::Refused | Farewell::Cut => CloseReason::SessionOver,
    }
}
