//! Every thread of a process standing still, for as long as this value lives.
//!
//! Threads stopped cannot start others, so passes over the thread list end: the last one finds nobody new. Dropping
//! lets all of them go; where that fails for one (it never stopped), the end of our own thread does it.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::Duration;

use nix::libc;

use super::arch::{Concealed, Regs};
use super::calls::Asleep;
use super::raw::{self, Collect, Seen, Stop};
use super::reap::{ReapError, Unstoppable};
use super::tasks::{self, Status};
use crate::sys::deadline::{Deadline, Stopwatch};
use crate::sys::pidfd::PidFd;

/// More threads than this are not stopped: the stop would outlast any limit.
const THREADS_MAX: usize = 4096;
/// A process that keeps starting threads faster than we stop them is left alone after so many passes.
const PASSES_MAX: usize = 64;
/// Looks that only yield the processor; after them each look is followed by a nap.
const EAGER_LOOKS: u32 = 64;
const NAP: Duration = Duration::from_micros(20);

/// All threads of one process, seized by the calling thread.
#[derive(Debug)]
pub(super) struct Hold {
    pid: i32,
    leader: Collect,
    threads: BTreeMap<i32, Thread>,
    survey: BTreeMap<i32, Asleep>,
    since: Option<Stopwatch>,
    restarted: usize,
    left_interrupted: usize,
}

/// One seized thread.
#[derive(Debug)]
enum Thread {
    /// Seized, and perhaps asked to stop.
    Moving,
    /// Stopped, with its registers as they must be when it goes on.
    Still { stop: Stop, regs: Box<Regs> },
    /// Ended since.
    Ended,
}

impl std::fmt::Debug for Regs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Regs").field("place", &self.place()).finish_non_exhaustive()
    }
}

impl Hold {
    /// Stops every thread of the target, or none: an error lets go of those already stopped.
    pub(super) fn capture(target: &PidFd, deadline: Deadline) -> Result<Self, ReapError> {
        let pid = target.pid();
        let Some(status) = Status::read(pid, pid) else { return Err(ReapError::Gone) };
        let own = i32::try_from(std::process::id()).expect("a process number fits an int");
        let leader = if status.parent == own { Collect::Leave } else { Collect::Take };
        let mut hold = Self {
            pid,
            leader,
            threads: BTreeMap::new(),
            survey: survey(pid)?,
            since: None,
            restarted: 0,
            left_interrupted: 0,
        };
        for _ in 0..PASSES_MAX {
            let fresh = hold.seize_fresh()?;
            if fresh.is_empty() {
                return if hold.still().next().is_some() { Ok(hold) } else { Err(ReapError::Gone) };
            }
            // From here the number is ours: a seized process that lives cannot give it away.
            if !target.is_alive() {
                return Err(ReapError::Gone);
            }
            hold.since.get_or_insert_with(Stopwatch::start);
            hold.interrupt(&fresh, deadline)?;
            hold.wait_until_still(deadline)?;
        }
        Err(ReapError::ThreadsKeepComing)
    }

    /// The process whose threads these are.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// The threads standing still, with how they stopped and their registers.
    pub(super) fn still(&self) -> impl Iterator<Item = (i32, Stop, &Regs)> {
        self.threads.iter().filter_map(|(tid, thread)| match thread {
            Thread::Still { stop, regs } => Some((*tid, *stop, regs.as_ref())),
            Thread::Moving | Thread::Ended => None,
        })
    }

    /// What the thread slept in just before the stop, where it slept.
    pub(super) fn asleep(&self, tid: i32) -> Option<&Asleep> {
        self.survey.get(&tid)
    }

    /// How long the target has been standing so far.
    pub(super) fn stopped_for(&self) -> Duration {
        self.since.map_or(Duration::ZERO, Stopwatch::elapsed)
    }

    /// How many calls were made to start again instead of answering EINTR, and how many could not be.
    pub(super) fn interruptions(&self) -> (usize, usize) {
        (self.restarted, self.left_interrupted)
    }

