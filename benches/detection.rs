//! How long from the moment a bot crosses a threshold to the start of the action?
//!
//! Budget: p99 under 50 ms at 1,000 descriptors a second. A bot opens a descriptor each millisecond and writes down
//! when the one was opened that makes the raise true; a real agent guards it. The end is taken twice: when the
//! agent decided (its event), and when the hook that it starts runs its first line. All three are CLOCK_BOOTTIME.

mod common;

use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use common::agent::Agent;
use common::victim::{Victim, say, serve};
use common::{Args, Figures, Report};
use fdguard::model::clock::{Clock as _, Timestamp};
use fdguard::model::decision::{Verdict, Work};
use fdguard::model::event::Fact;
use fdguard::sys::clock::SystemClock;
use nix::sys::resource::{Resource, setrlimit};

/// The raise is `fd.open > THRESHOLD`.
const THRESHOLD: usize = 300;
/// The bot opens on to this count, then closes all.
const TOP: usize = 500;
/// Between two descriptors.
const PACE: Duration = Duration::from_millis(1);
/// At the most between a crossing and what belongs to it.
const NEAR: Duration = Duration::from_millis(700);

const POLICY: &str = "
schema = 1
name = \"bench\"
about = \"Acts as soon as it can, again and again.\"

[ladder.descriptors]
start_grace = \"0s\"

[[ladder.descriptors.tier]]
name = \"over\"
raise = \"fd.open > 300\"
clear = \"fd.open < 100\"
dwell = \"0s\"
cooldown = \"0s\"
do = [{ run = { hook = \"stamp\" } }]
";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("stamp") {
        return stamp();
    }
    if serve(leak) {
        return ExitCode::SUCCESS;
    }
    let args = Args::read();
    let mut report =
        Report::begin("detection", "how long from the crossing to the action, at 1,000 fd/s?", args);
    measure("1024", 1_024, args, &mut report);
    measure("as high as may be", usize::MAX, args, &mut report);
    report.end()
}

/// One bot with a limit on descriptors: the agent looks the oftener the nearer the limit is.
fn measure(name: &str, limit: usize, args: Args, report: &mut Report) {
    let rounds = args.pick(12, 110);
    let mut victim = Victim::start(&format!("leak {limit} {rounds}"));
    assert_eq!(victim.line(), "ready", "the bot waits to be guarded");
    let program = std::env::current_exe().expect("this program has a path");
    let stamps = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let hook = format!(
        "\n[hook.stamp]\nrun = [\"{}\", \"stamp\", \"{}\"]\n",
        program.display(),
        stamps.path().display()
    );
    let agent = Agent::guarding(victim.pid(), POLICY, &hook);
    victim.tell("go");
    let mut crossings = Vec::new();
    loop {
        let line = victim.line();
        match line.parse() {
            Ok(nanos) => crossings.push(Timestamp::from_nanos(nanos)),
            Err(_) => break,
        }
    }
    // The history is written within a second.
    std::thread::sleep(Duration::from_secs(2));
    let decided = decisions(&agent);
    let text = std::fs::read_to_string(stamps.path()).unwrap_or_default();
    let ran: Vec<Timestamp> =
        text.lines().filter_map(|line| line.parse().ok()).map(Timestamp::from_nanos).collect();
    let at = format!("limit {name}");
    report.tell(&format!("crossings, {at}"), crossings.len() as f64, "");
    tell(&format!("crossing to decision, {at}"), &crossings, &decided, report);
    tell(&format!("crossing to the running action, {at}"), &crossings, &ran, report);
}

/// A crossing without its action is none that was fast.
fn tell(what: &str, crossings: &[Timestamp], ends: &[Timestamp], report: &mut Report) {
    let mut figures = Figures::default();
    for crossing in crossings {
        let end = ends.iter().find(|end| **end >= *crossing && end.since(*crossing) < NEAR);
        figures.push(end.map_or(f64::INFINITY, |end| end.since(*crossing).as_secs_f64() * 1e3));
    }
    let missed = crossings.len() - figures.within(NEAR.as_secs_f64() * 1e3);
    report.tell(&format!("{what}, missed"), missed as f64, "");
    report.tell(&format!("{what}, median"), figures.median(), "ms");
    report.judge(&format!("{what}, p99"), figures.quantile(0.99), 50.0, "ms");
}

fn decisions(agent: &Agent) -> Vec<Timestamp> {
    let events = agent.events().into_iter();
    let started = events.filter(|event| match &event.fact {
        Fact::Decision(decision) => {
            decision.verdict == Verdict::Start && matches!(decision.work, Work::Do(_))
        }
        _ => false,
    });
    started.map(|event| event.at).collect()
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
    let ["leak", limit, rounds] = words.as_slice() else { unreachable!("no task of this bench: {task}") };
    let limit: u64 = limit.parse().expect("the bench writes numbers");
    if limit < 1 << 20 {
        setrlimit(Resource::RLIMIT_NOFILE, limit, limit).expect("a limit may be lowered");
    }
    let rounds: u32 = rounds.parse().expect("the bench writes numbers");
    say("ready");
    let mut go = String::new();
    std::io::stdin().read_line(&mut go).expect("the bench says when to go");
    for round in 0..rounds {
        // Never in step with the agent: pauses of another length each time.
        std::thread::sleep(Duration::from_millis(900 + u64::from(round * 337 % 800)));
        say(&ramp().as_nanos().to_string());
    }
}

/// Opens one descriptor a millisecond up to the top; gives when the threshold was crossed.
fn ramp() -> Timestamp {
    let open = std::fs::read_dir("/proc/self/fd").expect("a process sees its own table").count() - 1;
    let (mut held, mut crossed) = (Vec::with_capacity(TOP), None);
    let begun = SystemClock.now();
    for number in open..TOP {
        let due = begun + PACE * u32::try_from(number - open).unwrap_or(0);
        let left = due.since(SystemClock.now());
        if !left.is_zero() {
            std::thread::sleep(left);
        }
        // Before it is opened: whoever notices can't be earlier.
        if held.len() + open == THRESHOLD {
            crossed = Some(SystemClock.now());
        }
        held.push(File::open("/dev/null").expect("there is room below the limit"));
    }
    crossed.expect("the top is above the threshold")
}
