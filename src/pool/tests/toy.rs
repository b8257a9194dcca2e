//! A record of what a pool said, kept in plain vectors, that objects to whatever must not be.
//!
//! It knows nothing of how the pool decides. It holds every word against the rules: who may get what, who is next,
//! what may be opened, what may be closed, and that nobody is told twice or forgotten.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::check_out::{CheckOut, Released};
use crate::pool::id::{ClientId, ConnectionId, Key};
use crate::pool::limits::Limits;
use crate::pool::order::Order;
use crate::pool::reason::{CloseReason, OpenReason, Refusal};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doing {
    Opening,
    Idle,
    Asked,
    Held(ClientId),
    /// The loop cleans it.
    Left,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) id: ConnectionId,
    pub(super) key: Key,
    pub(super) doing: Doing,
    pub(super) opened: Timestamp,
    /// When it was given back, and when last heard of.
    pub(super) back: Timestamp,
    pub(super) heard: Timestamp,
    /// A reset has taken it: nobody may get it again.
    pub(super) obsolete: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub(super) client: ClientId,
    pub(super) key: Key,
    pub(super) since: Timestamp,
}

/// Whether the pool is at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Work {
    Goes,
    Rests,
}

#[derive(Clone, Debug)]
pub(super) struct Toy {
    pub(super) limits: Limits,
    pub(super) now: Timestamp,
    pub(super) work: Work,
    pub(super) lines: Vec<Line>,
    pub(super) waiting: Vec<Waiter>,
    /// Connects fail: upstreams and logins may pause.
    pub(super) trouble: bool,
    pub(super) served: usize,
    pub(super) refused: usize,
}

impl Toy {
    pub(super) fn new(limits: &Limits, now: Timestamp) -> Self {
        let (lines, waiting) = (Vec::new(), Vec::new());
        let limits = limits.settled();
        Self { limits, now, work: Work::Goes, lines, waiting, trouble: false, served: 0, refused: 0 }
    }

    fn line(&mut self, id: ConnectionId) -> &mut Line {
        let found = self.lines.iter_mut().find(|line| line.id == id);
        found.unwrap_or_else(|| panic!("{id:?} is not open: it was closed, or never opened"))
    }

    pub(super) fn count(&self, doing: impl Fn(Doing) -> bool) -> usize {
        self.lines.iter().filter(|line| doing(line.doing)).count()
    }

    fn on_its_way(&self, key: Key) -> usize {
        let coming = |line: &&Line| line.key == key && matches!(line.doing, Doing::Opening | Doing::Asked);
        self.lines.iter().filter(coming).count()
    }

    fn wanted(&self, key: Key) -> usize {
        self.waiting.iter().filter(|waiter| waiter.key == key).count()
    }

    pub(super) fn checked_out(&mut self, client: ClientId, key: Key, said: CheckOut) {
        let idle = self.lines.iter().filter(|line| line.key == key && line.doing == Doing::Idle);
        let latest = idle.max_by_key(|line| line.back).copied();
        let fresh = latest.filter(|line| self.now.since(line.heard) < self.limits.ping_after);
        let may_have = self.work == Work::Goes && self.wanted(key) == 0;
        match said {
            CheckOut::Lease(id) => {
                let latest = fresh.filter(|_| may_have).expect("nothing could be had at once");
                let got = *self.line(id);
                assert_eq!((got.key, got.doing), (key, Doing::Idle));
                assert_eq!(got.back, latest.back, "the one given back last");
                self.hand(id, client);
            }
            CheckOut::Wait => {
                assert!(fresh.is_none() || !may_have || self.trouble, "it waits though {fresh:?} is idle");
                assert!(self.waiting.len() < self.limits.waiters as usize);
                self.waiting.push(Waiter { client, key, since: self.now });
            }
            CheckOut::Refused(Refusal::QueueFull) => {
                assert!(self.waiting.len() >= self.limits.waiters as usize);
            }
            CheckOut::Refused(Refusal::UpstreamDown) => {
                assert!(self.trouble && self.lines.iter().all(|line| line.doing == Doing::Opening));
            }
            CheckOut::Refused(Refusal::LoginRefused) => {
                assert!(self.trouble && self.lines.iter().all(|line| line.key != key));
            }
            CheckOut::Refused(refusal) => panic!("{refusal} has no reason here"),
        }
    }

    /// What became of a connection that was given back, opened, or answered.
    pub(super) fn released(&mut self, id: ConnectionId, said: Released) {
        match said {
            Released::Idle => {
                let now = self.now;
                let line = self.line(id);
                if line.doing != Doing::Asked {
                    line.back = now;
                }
                (line.doing, line.heard) = (Doing::Idle, now);
                assert!(!line.obsolete, "{id:?} was to be replaced");
            }
            Released::Serve(client) => self.serve(client, id),
            Released::Closed | Released::Stale => {}
        }
    }

    fn hand(&mut self, id: ConnectionId, client: ClientId) {
        let line = self.line(id);
        assert!(!matches!(line.doing, Doing::Held(_)), "{id:?} has an owner");
        assert!(!line.obsolete, "{id:?} was to be replaced");
        line.doing = Doing::Held(client);
    }

