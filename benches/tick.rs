//! What do a fast and a full tick cost, against psutil, lsof and ss on the same process in the same run?
//!
//! Budgets: a fast tick under 2 µs of agent CPU; a full tick at 5,000 descriptors that are 5,000 sockets under
//! 10 ms; a day at 1 Hz under 0.2 % of a core.
//!
//! The victim holds both ends of its connections, so that the tables of the network namespace have as many
//! sockets as it has descriptors, and an epoll set on half of them; of the leaking one a quarter is in
//! CLOSE_WAIT. A full tick is the mean of four in a row, since not all of them ask for the same. All figures are CPU, medians of interleaved rounds: fdguard's of the thread that ticks, psutil's as
//! its own process clock tells for the call alone, those of lsof and ss for the whole command.

#![allow(clippy::print_stdout, reason = "a bench tells what it measured")]

mod common;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::victim::{Health, Victim, lift_limit, most_descriptors, serve};
use common::{Args, Figures, Report, process};
use fdguard::model::clock::{Clock as _, Timestamp};
use fdguard::sampler::eye::{Eye, EyeSettings};
use fdguard::sampler::pace::PaceBounds;
use fdguard::sampler::remotes::RemoteBook;
use fdguard::sampler::scan::{Memory, ScanSettings};
use fdguard::sys::adopted::Adopted;
use fdguard::sys::clock::{SystemClock, thread_cpu};
use fdguard::sys::proc_root::ProcRoot;

/// Fast looks in one go; the clock would be dearer than one.
const LOOKS: u32 = 500;
/// Time between two fast looks of a quiet process.
const PERIOD: Duration = Duration::from_millis(100);
/// The size that has a budget.
const LARGE: usize = 5_000;
/// One in so many sockets is replaced before a tick with churn.
const CHURN: usize = 50;
/// Room that the victim needs beside its sockets.
const SPARE: usize = 64;

fn main() -> ExitCode {
    if serve(|task| unreachable!("no task of this bench: {task}")) {
        return ExitCode::SUCCESS;
    }
    lift_limit();
    let args = Args::read();
    let mut report = Report::begin(
        "tick",
        "what do a fast and a full tick cost, in CPU, against psutil, lsof and ss?",
        args,
    );
    let sizes: &[usize] = args.pick(&[100, 5_000], &[100, 1_000, 5_000, 10_000, 20_000]);
    for &size in sizes {
        let size = size.min(most_descriptors().saturating_sub(SPARE));
        measure(size, Health::Well, args, &mut report);
    }
    measure(LARGE, Health::Leaking, args, &mut report);
    report.end()
}

/// All of one victim.
fn measure(size: usize, health: Health, args: Args, report: &mut Report) {
    let mut victim = Victim::with_sockets(size, health);
    let process =
        Arc::new(Adopted::open(&ProcRoot::default(), victim.pid()).expect("a child can be adopted"));
    let mut memory = Memory::new(ScanSettings::default());
    let mut psutil = Psutil::start(victim.pid());
    let (mut eye, mut looked) = (eye(&process), 0);
    let first = scan(&mut memory, &process);
    // The second may still be a walk over a large table; from the third on they are alike.
    scan(&mut memory, &process);
    let mut figures = Round::default();
    for _ in 0..args.pick(7, 25) {
        figures.fast.push(look(&mut eye, &mut looked));
        // Of so many in a quiet namespace one asks for all sockets, and the others build on it.
        let four: [f64; 4] = std::array::from_fn(|_| scan(&mut memory, &process));
        figures.full.push(four.iter().sum::<f64>() / 4.0);
        figures.whole.push(four.iter().copied().fold(0.0, f64::max));
        victim.tell(&format!("replace {}", size / CHURN));
        assert_eq!(victim.line(), "replaced");
        figures.churned.push(scan(&mut memory, &process));
        for (place, words) in COMMANDS.iter().enumerate() {
            figures.commands[place].push(cpu_of(words, victim.pid()));
        }
        for (place, call) in CALLS.iter().enumerate() {
            let cost = psutil.as_mut().and_then(|psutil| psutil.ask(call));
            figures.calls[place].push(cost.unwrap_or(f64::NAN));
        }
    }
    tell(size, health, first, &figures, report);
}

/// What is measured of one victim, in microseconds.
#[derive(Debug, Default)]
struct Round {
    fast: Figures,
    full: Figures,
    whole: Figures,
    churned: Figures,
    commands: [Figures; 2],
    calls: [Figures; 2],
}

/// The peers that are commands.
const COMMANDS: [&[&str]; 2] = [&["lsof", "-n", "-P", "-p", "PID"], &["ss", "-tanpH"]];
/// The peers that are calls of psutil.
const CALLS: [&str; 2] = ["num_fds", "net_connections"];