    /// Whether an ended thread of this number may be collected.
    pub(super) fn collect(&self, tid: i32) -> Collect {
        if tid == self.pid { self.leader } else { Collect::Take }
    }

    /// Notes how a borrowed thread stands now: the signal of a later stop must reach it when it goes on.
    pub(super) fn note(&mut self, tid: i32, now: Option<Stop>) {
        match (self.threads.get_mut(&tid), now) {
            (Some(Thread::Still { stop, .. }), Some(now)) => *stop = now,
            (Some(thread), None) => *thread = Thread::Ended,
            (Some(Thread::Moving | Thread::Ended) | None, Some(_)) | (None, None) => {}
        }
    }

    /// Lets every thread go. Answers how long the target stood.
    pub(super) fn release(mut self) -> Duration {
        self.detach_all();
        self.stopped_for()
    }

    fn seize_fresh(&mut self) -> Result<Vec<i32>, ReapError> {
        let mut fresh = Vec::new();
        for tid in tasks::threads(self.pid).map_err(|_| ReapError::Gone)? {
            if self.threads.contains_key(&tid) {
                continue;
            }
            match raw::seize(tid) {
                Ok(()) => {
                    self.threads.insert(tid, Thread::Moving);
                    fresh.push(tid);
                }
                Err(source) => self.refused(tid, source)?,
            }
            if self.threads.len() > THREADS_MAX {
                return Err(ReapError::TooManyThreads { most: THREADS_MAX });
            }
        }
        Ok(fresh)
    }

    /// A thread that could not be seized: one that has ended does not matter, any other ends the attempt.
    fn refused(&mut self, tid: i32, source: io::Error) -> Result<(), ReapError> {
        let ended = source.raw_os_error() == Some(libc::ESRCH);
        let Some(status) = Status::read(self.pid, tid).filter(|status| !ended && !status.has_ended()) else {
            self.threads.insert(tid, Thread::Ended);
            return Ok(());
        };
        Err(if status.tracer != 0 {
            ReapError::AlreadyTraced { by: status.tracer }
        } else if status.is_kernel_worker() {
            ReapError::Unstoppable { tid, why: Unstoppable::KernelWorker }
        } else {
            ReapError::NotPermitted { source }
        })
    }

    fn interrupt(&mut self, fresh: &[i32], deadline: Deadline) -> Result<(), ReapError> {
        for tid in fresh {
            self.check_time(*tid, deadline)?;
            match raw::interrupt(*tid) {
                Ok(()) => {}
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {
                    self.threads.insert(*tid, Thread::Ended);
                }
                Err(source) => return Err(ReapError::Trace { what: "interrupt a thread", source }),
            }
        }
        Ok(())
    }

    fn wait_until_still(&mut self, deadline: Deadline) -> Result<(), ReapError> {
        let mut looks = 0;
        loop {
            let moving: Vec<i32> = self.moving().collect();
            let Some(first) = moving.first().copied() else { return Ok(()) };
            let mut found = 0;
            for tid in moving {
                self.check_time(tid, deadline)?;
                found += usize::from(self.look_at(tid)?);
            }
            if found > 0 {
                continue;
            }
            self.check_time(first, deadline)?;
            pause(&mut looks);
        }
    }

    /// Nothing has been done yet but to stop: when the time is up, that was all.
    fn check_time(&self, tid: i32, deadline: Deadline) -> Result<(), ReapError> {
        if deadline.passed() { Err(ReapError::Unstoppable { tid, why: self.reason(tid) }) } else { Ok(()) }
    }

