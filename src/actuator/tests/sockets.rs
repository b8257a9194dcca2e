//! `destroy_sockets` and `reap_descriptors`, on a process that leaks for real.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::action::Action;
use crate::model::aged::{AgedSocket, AgedSockets, Death, Watched};
use crate::model::decision::Work;
use crate::model::name::Remote;
use crate::sys::descriptors::Link;
use crate::sys::sock_diag::{Detail, SockDiag, SocketRecord, States, TcpState};

use super::super::*;
use super::support::*;

/// Four connections to one server and two to another, all closed by the peer; one of the four watched by epoll;
/// two half-closed ones that no table knows any more; one order connection that lives.
const LEAKY: &str = "
import os, select, socket, sys, threading, time
def dead(server):
    leak = socket.create_connection(server.getsockname())
    server.accept()[0].close()
    return leak
feed = socket.create_server(('127.0.0.1', 0))
broker = socket.create_server(('127.0.0.1', 0))
leaks = [dead(feed) for _ in range(4)]
held = [dead(broker) for _ in range(2)]
watch = select.epoll()
watch.register(leaks[3], 0)
orphans = [dead(feed) for _ in range(2)]
for orphan in orphans:
    while orphan.recv(1): pass
    orphan.shutdown(socket.SHUT_RDWR)
order = socket.create_connection(broker.getsockname())
venue = broker.accept()[0]
threading.Thread(target=lambda: threading.Event().wait(), daemon=True).start()
threading.Thread(target=lambda: feed.accept(), daemon=True).start()
print(feed.getsockname()[1], broker.getsockname()[1], *[s.fileno() for s in leaks + held + orphans], flush=True)
for line in sys.stdin:
    venue.sendall(b'fill'); got = order.recv(4)
    print(len(os.listdir('/proc/self/fd')) - 1, got.decode(), flush=True)
";

struct Leaky {
    bot: Bot,
    feed: u16,
    broker: u16,
    /// Four to the feed, the last watched; two to the broker; two orphans.
    numbers: Vec<u32>,
}

impl Leaky {
    fn start() -> Self {
        let mut bot = Bot::python(LEAKY);
        let line = bot.line();
        let mut words = line.split(' ').map(|word| word.parse::<u32>().unwrap());
        let mut port = || u16::try_from(words.next().unwrap()).unwrap();
        let (feed, broker) = (port(), port());
        Self { bot, feed, broker, numbers: words.collect() }
    }

    fn subject(&self, protection: Protection) -> Arc<Subject> {
        Arc::new(Subject { protection, ..self.bot.subject() })
    }

    /// Asserts that the order connection works, and gives the number of descriptors.
    fn open(&mut self) -> usize {
        let answer = self.bot.ask("how many");
        let (count, got) = answer.split_once(' ').expect("a count and a fill");
        assert_eq!(got, "fill", "the order connection lives");
        count.parse().unwrap()
    }

    /// What the agent's ticks would know: the first is the oldest.
    fn aged(&self, subject: &Subject) -> AgedSockets {
        let known = records(subject);
        let mut sockets = Vec::new();
        for (place, number) in self.numbers.iter().enumerate() {
            let Some(Link::Socket(inode)) = subject.process.descriptors().look(*number).unwrap() else {
                continue;
            };
            let record = known.get(&inode);
            sockets.push(AgedSocket {
                cookie: record.and_then(|record| record.cookie),
                inode,
                number: *number,
                remote: Some(record.map_or(([127, 0, 0, 1], self.feed).into(), |record| record.remote)),
                named: None,
                age: Duration::from_secs(600 - place as u64),
                death: if record.is_some() { Death::CloseWait } else { Death::Orphan },
                watched: if place == 3 { Watched::Yes } else { Watched::No },
            });
        }
        assert_eq!(sockets.iter().filter(|socket| socket.death == Death::Orphan).count(), 2);
        AgedSockets { sockets }
    }

    fn protect_broker(&self) -> Protection {
        let addresses = vec![([127, 0, 0, 1].into(), Some(self.broker))];
        Protection { addresses, unresolved: Vec::new() }
    }
}

/// The TCP sockets of the subject's network namespace, by inode.
fn records(subject: &Subject) -> HashMap<u64, SocketRecord> {
    let mut records = Vec::new();
    let mut diag = SockDiag::in_namespace_of(&subject.process).unwrap();
    diag.dump(States::ALL, Detail::Plain, &mut records).unwrap();
    records.into_iter().map(|record| (u64::from(record.inode), record)).collect()
}

