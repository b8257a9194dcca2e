//! Runs: one in flight, expectations, what follows an outcome.

use std::time::Duration;

use super::world::{RESET, World, first, join, outcomes, pid, refused, tiers, words};
use crate::model::action::Word;
use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, Evaluation, Outcome, Refusal};
use crate::model::signal::Signal;

/// Two ladders that want to act at the same moment.
const TWO: &str = r#"
schema = 1
name = "p"
[ladder.d]
start_grace = "0s"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 150"
dwell = "10s"
cooldown = "1m"
do = [{ destroy_sockets = { older = "10s" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "10s" }
[ladder.e]
start_grace = "0s"
[[ladder.e.tier]]
name = "b"
raise = "fd.open > 100"
dwell = "10s"
cooldown = "1m"
do = [{ reap_descriptors = { older = "10s" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "10s" }
"#;

#[test]
fn the_next_item_waits_for_the_report_of_the_one_before() {
    let mut world = World::new(RESET);
    let out = world.tick(310);
    assert_eq!(words(&out), [Word::ResetPool]);
    assert!(world.hold(310, 5).is_empty());
    let out = world.done(first(&out));
    assert_eq!(words(&out), [Word::Notify]);
}

#[test]
fn effective_needs_two_looks_after_the_action_was_done() {
    let mut world = World::new(RESET);
    let out = world.tick(400);
    assert!(world.hold(200, 3).judged.is_empty(), "not before it is done");
    world.done(first(&out));
    assert!(world.tick(300).judged.is_empty(), "one look is not enough");
    let out = world.tick(300);
    assert_eq!(outcomes(&out), [Outcome::Effective]);
    assert_eq!(out.judged[0].word, Word::ResetPool);
}

#[test]
fn an_action_that_waited_for_another_is_begun_on_a_look_from_after_it() {
    let mut world = World::new(TWO);
    let out = world.tick(400);
    assert_eq!(words(&out), [Word::DestroySockets]);
    let other = world.done(first(&out));
    assert!(words(&other).is_empty(), "what was seen is from before: {other:?}");
    let out = world.tick(200);
    assert_eq!(words(&out), [Word::ReapDescriptors]);
    world.done(first(&out));
    let told = world.hold(200, 30);
    let reaped = told.judged.iter().find(|judged| judged.word == Word::ReapDescriptors).unwrap();
    assert_eq!(reaped.outcome, Outcome::Ineffective, "the fall was the other's");
}

#[test]
fn a_dip_between_two_looks_is_not_effective() {
    let mut world = World::new(RESET);
    let out = world.tick(400);
    world.done(first(&out));
    let mut all = world.tick(300);
    join(&mut all, world.tick(399));
    join(&mut all, world.tick(300));
    join(&mut all, world.hold(399, 26));
    assert!(outcomes(&all).is_empty());
    assert_eq!(outcomes(&world.tick(399)), [Outcome::Ineffective]);
}

#[test]
fn what_a_full_tick_sees_counts_only_from_a_survey_after_the_action() {
    let source = RESET
        .replace("fd.open <= before.fd.open * 85%", "socket.close_wait < 10 and fd.open <= before.fd.open");
    let mut world = World::new(&source);
    let out = world.tick(400);
    world.done(first(&out));
    let done = world.at();
    let look = |world: &mut World, surveyed: Timestamp| {
        world.now += Duration::from_secs(1);
        let mut seen = world.seen(400.0);
        seen.know(Signal::SocketCloseWait, 0.0);
        seen.surveyed = surveyed;
        outcomes(&world.engine.step(&world.process, &seen))
    };
    for _ in 0..5 {
        assert!(look(&mut world, done).is_empty(), "the survey is older than the action");
    }
    let survey = world.at();
    assert!(look(&mut world, survey).is_empty());
    assert!(look(&mut world, survey).is_empty(), "the same survey is no second look");
    let survey = world.at();
    assert_eq!(look(&mut world, survey), [Outcome::Effective]);
}

#[test]
fn unknown_at_the_deadline_is_unknown_and_asks_for_no_other_run() {
    let mut world = World::new(RESET);
    let out = world.tick(400);
    world.done(first(&out));
    let mut all = Evaluation::default();
    for _ in 0..40 {
        join(&mut all, world.blind());
    }
    assert_eq!(outcomes(&all), [Outcome::Unknown]);
    assert!(words(&world.hold(400, 200)).is_empty());
}

#[test]
fn ineffective_runs_again_each_cooldown_and_leads_up_the_ladder() {
    let mut world = World::new(RESET);
    let out = world.tick(400);
    world.done(first(&out));
    let out = world.hold(400, 59);
    assert_eq!((outcomes(&out), words(&out)), (vec![Outcome::Ineffective], vec![]));
    let out = world.tick(400);
    assert_eq!(out.decisions[0].cause, Cause::Again);
    world.done(first(&out));
    let out = world.hold(400, 30);
    assert_eq!(outcomes(&out), [Outcome::Ineffective]);
    assert_eq!(tiers(&out), ["b"]);
    assert_eq!(words(&out), [Word::Run]);
}

#[test]
fn a_failed_action_counts_as_ineffective_at_once() {
    let mut world = World::new(RESET);
    let out = world.tick(400);
    let out = world.failed(first(&out));
    assert_eq!(outcomes(&out), [Outcome::Ineffective]);
    assert!(out.judged[0].because.contains("no such pool"));
    let out = world.hold(400, 60);
    assert_eq!(words(&out), [Word::ResetPool]);
}

#[test]
fn coming_down_forgets_the_failures_of_the_way_up() {
    let mut world = World::new(RESET);
    for _ in 0..2 {
        let out = world.hold(400, 60);
        world.failed(first(&out));
    }
    let out = world.tick(400);
    assert_eq!(tiers(&out), ["b"]);
    world.done(first(&out));
    assert_eq!(tiers(&world.hold(100, 60)), ["a", "normal"]);
}

#[test]
fn one_action_in_flight_over_all_processes_of_the_target() {
    let mut world = World::new(RESET);
    let one = world.tick(400);
    world.process = pid(2);
    let two = world.tick(400);
    assert_eq!(refused(&two), [(Word::ResetPool, Refusal::InFlight { action: Word::ResetPool })]);
    assert!(world.hold(400, 10).is_empty(), "the refusal is recorded once");
    world.process = pid(1);
    world.done(first(&one));
    world.process = pid(2);
    assert_eq!(words(&world.tick(400)), [Word::ResetPool]);
}
