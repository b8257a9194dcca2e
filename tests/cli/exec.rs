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

/// Runs a script under a file that has a child of its own, which runs another; both in a folder of theirs.
fn beside(helper: &str, script: &str) -> (Ran, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let file = folder.path().join("agent.toml");
    let settings = format!(
        "schema = 1\nhistory.store = \"none\"\nadmin.socket = \"{path}/s.sock\"\n\
         [target.helper]\nmatch = {{ child = {{ argv = [\"/bin/sh\", \"-c\", '''{helper}'''], cwd = \"{path}\" }} }}\npolicy = []\n"
    );
    std::fs::write(&file, settings).unwrap();
    let script = format!("cd {path}; {script}");
    let given = ["exec", "--name", "bot", "-c", file.to_str().unwrap(), "--", "/bin/sh", "-c", &script];
    (fdguard(given), folder)
}

#[test]
fn it_ends_with_its_own_command_and_not_with_a_child_of_the_file() {
    let script = "while [ ! -e over ]; do sleep 0.02; done; sleep 1; exit 3";
    let (ran, _folder) = beside("touch over; exit 7", script);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.err.contains("code=7"), "{ran:?}");
}

#[test]
fn a_signal_is_passed_on_to_its_own_command_alone() {
    let helper = "trap \"touch told\" USR1; trap \"touch ended; exit 0\" TERM; touch ready; while :; do sleep 0.02; done";
    let script = "trap \"sleep 0.5; exit 5\" USR1; while [ ! -e ready ]; do sleep 0.02; done; kill -USR1 $PPID; \
                  while :; do sleep 0.02; done";
    let (ran, folder) = beside(helper, script);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(!folder.path().join("told").exists(), "{ran:?}");
    assert!(folder.path().join("ended").exists(), "it is ended in order: {ran:?}");
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
