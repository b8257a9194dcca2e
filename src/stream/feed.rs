//! A stream as the loop around it sees it: the machine, and what may pass to the client.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::stream::cursor::{Cursors, Gap, Judged, Rule, Seen, Source, TOPICS_MAX};
use crate::stream::generation::Generation;
use crate::stream::machine::moves::{Joins, Switched};
use crate::stream::machine::turns::Waited;
use crate::stream::machine::{Answer, Hears, Machine, Settings};
use crate::stream::order::{Change, Order, State, Wanted, Why};

/// Whether a message of a socket goes to the client now, behind the orders that are due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It does.
    Pass,
    /// It does not: it is a duplicate, of an old socket, or kept until the socket serves.
    Keep,
}

/// A message that is kept or was polled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Item {
    /// Its topic.
    pub topic: Option<String>,
    /// Its cursor.
    pub cursor: Option<u64>,
    /// The cursor before it.
    pub previous: Option<u64>,
    /// What the client is sent.
    pub bytes: Vec<u8>,
}

impl Item {
    fn seen(&self) -> Seen<'_> {
        Seen { topic: self.topic.as_deref(), cursor: self.cursor, previous: self.previous }
    }
}

/// What a poll brought.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Polled {
    /// Items, of each topic in order.
    pub items: Vec<Item>,
    /// Topics that it was to bring and did not.
    pub missed: Vec<String>,
    /// Who was asked wants to be left alone for so long.
    pub pause: Duration,
}

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages of data that went to the client.
    pub messages: u64,
    /// Those that did not, since they had before.
    pub duplicates: u64,
    /// Gaps that were told.
    pub gaps: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Feed {
    machine: Machine,
    cursors: Cursors,
    breaches: u64,
    kept: Vec<Item>,
    kept_bytes: usize,
    /// What the last answer said of each topic, as hashes: one that says the same again is no news.
    polled: BTreeMap<Option<String>, BTreeSet<u64>>,
    counts: Counts,
    /// When data last went to the client, or the stream began.
    served: Timestamp,
}

impl Feed {
    /// One that nobody wants yet.
    pub fn new(settings: impl Into<Arc<Settings>>, rule: Rule, seed: u64, now: Timestamp) -> Self {
        Self {
            machine: Machine::new(settings, seed, now),
            cursors: Cursors::new(rule),
            breaches: 0,
            kept: Vec::new(),
            kept_bytes: 0,
            polled: BTreeMap::new(),
            counts: Counts::default(),
            served: now,
        }
    }

    /// Its state.
    pub const fn state(&self) -> State {
        self.machine.state()
    }

    /// What was counted.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How often a lost socket was replaced.
    pub const fn reconnects(&self) -> u64 {
        self.machine.reconnects()
    }

    /// For how long no data went to the client.
    pub const fn silence(&self, now: Timestamp) -> Duration {
        now.since(self.served)
    }

    /// The next order.
    pub fn next_order(&mut self) -> Option<Order> {
        let order = self.machine.next_order()?;
        if let Order::Changed(Change { to, .. }) = &order
            && *to != State::Priming
        {
            self.forget_kept();
            if *to == State::Connected {
                // What is polled next time is newer than what the socket will have said.
                self.polled.clear();
            }
        }
        Some(order)
    }

    /// When to call [`tick`](Self::tick) again.
    pub fn due(&self) -> Option<Timestamp> {
        self.machine.due()
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        match self.machine.tick(now) {
            Waited::Enough => self.switch(Joins::Unknown, now),
            Waited::NotYet => {}
        }
    }

    /// A client wants it.
    pub fn open(&mut self, now: Timestamp) {
        self.served = now;
        self.machine.open(now);
    }

    /// Nobody wants it any more.
    pub fn leave(&mut self, now: Timestamp) {
        self.machine.leave(now);
    }

    /// A socket is open.
    pub fn opened(&mut self, link: Generation, now: Timestamp) {
        self.machine.opened(link, now);
    }

    /// All was said again on a socket.
    pub fn replayed(&mut self, link: Generation, now: Timestamp) {
        self.machine.replayed(link, now);
    }

    /// A socket is gone, or was not to be had.
    pub fn lost(&mut self, link: Generation, why: Why, now: Timestamp) {
        self.machine.lost(link, why, now);
    }

    /// A socket was refused by who wants to be left alone for so long.
    pub fn refused(&mut self, link: Generation, pause: Duration, now: Timestamp) {
        self.machine.refused(pause, now);
        self.machine.lost(link, Why::Refused, now);
    }

    /// A socket is not read for now, so nothing that it does not say speaks against it.
    pub fn unread(&mut self, link: Generation, now: Timestamp) {
        self.machine.unread(link, now);
    }

    /// A socket answered a ping.
    pub fn pong(&mut self, link: Generation) {
        self.machine.pong(link);
    }

    /// What is wanted from now on; without a way to poll the socket stays.
    pub fn want(&mut self, wanted: Wanted, now: Timestamp) {
        self.machine.want(wanted, now);
    }

    /// Tries at once, with all tries left.
    pub fn connect(&mut self, now: Timestamp) {
        self.machine.connect(now);
    }

