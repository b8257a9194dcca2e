//! Borrowing one stopped thread to close descriptors, and giving it back as it was.
//!
//! ```text
//!  Home ──close──► entry of the call ──► exit of the call ──close──► ...
//!   ▲  in the kernel's signal code            │ Exit
//!   └───────── interrupt, run on ◄────────────┘
//! ```
//! Registers are put back only at Home: there, and nowhere else, the kernel looks again whether an interrupted call is
//! to be restarted. Put back at Exit they would hand the program a raw restart code (its "errno 512").
//!
//! All signals are blocked while the thread is borrowed. System call stops are used, not single steps: a step is
//! reported by a forced SIGTRAP, which resets the handler of a program that blocks or ignores that signal.

use std::io;
use std::time::Duration;

use nix::libc;

use super::arch::{Numbers, Place, Regs};
use super::gadget;
use super::hold::{Hold, pause};
use super::raw::{self, Seen, Stop};
use super::reap::ReapError;
use super::tasks::Status;
use crate::sys::deadline::Deadline;

/// A close that outlasts the stop (a lingering socket) is interrupted; after this long its thread is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Offset of the pointer to the running restartable sequence in its area.
const RSEQ_CS: u64 = 8;
/// A first call stop that is not the entry we asked for is passed over so many times.
const ENTRIES_MAX: usize = 2;

/// One thread of a held process, about to make calls that are not its own.
pub(super) struct Borrowed<'a> {
    hold: &'a mut Hold,
    tid: i32,
    home: Regs,
    mask: u64,
    instruction: u64,
    deadline: Deadline,
    at: At,
}

/// Where the borrowed thread stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In the kernel's signal code, by this stop.
    Home(Stop),
    /// At the exit of a call.
    Exit,
    /// Ended, or out of our hands.
    Gone,
}

/// Why a call could not be made. The thread can still be given back.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("the close failed with errno {0}")]
    Refused(i32),
    #[error("the thread was stopped by somebody else")]
    Disturbed,
    #[error("the time of the stop is up")]
    TimeUp,
    #[error("the thread has ended")]
    Ended,
    #[error("a ptrace request failed")]
    Trace(#[source] io::Error),
}

impl<'a> Borrowed<'a> {
    /// Chooses the thread that is safest to borrow, and blocks its signals.
    pub(super) fn choose(
        hold: &'a mut Hold,
        instruction: u64,
        deadline: Deadline,
    ) -> Result<Self, ReapError> {
        if let Some((tid, ..)) = hold.still().find(|(_, _, regs)| regs.place() == Place::Foreign) {
            return Err(ReapError::ForeignCode { tid });
        }
        let (tid, stop, home) = fittest(hold)?;
        let trace = |what| move |source| ReapError::Trace { what, source };
        let mask = raw::signal_mask(tid).map_err(trace("read a signal mask"))?;
        raw::set_signal_mask(tid, u64::MAX).map_err(trace("block signals"))?;
        Ok(Self { hold, tid, home, mask, instruction, deadline, at: At::Home(stop) })
    }

    /// The thread borrowed: its descriptor table is the one acted on.
    pub(super) fn tid(&self) -> i32 {
        self.tid
    }

    /// Closes descriptors of the target by one call: each costs the target two stops, however many it closes.
    pub(super) fn close(&mut self, numbers: Numbers) -> Result<(), CallError> {
        if self.at == At::Gone {
            return Err(CallError::Ended);
        }
        self.home.closing(numbers, self.instruction).install(self.tid).map_err(CallError::Trace)?;
        self.run_to_entry(numbers)?;
        self.run_to_call()?;
        self.at = At::Exit;
        let result = Regs::read(self.tid).map_err(CallError::Trace)?.result();
        match i32::try_from(-result).unwrap_or(0) {
            // Linux frees the number first: whatever else close answers, it is closed.
            0 | libc::EINTR | libc::EIO => Ok(()),
            errno => Err(CallError::Refused(errno)),
        }
    }

    /// Puts registers and mask back. Also happens on drop; asked for by name it tells what went wrong.
    pub(super) fn give_back(mut self) -> Result<(), ReapError> {
        self.restore().map_err(|source| ReapError::Trace { what: "give back a borrowed thread", source })
    }

    fn run_to_entry(&mut self, numbers: Numbers) -> Result<(), CallError> {
        for _ in 0..ENTRIES_MAX {
            self.run_to_call()?;
            // Until its exit is reached, the way home from here is the same as from an exit.
            self.at = At::Exit;
            if Regs::read(self.tid).map_err(CallError::Trace)?.enters_close(numbers) {
                return Ok(());
            }
        }
        Err(CallError::Disturbed)
    }

