//! Closing descriptors inside a process, in every way a process can wait: does it live, and does it never notice?
//!
//! The victim (`tests/system/victims/wait_states.c`) checks every answer of every call itself and dies loudly at the first
//! EINTR, early end or wrong byte. Here: exactly the asked descriptors are closed, round after round.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it measured"
)]

mod victim;

use std::collections::BTreeMap;
use std::time::Duration;

use fdguard::sys::pidfd::{PidFd, Signal};
use fdguard::sys::ptrace::reap::{
    Doomed, ReapError, ReapReport, Refusal, Stopped, Unstoppable, Verdict, close_in,
};
use victim::{Echo, Victim, descriptors, eventually, state_of};

const ROUNDS: usize = 100;
const LEAKS: usize = 4;
const LIMIT: Duration = Duration::from_millis(250);

/// Whether the process must be seen asleep before each stop, so that it is the wait that is interrupted.
#[derive(Clone, Copy, PartialEq)]
enum Asleep {
    Always,
    Whatever,
}

fn agree(stopped: &Stopped<'_>) -> Vec<Verdict> {
    stopped.candidates.iter().map(|_| Verdict::Close).collect()
}

/// One round: fresh leaks, all doomed together with descriptors that must survive; exactly the leaks go.
fn reap_round(victim: &mut Victim, asleep: Asleep) -> ReapReport {
    let doomed = victim.leak(LEAKS);
    let pid = victim.pidfd.pid();
    if asleep == Asleep::Always {
        eventually("the victim sleeps", || victim::is_asleep(pid));
    }
    let spared = [
        (Doomed { number: victim.order, inode: doomed[0].inode }, Refusal::ChangedInode),
        (Doomed { number: 0, inode: doomed[0].inode }, Refusal::NotSocket),
        (Doomed { number: 60_000, inode: 1 }, Refusal::Closed),
    ];
    let asked: Vec<Doomed> = spared.iter().map(|(one, _)| *one).chain(doomed.iter().copied()).collect();
    let before = descriptors(pid);
    let mut all_still = true;
    let mut verify = |stopped: &Stopped<'_>| {
        all_still &= victim::states_of_threads(pid).iter().all(|state| matches!(state, 't' | 'Z' | 'X'));
        agree(stopped)
    };
    let report = close_in(&victim.pidfd, &asked, LIMIT, &mut verify).expect("the reap works");
    assert!(all_still, "a thread ran on inside the stop");
    assert_eq!(report.closed, doomed);
    assert_eq!(report.refused, spared);
    let mut expected: BTreeMap<u32, String> = before;
    expected.retain(|number, _| !doomed.iter().any(|one| one.number == *number));
    assert_eq!(descriptors(pid), expected, "something else was closed or opened");
    report
}

fn survives(state: &str, echo: Echo, asleep: Asleep) -> Victim {
    let mut victim = Victim::start(state, echo);
    let (mut stops, mut restarted) = (Vec::with_capacity(ROUNDS), 0);
    for _ in 0..ROUNDS {
        let report = reap_round(&mut victim, asleep);
        assert_eq!(report.interrupted, 0);
        stops.push(report.stopped_for);
        restarted += report.restarted;
        victim.check_order();
        victim.check_progress();
    }
    stops.sort();
    println!(
        "{state:>15}: stop median {:>7.1?} p99 {:>7.1?} max {:>7.1?}, {restarted} calls restarted",
        stops[stops.len() / 2],
        stops[stops.len() * 99 / 100 - 1],
        stops[stops.len() - 1]
    );
    victim
}

#[test]
fn blocked_in_recv() {
    survives("recv", Echo::Main, Asleep::Always).end();
}

#[test]
fn blocked_in_read_of_a_pipe() {
    survives("read", Echo::Helper, Asleep::Always).end();
}

#[test]
fn blocked_in_accept() {
    survives("accept", Echo::Helper, Asleep::Always).end();
}

