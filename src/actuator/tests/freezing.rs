//! The `freeze` hold.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::model::action::{Action, Hold, Then};
use crate::model::deadline;
use crate::model::decision::Work;
use crate::model::event::Fact;
use crate::sys::keeper::{Keeper, KeeperProgram, keeper_main};

use super::super::*;
use super::support::*;

const NAME: &str = "actuator::tests::freezing::the_keeper_of_these_tests";
const MARK: &str = "FDGUARD_TEST_ACTUATOR_KEEPER";

/// Run by the others as a process of its own; alone it has nothing to do.
#[test]
fn the_keeper_of_these_tests() {
    if std::env::var_os(MARK).is_some() {
        keeper_main().expect("the keeper ends in order");
    }
}

fn keeper() -> SharedKeeper {
    let test = std::env::current_exe().expect("the test binary has a path").display().to_string();
    let mark = format!("{MARK}=1");
    let arguments = argv(&[&mark, &test, "--exact", NAME, "--nocapture"]);
    let program = KeeperProgram { path: "/usr/bin/env".into(), arguments };
    Arc::new(Mutex::new(Keeper::start(&program).expect("the keeper starts")))
}

fn bench() -> Bench {
    with_keeper(keeper())
}

fn with_keeper(keeper: SharedKeeper) -> Bench {
    Bench::start(std::path::Path::new("/nonexistent"), |settings| settings.keeper = Some(keeper))
}

fn take(limit: u64) -> Work {
    Work::Take(Hold::Freeze { limit: Duration::from_millis(limit) })
}

fn release(limit: u64) -> Work {
    Work::Release(Hold::Freeze { limit: Duration::from_millis(limit) })
}

fn is_stopped(bot: &Bot) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", bot.pid())).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

fn cat() -> (Bot, Arc<Subject>) {
    let mut bot = Bot::start(&mut std::process::Command::new("cat"));
    assert_eq!(bot.ask("ready"), "ready");
    let subject = Arc::new(bot.subject());
    (bot, subject)
}

fn let_go(bench: &Bench, subject: &Subject) -> String {
    let Told::Fact { process, fact, .. } = bench.next() else { panic!("a fact is due") };
    let Fact::HoldReleased { hold: Hold::Freeze { .. }, why } = fact else { panic!("{fact:?}") };
    assert_eq!(process, subject.process.id());
    why
}

#[test]
fn taken_and_released_in_order() {
    let (mut bot, subject) = cat();
    let bench = bench();
    let taken = bench.carry(order(&subject, 1, take(60_000))).result.unwrap().summary;
    assert!(taken.starts_with("frozen by ") && taken.ends_with(" for at most 1m"), "{taken}");
    assert!(is_stopped(&bot) || taken.contains("cgroup"));
    let twice = bench.carry(order(&subject, 2, take(60_000))).result.unwrap_err().to_string();
    assert!(twice.starts_with("it is frozen already"), "{twice}");
    assert!(
        bench.carry(order(&subject, 3, release(60_000))).result.unwrap().summary.starts_with("thawed after ")
    );
    assert_eq!(bot.ask("alive"), "alive");
    let again = bench.carry(order(&subject, 4, release(60_000))).result.unwrap().summary;
    assert_eq!(again, "it was not frozen any more");
}

#[test]
fn at_its_limit_it_is_thawed_and_that_is_told() {
    let (mut bot, subject) = cat();
    let bench = bench();
    bench.carry(order(&subject, 1, take(300))).result.unwrap();
    assert_eq!(let_go(&bench, &subject), "its limit is over");
    assert_eq!(bot.ask("alive"), "alive");
}

#[test]
fn when_the_agent_stops_nothing_stays_frozen() {
    let (mut bot, subject) = cat();
    let mut bench = bench();
    bench.carry(order(&subject, 1, take(60_000))).result.unwrap();
    bench.actuator.take().expect("started").shutdown(Duration::from_secs(5));
    assert_eq!(let_go(&bench, &subject), "the agent stops");
    assert_eq!(bot.ask("alive"), "alive");
}

/// The keeper may be held up by the freeze of another target.
#[test]
fn at_the_end_it_goes_on_before_the_keeper_is_asked_and_no_freeze_begins() {
    let (mut bot, subject) = cat();
    let (mut other, other_subject) = cat();
    let keeper = keeper();
    let mut bench = with_keeper(Arc::clone(&keeper));
    bench.carry(order(&subject, 1, take(60_000))).result.unwrap();
    let busy = keeper.lock().unwrap();
    bench.submit(order(&other_subject, 2, take(60_000)));
    // It waits for the keeper once a notice behind it is through.
    bench.submit(order(&other_subject, 3, Work::Do(Action::Notify { to: name(JOURNAL), message: None })));
    assert_eq!(bench.finished().decision.0, 3);
    let actuator = bench.actuator.take().expect("started");
    actuator.begin_to_end(PATIENCE);
    assert_eq!(bot.ask("alive"), "alive");
    drop(busy);
    drop(actuator);
    let told: Vec<Told> = bench.told.try_iter().collect();
    let given_up = |told: &Told| matches!(told, Told::Finished(finished) if finished.result.is_err());
    assert_eq!(told.iter().filter(|told| given_up(told)).count(), 1, "{told:?}");
    assert_eq!(other.ask("alive"), "alive");
}

#[test]
fn a_frozen_process_is_thawed_to_be_stopped() {
    let (mut bot, subject) = cat();
    let bench = bench();
    bench.carry(order(&subject, 1, take(60_000))).result.unwrap();
    let stop = Action::Stop { before: Vec::new(), grace: PATIENCE, then: Then::Stay };
    bench.submit(order(&subject, 2, Work::Do(stop)));
    assert_eq!(let_go(&bench, &subject), "the process is stopped");
    assert!(bench.finished().result.unwrap().summary.ends_with("after TERM"));
    assert!(!bot.is_running());
}

/// Takes as long as the deadline of a freeze, which is what it is about.
#[test]
fn a_freeze_that_comes_too_late_is_told_as_failed_and_undone() {
    let (mut bot, subject) = cat();
    let keeper = keeper();
    let bench = with_keeper(Arc::clone(&keeper));
    let busy = keeper.lock().unwrap();
    bench.submit(order(&subject, 1, take(60_000)));
    // Another order of the system worker waits behind it and is given up before its turn.
    let (mut other, other_subject) = cat();
    bench.submit(order(&other_subject, 2, take(60_000)));
    for _ in 0..2 {
        let finished = bench.finished();
        assert_eq!(finished.result.unwrap_err().to_string(), "timed out after 10s");
        assert!(finished.took >= deadline::FREEZE);
    }
    drop(busy);
    assert_eq!((bot.ask("alive"), other.ask("alive")), ("alive".to_owned(), "alive".to_owned()));
    let released = bench.carry(order(&subject, 3, release(60_000))).result.unwrap().summary;
    assert_eq!(released, "it was not frozen any more");
    assert_eq!(bot.ask("still"), "still");
    let again = bench.carry(order(&subject, 4, take(60_000))).result.unwrap().summary;
    assert!(again.starts_with("frozen by "), "the worker goes on: {again}");
}

#[test]
fn without_a_keeper_nothing_is_frozen() {
    let (mut bot, subject) = cat();
    let said = Bench::with_hooks(&[]).carry(order(&subject, 1, take(1_000))).result.unwrap_err().to_string();
    assert_eq!(said, "there is no keeper to thaw it if the agent died");
    assert_eq!(bot.ask("alive"), "alive");
}
