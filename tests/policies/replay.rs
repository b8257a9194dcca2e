//! Policies on a recorded history, from the command line.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use fdguard::journal::place::Place;
use fdguard::journal::recorder::{History, Recorder, Written};
use fdguard::journal::retention::Keep;
use fdguard::model::ages::Ages;
use fdguard::model::clock::{ManualClock, Timestamp, WallTime};
use fdguard::model::kind::Kind;
use fdguard::model::name::{Name, Remote};
use fdguard::model::observation::{Observation, RemoteSurvey};
use fdguard::model::process::ProcessId;
use fdguard::model::reading::{Gap, Reading};
use fdguard::model::signal::Signal;

const START: i64 = 1_767_571_200_000;
const WITHIN: Duration = Duration::from_mins(1);

/// A bot that leaks 2.5 a minute and is restarted every four hours, as the agent would have recorded it.
fn seen(second: u64) -> Observation {
    let wall = WallTime::from_millis(START + i64::try_from(second).unwrap() * 1_000);
    let age = second % 14_400;
    let open = (85.0 + age as f64 * 2.5 / 60.0).floor();
    let mut seen =
        Observation::blank(Timestamp::from_millis(1_000_000 + second * 1_000), wall, Gap::NotSupported);
    let left = (1_024.0 - open) / 2.5 * 60.0;
    let plain = [
        (Signal::FdOpen, open),
        (Signal::FdLimit, 1_024.0),
        (Signal::FdHardLimit, 4_096.0),
        (Signal::FdRatio, open / 1_024.0),
        (Signal::FdTte, if age < 600 { f64::INFINITY } else { left }),
        (Signal::FdRate, 2.5 / 60.0),
        (Signal::FdSockets, open - 40.0),
        (Signal::SocketCloseWait, (open - 85.0).max(0.0)),
        (Signal::SocketEstablished, 12.0 + (second % 5) as f64),
        (Signal::SocketOrphans, 0.0),
        (Signal::ProcessRss, 1e8 + age as f64 * 512.0),
        (Signal::ProcessCpu, 0.02 + (second % 7) as f64 / 100.0),
        (Signal::ProcessThreads, 9.0),
        (Signal::ProcessUptime, 60.0 + age as f64),
        (Signal::HostLoad, 0.4 + (second % 11) as f64 / 10.0),
        (Signal::HostMemoryAvailable, 1e9 + (second % 13) as f64 * 4_096.0),
        (Signal::OrdersOpen, 0.0),
    ];
    for (signal, value) in plain {
        seen.know(signal, value);
    }
    let mut kinds = [0; Kind::COUNT];
    kinds[Kind::Socket as usize] = 45 + u32::try_from(age / 24).unwrap();
    seen.kinds = Reading::Known(Arc::new(kinds));
    let mut ages = Ages::default();
    for dead in 0..age / 240 {
        ages.add(Duration::from_secs(dead * 60));
    }
    seen.leaked = Reading::Known(Arc::new(ages));
    let survey = RemoteSurvey {
        remote: Remote::parse("10.0.0.1:5432").unwrap(),
        count: 30,
        established: 2,
        close_wait: 28,
        syn_sent: 0,
        fin_wait: 0,
        connect_rate: 0.1,
    };
    seen.remotes = Reading::Known(Arc::new(vec![survey]));
    seen
}

fn recorded(folder: &Path, seconds: u64) -> PathBuf {
    let path = folder.join("history.db");
    let clock = Arc::new(ManualClock::new(WallTime::from_millis(START)));
    let history = History {
        place: Place::Sqlite(path.clone()),
        keep: Keep { age: Duration::from_hours(48), size: 512 << 20 },
    };
    let recorder = Recorder::start(history, clock, Box::new(|_| ())).unwrap();
    let bot = Name::parse("bot").unwrap();
    for second in 0..seconds {
        let life = second / 14_400 + 1;
        let process =
            ProcessId { pid: 4_000 + u32::try_from(life).unwrap(), inode: life, started: life, exe: (1, 1) };
        recorder.sample(&bot, process, &seen(second));
        if second % 500 == 499 {
            assert_eq!(recorder.flush(WITHIN), Written::All);
        }
    }
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(recorder.lost(), 0);
    path
}

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn fdguard(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fdguard")).arg("policy").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_recording_is_replayed_swept_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let store = recorded(folder.path(), 2 * 3_600);
    let (store, longport) = (store.to_str().unwrap(), policies().join("longport.toml"));
    let longport = longport.to_str().unwrap();

    let first = fdguard(&["replay", longport, "--from", store]);
    assert_eq!(first.status.code(), Some(0));
    let told = text(&first);
    assert!(told.contains("longport on bot: 7200 samples, 1h59m59s from 2026-01-05T00:00:00Z"), "{told}");
    assert!(told.contains("descriptors: normal → attention"), "{told}");
    assert!(told.contains("counterfactual from here"), "{told}");
    assert_eq!(told, text(&fdguard(&["replay", longport, "--from", store])), "not the same bytes");

    let swept =
        text(&fdguard(&["replay", longport, "--from", store, "--sweep", "attention.raise:200..350:50"]));
    let rows: Vec<Vec<&str>> = swept.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ["200", "250", "300", "350"], "{swept}");

    let newer = folder.path().join("newer.toml");
    std::fs::write(
        &newer,
        std::fs::read_to_string(longport).unwrap().replace("fd.open > 300", "fd.open > 320"),
    )
    .unwrap();
    let compared = fdguard(&["diff", longport, newer.to_str().unwrap(), "--from", store]);
    assert_eq!(compared.status.code(), Some(1));
    assert!(text(&compared).lines().any(|line| line.starts_with("- ") && line.contains("goes to attention")));
    let same = fdguard(&["diff", longport, longport, "--from", store]);
    assert_eq!((same.status.code(), text(&same).as_str()), (Some(0), "no difference on this record\n"));
}

#[test]
fn faulty_files_and_absent_recordings_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.toml");
    std::fs::write(
        &broken,
        "schema = 1\nname = \"x\"\n[[ladder.d.tier]]\nname = \"a\"\nraise = \"fd.opne > 3\"\n",
    )
    .unwrap();
    let broken = broken.to_str().unwrap();
    let checked = fdguard(&["check", broken]);
    assert_eq!(checked.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&checked.stderr).contains("fd.open"), "{checked:?}");
    let longport = policies().join("longport.toml");
    let absent = fdguard(&["replay", longport.to_str().unwrap(), "--from", "/nonexistent/history.db"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("there is no history"), "{absent:?}");
    assert_eq!(fdguard(&["test", broken]).status.code(), Some(2));
    assert_eq!(fdguard(&["schema"]).status.code(), Some(0));
}

#[test]
fn a_scenario_that_does_not_hold_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(policies().join("default.toml"), folder.path().join("default.toml")).unwrap();
    let tests = folder.path().join("default.test.toml");
    let scenario = "schema = 1\npolicy = \"default.toml\"\n[[scenario]]\nname = \"x\"\nlength = \"1m\"\n\
                    start = { \"fd.open\" = 85 }\nexpect = [{ at = \"30s\", tier = \"critical\" }]\n";
    std::fs::write(&tests, scenario).unwrap();
    let policy = folder.path().join("default.toml");
    let output = fdguard(&["test", policy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output);
    assert!(told.contains("the tier is normal") && told.contains("default.test.toml:7:"), "{told}");
}
