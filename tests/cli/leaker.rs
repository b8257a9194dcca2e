//! A process that leaks as told, and lives until it is dropped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// What every leaker has at hand.
const HEAD: &str = "
import select, socket, struct, sys, tempfile, threading
kept = []
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen(512)
def pair():
    ours = socket.create_connection(listener.getsockname())
    return ours, listener.accept()[0]
def left():
    ours, theirs = pair(); theirs.close(); kept.append(ours); return ours
def reset():
    ours, theirs = pair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); theirs.close()
    kept.append(ours)
";
/// It ends when its standard input does: also where the test is killed.
const TAIL: &str = "\nprint('ready', listener.getsockname()[1], flush=True)\nsys.stdin.read()\n";

/// The process.
pub(crate) struct Leaker {
    child: Child,
    /// The port on loopback to which it connects.
    pub(crate) port: u16,
}

impl Leaker {
    /// Starts Python with that piece of program, and waits until it is done leaking.
    pub(crate) fn start(program: &str) -> Self {
        Self::start_with(program, &[])
    }

    /// The same, with these variables.
    pub(crate) fn start_with(program: &str, variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new("python3")
            .args(["-c", &format!("{HEAD}{program}{TAIL}")])
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("ready ").unwrap().parse().unwrap();
        Self { child, port }
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// The remote of what it leaks.
    pub(crate) fn remote(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Leaker {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
