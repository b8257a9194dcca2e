//! Telling people, without ever holding up an action or being held up by a receiver.
//!
//! ```text
//!            ┌─► journal: logged at once
//! Notice ────┤
//!            └─► inbox (bounded) ─► desk: group, rate limit ─► outbox (bounded) ─► delivery, retried
//! ```
//!
//! Each receiver is a task of its own with queues of its own: one that fails fails alone. What can't be
//! delivered comes back as [`Fact::NoticeFailed`], never silently.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;

use crate::model::clock::Clock;
use crate::model::event::Fact;
use crate::model::name::Name;

mod backoff;
mod delivery;
mod desk;
mod grouping;
mod limiter;
mod notice;
mod receiver;
#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use notice::Notice;
pub use receiver::{Receiver, Way};

use crate::call::web::Web;
use delivery::Courier;
use desk::Desk;

/// The receiver that always exists: the agent's own log, so journald where that is the log.
pub const JOURNAL: &str = "journal";

/// Notices that may wait in front of one receiver.
const INBOX: usize = 64;

/// What is said about a notice that had to go for a newer one.
const OUTBOX_FULL: &str = "too many notices wait for delivery; the oldest was dropped";

/// Tells the control loop what became of notices.
pub(super) type Tell = Arc<dyn Fn(&Notice, Fact) + Send + Sync>;

/// Why a notice was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum NotTaken {
    #[error("there is no receiver `{0}`")]
    NoSuchReceiver(Name),
    #[error("{INBOX} notices already wait for `{0}`")]
    Full(Name),
    #[error("`{0}` takes no more notices")]
    Closed(Name),
}

/// All receivers. Must be made inside a tokio runtime.
pub(super) struct Notifier {
    inboxes: BTreeMap<Name, mpsc::Sender<Notice>>,
    tasks: JoinSet<()>,
}

impl Notifier {
    /// Starts a task for each receiver.
    pub(super) fn start(
        receivers: BTreeMap<Name, Receiver>,
        web: &Web,
        clock: &Arc<dyn Clock>,
        tell: &Tell,
    ) -> Self {
        let mut inboxes = BTreeMap::new();
        let mut tasks = JoinSet::new();
        for (name, receiver) in receivers {
            let (inbox, notices) = mpsc::channel(INBOX);
            let desk = Desk::new(&receiver);
            let courier =
                Courier { name: name.clone(), receiver, web: web.clone(), clock: Arc::clone(clock) };
            tasks.spawn(receiver::serve(notices, desk, courier, Arc::clone(tell)));
            inboxes.insert(name, inbox);
        }
        Self { inboxes, tasks }
    }

    /// Hands a notice to its receiver. Never waits.
    pub(super) fn offer(&self, to: &Name, notice: Notice) -> Result<(), NotTaken> {
        if let Some(inbox) = self.inboxes.get(to) {
            return inbox.try_send(notice).map_err(|error| match error {
                TrySendError::Full(_) => NotTaken::Full(to.clone()),
                TrySendError::Closed(_) => NotTaken::Closed(to.clone()),
            });
        }
        if to.as_str() == JOURNAL {
            log(&notice);
            return Ok(());
        }
        Err(NotTaken::NoSuchReceiver(to.clone()))
    }

    /// Sends out what waits, without grouping any longer; the caller bounds the time.
    pub(super) async fn close(mut self) {
        self.inboxes.clear();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn log(notice: &Notice) {
    tracing::warn!(
        guarded = %notice.target,
        pid = notice.pid,
        rule = notice.rule,
        tier = notice.tier,
        what = notice.what,
        why = notice.why,
        values = notice.values_line(),
        next = notice.next,
        "notice"
    );
}
