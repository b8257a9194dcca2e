//! How long from the moment a bot crosses a threshold to the start of the action?
//!
//! Budget: p99 under 50 ms at 1,000 descriptors a second. A bot opens a descriptor each millisecond and writes down
//! when the one was opened that makes the raise true; a real agent guards it. The end is taken where the agent decided (its
//! event); where the bot sees its limit raised, an action of the agent itself; and where the hook that the
//! agent starts runs its first line. All are CLOCK_BOOTTIME.
//!
//! Two parts. *Out of the quiet*: bots that did nothing for a while, each crosses once, 40 ms after it began to leak:
//! the agent looks at its slowest when it begins. *In a storm*: one bot that crosses again and again.

mod common;

use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use common::agent::Agent;
use common::victim::{Victim, lift_limit, say, serve};
use common::{Args, Figures, Report, wants};
use fdguard::model::clock::{Clock as _, Timestamp};
use fdguard::model::decision::{Verdict, Work};
use fdguard::model::event::Fact;
use fdguard::sys::clock::SystemClock;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The raise is `fd.open > QUIET.threshold` of a bot out of the quiet.
const QUIET: Ramp = Ramp { threshold: 50, top: 300 };
/// The same of a bot in a storm.
const STORM: Ramp = Ramp { threshold: 300, top: 500 };
/// Between two descriptors.
const PACE: Duration = Duration::from_millis(1);
/// At the most between a crossing and what belongs to it.
const NEAR: Duration = Duration::from_millis(400);
/// The soft limit of a bot, which the action raises to its hard one.
const SOFT: u64 = 1_024;
/// So long nothing happens before the first bot leaks: the agent has come to its slowest pace.
const SETTLED: Duration = Duration::from_secs(3);
/// Bots that wait for their turn, and how often so many are guarded; an agent takes at most 64 targets.
const BOTS: usize = 24;
const BATCHES: (usize, usize) = (1, 5);
/// Times that the bot in a storm crosses.
const ROUNDS: (usize, usize) = (24, 120);

/// How a bot leaks.
#[derive(Clone, Copy, Debug)]
struct Ramp {
    /// The count that is to be crossed.
    threshold: usize,
    /// It opens on to this count, then closes all.
    top: usize,
}

/// What one crossing had for its ends, as the bot saw it.
#[derive(Clone, Copy, Debug)]
struct Crossing {
    at: Timestamp,
    /// When its limit was raised.
    raised: Option<Timestamp>,
}

/// What bots and agents saw.
#[derive(Clone, Debug, Default)]
struct Seen {
    crossings: Vec<Crossing>,
    /// When an agent decided to act.
    decided: Vec<Timestamp>,
    /// When a hook ran.
    ran: Vec<Timestamp>,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("stamp") {
        return stamp();
    }
    if serve(leak) {
        return ExitCode::SUCCESS;
    }
    lift_limit();
    let args = Args::read();
    let mut report =
        Report::begin("detection", "how long from the crossing to the action, at 1,000 fd/s?", args);
    if wants("quiet") {
        out_of_the_quiet(args, &mut report);
    }
    if wants("storm") {
        in_a_storm(args, &mut report);
    }
    report.end()
}

