//! Reaping a threaded bot in whatever its threads wait for: nobody notices, the order connection least of all.

use fdguard::model::action::Word;
use fdguard::model::decision::Outcome;

use super::bot::Bot;
use super::course::{self, Course, Guard};
use super::honesty;
use super::servers::Servers;

const GUARD: Guard = Guard { policy: "threaded", allow: &["reap_descriptors", "stop"] };

/// What every run must show. That the order connection answers, in order and on the same socket, the bot checks
/// itself on each tick, and would die of it.
fn assert_unnoticed(course: &Course) {
    honesty::check(course);
    let told = |outcome| course.outcomes(Word::ReapDescriptors, outcome);
    if course.ran_out_of_time() {
        println!("{}: not asked to heal, this machine is too busy to reap in time", course.name);
    } else {
        assert!(told(Outcome::Effective) > told(Outcome::Ineffective), "{}\n{}", course.name, course.log);
        assert_eq!(course.tape.processes().len(), 1, "{} was restarted\n{}", course.name, course.log);
    }
    for pid in course.tape.processes() {
        assert_order_line(course, pid);
    }
}

fn assert_order_line(course: &Course, pid: u32) {
    let first = course.tape.of_process(pid).next().unwrap();
    let last = course.tape.of_process(pid).next_back().unwrap();
    assert_eq!(last.eintr, Some(0), "{}: a call was broken off", course.name);
    assert_eq!(last.order_fd, first.order_fd, "{}: another order connection", course.name);
    assert_eq!(last.orders_failed, 0, "{}", course.name);
}

fn waiting_in(states: [&'static [&'static str]; 4]) {
    let venue = Servers::venue();
    let ports = venue.json();
    std::thread::scope(|scope| {
        for arguments in states {
            let ports = &ports;
            scope.spawn(move || {
                let course = course::run(Bot::new("threaded.py", arguments), GUARD, [ports, ports]);
                assert_unnoticed(&course);
            });
        }
    });
}

#[test]
fn threads_that_wait_for_descriptors_do_not_notice_a_reap() {
    waiting_in([&["--wait", "recv"], &["--wait", "read"], &["--wait", "accept"], &["--wait", "epoll"]]);
}

#[test]
fn threads_that_wait_otherwise_or_not_at_all_do_not_notice_a_reap() {
    waiting_in([&["--wait", "select"], &["--wait", "futex"], &["--wait", "nanosleep"], &["--wait", "busy"]]);
}
