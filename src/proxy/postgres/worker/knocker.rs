//! A client that was accepted and has not yet said what it wants.

use std::time::Duration;

use mio::Interest;
use mio::unix::SourceFd;

use crate::model::clock::Timestamp;
use crate::proxy::guests::Origin;
use crate::proxy::postgres::login::entrance::{ASKED_MAX, Entered, Wish, enter};
use crate::proxy::postgres::worker::hall::{Doorway, Proof, Tls, tell};
use crate::proxy::postgres::worker::inbox::{Caller, Errand};
use crate::proxy::postgres::worker::token::Token;
use crate::proxy::postgres::worker::{Newcomer, READS_MAX, Worker};
use crate::proxy::transport::{Taken, Transport};
use crate::wire::postgres::backend::write_auth_ok;
use crate::wire::postgres::sqlstate::{Report, SqlState};
use crate::wire::postgres::startup::PACKET_MAX;

/// One that was refused may read so long why.
const PARTING_WITHIN: Duration = Duration::from_secs(1);
/// The most that is kept of one: a packet, and what may follow it.
const READ_MAX: usize = PACKET_MAX as usize + 4_096;

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// So many of its requests were answered with no.
    Asked(u8),
    /// It was refused: what it still says is not looked at, but read, for a socket that is closed with something unread
    /// loses what it was told.
    Parting,
}

/// Whether the poll knows a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seat {
    /// Not yet.
    Fresh,
    /// Under another name.
    Taken,
}

/// A client that was accepted.
#[derive(Debug)]
pub(super) struct Knocker {
    pub(super) transport: Transport,
    pub(super) room: u16,
    pub(super) origin: Origin,
    pub(super) since: Timestamp,
    pub(super) stage: Stage,
    pub(super) seat: Seat,
    pub(super) turn: u32,
    /// Read and not yet dealt with.
    pub(super) read: Vec<u8>,
    /// Why it can't come in. It is told in answer to its wish for a session: libpq shows no other error of a server
    /// that it asked for TLS.
    pub(super) refused: Option<String>,
}

impl Knocker {
    pub(super) fn patience(&self, doorway: &Doorway) -> Duration {
        match self.stage {
            Stage::Asked(_) => doorway.within,
            Stage::Parting => PARTING_WITHIN.min(doorway.within),
        }
    }

    /// Whether it wants the console: a guest, whom the desk lets in or not, or else one that may use the console and
    /// nothing else.
    fn visits(&self, doorway: &Doorway, wish: &Wish) -> bool {
        let may = || self.origin.uid.is_some_and(|uid| doorway.console.admit(uid, None));
        wish.is_for_console() && (self.refused.is_none() || may())
    }
}

/// What a read came to.
enum Heard {
    More,
    Last,
    Nothing,
    End,
}

impl Worker {
    /// Takes what a knocker has to say.
    pub(super) fn hear(&mut self, place: usize) {
        for _ in 0..READS_MAX {
            match self.read_knocker(place) {
                Heard::More => self.look_into(place),
                Heard::Last => {
                    self.look_into(place);
                    return self.seat(place);
                }
                Heard::Nothing => return self.seat(place),
                Heard::End => return drop(self.hall.knockers.try_remove(place)),
            }
        }
        if let Some(knocker) = self.hall.knockers.get(place) {
            self.again.push(Token::Knocker { place, turn: knocker.turn });
        }
    }

    fn read_knocker(&mut self, place: usize) -> Heard {
        let Some(knocker) = self.hall.knockers.get_mut(place) else { return Heard::End };
        let (count, heard) = match knocker.transport.take(&mut self.scratch[..READ_MAX]) {
            Ok(Taken::Bytes(count)) => (count, Heard::More),
            Ok(Taken::Last(count)) => (count, Heard::Last),
            Ok(Taken::Nothing) => return Heard::Nothing,
            Ok(Taken::End) | Err(_) => return Heard::End,
        };
        knocker.read.extend_from_slice(&self.scratch[..count]);
        heard
    }

