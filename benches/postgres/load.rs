//! Loads: what the clients do for a while, and how often and how fast they did it.

use std::fs::read_dir;
use std::path::Path;
use std::time::Duration;

use fdguard::model::clock::Clock as _;
use fdguard::sys::clock::SystemClock;

use crate::common::Attempt;
use crate::common::Figures;
use crate::common::child::{Account, End, command};
use crate::postgres::cell::{Cell, Work};
use crate::postgres::client::{Client, pgbench_target};
use crate::postgres::lab::Lab;
use crate::postgres::server::succeeded;

/// 20,000 rows of about 100 bytes.
const ROWS: &str = "SELECT g, repeat('x', 90) FROM generate_series(1, 20000) g";
const COPY_OUT: &str = "COPY (SELECT g, repeat('x', 90) FROM generate_series(1, 20000) g) TO STDOUT";
/// The server reads and parses all of it and keeps nothing.
const COPY_IN: &str = "COPY sink FROM STDIN WHERE false";
/// Lines in one message of COPY, and messages in one COPY: 20,000 lines.
const LINES: usize = 80;
const MESSAGES: usize = 250;
const LOGIN_SCRIPT: &str = "SELECT 1;\n";
/// The share of transactions whose latency pgbench writes down: enough for a p99, little work.
const SAMPLE: &str = "0.1";
/// A load this short fills the pool and everybody's caches before anything is counted.
pub(crate) const WARM_UP: Duration = Duration::from_millis(1_000);

/// What came of a load.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// Transactions, logins or results.
    pub(crate) count: f64,
    pub(crate) per_second: f64,
    /// Microseconds.
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Runs a cell's load against a port.
pub(crate) fn run(lab: &Lab, cell: &Cell, port: u16, length: Duration) -> Attempt<Load> {
    match cell.work {
        Work::Select(protocol) => pgbench(lab, cell, port, length, &["-S", "-M", protocol.word()]),
        Work::Login => {
            let script = lab.path("login.sql");
            std::fs::write(&script, LOGIN_SCRIPT)?;
            let load = pgbench(lab, cell, port, length, &["-C", "-f", &script.to_string_lossy()])?;
            // What pgbench writes down of each transaction leaves the login out.
            Ok(Load { p50: f64::NAN, p99: f64::NAN, ..load })
        }
        Work::Rows => bulk(cell, port, length, |client| client.ask(ROWS).map(drop)),
        Work::CopyOut => bulk(cell, port, length, |client| client.ask(COPY_OUT).map(drop)),
        Work::CopyIn => {
            let lines = format!("1234567\t{}\n", "x".repeat(90)).repeat(LINES);
            bulk(cell, port, length, |client| client.copy_in(COPY_IN, lines.as_bytes(), MESSAGES))
        }
        Work::Idle => Err("idle clients are no load".into()),
    }
}

fn pgbench(lab: &Lab, cell: &Cell, port: u16, length: Duration, how: &[&str]) -> Attempt<Load> {
    let mut bench = command(&lab.program("pgbench"), &Account::Own, End::Kill);
    let (clients, seconds) = (cell.clients.to_string(), length.as_secs().max(1).to_string());
    let logs = lab.path("transactions");
    if logs.exists() {
        // Of a run that failed.
        std::fs::remove_dir_all(&logs)?;
    }
    std::fs::create_dir(&logs)?;
    bench.args(["-n", "-j", "1", "-c", &clients, "-T", &seconds]).args(how);
    bench.args(["--log", "--sampling-rate", SAMPLE, "--log-prefix"]).arg(logs.join("log"));
    let text = succeeded(&bench.args(pgbench_target(port)).output()?, "pgbench")?;
    let number = |name: &str| -> Attempt<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|rest| rest.split_whitespace().next());
        let found = word.and_then(|word| word.split('/').next()?.parse().ok());
        found.ok_or_else(|| format!("pgbench said nothing of {name}").into())
    };
    let latencies = latencies(&logs)?;
    std::fs::remove_dir_all(&logs)?;
    Ok(Load {
        count: number("number of transactions actually processed:")?,
        per_second: number("tps =")?,
        mean: number("latency average =")? * 1e3,
        p50: latencies.median(),
        p99: latencies.quantile(0.99),
    })
}

/// The third word of each line of pgbench's log, in microseconds.
fn latencies(folder: &Path) -> Attempt<Figures> {
    let mut figures = Figures::default();
    for file in read_dir(folder)? {
        let text = std::fs::read_to_string(file?.path())?;
        let third = |line: &str| line.split(' ').nth(2)?.parse().ok();
        text.lines().filter_map(third).for_each(|latency| figures.push(latency));
    }
    Ok(figures)
}

/// The same thing over and over, each client in a thread of its own.
fn bulk(
    cell: &Cell,
    port: u16,
    length: Duration,
    once: impl Fn(&mut Client) -> Attempt<()> + Sync,
) -> Attempt<Load> {
    let begun = SystemClock.now();
    let passed = || SystemClock.now().since(begun);
    let loop_of_one = || -> Attempt<Vec<f64>> {
        let mut client = Client::connect(port)?;
        let mut latencies = Vec::new();
        while passed() < length {
            let asked = SystemClock.now();
            once(&mut client)?;
            latencies.push(SystemClock.now().since(asked).as_secs_f64() * 1e6);
        }
        Ok(latencies)
    };
    let mut all = Figures::default();
    let mut sum = 0.0;
    std::thread::scope(|scope| -> Attempt<()> {
        let threads: Vec<_> = (0..cell.clients).map(|_| scope.spawn(loop_of_one)).collect();
        for thread in threads {
            for latency in thread.join().map_err(|_| "a client panicked")?? {
                all.push(latency);
                sum += latency;
            }
        }
        Ok(())
    })?;
    let count = all.len() as f64;
    Ok(Load {
        count,
        per_second: count / passed().as_secs_f64(),
        mean: sum / count,
        p50: all.median(),
        p99: all.quantile(0.99),
    })
}
