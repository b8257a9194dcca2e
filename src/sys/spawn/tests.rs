//! Real children: what they see, how they end, and that none is left.

use super::*;
use crate::sys::keeper::tests::program;
use crate::sys::pidfd::{Ended, Waited};

const LONG: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Launch {
    Launch {
        argv: ["sh", "-c", script].map(OsString::from).to_vec(),
        environment: Vec::new(),
        folder: None,
        group: Group::Own,
        output: Output::Captured,
        death_signal: Signal::KILL,
        apart: Apart::default(),
    }
}

fn spawner() -> Spawner {
    Spawner::start().expect("a thread")
}

/// The first line a child says.
fn line(launched: &mut Launched) -> String {
    let mut line = String::new();
    io::BufRead::read_line(&mut said(launched), &mut line).expect("it speaks");
    line.trim().to_owned()
}

/// All that a child says.
fn text(launched: &mut Launched) -> String {
    let mut text = String::new();
    io::Read::read_to_string(&mut said(launched), &mut text).expect("it speaks");
    text
}

fn said(launched: &mut Launched) -> io::BufReader<std::fs::File> {
    let pipe = launched.output.take().expect("captured");
    nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETFL(OFlag::empty())).expect("blocking");
    io::BufReader::new(std::fs::File::from(pipe))
}

#[test]
fn output_environment_folder_and_exit_code_come_through() {
    let mut launch = shell("echo $GIVEN; echo ${HOME-none} >&2; pwd; exit 3");
    launch.environment = vec![("GIVEN".into(), Some("a b".into())), ("HOME".into(), None)];
    launch.folder = Some("/proc".into());
    let spawner = spawner();
    let mut launched = spawner.launch(launch).expect("it starts");
    assert_eq!(text(&mut launched), "a b\nnone\n/proc\n");
    assert_eq!(launched.process.wait_exit(LONG).expect("wait"), Waited::Ended);
    assert_eq!(launched.process.reap().expect("ours"), Some(Ended::Exited(3)));
}

#[test]
fn what_cannot_start_is_named() {
    let spawner = spawner();
    let launch = |argv: &[&str]| {
        let argv = argv.iter().map(OsString::from).collect();
        spawner.launch(Launch { argv, ..shell("") }).expect_err("nothing to run")
    };
    assert!(matches!(launch(&[]), LaunchError::Empty));
    assert!(matches!(launch(&["/nonexistent/program"]), LaunchError::NotFound { .. }));
    assert!(matches!(launch(&["/etc/passwd"]), LaunchError::NotExecutable { .. }));
}

#[test]
fn children_live_as_long_as_the_spawner_whoever_asked_for_them() {
    let spawner = spawner();
    // A thread that ends at once asks; the kernel would signal a child forked by that thread itself.
    let mut launched =
        thread::scope(|scope| scope.spawn(|| spawner.launch(shell("echo up; exec sleep 60"))).join())
            .expect("no panic")
            .expect("it starts");
    assert_eq!(line(&mut launched), "up");
    assert_eq!(launched.process.wait_exit(Duration::from_millis(50)).expect("wait"), Waited::StillRunning);
    drop(spawner);
    assert_eq!(launched.process.wait_exit(LONG).expect("wait"), Waited::Ended);
    assert_eq!(launched.process.reap().expect("ours"), Some(Ended::Killed(9)));
}

#[test]
fn the_keeper_ends_what_the_child_started_too() {
    let (spawner, mut keeper) = (spawner(), Keeper::start(&program()).expect("keeper"));
    let mut launched = spawner.launch(shell("sleep 60 & echo $!; wait")).expect("it starts");
    launched.end_with_agent(&mut keeper, Duration::from_millis(50)).expect("kept");
    let grandchild = PidFd::open(line(&mut launched).parse().expect("a pid")).expect("lives");
    drop(keeper);
    assert_eq!(grandchild.wait_exit(LONG).expect("wait"), Waited::Ended);
    assert_eq!(launched.process.wait_exit(LONG).expect("wait"), Waited::Ended);
    launched.process.reap().expect("ours");
}

const EASY: &str = "FDGUARD_TEST_IS_EASILY_KILLED";

/// To raise one's own score, as a process of its own does below, needs no privilege; nor does going back to 0.
#[test]
fn a_child_is_set_apart_from_us() {
    let own = std::env::current_exe().expect("a test binary");
    let script = "echo 300 > /proc/self/oom_score_adj && exec \"$@\"";
    let run = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(own)
        .args(["--exact", "sys::spawn::tests::sets_its_child_apart", "--nocapture"])
        .env(EASY, "1")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

/// The process of the test above; alone it has nothing to do.
#[test]
fn sets_its_child_apart() {
    if std::env::var_os(EASY).is_none() {
        return;
    }
    let spawner = spawner();
    let told = |apart: Apart| {
        let script = "cat /proc/self/oom_score_adj; ulimit -Sn; ulimit -Hn";
        let mut launched = spawner.launch(Launch { apart, ..shell(script) }).expect("it starts");
        text(&mut launched)
    };
    let nofile = Some(crate::sys::limits::NoFile { soft: 77, hard: 99 });
    assert_eq!(told(Apart { nofile, oom: Oom::Usual, group: None }), "0\n77\n99\n");
    assert!(told(Apart::default()).starts_with("300\n"));
}
