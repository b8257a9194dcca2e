//! Runs, gates, one in flight, expectations, holds, upkeep, commands, dry runs, shadows.

use std::time::Duration;

use super::world::{
    World, all_means, first, join, live, outcomes, pid, policy, refused, started, tiers, words,
};
use crate::model::action::{Action, Gate, Hold, Word};
use crate::model::clock::Timestamp;
use crate::model::decision::{Cause, DryRun, Evaluation, Outcome, Refusal, Verdict, Work};
use crate::model::reading::Reading;
use crate::model::signal::Signal;
use crate::policy::engine::{Command, CommandError, Enrolled, Role};
use crate::policy::means::Means;

const RESET: &str = r#"
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
do = [{ reset_pool = { pool = "db" } }, { notify = { to = "slack" } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "30s" }
[[ladder.d.tier]]
name = "b"
raise = "fd.open > 600 or a.ineffective(2)"
clear = "fd.open < 250"
dwell = "10s"
cooldown = "1m"
do = [{ run = { hook = "relieve" } }]
"#;

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

const STOP: &str = r#"
schema = 1
name = "p"
[ladder.d]
start_grace = "2m"
[[ladder.d.tier]]
name = "a"
raise = "fd.open > 900"
clear = "fd.open < 600"
dwell = "10s"
cooldown = "5s"
guard = "orders.open == 0 or waited(2m)"
do = ["snapshot", { stop = { before = ["cancel-all"], then = "restart" } }]
budget = "2/day"
latch = "human"
hold = [{ pause_trading = { state = "halted" } }]
"#;

#[test]
fn a_guard_holds_back_what_the_bot_can_notice_and_waited_lets_it_go() {
    let mut world = World::new(STOP);
    let out = world.tick(950);
    assert_eq!(words(&out), [Word::Snapshot], "evidence does not wait");
    let held = refused(&out);
    assert!(matches!(&held[..], [(Word::Stop, Refusal::Guard { unknown: Some(_), .. })]), "{held:?}");
    assert!(world.hold(950, 119).is_empty());
    assert_eq!(words(&world.tick(950)), [Word::Stop]);
}

#[test]
fn a_sleeping_machine_does_not_count_as_waiting() {
    let mut world = World::new(STOP);
    world.tick(950);
    world.now += Duration::from_hours(2);
    assert!(words(&world.tick(950)).is_empty());
    assert_eq!(words(&world.hold(950, 120)), [Word::Stop]);
}

#[test]
fn a_held_back_action_does_not_start_once_the_need_is_gone_or_unknown() {
    let mut world = World::new(STOP);
    world.tick(950);
    for _ in 0..200 {
        assert!(world.blind().is_empty());
    }
    assert!(words(&world.hold(100, 9)).is_empty());
}

#[test]
fn nothing_the_bot_can_notice_inside_the_start_grace() {
    let mut world = World::new(STOP);
    let young = |world: &mut World, age: f64| {
        world.now += Duration::from_secs(1);
        let mut seen = world.seen(950.0);
        seen.know(Signal::ProcessUptime, age);
        seen.know(Signal::OrdersOpen, 0.0);
        world.engine.step(&world.process, &seen)
    };
    let out = young(&mut world, 30.0);
    let left = Duration::from_secs(90);
    assert_eq!(words(&out), [Word::Snapshot]);
    let wanted =
        [(Word::Stop, Refusal::StartGrace { left }), (Word::PauseTrading, Refusal::StartGrace { left })];
    assert_eq!(refused(&out), wanted);
    assert!(young(&mut world, 31.0).is_empty());
    let out = young(&mut world, 121.0);
    assert_eq!(words(&out), [Word::Stop]);
}

fn stop_once(world: &mut World, number: u32) -> Evaluation {
    world.process = pid(number);
    let mut all = Evaluation::default();
    for _ in 0..10 {
        world.now += Duration::from_secs(1);
        let mut seen = world.seen(950.0);
        seen.know(Signal::OrdersOpen, 0.0);
        join(&mut all, world.engine.step(&world.process, &seen));
    }
    for (word, id) in started(&all) {
        if word == Word::Stop {
            join(&mut all, world.done(id));
        }
    }
    all
}

#[test]
fn a_spent_budget_latches_until_a_person_releases_it() {
    let mut world = World::new(STOP);
    assert_eq!(words(&stop_once(&mut world, 1)), [Word::Snapshot, Word::Stop]);
    assert_eq!(words(&stop_once(&mut world, 2)), [Word::Snapshot, Word::Stop]);
    let out = stop_once(&mut world, 3);
    assert!(words(&out).is_empty());
    assert_eq!(out.latched.len(), 1);
    assert_eq!(refused(&out), [(Word::Snapshot, Refusal::Latched)]);
    assert_eq!(world.engine.holds(&pid(3)), [Hold::PauseTrading { state: Gate::Halted }]);
    assert!(tiers(&world.hold(100, 60)).is_empty(), "a latched tier is not left");

    let unknown = Command::Release { rule: Some("p/d/z".to_owned()) };
    assert_eq!(world.command(unknown), Err(CommandError::NoRule("p/d/z".to_owned())));
    let release = Command::Release { rule: Some("p/d/a".to_owned()) };
    world.command(release).unwrap();
    assert_eq!(tiers(&world.tick(100)), ["normal"]);
}

#[test]
fn a_done_stop_ends_the_ladder_and_releases_its_holds() {
    let mut world = World::new(STOP);
    let out = stop_once(&mut world, 1);
    assert_eq!(tiers(&out), ["a", "normal"]);
    let released = |decision: &crate::model::decision::Decision| matches!(decision.work, Work::Release(_));
    assert_eq!(out.decisions.iter().filter(|decision| released(decision)).count(), 1);
    assert!(world.engine.holds(&pid(1)).is_empty());
    assert!(world.tick(950).is_empty());
    assert_eq!(world.engine.in_flight(), None);
}

#[test]
fn a_dangerous_word_is_refused_unless_allowed_and_the_run_goes_on() {
    let means = Means { allowed: std::collections::BTreeSet::new(), ..all_means() };
    let source = STOP.replace("\"snapshot\", {", "{").replace("} }]\nbudget", "} }, \"snapshot\"]\nbudget");
    let mut world = World::with(vec![live(&source)], means);
    let out = world.tick(950);
    assert_eq!(refused(&out), [(Word::Stop, Refusal::NotAllowed)]);
    assert_eq!(words(&out), [Word::Snapshot]);
}

#[test]
fn names_that_are_not_here_are_refused_with_the_reason() {
    let means = Means { pools: std::collections::BTreeSet::new(), ..all_means() };
    let mut world = World::with(vec![live(RESET)], means);
    let why = "no pool `db` here".to_owned();
    assert_eq!(refused(&world.tick(400)), [(Word::ResetPool, Refusal::Unavailable { why })]);
}

#[test]
fn dry_runs_at_three_scopes_and_shadow_take_the_same_way() {
    let agent = Means { dry_run: true, ..all_means() };
    let by_policy = RESET.replace("name = \"p\"", "name = \"p\"\ndry_run = true");
    let by_action = RESET.replace("pool = \"db\"", "pool = \"db\", dry_run = true");
    let shadow = Enrolled { policy: policy(RESET), role: Role::Shadow };
    let cases = [
        (live(RESET), agent, DryRun::Agent),
        (live(&by_policy), all_means(), DryRun::Policy),
        (live(&by_action), all_means(), DryRun::Action),
        (shadow, all_means(), DryRun::Shadow),
    ];
    for (enrolled, means, scope) in cases {
        let mut world = World::with(vec![enrolled], means);
        let out = world.tick(400);
        assert_eq!(tiers(&out), ["a"]);
        let reset = &out.decisions[0];
        assert_eq!((reset.work.word(), &reset.verdict), (Word::ResetPool, &Verdict::DryRun(scope)));
        assert_eq!(world.engine.in_flight(), None);
        let later = world.hold(400, 200);
        assert!(later.judged.is_empty(), "what was not done is not judged");
    }
}

#[test]
fn a_shadow_tells_where_it_differs() {
    let eager = RESET.replace("name = \"p\"", "name = \"eager\"").replace("fd.open > 300", "fd.open > 200");
    let shadow = Enrolled { policy: policy(&eager), role: Role::Shadow };
    let mut world = World::with(vec![live(RESET), shadow], all_means());
    let out = world.tick(260);
    let how: Vec<&str> = out.shadow.iter().map(|difference| difference.how.as_str()).collect();
    assert_eq!(how[0], "`d`: the shadow goes to a, the live one does not");
    assert!(how[1].contains("would start reset_pool"), "{how:?}");
    assert!(world.tick(260).shadow.is_empty(), "told once");
    assert!(world.engine.holds(&world.process).is_empty());
}

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

const UPKEEP: &str = r#"
schema = 1
name = "p"
[[upkeep]]
every = "30s"
do = [{ reset_pool = { pool = "db" } }]
"#;

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
