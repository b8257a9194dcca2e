//! Processes to guard: small Python programs that do what they are told, and tell when they are ready.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::agent::PATIENCE;
use crate::support::wait::wait_for;

/// Debian's own interpreter where there is one, before any shim.
pub(crate) fn python() -> &'static str {
    if std::path::Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

/// Counts on in a file, so that it can be seen to run.
pub(crate) const TICKING: &str = "\
import sys, time
print('ready', flush=True)
count = 0
while True:
    count += 1
    with open(sys.argv[1], 'w') as out: out.write(str(count))
    time.sleep(0.02)
";

/// Opens so many descriptors and waits.
pub(crate) const HOLDING: &str = "\
import os, sys, time
held = [os.open('/dev/null', os.O_RDONLY) for _ in range(int(sys.argv[1]))]
print('ready', flush=True)
time.sleep(600)
";

/// Opens twenty descriptors a second.
pub(crate) const LEAKING: &str = "\
import os, time
held = []
print('ready', flush=True)
while True:
    held.append(os.open('/dev/null', os.O_RDONLY))
    time.sleep(0.05)
";

/// A process of the test; killed with it.
pub(crate) struct Target {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Target {
    /// Starts a program with its arguments and waits for its first line, `ready`.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        Self::under(&[], program, arguments)
    }

    /// The same, started by another command.
    pub(crate) fn under(before: &[&str], program: &str, arguments: &[&str]) -> Self {
        let mut words =
            before.iter().copied().chain([python(), "-c", program]).chain(arguments.iter().copied());
        let mut command = Command::new(words.next().expect("not empty"));
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the target starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut target = Self { child, out };
        assert_eq!(target.line(), "ready");
        target
    }

    /// Its next line.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Its number; its own while it is not waited for.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("fits")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("ours").is_none()
    }

    /// Waits for its end.
    pub(crate) fn wait_end(&mut self) -> std::process::ExitStatus {
        wait_for("the target ends", PATIENCE, || self.child.try_wait().expect("ours"), String::new)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Already ended, as often as not.
        drop(self.child.kill());
        self.child.wait().expect("reaped");
    }
}

/// The letter of a process's state; nothing where it is no more.
pub(crate) fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Whether no process has this number, but perhaps a zombie.
pub(crate) fn has_ended(pid: i32) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}
