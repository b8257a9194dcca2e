//! The foreground of the terminal: a child in a group of its own must be handed it to read keys and to be met by
//! Ctrl-C, as a shell does for its jobs.

use std::io::{IsTerminal as _, stdin};
use std::os::fd::AsFd as _;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, raise, sigaction};
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

/// Whether a child that stands still by this signal does so for the terminal's sake: Ctrl-Z, or keys it may not read now.
pub fn is_of_terminal(signal: i32) -> bool {
    [Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU].iter().any(|own| *own as i32 == signal)
}

/// Whether standard input is a terminal of which our group has the foreground.
pub fn is_ours() -> bool {
    stdin().is_terminal() && tcgetpgrp(stdin()) == Ok(getpgrp())
}

/// Stands still with our whole group, as Ctrl-Z has it, until a shell has it go on. Without a shell that could, the kernel
/// lets us go on at once.
pub fn stand_still() {
    // The others of our group by a signal that passes us by; ourselves by one that meets this very thread, so that
    // it does not run on until another one has taken it.
    set_action(Signal::SIGTSTP, SigHandler::SigIgn);
    let _none = killpg(getpgrp(), Signal::SIGTSTP);
    set_action(Signal::SIGTSTP, SigHandler::SigDfl);
    let _refused = raise(Signal::SIGTSTP);
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
fn ignore_background_writes() {
    set_action(Signal::SIGTTOU, SigHandler::SigIgn);
}

/// Ignores a signal, or does with it what is usual.
#[expect(unsafe_code, reason = "sigaction has no safe wrapper")]
fn set_action(signal: Signal, action: SigHandler) {
    let action = SigAction::new(action, SaFlags::empty(), SigSet::empty());
    // SAFETY: neither of the two installs a handler that could run.
    let _refused = unsafe { sigaction(signal, &action) };
}
