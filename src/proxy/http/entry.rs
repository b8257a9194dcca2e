//! How clients come in: accepted, looked at, let into the pool, and given a task of their own.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tokio::task::spawn_local;

use crate::proxy::ear::{Accepted, Ear};
use crate::proxy::guests::{Origin, Seen};
use crate::proxy::http::reply::Reply;
use crate::proxy::http::seat::Seat;
use crate::proxy::http::session::{Arrival, Session};
use crate::proxy::http::side::Side;
use crate::proxy::http::web::{Web, client_of};
use crate::proxy::http::websocket;
use crate::proxy::porch::{ACCEPTS_MAX, Porch};
use crate::proxy::reach::KEEP_ALIVE;
use crate::proxy::transport::Transport;
use crate::proxy::view::Identity;
use crate::sys::polled::polled;
use crate::sys::tcp::keep_alive;

/// Clients that are only told why they may not come; with one more it is closed without a word.
pub(super) const REFUSED_MAX: usize = 256;

impl Web {
    /// Opens the ways in: a task at each listener.
    pub(super) fn open_porch(self: &Rc<Self>, ears: Vec<(u16, Ear)>) {
        let porch = Porch::new(ears);
        let watched: Vec<io::Result<OwnedFd>> = porch.descriptors().collect();
        *self.porch.borrow_mut() = porch;
        for (place, watched) in watched.into_iter().enumerate() {
            match watched {
                Ok(own) => {
                    let door = spawn_local(Rc::clone(self).stand_at(place, own));
                    self.doors.borrow_mut().push(door.abort_handle());
                }
                Err(error) => tracing::error!(%error, "a listener can't be polled"),
            }
        }
    }

    /// Takes the clients of a listener as they come.
    async fn stand_at(self: Rc<Self>, place: usize, own: OwnedFd) {
        let watched = match polled(own) {
            Ok(watched) => watched,
            Err(error) => return tracing::error!(%error, "a listener can't be polled"),
        };
        while let Ok(mut guard) = watched.readable().await {
            guard.clear_ready();
            drop(guard);
            self.look_at_clock();
            while self.accept(place) {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes clients of a listener; gives whether there may be more.
    pub(super) fn accept(self: &Rc<Self>, place: usize) -> bool {
        for _ in 0..ACCEPTS_MAX {
            // One for which there is no descriptor is closed without a word: to read what it asks would take one.
            let accepted = self.porch.borrow_mut().next(place, self.now.get(), drop);
            let Some(accepted) = accepted else { return false };
            let Some(room) = self.porch.borrow().room(place) else { return false };
            self.welcome(room, accepted);
        }
        true
    }

    /// Lets a client in, or has it told why not.
    fn welcome(self: &Rc<Self>, room_place: u16, accepted: Accepted) {
        let (origin, seen) = self.porch.borrow_mut().look(&accepted);
        let (stream, ends) = accepted;
        let settings = &self.settings[usize::from(room_place)];
        let now = self.now.get();
        let judged = settings.guests.judge(seen);
        if seen == Seen::Foreign {
            // One that can't be watched here is asked now and then; one that can't be asked is served all the same.
            let _watched = keep_alive(&stream, KEEP_ALIVE);
        }
        let Ok(client) = Side::new(Transport::plain(stream)) else { return };
        self.turn.set(self.turn.get().wrapping_add(1));
        let seat = Rc::new(Seat::new(room_place, self.turn.get(), identity(&origin).into(), now));
        let place = self.seats.borrow_mut().insert(Rc::clone(&seat));
        let refusal = match judged {
            Err(why) => Some((why.clone(), Reply::stranger(why))),
            Ok(()) => {
                let mut room = self.rooms[usize::from(room_place)].borrow_mut();
                let attached = room.pool.attach(client_of(place), now);
                attached.err().map(|refusal| (refusal.meaning().to_owned(), Reply::refused(refusal)))
            }
        };
        if let Some((why, _)) = &refusal {
            if self.porch.borrow_mut().tell(now) {
                tracing::warn!(proxy = settings.name, address = %origin, why, "a client is refused");
            }
            if self.refused.get() >= REFUSED_MAX {
                drop(self.seats.borrow_mut().try_remove(place));
                return;
            }
            self.refused.set(self.refused.get() + 1);
        }
        let ends = ends.filter(|_| seen != Seen::Foreign);
        let arrival = Arrival { place, client, ends, refusal: refusal.map(|(_, reply)| reply) };
        match &settings.stream {
            Some(stream) => spawn_local(websocket::Session::new(Rc::clone(self), seat, stream, arrival)),
            None => spawn_local(Session::new(Rc::clone(self), seat, arrival)),
        };
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
