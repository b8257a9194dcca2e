//! Ends that are bad or never told: what was given up, what was lost, holds that could not be taken.

use std::time::Duration;

use super::world::{HOOK_TIMEOUT, World, first, outcomes, pid, refused, tiers, words};
use crate::model::action::{Gate, Hold, Word};
use crate::model::deadline;
use crate::model::decision::{Cause, DecisionId, Evaluation, Outcome, Refusal, Verdict, Work};
use crate::policy::engine::Command;
use crate::policy::holds::{RETRY_FIRST, RETRY_MAX};
use crate::policy::run::LOST_AFTER;

const LADDER: &str = r#"
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
do = [{ reset_pool = { pool = "db" } }, { run = { hook = "relieve" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "30s" }
[[ladder.d.tier]]
name = "b"
raise = "fd.open > 900 or a.ineffective(1)"
clear = "fd.open < 250"
dwell = "10s"
cooldown = "1m"
do = ["snapshot"]
"#;

#[test]
fn what_is_given_up_is_unknown_climbs_nothing_and_is_wanted_again() {
    let mut world = World::new(LADDER);
    let out = world.tick(400);
    let out = world.given_up(first(&out));
    assert_eq!(outcomes(&out), [Outcome::Unknown]);
    assert!(words(&out).is_empty(), "the agent ends: nothing is begun on top of that");
    assert_eq!(world.engine.in_flight(), None);
    world.restart(LADDER);
    assert!(world.hold(400, 59).is_empty(), "no tier is climbed, the cooldown stands");
    let out = world.tick(400);
    assert_eq!((words(&out), out.decisions[0].cause), (vec![Word::ResetPool], Cause::Again));
    assert_eq!(world.tier(), "a");
}

#[test]
fn an_agent_that_was_killed_in_the_middle_of_an_action_wants_it_again() {
    let mut world = World::new(LADDER);
    world.tick(400);
    world.restart(LADDER);
    assert!(world.hold(400, 59).is_empty());
    assert_eq!(words(&world.tick(400)), [Word::ResetPool]);
}

#[test]
fn a_lost_action_is_waited_for_as_long_as_it_may_take_and_then_told() {
    let mut world = World::new(LADDER);
    let out = world.tick(400);
    let id = first(&out);
    let patience = deadline::POOL + LOST_AFTER;
    let waited = u32::try_from(patience.as_secs()).unwrap();
    assert!(world.hold(400, waited).is_empty());
    let out = world.tick(400);
    let lost = &out.lost[0];
    assert_eq!((lost.decision, lost.word, lost.after), (id, Word::ResetPool, patience));
    assert_eq!((outcomes(&out), world.engine.in_flight()), (vec![Outcome::Unknown], None));
    assert!(tiers(&out).is_empty(), "unknown climbs nothing");
    let out = world.tick(400);
    assert_eq!(words(&out), [Word::ResetPool], "and the target acts again");
    assert!(world.done(id).is_empty(), "a report that comes after all says nothing any more");
    assert!(world.engine.in_flight().is_some());
}

#[test]
fn a_hook_is_waited_for_by_its_own_time_out() {
    let mut world = World::new(LADDER);
    let out = world.tick(400);
    let out = world.done(first(&out));
    assert_eq!(words(&out), [Word::Run]);
    let longest = HOOK_TIMEOUT + Duration::from_secs(5) + LOST_AFTER;
    for _ in 0..longest.as_secs() {
        world.now += Duration::from_secs(1);
        assert_eq!(world.engine.expire(world.at()), None);
    }
    world.now += Duration::from_secs(1);
    assert!(world.engine.expire(world.at()).is_some());
}

#[test]
fn a_machine_that_slept_has_not_waited() {
    let mut world = World::new(LADDER);
    let out = world.tick(400);
    world.now += Duration::from_hours(8);
    assert!(world.tick(400).lost.is_empty(), "the action slept too");
    assert_eq!(words(&world.done(first(&out))), [Word::Run]);
}

#[test]
fn a_lost_action_of_one_process_lets_another_act() {
    let mut world = World::new(LADDER);
    world.tick(400);
    world.process = pid(2);
    let out = world.tick(400);
    assert_eq!(refused(&out)[0], (Word::ResetPool, Refusal::InFlight { action: Word::ResetPool }));
    let waited = (deadline::POOL + LOST_AFTER).as_secs();
    let all = world.hold(400, u32::try_from(waited).unwrap());
    assert_eq!(all.lost[0].process, pid(1));
    assert_eq!(words(&all), [Word::ResetPool]);
    world.process = pid(1);
    assert_eq!(outcomes(&world.tick(400)), [Outcome::Unknown]);
}

const HELD: &str = r#"
schema = 1
name = "p"
[ladder.d]
start_grace = "0s"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 300"
clear = "fd.open < 250"
dwell = "10s"
hold = [{ pause_trading = { state = "reducing" } }]
[[ladder.d.tier]]
name = "b"
raise = "fd.open > 600"
clear = "fd.open < 450"
dwell = "10s"
hold = [{ pause_trading = { state = "halted" } }]
"#;

const REDUCING: Hold = Hold::PauseTrading { state: Gate::Reducing };
const HALTED: Hold = Hold::PauseTrading { state: Gate::Halted };

/// The holds that are ordered to be taken and released, each with its number.
fn orders(out: &Evaluation) -> Vec<(DecisionId, Work)> {
    let ordered = out.decisions.iter().filter(|decision| decision.verdict == Verdict::Start);
    ordered.map(|decision| (decision.id, decision.work.clone())).collect()
}

fn works(out: &Evaluation) -> Vec<Work> {
    orders(out).into_iter().map(|(_, work)| work).collect()
}

/// Ticks until something is ordered; the order and the seconds it took.
fn next_order(world: &mut World, open: u32) -> ((DecisionId, Work), u64) {
    for seconds in 1..=RETRY_MAX.as_secs() + 1 {
        let out = world.tick(open);
        if let [order] = &orders(&out)[..] {
            return (order.clone(), seconds);
        }
    }
    panic!("nothing is ordered");
}

#[test]
fn a_hold_that_could_not_be_taken_is_not_held_and_is_tried_again_ever_more_slowly() {
    let mut world = World::new(HELD);
    let out = world.tick(400);
    assert_eq!(world.engine.holds(&world.process), [REDUCING]);
    let mut id = orders(&out)[0].0;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        world.failed(id);
        assert!(world.engine.holds(&world.process).is_empty(), "it is not held");
        let (order, seconds) = next_order(&mut world, 400);
        assert_eq!(order.1, Work::Take(REDUCING));
        pauses.push(seconds);
        id = order.0;
    }
    let first = RETRY_FIRST.as_secs();
    assert_eq!(pauses[..3], [first, 2 * first, 4 * first]);
    assert_eq!(pauses[8], RETRY_MAX.as_secs());
    world.done(id);
    assert_eq!(world.engine.holds(&world.process), [REDUCING]);
    assert!(world.hold(400, 600).is_empty(), "it is taken");
    assert_eq!(works(&world.hold(100, 20)), [Work::Release(REDUCING)]);
}

#[test]
fn what_was_never_taken_is_not_released() {
    let mut world = World::new(HELD);
    let out = world.tick(400);
    world.failed(orders(&out)[0].0);
    let mut ordered = Vec::new();
    for _ in 0..30 {
        for (id, work) in orders(&world.tick(100)) {
            world.failed(id);
            ordered.push(work);
        }
    }
    assert_eq!((world.tier().as_str(), ordered), ("normal", vec![Work::Take(REDUCING)]));
}

#[test]
fn where_the_stronger_hold_fails_the_weaker_stays_and_is_what_is_released() {
    let mut world = World::new(HELD);
    let out = world.tick(400);
    world.done(orders(&out)[0].0);
    let mut tries = 0;
    for open in [700; 3].into_iter().chain([400; 30]) {
        let out = world.tick(open);
        for (id, work) in orders(&out) {
            assert_eq!(work, Work::Take(HALTED));
            tries += 1;
            world.failed(id);
        }
        assert_eq!(world.engine.holds(&world.process), [REDUCING]);
    }
    assert_eq!((world.tier().as_str(), tries), ("a", 2));
    assert_eq!(works(&world.hold(100, 20)), [Work::Release(REDUCING)]);
}

#[test]
fn a_person_on_hold_stops_the_tries() {
    let mut world = World::new(HELD);
    let out = world.tick(400);
    world.failed(orders(&out)[0].0);
    world.command(Command::HumanHold).unwrap();
    assert!(world.hold(400, 60).is_empty());
    world.command(Command::HumanResume).unwrap();
    assert_eq!(works(&world.hold(400, 10)), [Work::Take(REDUCING)]);
}
