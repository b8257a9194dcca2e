//! Running a hook to its end: bounded in time, bounded in output.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::read;

use super::{Launch, LaunchError, Launched, Output, Spawner};
use crate::sys::deadline::{Deadline, Stopwatch};
use crate::sys::pidfd::{Ended, PidFd, PidFdError, Signal};

/// The bounds of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How long it may run; then its group is sent TERM.
    pub time: Duration,
    /// How long it may take to end after that; then its group is sent KILL.
    pub grace: Duration,
    /// Bytes of output kept, the first ones.
    pub output: usize,
}

/// What has come of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// Whether it ended by itself.
    pub time: Time,
    /// The first bytes of what it said, both streams in the order written.
    pub output: Vec<u8>,
    /// How many bytes more it said.
    pub dropped: u64,
    /// How long it ran.
    pub took: Duration,
}

/// Whether a run kept its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// It ended by itself.
    Kept,
    /// It was made to end.
    Exceeded,
}

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It did not start.
    #[error("the hook did not start")]
    Launch(#[source] LaunchError),
    /// It could not be signalled or reaped.
    #[error("the hook could not be followed")]
    Process(#[source] PidFdError),
    /// Its output could not be read.
    #[error("the hook's output could not be read")]
    Output(#[source] io::Error),
}

/// Runs a program to its end and blocks until then: at most `time` and `grace` (and a moment for the kill).
pub fn run(spawner: &Spawner, mut launch: Launch, bounds: Bounds) -> Result<Ran, RunError> {
    launch.output = Output::Captured;
    let clock = Stopwatch::start();
    let Launched { process, output } = spawner.launch(launch).map_err(RunError::Launch)?;
    let mut said = Said { pipe: output, kept: Vec::new(), most: bounds.output, dropped: 0 };
    let mut time = Time::Kept;
    if !said.follow(&process, Deadline::after(bounds.time))? {
        time = Time::Exceeded;
        end(&process, Signal::TERM)?;
        if !said.follow(&process, Deadline::after(bounds.grace))? {
            end(&process, Signal::KILL)?;
            said.follow(&process, Deadline::after(Duration::MAX))?;
        }
    }
    let ended = loop {
        if let Some(ended) = process.reap().map_err(RunError::Process)? {
            break ended;
        }
    };
    said.drain().map_err(RunError::Output)?;
    Ok(Ran { ended, time, output: said.kept, dropped: said.dropped, took: clock.elapsed() })
}

fn end(process: &PidFd, signal: Signal) -> Result<(), RunError> {
    match process.signal_group(signal) {
        Ok(()) | Err(PidFdError::Gone { .. }) => Ok(()),
        Err(error) => Err(RunError::Process(error)),
    }
}

struct Said {
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
    most: usize,
    dropped: u64,
}

impl Said {
    /// Reads until the process has ended (true) or the time is up (false). What it started may hold the pipe longer:
    /// nobody waits for that.
    fn follow(&mut self, process: &PidFd, deadline: Deadline) -> Result<bool, RunError> {
        loop {
            let mut fds = vec![PollFd::new(process.as_fd(), PollFlags::POLLIN)];
            fds.extend(self.pipe.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
            let timeout = PollTimeout::try_from(deadline.poll_millis()).unwrap_or(PollTimeout::MAX);
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(RunError::Output(errno.into())),
            }
            let ready = |at: usize| fds.get(at).and_then(PollFd::any).unwrap_or(false);
            let (ended, speaks) = (ready(0), ready(1));
            if speaks {
                self.drain().map_err(RunError::Output)?;
            }
            if ended || deadline.passed() {
                return Ok(ended);
            }
        }
    }

    /// Takes what is in the pipe now, at most a pipe's worth or two: a chatterbox must not outtalk the deadline.
    fn drain(&mut self) -> io::Result<()> {
        const PIECES: usize = 32;
        let mut piece = [0u8; 4096];
        for _ in 0..PIECES {
            let Some(pipe) = &self.pipe else { return Ok(()) };
            match read(pipe, &mut piece) {
                Ok(0) => self.pipe = None,
                Ok(got) => self.take(piece.get(..got).unwrap_or_default()),
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = self.most.saturating_sub(self.kept.len()).min(bytes.len());
        let (kept, dropped) = bytes.split_at(room);
        self.kept.extend_from_slice(kept);
        self.dropped += dropped.len() as u64;
    }
}