#[test]
fn blocked_in_epoll_wait() {
    survives("epoll", Echo::Main, Asleep::Always).end();
}

#[test]
fn blocked_in_epoll_wait_with_a_timeout() {
    survives("epoll_timeout", Echo::Main, Asleep::Always).end();
}

#[test]
fn blocked_in_select() {
    survives("select", Echo::Main, Asleep::Always).end();
}

#[test]
fn blocked_in_select_with_a_timeout() {
    survives("select_timeout", Echo::Main, Asleep::Always).end();
}

#[test]
fn blocked_in_poll_with_a_timeout() {
    survives("poll_timeout", Echo::Main, Asleep::Always).end();
}

#[test]
fn blocked_in_recv_with_a_timeout() {
    survives("recv_timeout", Echo::Main, Asleep::Always).end();
}

#[test]
fn blocked_on_a_futex() {
    survives("futex", Echo::Helper, Asleep::Always).end();
}

#[test]
fn blocked_on_a_semaphore() {
    survives("semop", Echo::Helper, Asleep::Always).end();
}

#[test]
fn computing() {
    survives("busy", Echo::Helper, Asleep::Whatever).end();
}

#[test]
fn twenty_threads_while_others_are_started() {
    let victim = survives("threads", Echo::Helper, Asleep::Whatever);
    assert!(victim::states_of_threads(victim.pidfd.pid()).len() >= 20);
    victim.end();
}

#[test]
fn among_signals_every_handler_runs_and_no_other_interruption_shows() {
    let mut victim = survives("signals", Echo::Main, Asleep::Whatever);
    victim.check_signals();
    victim.end();
}

#[test]
fn a_signal_mask_of_one_call_is_kept() {
    let mut victim = survives("ppoll", Echo::Main, Asleep::Whatever);
    victim.check_signals();
    victim.end();
}

/// Sleeps are cut short and prolonged by nothing: stops in the middle leave the remaining time as it was.
#[test]
fn blocked_in_nanosleep_and_timed_futex_keeps_the_remaining_time() {
    for state in ["nanosleep", "futex_timeout"] {
        let mut victim = Victim::start(state, Echo::Helper);
        let mut stops = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS {
            stops.push(reap_round(&mut victim, Asleep::Always).stopped_for);
            victim.check_order();
            if round % 20 == 19 && state == "nanosleep" {
                victim.check_progress();
            }
        }
        stops.sort();
        println!(
            "{state:>15}: stop median {:>7.1?} p99 {:>7.1?}",
            stops[ROUNDS / 2],
            stops[ROUNDS * 99 / 100 - 1]
        );
        let longest = victim.check_progress();
        // Hundreds of stops in all; restarted in full, no sleep would have ended before the last of them.
        assert!(longest < Duration::from_millis(450), "{state} took {longest:?} of 200 ms");
        victim.end();
    }
}

#[test]
fn the_callers_refusal_is_kept_and_a_missing_verdict_refuses() {
    let mut victim = Victim::start("recv", Echo::Main);
    let doomed = victim.leak(3);
    let mut verify = |_: &Stopped<'_>| vec![Verdict::Refuse(Refusal::Protected), Verdict::Close];
    let report = close_in(&victim.pidfd, &doomed, LIMIT, &mut verify).expect("reap");
    assert_eq!(report.closed, [doomed[1]]);
    assert_eq!(report.refused, [(doomed[0], Refusal::Protected), (doomed[2], Refusal::Unverified)]);
    victim.check_order();
    victim.end();
}

#[test]
fn a_descriptor_that_a_sleeping_call_uses_is_spared() {
    for state in ["recv", "select", "poll_timeout"] {
        let mut victim = Victim::start(state, Echo::Main);
        let order = Doomed { number: victim.order, inode: victim.order_inode() };
        eventually("the victim sleeps", || victim::is_asleep(victim.pidfd.pid()));
        let report = close_in(&victim.pidfd, &[order], LIMIT, &mut agree).expect("reap");
        assert_eq!(report.refused, [(order, Refusal::InUse)], "{state}");
        victim.check_order();
        victim.end();
    }
}

