//! One receiver: its settings, and the task that serves it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::model::clock::Timestamp;
use crate::model::event::Fact;
use crate::model::units::Quota;

use super::backoff::Backoff;
use super::delivery::Courier;
use super::desk::Desk;
use super::notice::Notice;
use super::{OUTBOX_FULL, Tell};
use crate::call::endpoint::Endpoint;

/// Where notices go and at which pace.
#[derive(Clone)]
pub struct Receiver {
    /// How they are delivered.
    pub way: Way,
    /// Notices of the same target and rule within so long become one; zero keeps them apart.
    pub group: Duration,
    /// At most so many.
    pub quota: Quota,
    /// One try may take so long.
    pub timeout: Duration,
    /// How delivery is retried.
    pub backoff: Backoff,
}

/// How a notice is delivered.
#[derive(Clone)]
pub enum Way {
    /// A Slack-compatible webhook: `{"text": …}`.
    Slack(Endpoint),
    /// A webhook that takes the [`Notice`] as JSON.
    Webhook(Endpoint),
    /// A command, by arguments, that takes the [`Notice`] as JSON on its standard input.
    Command(Vec<String>),
}

/// Serves one receiver until its inbox is closed and everything that waited was tried.
pub(super) async fn serve(mut inbox: mpsc::Receiver<Notice>, mut desk: Desk, courier: Courier, tell: Tell) {
    let courier = Arc::new(courier);
    let name = courier.name.clone();
    let fail = |notice: &Notice, why: String| tell(notice, Fact::NoticeFailed { to: name.clone(), why });
    let mut delivery = None;
    let mut open = true;
    loop {
        if delivery.is_none() {
            delivery = desk.next().map(|notice| {
                let courier = Arc::clone(&courier);
                Box::pin(async move { courier.deliver(&notice).await.map_err(|error| (notice, error)) })
            });
        }
        if delivery.is_none() && !open {
            return;
        }
        let due = desk.next_due();
        let lost = tokio::select! {
            offered = inbox.recv(), if open => if let Some(notice) = offered {
                desk.offer(notice, courier.clock.now())
            } else {
                open = false;
                desk.flush(courier.clock.now())
            },
            result = async { delivery.as_mut().expect("checked by the branch's condition").await }, if delivery.is_some() => {
                delivery = None;
                if let Err((notice, error)) = result {
                    fail(&notice, error);
                }
                Vec::new()
            }
            () = until(due, courier.clock.now()), if due.is_some() && open => desk.tick(courier.clock.now()),
        };
        for notice in lost {
            fail(&notice, OUTBOX_FULL.to_owned());
        }
    }
}

/// Sleeps until `due`, by the clock that said `now`.
async fn until(due: Option<Timestamp>, now: Timestamp) {
    if let Some(due) = due {
        tokio::time::sleep(due.since(now)).await;
    }
}
