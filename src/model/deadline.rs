//! How long each action may take before it is given up and reported as failed.

use std::time::Duration;

use crate::model::action::{Action, Hold};
use crate::model::decision::Work;
use crate::model::name::Name;

/// Handing a notice to its receiver's queue; the delivery is not waited for.
pub const NOTIFY: Duration = Duration::from_secs(1);
/// Collecting and writing evidence, Python stacks included.
pub const SNAPSHOT: Duration = Duration::from_secs(30);
/// Raising a limit and reading it back.
pub const RAISE_NOFILE: Duration = Duration::from_secs(5);
/// Two dumps and the destroying in between.
pub const DESTROY_SOCKETS: Duration = Duration::from_secs(15);
/// Finding, stopping, verifying and closing.
pub const REAP_DESCRIPTORS: Duration = Duration::from_secs(15);
/// Freezing or thawing.
pub const FREEZE: Duration = Duration::from_secs(10);
/// A pool's answer to a reset or a throttle, or that of streams told to poll; what drains afterwards is not waited for.
pub const POOL: Duration = Duration::from_secs(5);
/// The answers of order gates, then that of the bot's own hook.
pub const TRADING: Duration = Duration::from_secs(30);
/// Between KILL and the end of the process: exit work such as unmapping much memory.
pub const KILL_TO_END: Duration = Duration::from_secs(10);
/// `systemctl start` or `stop`.
pub const SYSTEMCTL: Duration = Duration::from_secs(90);
/// Added to what an action waits for on its own account, so that its own, better error comes first.
const MARGIN: Duration = Duration::from_secs(5);

/// How long this piece of work may take; `hook` gives the time-out of a hook.
pub fn of(work: &Work, hook: impl Fn(&Name) -> Duration) -> Duration {
    match work {
        Work::Do(action) => of_action(action, hook),
        Work::Take(hold) | Work::Release(hold) => match hold {
            Hold::Freeze { .. } => FREEZE,
            Hold::ThrottleConnects { .. } | Hold::PollStream { .. } => POOL,
            Hold::PauseTrading { .. } => TRADING,
        },
    }
}

/// How long this action may take; `hook` gives the time-out of a hook.
pub fn of_action(action: &Action, hook: impl Fn(&Name) -> Duration) -> Duration {
    match action {
        Action::Notify { .. } => NOTIFY,
        Action::Snapshot => SNAPSHOT,
        Action::RaiseNofile { .. } => RAISE_NOFILE,
        Action::ResetPool { .. } => POOL,
        Action::DestroySockets { .. } => DESTROY_SOCKETS,
        Action::ReapDescriptors { .. } => REAP_DESCRIPTORS,
        Action::Run { hook: name } => hook(name) + MARGIN,
        Action::Stop { before, grace, then: _ } => {
            let hooks: Duration = before.iter().map(hook).sum();
            hooks + FREEZE + *grace + KILL_TO_END + SYSTEMCTL + MARGIN
        }
    }
}
