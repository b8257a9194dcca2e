//! Up at once to the highest, down one at a time, dwell, unknown, jumps of the clock, reload.

use std::time::Duration;

use super::world::{World, live, refused, started, tiers, words};
use crate::model::action::Word;
use crate::model::decision::{Outcome, Refusal};
use crate::model::name::Name;

const LADDER: &str = r#"
schema = 1
name = "p"
[ladder.d]
start_grace = "0s"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 300"
clear = "fd.open < 250"
for = "3s"
dwell = "10s"
do = ["snapshot"]
[[ladder.d.tier]]
name = "b"
raise = "fd.open > 600"
clear = "fd.open < 450"
dwell = "10s"
do = [{ notify = { to = "slack" } }]
[[ladder.d.tier]]
name = "c"
raise = "fd.open > 900"
clear = "fd.open < 800"
dwell = "10s"
do = [{ reset_pool = { pool = "db" } }]
"#;

#[test]
fn a_raise_must_hold_without_a_break() {
    let mut world = World::new(LADDER);
    for open in [301, 302, 299, 301, 301, 301] {
        assert!(world.tick(open).is_empty());
    }
    let out = world.tick(301);
    assert_eq!(tiers(&out), ["a"]);
    assert_eq!(words(&out), [Word::Snapshot]);
    assert_eq!(out.transitions[0].because, "fd.open (301) > 300");
}

#[test]
fn up_at_once_to_the_highest_and_jumped_tiers_are_refused() {
    let mut world = World::new(LADDER);
    let out = world.tick(950);
    assert_eq!(tiers(&out), ["c"]);
    assert_eq!(words(&out), [Word::ResetPool]);
    assert_eq!(refused(&out), [(Word::Snapshot, Refusal::JumpedOver), (Word::Notify, Refusal::JumpedOver)]);
}

#[test]
fn a_tier_that_says_always_runs_though_jumped_over() {
    let source = LADDER.replace("do = [\"snapshot\"]", "do = [\"snapshot\"]\nalways = true");
    let out = World::new(&source).tick(950);
    assert_eq!(words(&out), [Word::ResetPool, Word::Snapshot]);
    assert_eq!(refused(&out), [(Word::Notify, Refusal::JumpedOver)]);
}

#[test]
fn down_one_at_a_time_each_with_its_own_dwell() {
    let mut world = World::new(LADDER);
    world.tick(950);
    assert!(tiers(&world.hold(100, 9)).is_empty());
    assert_eq!(tiers(&world.tick(100)), ["b"]);
    assert!(tiers(&world.hold(100, 9)).is_empty());
    assert_eq!(tiers(&world.tick(100)), ["a"]);
    let out = world.hold(100, 10);
    assert_eq!(tiers(&out), ["normal"]);
    assert!(out.decisions.is_empty(), "coming down does nothing: {out:?}");
}

#[test]
fn unknown_raises_nothing_and_clears_nothing() {
    let mut world = World::new(LADDER);
    world.hold(310, 3);
    assert!(world.blind().is_empty());
    assert_eq!(tiers(&world.hold(310, 3)), Vec::<String>::new(), "unknown broke the stretch");
    assert_eq!(tiers(&world.tick(310)), ["a"]);
    for _ in 0..100 {
        assert!(world.blind().is_empty());
    }
    assert_eq!(world.tier(), "a");
}

#[test]
fn where_there_is_no_clear_a_known_false_raise_clears() {
    let source = LADDER.replace("clear = \"fd.open < 250\"\n", "");
    let mut world = World::new(&source);
    world.hold(310, 5);
    for _ in 0..30 {
        world.blind();
    }
    assert_eq!(world.tier(), "a");
    world.tick(299);
    assert_eq!(world.tier(), "normal");
}

#[test]
fn an_hour_of_sleep_does_not_fire_a_raise() {
    let mut world = World::new(LADDER);
    world.hold(310, 2);
    world.now += Duration::from_hours(1);
    assert!(world.tick(310).is_empty());
    assert_eq!(tiers(&world.hold(310, 3)), ["a"]);
}

#[test]
fn a_relapse_lengthens_the_dwell_up_to_its_cap() {
    let mut world = World::new(LADDER);
    let mut dwells = Vec::new();
    for _ in 0..7 {
        world.hold(310, 4);
        assert_eq!(world.tier(), "a");
        let mut dwell = 0;
        while world.tier() == "a" {
            world.tick(100);
            dwell += 1;
        }
        dwells.push(dwell);
    }
    assert_eq!(dwells, [10, 20, 40, 80, 160, 160, 160]);
    world.hold(100, 400);
    world.hold(310, 4);
    world.hold(100, 10);
    assert_eq!(world.tier(), "normal", "a late raise is no relapse");
}

