//! The one operation: close these sockets inside that process, if they still are what they were taken for.

mod report;

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use nix::libc;

use super::arch::{Numbers, SUPPORT, Support};
use super::descriptor::{self, Referent};
use super::gadget;
use super::hold::Hold;
use super::inject::{Borrowed, CallError};
use super::raw;
use crate::sys::deadline::Deadline;
use crate::sys::pidfd::PidFd;

pub use report::{Doomed, ReapError, ReapReport, Refusal, Stopped, Unstoppable, Verdict};

/// The caller's check inside the stop: one verdict for each candidate, in order; missing ones refuse.
pub type Verify<'a> = dyn FnMut(&Stopped<'_>) -> Vec<Verdict> + Send + 'a;

/// The stop's time is shared out in so many parts, so that no step can leave the next without any.
const SHARES: u32 = 4;
/// How many are left after the first look at the descriptors, and after the caller's check.
const SHARES_LEFT: [u32; 2] = [3, 1];
/// Neighbours that one call closes: between two calls the clock is looked at.
const RUN_MAX: usize = 64;

/// Closes `doomed` inside `target`, standing it still for at most about `limit`.
///
/// Every thread of the target is stopped first; then each descriptor must still be the socket named, be used by no
/// sleeping call, and find `verify` agreeing. The target never sees the stop as an error of a system call.
///
/// The clock is looked at between threads, between descriptors and between calls. When the time is up the target
/// goes on with what is closed so far; the rest is reported as [`Refusal::TimeUp`].
pub fn close_in(
    target: &PidFd,
    doomed: &[Doomed],
    limit: Duration,
    verify: &mut Verify<'_>,
) -> Result<ReapReport, ReapError> {
    if SUPPORT == Support::None {
        return Err(ReapError::Unsupported);
    }
    // A thread of its own: its end lets go of whatever we could not.
    thread::scope(|scope| {
        let tracer = thread::Builder::new().name("reaper".into());
        let running = tracer.spawn_scoped(scope, || close_here(target, doomed, limit, verify));
        let running = running.map_err(|source| ReapError::Trace { what: "start a thread", source })?;
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn close_here(
    target: &PidFd,
    doomed: &[Doomed],
    limit: Duration,
    verify: &mut Verify<'_>,
) -> Result<ReapReport, ReapError> {
    // Naps of 20 µs shall not take 70; where this fails the stop is only a little longer.
    let _coarser = nix::sys::prctl::set_timerslack(1);
    // While the target stands, nothing else is as urgent: on a busy machine the stop would last ten times as long.
    raw::go_first();
    let instruction = gadget::find(target.pid()).ok_or_else(|| no_instruction(target))?;
    let deadline = Deadline::after(limit);
    let mut hold = Hold::capture(target, deadline)?;
    let mut outcome = Outcome::default();
    let [looked, checked] = SHARES_LEFT.map(|left| deadline.earlier(limit * left / SHARES));
    let candidates = outcome.still_sockets(&hold, doomed, looked);
    let agreed = outcome.agreed(&hold, candidates, checked, verify);
    if !agreed.is_empty() {
        if !gadget::holds(target.pid(), instruction) {
            return Err(ReapError::NoInstruction);
        }
        outcome.close(&mut hold, agreed, (instruction, deadline))?;
    }
    let threads = hold.still().count();
    let (restarted, interrupted) = hold.interruptions();
    let stopped_for = hold.release();
    let Outcome { closed, refused } = outcome;
    Ok(ReapReport { closed, refused, threads, stopped_for, restarted, interrupted })
}

fn no_instruction(target: &PidFd) -> ReapError {
    if target.is_alive() { ReapError::NoInstruction } else { ReapError::Gone }
}

/// What has come of each descriptor so far.
#[derive(Debug, Default)]
struct Outcome {
    closed: Vec<Doomed>,
    refused: Vec<(Doomed, Refusal)>,
}

impl Outcome {
    /// Those that are the same sockets as when they were doomed, and that no sleeping call will use again.
    fn still_sockets(&mut self, hold: &Hold, doomed: &[Doomed], until: Deadline) -> Vec<Doomed> {
        let awaited = descriptor::awaited(hold, until);
        let table = hold.still().next().map_or(hold.pid(), |(tid, ..)| tid);
        let mut candidates = Vec::with_capacity(doomed.len());
        for one in doomed.iter().copied() {
            let Some(awaited) = awaited.as_ref().filter(|_| !until.passed()) else {
                self.refused.push((one, Refusal::TimeUp));
                continue;
            };
            match changed(hold.pid(), table, one) {
                Some(refusal) => self.refused.push((one, refusal)),
                None if awaited.contains(&one.number) => self.refused.push((one, Refusal::InUse)),
                None => candidates.push(one),
            }
        }
        candidates
    }

    /// Those that the caller agrees to close.
    fn agreed(
        &mut self,
        hold: &Hold,
        candidates: Vec<Doomed>,
        until: Deadline,
        verify: &mut Verify<'_>,
    ) -> Vec<Doomed> {
        if candidates.is_empty() {
            return candidates;
        }
        let shown = Stopped { pid: hold.pid(), candidates: &candidates, until };
        let verdicts = verify(&shown).into_iter().map(Some).chain(std::iter::repeat(None));
        let mut agreed = Vec::with_capacity(candidates.len());
        for (one, verdict) in candidates.iter().copied().zip(verdicts) {
            match verdict {
                Some(Verdict::Close) => agreed.push(one),
                Some(Verdict::Refuse(refusal)) => self.refused.push((one, refusal)),
                None => self.refused.push((one, Refusal::Unverified)),
            }
        }
        agreed
    }

    /// Closes what is agreed, as long as the time lasts: neighbours by one call.
    fn close(
        &mut self,
        hold: &mut Hold,
        agreed: Vec<Doomed>,
        (instruction, deadline): (u64, Deadline),
    ) -> Result<(), ReapError> {
        let pid = hold.pid();
        let mut borrowed = Borrowed::choose(hold, instruction, deadline)?;
        let mut spoilt = deadline.passed().then_some(Refusal::TimeUp);
        let mut runs = runs(agreed);
        while let Some(run) = runs.pop_front() {
            if let Some(refusal) = spoilt {
                self.refused.extend(run.into_iter().map(|one| (one, refusal)));
                continue;
            }
            let of = |one: &Doomed| changed(pid, borrowed.tid(), *one);
            let refusals: Vec<Option<Refusal>> = run.iter().map(of).collect();
            if refusals.iter().any(Option::is_some) {
                let (same, other): (Vec<_>, Vec<_>) =
                    run.into_iter().zip(refusals).partition(|(_, refusal)| refusal.is_none());
                self.refused.extend(other.into_iter().filter_map(|(one, refusal)| Some((one, refusal?))));
                ahead(&mut runs, self::runs(same.into_iter().map(|(one, _)| one).collect()));
                continue;
            }
            match attempt(&mut borrowed, numbers(&run))? {
                Ok(()) => self.closed.extend(run),
                // A kernel before 5.9 closes them one by one.
                Err(Refusal::CloseFailed(libc::ENOSYS)) if run.len() > 1 => {
                    ahead(&mut runs, run.into_iter().map(|one| vec![one]).collect());
                }
                Err(refusal) => {
                    let ends_it = matches!(refusal, Refusal::TimeUp | Refusal::Disturbed);
                    spoilt = ends_it.then_some(refusal);
                    self.settle(run, refusal, (pid, borrowed.tid()));
                }
            }
            spoilt = spoilt.or(deadline.passed().then_some(Refusal::TimeUp));
        }
        borrowed.give_back()
    }

    /// Takes in a call that was broken off: it may have closed some.
    fn settle(&mut self, run: Vec<Doomed>, refusal: Refusal, (pid, tid): (i32, i32)) {
        for one in run {
            match changed(pid, tid, one) {
                Some(Refusal::Closed) => self.closed.push(one),
                Some(_) | None => self.refused.push((one, refusal)),
            }
        }
    }
}

/// Those whose numbers follow one another, together, at most [`RUN_MAX`]; each run is closed by one call.
fn runs(mut doomed: Vec<Doomed>) -> VecDeque<Vec<Doomed>> {
    doomed.sort_unstable();
    let neighbours = doomed.chunk_by(|one, next| one.number + 1 == next.number);
    neighbours.flat_map(|run| run.chunks(RUN_MAX)).map(<[Doomed]>::to_vec).collect()
}

fn ahead(runs: &mut VecDeque<Vec<Doomed>>, first: VecDeque<Vec<Doomed>>) {
    for run in first.into_iter().rev() {
        runs.push_front(run);
    }
}

fn numbers(run: &[Doomed]) -> Numbers {
    let ends = run.first().zip(run.last()).expect("a run has at least one number");
    Numbers { first: ends.0.number, last: ends.1.number }
}

/// One close; the outer error ends the whole attempt.
fn attempt(borrowed: &mut Borrowed<'_>, numbers: Numbers) -> Result<Result<(), Refusal>, ReapError> {
    match borrowed.close(numbers) {
        Ok(()) => Ok(Ok(())),
        Err(CallError::Refused(errno)) => Ok(Err(Refusal::CloseFailed(errno))),
        Err(CallError::TimeUp) => Ok(Err(Refusal::TimeUp)),
        Err(CallError::Disturbed) => Ok(Err(Refusal::Disturbed)),
        Err(CallError::Ended) => Err(ReapError::Gone),
        Err(CallError::Trace(source)) => Err(ReapError::Trace { what: "close", source }),
    }
}

/// Why the descriptor is not the socket any more that it was doomed as; `None` where it is.
fn changed(pid: i32, tid: i32, one: Doomed) -> Option<Refusal> {
    match descriptor::referent(pid, tid, one.number) {
        Referent::Socket(inode) if inode == one.inode => None,
        Referent::Socket(_) => Some(Refusal::ChangedInode),
        Referent::Other => Some(Refusal::NotSocket),
        Referent::Nothing => Some(Refusal::Closed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_closed_together_and_nothing_between_runs() {
        let doomed = [9, 4, 5, 12, 6, 11].map(|number| Doomed { number, inode: u64::from(number) }).to_vec();
        let ends: Vec<(u32, u32)> =
            runs(doomed).iter().map(|run| numbers(run)).map(|n| (n.first, n.last)).collect();
        assert_eq!(ends, [(4, 6), (9, 9), (11, 12)]);
        let many = (0..150).map(|number| Doomed { number, inode: 1 }).collect();
        let lengths: Vec<usize> = runs(many).iter().map(Vec::len).collect();
        assert_eq!(lengths, [64, 64, 22]);
    }
}
