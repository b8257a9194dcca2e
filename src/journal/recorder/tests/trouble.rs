//! Files that are corrupt, gone, unwritable, full, or somebody else's.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::crash::{child, child_path};
use super::*;

fn filled(path: &Path) {
    let (recorder, _hear) = start(history(path.to_owned()));
    (0..500).for_each(|number| recorder.event(event(number)));
    (0..400).for_each(|second| recorder.sample(&bot(), process(7), &sample(second)));
    assert_eq!(recorder.close(WITHIN), Written::All);
}

fn corrupt_files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".corrupt-") && !name.ends_with("-wal")).count()
}

#[test]
fn garbage_is_moved_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    fs::write(&path, vec![0x5a; 9_000]).unwrap();
    let (recorder, hear) = start(history(path.clone()));
    recorder.event(event(1));
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(corrupt_files(folder.path()), 1);
    let told: Vec<Fact> = hear.try_iter().collect();
    assert!(matches!(&told[0], Fact::HistoryLost { why } if why.contains(".corrupt-")), "{told:?}");
    assert_eq!(told[1], Fact::HistoryBack { lost: 0 });
    let facts: Vec<Fact> = all_events(&path).into_iter().map(|event| event.fact).collect();
    assert!(facts.contains(&event(1).fact) && facts.contains(&told[0]) && facts.contains(&told[1]));
}

#[test]
fn corruption_under_an_open_file_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    filled(&path);
    let (recorder, hear) = start(history(path.clone()));
    recorder.remember(&bot(), "kept".to_owned());
    assert_eq!(recorder.flush(WITHIN), Written::All);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xee; usize::try_from(length).unwrap() - 4096], 4096).unwrap();
    // The WAL still covers what was written last; it goes on until a page is read from the file.
    let mut told = Vec::new();
    eventually(
        || {
            (0..200).for_each(|number| recorder.event(event(1_000 + number)));
            recorder.flush(WITHIN);
            told.extend(hear.try_iter());
            told.iter().any(|fact| matches!(fact, Fact::HistoryBack { .. }))
        },
        "a fresh file",
    );
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(corrupt_files(folder.path()), 1);
    let memory = Blocking::open(&Place::Sqlite(path.clone())).unwrap().memory(&bot()).unwrap();
    assert_eq!(
        memory.map(|memory| memory.json).as_deref(),
        Some("kept"),
        "what rules remember is written again"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes are hit, the recorder goes on, in this file or in a fresh one, and reading says so or works.
    #[test]
    fn damage_anywhere_never_stops_it(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 8]>()), 1..30),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        filled(&path);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
        for (hit, bytes) in hits {
            // Not the first page's head: there a hit makes it another application's file, which is left alone.
            file.write_all_at(&bytes, 100 + hit.index(length - 108) as u64).unwrap();
        }
        if let Some(cut) = cut {
            file.set_len(cut.index(length) as u64).unwrap();
        }
        if let Ok(mut reader) = Blocking::open(&Place::Sqlite(path.clone())) {
            drop(reader.events(&EventFilter::default()));
            if let Ok(recorded) = reader.recorded() {
                for process in recorded {
                    drop(reader.samples(&process, Range::default()).find(Result::is_err));
                }
            }
        }
        let (recorder, _hear) = start(history(path.clone()));
        (0..300).for_each(|number| recorder.event(event(10_000 + number)));
        (0..100).for_each(|second| recorder.sample(&bot(), process(8), &sample(second)));
        let mut written = recorder.flush(WITHIN);
        if written == Written::NotAll {
            written = recorder.flush(WITHIN);
        }
        prop_assert_eq!(written, Written::All);
        prop_assert_eq!(recorder.lost(), 0);
        recorder.close(WITHIN);
        let found = Blocking::open(&Place::Sqlite(path.clone())).unwrap().events(&EventFilter { limit: Some(1), ..EventFilter::default() });
        prop_assert!(found.is_ok(), "{found:?}");
    }
}

#[test]
fn a_damaged_block_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    filled(&path);
    let bytes = fs::read(&path).unwrap();
    let place = bytes.windows(4).position(|window| window == b"fdb\x01").unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 4], place as u64 + 40).unwrap();
    let mut reader = Blocking::open(&Place::Sqlite(path.clone())).unwrap();
    let recorded = reader.recorded().unwrap();
    let mut samples = reader.samples(&recorded[0], Range::default());
    let read = samples.by_ref().map(Result::unwrap).fold(0, |count, _| count + 1);
    assert_eq!(samples.damaged(), 1);
    assert!(read == 100 || read == 300, "{read}: one block of two");
}