#[test]
fn time_spent_in_the_callers_check_closes_nothing_and_lets_go() {
    let mut victim = Victim::start("epoll", Echo::Main);
    let doomed = victim.leak(2);
    let limit = Duration::from_millis(20);
    let mut verify = |stopped: &Stopped<'_>| {
        std::thread::sleep(stopped.left() + LIMIT);
        agree(stopped)
    };
    let report = close_in(&victim.pidfd, &doomed, limit, &mut verify).expect("reap");
    assert!(report.closed.is_empty());
    assert_eq!(report.refused, [(doomed[0], Refusal::TimeUp), (doomed[1], Refusal::TimeUp)]);
    victim.check_order();
    victim.end();
}

/// As many as a real bot leaks: the stop ends in its time with a part of them closed, and tells of the rest.
#[test]
fn a_stop_too_short_for_thousands_closes_some_and_lets_go() {
    const MANY: usize = 4_000;
    const SHORT: Duration = Duration::from_millis(40);
    let mut victim = Victim::start("epoll", Echo::Main);
    let doomed = victim.leak(MANY);
    // A check that takes its time with each, and keeps to the clock.
    let mut verify = |stopped: &Stopped<'_>| {
        let each = |_| {
            if stopped.left().is_zero() {
                return Verdict::Refuse(Refusal::TimeUp);
            }
            std::thread::sleep(Duration::from_micros(500));
            Verdict::Close
        };
        stopped.candidates.iter().map(each).collect()
    };
    let report = close_in(&victim.pidfd, &doomed, SHORT, &mut verify).expect("reap");
    println!("{} of {MANY} closed in {:?}", report.closed.len(), report.stopped_for);
    assert!(!report.closed.is_empty(), "the closing has a share of the time");
    assert!(report.closed.len() < MANY / 2, "{} closed", report.closed.len());
    assert_eq!(report.closed.len() + report.refused.len(), MANY);
    assert!(report.refused.iter().all(|(_, why)| *why == Refusal::TimeUp));
    assert!(report.stopped_for < SHORT * 3, "{:?}", report.stopped_for);
    victim.check_order();
    let rest: Vec<Doomed> = report.refused.iter().map(|(one, _)| *one).collect();
    let report = close_in(&victim.pidfd, &rest, LIMIT * 40, &mut agree).expect("reap");
    assert_eq!(report.closed.len(), rest.len());
    victim.check_order();
    victim.end();
}

#[test]
fn a_stop_of_no_time_closes_nothing_and_lets_go() {
    let mut victim = Victim::start("epoll", Echo::Main);
    let doomed = victim.leak(2);
    for limit in [Duration::ZERO, Duration::from_nanos(1)] {
        let done = close_in(&victim.pidfd, &doomed, limit, &mut agree);
        assert!(matches!(done, Err(ReapError::Unstoppable { .. })), "{done:?}");
        victim.check_order();
    }
    assert_eq!(close_in(&victim.pidfd, &doomed, LIMIT, &mut agree).expect("reap").closed, doomed);
    victim.end();
}

#[test]
fn a_panic_in_the_callers_check_lets_go() {
    let mut victim = Victim::start("epoll", Echo::Main);
    let doomed = victim.leak(1);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        close_in(&victim.pidfd, &doomed, LIMIT, &mut |_: &Stopped<'_>| panic!("on purpose"))
    }));
    assert!(panicked.is_err());
    victim.check_order();
    victim.end();
}

#[test]
fn a_stopped_target_is_refused_and_stays_stopped() {
    let mut victim = Victim::start("recv", Echo::Main);
    let doomed = victim.leak(1);
    victim.pidfd.signal(Signal::STOP).expect("stop");
    eventually("it is stopped", || state_of(victim.pidfd.pid()) == 'T');
    let refused = close_in(&victim.pidfd, &doomed, LIMIT, &mut agree);
    assert!(matches!(refused, Err(ReapError::Stopped)), "{refused:?}");
    eventually("it is stopped again", || state_of(victim.pidfd.pid()) == 'T');
    victim.pidfd.signal(Signal::CONT).expect("continue");
    victim.check_order();
    victim.end();
}