fn policy(ramp: Ramp) -> String {
    let Ramp { threshold, top: _ } = ramp;
    format!(
        "schema = 1
name = \"bench\"
about = \"Acts as soon as it can, again and again.\"

[ladder.descriptors]
start_grace = \"0s\"

[[ladder.descriptors.tier]]
name = \"over\"
raise = \"fd.open > {threshold}\"
clear = \"fd.open < {}\"
dwell = \"0s\"
cooldown = \"0s\"
do = [{{ raise_nofile = {{ to = \"hard\" }} }}, {{ run = {{ hook = \"stamp\" }} }}]
",
        threshold / 2
    )
}

/// Each bot crosses once, after it has been quiet.
fn out_of_the_quiet(args: Args, report: &mut Report) {
    let bot = |_| Victim::start(&format!("leak {} {} 1", QUIET.threshold, QUIET.top));
    let mut seen = Seen::default();
    for _ in 0..args.pick(BATCHES.0, BATCHES.1) {
        let mut victims: Vec<Victim> = (0..BOTS).map(bot).collect();
        let guard = Guard::over(&mut victims, QUIET);
        std::thread::sleep(SETTLED);
        seen.crossings.extend(victims.iter_mut().flat_map(crossings));
        guard.tell(&mut seen);
    }
    tell("out of the quiet", &seen, report);
}

/// One bot that crosses again and again.
fn in_a_storm(args: Args, report: &mut Report) {
    let rounds = args.pick(ROUNDS.0, ROUNDS.1);
    let mut victim = Victim::start(&format!("leak {} {} {rounds}", STORM.threshold, STORM.top));
    let guard = Guard::over(std::slice::from_mut(&mut victim), STORM);
    let mut seen = Seen { crossings: crossings(&mut victim), ..Seen::default() };
    guard.tell(&mut seen);
    tell("in a storm", &seen, report);
}

/// An agent over bots that wait to be told to go.
struct Guard {
    agent: Agent,
    stamps: tempfile::NamedTempFile,
}

impl Guard {
    fn over(victims: &mut [Victim], ramp: Ramp) -> Self {
        for victim in victims.iter_mut() {
            assert_eq!(victim.line(), "ready", "the bot waits to be guarded");
        }
        let program = std::env::current_exe().expect("this program has a path");
        let stamps = tempfile::NamedTempFile::new().expect("a temporary file can be made");
        let (program, file) = (program.display(), stamps.path().display());
        let hook = format!("\n[hook.stamp]\nrun = [\"{program}\", \"stamp\", \"{file}\"]\n");
        let pids: Vec<u32> = victims.iter().map(Victim::pid).collect();
        Self { agent: Agent::guarding(&pids, &policy(ramp), &hook), stamps }
    }

    /// Adds what the agent decided and when its hooks ran.
    fn tell(&self, seen: &mut Seen) {
        // The history is written within a second.
        std::thread::sleep(Duration::from_secs(2));
        let events = self.agent.events().into_iter();
        let started = events.filter(|event| match &event.fact {
            Fact::Decision(decision) => {
                decision.verdict == Verdict::Start && matches!(decision.work, Work::Do(_))
            }
            _ => false,
        });
        seen.decided.extend(started.map(|event| event.at));
        let stamps = std::fs::read_to_string(self.stamps.path()).unwrap_or_default();
        seen.ran.extend(stamps.lines().filter_map(timestamp));
    }
}

/// Has a bot leak, and hears what it saw.
fn crossings(victim: &mut Victim) -> Vec<Crossing> {
    victim.tell("go");
    let mut crossings = Vec::new();
    loop {
        let line = victim.line();
        let Some((at, raised)) = line.split_once(' ') else { break };
        let at = timestamp(at).expect("a bot writes numbers");
        crossings.push(Crossing { at, raised: timestamp(raised) });
    }
    crossings
}

fn timestamp(nanos: &str) -> Option<Timestamp> {
    nanos.parse().ok().map(Timestamp::from_nanos)
}

fn tell(part: &str, seen: &Seen, report: &mut Report) {
    let Seen { crossings, decided, ran } = seen;
    report.tell(&format!("crossings {part}"), crossings.len() as f64, "");
    let raised: Vec<Timestamp> = crossings.iter().filter_map(|crossing| crossing.raised).collect();
    judge(&format!("crossing to decision, {part}"), crossings, decided, report);
    judge(&format!("crossing to the raised limit, {part}"), crossings, &raised, report);
    judge(&format!("crossing to the running hook, {part}"), crossings, ran, report);
}

/// A crossing without its action is none that was fast.
fn judge(what: &str, crossings: &[Crossing], ends: &[Timestamp], report: &mut Report) {
    let mut figures = Figures::default();
    for Crossing { at, raised: _ } in crossings {
        let end = ends.iter().find(|end| **end >= *at && end.since(*at) < NEAR);
        figures.push(end.map_or(f64::INFINITY, |end| end.since(*at).as_secs_f64() * 1e3));
    }
    let missed = crossings.len() - figures.within(NEAR.as_secs_f64() * 1e3);
    report.tell(&format!("{what}, missed"), missed as f64, "");
    report.tell(&format!("{what}, median"), figures.median(), "ms");
    report.judge(&format!("{what}, p99"), figures.quantile(0.99), 50.0, "ms");
    report.tell(&format!("{what}, worst"), figures.quantile(1.0), "ms");
}

/// The hook: writes down when it ran.
fn stamp() -> ExitCode {
    let now = SystemClock.now().as_nanos();
    let path = std::env::args().nth(2).expect("the bench names a file");
    let file = File::options().append(true).open(path);
    file.and_then(|mut file| writeln!(file, "{now}")).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

/// The bot.
fn leak(task: &str) {
    let words: Vec<&str> = task.split(' ').collect();
    let ["leak", threshold, top, rounds] = words.as_slice() else {
        unreachable!("no task of this bench: {task}")
    };
    let number = |word: &str| word.parse::<usize>().expect("the bench writes numbers");
    let ramp = Ramp { threshold: number(threshold), top: number(top) };
    say("ready");
    let mut go = String::new();
    std::io::stdin().read_line(&mut go).expect("the bench says when to go");
    for round in 0..number(rounds) {
        limit_softly();
        // Never in step with the agent: pauses of another length each time.
        let turn = u64::from(std::process::id()) + round as u64;
        std::thread::sleep(Duration::from_millis(200 + turn * 337 % 300));
        let Crossing { at, raised } = climb(ramp);
        let raised = raised.map_or_else(|| "-".to_owned(), |at| at.as_nanos().to_string());
        say(&format!("{} {raised}", at.as_nanos()));
    }
    say("done");
}

/// Back to the limit that the agent is to raise.
fn limit_softly() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a process may ask for its limits");
    setrlimit(Resource::RLIMIT_NOFILE, SOFT, hard).expect("the soft limit may be lowered");
}

/// Opens one descriptor a millisecond up to the top.
fn climb(ramp: Ramp) -> Crossing {
    let open = std::fs::read_dir("/proc/self/fd").expect("a process sees its own table").count() - 1;
    let (mut held, mut crossed, mut raised) = (Vec::with_capacity(ramp.top), None, None);
    let begun = SystemClock.now();
    for number in open..ramp.top {
        let due = begun + PACE * u32::try_from(number - open).unwrap_or(0);
        let left = due.since(SystemClock.now());
        if !left.is_zero() {
            std::thread::sleep(left);
        }
        let soft = getrlimit(Resource::RLIMIT_NOFILE).expect("a process may ask for its limits").0;
        if soft != SOFT && raised.is_none() {
            raised = Some(SystemClock.now());
        }
        // Before it is opened: whoever notices can't be earlier.
        if number == ramp.threshold {
            crossed = Some(SystemClock.now());
        }
        held.push(File::open("/dev/null").expect("there is room below the limit"));
    }
    Crossing { at: crossed.expect("the top is above the threshold"), raised }
}
