//! A small child on which everything is tried: it has two sockets in CLOSE_WAIT and waits for the doctor to go.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::cli::exit::Exit;
use crate::cli::print;
use crate::sys::adopted::Adopted;
use crate::sys::proc_root::ProcRoot;

/// Sockets in CLOSE_WAIT that the child shows: one to destroy, one to reap.
pub(super) const CLOSE_WAITS: usize = 2;

/// The child. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Patient {
    child: Child,
    /// Its life: it ends when this is closed, also where the doctor is killed.
    stdin: Option<ChildStdin>,
    adopted: Adopted,
}

impl Patient {
    /// Starts it and waits until it is ready.
    pub(super) fn start() -> io::Result<Self> {
        let mut child = Command::new("/proc/self/exe")
            .arg("__patient")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut ready = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut ready)?;
        }
        let stdin = child.stdin.take();
        match Adopted::open(&ProcRoot::default(), child.id()) {
            Ok(adopted) => Ok(Self { child, stdin, adopted }),
            Err(error) => {
                drop(stdin);
                child.wait()?;
                Err(io::Error::other(error))
            }
        }
    }

    pub(super) fn adopted(&self) -> &Adopted {
        &self.adopted
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // One that was ended by a trial has its status taken all the same.
        drop(self.child.wait());
    }
}

/// The child's side: `fdguard __patient`.
pub(in crate::cli) fn run() -> Exit {
    // Without loopback there are no sockets to try things on, and the doctor says so.
    let _kept = left_by_their_peers();
    wait()
}

fn left_by_their_peers() -> io::Result<(TcpListener, Vec<TcpStream>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut left = Vec::new();
    for _ in 0..CLOSE_WAITS {
        let mut ours = TcpStream::connect(listener.local_addr()?)?;
        drop(listener.accept()?);
        // The end has arrived once it can be read.
        ours.read_to_end(&mut Vec::new())?;
        left.push(ours);
    }
    Ok((listener, left))
}

/// Until the doctor closes our standard input.
fn wait() -> Exit {
    print::out("ready\n");
    match io::stdin().read_to_end(&mut Vec::new()) {
        Ok(_) => Exit::Good,
        Err(_) => Exit::Usage,
    }
}