#[test]
fn a_blocking_send_is_not_cut_short() {
    let mut victim = Victim::start("send", Echo::Helper);
    let doomed = victim.leak(1);
    eventually("the victim sleeps", || victim::is_asleep(victim.pidfd.pid()));
    let refused = close_in(&victim.pidfd, &doomed, LIMIT, &mut agree);
    assert!(matches!(refused, Err(ReapError::MidTransfer { .. })), "{refused:?}");
    victim.check_order();
    assert!(victim.pidfd.is_alive());
    victim.end();
}

#[test]
fn a_thread_that_waits_for_a_vforked_child_is_left_alone() {
    let mut victim = Victim::start("vfork", Echo::Helper);
    let doomed = victim.leak(1);
    eventually("the victim waits for its child", || state_of(victim.pidfd.pid()) == 'D');
    let refused = close_in(&victim.pidfd, &doomed, LIMIT, &mut agree);
    let why = Unstoppable::Vfork;
    assert!(matches!(&refused, Err(ReapError::Unstoppable { why: told, .. }) if *told == why), "{refused:?}");
    let children = victim::children(victim.pidfd.pid());
    let sleeping = children.into_iter().find(|child| victim::status_line(*child, "State").starts_with('S'));
    victim.check_order();
    assert!(victim.pidfd.is_alive() && sleeping.is_some());
    victim.end();
}

#[test]
fn a_target_that_another_traces_is_refused() {
    let mut victim = Victim::start("epoll", Echo::Main);
    let doomed = victim.leak(1);
    let mut inner = None;
    let mut verify = |stopped: &Stopped<'_>| {
        inner = Some(close_in(&victim.pidfd, &doomed, LIMIT, &mut agree));
        agree(stopped)
    };
    let outer = close_in(&victim.pidfd, &doomed, LIMIT, &mut verify).expect("the first one works");
    assert_eq!(outer.closed, doomed);
    assert!(matches!(inner, Some(Err(ReapError::AlreadyTraced { .. }))), "{inner:?}");
    victim.check_order();
    victim.end();
}

#[test]
fn an_ended_target_is_gone() {
    let victim = Victim::start("recv", Echo::Main);
    victim.pidfd.signal(Signal::KILL).expect("kill");
    victim.pidfd.wait_exit(Duration::from_secs(5)).expect("wait");
    let doomed = [Doomed { number: 3, inode: 1 }];
    let refused = close_in(&victim.pidfd, &doomed, LIMIT, &mut agree);
    assert!(matches!(refused, Err(ReapError::Gone)), "{refused:?}");
    victim.end();
}

#[test]
fn a_target_with_filtered_calls_is_refused() {
    let mut child = victim::filtered_sleeper();
    let pid = i32::try_from(child.id()).expect("a pid fits");
    let pidfd = PidFd::open(pid).expect("hold");
    let inode = eventually_inode(pid);
    let refused = close_in(&pidfd, &[Doomed { number: 3, inode }], LIMIT, &mut agree);
    assert!(matches!(refused, Err(ReapError::Filtered { .. })), "{refused:?}");
    assert!(pidfd.is_alive());
    pidfd.signal(Signal::KILL).expect("kill");
    child.wait().expect("reaped");
}

fn eventually_inode(pid: i32) -> u64 {
    let inode = || {
        let link = descriptors(pid).remove(&3)?;
        let filtered = victim::status_line(pid, "Seccomp") == "2" && victim::is_asleep(pid);
        filtered.then(|| link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).flatten()
    };
    eventually("the sleeper filters", || inode().is_some());
    inode().expect("seen a moment ago")
}
