//! The foreground of the terminal: a child in a group of its own must be handed it to read keys and to be met by
//! Ctrl-C, as a shell does for its jobs.

use std::io::{IsTerminal as _, stdin};
use std::os::fd::AsFd as _;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// A child's group has the foreground; dropping this takes it back.
#[derive(Debug)]
pub struct Foreground(());

impl Foreground {
    /// Hands the terminal to the group that `leader` leads. `None` where standard input is no terminal, or where
    /// we do not have its foreground ourselves: then there is nothing to hand over.
    pub fn hand_to(leader: i32) -> Option<Self> {
        if !stdin().is_terminal() || tcgetpgrp(stdin()) != Ok(getpgrp()) {
            return None;
        }
        ignore_background_writes();
        tcsetpgrp(stdin().as_fd(), Pid::from_raw(leader)).ok()?;
        Some(Self(()))
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        // A terminal that has hung up has nothing to take back.
        let _gone = tcsetpgrp(stdin().as_fd(), getpgrp());
    }
}

/// Taking the foreground back from the background raises SIGTTOU, which would stop us.
#[expect(unsafe_code, reason = "sigaction has no safe wrapper")]
fn ignore_background_writes() {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: ignoring a signal installs no handler that could run.
    let _refused = unsafe { sigaction(Signal::SIGTTOU, &ignore) };
}
