use std::time::Duration;

use super::settings;
use crate::model::clock::Timestamp;
use crate::stream::cursor::{Rule, Seen, Step};
use crate::stream::feed::{Feed, Item, Polled, Verdict};
use crate::stream::generation::Generation;
use crate::stream::health::Watch;
use crate::stream::machine::{Fallback, Settings};
use crate::stream::order::{Blame, Order, Wanted, Why};

/// A feed and its loop, told as text.
struct Scene {
    feed: Feed,
    now: Timestamp,
    link: Generation,
    poll: Generation,
}

const POLLS: Wanted = Wanted::Polls { every: Duration::from_secs(2) };

impl Scene {
    fn of(settings: Settings) -> Self {
        Self::by(settings, Step::ByOne)
    }

    fn by(settings: Settings, step: Step) -> Self {
        let rule = Rule { step, ..Rule::default() };
        let feed = Feed::new(settings, rule, 1, Timestamp::ZERO);
        Self { feed, now: Timestamp::ZERO, link: Generation::default(), poll: Generation::default() }
    }

    /// A stream that is connected and has delivered 1 and 2.
    fn connected() -> Self {
        Self::of(settings(Fallback::Polls)).connect()
    }

    fn connect(self) -> Self {
        let mut scene = self;
        scene.feed.open(scene.now);
        assert_eq!(scene.told(), ["connect", "disconnected>connecting"]);
        scene.feed.opened(scene.link, scene.now);
        assert_eq!(scene.told(), ["connecting>connected", "replay"]);
        assert_eq!([scene.says(1), scene.says(2)], [Verdict::Pass, Verdict::Pass]);
        scene
    }

    /// One that polls, with 4 as the last delivered.
    fn polling() -> Self {
        let mut scene = Self::connected();
        scene.feed.want(POLLS, scene.now);
        assert_eq!(scene.after(0), ["poll"]);
        scene.answers([2, 3, 4]);
        assert_eq!(scene.told(), ["close", "connected>polling", "3", "4"]);
        scene.feed.lost(scene.link, Why::Lost, scene.now);
        assert_eq!(scene.told(), [""; 0]);
        scene
    }

