//! `freeze`: a hold that always ends: by release, at its limit, when the process is stopped, when the agent stops,
//! and, through the keeper, when the agent dies.
//!
//! ```text
//! running ──take──► frozen ──release / limit / stop / end──► running
//!            └ no keeper, not frozen in time: failed, still running
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::model::action::Hold;
use crate::model::decision::Done;
use crate::model::event::Fact;
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::units::format_span;
use crate::sys::adopted::Adopted;
use crate::sys::freezer::{Frozen, Means};
use crate::sys::keeper::Keeper;
use crate::sys::pidfd::PidFd;

use super::kit::{Kit, Tell};
use super::order::{Order, Told};
use super::worker::Wanted;
use crate::model::chain::chain;

/// The agent's keeper, shared with whoever else has something to be undone.
pub type SharedKeeper = Arc<Mutex<Keeper>>;

/// What is frozen now.
#[derive(Debug)]
pub(super) struct Holds {
    keeper: Option<SharedKeeper>,
    frozen: Mutex<BTreeMap<ProcessId, Held>>,
    /// Set under the lock of `frozen`: what comes after is not taken any more.
    closed: AtomicBool,
}

/// What was let go at the end and is still to be told.
#[derive(Debug)]
pub(super) struct Closed(BTreeMap<ProcessId, Held>);

#[derive(Debug)]
struct Held {
    frozen: Frozen,
    target: Name,
    limit: Duration,
    /// Tells this freeze from a later one of the same process.
    decision: u64,
}

impl Holds {
    pub(super) fn new(keeper: Option<SharedKeeper>) -> Self {
        Self { keeper, frozen: Mutex::default(), closed: AtomicBool::new(false) }
    }

    /// Freezes the process for at most `limit`.
    pub(super) async fn freeze(
        self: &Arc<Self>,
        kit: &Kit,
        order: &Order,
        limit: Duration,
    ) -> Result<Done, String> {
        let (holds, order_of) = (Arc::clone(self), order.clone());
        let frozen = kit.worker.run(move |wanted| holds.freeze_now(&order_of, limit, wanted)).await;
        let means = frozen.map_err(|error| error.to_string())??;
        self.let_go_at(limit, order, &kit.tell);
        let by = match means {
            Means::CgroupV2 => "its cgroup (v2)",
            Means::CgroupV1 => "its cgroup (v1)",
            Means::Signals => "SIGSTOP",
        };
        Ok(Done { summary: format!("frozen by {by} for at most {}", format_span(limit)) })
    }

    /// Thaws the process. One that is not frozen any more is no failure.
    pub(super) async fn thaw(self: &Arc<Self>, order: &Order) -> Result<Done, String> {
        let Some(held) = self.all().remove(&order.process) else {
            return Ok(Done { summary: "it was not frozen any more".to_owned() });
        };
        let after = held.frozen.frozen_for();
        self.end_aside(held).await?;
        Ok(Done { summary: format!("thawed after {}", format_span(after)) })
    }

    /// Thaws the process where it is frozen, for a reason that no order gave.
    pub(super) async fn let_go(self: &Arc<Self>, process: ProcessId, tell: &Tell, why: &str) {
        let removed = self.all().remove(&process);
        if let Some(held) = removed {
            let (target, limit) = (held.target.clone(), held.limit);
            let result = self.end_aside(held).await;
            tell(released(process, target, (limit, why), result));
        }
    }

    /// Lets everything go on, and freezes nothing more. Gives what is still to be told, see [`Self::tell_all`]:
    /// that may wait for the keeper, and no target shall stand still for it.
    pub(super) fn close(&self) -> Closed {
        let mut all = self.all();
        self.closed.store(true, Ordering::Release);
        let mut closed = std::mem::take(&mut *all);
        drop(all);
        for held in closed.values_mut() {
            // Tried again, and told, with the keeper.
            let _again = held.frozen.go_on();
        }
        Closed(closed)
    }

    /// Tells the keeper and the control loop of what [`Self::close`] has let go.
    pub(super) fn tell_all(&self, Closed(all): Closed, tell: &Tell, why: &str) {
        for (process, held) in all {
            let (target, limit) = (held.target.clone(), held.limit);
            let result = self.end(held);
            tell(released(process, target, (limit, why), result));
        }
    }

    fn freeze_now(&self, order: &Order, limit: Duration, wanted: &Wanted) -> Result<Means, String> {
        let keeper = self.keeper.as_ref().ok_or("there is no keeper to thaw it if the agent died")?;
        let process = same_process(&order.subject.process)?;
        if let Some(held) = self.all().get(&order.process) {
            return Err(format!("it is frozen already, for another {}", format_span(held.frozen.left())));
        }
        let mut keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let frozen = Frozen::freeze(&mut keeper, vec![process], limit).map_err(|error| chain(&error))?;
        drop(keeper);
        let means = frozen.means();
        let held = Held { frozen, target: order.target.clone(), limit, decision: order.decision.0 };
        let mut all = self.all();
        if !wanted.still() || self.closed.load(Ordering::Acquire) {
            // Reported as failed by now, or the agent stops: dropped, it is thawed.
            return Err("given up".to_owned());
        }
        all.insert(order.process, held);
        Ok(means)
    }

    /// The keeper thaws at the limit too; this is the one that tells.
    fn let_go_at(self: &Arc<Self>, limit: Duration, order: &Order, tell: &Tell) {
        let (holds, tell) = (Arc::clone(self), Arc::clone(tell));
        let (process, decision) = (order.process, order.decision.0);
        tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            let is_this = holds.all().get(&process).is_some_and(|held| held.decision == decision);
            if is_this {
                holds.let_go(process, &tell, "its limit is over").await;
            }
        });
    }

    /// Aside, because a keeper that does not answer must not hold up the thread of all orders.
    async fn end_aside(self: &Arc<Self>, held: Held) -> Result<(), String> {
        let holds = Arc::clone(self);
        let ended = tokio::task::spawn_blocking(move || holds.end(held)).await;
        ended.unwrap_or_else(|_| Err("could not thaw the target".to_owned()))
    }

    /// The target first: the keeper may be busy with a freeze of another.
    fn end(&self, mut held: Held) -> Result<(), String> {
        held.frozen.go_on().map_err(|error| chain(&error))?;
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
        held.frozen.thaw(&keeper).map_err(|error| chain(&error))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<ProcessId, Held>> {
        // A panic while it was held leaves a map that still says truthfully what is frozen.
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told of a hold that ended without an order.
fn released(
    process: ProcessId,
    target: Name,
    (limit, why): (Duration, &str),
    result: Result<(), String>,
) -> Told {
    let why = match result {
        Ok(()) => why.to_owned(),
        Err(error) => format!("{why}, but: {error}"),
    };
    Told::Fact { target, process, fact: Fact::HoldReleased { hold: Hold::Freeze { limit }, why } }
}

/// A second hold on the same process. While the first still sees it alive after the second was opened, its number
/// was its own all the time.
fn same_process(process: &Adopted) -> Result<PidFd, String> {
    let again = PidFd::open(process.pidfd().pid()).map_err(|error| chain(&error))?;
    if process.is_alive() { Ok(again) } else { Err("the process has ended".to_owned()) }
}
