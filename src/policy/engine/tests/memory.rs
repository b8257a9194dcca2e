//! What lives over a restart of the agent.

use std::time::Duration;

use super::world::{World, all_means, live, pid, refused, started, words};
use crate::model::action::Word;
use crate::model::decision::Refusal;
use crate::policy::engine::Engine;
use crate::policy::memory::RuleMemory;

const CAPPED: &str = r#"
schema = 1
name = "p"
[ladder.d]
start_grace = "0s"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 300"
clear = "fd.open < 250"
dwell = "10s"
cooldown = "1m"
budget = "1/day"
do = [{ reset_pool = { pool = "db" } }]
expect = { that = "fd.open < 250", within = "10s" }
hold = [{ poll_stream = { stream = "quotes" } }]
"#;

/// The agent ends and starts again: only what was stored is left.
fn restart(world: &mut World) {
    let stored = serde_json::to_string(&world.engine.memory()).unwrap();
    let memory: RuleMemory = serde_json::from_str(&stored).unwrap();
    world.engine = Engine::new(vec![live(CAPPED)], all_means());
    world.engine.restore(memory);
}

#[test]
fn budgets_tiers_holds_and_numbers_survive() {
    let mut world = World::new(CAPPED);
    let out = world.tick(400);
    let last = out.decisions.last().unwrap().id;
    world.done(started(&out)[0].1);
    world.hold(400, 20);
    restart(&mut world);
    let out = world.tick(400);
    assert_eq!(world.tier(), "a");
    assert!(words(&out).is_empty(), "entered long ago: {out:?}");
    assert_eq!(world.engine.holds(&world.process).len(), 1, "holds are taken up again");
    assert!(out.decisions[0].id > last);
    let out = world.hold(400, 60);
    let quota = crate::model::units::Quota::parse("1/day").unwrap();
    assert!(
        matches!(&refused(&out)[..], [(Word::ResetPool, Refusal::Budget { quota: q, .. })] if *q == quota),
        "the failed run wants another, and the budget is spent: {out:?}"
    );
}

#[test]
fn a_new_process_finds_the_budget_spent() {
    let mut world = World::new(CAPPED);
    let out = world.tick(400);
    world.done(started(&out)[0].1);
    world.exit();
    let gone = world.process;
    world.engine.forget(&gone);
    restart(&mut world);
    world.process = pid(2);
    let out = world.tick(400);
    assert!(matches!(&refused(&out)[..], [(Word::ResetPool, Refusal::Budget { .. })]), "{out:?}");
    world.now += Duration::from_hours(24);
    world.hold(100, 20);
    assert_eq!(words(&world.hold(400, 2)), [Word::ResetPool]);
}

#[test]
fn a_run_that_was_held_back_is_still_wanted() {
    let mut world = World::new(CAPPED);
    let (at, wall) = (world.at(), world.wall());
    world.engine.command(None, crate::policy::engine::Command::HumanHold, at, wall).unwrap();
    world.tick(400);
    restart(&mut world);
    assert_eq!(refused(&world.tick(400))[0], (Word::ResetPool, Refusal::HumanHold));
    let (at, wall) = (world.at(), world.wall());
    world.engine.command(None, crate::policy::engine::Command::HumanResume, at, wall).unwrap();
    assert_eq!(words(&world.tick(400)), [Word::ResetPool]);
}