#[test]
fn several_ladders_watch_one_process() {
    let second = LADDER
        .replace("[ladder.d", "[ladder.e")
        .replace("[[ladder.d", "[[ladder.e")
        .replace("name = \"p\"", "name = \"q\"")
        .replace("fd.open", "fd.limit");
    let mut world = World::with(vec![live(LADDER), live(&second)], super::world::all_means());
    let out = world.tick(650);
    assert_eq!(tiers(&out), ["b"]);
    let standing = world.engine.tiers(&world.process);
    assert_eq!(standing.len(), 2);
    assert_eq!(standing[1].active, None);
}

#[test]
fn a_reload_keeps_timers_of_unchanged_tiers_and_moves_where_a_tier_is_gone() {
    let mut world = World::new(LADDER);
    world.hold(310, 3);
    let edited = LADDER.replace("fd.open > 900", "fd.open > 950");
    assert!(world.reload(&edited).is_empty());
    assert_eq!(tiers(&world.tick(310)), ["a"], "the stretch of `a` lived on");

    world.tick(700);
    assert_eq!(world.tier(), "b");
    let without_b = {
        let start = edited.find("[[ladder.d.tier]]\nname = \"b\"").unwrap();
        let end = edited.find("[[ladder.d.tier]]\nname = \"c\"").unwrap();
        format!("{}{}", &edited[..start], &edited[end..])
    };
    let out = world.reload(&without_b);
    assert_eq!(out.transitions.len(), 1);
    assert_eq!(out.transitions[0].from, Some(Name::parse("b").unwrap()));
    assert_eq!(world.tier(), "a");
}

#[test]
fn a_reload_that_drops_the_ladder_ends_it_and_releases_its_holds() {
    let held = LADDER.replace("do = [\"snapshot\"]", "do = [\"snapshot\"]\nhold = [\"pause_trading\"]");
    let mut world = World::new(&held);
    world.hold(310, 4);
    assert_eq!(world.engine.holds(&world.process).len(), 1);
    let edited = held.replace("fd.open > 600", "fd.open > 650");
    assert!(world.reload(&edited).is_empty());
    assert!(world.tick(310).is_empty(), "a kept hold is not taken twice");
    let other = held.replace("[ladder.d]", "[ladder.e]").replace("[[ladder.d", "[[ladder.e");
    let out = world.reload(&other);
    assert_eq!(tiers(&out), ["normal"]);
    let out = world.tick(310);
    assert!(matches!(out.decisions[0].work, crate::model::decision::Work::Release(_)), "{out:?}");
    assert!(world.engine.holds(&world.process).is_empty());
}

#[test]
fn n_of_m_ticks_raise() {
    let source = LADDER.replace("for = \"3s\"", "for = \"3 of 5\"");
    let mut world = World::new(&source);
    for open in [310, 100, 310, 100] {
        assert!(world.tick(open).is_empty());
    }
    assert_eq!(tiers(&world.tick(310)), ["a"]);
}

#[test]
fn the_end_of_the_process_ends_its_ladder() {
    let mut world = World::new(LADDER);
    world.tick(950);
    let out = world.exit();
    assert_eq!(tiers(&out), ["normal"]);
    assert!(world.tick(950).is_empty(), "nothing is decided about a process that is gone");
}

#[test]
fn a_milder_tier_is_not_told_effective_for_what_a_harder_one_does() {
    let run = "do = [{ run = { hook = \"relieve\" } }]";
    let expect = "expect = { that = \"fd.open <= before.fd.open * 85%\", within = \"30s\" }";
    let source =
        LADDER.replace("for = \"3s\"\n", "").replace("do = [\"snapshot\"]", &format!("{run}\n{expect}"));
    let mut world = World::new(&source);
    let out = world.tick(400);
    world.done(started(&out)[0].1);
    let out = world.tick(950);
    assert_eq!(words(&out), [Word::ResetPool]);
    let told: Vec<_> = out.judged.iter().map(|judged| (judged.word, judged.outcome)).collect();
    assert_eq!(told, [(Word::Run, Outcome::Unknown)]);
    world.done(started(&out)[0].1);
    assert!(world.hold(100, 40).judged.is_empty(), "the harder one has no expectation");
}