    fn run_to_call(&mut self) -> Result<(), CallError> {
        raw::run_to_call(self.tid).map_err(CallError::Trace)?;
        let patience = Deadline::after(self.deadline.left() + PATIENCE);
        let (mut looks, mut hurried) = (0, false);
        loop {
            match self.look()? {
                Seen::Stopped(Stop::Call) => return Ok(()),
                Seen::Stopped(Stop::Interrupted) if !hurried => {
                    // A notice of the kernel (somebody sent SIGCONT); nothing has happened yet.
                    raw::run_to_call(self.tid).map_err(CallError::Trace)?;
                }
                Seen::Stopped(stop @ (Stop::Interrupted | Stop::Group | Stop::Signal(_))) => {
                    self.at = At::Home(stop);
                    return Err(if hurried { CallError::TimeUp } else { CallError::Disturbed });
                }
                Seen::Ended => return Err(self.ended()),
                Seen::Running if patience.passed() => return Err(self.ended()),
                Seen::Running => {
                    if !hurried && self.deadline.passed() {
                        hurried = true;
                        raw::interrupt(self.tid).map_err(CallError::Trace)?;
                    }
                    pause(&mut looks);
                }
            }
        }
    }

    fn look(&self) -> Result<Seen, CallError> {
        match raw::look(self.tid, self.hold.collect(self.tid)) {
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(Seen::Ended),
            other => other.map_err(CallError::Trace),
        }
    }

    fn ended(&mut self) -> CallError {
        self.at = At::Gone;
        self.hold.note(self.tid, None);
        CallError::Ended
    }

    fn restore(&mut self) -> io::Result<()> {
        let stop = match self.at {
            At::Gone => return Ok(()),
            At::Home(stop) => stop,
            At::Exit => match self.go_home()? {
                Some(stop) => stop,
                None => return Ok(()),
            },
        };
        self.at = At::Gone;
        self.home.write(self.tid)?;
        raw::set_signal_mask(self.tid, self.mask)?;
        // Of the signals that get past a full mask only a stop is somebody's wish; a fault would be of our making.
        let kept = if stop == Stop::Signal(libc::SIGSTOP) { stop } else { Stop::Interrupted };
        self.hold.note(self.tid, Some(kept));
        Ok(())
    }

    fn go_home(&mut self) -> io::Result<Option<Stop>> {
        raw::interrupt(self.tid)?;
        raw::run(self.tid, 0)?;
        let patience = Deadline::after(PATIENCE);
        let mut looks = 0;
        while !patience.passed() {
            match self.look() {
                Ok(Seen::Stopped(Stop::Call)) => raw::run(self.tid, 0)?,
                Ok(Seen::Stopped(stop)) => return Ok(Some(stop)),
                Ok(Seen::Running) => pause(&mut looks),
                Ok(Seen::Ended) | Err(_) => break,
            }
        }
        let _ended = self.ended();
        Ok(None)
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure: the thread has ended, or the end of ours lets it go.
        let _unheard = self.restore();
    }
}

/// The thread whose borrowing can disturb least, of those that can be borrowed at all.
fn fittest(hold: &Hold) -> Result<(i32, Stop, Regs), ReapError> {
    let mut candidates: Vec<(Place, i32, Stop, Regs)> = hold
        .still()
        .filter(|(_, stop, _)| *stop == Stop::Interrupted)
        .map(|(tid, stop, regs)| (regs.place(), tid, stop, *regs))
        .collect();
    candidates.sort_by_key(|(place, tid, ..)| (*place, *tid));
    let mut why = ReapError::NoThread;
    for (place, tid, stop, regs) in candidates {
        match Status::read(hold.pid(), tid) {
            None => {}
            Some(status) if status.seccomp != 0 => why = ReapError::Filtered { tid },
            Some(_) if raw::dispatches_calls(tid) => {}
            Some(_) if may_run(place) && in_restartable_sequence(hold.pid(), tid) => {}
            Some(_) => return Ok((tid, stop, regs)),
        }
    }
    Err(why)
}

/// Whether the thread may have been stopped in the program's own code.
fn may_run(place: Place) -> bool {
    match place {
        Place::RestartsByItself | Place::RestartsByNote => false,
        Place::Program | Place::RestartsInFull | Place::Foreign => true,
    }
}

/// Whether the thread may be inside a restartable sequence, whose abort our change of address would swallow.
fn in_restartable_sequence(pid: i32, tid: i32) -> bool {
    let Some(area) = raw::rseq_area(tid) else { return false };
    let mut running = [0u8; 8];
    gadget::read(pid, area + RSEQ_CS, &mut running) == running.len() && running != [0; 8]
}
