//! Processes that end with the bench, however it ends.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fdguard::sys::pidfd::{PidFd, Signal};

use super::Attempt;

/// As whom a process runs.
#[derive(Clone, Debug)]
pub(crate) enum Account {
    /// As the bench does.
    Own,
    /// As this user: PostgreSQL and PgBouncer refuse to be root.
    Other(String),
}

/// How a process is ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// PostgreSQL at once, its children with it.
    Quit,
    /// nginx at once: its workers outlive a master that is killed.
    Terminate,
    /// Anybody else.
    Kill,
}

/// A command that is sent its end when the thread that starts it is gone: start all from the main thread.
/// `setpriv` sets that and then becomes the program, so the process number is the program's.
pub(crate) fn command(program: &Path, account: &Account, end: End) -> Command {
    let mut command = Command::new("setpriv");
    let signal = match end {
        End::Quit => "QUIT",
        End::Terminate => "TERM",
        End::Kill => "KILL",
    };
    command.args(["--pdeathsig", signal]);
    if let Account::Other(user) = account {
        command.args(["--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.arg("--").arg(program).stdin(Stdio::null());
    command
}

/// Something that runs for longer; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    end: End,
}

impl Running {
    /// Starts it; what it says goes to a file.
    pub(crate) fn start(command: &mut Command, end: End, log: &Path) -> Attempt<Self> {
        let out = File::options().create(true).append(true).open(log)?;
        let child = command.stdout(out.try_clone()?).stderr(out).spawn()?;
        Ok(Self { child, end })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Before it is waited for: the number is its own.
    fn tell(&self, signal: Signal) {
        if let Ok(Ok(process)) = i32::try_from(self.child.id()).map(PidFd::open) {
            drop(process.signal(signal));
        }
    }

    /// Whether it still runs.
    pub(crate) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self.end {
            End::Quit => self.tell(Signal::QUIT),
            End::Terminate => self.tell(Signal::TERM),
            End::Kill => drop(self.child.kill()),
        }
        drop(self.child.wait());
    }
}
