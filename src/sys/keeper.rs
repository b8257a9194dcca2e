//! A small process that outlives the agent by a moment, to undo what must not outlast it.
//!
//! ```text
//!  agent ──socket──► keeper          order: undo this by that time, or when I am gone
//!    │                 │ answers     only then does the agent do what is to be undone
//!    ▼ dies (kill -9)  ▼
//!                   end of file ──► thaw all ──► end all: TERM, grace, KILL ──► exit
//! ```
//! A frozen bot must never stay frozen because its guard died, and a child must not be orphaned. Neither can be left to
//! the dying process. The keeper is our own binary started afresh (its hidden `__keeper` command calls [`keeper_main`]),
//! not a fork: a fork of a process with threads may hardly do anything. It is started early, when
//! descriptors and memory are there; it lives in its own session, so that no signal to our group meets it, and ignores
//! the polite ones. It holds descriptors only: pidfds and opened cgroup files, sent over the socket, never a number
//! or a path that could come to mean something else.
//!
//! What it cannot survive is being killed together with the agent (a service manager that ends the whole cgroup):
//! the unit therefore says `KillMode=process`.

use std::io;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType};
use nix::sys::socket::{recv, sendmsg, socketpair};

use crate::sys::pidfd::{PidFd, PidFdError};

mod message;
mod served;

use message::Message;
pub use message::{Undo, UndoId};
pub use served::keeper_main;

/// How long the keeper may take to confirm an order.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Descriptors in one message; the kernel takes 253.
const DESCRIPTORS_PER_MESSAGE: usize = 200;

/// How to start the keeper: a program that calls [`keeper_main`] with these arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeeperProgram {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Default for KeeperProgram {
    /// Our own binary, even if its file has been replaced meanwhile.
    fn default() -> Self {
        Self { path: "/proc/self/exe".into(), arguments: vec!["__keeper".into()] }
    }
}

/// Why the keeper could not be given something to keep.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// It could not be started.
    #[error("could not start the keeper")]
    Start {
        /// Why.
        source: io::Error,
    },
    /// It was started but could not be taken hold of.
    #[error("could not hold the keeper")]
    Hold {
        /// Why.
        source: PidFdError,
    },
    /// It has ended: nothing may be done that relies on it.
    #[error("the keeper has ended")]
    Ended,
    /// It did not confirm in time.
    #[error("the keeper did not answer")]
    NoAnswer,
    /// Talking to it failed.
    #[error("could not talk to the keeper")]
    Talk {
        /// Why.
        source: io::Error,
    },
}

/// The agent's hold on its keeper. Dropping it makes the keeper undo everything at once and end.
#[derive(Debug)]
pub struct Keeper {
    socket: OwnedFd,
    process: PidFd,
    next: u64,
}

impl Keeper {
    /// Starts the keeper.
    pub fn start(program: &KeeperProgram) -> Result<Self, KeeperError> {
        let start = |errno: Errno| KeeperError::Start { source: errno.into() };
        let (ours, its) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .map_err(start)?;
        let child = Command::new(&program.path)
            .args(&program.arguments)
            .stdin(Stdio::from(its))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .map_err(|source| KeeperError::Start { source })?;
        let pid = i32::try_from(child.id()).expect("a process number fits an int");
        let process = PidFd::open(pid).map_err(|source| KeeperError::Hold { source })?;
        let keeper = Self { socket: ours, process, next: 0 };
        // It answers once it has left our session: until then a signal to our group would end it.
        keeper.confirm(UndoId(0))?;
        Ok(keeper)
    }

    /// Starts another in the place of one that has ended. It knows of nothing; numbers go on, so that a late release
    /// of what the old one kept releases nothing of the new.
    pub fn replace(&mut self, program: &KeeperProgram) -> Result<(), KeeperError> {
        let mut fresh = Self::start(program)?;
        fresh.next = self.next;
        *self = fresh;
        Ok(())
    }

    /// The keeper process.
    pub fn process(&self) -> &PidFd {
        &self.process
    }

    /// Has `undo` done `within` this time, or as soon as this process is gone. Returns once the keeper has confirmed it.
    pub fn keep(
        &mut self,
        undo: Undo,
        within: Option<Duration>,
        on: &[BorrowedFd<'_>],
    ) -> Result<UndoId, KeeperError> {
        self.next += 1;
        let id = UndoId(self.next);
        for piece in on.chunks(DESCRIPTORS_PER_MESSAGE) {
            self.send(&Message::Keep { id, undo, within }, piece)?;
            self.confirm(id)?;
        }
        Ok(id)
    }

    /// Tells the keeper that nothing is left to undo under `id`.
    pub fn release(&self, id: UndoId) -> Result<(), KeeperError> {
        self.send(&Message::Release { id }, &[])?;
        self.confirm(id)
    }

    fn send(&self, message: &Message, on: &[BorrowedFd<'_>]) -> Result<(), KeeperError> {
        let text = message.to_string();
        let raw: Vec<RawFd> = on.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let rights = if raw.is_empty() { &[][..] } else { &rights[..] };
        let flags = MsgFlags::MSG_NOSIGNAL;
        let sent =
            sendmsg::<()>(self.socket.as_raw_fd(), &[IoSlice::new(text.as_bytes())], rights, flags, None);
        sent.map(drop).map_err(talk)
    }

    fn confirm(&self, id: UndoId) -> Result<(), KeeperError> {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(ANSWER_WITHIN).unwrap_or(PollTimeout::MAX);
        loop {
            match poll(&mut fds, timeout) {
                Ok(0) => return Err(KeeperError::NoAnswer),
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(talk(errno)),
            }
            let mut answer = [0u8; 64];
            let got = recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty()).map_err(talk)?;
            let answer = answer.get(..got).unwrap_or_default();
            if answer.is_empty() {
                return Err(KeeperError::Ended);
            }
            // A late answer to an earlier order that timed out is passed over.
            if answer == message::answer(id).as_bytes() {
                return Ok(());
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The end of the connection is the order to undo. A zombie it may leave ends with us; one already there goes.
        let _running_or_reaped = self.process.reap();
    }
}

fn talk(errno: Errno) -> KeeperError {
    match errno {
        Errno::EPIPE | Errno::ECONNRESET => KeeperError::Ended,
        other => KeeperError::Talk { source: other.into() },
    }
}

#[cfg(test)]
pub(super) mod tests;
