//! The agent itself under load: all its proxies carry traffic, targets come and go, the history is written and the metrics are
//! read; its own descriptors, memory and threads stay where they were, and its store within its bound.
//!
//! Ten seconds by default, as many as `FDGUARD_SOAK_SECONDS` says. What is judged is what the kernel says of it in /proc.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio_tungstenite::tungstenite;

use super::agent::{Agent, PATIENCE, Setup};
use super::target::{HOLDING, Target};
use crate::bots::servers::Servers;
use crate::support::port::free_port;
use crate::support::wait::wait_for;

/// How many seconds it takes.
const SOAK: &str = "FDGUARD_SOAK_SECONDS";
/// Time between two looks at the agent.
const LOOK: Duration = Duration::from_millis(50);
/// Threads of the test that carry traffic, of each kind.
const CARRIERS: usize = 2;
/// Rounds of each kind below which it was no load; a target lives longer than a client.
const LOAD: u64 = 40;
const LIVES: u64 = LOAD / 4;
/// How much higher the last third may be than the second: a connection or two more at work.
const MORE_DESCRIPTORS: u64 = 8;
/// The same of anonymous memory, in KiB: fragments, and what is kept of the latest events.
const MORE_MEMORY: u64 = 4 << 10;
/// The least bound that a history can have, and what its write-ahead log has beside it before it is written back.
const STORE: u64 = 1 << 20;
const STORE_LOG: u64 = 2 << 20;
/// Lines of the agent's log that are shown where it fails.
const LINES: usize = 20;
/// Targets that stay.
const TARGETS: usize = 3;

const POLICY: &str = "schema = 1\nname = \"busy\"\n[ladder.descriptors]\nstart_grace = \"0s\"\n\
    [[ladder.descriptors.tier]]\nname = \"attention\"\nraise = \"fd.open > 2\"\nevery = \"1s\"\ncooldown = \"500ms\"\n\
    do = [{ notify = { to = \"journal\" } }, { reset_pool = { pool = \"db\", how = \"idle\" } }]\n";

/// One of the figures.
type Figure = fn(&Figures) -> u64;

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug)]
struct Figures {
    descriptors: u64,
    threads: u64,
    /// Anonymous resident memory, in KiB.
    memory: u64,
}

impl Figures {
    fn of(pid: i32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a figure")
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives").count() as u64;
        Self { descriptors, threads: field("Threads:"), memory: field("RssAnon:") }
    }
}

/// Where the agent's listeners are.
#[derive(Clone, Copy, Debug)]
struct Ports {
    db: u16,
    venue: u16,
    quotes: u16,
    metrics: u16,
}

/// Rounds that were carried, by kind.
#[derive(Debug, Default)]
struct Rounds {
    queries: AtomicU64,
    requests: AtomicU64,
    streams: AtomicU64,
    pages: AtomicU64,
    lives: AtomicU64,
    stop: AtomicBool,
}

impl Rounds {
    /// Has a thread work until the time is over; some clients leave without a word.
    fn carry(&self, done: &AtomicU64, mut round: impl FnMut(Leave)) {
        while !self.stop.load(Ordering::Relaxed) {
            let count = done.fetch_add(1, Ordering::Relaxed);
            round(if count.is_multiple_of(3) { Leave::Abruptly } else { Leave::InOrder });
        }
    }

    fn all(&self) -> [u64; 5] {
        [&self.queries, &self.requests, &self.streams, &self.pages, &self.lives]
            .map(|count| count.load(Ordering::Relaxed))
    }
}

/// How a client takes its leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leave {
    InOrder,
    Abruptly,
}

