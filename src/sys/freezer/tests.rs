//! Real processes, in real cgroups where this machine lets us make them.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use super::*;
use crate::sys::keeper::tests::program;

const LONG: Duration = Duration::from_secs(10);

/// A process that counts in its own memory as long as it runs.
struct Counter {
    child: Child,
    pidfd: PidFd,
}

impl Counter {
    fn start() -> Self {
        let child = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .process_group(0)
            .spawn()
            .expect("sh starts");
        let pidfd = PidFd::open(i32::try_from(child.id()).expect("fits")).expect("our child");
        Self { child, pidfd }
    }

    fn hold(&self) -> PidFd {
        PidFd::open(self.pidfd.pid()).expect("our child lives")
    }

    /// Processor time used so far: grows while it runs, stands while it is frozen.
    fn ticks(&self) -> u64 {
        let path = format!("/proc/{}/schedstat", self.pidfd.pid());
        let text = std::fs::read_to_string(path).expect("our child");
        text.split(' ').next().and_then(|word| word.parse().ok()).expect("a number")
    }

    fn runs(&self) {
        let before = self.ticks();
        let deadline = Deadline::after(LONG);
        while self.ticks() == before {
            assert!(!deadline.passed(), "it does not run");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn stands(&self) {
        let before = self.ticks();
        thread::sleep(Duration::from_millis(30));
        assert_eq!(self.ticks(), before, "it runs");
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }
}

/// A cgroup of this test's own; `None` where none can be made here.
struct Cgroup(PathBuf);

impl Cgroup {
    fn make(mount: &str, name: &str) -> Option<Self> {
        let path = Path::new(mount).join(format!("fdguard-test-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).ok()?;
        Some(Self(path))
    }

    fn admit(&self, counter: &Counter) {
        std::fs::write(self.0.join("cgroup.procs"), counter.pidfd.pid().to_string()).expect("admitted");
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let deadline = Deadline::after(LONG);
        while std::fs::remove_dir(&self.0).is_err() && !deadline.passed() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn keeper() -> Keeper {
    Keeper::start(&program()).expect("keeper")
}

#[test]
fn without_a_cgroup_of_its_own_a_process_is_stopped_and_goes_on() {
    let (mut keeper, counter) = (keeper(), Counter::start());
    let frozen = Frozen::freeze(&mut keeper, vec![counter.hold()], LONG).expect("frozen");
    assert_eq!(frozen.means(), Means::Signals);
    counter.stands();
    frozen.thaw(&keeper).expect("thawed");
    counter.runs();
}

#[test]
fn with_a_cgroup_of_its_own_the_freezer_is_used_and_a_stranger_in_it_forbids_that() {
    let mounts = [("/sys/fs/cgroup/unified", Means::CgroupV2), ("/sys/fs/cgroup/freezer", Means::CgroupV1)];
    let (plain, mut tried) = ("/sys/fs/cgroup", 0);
    for (mount, means) in mounts.into_iter().chain([(plain, Means::CgroupV2)]) {
        // Counters end before the cgroup is removed: locals drop last to first.
        let Some(cgroup) = Cgroup::make(mount, "own") else { continue };
        if !cgroup.0.join("cgroup.procs").exists() {
            continue;
        }
        let (mut keeper, counter, stranger) = (keeper(), Counter::start(), Counter::start());
        cgroup.admit(&counter);
        let frozen = Frozen::freeze(&mut keeper, vec![counter.hold()], LONG).expect("frozen");
        assert_eq!(frozen.means(), means);
        counter.stands();
        let again = Frozen::freeze(&mut keeper, vec![counter.hold()], LONG);
        assert!(matches!(again, Err(FreezeError::AlreadyFrozen)), "{again:?}");
        frozen.thaw(&keeper).expect("thawed");
        counter.runs();
        cgroup.admit(&stranger);
        let frozen = Frozen::freeze(&mut keeper, vec![counter.hold()], LONG).expect("frozen");
        assert_eq!(frozen.means(), Means::Signals);
        stranger.runs();
        drop(frozen);
        counter.runs();
        tried += 1;
    }
    println!("{tried} cgroup hierarchies tried");
}

#[test]
fn the_death_of_the_agent_thaws_every_way_of_freezing() {
    for mount in ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/freezer", "/nonexistent"] {
        let cgroup = Cgroup::make(mount, "death");
        let (mut keeper, counter) = (keeper(), Counter::start());
        if let Some(cgroup) = cgroup.as_ref().filter(|cgroup| cgroup.0.join("cgroup.procs").exists()) {
            cgroup.admit(&counter);
        }
        let frozen = Frozen::freeze(&mut keeper, vec![counter.hold()], LONG).expect("frozen");
        counter.stands();
        // A killed process runs no destructor: only its descriptors close.
        std::mem::forget(frozen);
        drop(keeper);
        counter.runs();
    }
}

#[test]
fn the_time_limit_thaws_under_a_living_agent() {
    let (mut keeper, counter) = (keeper(), Counter::start());
    let limit = Duration::from_millis(80);
    let frozen = Frozen::freeze(&mut keeper, vec![counter.hold()], limit).expect("frozen");
    assert!(frozen.left() <= limit);
    counter.runs();
    assert!(frozen.left().is_zero(), "it ran before its time: {:?}", frozen.frozen_for());
}

#[test]
fn what_must_not_be_frozen_is_refused_by_name() {
    let (mut keeper, counter) = (keeper(), Counter::start());
    let own = PidFd::open(i32::try_from(std::process::id()).expect("fits")).expect("self");
    let mut freeze = |processes| Frozen::freeze(&mut keeper, processes, LONG);
    assert!(matches!(freeze(vec![]), Err(FreezeError::Nobody)));
    assert!(matches!(freeze(vec![own]), Err(FreezeError::Ourselves)));
    let stopped = counter.hold();
    stopped.signal(Signal::STOP).expect("stop");
    settle(Deadline::after(LONG), || stands_still(stopped.pid())).expect("stopped");
    assert!(matches!(freeze(vec![counter.hold()]), Err(FreezeError::AlreadyStopped { .. })));
    drop(counter);
    assert!(matches!(freeze(vec![stopped]), Err(FreezeError::Gone { .. })));
}

#[test]
fn without_a_keeper_nothing_is_frozen() {
    let (mut keeper, counter) = (keeper(), Counter::start());
    keeper.process().signal(Signal::KILL).expect("kill");
    keeper.process().wait_exit(LONG).expect("wait");
    let refused = Frozen::freeze(&mut keeper, vec![counter.hold()], LONG);
    assert!(matches!(refused, Err(FreezeError::NoKeeper { .. })), "{refused:?}");
    counter.runs();
}
