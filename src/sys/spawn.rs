//! Starting children that end when we do: the guarded program of `fdguard exec`, and what ends with it.
//!
//! Three things together leave no orphan:
//! - the child's parent-death signal, set before it runs anything. The kernel ties it to the *thread* that forked, so all
//!   children are forked from one thread of the [`Spawner`] that lives as long as it does;
//! - the keeper (see [`Launched::end_with_agent`]), for what the child started in its group, for a child that ignores the
//!   signal, and for one that has lost it: running a set-user-id program clears it;
//! - a process group of its own, so that there is something to end as a whole.
//!
//! No shell anywhere: a program and its arguments, as given.
#![expect(unsafe_code, reason = "what a child does between fork and exec is not checked by the compiler")]

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::libc;

use crate::sys::handed;
use crate::sys::keeper::{Keeper, KeeperError, Undo, UndoId};
use crate::sys::pidfd::{PidFd, PidFdError, Signal};

mod apart;

use apart::set_apart;
pub use apart::{Apart, Oom, entrance};

/// Launches waiting for their turn; each takes about a millisecond.
const QUEUE: usize = 16;

/// Where a child's group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// It leads one of its own: it can be signalled with all it starts, and a key on the terminal does not reach it.
    Own,
    /// Ours: it shares the terminal and its keys.
    Shared,
}

/// Where a child's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Where ours goes; so does input.
    Inherited,
    /// Both streams into one pipe for us, in the order written; input is empty.
    Captured,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program, looked up in `PATH` where it has no slash, and its arguments.
    pub argv: Vec<OsString>,
    /// Changes to our environment: set, or removed where there is no value.
    pub environment: Vec<(OsString, Option<OsString>)>,
    /// Where it runs; our own folder where not given.
    pub folder: Option<PathBuf>,
    /// Its group.
    pub group: Group,
    /// Its output.
    pub output: Output,
    /// What it is sent when our spawner is gone.
    pub death_signal: Signal,
    /// What it does not inherit.
    pub apart: Apart,
}

/// A child that runs.
#[derive(Debug)]
pub struct Launched {
    /// The child. Its exit status is taken with [`PidFd::reap`], once.
    pub process: PidFd,
    /// The reading end of its output, non-blocking, where that is captured.
    pub output: Option<OwnedFd>,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No program given.
    #[error("no program to start")]
    Empty,
    /// No such program (or folder to run it in).
    #[error("{program} was not found")]
    NotFound {
        /// The program.
        program: String,
    },
    /// It may not be run.
    #[error("{program} may not be run")]
    NotExecutable {
        /// The program.
        program: String,
    },
    /// Out of descriptors, processes or memory.
    #[error("could not start {program}")]
    Failed {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It was started but could not be taken hold of; it has been ended.
    #[error("could not hold {program}")]
    Hold {
        /// The program.
        program: String,
        /// Why.
        source: PidFdError,
    },
    /// The spawning thread has ended.
    #[error("the spawner has ended")]
    Ended,
}

/// The one thread from which children are started. Dropping it sends each its death signal.
#[derive(Debug)]
pub struct Spawner {
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

type Request = (Launch, SyncSender<Result<Launched, LaunchError>>);

impl Spawner {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (requests, queue) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("spawner".into()).spawn(move || serve(&queue))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Starts a child. Returns when its program runs, or why it does not.
    pub fn launch(&self, launch: Launch) -> Result<Launched, LaunchError> {
        let (answer, answered) = sync_channel(1);
        let requests = self.requests.as_ref().ok_or(LaunchError::Ended)?;
        requests.send((launch, answer)).map_err(|_| LaunchError::Ended)?;
        answered.recv().map_err(|_| LaunchError::Ended)?
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic over there has been told already.
            let _told = thread.join();
        }
    }
}

impl Launched {
    /// Has the keeper end the child's whole group when this agent is gone: TERM, `grace`, KILL.
    ///
    /// Release the answer at the keeper once the child has ended.
    pub fn end_with_agent(&self, keeper: &mut Keeper, grace: Duration) -> Result<UndoId, KeeperError> {
        keeper.keep(Undo::End { grace }, None, &[self.process.as_fd()])
    }
}

fn serve(queue: &Receiver<Request>) {
    while let Ok((launch, answer)) = queue.recv() {
        let launched = start(&launch);
        if let Err(unheard) = answer.send(launched)
            && let Ok(launched) = unheard.0
        {
            // Nobody waits for this child any more; it has not ended, or ending it again does nothing.
            let _ended = launched.process.signal(Signal::KILL);
        }
    }
}

fn start(launch: &Launch) -> Result<Launched, LaunchError> {
    let [program, arguments @ ..] = launch.argv.as_slice() else { return Err(LaunchError::Empty) };
    let name = || program.to_string_lossy().into_owned();
    let failed = |source: io::Error| LaunchError::Failed { program: name(), source };
    let mut command = Command::new(program);
    command.args(arguments);
    // Sockets that were handed to us are not the child's.
    for variable in handed::VARIABLES {
        command.env_remove(variable);
    }
    for (variable, value) in &launch.environment {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    if let Some(folder) = &launch.folder {
        command.current_dir(folder);
    }
    if launch.group == Group::Own {
        command.process_group(0);
    }
    let output =
        if launch.output == Output::Captured { Some(capture(&mut command).map_err(failed)?) } else { None };
    set_apart(&mut command, &launch.apart);
    bind_to_us(&mut command, launch.death_signal);
    let child = command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LaunchError::NotFound { program: name() },
        io::ErrorKind::PermissionDenied => LaunchError::NotExecutable { program: name() },
        _ => failed(source),
    })?;
    let pid = i32::try_from(child.id()).expect("a process number fits an int");
    // Unreaped, the number is the child's: nobody else reaps our children.
    match PidFd::open(pid) {
        Ok(process) => Ok(Launched { process, output }),
        Err(source) => {
            end_unheld(child);
            Err(LaunchError::Hold { program: name(), source })
        }
    }
}

/// Ends a child of which only the number is known, which is its own as long as it is not reaped.
fn end_unheld(mut child: std::process::Child) {
    // One that has ended already needs no more than the reaping.
    let _ended = child.kill();
    let _reaped = child.wait();
}

fn capture(command: &mut Command) -> io::Result<OwnedFd> {
    let (ours, its) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    nix::fcntl::fcntl(&ours, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    command.stdin(Stdio::null()).stderr(Stdio::from(its.try_clone()?)).stdout(Stdio::from(its));
    Ok(ours)
}

/// Has the child sent `signal` when the thread that forks it (this one) ends, however it ends.
fn bind_to_us(command: &mut Command, signal: Signal) {
    let parent = std::process::id();
    let bind = move || {
        // SAFETY: prctl with integers; it may be called between fork and exec.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal.number()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // We may have ended between the fork and here: then nobody would send it any more.
        if std::os::unix::process::parent_id() == parent {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::ESRCH))
        }
    };
    // SAFETY: the closure makes two system calls and touches no memory but its own copies: nothing that a fork of a
    // process with threads could have left locked.
    unsafe { command.pre_exec(bind) };
}

#[cfg(test)]
mod tests;
