//! `history` of a real run.

use std::path::{Path, PathBuf};

use crate::fdguard::{Ran, as_nobody, command, fdguard};

/// A run of `exec` with a history, in a folder of its own.
struct Recorded {
    _folder: tempfile::TempDir,
    store: PathBuf,
}

fn recorded() -> Recorded {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("history.db");
    let file = folder.path().join("agent.toml");
    let settings = format!(
        "schema = 1\n[history]\nstore = \"sqlite:{}\"\n[admin]\nsocket = \"{}\"\n",
        store.display(),
        folder.path().join("s.sock").display()
    );
    std::fs::write(&file, settings).unwrap();
    let ran = command(["exec", "-c", file.to_str().unwrap(), "--", "sleep", "3"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    Recorded { _folder: folder, store }
}

fn history(store: &Path, arguments: &[&str]) -> Ran {
    fdguard(["history", "--store", store.to_str().unwrap()].iter().chain(arguments))
}

#[test]
fn events_are_sentences_oldest_first_and_samples_are_a_table() {
    let recorded = recorded();
    let told = history(&recorded.store, &[]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{told:?}");
    let place = |words: &str| told.out.find(words).unwrap_or_else(|| panic!("{words}: {}", told.out));
    assert!(place("agent started") < place("process adopted"));
    assert!(place("process adopted") < place("process ended: code 0"));

    let events = history(&recorded.store, &["--json"]).json_lines();
    assert_eq!(events.len(), told.out.lines().count());
    assert!(events.windows(2).all(|two| two[0]["wall"].as_i64() <= two[1]["wall"].as_i64()));

    let last = history(&recorded.store, &["--limit", "1"]);
    assert_eq!(last.out.lines().count(), 1);
    assert!(last.out.contains("agent stopping") && last.err.contains("--limit"), "{last:?}");

    let table = history(&recorded.store, &["--signal", "fd.open", "--target", "sleep"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    assert!(table.out.contains("min") && table.out.contains('▁'), "{}", table.out);
    let rows = history(&recorded.store, &["--signal", "fd.open", "--json"]).json_lines();
    assert!(rows.iter().any(|row| row["known"].as_u64().unwrap() > 0 && row["avg"].is_number()), "{rows:?}");

    let none = history(&recorded.store, &["--target", "other"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""));
    assert!(none.err.contains("no event"), "{}", none.err);
}

#[test]
fn what_is_no_history_exits_2_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let absent = history(&folder.path().join("none.db"), &[]);
    assert_eq!(absent.code, Some(2));
    assert!(
        absent.err.contains("there is no history at") && absent.err.contains("--store"),
        "{}",
        absent.err
    );
    assert!(!folder.path().join("none.db").exists(), "asking makes none");
    let foreign = folder.path().join("foreign.db");
    std::fs::write(&foreign, "not a database, and long enough to look at".repeat(50)).unwrap();
    let ran = history(&foreign, &["--signal", "fd.open"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("not a database"), "{}", ran.err);
}

#[test]
fn a_history_that_is_closed_to_the_one_who_asks_says_who_may() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::Builder::new().prefix("fdguard-closed").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let store = folder.path().join("history.db");
    std::fs::write(&store, "").unwrap();
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o640)).unwrap();
    let Some(ran) = as_nobody(["history", "--store", store.to_str().unwrap()]) else { return };
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("can't be read by this user") && ran.err.contains("`chgrp`"), "{ran:?}");
    assert!(ran.err.contains("[admin] allow"), "{ran:?}");
}
