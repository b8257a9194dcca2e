//! The order of work: lanes, deadlines, and the end.
//!
//! ```text
//!            ┌ (process, actions): one after the other, so that `snapshot` is written before `stop` kills
//! submit ──► ┼ (process, holds):   one after the other; a thaw does not wait for a hook
//!            └ (process, notices): nothing to wait for
//! ```
//!
//! Each order runs as a task under its deadline. Its end is told exactly once, also where it panicked, was given
//! up, or never came to its turn.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::model::action::{Action, Hold};
use crate::model::deadline;
use crate::model::decision::{Failure, Work};
use crate::model::name::Name;
use crate::model::process::ProcessId;
use crate::model::units::format_span;

use super::dispatch::{Carried, carry_out};
use super::kit::Kit;
use super::order::{Finished, Order, Told};
use super::pause_trading::{Pauses, warden};
use super::settings::Hook;

/// What the handle sends.
pub(super) enum Message {
    /// Carry it out.
    Order(Box<Ticket>),
    /// Thaw what is frozen of a process, now and not in its turn; told with this reason.
    LetGo(ProcessId, &'static str),
    /// End what a process holds of pools: it has ended, or is not guarded any more.
    Lift(ProcessId),
    /// Come to an end within so long. The sender is dropped once nothing is frozen any more.
    Stop(Duration, std::sync::mpsc::Sender<()>),
}

/// An order with its place among those under way.
pub(super) struct Ticket {
    pub(super) order: Order,
    pub(super) _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Actions,
    Holds,
    Notices,
}

type Lane = (ProcessId, Kind);

/// What is known of a running order when only its task's end is seen.
struct Running {
    lane: Lane,
    ticket: Arc<Ticket>,
    task: AbortHandle,
}

/// See the module.
pub(super) struct Crew {
    kit: Arc<Kit>,
    /// Orders behind the running one, by lane; a lane without a running order is absent.
    lanes: BTreeMap<Lane, VecDeque<Ticket>>,
    tasks: JoinSet<Finished>,
    running: HashMap<Id, Running>,
    /// Keeps order gates and paused bots in step.
    warden: JoinSet<()>,
}

impl Crew {
    /// On the runtime on which it is going to serve.
    pub(super) fn new(kit: Kit) -> Self {
        let kit = Arc::new(kit);
        let mut warden = JoinSet::new();
        warden.spawn(warden::watch(Arc::clone(&kit)));
        Self { kit, lanes: BTreeMap::new(), tasks: JoinSet::new(), running: HashMap::new(), warden }
    }

