//! Random histories of a stream against a toy venue that numbers its messages.
//!
//! The venue pushes to sockets that subscribed, and answers polls with the last few messages. What the client got is
//! held against the numbers: none twice, none out of order, and no jump without a gap told before it. Where the stream
//! does not know that they rise by one, polls are answered with all of them: what falls between two answers is seen by
//! nobody then.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::settings;
use crate::model::clock::Timestamp;
use crate::stream::cursor::{Rule, Seen, Step};
use crate::stream::feed::{Feed, Item, Polled, Verdict};
use crate::stream::generation::Generation;
use crate::stream::machine::Fallback;
use crate::stream::order::{Order, State, Wanted, Why};

/// A poll is answered with so many of the latest messages, where numbers rise by one.
const SHOWN: u64 = 4;

#[derive(Clone, Copy, Debug)]
enum Event {
    Push(u8),
    Opened,
    Replayed,
    Lost,
    Stale,
    Answer,
    Late,
    Fail,
    Hold,
    Leave,
    Enter,
    Release,
    Hand,
    Wait(u16),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1_u8..4).prop_map(Event::Push),
        4 => Just(Event::Opened),
        3 => Just(Event::Replayed),
        1 => Just(Event::Lost),
        1 => Just(Event::Stale),
        4 => Just(Event::Answer),
        1 => Just(Event::Late),
        1 => Just(Event::Fail),
        1 => Just(Event::Hold),
        1 => Just(Event::Leave),
        2 => Just(Event::Enter),
        2 => Just(Event::Release),
        1 => Just(Event::Hand),
        6 => (0_u16..12_000).prop_map(Event::Wait),
    ]
}

struct World {
    feed: Feed,
    now: Timestamp,
    /// The last number of the venue.
    head: u64,
    /// The socket that is being opened.
    dialing: Option<Generation>,
    /// Sockets that are open, those that are being closed too.
    open: BTreeSet<Generation>,
    replaying: Option<Generation>,
    poll: Option<(Generation, u64)>,
    last: Option<u64>,
    gap: bool,
    holes: u64,
    shown: u64,
}

impl World {
    fn new(fallback: Fallback, step: Step, seed: u64) -> Self {
        let rule = Rule { step, ..Rule::default() };
        Self {
            feed: Feed::new(settings(fallback), rule, seed, Timestamp::ZERO),
            now: Timestamp::ZERO,
            head: 0,
            dialing: None,
            open: BTreeSet::new(),
            replaying: None,
            poll: None,
            last: None,
            gap: false,
            holes: 0,
            shown: if step == Step::ByOne { SHOWN } else { u64::MAX },
        }
    }

    /// The client gets a message.
    fn gets(&mut self, number: u64) {
        if let Some(last) = self.last {
            assert!(number > last, "{number} after {last}");
            assert!(number == last + 1 || self.gap, "a hole from {last} to {number} that nobody told of");
            self.holes += u64::from(number > last + 1);
        }
        self.last = Some(number);
        self.gap = false;
    }

    fn carry_out(&mut self) {
        while let Some(order) = self.feed.next_order() {
            match order {
                Order::Connect(link) => {
                    assert_eq!(self.dialing.replace(link), None, "two sockets at once");
                    assert!(self.open.len() <= 1, "{:?}", self.open);
                }
                Order::Replay(link) => self.replaying = Some(link),
                Order::Close(link) => assert!(self.open.contains(&link)),
                Order::Drop(link, _) => {
                    self.open.remove(&link);
                    self.dialing.take_if(|dialing| *dialing == link);
                }
                Order::Poll(poll) => self.poll = Some((poll, self.head)),
                Order::Deliver(bytes) => self.gets(String::from_utf8(bytes).unwrap().parse().unwrap()),
                Order::Gap(gap) => {
                    assert_eq!(gap.from, self.last);
                    self.gap = true;
                }
                Order::Ping(_) | Order::Changed(_) => {}
            }
        }
    }

