//! Real children: what they see, how they end, and that none is left.

use super::bounded::{Bounds, Time, run};
use super::*;
use crate::sys::keeper::tests::program;
use crate::sys::pidfd::{Ended, Waited};

const LONG: Duration = Duration::from_secs(10);
const BOUNDS: Bounds = Bounds { time: LONG, grace: LONG, output: 1024 };

fn shell(script: &str) -> Launch {
    Launch {
        argv: ["sh", "-c", script].map(OsString::from).to_vec(),
        environment: Vec::new(),
        folder: None,
        group: Group::Own,
        output: Output::Captured,
        death_signal: Signal::KILL,
    }
}

fn spawner() -> Spawner {
    Spawner::start().expect("a thread")
}

/// The first line a child says.
fn line(launched: &mut Launched) -> String {
    let pipe = launched.output.take().expect("captured");
    nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETFL(OFlag::empty())).expect("blocking");
    let mut line = String::new();
    io::BufRead::read_line(&mut io::BufReader::new(std::fs::File::from(pipe)), &mut line).expect("it speaks");
    line.trim().to_owned()
}

#[test]
fn output_environment_folder_and_exit_code_come_through() {
    let mut launch = shell("echo $GIVEN; echo ${HOME-none} >&2; pwd; exit 3");
    launch.environment = vec![("GIVEN".into(), Some("a b".into())), ("HOME".into(), None)];
    launch.folder = Some("/proc".into());
    let ran = run(&spawner(), launch, BOUNDS).expect("it runs");
    assert_eq!(ran.ended, Ended::Exited(3));
    assert_eq!(ran.time, Time::Kept);
    assert_eq!(String::from_utf8_lossy(&ran.output), "a b\nnone\n/proc\n");
}

#[test]
fn output_is_bounded_and_the_rest_counted() {
    let ran = run(&spawner(), shell("head -c 100000 /dev/zero"), BOUNDS).expect("it runs");
    assert_eq!((ran.output.len(), ran.dropped), (1024, 100_000 - 1024));
}

#[test]
fn a_hook_that_outstays_its_time_is_ended_with_all_it_started() {
    let bounds = Bounds { time: Duration::from_millis(300), grace: Duration::from_millis(50), output: 64 };
    let ran = run(&spawner(), shell("trap '' TERM; sleep 60 & echo $!; wait; wait; sleep 60"), bounds)
        .expect("it runs");
    assert_eq!((ran.ended, ran.time), (Ended::Killed(9), Time::Exceeded));
    assert!(ran.took >= bounds.time && ran.took < LONG);
    let text = String::from_utf8_lossy(&ran.output).into_owned();
    let grandchild = PidFd::open(text.trim().parse().expect("a pid"));
    if let Ok(grandchild) = grandchild {
        assert_eq!(grandchild.wait_exit(LONG).expect("wait"), Waited::Ended);
    }
}

#[test]
fn a_grandchild_that_keeps_the_pipe_does_not_keep_us() {
    let ran = run(&spawner(), shell("sleep 60 & echo $!"), BOUNDS).expect("it runs");
    assert!(ran.took < LONG);
    let left =
        PidFd::open(String::from_utf8_lossy(&ran.output).trim().parse().expect("a pid")).expect("lives");
    left.signal(Signal::KILL).expect("ours to end");
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
