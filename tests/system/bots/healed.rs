//! Bots whose leak can be healed from outside: the same process trades on.

use fdguard::model::action::Word;
use fdguard::model::decision::Outcome;

use super::bot::Bot;
use super::course::{self, Course, Guard};
use super::honesty;
use super::servers::Servers;

const DESTROY: Guard = Guard { policy: "raw_sockets_epoll", allow: &["destroy_sockets", "stop"] };

const fn reap(policy: &'static str) -> Guard {
    Guard { policy, allow: &["destroy_sockets", "reap_descriptors", "stop"] }
}

/// Nobody was stopped, and the healing word was told effective.
fn assert_healed(course: &Course, word: Word) {
    honesty::check(course);
    if course.ran_out_of_time() {
        println!("{}: not asked for more, this machine is too busy to reap in time", course.name);
        return;
    }
    assert_eq!(course.tape.processes().len(), 1, "{} was restarted\n{}", course.name, course.log);
    let effective = course.outcomes(word, Outcome::Effective);
    assert!(effective > 0, "{}: {word} was never effective\n{}", course.name, course.log);
    assert!(course.started().all(|(_, decision)| decision.work.word() != Word::Stop), "{}", course.name);
}

/// Destroying was found out to be no help, and reaping was.
fn assert_reaped(course: &Course) {
    assert_healed(course, Word::ReapDescriptors);
    let told = |outcome| course.outcomes(Word::DestroySockets, outcome);
    assert_eq!(told(Outcome::Effective), 0, "{}", course.name);
    assert!(told(Outcome::Ineffective) > 0, "{}\n{}", course.name, course.log);
}

/// Runs several bots at once against one venue.
fn all(bots: &[(Bot, Guard)]) -> Vec<Course> {
    let venue = Servers::venue();
    let ports = venue.json();
    std::thread::scope(|scope| {
        let each = |&(bot, guard)| {
            scope.spawn({
                let ports = &ports;
                move || course::run(bot, guard, [ports, ports])
            })
        };
        let runs: Vec<_> = bots.iter().map(each).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    })
}

#[test]
fn raw_sockets_are_healed_by_destroying_them_where_a_loop_listens_and_by_reaping_elsewhere() {
    let forgotten = [&["--how", "unread"], &["--how", "read"]];
    let mut forgotten = forgotten.map(|way| (Bot::new("raw_sockets.py", way), reap("raw_sockets"))).to_vec();
    // A socket in no table is called an orphan only after five seconds: those must fit below the limit.
    let orphans = Bot { rate: 14, limit: 200, ..Bot::new("raw_sockets.py", &["--how", "reset"]) };
    forgotten.push((orphans, reap("raw_sockets")));
    let watched = (Bot::new("raw_sockets.py", &["--how", "epoll"]), DESTROY);
    let courses = all(&[&forgotten[..], &[watched]].concat());
    let (watched, forgotten) = courses.split_last().unwrap();
    assert_healed(watched, Word::DestroySockets);
    forgotten.iter().for_each(assert_reaped);
}

#[test]
fn connections_that_libraries_forget_are_reaped() {
    let bots = [
        (Bot::new("requests_proxy.py", &[]), reap("requests_proxy")),
        (Bot::new("websocket_reconnect.py", &["--library", "websocket-client"]), reap("websocket_client")),
    ];
    all(&bots).iter().for_each(assert_reaped);
}