fn tell(size: usize, health: Health, first: f64, figures: &Round, report: &mut Report) {
    let leaking = match health {
        Health::Well => "",
        Health::Leaking => ", a quarter CLOSE_WAIT",
    };
    let at = format!("at {size} sockets{leaking}");
    let (fast, full) = (figures.fast.median(), figures.full.median() / 1e3);
    report.judge(&format!("fast tick {at}"), fast, 2.0, "µs");
    if size == LARGE {
        report.judge(&format!("full tick {at}"), full, 10.0, "ms");
    } else {
        report.tell(&format!("full tick {at}"), full, "ms");
    }
    report.tell(&format!("  its least {at}"), figures.full.least() / 1e3, "ms");
    report.tell(&format!("  the dearest of four {at}"), figures.whole.median() / 1e3, "ms");
    let churned = format!("full tick after {} were replaced {at}", size / CHURN);
    report.tell(&churned, figures.churned.median() / 1e3, "ms");
    report.tell(&format!("first full tick {at}"), first / 1e3, "ms");
    if size == 100 && health == Health::Well {
        let day = (full / 1e3 + fast / 1e6) * 100.0;
        report.judge(&format!("a day at 1 Hz, fast and full, {at}"), day, 0.2, "% of a core");
    }
    let peers = CALLS.iter().map(|call| format!("psutil {call}()")).zip(&figures.calls);
    let commands = COMMANDS.iter().map(|words| words.join(" ")).zip(&figures.commands);
    for (name, peer) in peers.chain(commands) {
        let cost = peer.median();
        let against = if name.contains("num_fds") { ("fast", fast) } else { ("full", full * 1e3) };
        let what = format!("  {name} {at}");
        if cost.is_nan() {
            report.lack(&what, "not installed, or it failed");
        } else {
            report.tell(&what, cost / 1e3, "ms");
            report.tell(&format!("    ratio to the {} tick {at}", against.0), cost / against.1, "times");
        }
    }
}

fn eye(process: &Arc<Adopted>) -> Eye {
    let settings = EyeSettings {
        pace: PaceBounds::default(),
        short: Duration::from_mins(1),
        long: Duration::from_mins(10),
    };
    Eye::new(Arc::clone(process), None, &settings)
}

/// Looks as often as in a minute of quiet, in virtual time, so that windows fill and limits are read again as in
/// life; the clocks are asked as the agent asks them.
fn look(eye: &mut Eye, looked: &mut u32) -> f64 {
    let before = thread_cpu();
    for _ in 0..LOOKS {
        let (_, wall) = (SystemClock.now(), SystemClock.wall());
        *looked += 1;
        eye.look(Timestamp::ZERO + PERIOD * *looked, wall);
    }
    (thread_cpu() - before) as f64 / 1e3 / f64::from(LOOKS)
}

fn scan(memory: &mut Memory, process: &Adopted) -> f64 {
    let before = thread_cpu();
    let scan = memory.scan(process, &RemoteBook::default());
    let cost = (thread_cpu() - before) as f64 / 1e3;
    assert!(scan.view.remotes.as_ref().known().is_some(), "the sockets were seen");
    cost
}

fn cpu_of(words: &[&str], pid: u32) -> f64 {
    let pid = pid.to_string();
    let words = words.iter().map(|word| if *word == "PID" { pid.as_str() } else { *word });
    let words: Vec<&str> = words.collect();
    process::cpu_of(Command::new(words[0]).args(&words[1..])).unwrap_or(f64::NAN)
}

const SCRIPT: &str = "
import sys, time, psutil
process = psutil.Process(int(sys.argv[1]))
calls = {'num_fds': process.num_fds, 'net_connections': lambda: process.net_connections('tcp')}
for line in sys.stdin:
    call = calls[line.strip()]
    before = time.process_time_ns()
    call()
    print((time.process_time_ns() - before) / 1000, flush=True)
";

/// A Python that asks psutil when told to.
struct Psutil {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Psutil {
    fn start(pid: u32) -> Option<Self> {
        let mut command = Command::new(process::python());
        command.args(["-c", SCRIPT, &pid.to_string()]).stderr(Stdio::null());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (orders, answers) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut psutil = Self { child, orders, answers };
        // The first call imports and warms what the next ones need.
        psutil.ask(CALLS[0])?;
        Some(psutil)
    }

    /// CPU of one call in microseconds.
    fn ask(&mut self, call: &str) -> Option<f64> {
        writeln!(self.orders, "{call}").ok()?;
        let mut line = String::new();
        self.answers.read_line(&mut line).ok()?;
        line.trim().parse().ok()
    }
}

impl Drop for Psutil {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
