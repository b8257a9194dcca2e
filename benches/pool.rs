//! What does the pool's own part of a unit of work cost?
//!
//! Budget, with 10,000 clients attached that take turns, so that no client's line is in the nearest cache by chance:
//! taking and giving back an idle connection under 50 ns, waiting and being handed one under 100 ns. Besides these,
//! what a sweep over all of it costs.

mod common;

use std::process::ExitCode;
use std::time::Duration;

use common::{Args, Figures, Report};
use fdguard::model::clock::Timestamp;
use fdguard::pool::Pool;
use fdguard::pool::address::Lookup;
use fdguard::pool::check_out::{CheckOut, Released};
use fdguard::pool::id::{ClientId, ConnectionId, Key};
use fdguard::pool::limits::{ClientLimits, Limits};
use fdguard::pool::order::Order;
use fdguard::pool::state::Settings;
use fdguard::pool::upstream::{Balance, Blame, UpstreamSettings};
use fdguard::sys::clock::thread_cpu;

const CLIENTS: u32 = 10_000;
const CONNECTIONS: u32 = 10;
const KEY: Key = Key::HOME;
/// Units of work in one measurement, so that reading the clock does not count.
const ROUND: u32 = 10_000;
/// Between two units of work, as the pool sees it.
const STEP: Duration = Duration::from_micros(5);
/// A step coprime to the number of clients: who comes next is far away in memory.
const STRIDE: u32 = 3_571;

fn main() -> ExitCode {
    let args = Args::read();
    let mut report = Report::begin("pool", "what does the pool's part of a unit of work cost, in CPU?", args);
    let rounds = args.pick(100, 1_000);
    let idle = measure(rounds, take_and_give);
    let queue = measure(rounds, wait_and_hand_over);
    let sweep = sweep(rounds);
    report.judge("check_out and check_in, one idle, median", idle.median(), 50.0, "ns");
    report.judge("check_out and check_in, one idle, p99 of rounds", idle.quantile(0.99), 50.0, "ns");
    report.judge("wait and hand-over, median", queue.median(), 100.0, "ns");
    report.judge("wait and hand-over, p99 of rounds", queue.quantile(0.99), 100.0, "ns");
    report.tell("a sweep, 10 idle connections, 10,000 clients", sweep.median(), "ns");
    report.end()
}

/// A pool with all its connections idle, and everybody attached.
struct Bench {
    pool: Pool,
    now: Timestamp,
    client: u32,
}

impl Bench {
    fn new() -> Self {
        let clients = ClientLimits { max: CLIENTS, reserve: 0, scarce: 0, idle: Duration::from_hours(1) };
        let limits = Limits {
            max: CONNECTIONS,
            min: CONNECTIONS,
            connects: CONNECTIONS,
            waiters: CLIENTS,
            clients,
            ..Limits::default()
        };
        let upstreams = vec![UpstreamSettings { lookup: Lookup::Never }];
        let settings = Settings { limits, upstreams, balance: Balance::Priority, blame: Blame::Upstream };
        let now = Timestamp::from_millis(1_000_000);
        let mut pool = Pool::new(&settings, 1, now);
        for client in 0..CLIENTS {
            pool.attach(ClientId(client), now).expect("there is room for all");
        }
        pool.tick(now);
        let mut opened = Vec::new();
        while let Some(order) = pool.next_order() {
            if let Order::Connect { connection, .. } = order {
                opened.push(connection);
            }
        }
        for connection in opened {
            assert_eq!(pool.connected(connection, now), Released::Idle);
        }
        Self { pool, now, client: 0 }
    }

    fn next(&mut self) -> ClientId {
        self.client = (self.client + STRIDE) % CLIENTS;
        self.now = self.now + STEP;
        ClientId(self.client)
    }

    fn take(&mut self) -> ConnectionId {
        let client = self.next();
        match self.pool.check_out(client, KEY, self.now) {
            CheckOut::Lease(connection) => connection,
            other => unreachable!("one is idle, and yet {other:?}"),
        }
    }
}

/// The cost of one unit of work in each round, in nanoseconds.
fn measure(rounds: u32, round: fn(&mut Bench) -> u64) -> Figures {
    let mut bench = Bench::new();
    let mut figures = Figures::default();
    round(&mut bench);
    for _ in 0..rounds {
        figures.push(round(&mut bench) as f64 / f64::from(ROUND));
    }
    figures
}

fn take_and_give(bench: &mut Bench) -> u64 {
    let before = thread_cpu();
    for _ in 0..ROUND {
        let connection = bench.take();
        let released = bench.pool.check_in(std::hint::black_box(connection), bench.now);
        assert_eq!(released, Released::Idle);
    }
    thread_cpu() - before
}

/// Everything is leased; one more comes and waits, then one gives back and it is handed over.
fn wait_and_hand_over(bench: &mut Bench) -> u64 {
    let mut leased: Vec<_> = (0..CONNECTIONS).map(|_| bench.take()).collect();
    let before = thread_cpu();
    for turn in 0..ROUND {
        let client = bench.next();
        assert_eq!(bench.pool.check_out(client, KEY, bench.now), CheckOut::Wait);
        let connection = leased[(turn % CONNECTIONS) as usize];
        let released = bench.pool.check_in(std::hint::black_box(connection), bench.now);
        assert_eq!(released, Released::Serve(client));
    }
    let spent = thread_cpu() - before;
    for connection in leased.drain(..) {
        bench.pool.check_in(connection, bench.now);
    }
    assert!(bench.pool.next_order().is_none(), "nothing was asked of the loop");
    spent
}

fn sweep(rounds: u32) -> Figures {
    let mut bench = Bench::new();
    let mut figures = Figures::default();
    for _ in 0..rounds {
        bench.now = bench.now + Duration::from_millis(1);
        let before = thread_cpu();
        (0..100).for_each(|_| bench.pool.tick(bench.now));
        figures.push((thread_cpu() - before) as f64 / 100.0);
    }
    figures
}
