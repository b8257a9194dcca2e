//! The book of clients: who is attached, who rests since when, who waits.
//!
//! Those between units of work stand in one list, longest at rest first; those that wait in another, oldest first,
//! and once more in a queue of their key. All moves go through [`Clients::enter`].

use crate::model::clock::Timestamp;
use crate::pool::client::{Client, Standing};
use crate::pool::id::{ClientId, Key};
use crate::pool::limits::CLIENTS_MAX;
use crate::pool::list::{Links, List};

/// The book.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    slots: Vec<Client>,
    /// Of the list of those at rest and of the queue: nobody is in both.
    links: Links,
    resting: List,
    pub(super) queue: List,
    key_links: Links,
    pub(super) queues: Vec<List>,
    attached: u32,
    leaving: u32,
    abandoned: u32,
}

impl Clients {
    /// Clients with an open session.
    pub(super) fn attached(&self) -> u32 {
        self.attached
    }

    /// Clients that were told to go and have not gone, abandoned ones among them.
    pub(super) fn leaving(&self) -> u32 {
        self.leaving
    }

    pub(super) fn abandoned(&self) -> u32 {
        self.abandoned
    }

    pub(super) fn resting(&self) -> u32 {
        self.resting.len()
    }

    /// Makes room for a client; false where its number is out of all bounds.
    pub(super) fn cover(&mut self, client: ClientId) -> bool {
        if client.0 >= CLIENTS_MAX {
            return false;
        }
        if self.slots.len() <= client.index() {
            self.slots.resize(client.index() + 1, Client::ABSENT);
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
        match from {
            Standing::Resting | Standing::Refused => self.resting.remove(&mut self.links, client.0),
            Standing::Waiting => self.leave_queue(client, key),
            Standing::Leaving => self.leaving -= 1,
            Standing::Abandoned => (self.leaving, self.abandoned) = (self.leaving - 1, self.abandoned - 1),
            Standing::Absent | Standing::Working => {}
        }
        match to {
            Standing::Resting | Standing::Refused => self.resting.push_last(&mut self.links, client.0),
            Standing::Waiting => self.join_queue(client, key),
            Standing::Leaving => self.leaving += 1,
            Standing::Abandoned => (self.leaving, self.abandoned) = (self.leaving + 1, self.abandoned + 1),
            Standing::Absent | Standing::Working => {}
        }
        self.attached = self.attached + u32::from(to.counts()) - u32::from(from.counts());
    }

    /// The loop has taken up the refusal; false where it is none of the client's any more.
    pub(super) fn refusal_told(&mut self, client: ClientId) -> bool {
        let place = &mut self.slots[client.index()];
        let pending = place.standing == Standing::Refused;
        if pending {
            place.standing = Standing::Resting;
        }
        pending
    }

    /// The client longest at rest, and since when.
    pub(super) fn longest_resting(&self) -> Option<(ClientId, Timestamp)> {
        let client = ClientId(self.resting.first()?);
        Some((client, self.get(client).since))
    }

    /// The one that came to rest next after it.
    pub(super) fn resting_after(&self, client: ClientId) -> Option<ClientId> {
        self.links.after(client.0).map(ClientId)
    }

    fn join_queue(&mut self, client: ClientId, key: Key) {
        self.queue.push_last(&mut self.links, client.0);
        self.queues[key.index()].push_last(&mut self.key_links, client.0);
    }

    fn leave_queue(&mut self, client: ClientId, key: Key) {
        self.queue.remove(&mut self.links, client.0);
        self.queues[key.index()].remove(&mut self.key_links, client.0);
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
