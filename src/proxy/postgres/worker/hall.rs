//! Where clients come in: the listeners, who may pass, and the clients that have not yet said what they want.
//!
//! The worker accepts by itself, so that a client that needs nothing but to be let in wakes no other thread. Whoever
//! needs TLS or has to show a password goes to the desk, which may wait, and comes back when that is done.
//!
//! ```text
//!   accept ─► whose is it? ─► Knocker ─► first packet ─► let in ───────────────────────► Client
//!                                │              │  └──► TLS or password ─► desk ─► Arrived ─┘
//!                                │              └─────► stranger: told, parted from
//!                                └──► too slow, or too many and the slowest: told, ended
//! ```

use std::io::{Read as _, Write as _};
use std::time::Duration;

use slab::Slab;

use crate::proxy::ear::{Accepted, Ear};
use crate::proxy::guests::{Guests, Origin, Seen};
use crate::proxy::porch::{ACCEPTS_MAX, Porch};
use crate::proxy::postgres::worker::Worker;
use crate::proxy::postgres::worker::knocker::{Knocker, Seat, Stage};
use crate::proxy::postgres::worker::token::Token;
use crate::proxy::transport::{Stream, Transport};
use crate::wire::postgres::sqlstate::{Report, SqlState, error_response};

/// Clients that have not yet said what they want, each with a descriptor of ours.
pub(in crate::proxy::postgres) const KNOCKERS_MAX: usize = 256;
/// What clients must show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Proof {
    /// Nothing more than whose they are.
    None,
    /// A password.
    Password,
}

/// TLS towards clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tls {
    /// There is none.
    None,
    /// Whoever asks gets it.
    Offered,
    /// Nobody comes in without, unless through a unix socket.
    Required,
}

/// The way in to one proxy.
#[derive(Debug)]
pub(crate) struct Doorway {
    pub(crate) name: String,
    pub(crate) guests: Guests,
    /// Who may use the console.
    pub(crate) console: Guests,
    pub(crate) proof: Proof,
    pub(crate) tls: Tls,
    /// A login may take so long.
    pub(crate) within: Duration,
}

/// The ways in to all proxies.
#[derive(Debug, Default)]
pub(crate) struct Hall {
    pub(super) doorways: Vec<Doorway>,
    porch: Porch,
    pub(super) knockers: Slab<Knocker>,
    pub(super) turn: u32,
}

impl Hall {
    /// With these ways in, by room, and the listeners that lead to them.
    pub(crate) fn new(doorways: Vec<Doorway>, ears: Vec<(u16, Ear)>) -> Self {
        Self { doorways, porch: Porch::new(ears), ..Self::default() }
    }

    /// Whose client it is, and whether it may come in.
    fn look(&mut self, room: u16, accepted: &Accepted) -> (Origin, Result<(), String>) {
        let doorway = &self.doorways[usize::from(room)];
        let (origin, seen) = self.porch.look(accepted);
        let verdict = match (seen, doorway.proof) {
            (Seen::Foreign | Seen::Unknown, Proof::Password) => Ok(()),
            (Seen::Foreign, Proof::None) => {
                Err("clients of other machines have to show a password".to_owned())
            }
            (Seen::User(..) | Seen::Gone | Seen::Unknown, _) => doorway.guests.judge(seen),
        };
        (origin, verdict)
    }
}

/// Tells a client that there is no descriptor for it.
fn refuse(mut stream: Stream) {
    let report = Report::new(SqlState::TooManyConnections, "the proxy has no descriptor left").fatal();
    let mut said = Vec::new();
    error_response(&mut said, &report.hint("Raise LimitNOFILE= of the agent, or lower clients.max."));
    // A socket that is closed with something unread loses what it was told.
    let _told = stream.write(&said);
    let _read = stream.read(&mut [0; 1_024]);
}

impl Worker {
    /// Opens the ways in.
    pub(super) fn open_hall(&mut self, hall: Hall) {
        self.hall = hall;
        self.hall.porch.register(self.poll.registry(), |place| Token::Ear(place).name());
    }

    /// Closes the ways in: whoever has not yet said what it wants goes as well.
    pub(super) fn close_hall(&mut self) {
        self.hall = Hall::default();
    }

    /// Takes the clients of a listener.
    pub(super) fn accept(&mut self, place: usize) {
        for _ in 0..ACCEPTS_MAX {
            let Some(accepted) = self.hall.porch.next(place, self.now, refuse) else { return };
            self.welcome(place, accepted);
        }
        self.again.push(Token::Ear(place));
    }

    fn welcome(&mut self, place: usize, accepted: Accepted) {
        let hall = &mut self.hall;
        let Some(room) = hall.porch.room(place) else { return };
        let (origin, verdict) = hall.look(room, &accepted);
        if hall.knockers.len() >= KNOCKERS_MAX {
            self.end_slowest();
        }
        let hall = &mut self.hall;
        if let Err(why) = &verdict
            && hall.porch.tell(self.now)
        {
            tracing::warn!(proxy = hall.doorways[usize::from(room)].name, why, "a client is refused");
        }
        hall.turn = hall.turn.wrapping_add(1) & Token::KNOCKER_TURN;
        let knocker = Knocker {
            transport: Transport::plain(accepted.0),
            room,
            origin,
            since: self.now,
            stage: Stage::Asked(0),
            seat: Seat::Fresh,
            turn: hall.turn,
            read: Vec::new(),
            refused: verdict.err(),
        };
        let knocker = hall.knockers.insert(knocker);
        self.hear(knocker);
    }

    /// Room for one more: the one that has taken longest so far goes.
    fn end_slowest(&mut self) {
        let slowest = self.hall.knockers.iter().min_by_key(|(_, knocker)| knocker.since);
        if let Some((place, _)) = slowest {
            let text = "too many clients are logging in, and this one has taken longest";
            self.end_knocker(place, &Report::new(SqlState::TooManyConnections, text).fatal());
        }
    }

    /// Tells a knocker something if it listens, and closes its socket.
    pub(super) fn end_knocker(&mut self, place: usize, report: &Report<'_>) {
        let Some(mut knocker) = self.hall.knockers.try_remove(place) else { return };
        match knocker.stage {
            Stage::Asked(_) => tell(&mut knocker.transport, report),
            Stage::Parting => {}
        }
    }

    /// Ends those that take too long, and tries listeners again that could not be emptied.
    pub(super) fn sweep_hall(&mut self) {
        let now = self.now;
        let hall = &self.hall;
        let overdue = hall.knockers.iter().filter(|(_, knocker)| {
            now.since(knocker.since) >= knocker.patience(&hall.doorways[usize::from(knocker.room)])
        });
        let overdue: Vec<usize> = overdue.map(|(place, _)| place).collect();
        for place in overdue {
            let text = "canceling authentication due to timeout";
            self.end_knocker(place, &Report::new(SqlState::QueryCanceled, text).fatal());
        }
        for place in self.hall.porch.take_stalled() {
            self.accept(place);
        }
    }
}

/// Says something and closes our half. One that does not listen is not waited for.
pub(super) fn tell(transport: &mut Transport, report: &Report<'_>) {
    let mut said = Vec::new();
    error_response(&mut said, report);
    let _told = transport.send(&said);
    transport.finish();
}
