//! The leave of the fleet, as the control loop deals with it: it asks for what an engine wants, gives back what is no longer
//! needed, and waits for neither.

use tokio::sync::mpsc;

use crate::agent::target::Target;
use crate::model::clock::Timestamp;
use crate::model::event::Fact;
use crate::model::name::Name;
use crate::policy::leave::Leave;

/// Questions on their way at most; more are asked in the next turn.
pub const ASKS_MAX: usize = 64;
/// A stop that was wanted within this time is still wanted: the loop turns once a second at least.
const STILL_WANTED: std::time::Duration = std::time::Duration::from_secs(5);

/// Which question of a target an answer belongs to: one that was given back has no answer any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Ticket(u64);

/// What the loop asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// The target is to be stopped: leave is asked for until it is granted or given back.
    Leave(Name, Ticket),
    /// The target serves again, or is not to be stopped any more.
    Return(Name),
}

/// What it hears.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// The target may be stopped.
    Granted(Name, Ticket),
    /// The time of a leave is over.
    Over(Name, Ticket),
    /// Whether the fleet can be asked has changed.
    Told(Fact),
}

/// What was asked for one target, by its last ticket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// Nothing, or it was given back.
    Nothing(Ticket),
    /// Leave.
    Leave(Ticket),
}

impl Default for Asked {
    fn default() -> Self {
        Self::Nothing(Ticket::default())
    }
}

/// The way to whoever asks the fleet.
#[derive(Clone, Debug)]
pub struct FleetDesk(pub mpsc::Sender<Ask>);

impl FleetDesk {
    /// Asks for what the engine of a target wants, and gives back what it has no use for.
    pub(super) fn attend(&self, target: &mut Target, now: Timestamp) {
        let name = target.name().clone();
        let is_idle = match target.engine.leave() {
            Leave::NotNeeded => {
                target.engine.set_leave(Leave::Missing);
                false
            }
            Leave::Missing => false,
            Leave::Wanted(last) if now.since(last) > STILL_WANTED => true,
            Leave::Wanted(_) => {
                if let Asked::Nothing(Ticket(last)) = target.asked
                    && self.0.try_send(Ask::Leave(name.clone(), Ticket(last + 1))).is_ok()
                {
                    target.asked = Asked::Leave(Ticket(last + 1));
                }
                false
            }
            Leave::Granted => target.engine.serves(now),
        };
        if is_idle && self.0.try_send(Ask::Return(name)).is_ok() {
            target.asked = Asked::Nothing(target.asked.ticket());
            target.engine.set_leave(Leave::Missing);
        }
    }
}

impl Asked {
    fn ticket(self) -> Ticket {
        match self {
            Self::Nothing(ticket) | Self::Leave(ticket) => ticket,
        }
    }
}

/// Takes in what was heard of one target. What is not about its last question is too late.
pub(super) fn hear(target: &mut Target, ticket: Ticket, leave: Leave) {
    if target.asked != Asked::Leave(ticket) {
        return;
    }
    if leave != Leave::Granted {
        target.asked = Asked::Nothing(ticket);
    }
    target.engine.set_leave(leave);
}
