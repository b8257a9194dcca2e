//! `raise_nofile`: more descriptors for a process that runs, verified by reading back.
//!
//! A target that uses select() breaks on a descriptor past 1023 (Python raises, C writes past its set). So the
//! limit stops at 1024 where the agent's file says that it does, or where a thread is seen in that call. A call is
//! short, and one that is not seen in a glance proves nothing: unless the file says that there is none the limit passes
//! 1024 only where an epoll set shows how the target waits.

use std::io;

use crate::model::action::NofileGoal;
use crate::model::decision::Done;
use crate::model::kind::Kind;
use crate::model::select_use::SelectUse;
use crate::sys::adopted::{Adopted, NofileLimits};
use crate::sys::descriptors::{Listing, Trust};
use crate::sys::limits::NoFile;

use super::order::Order;
use super::procdir::ProcDir;
use crate::model::chain::chain;

/// The limit under which every descriptor fits into an fd_set.
const SELECT_SAFE: u64 = 1_024;
/// Threads looked at.
const THREADS_MAX: usize = 4_096;
/// Descriptors looked at.
const DESCRIPTORS_MAX: usize = 4_096;

/// The calls behind select(): `select` and `pselect6`.
#[cfg(target_arch = "x86_64")]
const SELECT_CALLS: &[&str] = &["23", "270"];
/// The call behind select(): `pselect6`.
#[cfg(target_arch = "aarch64")]
const SELECT_CALLS: &[&str] = &["72"];
/// Not known on this processor: nothing is seen, the agent's file must tell.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const SELECT_CALLS: &[&str] = &[];

/// Raises the soft limit towards the goal.
pub(super) fn raise(order: &Order, goal: NofileGoal) -> Result<Done, String> {
    let process = &order.subject.process;
    let before = process.nofile().map_err(|error| chain(&error))?;
    let select = select_use(order);
    let plan = plan(before, goal, &select)?;
    let wanted = NoFile { soft: plan.soft, hard: before.hard };
    wanted.set(process.pidfd()).map_err(|error| chain(&error))?;
    let after = process.nofile().map_err(|error| format!("raised, but not verified: {}", chain(&error)))?;
    if after.soft != plan.soft {
        return Err(format!("set to {}, but it reads {}", plan.soft, after.soft));
    }
    Ok(Done { summary: format!("raised from {} to {}{}", before.soft, after.soft, plan.note) })
}

/// What is known of select() in the target.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Select {
    /// It uses it: by this evidence.
    Used(String),
    /// It does not: by this evidence.
    Free(&'static str),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Plan {
    soft: u64,
    note: String,
}

fn plan(before: NofileLimits, goal: NofileGoal, select: &Select) -> Result<Plan, String> {
    let wanted = match goal {
        NofileGoal::Hard => before.hard,
        NofileGoal::Count(count) => count.min(before.hard),
    };
    let (soft, note) = match select {
        Select::Used(evidence) if wanted > SELECT_SAFE => {
            (SELECT_SAFE, format!("; not past {SELECT_SAFE}, because {evidence}"))
        }
        Select::Free(note) if wanted > SELECT_SAFE => (wanted, format!("; {note}")),
        Select::Used(_) | Select::Free(_) => (wanted, String::new()),
    };
    if soft <= before.soft {
        return Err(format!("the limit is {} already, hard limit {}{note}", before.soft, before.hard));
    }
    Ok(Plan { soft, note })
}

fn select_use(order: &Order) -> Select {
    match order.subject.select {
        SelectUse::Yes => Select::Used("the agent's file says that it uses select()".to_owned()),
        SelectUse::No => Select::Free("the agent's file says that it does not use select()"),
        SelectUse::Auto => how_it_waits(&order.subject.process),
    }
}

/// Looks how the target waits.
fn how_it_waits(process: &Adopted) -> Select {
    let looked = thread_in_select(&ProcDir::of(process.dir()));
    if let Ok(Some(thread)) = looked {
        return Select::Used(format!("thread {thread} is in select()"));
    }
    if looked.is_ok() && has_epoll(process) {
        return Select::Free("it waits with epoll, and no thread was seen in select()");
    }
    let hint =
        "nothing shows that it does not use select(): where you know, write select = \"no\" for this target";
    Select::Used(hint.to_owned())
}

/// A thread that is in the call now; an error where one can't be looked at. A call on no descriptor at all is only a way
/// to sleep.
fn thread_in_select(dir: &ProcDir) -> io::Result<Option<u32>> {
    if SELECT_CALLS.is_empty() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    for thread in dir.numbers("task", THREADS_MAX)? {
        let call = match dir.text(format!("task/{thread}/syscall"), 512) {
            Ok(call) => call,
            // It has ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut words = call.split_whitespace();
        let (number, sets) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if SELECT_CALLS.contains(&number) && sets != "0x0" {
            return Ok(Some(thread));
        }
    }
    Ok(None)
}

/// Whether it holds an epoll set.
fn has_epoll(process: &Adopted) -> bool {
    let mut listing = Listing::new();
    let listed = process.list(&mut listing, DESCRIPTORS_MAX, |_| Trust::Look);
    listed.is_ok() && listing.table().iter().any(|row| row.kind == Kind::Epoll)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn select_stops_the_limit_at_1024_and_nothing_lowers_it() {
        let used = Select::Used("so it is".to_owned());
        let free = Select::Free("so it is not");
        let at = |soft| NofileLimits { soft, hard: 4_096 };
        let soft = |before, goal, select: &Select| plan(before, goal, select).map(|plan| plan.soft).ok();
        assert_eq!(soft(at(256), NofileGoal::Hard, &free), Some(4_096));
        assert_eq!(soft(at(256), NofileGoal::Hard, &used), Some(1_024));
        assert_eq!(soft(at(256), NofileGoal::Count(9_999), &free), Some(4_096));
        assert_eq!(soft(at(256), NofileGoal::Count(512), &used), Some(512));
        assert_eq!(soft(at(1_024), NofileGoal::Hard, &used), None);
        assert_eq!(soft(at(4_096), NofileGoal::Hard, &free), None);
        assert!(plan(at(256), NofileGoal::Hard, &used).unwrap().note.contains("so it is"));
    }
}