    /// Looks whether the thread has stopped or ended since; true when it has.
    fn look_at(&mut self, tid: i32) -> Result<bool, ReapError> {
        let thread = match raw::look(tid, self.collect(tid)) {
            Ok(Seen::Running) => return Ok(false),
            Ok(Seen::Ended) => Thread::Ended,
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Thread::Ended,
            Err(source) => return Err(ReapError::Trace { what: "wait for a thread", source }),
            Ok(Seen::Stopped(stop)) => {
                match self.settle(tid).and_then(|regs| Self::forward(tid, stop).map(|()| regs)) {
                    Ok(_) if matches!(stop, Stop::Signal(_)) => return Ok(true),
                    Ok(regs) => Thread::Still { stop, regs: Box::new(regs) },
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Thread::Ended,
                    Err(source) => return Err(ReapError::Trace { what: "read registers", source }),
                }
            }
        };
        let job_stopped = matches!(thread, Thread::Still { stop: Stop::Group, .. });
        self.threads.insert(tid, thread);
        if job_stopped { Err(ReapError::Stopped) } else { Ok(true) }
    }

    /// Makes sure that the thread will not see our stop when it goes on, whatever happens to us later.
    fn settle(&mut self, tid: i32) -> io::Result<Regs> {
        let mut regs = Regs::read(tid)?;
        match regs.conceal(self.survey.get(&tid)) {
            Concealed::Nothing => {}
            Concealed::Left => self.left_interrupted += 1,
            Concealed::Restarted => {
                regs.write(tid)?;
                self.restarted += 1;
            }
        }
        Ok(regs)
    }

    /// Lets a real signal through to a thread that was stopped on its way, up to the next stop, which is ours: at the
    /// first instruction of its handler, or where it was if there is none.
    fn forward(tid: i32, stop: Stop) -> io::Result<()> {
        let Stop::Signal(signal) = stop else { return Ok(()) };
        raw::interrupt(tid)?;
        raw::run(tid, signal)
    }

    fn reason(&self, tid: i32) -> Unstoppable {
        let sleeping = Status::read(self.pid, tid).is_some_and(|status| status.state == 'D');
        let vfork = Asleep::read(self.pid, tid).is_some_and(|asleep| asleep.may_be_vfork());
        match (sleeping, vfork) {
            (true, true) => Unstoppable::Vfork,
            (true, false) => Unstoppable::Uninterruptible,
            (false, _) => Unstoppable::Slow,
        }
    }

    fn moving(&self) -> impl Iterator<Item = i32> {
        let moving = |thread: &Thread| matches!(thread, Thread::Moving);
        self.threads.iter().filter(move |(_, thread)| moving(thread)).map(|(tid, _)| *tid)
    }

    fn detach_all(&mut self) {
        for (tid, thread) in std::mem::take(&mut self.threads) {
            if let Thread::Still { stop, .. } = thread {
                // A thread that has ended since needs no letting go; nothing else can fail on a stopped one.
                let _gone = raw::detach(tid, if let Stop::Signal(signal) = stop { signal } else { 0 });
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.detach_all();
    }
}

/// What every thread sleeps in, before any is stopped; refuses where stopping would cut a transfer short or fail.
fn survey(pid: i32) -> Result<BTreeMap<i32, Asleep>, ReapError> {
    let mut found = BTreeMap::new();
    for tid in tasks::threads(pid).map_err(|_| ReapError::Gone)?.into_iter().take(THREADS_MAX) {
        let Some(asleep) = Asleep::read(pid, tid) else { continue };
        if asleep.is_mid_transfer() {
            return Err(ReapError::MidTransfer { tid, call: asleep.call.number });
        }
        if asleep.may_be_vfork() && Status::read(pid, tid).is_some_and(|status| status.state == 'D') {
            return Err(ReapError::Unstoppable { tid, why: Unstoppable::Vfork });
        }
        found.insert(tid, asleep);
    }
    Ok(found)
}

/// Waits a little for another thread to get on: eagerly at first, then in naps.
pub(super) fn pause(looks: &mut u32) {
    *looks += 1;
    if *looks <= EAGER_LOOKS { thread::yield_now() } else { thread::sleep(NAP) }
}
