//! Order of work, bounds, and the end of the actuator.

use std::sync::Arc;
use std::time::Duration;

use crate::model::action::{Action, Gate, Hold};
use crate::model::decision::{Failure, Work};

use super::super::*;
use super::support::*;

fn run(hook: &str) -> Work {
    Work::Do(Action::Run { hook: name(hook) })
}

fn notify() -> Work {
    Work::Do(Action::Notify { to: name(JOURNAL), message: None })
}

#[test]
fn one_process_at_a_time_others_and_notices_do_not_wait() {
    let bots = [(); 2].map(|()| Bot::start(&mut std::process::Command::new("cat")));
    let [first, second] = bots.each_ref().map(|bot| Arc::new(bot.subject()));
    let bench = Bench::with_hooks(&[("slow", &["sleep", "0.6"], 10_000), ("quick", &["true"], 10_000)]);
    bench.submit(order(&first, 1, run("slow")));
    bench.submit(order(&first, 2, run("quick")));
    bench.submit(order(&second, 3, run("quick")));
    bench.submit(order(&first, 4, notify()));
    let ends: Vec<u64> = (0..4).map(|_| bench.finished().decision.0).collect();
    assert_eq!(ends[2..], [1, 2], "{ends:?}");
}

#[test]
fn beyond_the_bound_it_refuses_and_every_taken_order_is_told_once() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let subject = Arc::new(bot.subject());
    let mut bench = Bench::with_hooks(&[("slow", &["sleep", "60"], 60_000)]);
    let actuator = bench.actuator.take().expect("started");
    let mut taken = 0;
    while actuator.submit(order(&subject, taken, run("slow"))).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, ORDERS_MAX as u64);
    actuator.shutdown(Duration::from_millis(100));
    let mut told: Vec<u64> = Vec::new();
    while let Ok(Told::Finished(finished)) = bench.told.try_recv() {
        let given_up = |why: &String| why.contains("because the agent stops");
        assert!(matches!(finished.result, Err(Failure::GivenUp(why)) if given_up(&why)));
        told.push(finished.decision.0);
    }
    told.sort_unstable();
    assert_eq!(told, (0..taken).collect::<Vec<_>>());
}

#[test]
fn what_runs_has_its_time_when_the_agent_stops() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let mut bench = Bench::with_hooks(&[("short", &["sleep", "0.3"], 10_000)]);
    bench.submit(order(&Arc::new(bot.subject()), 1, run("short")));
    // A notice of the same process is begun after the hook, so the hook runs by now.
    bench.submit(order(&Arc::new(bot.subject()), 2, notify()));
    assert_eq!(bench.finished().decision.0, 2);
    bench.actuator.take().expect("started").shutdown(PATIENCE);
    assert!(bench.finished().result.is_ok());
}

#[test]
fn what_needs_a_proxy_says_so_and_an_unknown_receiver_too() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let subject = Arc::new(bot.subject());
    let bench = Bench::with_hooks(&[]);
    let pause = Work::Take(Hold::PauseTrading { state: Gate::Halted });
    let said = bench.carry(order(&subject, 1, pause)).result.unwrap_err().to_string();
    assert_eq!(said, "this agent has no order gate for it, and no hook");
    let nobody = Action::Notify { to: name("slack"), message: None };
    assert_eq!(bench.act(&subject, nobody).unwrap_err(), "there is no receiver `slack`");
}

#[test]
fn a_notice_that_does_not_arrive_is_told_as_a_fact() {
    let bot = Bot::start(&mut std::process::Command::new("cat"));
    let subject = Arc::new(bot.subject());
    let bench = Bench::start(std::path::Path::new("/nonexistent"), |settings| {
        let backoff = Backoff { tries: 1, ..Backoff::default() };
        let quota = crate::model::units::Quota::parse("9/min").unwrap();
        let way = Way::Command(argv(&["false"]));
        settings.receivers.insert(
            name("ops"),
            Receiver { way, group: Duration::ZERO, quota, timeout: Duration::from_secs(10), backoff },
        );
    });
    let ops = Action::Notify { to: name("ops"), message: Some("token=hunter2".to_owned()) };
    assert_eq!(bench.act(&subject, ops).unwrap(), "handed to ops");
    let Told::Fact { target, process, fact } = bench.next() else { panic!("a fact is due") };
    assert_eq!((target, process), (name("bot"), subject.process.id()));
    let crate::model::event::Fact::NoticeFailed { to, why } = fact else { panic!("{fact:?}") };
    assert_eq!((to, why.as_str()), (name("ops"), "exit code 1; given up after 1 tries"));
}
