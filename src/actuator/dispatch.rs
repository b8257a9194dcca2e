//! From the word to the file that does it.

use crate::model::action::{Action, Hold, Then};
use crate::model::decision::{Done, Work};

use super::kit::Kit;
use super::order::Order;
use super::{destroy_sockets, raise_nofile, reap_descriptors, reset_pool, run, snapshot, stop};

/// What came of an order.
pub(super) struct Carried {
    pub(super) result: Result<Done, String>,
    /// What the agent itself has to do next.
    pub(super) restart: Option<Then>,
}

impl From<Result<Done, String>> for Carried {
    fn from(result: Result<Done, String>) -> Self {
        Self { result, restart: None }
    }
}

/// Carries an order out.
pub(super) async fn carry_out(kit: &Kit, order: &Order) -> Carried {
    let proxies = kit.settings.proxies.as_ref();
    match &order.work {
        Work::Do(action) => act(kit, order, action).await,
        Work::Take(hold) => match hold {
            Hold::Freeze { limit } => kit.holds.freeze(kit, order, *limit).await.into(),
            Hold::ThrottleConnects { pool, rate } => {
                kit.throttles.take(proxies, (pool, order.process), *rate).await.into()
            }
            Hold::PollStream { stream, every } => {
                kit.polls.take(proxies, (stream, order.process), *every).await.into()
            }
            Hold::PauseTrading { state } => kit.pauses.take(kit, order, *state).await.into(),
        },
        Work::Release(hold) => match hold {
            Hold::Freeze { .. } => kit.holds.thaw(order).await.into(),
            Hold::ThrottleConnects { pool, .. } => {
                kit.throttles.release(proxies, (pool, order.process)).await.into()
            }
            Hold::PollStream { stream, .. } => {
                kit.polls.release(proxies, (stream, order.process)).await.into()
            }
            Hold::PauseTrading { .. } => kit.pauses.release(kit, order).await.into(),
        },
    }
}

async fn act(kit: &Kit, order: &Order, action: &Action) -> Carried {
    match action {
        Action::Notify { to, message } => kit.notify(order, to, message.as_deref()).into(),
        Action::Snapshot => snapshot::take(kit, order).await.into(),
        Action::RaiseNofile { to } => raise_nofile::raise(order, *to).into(),
        Action::ResetPool { pool, how, share } => {
            reset_pool::reset(kit.settings.proxies.as_ref(), pool, (*how, *share)).await.into()
        }
        Action::DestroySockets { older, remote, max } => {
            destroy_sockets::destroy(kit, order, (*older, remote.as_ref(), *max)).await.into()
        }
        Action::ReapDescriptors { older, max } => {
            reap_descriptors::reap(kit, order, *older, *max).await.into()
        }
        Action::Run { hook } => run::run(kit, order, hook).await.into(),
        Action::Stop { before, grace, then } => stop::stop(kit, order, (before, *grace, *then)).await,
    }
}
