//! How clients come in: accepted, looked at, let into the pool.

use mio::Interest;
use mio::unix::SourceFd;

use crate::pool::check_out::CheckOut;
use crate::pool::id::Key;
use crate::pool::reason::{CloseReason, Farewell, Refusal};
use crate::proxy::ear::{Accepted, Ear};
use crate::proxy::guests::{Origin, Seen};
use crate::proxy::porch::{ACCEPTS_MAX, Porch};
use crate::proxy::reach::KEEP_ALIVE;
use crate::proxy::tcp::relay::End;
use crate::proxy::tcp::session::Session;
use crate::proxy::tcp::token::{Side, Token};
use crate::proxy::tcp::worker::Worker;
use crate::proxy::tcp::worker::ending::Parting;
use crate::proxy::tcp::worker::serving::client_of;
use crate::proxy::transport::Transport;
use crate::proxy::view::{Identity, Traffic};
use crate::sys::tcp::keep_alive;

pub(super) const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl Worker {
    /// Opens the ways in.
    pub(super) fn open_porch(&mut self, ears: Vec<(u16, Ear)>) {
        self.porch = Porch::new(ears);
        self.porch.register(self.poll.registry(), |place| Token::Ear(place).name());
    }

    /// Takes the clients of a listener.
    pub(super) fn accept(&mut self, place: usize) {
        for _ in 0..ACCEPTS_MAX {
            // One for which there is no descriptor is closed without a word: there is none that it would know.
            let Some(accepted) = self.porch.next(place, self.now, drop) else { return };
            let Some(room) = self.porch.room(place) else { return };
            self.welcome(room, accepted);
        }
        self.again.push(Token::Ear(place));
    }

    /// Lets a client in, or closes it before anything of it is read.
    fn welcome(&mut self, room_place: u16, accepted: Accepted) {
        let (origin, seen) = self.porch.look(&accepted);
        let room = &self.rooms[usize::from(room_place)];
        if let Err(why) = room.settings.guests.judge(seen) {
            if self.porch.tell(self.now) {
                tracing::warn!(proxy = room.settings.name, why, "a client is refused");
            }
            return;
        }
        let stream = accepted.0;
        if seen == Seen::Foreign {
            // One that can't be watched here is asked now and then; one that can't be asked is served all the same.
            let _watched = keep_alive(&stream, KEEP_ALIVE);
        }
        self.turn = self.turn.wrapping_add(1) & Token::TURN;
        let session = Session {
            client: End::new(Transport::plain(stream)),
            server: None,
            room: room_place,
            turn: self.turn,
            lease: None,
            origin,
            about: identity(&origin).into(),
            since: self.now,
            opened: self.now,
            active: self.now,
            looked: self.now,
            spoke: Side::Client,
            rests: false,
            gone: false,
            traffic: Traffic::default(),
        };
        let fd = session.client.transport.fd();
        let place = self.sessions.insert(session);
        let name = self.sessions[place].token(place, Side::Client).name();
        if self.poll.registry().register(&mut SourceFd(&fd), name, BOTH).is_err() {
            return drop(self.sessions.try_remove(place));
        }
        self.enter(place);
    }

    /// Asks the pool for a server connection.
    fn enter(&mut self, place: usize) {
        let room_place = usize::from(self.sessions[place].room);
        let pool = &mut self.rooms[room_place].pool;
        let client = client_of(place);
        if let Err(refusal) = pool.attach(client, self.now) {
            return self.refuse(place, refusal);
        }
        match pool.check_out(client, Key::HOME, self.now) {
            CheckOut::Wait => self.carry_out(room_place),
            CheckOut::Lease(connection) => self.serve(room_place, place, connection),
            CheckOut::Refused(refusal) => self.refuse(place, refusal),
        }
    }

    /// Turns a client away. In a protocol that is not known there is no word for it.
    pub(super) fn refuse(&mut self, place: usize, refusal: Refusal) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        if self.porch.tell(self.now) {
            let name = &self.rooms[usize::from(session.room)].settings.name;
            tracing::warn!(proxy = name, address = %session.origin, why = refusal.meaning(), "a client is refused");
        }
        // A socket that is closed with something unread is reset, and its client blames the network.
        let _read = session.client.transport.take(&mut self.scratch);
        self.end(place, Farewell::Refused, CloseReason::Unwanted, Parting::InOrder);
    }
}

fn identity(origin: &Origin) -> Identity {
    Identity {
        address: origin.to_string(),
        uid: origin.uid,
        pid: origin.pid,
        inode: origin.inode,
        ..Identity::default()
    }
}