#[test]
fn a_deleted_file_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (recorder, hear) = start(history(path.clone()));
    recorder.sample(&bot(), process(7), &sample(0));
    recorder.event(event(1));
    assert_eq!(recorder.flush(WITHIN), Written::All);
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(folder.path().join(format!("history.db{suffix}"))).unwrap();
    }
    recorder.sample(&bot(), process(7), &sample(1));
    recorder.event(event(2));
    recorder.flush(WITHIN);
    assert_eq!(recorder.flush(WITHIN), Written::All);
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert_eq!(all_samples(&path), [85.0, 86.0], "the open block is written whole again");
    assert!(all_events(&path).contains(&event(2)));
    assert!(matches!(hear.try_iter().next(), Some(Fact::HistoryLost { .. })));
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let made = Command::new("python3")
        .args([
            "-c",
            "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('create table t(x)'); c.commit()",
        ])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    let before = fs::read(&path).unwrap();
    let (recorder, hear) = start(history(path.clone()));
    recorder.event(event(1));
    assert_eq!(recorder.close(WITHIN), Written::NotAll);
    let told: Vec<Fact> = hear.try_iter().collect();
    assert!(
        matches!(&told[..], [Fact::HistoryLost { why }] if why.contains("another application")),
        "{told:?}"
    );
    // Its journal mode is a matter of its head; its content is what must stand.
    let after = fs::read(&path).unwrap();
    assert_eq!(before[100..], after[100..]);
    assert_eq!(corrupt_files(folder.path()), 0);
}

#[test]
fn without_a_folder_it_waits_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later/history.db");
    let (recorder, hear) = start(history(path.clone()));
    (0..4_000).for_each(|number| {
        recorder.event(event(number));
        if number % 500 == 0 {
            recorder.flush(WITHIN);
        }
    });
    assert_eq!(recorder.flush(WITHIN), Written::NotAll);
    assert!(matches!(hear.recv_timeout(WITHIN), Ok(Fact::HistoryLost { .. })));
    fs::create_dir(folder.path().join("later")).unwrap();
    // The next try is made by its own timer.
    let back = hear.recv_timeout(WITHIN).unwrap();
    assert_eq!(back, Fact::HistoryBack { lost: recorder.lost() });
    assert!(recorder.lost() > 0, "more than is kept back");
    assert_eq!(recorder.close(WITHIN), Written::All);
    assert!(all_events(&path).contains(&event(3_999)));
}

/// A directory where the file should be: not even root can write it.
#[test]
fn an_unusable_path_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (recorder, hear) = start(history(folder.path().to_owned()));
    recorder.sample(&bot(), process(7), &sample(0));
    assert_eq!(recorder.flush(WITHIN), Written::NotAll);
    assert_eq!(recorder.close(WITHIN), Written::NotAll);
    assert_eq!(hear.try_iter().count(), 1);
}

/// Runs a child test where a small file system, prepared by this shell text, stands at the folder.
fn in_namespace(mount: &str, test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    filled(&path);
    let child = child(test, &path);
    let inner = std::iter::once(child.get_program()).chain(child.get_args());
    let mut command = Command::new("unshare");
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    command.arg(if root { "-m" } else { "-Urm" });
    command
        .args(["sh", "-c", &format!("cd / && F=$0 && {mount} && exec \"$@\"")])
        .arg(folder.path())
        .args(inner);
    command.envs(child.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_read_only_file_system_never_stops_it() {
    in_namespace(
        "mount --bind $F $F && mount -o remount,ro,bind $F",
        "journal::recorder::tests::trouble::finds_it_read_only",
    );
}

/// The child of the test above.
#[test]
fn finds_it_read_only() {
    let Some(path) = child_path() else { return };
    let (recorder, hear) = start(history(path.clone()));
    recorder.event(event(9_999));
    assert_eq!(recorder.flush(WITHIN), Written::NotAll);
    assert!(matches!(hear.try_recv(), Ok(Fact::HistoryLost { .. })));
    assert_eq!(all_events(&path).len(), 500, "what is there can be read");
    assert_eq!(recorder.close(WITHIN), Written::NotAll);
}

#[test]
fn a_full_disk_never_stops_it() {
    in_namespace("mount -t tmpfs -o size=256k none $F", "journal::recorder::tests::trouble::finds_it_full");
}

/// The child of the test above.
#[test]
fn finds_it_full() {
    let Some(path) = child_path() else { return };
    let ballast = path.with_file_name("ballast");
    fs::write(&ballast, vec![1; 100 << 10]).unwrap();
    let (recorder, hear) = start(history(path.clone()));
    let mut number = 0;
    let mut told = Vec::new();
    eventually(
        || {
            (0..200).for_each(|_| {
                recorder.event(event(number));
                number += 1;
            });
            recorder.flush(WITHIN);
            told.extend(hear.try_iter());
            !told.is_empty()
        },
        "the disk to be full",
    );
    assert!(
        matches!(&told[0], Fact::HistoryLost { why } if why.contains("full") || why.contains("I/O")),
        "{told:?}"
    );
    fs::remove_file(ballast).unwrap();
    assert!(matches!(hear.recv_timeout(WITHIN), Ok(Fact::HistoryBack { .. })));
    drop(recorder);
}
