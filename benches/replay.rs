//! How long does a replay of a day at 1 Hz take, from the file to the last decision?
//!
//! Budget: under 2 s. A day of a leaking bot is recorded by the recorder itself; then the release binary replays
//! the reference policy on it, as an operator would. The time is that of the whole command.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use common::{Args, Figures, Report, process};
use fdguard::journal::place::Place;
use fdguard::journal::recorder::{History, Recorder, SAMPLES_QUEUED_MAX, Written};
use fdguard::journal::retention::Keep;
use fdguard::model::ages::Ages;
use fdguard::model::clock::{Clock as _, Timestamp, WallTime};
use fdguard::model::kind::Kind;
use fdguard::model::name::{Name, Remote};
use fdguard::model::observation::{Observation, RemoteSurvey};
use fdguard::model::process::ProcessId;
use fdguard::model::reading::{Gap, Reading};
use fdguard::model::signal::Signal;
use fdguard::sys::clock::{SystemClock, process_cpu};

const DAY: u32 = 86_400;
const PROCESS: ProcessId = ProcessId { pid: 4_242, inode: 7, started: 7, exe: (1, 2) };
/// The bot is at 85 descriptors after each restart, and leaks to 985 in so many seconds.
const SAW: u32 = 7_200;
const POLICY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/longport.toml");

fn main() -> ExitCode {
    let args = Args::read();
    let mut report = Report::begin("replay", "how long does a replay of a day at 1 Hz take?", args);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("history.db");
    let before = process_cpu();
    record(&file);
    let recording = Duration::from_nanos(process_cpu().saturating_sub(before)).as_secs_f64();
    report.tell("recording it, CPU, with the making of the samples", recording, "s");
    let size = std::fs::metadata(&file).map_or(f64::NAN, |file| file.len() as f64);
    report.tell("the history of a day", size / 1_048_576.0, "MiB");
    report.tell("  that is a sample", size / f64::from(DAY), "bytes");
    assert_eq!(replayed(&file), u64::from(DAY), "each sample is replayed");
    let (mut cpu, mut took) = (Figures::default(), Figures::default());
    for _ in 0..args.pick(3, 15) {
        let begun = SystemClock.now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fdguard"));
        command.args(["policy", "replay", POLICY, "--from"]).arg(&file);
        cpu.push(process::cpu_of(&mut command).unwrap_or(f64::NAN) / 1e6);
        took.push(SystemClock.now().since(begun).as_secs_f64());
    }
    report.judge("replay of the reference policy, CPU", cpu.median(), 2.0, "s");
    report.judge("replay of the reference policy, by the clock", took.median(), 2.0, "s");
    report.end()
}

/// How many samples a replay says it has seen.
fn replayed(file: &Path) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fdguard"));
    let output = command.args(["policy", "replay", "--json", POLICY, "--from"]).arg(file).output();
    let output = output.expect("the release binary runs").stdout;
    let told: serde_json::Value = serde_json::from_slice(&output).expect("it tells JSON");
    told["samples"].as_u64().expect("it tells how many samples there were")
}

fn record(file: &Path) {
    let keep = Keep { age: Duration::from_hours(24 * 30), size: 512 << 20 };
    let history = History { place: Place::Sqlite(file.to_owned()), keep };
    let recorder =
        Recorder::start(history, Arc::new(SystemClock), Box::new(|_| {})).expect("a thread can be had");
    let bot = Name::parse("bot").expect("a name");
    let mut made = Made::new();
    for second in 0..DAY {
        recorder.sample(&bot, PROCESS, &made.sample(second));
        if (second as usize).is_multiple_of(SAMPLES_QUEUED_MAX / 2) {
            assert_eq!(recorder.flush(Duration::from_secs(20)), Written::All, "the history takes it");
        }
    }
    assert_eq!(recorder.close(Duration::from_secs(20)), Written::All, "the history takes it");
    assert_eq!(recorder.lost(), 0, "each sample is in the history");
}