    /// Works until told to stop, or until the handle is gone; then comes to an end.
    pub(super) async fn serve(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let (within, thawed) = loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(Message::Order(ticket)) => self.take(*ticket),
                    Some(Message::LetGo(process, why)) => self.let_go(process, why),
                    Some(Message::Lift(process)) => {
                        let proxies = self.kit.settings.proxies.as_ref();
                        self.kit.throttles.let_go(proxies, process);
                        self.kit.polls.let_go(proxies, process);
                        self.kit.pauses.let_go(process);
                    }
                    Some(Message::Stop(within, thawed)) => break (within, Some(thawed)),
                    None => break (Duration::ZERO, None),
                },
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
            }
        };
        let closed = self.kit.holds.close();
        self.kit.throttles.close(self.kit.settings.proxies.as_ref());
        self.kit.polls.close(self.kit.settings.proxies.as_ref());
        drop(thawed);
        self.kit.holds.tell_all(closed, &self.kit.tell, "the agent stops");
        self.wind_up(within, inbox).await;
    }

    fn take(&mut self, ticket: Ticket) {
        let lane = (ticket.order.process, kind(&ticket.order.work));
        if let Some(waiting) = self.lanes.get_mut(&lane) {
            waiting.push_back(ticket);
        } else {
            self.lanes.insert(lane, VecDeque::new());
            self.begin(lane, ticket);
        }
    }

    /// Aside: a keeper that does not answer must not hold up the thread of all orders.
    fn let_go(&self, process: ProcessId, why: &'static str) {
        let kit = Arc::clone(&self.kit);
        tokio::spawn(async move { kit.holds.let_go(process, &kit.tell, why).await });
    }

    fn begin(&mut self, lane: Lane, ticket: Ticket) {
        let ticket = Arc::new(ticket);
        let task = self.tasks.spawn(under_deadline(Arc::clone(&self.kit), Arc::clone(&ticket)));
        self.running.insert(task.id(), Running { lane, ticket, task });
    }

    fn ended(&mut self, ended: Result<(Id, Finished), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(Running { lane, ticket, .. }) = self.running.remove(&id) else { return };
        let finished = match ended {
            Ok((_, finished)) => finished,
            Err(error) if error.is_panic() => given_up(&ticket.order, "a fault of the agent itself ended it"),
            Err(_) => given_up(&ticket.order, "given up because the agent stops"),
        };
        drop(ticket);
        (self.kit.tell)(Told::Finished(finished));
        match self.lanes.get_mut(&lane).and_then(VecDeque::pop_front) {
            Some(next) => self.begin(lane, next),
            None => drop(self.lanes.remove(&lane)),
        }
    }

    /// What has not begun is not begun; what runs has its time; notices go out last.
    async fn wind_up(mut self, within: Duration, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let end = Instant::now() + within;
        inbox.close();
        let mut never_begun: Vec<Ticket> = std::mem::take(&mut self.lanes).into_values().flatten().collect();
        while let Some(message) = inbox.recv().await {
            match message {
                Message::Order(ticket) => never_begun.push(*ticket),
                // All is let go by now.
                Message::Stop(..) | Message::LetGo(..) | Message::Lift(_) => {}
            }
        }
        for ticket in never_begun {
            (self.kit.tell)(Told::Finished(given_up(&ticket.order, "not begun because the agent stops")));
        }
        self.warden.shutdown().await;
        self.kit.pauses.hush().await;
        self.end_pauses(Instant::now() + within / 2).await;
        let mut resumed = Pauses::close(&self.kit);
        while let Ok(Some(ended)) = timeout_at(end, self.tasks.join_next_with_id()).await {
            self.ended(ended);
        }
        while let Ok(Some(_)) = timeout_at(end, resumed.join_next()).await {}
        resumed.shutdown().await;
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(ended);
        }
        if let Some(kit) = Arc::into_inner(self.kit) {
            drop(timeout_at(end, kit.notifier.close()).await);
        }
    }

    /// Waits until no order is under way that pauses trading or ends that, and ends those that are late: a bot must hear last that
    /// it may go on.
    async fn end_pauses(&mut self, end: Instant) {
        while self.running.values().any(|running| pauses(&running.ticket.order.work)) {
            match timeout_at(end, self.tasks.join_next_with_id()).await {
                Ok(Some(ended)) => self.ended(ended),
                Ok(None) => return,
                Err(_) => break,
            }
        }
        let late = self.running.values().filter(|running| pauses(&running.ticket.order.work));
        late.for_each(|running| running.task.abort());
        while self.running.values().any(|running| pauses(&running.ticket.order.work)) {
            let Some(ended) = self.tasks.join_next_with_id().await else { return };
            self.ended(ended);
        }
    }
}

async fn under_deadline(kit: Arc<Kit>, ticket: Arc<Ticket>) -> Finished {
    let order = &ticket.order;
    let begun = kit.settings.clock.now();
    let hook = |name: &Name| kit.settings.hooks.get(name).map_or(Duration::ZERO, Hook::longest);
    let limit = deadline::of(&order.work, hook);
    let carried = tokio::time::timeout(limit, carry_out(&kit, order)).await;
    let took = kit.settings.clock.now().since(begun);
    let Carried { result, restart } =
        carried.unwrap_or_else(|_| Err(format!("timed out after {}", format_span(limit))).into());
    let (decision, target, process) = (order.decision, order.target.clone(), order.process);
    let result = result.map_err(Failure::Failed);
    Finished { decision, target, process, result, took, restart }
}

/// Nobody can tell what it did, if anything.
fn given_up(order: &Order, why: &str) -> Finished {
    Finished {
        decision: order.decision,
        target: order.target.clone(),
        process: order.process,
        result: Err(Failure::GivenUp(why.to_owned())),
        took: Duration::ZERO,
        restart: None,
    }
}

/// Whether it pauses trading, or ends that.
fn pauses(work: &Work) -> bool {
    match work {
        Work::Take(hold) | Work::Release(hold) => match hold {
            Hold::PauseTrading { .. } => true,
            Hold::Freeze { .. } | Hold::ThrottleConnects { .. } | Hold::PollStream { .. } => false,
        },
        Work::Do(_) => false,
    }
}

fn kind(work: &Work) -> Kind {
    match work {
        Work::Take(_) | Work::Release(_) => Kind::Holds,
        Work::Do(action) => match action {
            Action::Notify { .. } => Kind::Notices,
            Action::Snapshot
            | Action::RaiseNofile { .. }
            | Action::ResetPool { .. }
            | Action::DestroySockets { .. }
            | Action::ReapDescriptors { .. }
            | Action::Run { .. }
            | Action::Stop { .. } => Kind::Actions,
        },
    }
}
