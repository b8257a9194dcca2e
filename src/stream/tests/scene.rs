//! A feed and its loop, told as text.

use std::time::Duration;

use super::settings;
use crate::model::clock::Timestamp;
use crate::stream::cursor::{Rule, Seen, Step};
use crate::stream::feed::{Feed, Item, Polled, Verdict};
use crate::stream::generation::Generation;
use crate::stream::machine::{Fallback, Settings};
use crate::stream::order::{Blame, Order, Wanted, Why};

/// A feed and its loop, told as text.
pub(super) struct Scene {
    pub(super) feed: Feed,
    pub(super) now: Timestamp,
    pub(super) link: Generation,
    pub(super) poll: Generation,
}

pub(super) const POLLS: Wanted = Wanted::Polls { every: Duration::from_secs(2) };

impl Scene {
    pub(super) fn of(settings: Settings) -> Self {
        Self::by(settings, Step::ByOne)
    }

    pub(super) fn by(settings: Settings, step: Step) -> Self {
        let rule = Rule { step, ..Rule::default() };
        let feed = Feed::new(settings, rule, 1, Timestamp::ZERO);
        Self { feed, now: Timestamp::ZERO, link: Generation::default(), poll: Generation::default() }
    }

    /// A stream that is connected and has delivered 1 and 2.
    pub(super) fn connected() -> Self {
        Self::of(settings(Fallback::Polls)).connect()
    }

    pub(super) fn connect(self) -> Self {
        let mut scene = self;
        scene.feed.open(scene.now);
        assert_eq!(scene.told(), ["connect", "disconnected>connecting"]);
        scene.feed.opened(scene.link, scene.now);
        assert_eq!(scene.told(), ["connecting>connected", "replay"]);
        assert_eq!([scene.says(1), scene.says(2)], [Verdict::Pass, Verdict::Pass]);
        scene
    }

    /// One on its way back from polls, with 4 as the last delivered: its socket is open, and not yet served from.
    pub(super) fn priming() -> Self {
        let mut scene = Self::polling();
        scene.feed.want(Wanted::Live, scene.now);
        scene.after(10);
        scene.answers([4]);
        scene.feed.opened(scene.link, scene.now);
        scene.told();
        scene
    }

    /// One that polls, with 4 as the last delivered.
    pub(super) fn polling() -> Self {
        let mut scene = Self::connected();
        scene.feed.want(POLLS, scene.now);
        assert_eq!(scene.after(0), ["poll"]);
        scene.answers([2, 3, 4]);
        assert_eq!(scene.told(), ["close", "connected>polling", "3", "4"]);
        scene.feed.lost(scene.link, Why::Lost, scene.now);
        assert_eq!(scene.told(), [""; 0]);
        scene
    }

    pub(super) fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(order) = self.feed.next_order() {
            told.push(match order {
                Order::Connect(link) => {
                    self.link = link;
                    "connect".to_owned()
                }
                Order::Poll(poll) => {
                    self.poll = poll;
                    "poll".to_owned()
                }
                Order::Replay(_) => "replay".to_owned(),
                Order::Ping(_) => "ping".to_owned(),
                Order::Close(_) => "close".to_owned(),
                Order::Drop(_, Blame::Nobody) => "drop".to_owned(),
                Order::Drop(_, Blame::Upstream) => "drop, late".to_owned(),
                Order::Deliver(bytes) => String::from_utf8(bytes).unwrap(),
                Order::Gap(gap) => {
                    let word = if gap.certain { "gap" } else { "gap?" };
                    format!("{word} {:?}..{:?}", gap.from.unwrap_or(0), gap.to.unwrap_or(0))
                }
                Order::Changed(change) => format!("{}>{}", change.from.name(), change.to.name()),
            });
        }
        told
    }

    /// Time passes, in one step.
    pub(super) fn after(&mut self, seconds: u64) -> Vec<String> {
        self.now = self.now + Duration::from_secs(seconds);
        self.feed.tick(self.now);
        self.told()
    }

    pub(super) fn says(&mut self, cursor: u64) -> Verdict {
        let seen = Seen { cursor: Some(cursor), ..Seen::default() };
        self.feed.message(self.link, &seen, cursor.to_string().as_bytes(), self.now)
    }

    pub(super) fn answers(&mut self, cursors: impl IntoIterator<Item = u64>) {
        let item = |cursor: u64| Item {
            cursor: Some(cursor),
            bytes: cursor.to_string().into_bytes(),
            ..Item::default()
        };
        self.brings(cursors.into_iter().map(item).collect());
    }

    pub(super) fn brings(&mut self, items: Vec<Item>) {
        self.feed.polled(self.poll, Polled { items, ..Polled::default() }, self.now);
    }
}
