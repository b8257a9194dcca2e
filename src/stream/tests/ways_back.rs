//! From polls back to the socket.

use std::time::Duration;

use super::scene::{POLLS, Scene};
use super::settings;
use crate::stream::cursor::{Seen, Step};
use crate::stream::feed::{Item, Polled, Verdict};
use crate::stream::machine::Fallback;
use crate::stream::order::{Wanted, Why};

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
    let mut scene = Scene::priming();
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
    let mut scene = Scene::priming();
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
