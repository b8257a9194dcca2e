//! A real keeper process (this test binary, started again) and real children, across a real kill -9.

use std::process::Child;

use super::*;
use crate::sys::pidfd::{Signal, Waited};

const LONG: Duration = Duration::from_secs(10);
const SERVE: &str = "FDGUARD_TEST_SERVES_AS_KEEPER";

/// Not a test of anything by itself: the body of the keeper process that the others start.
#[test]
fn serves_as_keeper() {
    if std::env::var_os(SERVE).is_some() {
        keeper_main().expect("the keeper serves");
    }
}

/// This test binary, told to run nothing but the function above.
pub(crate) fn program() -> KeeperProgram {
    let path = std::env::current_exe().expect("a test binary").to_string_lossy().into_owned();
    let words = [format!("{SERVE}=1"), path, "--exact".into(), "sys::keeper::tests::serves_as_keeper".into()];
    KeeperProgram { path: "/usr/bin/env".into(), arguments: words.to_vec() }
}

fn sleeper() -> (Child, PidFd) {
    use std::os::unix::process::CommandExt;
    let child = Command::new("sleep").arg("60").process_group(0).spawn().expect("sleep starts");
    let pidfd = PidFd::open(i32::try_from(child.id()).expect("fits")).expect("our child");
    (child, pidfd)
}

fn state(pidfd: &PidFd) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pidfd.pid())).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('?')
}

fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = crate::sys::deadline::Deadline::after(LONG);
    while !holds() {
        assert!(!deadline.passed(), "never came true");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_stopped_process_goes_on_when_the_agent_is_gone() {
    let mut keeper = Keeper::start(&program()).expect("keeper");
    let (mut child, process) = sleeper();
    keeper.keep(Undo::Continue, None, &[process.as_fd()]).expect("kept");
    process.signal(Signal::STOP).expect("stop");
    eventually(|| state(&process) == 'T');
    // What the agent's death does: the last holder of the socket is gone.
    drop(keeper);
    eventually(|| state(&process) == 'S');
    process.signal(Signal::KILL).expect("kill");
    child.wait().expect("reaped");
}

#[test]
fn a_time_limit_undoes_under_a_living_agent_and_a_release_forgets() {
    let mut keeper = Keeper::start(&program()).expect("keeper");
    let (mut child, process) = sleeper();
    let (mut other_child, other) = sleeper();
    let limit = Some(Duration::from_millis(100));
    let released = keeper.keep(Undo::Continue, limit, &[other.as_fd()]).expect("kept");
    keeper.keep(Undo::Continue, limit, &[process.as_fd()]).expect("kept");
    keeper.release(released).expect("released");
    process.signal(Signal::STOP).expect("stop");
    other.signal(Signal::STOP).expect("stop");
    eventually(|| state(&other) == 'T');
    eventually(|| state(&process) == 'S');
    assert_eq!(state(&other), 'T', "what was released is left alone");
    drop(keeper);
    for (child, process) in [(&mut child, process), (&mut other_child, other)] {
        process.signal(Signal::KILL).expect("kill");
        child.wait().expect("reaped");
    }
}

#[test]
fn a_whole_group_ends_with_the_agent_even_if_it_ignores_the_polite_signal() {
    use std::os::unix::process::CommandExt;
    let mut keeper = Keeper::start(&program()).expect("keeper");
    let script = "trap '' TERM; sleep 60 & echo $!; wait; wait";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh starts");
    let leader = PidFd::open(i32::try_from(child.id()).expect("fits")).expect("our child");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    io::BufRead::read_line(&mut io::BufReader::new(out), &mut line).expect("the shell speaks");
    let member = PidFd::open(line.trim().parse().expect("a pid")).expect("the grandchild");
    let grace = Duration::from_millis(50);
    keeper.keep(Undo::End { grace }, None, &[leader.as_fd()]).expect("kept");
    drop(keeper);
    assert_eq!(member.wait_exit(LONG).expect("wait"), Waited::Ended);
    assert_eq!(leader.wait_exit(LONG).expect("wait"), Waited::Ended);
    child.wait().expect("reaped");
}

#[test]
fn the_keeper_outlives_polite_signals_and_leaves_our_session() {
    let mut keeper = Keeper::start(&program()).expect("keeper");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        keeper.process().signal(signal).expect("signal");
    }
    let (mut child, process) = sleeper();
    keeper.keep(Undo::Continue, None, &[process.as_fd()]).expect("it still answers");
    let own = nix::unistd::getsid(None).expect("our session");
    let its = nix::unistd::Pid::from_raw(keeper.process().pid());
    assert_ne!(nix::unistd::getsid(Some(its)).expect("its session"), own);
    process.signal(Signal::KILL).expect("kill");
    child.wait().expect("reaped");
}

#[test]
fn a_dead_keeper_is_noticed_before_anything_relies_on_it() {
    let mut keeper = Keeper::start(&program()).expect("keeper");
    keeper.process().signal(Signal::KILL).expect("kill");
    keeper.process().wait_exit(LONG).expect("wait");
    let own = PidFd::open(i32::try_from(std::process::id()).expect("fits")).expect("self");
    let refused = keeper.keep(Undo::Continue, None, &[own.as_fd()]);
    assert!(matches!(refused, Err(KeeperError::Ended)), "{refused:?}");
}
