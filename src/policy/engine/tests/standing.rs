//! What stands for a while: holds, upkeep, repeats, a person's commands; and what is explained.

use std::time::Duration;

use super::world::{RESET, STOP, World, all_means, first, live, pid, refused, words};
use crate::model::action::{Action, Gate, Hold, Word};
use crate::model::decision::{Cause, Refusal, Work};
use crate::model::reading::Reading;
use crate::model::signal::Signal;
use crate::policy::engine::{Command, CommandError};

const UPKEEP: &str = r#"
schema = 1
name = "p"
[[upkeep]]
every = "30s"
do = [{ reset_pool = { pool = "db" } }]
"#;

#[test]
fn the_strongest_hold_of_all_ladders_is_kept_and_undone_when_its_tier_clears() {
    let weak = STOP
        .replace("name = \"p\"", "name = \"q\"")
        .replace("halted", "reducing")
        .replace("> 900", "> 300")
        .replace("< 600", "< 200");
    let mut world = World::with(vec![live(STOP), live(&weak)], all_means());
    let reducing = Hold::PauseTrading { state: Gate::Reducing };
    let halted = Hold::PauseTrading { state: Gate::Halted };
    world.tick(400);
    assert_eq!(world.engine.holds(&world.process), std::slice::from_ref(&reducing));
    let out = world.tick(950);
    assert_eq!(world.engine.holds(&world.process), [halted]);
    assert!(
        out.decisions
            .iter()
            .any(|decision| decision.work == Work::Take(Hold::PauseTrading { state: Gate::Halted }))
    );
    world.hold(400, 10);
    assert_eq!(world.engine.holds(&world.process), std::slice::from_ref(&reducing));
    let out = world.hold(100, 30);
    assert!(out.decisions.iter().any(|decision| decision.work == Work::Release(reducing.clone())));
    assert!(world.engine.holds(&world.process).is_empty());
}

#[test]
fn a_freeze_is_given_up_at_its_limit() {
    let source = STOP.replace("pause_trading = { state = \"halted\" }", "freeze = { limit = \"5s\" }");
    let mut world = World::new(&source);
    world.tick(950);
    assert_eq!(world.engine.holds(&world.process).len(), 1);
    world.hold(950, 4);
    assert_eq!(world.engine.holds(&world.process).len(), 1);
    let out = world.tick(950);
    assert!(matches!(out.decisions[0].work, Work::Release(Hold::Freeze { .. })));
    assert!(world.hold(950, 100).decisions.iter().all(|d| !matches!(d.work, Work::Take(_))));
}

#[test]
fn upkeep_goes_by_the_clock_once_for_the_target_and_never_piles_up() {
    let mut world = World::new(UPKEEP);
    let out = world.hold(100, 30);
    assert!(words(&out).is_empty());
    let out = world.tick(100);
    assert_eq!(words(&out), [Word::ResetPool]);
    world.process = pid(2);
    assert!(world.hold(100, 10).is_empty(), "the other process shares the clock");
    world.process = pid(1);
    assert!(words(&world.hold(100, 100)).is_empty(), "the first is still under way");
    world.done(first(&out));
    assert_eq!(words(&world.hold(100, 5)).len(), 1);
}

#[test]
fn a_person_holds_the_target_and_acts_by_hand() {
    let mut world = World::new(RESET);
    world.tick(100);
    world.command(Command::HumanHold).unwrap();
    let out = world.tick(400);
    assert_eq!(refused(&out), [(Word::ResetPool, Refusal::HumanHold)]);
    let process = world.process;
    let out = world.command(Command::Do(Action::Snapshot)).unwrap();
    assert_eq!(words(&out), [Word::Snapshot]);
    assert_eq!(out.decisions[0].cause, Cause::Command);
    world.command(Command::HumanResume).unwrap();
    assert_eq!(words(&world.tick(400)), [Word::ResetPool]);

    let pause = Hold::PauseTrading { state: Gate::Reducing };
    let out = world.command(Command::Take(pause.clone())).unwrap();
    assert_eq!(out.decisions[0].work, Work::Take(pause.clone()));
    assert_eq!(world.engine.holds(&process), std::slice::from_ref(&pause));
    world.command(Command::Undo(pause.clone())).unwrap();
    assert!(world.engine.holds(&process).is_empty());
    let again = world.command(Command::Undo(pause));
    assert_eq!(again, Err(CommandError::NotTaken));
}

#[test]
fn every_repeats_while_the_tier_stays() {
    let source = RESET.replace(
        "cooldown = \"1m\"\ndo = [{ reset_pool",
        "cooldown = \"1m\"\nevery = \"2m\"\ndo = [{ reset_pool",
    );
    let mut world = World::new(&source);
    let out = world.tick(400);
    world.done(first(&out));
    world.hold(300, 2);
    let out = world.hold(300, 118);
    assert_eq!(words(&out), [Word::ResetPool]);
    assert_eq!(out.decisions[0].cause, Cause::Every);
}

#[test]
fn an_unknown_age_counts_from_first_sight() {
    let mut world = World::new(STOP);
    let ageless = |world: &mut World| {
        world.now += Duration::from_secs(1);
        let mut seen = world.seen(950.0);
        seen.set(Signal::ProcessUptime, Reading::Unavailable(crate::model::reading::Gap::Failed));
        seen.know(Signal::OrdersOpen, 0.0);
        words(&world.engine.step(&world.process, &seen))
    };
    assert_eq!(ageless(&mut world), [Word::Snapshot]);
    for _ in 0..119 {
        assert!(ageless(&mut world).is_empty());
    }
    assert_eq!(ageless(&mut world), [Word::Stop]);
}

#[test]
fn an_explanation_names_what_blocks_and_what_is_next() {
    let mut world = World::new(STOP);
    world.tick(950);
    world.hold(950, 30);
    let seen = world.seen(950.0);
    let told = world.engine.explain(&world.process, &seen).unwrap();
    let tier = &told.ladders[0].tiers[0];
    assert!(tier.active && tier.run.as_ref().unwrap().contains("stop is held back: guard"), "{tier:?}");
    assert_eq!(tier.budget_left.as_deref(), Some("2 of 2/day"));
    assert_eq!(tier.raise.text, "fd.open (950) > 900");
    let text = told.to_string();
    for line in [
        "p/d: a; stays a until it clears, then down to normal",
        "* a",
        "      fd.open (950) > 900 -> true",
        "        waited(2m) (30s) -> false",
    ] {
        assert!(text.lines().any(|told| told == line), "`{line}` in\n{text}");
    }
    assert!(serde_json::to_value(&told).unwrap()["ladders"][0]["tiers"][0]["active"].as_bool().unwrap());

    let low = world.engine.explain(&world.process, &world.seen(100.0)).unwrap();
    assert_eq!(
        low.ladders[0].tiers[0].raise.text, "fd.open (100) > 900",
        "values are those of the observation"
    );
    assert!(world.engine.explain(&pid(9), &seen).is_none());
}

#[test]
fn the_engine_can_move_to_a_thread_of_its_own() {
    fn sendable<T: Send>() {}
    sendable::<crate::policy::engine::Engine>();
}
