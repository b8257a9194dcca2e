//! Losses, tries, and what a socket says.

use std::time::Duration;

use super::scene::{POLLS, Scene};
use super::settings;
use crate::stream::feed::{Item, Verdict};
use crate::stream::health::Watch;
use crate::stream::machine::{Fallback, Settings};
use crate::stream::order::{Wanted, Why};

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