    fn push(&mut self) {
        self.head += 1;
        for link in self.open.clone() {
            let seen = Seen { cursor: Some(self.head), ..Seen::default() };
            let verdict = self.feed.message(link, &seen, self.head.to_string().as_bytes(), self.now);
            self.carry_out();
            if verdict == Verdict::Pass {
                self.gets(self.head);
            }
        }
    }

    fn answer(&mut self, seen: u64) {
        let Some((poll, _)) = self.poll.take() else { return };
        let shown = (seen.saturating_sub(self.shown) + 1).max(1)..=seen;
        let item = |number: u64| Item {
            cursor: Some(number),
            bytes: number.to_string().into_bytes(),
            ..Item::default()
        };
        let items = shown.map(item).collect();
        self.feed.polled(poll, Polled { items, ..Polled::default() }, self.now);
    }

    /// Time passes, with all that is due on the way.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.feed.due().filter(|due| *due <= end) {
            assert!(due >= self.now || self.feed.due() == Some(due));
            self.now = due.max(self.now);
            let before = self.feed.due();
            self.feed.tick(self.now);
            self.carry_out();
            assert_ne!(
                self.feed.due(),
                before,
                "a tick that is due changes something: {:?}",
                self.feed.state()
            );
        }
        self.now = end;
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Push(count) => (0..count).for_each(|_| self.push()),
            Event::Opened => {
                if let Some(link) = self.dialing.take() {
                    self.open.insert(link);
                    self.feed.opened(link, self.now);
                }
            }
            Event::Replayed => {
                if let Some(link) = self.replaying.take() {
                    self.feed.replayed(link, self.now);
                }
            }
            Event::Lost => {
                let link = self.dialing.take().or_else(|| self.open.pop_last());
                if let Some(link) = link {
                    self.feed.lost(link, Why::Lost, self.now);
                }
            }
            Event::Stale => {
                self.feed.lost(Generation::default(), Why::Lost, self.now);
                let items = vec![Item::default()];
                self.feed.polled(Generation::default(), Polled { items, ..Polled::default() }, self.now);
            }
            Event::Answer => self.answer(self.head),
            Event::Late => {
                let asked = self.poll.map_or(0, |(_, head)| head);
                self.answer(asked);
            }
            Event::Fail => {
                if let Some((poll, _)) = self.poll.take() {
                    self.feed.poll_failed(poll, Duration::from_secs(4), self.now);
                }
            }
            Event::Hold => self.feed.want(Wanted::Polls { every: Duration::from_secs(2) }, self.now),
            Event::Leave => self.feed.leave(self.now),
            Event::Enter => self.feed.open(self.now),
            Event::Release => self.feed.want(Wanted::Live, self.now),
            Event::Hand => self.feed.connect(self.now),
            Event::Wait(millis) => self.wait(Duration::from_millis(u64::from(millis))),
        }
        self.carry_out();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_twice_nothing_out_of_order_and_each_hole_is_told(
        polls in prop_oneof![Just(Fallback::Polls), Just(Fallback::Fails)],
        step in prop_oneof![Just(Step::ByOne), Just(Step::Rises)],
        seed: u64,
        events in prop::collection::vec(event(), 0..120),
    ) {
        let mut world = World::new(polls, step, seed);
        world.feed.open(world.now);
        world.carry_out();
        for event in events {
            world.happens(event);
        }
        prop_assert!(world.holes <= world.feed.counts().gaps);
        // Whatever happened, it comes back once all goes well.
        world.happens(Event::Enter);
        world.happens(Event::Release);
        world.happens(Event::Hand);
        // Longer than the slowest probe, and each connect is answered in time.
        for _ in 0..200 {
            for event in [Event::Wait(2_000), Event::Opened, Event::Replayed, Event::Push(1), Event::Answer] {
                world.happens(event);
            }
            if world.feed.state() == State::Connected {
                break;
            }
        }
        prop_assert_eq!(world.feed.state(), State::Connected);
        let before = world.last;
        world.happens(Event::Push(1));
        prop_assert!(world.last > before);
        // And leaves nothing behind.
        world.feed.leave(world.now);
        world.carry_out();
        world.wait(Duration::from_secs(60));
        prop_assert!(world.open.is_empty() && world.dialing.is_none() && world.feed.due().is_none());
    }
}