fn carry(subject: &Arc<Subject>, aged: AgedSockets, action: Action) -> Result<String, String> {
    let bench = Bench::with_hooks(&[]);
    let mut order = order(subject, 1, Work::Do(action));
    order.aged = Some(Arc::new(aged));
    bench.carry(order).result.map(|done| done.summary).map_err(|failure| failure.to_string())
}

fn reap(older: u64, max: u32) -> Action {
    Action::ReapDescriptors { older: Duration::from_secs(older), max }
}

fn destroy(older: u64, remote: Option<&str>, max: u32) -> Action {
    let remote = remote.map(|text| Remote::parse(text).unwrap());
    Action::DestroySockets { older: Duration::from_secs(older), remote, max }
}

/// What a reap says, of a scenario that is played anew where the machine stalled for the whole time of the stop.
fn in_time<T>(scenario: impl Fn() -> (String, T)) -> (String, T) {
    const TRIES: usize = 5;
    let mut played = scenario();
    for _ in 1..TRIES {
        if !played.0.contains("the time of the stop was up") {
            break;
        }
        played = scenario();
    }
    played
}

#[test]
fn a_reap_closes_the_dead_and_nothing_else() {
    let (said, (mut leaky, subject, before)) = in_time(|| {
        let mut leaky = Leaky::start();
        let before = leaky.open();
        let subject = leaky.subject(leaky.protect_broker());
        (carry(&subject, leaky.aged(&subject), reap(60, 100)).unwrap(), (leaky, subject, before))
    });
    assert!(said.starts_with("closed 5 descriptors, 3 threads stood still for "), "{said}");
    assert!(!said.contains("left"), "{said}");
    assert_eq!(leaky.open(), before - 5, "three to the feed and two orphans");
    let look = |place: usize| subject.process.descriptors().look(leaky.numbers[place]).unwrap();
    assert!([3, 4, 5].iter().all(|place| look(*place).is_some()), "watched and protected ones stay");
}

#[test]
fn a_reap_takes_the_oldest_first_up_to_its_bound() {
    let mut leaky = Leaky::start();
    let before = leaky.open();
    let subject = leaky.subject(Protection::default());
    let aged = leaky.aged(&subject);
    assert!(carry(&subject, aged.clone(), reap(1_000, 9)).unwrap().starts_with("closed 0 descriptors: "));
    assert!(carry(&subject, aged, reap(60, 2)).unwrap().starts_with("closed 2 descriptors"));
    assert_eq!(leaky.open(), before - 2);
    let gone = |place: usize| subject.process.descriptors().look(leaky.numbers[place]).unwrap().is_none();
    assert!(gone(0) && gone(1) && !gone(2));
}

#[test]
fn what_the_agents_memory_has_wrong_is_found_out_inside_the_stop() {
    let (said, (mut leaky, before)) = in_time(|| {
        let mut leaky = Leaky::start();
        let before = leaky.open();
        // The memory says: nothing is watched, the broker's ones go elsewhere, the cookie of the first is another.
        let subject = leaky.subject(leaky.protect_broker());
        let mut aged = leaky.aged(&subject);
        for socket in &mut aged.sockets {
            socket.watched = Watched::No;
            socket.remote = Some("127.0.0.9:9".parse().unwrap());
        }
        aged.sockets[0].cookie = aged.sockets[0].cookie.map(|cookie| cookie + 1);
        aged.sockets[1].inode += 100_000;
        (carry(&subject, aged, reap(60, 100)).unwrap(), (leaky, before))
    });
    assert!(said.starts_with("closed 3 descriptors"), "{said}");
    for left in [
        "1 left: refers to another socket now",
        "1 left: watched by an epoll set",
        "2 left: its remote is protected",
        "1 left: its state has changed",
    ] {
        assert!(said.contains(left), "{left}: {said}");
    }
    assert_eq!(leaky.open(), before - 3);
}

#[test]
fn without_ages_or_with_an_unknown_protected_address_nothing_is_touched() {
    let mut leaky = Leaky::start();
    let before = leaky.open();
    let unresolved = vec![Remote::parse("gateway.broker.example:443").unwrap()];
    let subject = leaky.subject(Protection { unresolved, ..Protection::default() });
    for action in [reap(0, 9), destroy(0, None, 9)] {
        let said = carry(&subject, leaky.aged(&subject), action.clone()).unwrap_err();
        assert_eq!(said, "the address of the protected remote gateway.broker.example:443 is not known");
        let subject = leaky.subject(Protection::default());
        let blind = Bench::with_hooks(&[]).act(&subject, action).unwrap_err();
        assert_eq!(blind, "the ages of its sockets are not known");
    }
    assert_eq!(leaky.open(), before);
}

