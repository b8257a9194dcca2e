//! The read cache of one proxy: answers to declared reads, given again for a while without the server.
//!
//! ```text
//!   question ──► a declared read? ──► kept and fresh? ── yes ──► answered here
//!      (outside of a transaction)         │ no
//!                                         ├── on its way already ──► waits for that answer
//!                                         └── marked ──► server ──► its answer is kept, unless a write came between
//! ```
//!
//! What keeps an answer from being older than what was committed before it was asked for: a text that may write is known
//! before it is sent. From then until its transaction has ended on the server, none of the reads that it may change is
//! answered here, and none of their answers is kept. So between a commit on the server and the news of it there is no moment
//! in which one client sees the new rows and another one, later, the old.
//!
//! No I/O, and time is handed in.

mod declared;
mod flights;
mod question;
mod recording;
mod store;
#[cfg(test)]
mod tests;
mod understand;
mod writes;

use std::rc::Rc;

pub(super) use declared::Touch;
pub(crate) use declared::Wanted;
pub(super) use flights::Waiter;
pub(super) use recording::{Mark, Recording};
pub(super) use understand::Insight;
pub(super) use writes::Writes;

use crate::model::clock::Timestamp;
use crate::pool::id::Key;
use crate::proxy::postgres::side::ClientSide;
use crate::proxy::postgres::statements::Statements;
use crate::proxy::view::CacheView;
use crate::wire::postgres::statement::Strings;
use declared::Declared;
use flights::{Boarding, Flights};
use question::question;
use recording::Heard;
use store::Store;
use understand::take_effect;
use writes::Standing;

/// What the settings want of a cache.
#[derive(Clone, Debug)]
pub(crate) struct CacheSettings {
    /// The reads.
    pub(crate) wanted: Vec<Wanted>,
    /// All answers together.
    pub(crate) size: usize,
}

/// What becomes of a question.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is none that is kept: the usual way.
    Foreign,
    /// Here it is, for so many bytes of the client's.
    Known(Rc<[u8]>, usize),
    /// It goes to the server, and its answer is to be kept.
    Asked(Mark),
    /// It is on its way already.
    Awaited,
}

/// Who asks.
pub(super) struct Asker<'a> {
    pub(super) side: &'a mut ClientSide,
    pub(super) door: Key,
    pub(super) waiter: Waiter,
    /// Whether it may wait for another one's answer.
    pub(super) patience: Patience,
}

/// Whether a client may wait for another one's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Patience {
    /// It may.
    #[default]
    Fresh,
    /// It has.
    Spent,
}

/// The cache of one proxy.
#[derive(Debug)]
pub(super) struct Cache {
    declared: Declared,
    standings: Vec<Standing>,
    store: Store,
    flights: Flights,
    hits: u64,
    misses: u64,
    dropped: u64,
    key: Vec<u8>,
    normal: Vec<u8>,
}

impl Cache {
    pub(super) fn of(settings: &CacheSettings) -> Self {
        let declared = Declared::of(&settings.wanted);
        let reads = declared.len();
        Self {
            standings: (0..reads).map(|_| Standing::default()).collect(),
            store: Store::new(reads, settings.size),
            declared,
            flights: Flights::default(),
            hits: 0,
            misses: 0,
            dropped: 0,
            key: Vec::new(),
            normal: Vec::new(),
        }
    }

    /// A client without a server connection asks something: its bytes from there on.
    pub(super) fn ask(
        &mut self,
        asker: &mut Asker<'_>,
        statements: &mut Statements,
        bytes: &[u8],
        now: Timestamp,
    ) -> Answer {
        let side = &mut *asker.side;
        if side.pinned.is_some() || side.strings() != Strings::Standard {
            return Answer::Foreign;
        }
        let Some(question) = question(bytes) else { return Answer::Foreign };
        let Some(read) = self.understand(side, statements, &question, asker.door) else {
            return Answer::Foreign;
        };
        if !self.is_sound(read, now) {
            return Answer::Foreign;
        }
        if let Some(answer) = self.store.get(&self.key, now) {
            take_effect(side, statements, &question.asks);
            self.hits += 1;
            return Answer::Known(answer, question.len);
        }
        let key: Rc<[u8]> = self.key.as_slice().into();
        let turn = self.standings[usize::from(read)].turn;
        let boarding = match asker.patience {
            Patience::Fresh => self.flights.board(&key, turn, asker.waiter, now),
            Patience::Spent => Boarding::Alone,
        };
        let flight = match boarding {
            Boarding::Waits => return Answer::Awaited,
            Boarding::Begins(number) => Some(number),
            Boarding::Alone => None,
        };
        let size = self.declared.read(read).size;
        Answer::Asked(Mark { read, key, turn, flight, len: question.len, size })
    }

    /// A question is sent to the server.
    pub(super) fn sent(&mut self, mut mark: Mark) -> Recording {
        self.misses += 1;
        mark.turn = self.standings[usize::from(mark.read)].turn;
        Recording::of(mark)
    }

    /// What a client is told goes by; gives who waited, once nobody has to any more.
    pub(super) fn hear(
        &mut self,
        slot: &mut Option<Box<Recording>>,
        said: &[u8],
        now: Timestamp,
    ) -> Vec<Waiter> {
        let Some(recording) = slot else { return Vec::new() };
        let heard = recording.hear(said);
        if heard == Heard::More {
            return Vec::new();
        }
        let Some(recording) = slot.take() else { return Vec::new() };
        let mark = &recording.mark;
        let fresh = self.standings[usize::from(mark.read)].turn == mark.turn;
        if heard == Heard::Whole && fresh && self.is_sound(mark.read, now) {
            let until = now + self.declared.read(mark.read).ttl;
            self.store.put(mark.read, Rc::clone(&mark.key), recording.answer(), until);
        }
        self.abandon(mark)
    }

    /// A question is given up; gives who waited for its answer.
    pub(super) fn abandon(&mut self, mark: &Mark) -> Vec<Waiter> {
        mark.flight.map(|number| self.flights.land(&mark.key, number)).unwrap_or_default()
    }

    /// An answer is not kept after all; gives who waited for it.
    pub(super) fn give_up(&mut self, recording: &Recording) -> Vec<Waiter> {
        self.abandon(&recording.mark)
    }

    /// Those who have waited long enough.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Vec<Waiter> {
        self.flights.overdue(now)
    }

    /// Drops all answers; says how many. Those on their way are not kept.
    pub(super) fn flush(&mut self) -> usize {
        let mut count = 0;
        for (read, standing) in (0..).zip(&mut self.standings) {
            standing.turn += 1;
            count += self.store.drop_read(read);
        }
        self.dropped += count as u64;
        count
    }

    /// What is told of it.
    pub(super) fn view(&self) -> CacheView {
        CacheView {
            entries: self.store.len() as u64,
            bytes: self.store.bytes() as u64,
            hits: self.hits,
            misses: self.misses,
            dropped: self.dropped,
        }
    }
}
