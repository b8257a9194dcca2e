//! Live processes for the tests of this room: started here, told what to do by lines, killed at the end.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::sys::adopted::Adopted;
use crate::sys::proc_root::ProcRoot;

/// A child process; killed and reaped when dropped.
pub(crate) struct Victim {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Victim {
    /// Runs a Python script.
    pub(crate) fn python(script: &str) -> Self {
        Self::command(Command::new("/usr/bin/python3").args(["-c", script]))
    }

    /// Runs a command with its input and output in our hands.
    pub(crate) fn command(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { orders: child.stdin.take(), answers, child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn adopt(&self) -> Adopted {
        Adopted::open(&ProcRoot::default(), self.pid()).expect("a live child can be adopted")
    }

    /// The next line it writes; empty once it has closed its output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("its output can be read");
        line.trim().to_owned()
    }

    /// Sends a line and waits for the answer.
    pub(crate) fn ask(&mut self, order: &str) -> String {
        writeln!(self.orders.as_mut().expect("its input is open"), "{order}").expect("it listens");
        self.line()
    }

    /// Tells it that there are no more orders.
    pub(crate) fn close_input(&mut self) {
        self.orders = None;
    }

    /// Kills it without reaping: a zombie afterwards.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.answers, &mut rest).expect("its output ends");
    }

    /// Kills and reaps it.
    pub(crate) fn end(&mut self) {
        self.kill();
        self.child.wait().expect("it can be reaped");
    }
}

/// Whether this is the process in which a test was to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Yes: go on.
    Here,
    /// It ran elsewhere and passed.
    Passed,
}

/// Runs one test in a process of its own, where no other test opens descriptors.
pub(crate) fn alone(test: &str) -> Place {
    alone_under(&[], test)
}

/// The same in a process id namespace of its own, with its own `/proc`, as root there.
pub(crate) fn alone_with_pids(test: &str) -> Place {
    let root = nix::unistd::geteuid().is_root();
    let flags = if root { "-pf" } else { "-rpf" };
    alone_under(&["unshare", flags, "--mount-proc", "--kill-child"], test)
}

fn alone_under(wrapper: &[&str], test: &str) -> Place {
    const MARK: &str = "FDGUARD_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return Place::Here;
    }
    let binary = std::env::current_exe().expect("the test binary has a path");
    let mut words = wrapper.iter().map(std::ffi::OsStr::new).chain([binary.as_os_str()]);
    let mut command = Command::new(words.next().expect("the binary at least"));
    command.args(words).args(["--exact", test, "--nocapture", "--test-threads=1"]);
    let output = command.env(MARK, "1").output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    Place::Passed
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.orders = None;
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