#[test]
fn sockets_are_destroyed_by_age_remote_and_bound_and_counted_by_a_second_look() {
    let mut leaky = Leaky::start();
    let before = leaky.open();
    let subject = leaky.subject(Protection::default());
    let aged = leaky.aged(&subject);
    let feed = format!("127.0.0.1:{}", leaky.feed);
    let said = carry(&subject, aged.clone(), destroy(60, Some(&feed), 3)).unwrap();
    assert_eq!(said, "3 of 3 sockets destroyed");
    let left = records(&subject);
    let states: Vec<_> = aged.sockets[..6].iter().map(|s| left.get(&s.inode).map(|r| r.state)).collect();
    assert_eq!(
        states,
        [None, None, None, Some(TcpState::CloseWait), Some(TcpState::CloseWait), Some(TcpState::CloseWait)]
    );
    assert_eq!(leaky.open(), before, "destroying frees no descriptor");
    let again = carry(&subject, aged, destroy(60, Some(&feed), 9)).unwrap();
    assert_eq!(again, "1 of 1 sockets destroyed", "those gone are not counted again");
}

#[test]
fn a_socket_that_the_process_does_not_hold_any_more_is_not_destroyed() {
    let leaky = Leaky::start();
    let subject = leaky.subject(Protection::default());
    let mut aged = leaky.aged(&subject);
    // What the memory has at this number was given away, and another took its place.
    aged.sockets[0].number = aged.sockets[4].number;
    let feed = format!("127.0.0.1:{}", leaky.feed);
    let said = carry(&subject, aged.clone(), destroy(60, Some(&feed), 9)).unwrap();
    assert_eq!(said, "3 of 3 sockets destroyed");
    assert_eq!(records(&subject)[&aged.sockets[0].inode].state, TcpState::CloseWait);
}

#[test]
fn a_protected_or_living_connection_is_never_destroyed() {
    let mut leaky = Leaky::start();
    let subject = leaky.subject(leaky.protect_broker());
    let mut aged = leaky.aged(&subject);
    // The memory takes every socket of the process for long dead and bound for elsewhere.
    let elsewhere = "127.0.0.9:9".parse().unwrap();
    let template = aged.sockets[0].clone();
    aged.sockets = records(&subject)
        .values()
        .filter(|record| record.inode != 0 && record.remote.port() == leaky.broker)
        .map(|record| AgedSocket { cookie: record.cookie, remote: Some(elsewhere), ..template.clone() })
        .collect();
    assert_eq!(aged.sockets.len(), 3, "two dead and the order connection");
    let said = carry(&subject, aged, destroy(60, None, 100)).unwrap();
    assert!(said.starts_with("0 destroyed: "), "{said}");
    leaky.open();
}

/// Two transports of asyncio whose peer has gone: reading is paused on one, so that no epoll set knows its socket.
const ASYNCIO: &str = "
import asyncio, socket, sys
async def main():
    server = socket.create_server(('127.0.0.1', 0))
    transport, _ = await asyncio.get_running_loop().create_connection(
        asyncio.Protocol, *server.getsockname())
    transport.pause_reading()
    server.accept()[0].close()
    print(transport.get_extra_info('socket').fileno(), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for _ in range(8):
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, *server.getsockname())
    print('connected', flush=True)
asyncio.run(main())
";

#[test]
fn a_loop_that_keeps_books_by_number_is_refused() {
    let mut bot = Bot::python(ASYNCIO);
    let number = bot.line().parse().unwrap();
    let subject = Arc::new(bot.subject());
    let Some(Link::Socket(inode)) = subject.process.descriptors().look(number).unwrap() else {
        panic!("a socket")
    };
    let record = wait_for_close_wait(&subject, inode);
    let socket = AgedSocket {
        cookie: record.cookie,
        inode,
        number,
        remote: Some(record.remote),
        named: None,
        age: Duration::from_secs(600),
        death: Death::CloseWait,
        watched: Watched::No,
    };
    let said = carry(&subject, AgedSockets { sockets: vec![socket] }, reap(60, 9)).unwrap_err();
    assert!(
        said.starts_with("refused: it has loaded asyncio, which keeps books by descriptor number"),
        "{said}"
    );
    assert_eq!(subject.process.descriptors().look(number).unwrap(), Some(Link::Socket(inode)));
    assert_eq!(bot.ask("go on"), "connected", "no number was taken from it");
}

fn wait_for_close_wait(subject: &Subject, inode: u64) -> SocketRecord {
    loop {
        match records(subject).get(&inode) {
            Some(record) if record.state == TcpState::CloseWait => return record.clone(),
            Some(_) => std::thread::yield_now(),
            None => panic!("it is in a table"),
        }
    }
}
