//! The foreground of the terminal: a child in a group of its own must be handed it to read keys and to be met by
//! Ctrl-C, as a shell does for its jobs.

use std::io::{IsTerminal as _, stdin};
use std::os::fd::AsFd as _;

use nix::libc;
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

/// How many characters fit on a line of the terminal that standard output is; `None` where it is none.
#[expect(unsafe_code, reason = "the request for the size has no safe wrapper")]
pub fn width() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the structure is ours, outlives the call, and is what TIOCGWINSZ fills.
    let asked = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0 && size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Taking the foreground back from the background raises SIGTTOU, which would stop us.
#[expect(unsafe_code, reason = "sigaction has no safe wrapper")]
fn ignore_background_writes() {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: ignoring a signal installs no handler that could run.
    let _refused = unsafe { sigaction(Signal::SIGTTOU, &ignore) };
}