    fn serve(&mut self, client: ClientId, id: ConnectionId) {
        let place = self.waiting.iter().position(|waiter| waiter.client == client);
        let waiter = self.waiting[place.expect("only who waits is served")];
        assert_eq!(waiter.key, self.line(id).key);
        let first = self.waiting.iter().find(|other| other.key == waiter.key);
        assert_eq!(first.map(|first| first.client), Some(client), "the oldest of its key is next");
        // One just opened goes to those it was opened for.
        let used = self.line(id).doing == Doing::Left;
        assert!(
            !used || !self.passes_over(self.waiting[0], waiter),
            "another key waited longer than patience allows"
        );
        self.waiting.retain(|other| other.client != client);
        self.hand(id, client);
        self.served += 1;
    }

    /// Whether serving one is unfair to the oldest: that one lost patience, and lacks nothing but a place.
    fn passes_over(&self, oldest: Waiter, served: Waiter) -> bool {
        let opening = self.count(|doing| doing == Doing::Opening);
        oldest.key != served.key
            && !self.trouble
            && self.now.since(oldest.since) >= self.limits.patience
            && self.lines.len() >= self.limits.max as usize
            && self.count(|doing| doing == Doing::Idle) == 0
            && opening < self.limits.connects as usize
            && self.wanted(oldest.key) > self.on_its_way(oldest.key)
    }

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Connect { connection, key, why, .. } => self.connect(connection, key, why),
            Order::Close { connection, reason } => self.close(connection, reason),
            Order::Ping { connection } => {
                let line = self.line(connection);
                assert_eq!(line.doing, Doing::Idle, "only what is idle is asked");
                line.doing = Doing::Asked;
            }
            Order::Serve { client, connection } => self.serve(client, connection),
            Order::Refuse { client, refusal } => self.refuse(client, refusal),
            Order::Dismiss { .. } | Order::Resolve { .. } => panic!("nothing of that is set here"),
        }
    }

    fn connect(&mut self, id: ConnectionId, key: Key, why: OpenReason) {
        assert!(self.lines.iter().all(|line| line.id != id), "names are not given twice");
        assert!(self.lines.len() < self.limits.max as usize, "no more than allowed");
        assert!(self.count(|doing| doing == Doing::Opening) < self.limits.connects as usize);
        match why {
            OpenReason::Demand => assert!(self.wanted(key) > self.on_its_way(key), "nobody needs it"),
            OpenReason::Warm => assert!(self.lines.len() < self.limits.min as usize),
            OpenReason::Probe => assert!(self.trouble, "nothing is down"),
        }
        let now = self.now;
        let doing = Doing::Opening;
        self.lines.push(Line { id, key, doing, opened: now, back: now, heard: now, obsolete: false });
    }

    fn close(&mut self, id: ConnectionId, reason: CloseReason) {
        let line = *self.line(id);
        let Limits { idle, lifetime, min, max, .. } = self.limits;
        let age = self.now.since(line.opened);
        match reason {
            CloseReason::IdleOver => {
                assert_eq!(line.doing, Doing::Idle);
                assert!(self.now.since(line.back) >= idle && self.lines.len() > min as usize);
            }
            CloseReason::LifetimeOver => assert!(age >= lifetime.mul_f64(0.9)),
            CloseReason::Shrunk => assert!(self.lines.len() > max as usize),
            CloseReason::ResetForced => assert!(age >= self.limits.drain),
            CloseReason::PingLate => assert_eq!(line.doing, Doing::Asked),
            CloseReason::ConnectLate => assert_eq!(line.doing, Doing::Opening),
            CloseReason::MadeRoom => {
                // A waiter of another key, or the trial of an upstream that was down, with nobody waiting.
                let needy = |waiter: &Waiter| waiter.key != line.key;
                assert!(self.trouble || self.waiting.iter().any(needy), "nobody needs the room");
                assert!(!matches!(line.doing, Doing::Opening | Doing::Asked));
            }
            _ => {}
        }
        self.lines.retain(|other| other.id != id);
    }

    fn refuse(&mut self, client: ClientId, refusal: Refusal) {
        let place = self.waiting.iter().position(|waiter| waiter.client == client);
        let waiter = self.waiting.remove(place.expect("only who waits is refused, and once"));
        match refusal {
            Refusal::WaitOver => assert!(self.now.since(waiter.since) >= self.limits.wait),
            Refusal::UpstreamDown | Refusal::LoginRefused => assert!(self.trouble),
            _ => panic!("{refusal} has no reason here"),
        }
        self.refused += 1;
    }

    /// A connection was given back, or its client left it to the loop.
    pub(super) fn put_down(&mut self, id: ConnectionId) {
        self.line(id).doing = Doing::Left;
    }

    /// All of it is to be replaced.
    pub(super) fn outdate(&mut self) {
        self.lines.iter_mut().for_each(|line| line.obsolete = true);
    }

    /// How long the oldest has waited.
    pub(super) fn longest_wait(&self) -> Duration {
        self.waiting.first().map_or(Duration::ZERO, |waiter| self.now.since(waiter.since))
    }
}