#[test]
fn an_agent_under_load_stays_as_it_was() {
    let seconds = std::env::var(SOAK).map_or(10, |seconds| seconds.parse().expect("a number of seconds"));
    let (venue, server) = (Servers::venue(), Servers::postgres());
    let targets: Vec<Target> = (0..TARGETS).map(|_| Target::start(HOLDING, &["40"])).collect();
    let ports = Ports { db: free_port(), venue: free_port(), quotes: free_port(), metrics: free_port() };
    let marker = format!("fdguard-soak-{}", std::process::id());
    let mut agent = start(&targets, ports, &[&venue, &server], &marker);
    let pid = agent.pid();
    // Everything has been done once, and the pools have given back what they had opened for it.
    let rounds = Rounds::default();
    work(&rounds, ports, &marker, Duration::from_secs(2), || {});
    let before = at_rest(pid, &agent, u64::MAX);
    let rounds = Rounds::default();
    let (mut seen, mut store, mut log) = (Vec::new(), 0, 0);
    work(&rounds, ports, &marker, Duration::from_secs(seconds), || {
        seen.push(Figures::of(pid));
        let size = |name: &str| std::fs::metadata(agent.setup.path(name)).map_or(0, |file| file.len());
        store = store.max(size("history/history.db"));
        log = log.max(size("history/history.db-wal"));
    });
    let carried = rounds.all();
    println!("{} looks; rounds {carried:?}; store at most {store} + {log} bytes", seen.len());
    println!("before {before:?}, last {:?}", seen.last());
    let [clients @ .., lives] = carried;
    assert!(clients.iter().all(|count| *count >= LOAD) && lives >= LIVES, "that was no load: {carried:?}");
    assert_flat(&seen);
    assert!(store <= STORE && log <= STORE_LOG, "the store grew to {store} bytes, its log to {log}");
    let after = at_rest(pid, &agent, before.descriptors);
    assert!(after.threads <= before.threads, "{before:?} {after:?}");
    assert!(agent.end().success(), "{}", agent.log());
}

fn start(targets: &[Target], ports: Ports, servers: &[&Servers], marker: &str) -> Agent {
    let upstream = |name: &str| {
        let found = servers.iter().find_map(|server| server.ports.get(name)).expect("a port");
        found.as_u64().expect("a number")
    };
    let held: String = targets
        .iter()
        .enumerate()
        .map(|(number, target)| {
            let pid = target.pid();
            format!("[target.bot-{number}]\nmatch = {{ pid = {pid} }}\npolicy = [\"DIR/policy.toml\"]\n")
        })
        .collect();
    let body = format!(
        "{held}[target.passing]\nmatch = {{ command = \"{marker}\" }}\npolicy = [\"DIR/policy.toml\"]\n\
         [proxy.db]\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:{}\"\nupstream = \"127.0.0.1:{}\"\n\
         pool = {{ max = 3, idle = \"500ms\" }}\n\
         [proxy.venue]\nprotocol = \"http\"\nlisten = \"127.0.0.1:{}\"\nupstream = \"http://127.0.0.1:{}\"\n\
         pool = {{ idle = \"500ms\" }}\n\
         [proxy.quotes]\nprotocol = \"websocket\"\nlisten = \"127.0.0.1:{}\"\nupstream = \"ws://127.0.0.1:{}\"\n\
         [admin.metrics]\nlisten = \"127.0.0.1:{}\"\n\
         [history]\nstore = \"sqlite:DIR/history/history.db\"\nkeep = {{ size = \"1MiB\" }}\n",
        ports.db,
        upstream("postgres"),
        ports.venue,
        upstream("patient"),
        ports.quotes,
        upstream("feed"),
        ports.metrics,
    );
    let setup = Setup::new(&body);
    setup.write("policy.toml", POLICY);
    // Full ticks as often as they come, so that what each of them may keep adds up.
    setup.with("FDGUARD__agent__tick__full", "200ms").with("FDGUARD__agent__tick__cpu", "50%").start()
}

/// Carries traffic of all kinds for so long; `look` is called again and again meanwhile.
fn work(rounds: &Rounds, ports: Ports, marker: &str, span: Duration, mut look: impl FnMut()) {
    std::thread::scope(|scope| {
        for _ in 0..CARRIERS {
            scope.spawn(|| rounds.carry(&rounds.queries, |leave| query(ports.db, leave)));
            scope.spawn(|| rounds.carry(&rounds.requests, |leave| request(ports.venue, leave)));
            scope.spawn(|| rounds.carry(&rounds.streams, |leave| stream(ports.quotes, leave)));
        }
        scope.spawn(|| rounds.carry(&rounds.pages, |_| page(ports.metrics)));
        scope.spawn(|| rounds.carry(&rounds.lives, |_| live(marker)));
        let end = Instant::now() + span;
        while Instant::now() < end {
            look();
            std::thread::sleep(LOOK);
        }
        rounds.stop.store(true, Ordering::Relaxed);
    });
}

