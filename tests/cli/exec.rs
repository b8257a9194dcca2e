//! `exec` before and around its child; what it does for the child is tested elsewhere.

use std::os::unix::fs::PermissionsExt as _;

use crate::fdguard::{Ran, fdguard};

/// Runs `sleep 0` under a file with these lines, in a folder of its own.
fn with_file(lines: &str, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let socket = folder.path().join("s.sock");
    let own = format!("schema = 1\nhistory.store = \"none\"\nadmin.socket = \"{}\"\n", socket.display());
    std::fs::write(&file, format!("{own}{lines}")).unwrap();
    let given = ["exec", "-c", file.to_str().unwrap()];
    fdguard(given.iter().chain(arguments).chain(&["--", "sleep", "0"]))
}

#[test]
fn a_command_that_is_not_there_is_told_as_such() {
    let ran = fdguard(["exec", "--", "nosuchcmd"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(127), ""), "{ran:?}");
    assert_eq!(ran.err, "fdguard: the command `nosuchcmd` is not found in the folders of PATH\n");
    let ran = fdguard(["exec", "--", "/no/such/bot"]);
    assert_eq!(ran.code, Some(127));
    assert_eq!(ran.err, "fdguard: the command `/no/such/bot` is not found: no such file\n");
}

#[test]
fn a_file_that_nobody_may_execute_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bot");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let ran = fdguard(["exec".as_ref(), "--".as_ref(), file.as_os_str()]);
    assert_eq!(ran.code, Some(126), "{ran:?}");
    assert!(ran.err.contains("can't be run") && ran.err.contains("chmod +x"), "{ran:?}");
}

#[test]
fn it_says_where_it_can_be_asked() {
    let ran = fdguard(["exec", "--", "sleep", "0"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("fdguard status --socket /") && ran.err.contains("/exec-"), "{ran:?}");
}

#[test]
fn a_target_of_the_file_with_the_same_name_is_no_less_than_a_fault() {
    let lines = "[target.sleep]\nmatch = { pid = 1 }\npolicy = []\n";
    let ran = with_file(lines, &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("agent.toml:5: the file has a target `sleep`"), "{ran:?}");
    assert!(ran.err.contains("`--name`"), "{ran:?}");
    let ran = with_file(lines, &["--name", "bot"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("target=\"bot\""), "{ran:?}");
    assert!(ran.err.contains("process started"), "{ran:?}");
}
