//! What a reap is given, shows its caller, and tells: descriptors, verdicts, the report and the errors.

use std::io;
use std::time::Duration;

use crate::sys::deadline::Deadline;

/// A descriptor to be closed, with the socket it was seen to refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doomed {
    /// The number in the target's table.
    pub number: u32,
    /// The inode of the socket; another one under this number saves it.
    pub inode: u64,
}

/// What the caller is shown while every thread of the target stands still.
#[derive(Debug)]
pub struct Stopped<'a> {
    /// The process number, which is the target's for as long as the stop lasts.
    pub pid: i32,
    /// The descriptors that still are the sockets asked for, in the order asked.
    pub candidates: &'a [Doomed],
    pub(super) until: Deadline,
}

impl Stopped<'_> {
    /// How much time the check has left. To be asked between its steps: what is agreed by then is closed in the
    /// time kept for that, what is not is left open; a check that outlasts the stop closes nothing.
    pub fn left(&self) -> Duration {
        self.until.left()
    }
}

/// The caller's word on one candidate, from a fresh look at its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Close it.
    Close,
    /// Leave it, for this reason.
    Refuse(Refusal),
}

/// Why a descriptor was left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// The number is free: the target has closed it by itself.
    #[error("closed already")]
    Closed,
    /// The number refers to another socket now.
    #[error("refers to another socket now")]
    ChangedInode,
    /// The number refers to something that is not a socket.
    #[error("is not a socket")]
    NotSocket,
    /// A sleeping call of the target will use it when it goes on.
    #[error("in use by a call of the target")]
    InUse,
    /// An epoll set of the target watches it.
    #[error("watched by an epoll set")]
    Watched,
    /// Its remote is protected.
    #[error("its remote is protected")]
    Protected,
    /// It is no longer in the state that doomed it.
    #[error("its state has changed")]
    StateChanged,
    /// Its state could not be read inside the stop.
    #[error("its state could not be verified")]
    Unverified,
    /// The time of the stop ran out before its turn.
    #[error("the time of the stop was up")]
    TimeUp,
    /// Another tracer, or job control, came between.
    #[error("the target was disturbed during the stop")]
    Disturbed,
    /// The close itself failed, with this errno.
    #[error("the close failed with errno {0}")]
    CloseFailed(i32),
}

/// What a reap has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReapReport {
    /// The descriptors closed.
    pub closed: Vec<Doomed>,
    /// The descriptors left open, each with its reason.
    pub refused: Vec<(Doomed, Refusal)>,
    /// How many threads stood still.
    pub threads: usize,
    /// How long the target stood, from the first interrupt to the last thread let go.
    pub stopped_for: Duration,
    /// Calls that the stop made answer EINTR and that were made to start again, with their full timeout.
    pub restarted: usize,
    /// Calls that could not be restarted and did answer EINTR (only on aarch64, and rarely).
    pub interrupted: usize,
}

/// Why nothing, or nothing more, was closed. The target runs on in every case.
#[derive(Debug, thiserror::Error)]
pub enum ReapError {
    /// No code for this processor.
    #[error("closing descriptors inside a process is not supported on this processor")]
    Unsupported,
    /// The target has ended.
    #[error("the target is gone")]
    Gone,
    /// The kernel does not let us trace the target.
    #[error("no permission to trace the target")]
    NotPermitted {
        /// What it said.
        source: io::Error,
    },
    /// A debugger, or another tracer, has the target.
    #[error("the target is traced by process {by} already")]
    AlreadyTraced {
        /// The tracer.
        by: i32,
    },
    /// The target is stopped by job control.
    #[error("the target is stopped")]
    Stopped,
    /// One thread could not be stopped in time.
    #[error("thread {tid} could not be stopped: {why}")]
    Unstoppable {
        /// The thread.
        tid: i32,
        /// What it does instead.
        why: Unstoppable,
    },
    /// A thread is in a call that a stop would make return with only part of its work done.
    #[error("thread {tid} is in the middle of a transfer (system call {call})")]
    MidTransfer {
        /// The thread.
        tid: i32,
        /// The number of the call.
        call: i64,
    },
    /// A filter stands before the target's system calls.
    #[error("the system calls of thread {tid} are filtered by seccomp")]
    Filtered {
        /// The thread.
        tid: i32,
    },
    /// The target runs 32-bit (or x32) code.
    #[error("thread {tid} runs code of another word size")]
    ForeignCode {
        /// The thread.
        tid: i32,
    },
    /// No thread is in a place where it can be borrowed.
    #[error("no thread of the target can be borrowed now")]
    NoThread,
    /// No system call instruction was found in the target's code.
    #[error("no system call instruction found in the target")]
    NoInstruction,
    /// More threads than are ever stopped at once.
    #[error("the target has more than {most} threads")]
    TooManyThreads {
        /// The bound.
        most: usize,
    },
    /// The target starts threads faster than they can be stopped.
    #[error("the target keeps starting threads")]
    ThreadsKeepComing,
    /// A request to the kernel failed where none should.
    #[error("could not {what}")]
    Trace {
        /// Which.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// What keeps a thread from stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unstoppable {
    /// It waits for a child of vfork.
    #[error("it waits for a vforked child")]
    Vfork,
    /// It sleeps where nothing interrupts it.
    #[error("it sleeps uninterruptibly")]
    Uninterruptible,
    /// It is a worker of the kernel.
    #[error("it is a worker of the kernel")]
    KernelWorker,
    /// It did not get to stop in time.
    #[error("it did not stop in time")]
    Slow,
}
