//! Down to polls and back up: the client's socket stays, the upstream's is gone, and messages keep coming. `FDGUARD_STREAM_CYCLES`
//! says how often a connection is lost and replaced, for a soak.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::guard::Guard;
use crate::support::server::Server;
use crate::support::{Open, client, json, serve, threads, wait_for};

/// Says how often a connection is lost and replaced; 1,000 times without it.
const CYCLES: &str = "FDGUARD_STREAM_CYCLES";
/// Clients that are attached meanwhile.
const CLIENTS: u64 = 20;
/// Times before what is there is taken as the beginning.
const WARM: u64 = 3;
/// So much the memory may have grown: an allocator keeps something, and a leak of 100 bytes in each of 100,000 would show.
const GROWTH_KIB: u64 = 4 << 10;

/// A venue that counts ten a second, and tells the count by WebSocket and by REST.
struct Venue {
    count: Arc<AtomicU64>,
    live: Server,
    rest: Server,
}

impl Venue {
    fn start() -> Self {
        let count = Arc::new(AtomicU64::new(1));
        let clock = Arc::downgrade(&count);
        std::thread::spawn(move || {
            while let Some(count) = clock.upgrade() {
                count.fetch_add(1, Ordering::AcqRel);
                std::thread::park_timeout(Duration::from_millis(50));
            }
        });
        let (own, asked) = (Arc::clone(&count), Arc::clone(&count));
        let live = Server::doing(move |stream| serve(stream, |open| tell(open, &own)));
        let rest = Server::doing(move |stream| answer(stream, &asked));
        Self { count, live, rest }
    }

    fn keys(&self, more: &str) -> String {
        format!(
            "[proxy.bus.stream]\ntopic = \"/s\"\ncursor = \"/n\"\nnumbers = \"by-one\"\npauses = [\"100ms\"]\n{more}\n\
             [proxy.bus.stream.poll]\nurl = \"http://{}/last\"\nitems = \"/items\"\nevery = \"200ms\"\n\
             topic = \"/s\"\ncursor = \"/n\"\ndwell = \"200ms\"\n",
            self.rest.address
        )
    }
}