    fn look_into(&mut self, place: usize) {
        loop {
            let Some(knocker) = self.hall.knockers.get_mut(place) else { return };
            let Stage::Asked(asked) = knocker.stage else { return knocker.read.clear() };
            let (entered, count) = match enter(&knocker.read, &knocker.origin) {
                Ok(Some(entered)) => entered,
                Ok(None) => return,
                Err(error) if error.is_told() => {
                    let text = error.to_string();
                    return self.part(place, &Report::new(error.state(), &text).fatal());
                }
                Err(_) => return drop(self.hall.knockers.try_remove(place)),
            };
            let tls = match &knocker.refused {
                Some(_) => Tls::None,
                None => self.hall.doorways[usize::from(knocker.room)].tls,
            };
            match (entered, tls) {
                (Entered::Tls | Entered::DirectTls, Tls::Offered | Tls::Required) => {
                    return self.send_to_desk(place, None);
                }
                (Entered::DirectTls, Tls::None) => return drop(self.hall.knockers.try_remove(place)),
                (Entered::Tls, Tls::None) | (Entered::Gss, _) => {
                    knocker.read.drain(..count);
                    knocker.stage = Stage::Asked(asked + 1);
                    if asked >= ASKED_MAX || knocker.transport.send(b"N").is_err() {
                        return drop(self.hall.knockers.try_remove(place));
                    }
                }
                (Entered::Cancel(_, _), _) if knocker.refused.is_some() => {
                    return drop(self.hall.knockers.try_remove(place));
                }
                (Entered::Session(wish), _)
                    if knocker.visits(&self.hall.doorways[usize::from(knocker.room)], &wish) =>
                {
                    knocker.read.drain(..count);
                    return self.send_to_desk(place, Some(wish));
                }
                (Entered::Session(_) | Entered::Unserved(_), _) if knocker.refused.is_some() => {
                    return self.turn_away(place);
                }
                (Entered::Cancel(number, secret), _) => {
                    let room = usize::from(knocker.room);
                    self.hall.knockers.try_remove(place);
                    return self.cancel(room, number, &secret);
                }
                (Entered::Unserved(what), _) => {
                    let (text, hint) = what.words();
                    let report = Report::new(SqlState::FeatureNotSupported, &text).fatal();
                    return self.part(place, &report.hint(hint));
                }
                (Entered::Session(wish), tls) => {
                    knocker.read.drain(..count);
                    return self.enter_by_word(place, wish, tls);
                }
            }
        }
    }

    /// Tells a stranger that it is one.
    fn turn_away(&mut self, place: usize) {
        let Some(knocker) = self.hall.knockers.get_mut(place) else { return };
        let name = &self.hall.doorways[usize::from(knocker.room)].name;
        let why = knocker.refused.take().unwrap_or_default();
        let hint = format!("Who may is said by `allow` of [proxy.{name}].");
        self.part(place, &Report::new(SqlState::InvalidAuthorization, &why).fatal().hint(&hint));
    }

    /// Lets a client in that has nothing to show, or sends it to the desk.
    fn enter_by_word(&mut self, place: usize, wish: Wish, tls: Tls) {
        let Some(knocker) = self.hall.knockers.get(place) else { return };
        if tls == Tls::Required && knocker.origin.address.is_some() {
            let text = "this proxy lets nobody in without TLS";
            let report = Report::new(SqlState::InvalidAuthorization, text).fatal();
            return self.part(place, &report.hint("Connect with sslmode=require."));
        }
        if self.hall.doorways[usize::from(knocker.room)].proof == Proof::Password {
            return self.send_to_desk(place, Some(wish));
        }
        let Some(knocker) = self.hall.knockers.try_remove(place) else { return };
        let Wish { about, mut prologue, settings } = wish;
        write_auth_ok(&mut prologue);
        self.arrive(Newcomer {
            transport: knocker.transport,
            room: knocker.room,
            about,
            prologue,
            early: knocker.read,
            settings,
            seat: knocker.seat,
        });
    }

    /// Hands a knocker over to those who may wait.
    fn send_to_desk(&mut self, place: usize, wish: Option<Wish>) {
        let Some(knocker) = self.hall.knockers.try_remove(place) else { return };
        let within = knocker.patience(&self.hall.doorways[usize::from(knocker.room)]);
        if knocker.seat == Seat::Taken {
            let fd = knocker.transport.fd();
            // The desk has a poll of its own; one that this one still tells of is passed over.
            let _left = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
        let caller = Caller {
            transport: knocker.transport,
            room: knocker.room,
            origin: knocker.origin,
            read: knocker.read,
            wish,
            left: within.saturating_sub(self.now.since(knocker.since)),
        };
        self.errand(Errand::Welcome(Box::new(caller)));
    }

    /// Has the poll tell of a knocker.
    fn seat(&mut self, place: usize) {
        let Some(knocker) = self.hall.knockers.get_mut(place) else { return };
        if knocker.seat == Seat::Taken {
            return;
        }
        let name = Token::Knocker { place, turn: knocker.turn }.name();
        let fd = knocker.transport.fd();
        knocker.seat = Seat::Taken;
        if self.poll.registry().register(&mut SourceFd(&fd), name, Interest::READABLE).is_err() {
            self.hall.knockers.try_remove(place);
        }
    }

    /// Tells a knocker why it is refused, and leaves it a little time to read that.
    pub(super) fn part(&mut self, place: usize, report: &Report<'_>) {
        let Some(knocker) = self.hall.knockers.get_mut(place) else { return };
        tell(&mut knocker.transport, report);
        knocker.stage = Stage::Parting;
        knocker.since = self.now;
        knocker.read = Vec::new();
        self.hear(place);
    }

    /// The knocker that an event is of, unless it is gone.
    pub(super) fn knocker(&self, place: usize, turn: u32) -> Option<usize> {
        self.hall.knockers.get(place).filter(|knocker| knocker.turn == turn).map(|_| place)
    }
}
