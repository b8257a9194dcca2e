//! The client side: who comes in, who goes, who has been idle for too long.

use std::time::Duration;

use crate::model::clock::Timestamp;
use crate::pool::client::Standing;
use crate::pool::gate::{Gate, Supply};
use crate::pool::id::{ClientId, ConnectionId, Key};
use crate::pool::mode::Mode;
use crate::pool::reason::{Farewell, Refusal};
use crate::pool::state::Pool;

impl Pool {
    /// A client comes in, or not. Its number is free before, and taken until `detach`.
    pub fn attach(&mut self, client: ClientId, now: Timestamp) -> Result<(), Refusal> {
        let admitted = self.admit(client, now);
        match admitted {
            Ok(()) => {
                self.clients.enter(client, Standing::Resting, now);
                self.counters.clients += 1;
            }
            Err(refusal) => self.counters.refused[refusal as usize] += 1,
        }
        admitted
    }

    fn admit(&mut self, client: ClientId, now: Timestamp) -> Result<(), Refusal> {
        match self.mode {
            Mode::Running | Mode::Paused { .. } => {}
            Mode::Disabled => return Err(Refusal::Disabled),
            Mode::Draining { .. } => return Err(Refusal::ShuttingDown),
        }
        if !self.clients.cover(client) {
            return Err(Refusal::ClientsFull);
        }
        if self.clients.get(client).standing != Standing::Absent {
            return Err(Refusal::OutOfTurn);
        }
        self.gate.admit(self.clients.attached(), &self.limits.clients, now)
    }

    /// A client is gone. A connection that it held is now the loop's: to cancel what it does, clean it and
    /// `check_in`, or `discard`, within the drain time. A client that was told to go has had its farewell counted.
    pub fn detach(&mut self, client: ClientId, farewell: Farewell, now: Timestamp) -> Option<ConnectionId> {
        let seen = self.clients.get(client);
        let (standing, lease) = (seen.standing, seen.lease);
        if standing == Standing::Absent {
            return None;
        }
        if standing.counts() {
            self.counters.farewells[farewell as usize] += 1;
        }
        self.clients.enter(client, Standing::Absent, now);
        self.clients.get_mut(client).lease = None;
        if let Some((slot, _)) = lease.and_then(|id| self.connections.find(id)) {
            let connection = self.connections.get_mut(slot);
            connection.holder = None;
            connection.orphaned = now;
        }
        lease
    }

    /// A unit of work ended and its client keeps the connection, as in session pooling: it rests from now on.
    pub fn rest(&mut self, client: ClientId, now: Timestamp) {
        if self.clients.get(client).standing == Standing::Working {
            self.clients.enter(client, Standing::Resting, now);
            self.counters.units += 1;
        }
    }

    /// A client at rest was served without a connection: it rests since now. No unit of work is counted.
    pub fn served_aside(&mut self, client: ClientId, now: Timestamp) {
        if self.clients.get(client).standing == Standing::Resting {
            self.clients.enter(client, Standing::Resting, now);
        }
    }

    /// A client that kept its connection begins its next unit of work. Keep-alives of a protocol are none.
    pub fn stir(&mut self, client: ClientId, now: Timestamp) {
        let seen = self.clients.get(client);
        if seen.standing == Standing::Resting && seen.lease.is_some() {
            self.clients.enter(client, Standing::Working, now);
        }
    }

    /// A client whose work can't be told from its rest, as in a stream of bytes, has been quiet since then: it rests with
    /// its connection in hand until it stirs. Nothing is counted. A connection that is to be gone by a deadline goes now.
    pub fn lull(&mut self, client: ClientId, since: Timestamp, now: Timestamp) {
        let seen = self.clients.get(client);
        let (standing, lease) = (seen.standing, seen.lease);
        if standing != Standing::Working {
            return;
        }
        self.clients.enter(client, Standing::Resting, since);
        self.clients_due = self.clients_due.min(since + self.limits.clients.idle);
        if let Some((slot, connection)) = lease.and_then(|id| self.connections.find(id))
            && let Some(reason) = connection.retired.filter(|reason| reason.is_urgent())
        {
            self.close(slot, reason, now);
        }
    }

    /// Tells a client to go if it rests; whether it does.
    pub fn dismiss(&mut self, client: ClientId, farewell: Farewell, now: Timestamp) -> bool {
        let rests = self.clients.get(client).standing.rests();
        if rests {
            self.send_off(client, farewell, now);
        }
        rests
    }

    /// Where a client waits for want of room alone, the one that has rested longest with a connection in hand, and for so
    /// long, is told to go: its place is worth more to others.
    pub fn make_way(&mut self, spare: Duration, now: Timestamp) {
        let total = self.connections.total();
        let is_full = total.size() >= self.limits.max && total.idle() == 0;
        let stuck = |key: &Key| self.is_short(*key) && (is_full || !self.has_place(*key));
        let stuck = self.clients.waiting().map(|client| self.clients.get(client).key).find(stuck);
        let Some(key) = stuck.filter(|_| self.mode == Mode::Running) else { return };
        let own = !self.has_place(key);
        let holders = self.connections.iter().filter(|(_, seen)| !own || seen.key == key);
        let resting = holders.filter_map(|(_, seen)| {
            let client = seen.holder?;
            let held = self.clients.get(client);
            (held.standing.rests() && now.since(held.since) >= spare).then_some((held.since, client))
        });
        let longest = resting.min().map(|(_, client)| client);
        if let Some(client) = longest {
            self.send_off(client, Farewell::Shed, now);
        }
    }

    /// How new clients are let in.
    pub fn gate(&self) -> Gate {
        self.gate.stand()
    }

    /// Whether those that its clients belong to have descriptors left.
    pub fn supply(&self) -> Supply {
        self.gate.supply()
    }

    /// Says so.
    pub fn set_supply(&mut self, supply: Supply) {
        self.gate.set_supply(supply);
    }

    /// Sets how new clients are let in.
    pub fn set_gate(&mut self, gate: Gate, now: Timestamp) {
        self.gate.set(gate, now);
    }
}