/// A bot that is made up: its noise comes from a small generator, so that each day is the same.
struct Made {
    state: u64,
    end: WallTime,
    remotes: Vec<Remote>,
    cpu: f64,
}

impl Made {
    fn new() -> Self {
        let remotes = (1..=8).map(|host| Remote::parse(&format!("10.0.0.{host}:443")).expect("a remote"));
        Self { state: 42, end: SystemClock.wall(), remotes: remotes.collect(), cpu: 0.0 }
    }

    /// From 0 to 1.
    fn noise(&mut self) -> f64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as f64 / f64::from(1_u32 << 24)
    }

    fn whole(&mut self, most: f64) -> f64 {
        (self.noise() * most).round()
    }

    fn sample(&mut self, second: u32) -> Observation {
        let before = i64::from(DAY - second) * 1_000;
        let wall = WallTime::from_millis(self.end.as_millis() - before);
        let at = Timestamp::from_millis(3_600_000 + u64::from(second) * 1_000);
        let mut seen = Observation::blank(at, wall, Gap::NotConfigured);
        let age = second % SAW;
        let leaked = f64::from(age / 8);
        let open = 85.0 + leaked + self.whole(6.0);
        seen.know(Signal::FdOpen, open);
        seen.know(Signal::FdLimit, 1_024.0);
        seen.know(Signal::FdHardLimit, 4_096.0);
        seen.know(Signal::FdRatio, (open / 1_024.0 * 1e3).round() / 1e3);
        seen.know(Signal::FdRate, 0.125);
        seen.know(Signal::FdTte, ((1_024.0 - open) * 8.0).round());
        seen.know(Signal::FdSockets, 60.0 + leaked);
        seen.know(Signal::FdFiles, 12.0);
        seen.know(Signal::FdPipes, 4.0);
        seen.know(Signal::FdEpoll, 1.0);
        let churn = self.whole(8.0);
        seen.know(Signal::FdChurn, churn);
        seen.know(Signal::SocketCloseWait, leaked);
        seen.know(Signal::SocketCloseWaitOldest, f64::from(age));
        seen.know(Signal::SocketOrphans, 0.0);
        seen.know(Signal::SocketEstablished, 60.0);
        seen.know(Signal::SocketRecvQueue, self.whole(2_000.0));
        seen.know(Signal::ProcessRss, 1.2e8 + leaked * 4_096.0);
        seen.know(Signal::ProcessThreads, 9.0);
        self.cpu = (self.cpu * 0.9 + self.noise() * 0.01) * 1e3;
        self.cpu = self.cpu.round() / 1e3;
        seen.know(Signal::ProcessCpu, self.cpu);
        seen.know(Signal::ProcessUptime, f64::from(age));
        seen.know(Signal::HostMemoryAvailable, 8e9 + self.whole(1_000.0) * 4_096.0);
        let load = self.whole(100.0) / 100.0;
        seen.know(Signal::HostLoad, load);
        self.full(&mut seen, age);
        seen
    }

    /// What only a full tick knows.
    fn full(&self, seen: &mut Observation, age: u32) {
        let mut kinds = [0; Kind::COUNT];
        kinds[Kind::Socket as usize] = 60 + age / 8;
        kinds[Kind::File as usize] = 12;
        seen.kinds = Reading::Known(Arc::new(kinds));
        let mut ages = Ages::default();
        for each in 0..age / 8 {
            ages.add(Duration::from_secs(u64::from(age - each * 8)));
        }
        seen.leaked = Reading::Known(Arc::new(ages));
        let surveys = self.remotes.iter().zip(0..).map(|(remote, place)| RemoteSurvey {
            remote: remote.clone(),
            count: 8 + age / 64,
            established: 8,
            close_wait: age / 64,
            syn_sent: 0,
            fin_wait: 0,
            connect_rate: f64::from((age + place) % 2),
        });
        seen.remotes = Reading::Known(Arc::new(surveys.collect()));
        seen.named = Arc::new(BTreeMap::new());
    }
}
