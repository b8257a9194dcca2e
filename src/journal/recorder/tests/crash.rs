//! The agent is killed in the middle of writing.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const CHILD: &str = "FDGUARD_TEST_JOURNAL_CHILD";

/// Runs one test of this binary as another process, on a given history.
pub(super) fn child(test: &str, path: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, path);
    command
}

/// The history that a parent test has named; none where this is no child, and so has nothing to do.
pub(super) fn child_path() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// The child of the test below.
#[test]
fn writes_until_killed() {
    let Some(path) = child_path() else { return };
    let (recorder, _hear) = start(history(path));
    let mut out = io::stdout();
    for round in 0u64.. {
        recorder.event(event(round.cast_signed()));
        for second in round * 40..(round + 1) * 40 {
            recorder.sample(&bot(), process(7), &sample(second));
        }
        recorder.remember(&bot(), round.to_string());
        assert_eq!(recorder.flush(WITHIN), Written::All);
        writeln!(out, "flushed {round}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_flushed_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut last = None;
    for lines in [3, 17, 40] {
        let mut child = child("journal::recorder::tests::crash::writes_until_killed", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let flushed = output
            .map(|line| line.unwrap())
            .filter_map(|line| Some(line.split_once("flushed ")?.1.parse::<u64>().unwrap()));
        last = flushed.take(lines).last();
        child.kill().unwrap();
        child.wait().unwrap();
        let last = last.expect("it flushed") + 1;
        assert!(last >= lines as u64);
        let mut reader = Blocking::open(&Place::Sqlite(path.clone())).unwrap();
        assert!(reader.memory(&bot()).unwrap().unwrap().json.parse::<u64>().unwrap() >= last - 1);
        assert!(all_samples(&path).len() as u64 >= last * 40);
        assert!(all_events(&path).len() as u64 >= last);
    }
    let (recorder, hear) = start(history(path.clone()));
    recorder.event(event(-1));
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(hear.try_iter().count(), 0, "the file was whole");
    assert_eq!(all_events(&path).last(), Some(&event(-1)));
    assert!(last.is_some());
}
