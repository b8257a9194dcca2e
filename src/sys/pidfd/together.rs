//! Waiting for several processes under one deadline.

use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{PidFd, Waited};
use crate::sys::deadline::Deadline;

/// Waits until all of them have ended, at most `limit` for all together. Says how each stands then, in their order.
pub fn wait_all(processes: &[&PidFd], limit: Duration) -> Vec<Waited> {
    let deadline = Deadline::after(limit);
    loop {
        let mut running: Vec<PollFd<'_>> = processes
            .iter()
            .filter(|process| process.is_alive())
            .map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN))
            .collect();
        if running.is_empty() || deadline.passed() {
            break;
        }
        let timeout = PollTimeout::try_from(deadline.poll_millis()).unwrap_or(PollTimeout::MAX);
        match poll(&mut running, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            // No memory for a poll of so many: what is known of each is told all the same.
            Err(_) => break,
        }
    }
    let now = |process: &&PidFd| if process.is_alive() { Waited::StillRunning } else { Waited::Ended };
    processes.iter().map(now).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::sys::deadline::Stopwatch;
    use crate::sys::pidfd::Signal;

    fn sleeper(seconds: &str) -> (Child, PidFd) {
        let child = Command::new("sleep").arg(seconds).spawn().expect("sleep starts");
        let process = PidFd::open(i32::try_from(child.id()).expect("fits")).expect("our child");
        (child, process)
    }

    #[test]
    fn all_are_waited_for_at_once_and_each_is_told() {
        let sleepers = ["0.3", "60", "0.3"].map(sleeper);
        let processes: Vec<&PidFd> = sleepers.iter().map(|(_, process)| process).collect();
        let clock = Stopwatch::start();
        let waited = wait_all(&processes, Duration::from_secs(3));
        assert_eq!(waited, [Waited::Ended, Waited::StillRunning, Waited::Ended]);
        assert!(clock.elapsed() >= Duration::from_secs(3), "the whole time for the one that stays");
        processes[1].signal(Signal::KILL).expect("ours");
        let clock = Stopwatch::start();
        assert_eq!(wait_all(&processes, Duration::from_secs(60)), [Waited::Ended; 3]);
        assert!(clock.elapsed() < Duration::from_secs(30), "no longer than the last one takes");
        assert_eq!(wait_all(&[], Duration::from_secs(60)), []);
        for (mut child, _) in sleepers {
            child.wait().expect("reaped");
        }
    }
}
