//! Carries out what was decided, and decides nothing.
//!
//! ```text
//! control loop ── submit(Order) ──► fdg-act: lanes, deadlines (crew) ──► dispatch ──► one file an action
//!      ▲            never waits        │                  │
//!      │                               │ blocking work    └─► notify: a task for each receiver
//!      └── told(Finished | Fact) ◄─────┴─► fdg-sys: one job after the other (worker)
//! ```
//!
//! - [`Actuator::submit`] never waits: beyond [`ORDERS_MAX`] orders under way it refuses.
//! - Every order is finished exactly once, within its [`deadline`](crate::model::deadline), whatever happens to it.
//! - Orders of one process run one after the other, in the order they came; holds and notices do not wait for them.
//! - When the actuator ends, nothing it has frozen stays frozen.
//! - What is said of a failure never holds a secret.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

mod aged;
mod crew;
mod destroy_sockets;
mod dispatch;
mod freeze;
mod holders;
mod kit;
mod notify;
mod order;
mod pause_trading;
mod poll_stream;
mod procdir;
mod raise_nofile;
mod reap_descriptors;
mod redact;
mod reset_pool;
mod resolve;
mod run;
mod settings;
mod snapshot;
mod stop;
#[cfg(test)]
mod tests;
mod throttle_connects;
mod worker;

pub use freeze::SharedKeeper;
pub use notify::{Backoff, JOURNAL, Notice, Receiver, Way};
pub use order::{Finished, Full, Order, Protection, Story, Subject, Tenancy, Told, TradingReach};
pub use redact::Redactor;
pub use resolve::ResolveError;
pub use settings::{Evidence, Hook, HookCall, HookCommand, HookRequest, Settings};
pub use snapshot::Bounds;

use crate::call::web::Web;
use crate::model::process::ProcessId;
use crew::{Crew, Message, Ticket};
use freeze::Holds;
use kit::Kit;
use notify::Notifier;
use pause_trading::Pauses;
use poll_stream::Polls;
use throttle_connects::Throttles;
use worker::Worker;

/// Orders that may be under way, waiting ones included.
pub const ORDERS_MAX: usize = 256;
/// How long the thaw at the end is waited for: a write for each that is frozen.
pub const THAWED_WITHIN: Duration = Duration::from_secs(2);

/// Carries out orders on threads of its own. Dropped, it ends at once, and nothing stays frozen.
pub struct Actuator {
    orders: mpsc::UnboundedSender<Message>,
    places: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

impl Actuator {
    /// Starts the threads `fdg-act` and `fdg-sys`. `told` is called from the first and must not block.
    pub fn start(settings: Settings, told: Box<dyn Fn(Told) + Send + Sync>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (worker, system_thread) = Worker::start()?;
        // It ends when the last job is done; a job that hangs in the kernel must not hold the agent's own end.
        drop(system_thread);
        let (orders, inbox) = mpsc::unbounded_channel();
        let serve = async move {
            let kit = equip(settings, worker, Arc::from(told));
            Crew::new(kit).serve(inbox).await;
        };
        let thread = std::thread::Builder::new().name("fdg-act".to_owned()).spawn(move || {
            runtime.block_on(serve);
            runtime.shutdown_background();
        })?;
        Ok(Self { orders, places: Arc::new(Semaphore::new(ORDERS_MAX)), thread: Some(thread) })
    }

    /// Hands over an order. Never waits.
    pub fn submit(&self, order: Order) -> Result<(), Full> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Full)?;
        let ticket = Ticket { order, _place: place };
        self.orders.send(Message::Order(Box::new(ticket))).map_err(|_| Full)
    }

    /// Thaws a process that is not guarded any more, where it is frozen; that is told with this reason. Never waits.
    pub fn let_go(&self, process: ProcessId, why: &'static str) {
        // Where the thread is gone, nothing is frozen.
        drop(self.orders.send(Message::LetGo(process, why)));
    }

    /// Ends what a process holds of pools that has ended or is not guarded any more. Never waits.
    pub fn lift(&self, process: ProcessId) {
        // Where the thread is gone, nothing is held.
        drop(self.orders.send(Message::Lift(process)));
    }

    /// Begins to end: thaws what is frozen, begins nothing new, gives what runs and the notices that wait so long,
    /// and reports the rest as failed. Returns once nothing is frozen, at the latest after [`THAWED_WITHIN`]. The
    /// end itself is the drop.
    pub fn begin_to_end(&self, within: Duration) {
        let (thawed, heard) = std::sync::mpsc::channel();
        // Where the thread is gone already, there is nobody to tell, and nothing is frozen.
        drop(self.orders.send(Message::Stop(within, thawed)));
        // The sender is dropped unused: any answer but a timeout means that it is done.
        let _thawed = heard.recv_timeout(THAWED_WITHIN);
    }

    /// Whether it has ended and all is told.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits no longer: the thread goes on by itself, and ends with this process.
    pub fn give_up(mut self) {
        drop(self.thread.take());
    }

    /// Begins to end, and returns when all is told.
    pub fn shutdown(self, within: Duration) {
        self.begin_to_end(within);
    }
}

impl Drop for Actuator {
    fn drop(&mut self) {
        // Unheard where the end has begun already.
        let (thawed, _) = std::sync::mpsc::channel();
        drop(self.orders.send(Message::Stop(Duration::ZERO, thawed)));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the actuator's thread has panicked");
        }
    }
}

fn equip(settings: Settings, worker: Worker, tell: kit::Tell) -> Kit {
    let web = Web::new();
    let teller = Arc::clone(&tell);
    let not_delivered: notify::Tell = Arc::new(move |notice, fact| {
        teller(Told::Fact { target: notice.target.clone(), process: notice.process, fact });
    });
    let notifier = Notifier::start(settings.receivers.clone(), &web, &settings.clock, &not_delivered);
    let redactor = Arc::new(Redactor::new());
    let holds = Arc::new(Holds::new(settings.keeper.clone()));
    let (throttles, polls, pauses) = (Throttles::default(), Polls::default(), Pauses::default());
    Kit { settings, web, notifier, worker, redactor, holds, throttles, polls, pauses, tell }
}