    /// A socket gave data.
    #[inline]
    pub fn message(&mut self, link: Generation, seen: &Seen<'_>, bytes: &[u8], now: Timestamp) -> Verdict {
        match self.machine.data(link, now) {
            Hears::Nothing => Verdict::Keep,
            Hears::Serves => self.judge(seen, Source::Socket, now),
            Hears::Waits => {
                self.keep(seen, bytes, now);
                Verdict::Keep
            }
        }
    }

    /// Whether the answer to a poll is waited for.
    pub fn awaits(&self, poll: Generation) -> bool {
        self.machine.awaits(poll)
    }

    /// Something is known to be missing that only the loop around it could see.
    pub fn missed(&mut self, gap: Gap) {
        self.tell(gap);
    }

    /// A poll was answered.
    pub fn polled(&mut self, poll: Generation, polled: Polled, now: Timestamp) {
        let Polled { items, missed, pause } = polled;
        self.machine.spare(pause, now);
        let answer = self.machine.answered(poll, now);
        if answer == Answer::Stale {
            return;
        }
        let newest: BTreeMap<_, _> = items.iter().map(|item| (&item.topic, item)).collect();
        newest.values().for_each(|item| self.cursors.newest(&item.seen(), now));
        let mut said = BTreeMap::<_, BTreeSet<u64>>::new();
        for item in items {
            // Those with a cursor are told by that.
            let is_news = item.cursor.is_some() || {
                let hash = hash(&item.bytes);
                said.entry(item.topic.clone()).or_default().insert(hash);
                !self.polled.get(&item.topic).is_some_and(|before| before.contains(&hash))
            };
            if is_news {
                self.pass(item, Source::Poll, now);
            }
        }
        for (topic, hashes) in said {
            if self.polled.len() < TOPICS_MAX || self.polled.contains_key(&topic) {
                self.polled.insert(topic, hashes);
            }
        }
        if answer == Answer::Fills {
            missed.iter().for_each(|topic| self.cursors.fear(topic));
            let joins = if self.kept_joins() { Joins::Yes } else { Joins::No };
            self.switch(joins, now);
        }
    }

    /// A poll failed; none comes earlier than after `pause`.
    pub fn poll_failed(&mut self, poll: Generation, pause: Duration, now: Timestamp) {
        self.machine.spare(pause, now);
        self.machine.unanswered(poll, now);
    }

    /// A topic is missing for now, and nobody knows until when: that is told as a gap without an end.
    pub fn missing(&mut self, topic: &str) {
        let from = self.cursors.last(Some(topic));
        self.tell(Gap { topic: Some(topic.to_owned()), from, to: None, certain: false });
    }

    fn judge(&mut self, seen: &Seen<'_>, source: Source, now: Timestamp) -> Verdict {
        while self.breaches < self.machine.breaches() {
            self.breaches += 1;
            self.cursors.breach();
        }
        match self.cursors.judge(seen, source, now) {
            Judged::New => {}
            Judged::After(gap) => self.tell(gap),
            Judged::Duplicate => {
                self.counts.duplicates += 1;
                return Verdict::Keep;
            }
        }
        self.counts.messages += 1;
        self.served = now;
        Verdict::Pass
    }

    fn tell(&mut self, gap: Gap) {
        self.counts.gaps += 1;
        self.machine.order(Order::Gap(gap));
    }

    fn pass(&mut self, item: Item, source: Source, now: Timestamp) {
        if self.judge(&item.seen(), source, now) == Verdict::Pass {
            self.machine.order(Order::Deliver(item.bytes));
        }
    }

    fn keep(&mut self, seen: &Seen<'_>, bytes: &[u8], now: Timestamp) {
        let topic = seen.topic.map(str::to_owned);
        self.kept_bytes += size_of::<Item>() + bytes.len() + topic.as_ref().map_or(0, String::len);
        if self.kept_bytes > self.machine.prime_buffer() {
            self.forget_kept();
            return self.machine.overflow(now);
        }
        let (cursor, previous) = (seen.cursor, seen.previous);
        self.kept.push(Item { topic, cursor, previous, bytes: bytes.to_vec() });
    }

    fn forget_kept(&mut self) {
        self.kept = Vec::new();
        self.kept_bytes = 0;
    }

    /// The socket takes over behind the last poll, where it joins it or polls give no more.
    fn switch(&mut self, joins: Joins, now: Timestamp) {
        if self.machine.switch(joins, now) == Switched::No {
            return;
        }
        for item in std::mem::take(&mut self.kept) {
            self.pass(item, Source::Socket, now);
        }
        self.forget_kept();
        self.machine.switched(now);
    }

    /// Whether the first that is kept of each topic, of those not delivered yet, stands right behind what was
    /// delivered.
    fn kept_joins(&self) -> bool {
        let mut first = BTreeMap::new();
        for item in &self.kept {
            let last = self.cursors.last(item.topic.as_deref());
            if item.cursor.is_none_or(|cursor| last.is_none_or(|last| cursor > last)) {
                first.entry(&item.topic).or_insert(item);
            }
        }
        first.values().all(|item| self.cursors.joins(&item.seen()))
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
