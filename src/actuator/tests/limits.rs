//! `raise_nofile`.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::model::action::{Action, NofileGoal};
use crate::model::select_use::SelectUse;

use super::super::*;
use super::support::*;

/// Opens as many descriptors as it can when told to; `wait` tells what it does in between.
fn bot(wait: &str) -> Bot {
    let script = format!(
        "
import os, select, socket, sys, threading
a, b = socket.socketpair()
threading.Thread(target=lambda: {wait}, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    held = []
    try:
        while len(held) < 3000: held.append(os.dup(0))
    except OSError: pass
    print(len(held), flush=True)
    for number in held: os.close(number)
"
    );
    let limit = "ulimit -Sn 100 && exec /usr/bin/python3 -c \"$0\"";
    let mut bot = Bot::start(Command::new("bash").args(["-c", limit, &script]));
    assert_eq!(bot.line(), "ready");
    bot
}

fn raise(to: NofileGoal) -> Action {
    Action::RaiseNofile { to }
}

fn more(bot: &mut Bot) -> usize {
    bot.ask("open").parse().unwrap()
}

#[test]
fn the_process_can_open_more_at_once() {
    let mut bot = bot("threading.Event().wait()");
    assert!(more(&mut bot) < 100);
    let bench = Bench::with_hooks(&[]);
    let subject = Arc::new(bot.subject());
    let said = bench.act(&subject, raise(NofileGoal::Count(600))).unwrap();
    assert_eq!(said, "raised from 100 to 600");
    assert!((500..600).contains(&more(&mut bot)));
    let said = bench.act(&subject, raise(NofileGoal::Count(2_000))).unwrap();
    assert!(said.starts_with("raised from 600 to 1024; not past 1024, because nothing shows"), "{said}");
    let again = bench.act(&subject, raise(NofileGoal::Count(1_024))).unwrap_err();
    assert!(again.starts_with("the limit is 1024 already"), "{again}");
}

#[test]
fn a_bot_that_waits_with_epoll_gets_all_it_may_have() {
    let bot = bot("select.epoll().poll()");
    // The thread is started before `ready` is printed; it needs a moment to make its set.
    let has_set = || {
        let numbers = std::fs::read_dir(format!("/proc/{}/fd", bot.pid())).unwrap();
        let mut links = numbers.filter_map(|number| std::fs::read_link(number.unwrap().path()).ok());
        links.any(|link| link.as_os_str() == "anon_inode:[eventpoll]")
    };
    for _ in 0..500 {
        if has_set() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let said = Bench::with_hooks(&[]).act(&Arc::new(bot.subject()), raise(NofileGoal::Count(2_000))).unwrap();
    assert_eq!(said, "raised from 100 to 2000; it waits with epoll, and no thread was seen in select()");
}

#[test]
fn a_thread_in_select_keeps_the_limit_at_1024() {
    let bot = bot("select.select([a], [], [])");
    let subject = Arc::new(bot.subject());
    let bench = Bench::with_hooks(&[]);
    // The thread is started before `ready` is printed; it needs a moment to get into the call.
    let waiting = || {
        let calls = std::fs::read_dir(format!("/proc/{}/task", bot.pid())).unwrap();
        let call =
            |path: std::path::PathBuf| std::fs::read_to_string(path.join("syscall")).unwrap_or_default();
        calls
            .map(|task| call(task.unwrap().path()))
            .any(|call| call.starts_with("270 ") || call.starts_with("23 "))
    };
    for _ in 0..500 {
        if waiting() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let said = bench.act(&subject, raise(NofileGoal::Hard)).unwrap();
    assert!(said.starts_with("raised from 100 to 1024; not past 1024, because thread "), "{said}");
    assert!(said.ends_with(" is in select()"), "{said}");
    let word = Arc::new(Subject { select: SelectUse::No, ..bot.subject() });
    let said = bench.act(&word, raise(NofileGoal::Count(1_500))).unwrap();
    assert_eq!(said, "raised from 1024 to 1500; the agent's file says that it does not use select()");
    let word = Arc::new(Subject { select: SelectUse::Yes, ..bot.subject() });
    assert!(bench.act(&word, raise(NofileGoal::Hard)).is_err());
}
