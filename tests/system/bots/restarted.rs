//! Bots that nothing heals: the agent says "ineffective", climbs, and restarts them cleanly before the end.

use fdguard::model::action::Word;
use fdguard::model::decision::Outcome;

use super::bot::Bot;
use super::course::{self, Course, EMFILE, Guard};
use super::honesty;
use super::servers::Servers;
use super::tape::Event;

const fn restart(policy: &'static str) -> Guard {
    Guard { policy, allow: &["destroy_sockets", "stop"] }
}

/// Found out to be beyond help, and started anew, each process ended as told by `code`.
fn assert_restarted(course: &Course, code: i32) {
    honesty::check(course);
    assert!(course.judged().all(|(_, judged)| judged.outcome != Outcome::Effective), "{}", course.name);
    let ineffective = course.outcomes(Word::DestroySockets, Outcome::Ineffective);
    assert!(ineffective > 0, "{}: never told ineffective\n{}", course.name, course.log);
    let stops = course.stopped();
    assert!(stops > 0, "{}: never stopped\n{}", course.name, course.log);
    let exits = course.exits();
    assert!(!exits.contains(&Some(EMFILE)), "{}: {exits:?}", course.name);
    assert!(
        exits.len() >= stops && exits[..stops].iter().all(|exit| *exit == Some(code)),
        "{}: {exits:?}",
        course.name
    );
    assert!(course.tape.processes().len() > stops, "{}: not started again\n{}", course.name, course.log);
}

/// How each process but the one that the agent's end found running took its leave.
fn last_words(course: &Course) -> Vec<Event> {
    let pids = course.tape.processes();
    let last = |pid: &u32| course.tape.of_process(*pid).next_back().unwrap().event;
    pids[..pids.len() - 1].iter().map(last).collect()
}

/// Runs several bots at once against one venue; each process must have taken its leave in order.
fn all(bots: &[(Bot, Guard)]) {
    let venue = Servers::venue();
    let ports = venue.json();
    std::thread::scope(|scope| {
        for (bot, guard) in bots {
            let ports = &ports;
            scope.spawn(move || {
                let course = course::run(*bot, *guard, [ports, ports]);
                assert_restarted(&course, 0);
                assert!(last_words(&course).iter().all(|word| *word == Event::Stopped), "{}", course.name);
            });
        }
    });
}

#[test]
fn what_is_established_or_in_the_books_of_asyncio_needs_a_restart() {
    all(&[
        (Bot::new("aiohttp_sessions.py", &["--how", "idle"]), restart("aiohttp_idle")),
        (Bot::new("websocket_reconnect.py", &["--library", "websockets"]), restart("websockets")),
        (Bot::new("aiohttp_sessions.py", &["--how", "unread"]), restart("aiohttp_unread")),
        (Bot::new("raw_sockets.py", &["--how", "streams"]), restart("raw_sockets_streams")),
    ]);
}

#[test]
fn forgotten_pools_on_a_real_postgresql_need_a_restart() {
    let (venue, free, guarded) = (Servers::venue(), Servers::postgres(), Servers::postgres());
    let bot = Bot { rate: 4, limit: 48, ..Bot::new("asyncpg_pools.py", &[]) };
    let course = course::run(bot, restart("asyncpg_pools"), [&venue.with(&free), &venue.with(&guarded)]);
    assert_restarted(&course, 0);
    assert!(last_words(&course).iter().all(|word| *word == Event::Stopped), "{}", course.name);
}

#[test]
fn a_bot_that_ignores_term_is_killed_after_the_grace_and_started_again() {
    let venue = Servers::venue();
    let ports = venue.json();
    let course = course::run(Bot::new("ignores_term.py", &[]), restart("ignores_term"), [&ports, &ports]);
    assert_restarted(&course, 128 + 9);
    let heard: Vec<u32> = course
        .tape
        .lines
        .iter()
        .filter(|line| line.event == Event::TermIgnored)
        .map(|line| line.pid)
        .collect();
    let pids = course.tape.processes();
    assert!(pids[..pids.len() - 1].iter().all(|pid| heard.contains(pid)), "killed without a TERM: {heard:?}");
}
