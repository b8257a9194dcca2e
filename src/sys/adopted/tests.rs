use std::time::Duration;

use super::*;
use crate::sys::victim::{Place, Victim, alone, alone_with_pids};

const HOLD_TEN: &str = "
import os, sys
held = [os.open('/dev/null', os.O_RDONLY) for _ in range(10)]
print('ready', flush=True)
for line in sys.stdin:
    held.append(os.open('/dev/null', os.O_RDONLY))
    print(len(held), flush=True)
";

#[test]
fn a_live_child_is_counted_and_known() {
    let mut victim = Victim::python(HOLD_TEN);
    victim.line();
    let adopted = victim.adopt();
    let before = adopted.count().unwrap();
    assert!(before >= 13);
    victim.ask("more");
    assert_eq!(adopted.count().unwrap(), before + 1);
    assert_eq!(adopted.id().pid, victim.pid());
    assert_eq!(adopted.id(), victim.adopt().id());
    assert_eq!(adopted.executable().unwrap(), adopted.id().exe);
    assert!(adopted.executable_path().unwrap().to_str().unwrap().contains("python"));
    assert_eq!(adopted.boot().len(), 36);
    let (soft, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    assert_eq!(adopted.nofile().unwrap(), NofileLimits { soft, hard });
}

#[test]
fn adoption_costs_as_many_descriptors_as_it_says() {
    let name = "sys::adopted::tests::adoption_costs_as_many_descriptors_as_it_says";
    if alone(name) == Place::Passed {
        return;
    }
    let victim = Victim::python(HOLD_TEN);
    let own = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = own();
    let adopted = victim.adopt();
    assert_eq!(own() - before, DESCRIPTORS_PER_TARGET);
    drop(adopted);
    assert_eq!(own(), before);
}

#[test]
fn a_zombie_and_a_reaped_process_are_gone_and_never_zero() {
    let mut victim = Victim::python(HOLD_TEN);
    victim.line();
    let adopted = victim.adopt();
    let pid = victim.pid();
    victim.kill();
    adopted.pidfd().wait_exit(Duration::from_secs(10)).unwrap();
    let mut listing = Listing::new();
    assert!(matches!(adopted.count(), Err(ReadError::Gone)), "zombie");
    assert!(matches!(adopted.list(&mut listing, usize::MAX, |_| Trust::Look), Err(ReadError::Gone)));
    assert!(matches!(Adopted::open(&ProcRoot::default(), pid), Err(AdoptError::Gone { .. })));
    victim.end();
    assert!(matches!(adopted.count(), Err(ReadError::Gone)), "reaped");
    assert!(matches!(adopted.nofile(), Err(ReadError::Gone)));
    assert!(matches!(Stat::read(&adopted), Err(ReadError::Gone)));
    assert!(matches!(adopted.bytes("comm", 100), Err(ReadError::Gone)));
    assert!(matches!(adopted.executable(), Err(ReadError::Gone)));
    assert!(matches!(adopted.list(&mut listing, usize::MAX, |_| Trust::Look), Err(ReadError::Gone)));
    assert!(matches!(Adopted::open(&ProcRoot::default(), pid), Err(AdoptError::Gone { .. })));
}

#[test]
fn a_first_thread_that_ended_makes_no_zero() {
    let mut victim = Victim::python(
        "
import ctypes, threading, time
def stay():
    time.sleep(0.05)
    print('ready', flush=True)
    time.sleep(60)
threading.Thread(target=stay).start()
ctypes.CDLL(None).syscall(60, 0)
",
    );
    victim.line();
    let adopted = victim.adopt();
    assert!(adopted.is_alive());
    assert_eq!(adopted.count().unwrap_err().gap(), crate::model::reading::Gap::NotSupported);
}

#[test]
fn a_thread_is_no_process() {
    let thread = std::thread::spawn(|| {
        let own = u32::try_from(nix::unistd::gettid().as_raw()).unwrap();
        Adopted::open(&ProcRoot::default(), own).err()
    });
    assert!(matches!(thread.join().unwrap(), Some(AdoptError::Thread { .. })));
}

#[test]
fn a_proc_of_strangers_is_refused() {
    let tree = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("1", tree.path().join("self")).unwrap();
    let error = Adopted::open(&ProcRoot::new(tree.path()), 1).unwrap_err();
    assert!(matches!(error, AdoptError::ForeignProc { .. }));
}

/// In a pid namespace of its own, where the next number can be chosen.
#[test]
fn whoever_gets_the_number_next_is_a_stranger() {
    let name = "sys::adopted::tests::whoever_gets_the_number_next_is_a_stranger";
    if alone_with_pids(name) == Place::Passed {
        return;
    }
    let root = ProcRoot::default();
    let mut listing = Listing::new();
    for _ in 0..20 {
        let mut first = Victim::python(HOLD_TEN);
        first.line();
        let (pid, adopted) = (first.pid(), first.adopt());
        first.end();
        std::fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
        let mut second = Victim::python(HOLD_TEN);
        second.line();
        assert_eq!(second.pid(), pid, "the number was reused");

        assert!(!adopted.is_alive());
        assert!(matches!(adopted.count(), Err(ReadError::Gone)));
        assert!(matches!(adopted.nofile(), Err(ReadError::Gone)));
        assert!(matches!(Stat::read(&adopted), Err(ReadError::Gone)));
        assert!(matches!(adopted.bytes("comm", 100), Err(ReadError::Gone)));
        assert!(matches!(adopted.list(&mut listing, usize::MAX, |_| Trust::Look), Err(ReadError::Gone)));
        assert!(matches!(crate::sys::children::read(&root, &adopted), Err(ReadError::Gone)));
        let other = second.adopt();
        assert_eq!(other.id().pid, adopted.id().pid);
        assert_ne!(other.id(), adopted.id());
    }
}