    fn told(&mut self) -> Vec<String> {
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
    fn after(&mut self, seconds: u64) -> Vec<String> {
        self.now = self.now + Duration::from_secs(seconds);
        self.feed.tick(self.now);
        self.told()
    }

    fn says(&mut self, cursor: u64) -> Verdict {
        let seen = Seen { cursor: Some(cursor), ..Seen::default() };
        self.feed.message(self.link, &seen, cursor.to_string().as_bytes(), self.now)
    }

    fn answers(&mut self, cursors: impl IntoIterator<Item = u64>) {
        let item = |cursor: u64| Item {
            cursor: Some(cursor),
            bytes: cursor.to_string().into_bytes(),
            ..Item::default()
        };
        self.brings(cursors.into_iter().map(item).collect());
    }

    fn brings(&mut self, items: Vec<Item>) {
        self.feed.polled(self.poll, Polled { items, ..Polled::default() }, self.now);
    }
}

#[test]
fn a_lost_socket_is_tried_at_once_then_ever_more_slowly_then_polls_serve() {
    let mut scene = Scene::connected();
    let mut lost = Vec::new();
    loop {
        let link = scene.link;
        scene.feed.lost(link, Why::Lost, scene.now);
        let told = scene.told();
        if told.iter().any(|line| line == "reconnecting>polling") {
            break;
        }
        let due = scene.feed.due().unwrap();
        lost.push(due.since(scene.now).as_secs());
        scene.now = due;
        scene.feed.tick(due);
        assert_eq!(scene.told(), ["connect"]);
    }
    assert_eq!(lost.len(), 5);
    assert!(lost[0] == 0 && lost[4] >= 89, "{lost:?}");
    assert_eq!(scene.after(0), ["poll"]);
    scene.answers([9]);
    assert_eq!(scene.told(), ["gap 2..9", "9"]);
    let mut told = scene.after(300);
    told.sort_unstable();
    assert_eq!(told, ["connect", "poll", "polling>priming"], "the slow probe");
}

#[test]
fn without_polls_it_fails_and_is_probed_or_connected_by_hand() {
    let mut scene = Scene::of(Settings { poll: None, ..settings(Fallback::Fails) });
    scene.feed.open(scene.now);
    scene.told();
    for _ in 0..5 {
        scene.feed.lost(scene.link, Why::Refused, scene.now);
        scene.now = scene.feed.due().unwrap();
        scene.feed.tick(scene.now);
        scene.told();
    }
    scene.feed.lost(scene.link, Why::Refused, scene.now);
    assert_eq!(scene.told(), ["reconnecting>failed"]);
    assert_eq!(scene.after(300), ["connect", "failed>reconnecting"]);
    assert_eq!(scene.after(5), ["drop, late", "reconnecting>failed"], "a connect takes too long");
    scene.feed.connect(scene.now);
    assert_eq!(scene.told(), ["connect", "failed>reconnecting"]);
    scene.feed.opened(scene.link, scene.now);
    assert_eq!(scene.told(), ["reconnecting>connected", "replay"]);
    assert_eq!(scene.feed.reconnects(), 1);
    scene.feed.want(POLLS, scene.now);
    assert_eq!(scene.after(60), [""; 0], "one that can't poll keeps its socket");
}

#[test]
fn polls_serve_before_the_socket_goes() {
    let mut scene = Scene::connected();
    scene.feed.want(POLLS, scene.now);
    assert_eq!(scene.after(0), ["poll"]);
    assert_eq!(scene.says(3), Verdict::Pass, "the socket serves until a poll has answered");
    assert_eq!(scene.after(3), ["poll"], "one that is not answered is asked again");
    let old = scene.link;
    scene.answers([2, 3, 4]);
    assert_eq!(scene.told(), ["close", "connected>polling", "4"]);
    assert_eq!(scene.says(5), Verdict::Keep, "nothing of the socket counts any more");
    assert_eq!(scene.after(2), ["poll"]);
    assert_eq!(scene.after(3), ["drop", "poll"], "a socket that does not close is dropped");
    scene.feed.lost(old, Why::Lost, scene.now);
    assert_eq!(scene.told(), [""; 0]);
}

#[test]
fn the_way_back_takes_dwell_a_socket_a_replay_and_a_poll() {
    let mut scene = Scene::polling();
    scene.feed.want(Wanted::Live, scene.now);
    assert_eq!(scene.after(9), ["poll"]);
    scene.answers([5]);
    assert_eq!(scene.told(), ["5"]);
    assert_eq!(scene.after(1), ["connect", "polling>priming"]);
    scene.feed.opened(scene.link, scene.now);
    assert_eq!(scene.told(), ["replay"]);
    assert_eq!([scene.says(7), scene.says(8)], [Verdict::Keep; 2]);
    assert_eq!(scene.after(1), ["poll"]);
    scene.feed.replayed(scene.link, scene.now + Duration::from_millis(1));
    scene.now = scene.now + Duration::from_millis(2);
    scene.answers([6]);
    assert_eq!(scene.told(), ["6"], "one that began before the replay ended fills nothing");
    assert_eq!(scene.after(2), ["poll"]);
    assert_eq!(scene.says(9), Verdict::Keep);
    scene.answers([6, 7]);
    assert_eq!(scene.told(), ["7", "8", "9", "priming>connected"]);
    assert_eq!(scene.says(10), Verdict::Pass);
    assert_eq!(scene.after(60), [""; 0], "polls have ended");
    assert_eq!((scene.feed.counts().gaps, scene.feed.counts().duplicates), (0, 3));
}

#[test]
fn a_poll_that_is_older_than_the_socket_is_asked_again_then_a_gap_is_told() {
    let mut scene = Scene::polling();
    scene.feed.want(Wanted::Live, scene.now);
    scene.after(10);
    scene.answers([4]);
    scene.feed.opened(scene.link, scene.now);
    scene.feed.replayed(scene.link, scene.now);
    scene.told();
    scene.says(8);
    for told in [vec!["5"], vec![]] {
        assert_eq!(scene.after(2), ["poll"]);
        scene.answers([5]);
        assert_eq!(scene.told(), told);
    }
    assert_eq!(scene.after(2), ["poll"]);
    scene.answers([6]);
    assert_eq!(scene.told(), ["6", "gap 6..8", "8", "priming>connected"]);
}

#[test]
fn polls_that_do_not_answer_keep_no_socket_from_serving() {
    let mut scene = Scene::polling();
    scene.feed.want(Wanted::Live, scene.now);
    scene.after(10);
    scene.feed.poll_failed(scene.poll, Duration::from_secs(60), scene.now);
    scene.feed.opened(scene.link, scene.now);
    scene.feed.replayed(scene.link, scene.now);
    scene.says(6);
    scene.told();
    assert_eq!(scene.after(19), [""; 0], "who wants to be left alone is");
    assert_eq!(scene.after(1), ["gap 4..6", "6", "priming>connected"]);
    scene.feed.want(POLLS, scene.now);
    assert_eq!(scene.after(39), [""; 0], "by the next poller too");
    assert_eq!(scene.after(1), ["poll"]);
}

#[test]
fn a_refused_socket_is_tried_when_the_other_side_wants_it() {
    let mut scene = Scene::connected();
    scene.feed.lost(scene.link, Why::Lost, scene.now);
    assert_eq!(scene.told(), ["connected>reconnecting"]);
    assert_eq!(scene.after(1), ["connect"]);
    scene.feed.refused(scene.link, Duration::from_secs(90), scene.now);
    assert_eq!(scene.after(89), [""; 0]);
    assert_eq!(scene.after(1), ["connect"]);
    scene.feed.refused(scene.link, Duration::from_secs(90), scene.now);
    scene.feed.connect(scene.now);
    assert_eq!(scene.told(), ["connect"], "a person knows better");
}

#[test]
fn what_is_said_again_may_take_longer_than_the_way_back() {
    let mut scene = Scene::polling();
    scene.feed.want(Wanted::Live, scene.now);
    scene.after(10);
    scene.feed.opened(scene.link, scene.now);
    scene.told();
    for _ in 0..30 {
        scene.answers([4]);
        assert_eq!(scene.after(2), ["poll"]);
    }
    scene.answers([4]);
    scene.feed.replayed(scene.link, scene.now);
    assert_eq!(scene.after(2), ["poll"]);
    scene.answers([4, 5]);
    assert_eq!(scene.told(), ["5", "priming>connected"]);
}

#[test]
fn what_is_closed_and_connected_again_by_hand_tells_its_gap() {
    let mut scene = Scene::by(settings(Fallback::Polls), Step::Rises).connect();
    scene.feed.leave(scene.now);
    assert_eq!(scene.told(), ["close", "connected>disconnected"]);
    scene.feed.open(scene.now);
    assert_eq!(scene.told(), ["connect", "disconnected>connecting"]);
    scene.feed.opened(scene.link, scene.now);
    scene.told();
    assert_eq!((scene.says(9), scene.told()), (Verdict::Pass, vec!["gap? 2..9".to_owned()]));
    assert_eq!((scene.says(12), scene.told()), (Verdict::Pass, Vec::new()));
}

#[test]
fn a_topic_that_a_last_poll_missed_begins_behind_a_gap() {
    let mut scene = Scene::by(settings(Fallback::Polls), Step::Rises).connect();
    let item = |topic: &str, cursor| Item {
        topic: Some(topic.to_owned()),
        cursor: Some(cursor),
        bytes: format!("{topic}{cursor}").into_bytes(),
        ..Item::default()
    };
    scene.feed.want(POLLS, scene.now);
    scene.after(0);
    scene.brings(vec![item("a", 1), item("b", 1)]);
    scene.feed.want(Wanted::Live, scene.now);
    scene.told();
    scene.after(10);
    scene.brings(Vec::new());
    scene.feed.opened(scene.link, scene.now);
    scene.feed.replayed(scene.link, scene.now);
    scene.told();
    assert_eq!(scene.after(2), ["poll"]);
    for topic in ["a", "b"] {
        let seen = Seen { topic: Some(topic), cursor: Some(7), previous: None };
        scene.feed.message(scene.link, &seen, format!("{topic}7").as_bytes(), scene.now);
    }
    let missed = vec!["b".to_owned()];
    scene.feed.polled(
        scene.poll,
        Polled { items: vec![item("a", 5)], missed, ..Polled::default() },
        scene.now,
    );
    assert_eq!(scene.told(), ["a5", "a7", "gap? 1..7", "b7", "priming>connected"]);
}

#[test]
fn a_full_buffer_starts_the_way_back_anew() {
    let mut scene = Scene::polling();
    scene.feed.want(Wanted::Live, scene.now);
    scene.after(10);
    scene.answers([4]);
    scene.feed.opened(scene.link, scene.now);
    scene.told();
    let kept = (5..200).take_while(|cursor| {
        assert_eq!(scene.says(*cursor), Verdict::Keep);
        scene.feed.state() == crate::stream::order::State::Priming
    });
    assert!((10..100).contains(&kept.count()));
    assert_eq!(scene.told(), ["close", "priming>polling"]);
    let again = scene.after(2);
    assert!(
        again.contains(&"connect".to_owned()) && again.contains(&"polling>priming".to_owned()),
        "{again:?}"
    );
}

#[test]
fn a_hold_on_the_way_back_stays_in_polls() {
    let mut scene = Scene::polling();
    scene.feed.want(Wanted::Live, scene.now);
    scene.after(10);
    scene.answers([4]);
    scene.feed.opened(scene.link, scene.now);
    scene.told();
    scene.feed.want(POLLS, scene.now);
    assert_eq!(scene.told(), ["close", "priming>polling"]);
}

#[test]
fn a_release_before_a_poll_answered_keeps_the_socket() {
    let mut scene = Scene::connected();
    scene.feed.want(POLLS, scene.now);
    assert_eq!(scene.after(0), ["poll"]);
    scene.feed.want(Wanted::Live, scene.now);
    scene.answers([3]);
    assert_eq!(scene.after(60), [""; 0]);
    assert_eq!(scene.says(3), Verdict::Pass);
}

#[test]
fn a_socket_lost_while_polls_begin_leaves_it_to_them() {
    let mut scene = Scene::connected();
    scene.feed.want(POLLS, scene.now);
    scene.after(0);
    scene.feed.lost(scene.link, Why::Lost, scene.now);
    assert_eq!(scene.told(), ["connected>polling"]);
    scene.answers([5]);
    assert_eq!(scene.told(), ["gap 2..5", "5"]);
}

#[test]
fn a_socket_without_a_heartbeat_is_dropped() {
    let watch = Watch {
        ping_every: Some(Duration::from_secs(20)),
        pong_within: Duration::from_secs(5),
        silence: Some(Duration::from_secs(50)),
    };
    let mut scene = Scene::of(Settings { watch, ..settings(Fallback::Fails) });
    scene.feed.open(scene.now);
    scene.told();
    scene.feed.opened(scene.link, scene.now);
    scene.told();
    assert_eq!(scene.after(20), ["ping"]);
    scene.feed.pong(scene.link);
    assert_eq!(scene.after(20), ["ping"]);
    scene.feed.pong(scene.link);
    assert_eq!(scene.after(10), ["drop", "connected>reconnecting"], "it answers, and gives no data");
    scene.after(1);
    scene.feed.opened(scene.link, scene.now);
    scene.told();
    assert_eq!(scene.after(20), ["ping"]);
    scene.says(1);
    assert_eq!(
        scene.after(5),
        ["drop, late", "connected>reconnecting"],
        "it gives data, and does not answer"
    );
}

#[test]
fn news_of_an_old_socket_changes_nothing() {
    let mut scene = Scene::connected();
    let old = scene.link;
    scene.feed.lost(old, Why::Lost, scene.now);
    scene.told();
    scene.after(1);
    scene.feed.lost(old, Why::Lost, scene.now);
    scene.feed.pong(old);
    scene.feed.replayed(old, scene.now);
    assert_eq!(scene.told(), [""; 0]);
    scene.feed.opened(old, scene.now);
    assert_eq!(scene.told(), ["drop"]);
    scene.feed.opened(scene.link, scene.now);
    assert_eq!(scene.told(), ["reconnecting>connected", "replay"]);
    scene.feed.leave(scene.now);
    assert_eq!(scene.told(), ["close", "connected>disconnected"]);
    assert_eq!(scene.after(5), ["drop"]);
    assert_eq!(scene.feed.due(), None, "nothing is left to come");
}

#[test]
fn an_answer_that_says_the_same_again_is_no_news() {
    let mut scene = Scene::polling();
    let item = |text: &str, topic: &str| Item {
        topic: Some(topic.to_owned()),
        bytes: text.as_bytes().to_vec(),
        ..Item::default()
    };
    for (first, second, told) in
        [("a1", "b1", vec!["a1", "b1"]), ("a1", "b2", vec!["b2"]), ("a1", "b2", vec![])]
    {
        scene.after(2);
        scene.brings(vec![item(first, "a"), item(second, "b")]);
        assert_eq!(scene.told(), told);
    }
    for (answer, told) in [(["a1", "a2"], vec!["a2"]), (["a1", "a2"], vec![]), (["a2", "a3"], vec!["a3"])] {
        scene.after(2);
        scene.brings(answer.map(|text| item(text, "a")).to_vec());
        assert_eq!(scene.told(), told, "several of one topic are held against all of the last answer");
    }
    // What the socket said meanwhile is not what was polled.
    scene.feed.want(Wanted::Live, scene.now);
    scene.after(10);
    scene.brings(Vec::new());
    scene.feed.opened(scene.link, scene.now);
    scene.feed.replayed(scene.link, scene.now);
    scene.after(2);
    scene.brings(Vec::new());
    assert_eq!(scene.told(), ["priming>connected"]);
    scene.feed.want(POLLS, scene.now);
    scene.after(0);
    scene.brings(vec![item("a3", "a")]);
    assert_eq!(scene.told(), ["close", "connected>polling", "a3"]);
}
