//! Events for those who listen as they happen: one bounded ring of the latest, shared by all. Who is slower than the
//! ring is long learns how many it has missed, and nobody holds the control loop up.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::model::clock::WallTime;
use crate::model::event::Event;

/// Events that a listener may be behind.
pub const BEHIND_MAX: usize = 256;

/// An event with its number in this run of the agent.
#[derive(Clone, PartialEq, Debug)]
pub struct Told {
    /// Its number, from 1.
    pub number: u64,
    /// The event.
    pub event: Event,
}

/// Where events come from; cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    epoch: WallTime,
    sender: broadcast::Sender<Arc<Told>>,
}

impl Feed {
    /// One for a run that began at `epoch`.
    pub fn new(epoch: WallTime) -> Self {
        Self { epoch, sender: broadcast::Sender::new(BEHIND_MAX) }
    }

    /// When the run began whose events are numbered here: numbers of another one mean nothing in this.
    pub const fn epoch(&self) -> WallTime {
        self.epoch
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<Told>> {
        self.sender.subscribe()
    }

    /// Tells all who listen.
    pub(super) fn tell(&self, number: u64, event: &Event) {
        if self.sender.receiver_count() > 0 {
            // The last one may have left in between, and misses nothing.
            let _unheard = self.sender.send(Arc::new(Told { number, event: event.clone() }));
        }
    }
}
