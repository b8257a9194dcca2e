//! All connections of a pool: the slab, the stacks of idle ones, and how many are in which state.
//!
//! Idle connections stand in the stack of their key and upstream and are taken from the top, so that those not needed
//! grow old at the bottom. Which is longest idle over all is asked only to make room, and sought then. Every move
//! between states goes through [`Connections::enter`], so that the counts are right.

use crate::model::clock::Timestamp;
use crate::pool::connection::{Connection, Serving, State};
use crate::pool::id::{ConnectionId, Key, UpstreamId};
use crate::pool::list::{Links, List};

/// How many connections are in which state. Free slots are counted out and never in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Census([u32; State::COUNT]);

impl Census {
    pub(super) fn connecting(&self) -> u32 {
        self.0[State::Connecting as usize]
    }

    pub(super) fn idle(&self) -> u32 {
        self.0[State::Idle as usize]
    }

    pub(super) fn checking(&self) -> u32 {
        self.0[State::Checking as usize]
    }

    pub(super) fn leased(&self) -> u32 {
        self.0[State::Leased as usize]
    }

    pub(super) fn size(&self) -> u32 {
        self.connecting() + self.idle() + self.checking() + self.leased()
    }

    fn moved(&mut self, from: State, to: State) {
        self.0[from as usize] = self.0[from as usize].wrapping_sub(1);
        self.0[to as usize] = self.0[to as usize].wrapping_add(1);
    }
}

/// The slab.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    slots: Vec<Connection>,
    free: Vec<u16>,
    upstreams: usize,
    stacks: Vec<List>,
    stack_links: Links,
    total: Census,
    by_key: Vec<Census>,
    by_upstream: Vec<Census>,
}

impl Connections {
    pub(super) fn new(upstreams: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            upstreams,
            stacks: Vec::new(),
            stack_links: Links::default(),
            total: Census::default(),
            by_key: Vec::new(),
            by_upstream: vec![Census::default(); upstreams],
        }
    }

    /// Makes room for a key.
    pub(super) fn cover(&mut self, key: Key) {
        if self.by_key.len() <= key.index() {
            self.by_key.resize(key.index() + 1, Census::default());
            self.stacks.resize((key.index() + 1) * self.upstreams, List::default());
        }
    }

    pub(super) fn total(&self) -> &Census {
        &self.total
    }

    pub(super) fn of_key(&self, key: Key) -> Census {
        self.by_key.get(key.index()).copied().unwrap_or_default()
    }

    pub(super) fn of_upstream(&self, upstream: UpstreamId) -> &Census {
        &self.by_upstream[upstream.index()]
    }

    /// Fills a slot; the caller sees to it that there are fewer than `CONNECTIONS_MAX`.
    pub(super) fn open(&mut self, fresh: Connection) -> ConnectionId {
        self.cover(fresh.key);
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = u16::try_from(self.slots.len()).expect("size is below max, max within 16 bits");
            self.slots.push(Connection::FREE);
            self.stack_links.cover(slot.into());
            slot
        });
        let place = &mut self.slots[usize::from(slot)];
        let turn = place.turn;
        let since = fresh.opened;
        *place = Connection { turn, state: State::Free, ..fresh };
        self.enter(slot, State::Connecting, since);
        self.slots[usize::from(slot)].id(slot)
    }

    /// Frees a slot; its name never comes back within 65,536 turns.
    pub(super) fn release(&mut self, slot: u16, now: Timestamp) {
        self.enter(slot, State::Free, now);
        let place = &mut self.slots[usize::from(slot)];
        *place = Connection { turn: place.turn.wrapping_add(1), ..Connection::FREE };
        self.free.push(slot);
    }

    /// Moves a connection into a state as of `since`, and all counts and lists with it.
    pub(super) fn enter(&mut self, slot: u16, to: State, since: Timestamp) {
        let connection = &mut self.slots[usize::from(slot)];
        let (from, key, upstream) = (connection.state, connection.key, connection.upstream);
        connection.state = to;
        connection.since = since;
        connection.serving = Serving::Told;
        self.total.moved(from, to);
        self.by_key[key.index()].moved(from, to);
        self.by_upstream[upstream.index()].moved(from, to);
        if from == State::Idle {
            self.stacks[key.index() * self.upstreams + upstream.index()]
                .remove(&mut self.stack_links, slot.into());
        }
        if to == State::Idle {
            self.shelve(slot);
        }
    }

    /// Onto its stack, below those that were given back later; mostly there are none.
    fn shelve(&mut self, slot: u16) {
        let Connection { key, upstream, since, .. } = self.slots[usize::from(slot)];
        let stack = &mut self.stacks[key.index() * self.upstreams + upstream.index()];
        let later = |other: u32| self.slots[other as usize].since > since;
        if !stack.last().is_some_and(later) {
            return stack.push_last(&mut self.stack_links, slot.into());
        }
        let next = stack.iter(&self.stack_links).find(|other| later(*other));
        let next = next.expect("the last one is later");
        stack.push_before(&mut self.stack_links, slot.into(), next);
    }

    /// The top of the stack of a key at an upstream.
    pub(super) fn top(&self, key: Key, upstream: UpstreamId) -> Option<u16> {
        let stack = self.stacks.get(key.index() * self.upstreams + upstream.index())?;
        stack.last().map(slot_of)
    }

    /// The longest idle one of those that fit.
    pub(super) fn longest_idle(&self, fits: impl Fn(&Connection) -> bool) -> Option<u16> {
        let idle = self.iter().filter(|(_, seen)| seen.state == State::Idle && fits(seen));
        idle.min_by_key(|(_, seen)| seen.since).map(|(slot, _)| slot)
    }

    /// Every stack from the bottom up.
    #[cfg(any(test, debug_assertions))]
    pub(super) fn stacks(&self) -> impl Iterator<Item = Vec<&Connection>> {
        let entry = |node: u32| &self.slots[node as usize];
        self.stacks.iter().map(move |stack| stack.iter(&self.stack_links).map(entry).collect())
    }

    /// The slot of a connection that is still there.
    pub(super) fn find(&self, id: ConnectionId) -> Option<(u16, &Connection)> {
        let connection = self.slots.get(usize::from(id.slot()))?;
        (connection.turn == id.turn() && connection.state != State::Free).then_some((id.slot(), connection))
    }

    /// The slot of a connection in that state.
    pub(super) fn find_in(&self, id: ConnectionId, state: State) -> Option<u16> {
        self.find(id).filter(|(_, connection)| connection.state == state).map(|(slot, _)| slot)
    }

    pub(super) fn get(&self, slot: u16) -> &Connection {
        &self.slots[usize::from(slot)]
    }

    pub(super) fn get_mut(&mut self, slot: u16) -> &mut Connection {
        &mut self.slots[usize::from(slot)]
    }

    pub(super) fn id(&self, slot: u16) -> ConnectionId {
        self.get(slot).id(slot)
    }

    /// The keys that were seen so far.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + use<> {
        (0..=u16::MAX).map(Key).take(self.by_key.len())
    }

    /// The slots, free ones among them.
    pub(super) fn slots(&self) -> std::ops::Range<u16> {
        0..u16::try_from(self.slots.len()).expect("CONNECTIONS_MAX is within 16 bits")
    }

    /// All connections with their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &Connection)> {
        let used = |(_, connection): &(u16, &Connection)| connection.state != State::Free;
        (0..u16::MAX).zip(&self.slots).filter(used)
    }
}

fn slot_of(node: u32) -> u16 {
    (node & 0xffff) as u16
}
