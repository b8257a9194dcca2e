//! What lives over a restart of the agent.

use std::time::Duration;

use super::world::{World, all_means, first, live, pid, refused, words};
use crate::model::action::{Hold, Word};
use crate::model::decision::{Evaluation, Refusal, Work};
use crate::policy::engine::{Command, CommandError, Engine};

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

#[test]
fn budgets_tiers_holds_and_numbers_survive() {
    let mut world = World::new(CAPPED);
    let out = world.tick(400);
    let last = out.decisions.last().unwrap().id;
    world.done(first(&out));
    world.hold(400, 20);
    world.restart(CAPPED);
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
    world.done(first(&out));
    world.exit();
    let gone = world.process;
    world.engine.forget(&gone);
    world.restart(CAPPED);
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
    world.command(Command::HumanHold).unwrap();
    world.tick(400);
    world.restart(CAPPED);
    assert_eq!(refused(&world.tick(400))[0], (Word::ResetPool, Refusal::HumanHold));
    world.command(Command::HumanResume).unwrap();
    assert_eq!(words(&world.tick(400)), [Word::ResetPool]);
}

fn takes(out: &Evaluation) -> usize {
    out.decisions.iter().filter(|decision| matches!(decision.work, Work::Take(_))).count()
}

#[test]
fn a_freeze_by_hand_ends_at_its_limit_and_does_not_come_back() {
    let freeze = Hold::Freeze { limit: Duration::from_secs(5) };
    let mut world = World::new(CAPPED);
    world.tick(100);
    assert_eq!(takes(&world.command(Command::Take(freeze.clone())).unwrap()), 1);
    world.hold(100, 3);
    let again = world.command(Command::Take(freeze.clone())).unwrap();
    assert!(again.is_empty(), "it is kept already, and is not made longer: {again:?}");
    world.hold(100, 1);
    assert_eq!(world.engine.holds(&world.process), std::slice::from_ref(&freeze));
    let out = world.tick(100);
    assert_eq!(out.decisions.len(), 1, "{out:?}");
    assert_eq!(out.decisions[0].work, Work::Release(freeze.clone()));
    assert!(world.engine.holds(&world.process).is_empty());
    assert_eq!(world.command(Command::Undo(freeze.clone())), Err(CommandError::NotTaken));

    assert_eq!(takes(&world.command(Command::Take(freeze.clone())).unwrap()), 1);
    world.now += Duration::from_secs(5);
    let out = world.command(Command::Take(freeze.clone())).unwrap();
    assert_eq!(out.decisions.len(), 2, "over, though no tick has seen it yet: {out:?}");
    assert_eq!(takes(&out), 1);

    let poll = Hold::PollStream {
        stream: crate::model::name::Name::parse("quotes").unwrap(),
        every: Duration::from_secs(1),
    };
    world.command(Command::Take(poll.clone())).unwrap();
    world.restart(CAPPED);
    assert_eq!(takes(&world.tick(100)), 1);
    assert_eq!(world.engine.holds(&world.process), [poll], "what lasts is taken up, the freeze is not");
}

#[test]
fn a_stored_freeze_by_hand_is_not_taken_up() {
    let mut world = World::new(CAPPED);
    world.tick(100);
    let mut memory = world.engine.memory();
    memory.processes[0].by_hand.push(Hold::Freeze { limit: Duration::from_secs(5) });
    world.engine = Engine::new(vec![live(CAPPED)], all_means());
    world.engine.restore(memory);
    assert!(world.tick(100).is_empty());
    assert!(world.engine.holds(&world.process).is_empty());
}

#[test]
fn a_freeze_of_a_policy_is_not_taken_again_by_a_restart() {
    let source = CAPPED.replace("poll_stream = { stream = \"quotes\" }", "freeze = { limit = \"5s\" }");
    let freezes = |world: &World| world.engine.holds(&world.process).len();
    let mut world = World::new(&source);
    world.tick(400);
    assert_eq!(freezes(&world), 1);
    for _ in 0..3 {
        world.restart(&source);
        assert_eq!(takes(&world.hold(400, 3)), 0);
        assert_eq!((freezes(&world), world.tier()), (0, "a".to_owned()));
    }
    world.hold(100, 120);
    assert_eq!(world.tier(), "normal");
    assert_eq!(takes(&world.tick(400)), 1, "raised again");
    assert_eq!(freezes(&world), 1);
}
