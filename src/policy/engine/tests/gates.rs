//! Gates: guard, start grace, budget, permission, dry runs, shadows.

use std::time::Duration;

use super::world::{RESET, STOP, World, all_means, join, live, pid, policy, refused, started, tiers, words};
use crate::model::action::{Gate, Hold, Word};
use crate::model::decision::{DryRun, Evaluation, Refusal, Verdict, Work};
use crate::model::signal::Signal;
use crate::policy::engine::{Command, CommandError, Enrolled, Role};
use crate::policy::means::Means;

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