/// A client of the database that works and leaves.
fn query(port: u16, leave: Leave) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port);
        let options = options.username("postgres").database("postgres").ssl_mode(PgSslMode::Disable);
        let mut client: PgConnection = options.connect().await.expect("served");
        for number in 0..5_i32 {
            let told: i32 =
                sqlx::query_scalar("select $1 + 1").bind(number).fetch_one(&mut client).await.expect("told");
            assert_eq!(told, number + 1);
        }
        match leave {
            Leave::InOrder => client.close().await.expect("closed"),
            Leave::Abruptly => drop(client),
        }
    });
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("served");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream
}

/// One that asks for quotes, some of them without waiting for the last answer.
fn request(port: u16, leave: Leave) {
    let mut stream = connect(port);
    for _ in 0..3 {
        stream.write_all(b"GET /quote HTTP/1.1\r\nHost: venue\r\n\r\n").expect("sent");
        let mut answer = [0; 1_024];
        let size = stream.read(&mut answer).expect("answered");
        assert!(answer[..size].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..size]));
    }
    if leave == Leave::Abruptly {
        stream.write_all(b"GET /quote?after=0.05 HTTP/1.1\r\nHost: venue\r\n\r\n").expect("sent");
    }
}

/// One that listens to the feed for a moment.
fn stream(port: u16, leave: Leave) {
    let url = format!("ws://127.0.0.1:{port}/");
    let (mut open, _) = tungstenite::client(url, connect(port)).expect("opened");
    assert!(open.read().expect("a message").is_text());
    if leave == Leave::InOrder {
        open.close(None).expect("closed");
        while open.read().is_ok() {}
    }
}

/// One look at the page of metrics.
fn page(port: u16) {
    let mut stream = connect(port);
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

/// A target that lives for a moment.
fn live(marker: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", "read line", marker]).stdin(Stdio::piped());
    let mut child: Child = command.spawn().expect("a shell");
    std::thread::sleep(LOOK * 4);
    drop(child.stdin.take());
    child.wait().expect("ended");
}

/// The agent once its pools are empty and it holds no more descriptors than that, however long that takes.
fn at_rest(pid: i32, agent: &Agent, most: u64) -> Figures {
    let rests = || {
        let idle = agent.status().pools.iter().all(|pool| pool.servers.is_empty() && pool.clients.is_empty());
        let figures = Figures::of(pid);
        (idle && figures.descriptors <= most).then_some(figures)
    };
    wait_for("no more descriptors than before", PATIENCE, rests, || {
        let log = agent.log();
        let last: Vec<&str> = log.lines().rev().take(LINES).collect();
        format!(
            "before {most}, now {:?}; the agent's last words, backwards:\n{}",
            Figures::of(pid),
            last.join("\n")
        )
    })
}

/// The last third of the time was no higher than the second.
fn assert_flat(seen: &[Figures]) {
    let third = seen.len() / 3;
    let (second, last) = (&seen[third..2 * third], &seen[2 * third..]);
    let median = |part: &[Figures], figure: Figure| {
        let mut figures: Vec<u64> = part.iter().map(figure).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    };
    let grown: [(&str, Figure, u64); 3] = [
        ("descriptors", |figures| figures.descriptors, MORE_DESCRIPTORS),
        ("threads", |figures| figures.threads, 0),
        ("KiB of memory", |figures| figures.memory, MORE_MEMORY),
    ];
    for (what, figure, more) in grown {
        let (was, is) = (median(second, figure), median(last, figure));
        println!("{what}: {was}, then {is}");
        assert!(is <= was + more, "{what} grew from {was} to {is}");
    }
}
