//! The queue of those that wait: oldest first over all keys, and oldest first within each.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::client::{Client, Standing};
use crate::pool::clients::Clients;
use crate::pool::id::{ClientId, Key};
use crate::pool::list::List;

impl Clients {
    /// Makes room for a key.
    pub(super) fn cover_key(&mut self, key: Key) {
        if self.queues.len() <= key.index() {
            self.queues.resize_with(key.index() + 1, Default::default);
        }
    }

    /// Puts a resting client last into the queue.
    pub(super) fn wait_for(&mut self, client: ClientId, key: Key, now: Timestamp) {
        self.cover_key(key);
        self.get_mut(client).key = key;
        self.enter(client, Standing::Waiting, now);
    }

    /// How many wait for connections of that key.
    pub(super) fn waiting_for(&self, key: Key) -> u32 {
        self.queues.get(key.index()).map_or(0, List::len)
    }

    /// Who has waited longest.
    pub(super) fn oldest(&self) -> Option<ClientId> {
        self.queue.first().map(ClientId)
    }

    /// Who has waited longest for connections of that key.
    pub(super) fn oldest_for(&self, key: Key) -> Option<ClientId> {
        self.queues.get(key.index())?.first().map(ClientId)
    }

    /// When the wait of a waiter is over, if a wait is that long.
    ///
    /// Never earlier than for those in front of it: all waits are equally long, and what was held back from a
    /// later wait was held back from an earlier one too.
    pub(super) fn deadline(&self, client: ClientId, wait: Duration) -> Timestamp {
        let Client { since, held, .. } = *self.get(client);
        since + wait + Duration::from_nanos(held)
    }

    /// The time since `from` does not count for those that wait.
    pub(super) fn hold_waits(&mut self, from: Timestamp, now: Timestamp) {
        let mut next = self.oldest();
        while let Some(client) = next {
            let since = self.get(client).since.max(from);
            self.get_mut(client).held += now.since(since).as_nanos().try_into().unwrap_or(u64::MAX);
            next = self.resting_after(client);
        }
    }
}