/// Each number as it comes.
fn tell(mut open: Open, count: &AtomicU64) {
    open.get_ref().set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let mut told = count.load(Ordering::Acquire);
    loop {
        let now = count.load(Ordering::Acquire);
        while told < now {
            told += 1;
            if open.send(Message::text(json!({"s": "a", "n": told}).to_string())).is_err() {
                return;
            }
        }
        match open.read() {
            Err(tokio_tungstenite::tungstenite::Error::Io(error))
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The last forty numbers.
fn answer(mut stream: TcpStream, count: &AtomicU64) {
    while let Ok(Some(_)) = crate::support::head(&mut stream) {
        let now = count.load(Ordering::Acquire);
        let items: Vec<_> =
            (now.saturating_sub(40).max(1)..=now).map(|n| json!({"s": "a", "n": n})).collect();
        let body = json!({ "items": items }).to_string();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads until a number at least as high, each one above the one before it and none left out.
fn follow(client: &mut Open, last: &mut u64, until: u64) {
    while *last < until {
        let message = json(client);
        let n = message["n"].as_u64().unwrap();
        assert!(*last == 0 || n == *last + 1, "{n} comes behind {last}");
        *last = n;
    }
}

fn state(guard: &Guard) -> String {
    guard.pool().stream.unwrap().state
}

#[test]
fn a_lost_upstream_is_polled_without_a_gap_and_is_live_again_when_it_is_back() {
    let venue = Venue::start();
    let guard = Guard::start(&[venue.live.address], &venue.keys("tries = 0\nprobe = \"500ms\""));
    let mut client = client(&guard);
    let mut last = 0;
    follow(&mut client, &mut last, venue.count.load(Ordering::Acquire) + 5);
    let before = guard.descriptors();
    for _ in 0..3 {
        venue.live.hang_up();
        wait_for("it was replaced", || {
            follow(&mut client, &mut last, venue.count.load(Ordering::Acquire));
            let stream = guard.pool().stream?;
            (stream.state == "connected" && stream.reconnects > 0).then_some(())
        });
    }
    let stream = guard.pool().stream.unwrap();
    assert_eq!(stream.gaps, 0, "the polls reach back far enough");
    assert!(guard.descriptors() <= before + 1, "and one kept connection of the polls");
}

#[test]
fn held_in_polls_by_a_policy_its_descriptor_is_gone_and_no_message_is() {
    let venue = Venue::start();
    let policy = "schema = 1\nname = \"p\"\n[ladder.l]\nstart_grace = \"0s\"\n[[ladder.l.tier]]\nname = \"low\"\n\
        raise = 'stream[\"bus\"].messages >= 20 and stream[\"bus\"].messages < 100'\nclear = 'stream[\"bus\"].messages >= 120'\nfor = \"0s\"\ndwell = \"1s\"\n\
        hold = [{ poll_stream = { stream = \"bus\", every = \"200ms\" } }]\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    std::fs::write(&path, policy).unwrap();
    let target = format!(
        "[target.bot]\nmatch = {{ child = [\"/bin/sleep\", \"1000\"] }}\nallow = []\npolicy = [\"{}\"]\n",
        path.display()
    );
    let guard = Guard::start(&[venue.live.address], &format!("{}{target}", venue.keys("")));
    let mut client = client(&guard);
    let mut last = 0;
    let seen = |guard: &Guard, client: &mut Open, last: &mut u64, wanted: &str| {
        wait_for(&format!("it is {wanted}"), || {
            follow(client, last, venue.count.load(Ordering::Acquire));
            (state(guard) == wanted).then_some(())
        });
    };
    seen(&guard, &mut client, &mut last, "connected");
    seen(&guard, &mut client, &mut last, "polling");
    guard.wait_for_pool("the upstream's descriptor is gone", |pool| pool.servers.is_empty());
    assert_eq!(guard.pool().clients.len(), 1, "the client's is not");
    seen(&guard, &mut client, &mut last, "connected");
    assert_eq!(guard.pool().stream.unwrap().gaps, 0);
}

#[test]
fn what_a_person_closes_stays_closed_until_it_is_connected() {
    let venue = Venue::start();
    let keys =
        "stream = { pauses = [\"100ms\"], topic = \"/s\", cursor = \"/n\", notice = '{\"gap\": true}' }";
    let guard = Guard::start(&[venue.live.address], keys);
    let mut client = client(&guard);
    assert!(json(&mut client)["n"].is_u64());
    wait_for("it is told of", || (state(&guard) == "connected").then_some(()));
    assert!(guard.run(&["ctl", "close", "bus"]).contains("told 1 stream"));
    let pool = guard.wait_for_pool("nothing is open", |pool| pool.servers.is_empty());
    assert_eq!((pool.stream.unwrap().state.as_str(), pool.clients.len()), ("disconnected", 1));
    // Longer than the pause before another try: what was to come would have come.
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!((venue.live.accepted(), state(&guard).as_str()), (1, "disconnected"));
    guard.run(&["ctl", "connect", "bus"]);
    wait_for("it is open again", || (state(&guard) == "connected").then_some(()));
    let after = venue.count.load(Ordering::Acquire);
    let mut gaps = 0;
    loop {
        let message = json(&mut client);
        gaps += u32::from(message["gap"] == true);
        if message["n"].as_u64().is_some_and(|n| n >= after) {
            break;
        }
    }
    assert_eq!(gaps, 1, "what was missed meanwhile is told");
}

#[test]
fn going_down_and_up_again_leaves_nothing_behind() {
    let cycles: u64 =
        std::env::var(CYCLES).map_or(1_000, |cycles| cycles.parse().expect("a number of cycles"));
    let venue = Venue::start();
    let guard = Guard::start(
        &[venue.live.address],
        // A venue that hangs up so often would be left alone for a while.
        &format!(
            "breaker = {{ failures = 1000, window = \"1s\" }}\npool.connects = 100\n{}",
            venue.keys("tries = 0\nprobe = \"20ms\"").replace("200ms", "20ms")
        ),
    );
    let mut clients: Vec<(Open, u64)> = (0..CLIENTS).map(|_| (client(&guard), 0)).collect();
    let mut follow_all = || {
        let count = venue.count.load(Ordering::Acquire);
        clients.iter_mut().for_each(|(client, last)| follow(client, last, count));
    };
    let mut replaced = 0;
    let mut cycle = || {
        follow_all();
        replaced += CLIENTS;
        venue.live.hang_up();
        wait_for(&format!("{replaced} were replaced"), || {
            follow_all();
            let stream = guard.pool().stream?;
            (stream.reconnects == replaced && stream.state == "connected").then_some(())
        });
        follow_all();
    };
    // The first ones take what is kept from then on.
    (0..WARM).for_each(|_| cycle());
    let seen = || (guard.descriptors(), threads(&guard), guard.memory() >> 10);
    let (before, begun) = (seen(), std::time::Instant::now());
    let rounds = cycles.div_ceil(CLIENTS);
    (0..rounds).for_each(|_| cycle());
    wait_for("the descriptors are back", || (guard.descriptors() <= before.0).then_some(()));
    let after = seen();
    println!(
        "{} cycles in {:.1?}: descriptors, threads, KiB {before:?}, then {after:?}",
        rounds * CLIENTS,
        begun.elapsed()
    );
    assert!(after.1 <= before.1 && after.2 < before.2 + GROWTH_KIB, "{before:?} {after:?}");
    let pool = guard.pool();
    assert_eq!(
        (pool.stream.unwrap().gaps, pool.clients.len()),
        (0, clients.len()),
        "and no message was lost"
    );
}

/// Answers for each topic after a while, but for one that it does not know.
fn by_topic(mut stream: TcpStream) {
    while let Ok(Some(asked)) = crate::support::head(&mut stream) {
        let topic = asked.split(['=', ' ']).nth(2).unwrap().to_owned();
        std::thread::park_timeout(Duration::from_millis(400));
        let (status, body) = match topic.as_str() {
            "bad" => ("404 Not Found", String::new()),
            _ => ("200 OK", json!({ "of": topic }).to_string()),
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn each_topic_is_polled_by_itself_and_has_its_own_time() {
    let rest = Server::doing(by_topic);
    let keys = format!(
        "[proxy.bus.stream]\ntries = 0\nsubscribe = {{ \"/method\" = \"SUBSCRIBE\" }}\n\
         [proxy.bus.stream.poll]\nurl = \"http://{}/last?s={{topic}}\"\nevery = \"200ms\"\ntimeout = \"1s\"\n",
        rest.address
    );
    let guard = Guard::start(&[crate::support::guard::free_address()], &keys);
    let mut client = client(&guard);
    let topics = ["a", "b", "bad", "c"];
    client.send(Message::text(json!({"method": "SUBSCRIBE", "params": topics}).to_string())).unwrap();
    for topic in ["a", "b", "c"] {
        assert_eq!(json(&mut client), json!({ "of": topic }), "{}", guard.log());
    }
    assert!(guard.log().contains("status 404"), "what can't be had is told");
}

#[test]
fn a_slow_client_is_waited_for_by_polls_too() {
    let count = Arc::new(AtomicU64::new(0));
    let own = Arc::clone(&count);
    let rest = Server::doing(move |mut stream| {
        while let Ok(Some(_)) = crate::support::head(&mut stream) {
            let n = own.fetch_add(1, Ordering::AcqRel) + 1;
            let body = json!({ "n": n, "fill": "x".repeat(200_000) }).to_string();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let keys = format!(
        "clients.buffer = \"64KiB\"\n[proxy.bus.stream]\ntries = 0\n\
         [proxy.bus.stream.poll]\nurl = \"http://{}/last\"\nevery = \"20ms\"\ncursor = \"/n\"\n",
        rest.address
    );
    let guard = Guard::start(&[crate::support::guard::free_address()], &keys);
    let mut client = client(&guard);
    let mut before = 0;
    wait_for("nothing more is asked for", || {
        let now = count.load(Ordering::Acquire);
        std::thread::park_timeout(Duration::from_secs(2));
        (std::mem::replace(&mut before, now) == now && now > 10).then_some(())
    });
    for n in 1..=before {
        assert_eq!(json(&mut client)["n"], n);
    }
}
