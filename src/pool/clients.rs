//! The book of clients: who is attached, who rests since when, who waits.
//!
//! Those that wait stand in a list, oldest first, and once more in a queue of their key. Those at rest stand in none:
//! a list kept in the order of their last work would have to be mended with every unit of work, in lines of memory
//! that are far apart; looking through all of them when somebody may be due is rare and costs little.

use crate::model::clock::Timestamp;
use crate::pool::client::{Client, Standing};
use crate::pool::id::ClientId;
use crate::pool::limits::CLIENTS_MAX;
use crate::pool::list::{Links, List};

/// The book.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    slots: Vec<Client>,
    pub(super) queue: List,
    links: Links,
    pub(super) queues: Vec<List>,
    key_links: Links,
    counts: [u32; Standing::COUNT],
}

impl Clients {
    /// How many are in a standing.
    pub(super) fn count(&self, standing: Standing) -> u32 {
        self.counts[standing as usize]
    }

    #[cfg(any(test, debug_assertions))]
    pub(super) fn counts(&self) -> [u32; Standing::COUNT] {
        self.counts
    }

    /// Clients between units of work.
    pub(super) fn at_rest(&self) -> u32 {
        self.count(Standing::Resting) + self.count(Standing::Refused)
    }

    /// Clients with an open session.
    pub(super) fn attached(&self) -> u32 {
        self.at_rest() + self.count(Standing::Working) + self.count(Standing::Waiting)
    }

    /// Makes room for a client; false where its number is out of all bounds.
    pub(super) fn cover(&mut self, client: ClientId) -> bool {
        if client.0 >= CLIENTS_MAX {
            return false;
        }
        if self.slots.len() <= client.index() {
            let more = (self.slots.len()..=client.index()).map(|_| Client::ABSENT);
            self.slots.extend(more.inspect(|_| self.counts[Standing::Absent as usize] += 1));
            self.links.cover(client.index());
            self.key_links.cover(client.index());
        }
        true
    }

    pub(super) fn get(&self, client: ClientId) -> &Client {
        self.slots.get(client.index()).unwrap_or(&Client::ABSENT)
    }

    /// One that is covered.
    pub(super) fn get_mut(&mut self, client: ClientId) -> &mut Client {
        &mut self.slots[client.index()]
    }

    /// Moves a covered client into a standing, and all counts and lists with it.
    pub(super) fn enter(&mut self, client: ClientId, to: Standing, now: Timestamp) {
        let place = &mut self.slots[client.index()];
        let (from, key) = (place.standing, place.key);
        (place.standing, place.since, place.held) = (to, now, 0);
        self.counts[from as usize] -= 1;
        self.counts[to as usize] += 1;
        if from == Standing::Waiting {
            self.queue.remove(&mut self.links, client.0);
            self.queues[key.index()].remove(&mut self.key_links, client.0);
        }
        if to == Standing::Waiting {
            self.queue.push_last(&mut self.links, client.0);
            self.queues[key.index()].push_last(&mut self.key_links, client.0);
        }
    }

    /// The loop has taken up the refusal; false where it is none of the client's any more.
    pub(super) fn refusal_told(&mut self, client: ClientId) -> bool {
        let place = &mut self.slots[client.index()];
        let pending = place.standing == Standing::Refused;
        if pending {
            place.standing = Standing::Resting;
            self.counts[Standing::Refused as usize] -= 1;
            self.counts[Standing::Resting as usize] += 1;
        }
        pending
    }

    /// The clients between units of work, and since when.
    pub(super) fn resting(&self) -> impl Iterator<Item = (ClientId, Timestamp)> {
        self.iter().filter(|(_, seen)| seen.standing.rests()).map(|(client, seen)| (client, seen.since))
    }

    /// The waiter behind another.
    pub(super) fn waiting_after(&self, client: ClientId) -> Option<ClientId> {
        self.links.after(client.0).map(ClientId)
    }

    /// Every place, absent ones among them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        (0..CLIENTS_MAX).map(ClientId).zip(&self.slots)
    }

    /// Those that wait, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = ClientId> {
        self.queue.iter(&self.links).map(ClientId)
    }
}
