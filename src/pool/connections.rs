//! All connections of a pool: the slab, the stacks of idle ones, and how many are in which state.
//!
//! Idle connections stand in two lists: in the stack of their key and upstream, taken from the top, so that those
//! not needed grow old at the bottom; and in one list over all, longest idle first, from which room is made and
//! idle time ends. Every move between states goes through [`Connections::enter`], so that the counts are right.

use crate::model::clock::Timestamp;
use crate::pool::connection::{Connection, Serving, State};
use crate::pool::id::{ConnectionId, Key, UpstreamId};
use crate::pool::list::{Links, List};

/// How many connections are in which state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Census {
    pub(super) connecting: u32,
    pub(super) idle: u32,
    pub(super) checking: u32,
    pub(super) leased: u32,
}

impl Census {
    pub(super) fn size(self) -> u32 {
        self.connecting + self.idle + self.checking + self.leased
    }

    fn of(&mut self, state: State) -> Option<&mut u32> {
        match state {
            State::Free => None,
            State::Connecting => Some(&mut self.connecting),
            State::Idle => Some(&mut self.idle),
            State::Checking => Some(&mut self.checking),
            State::Leased => Some(&mut self.leased),
        }
    }

    fn moved(&mut self, from: State, to: State) {
        if let Some(count) = self.of(from) {
            *count -= 1;
        }
        if let Some(count) = self.of(to) {
            *count += 1;
        }
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
    idle: List,
    idle_links: Links,
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
            idle: List::default(),
            idle_links: Links::default(),
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

    pub(super) fn total(&self) -> Census {
        self.total
    }

    pub(super) fn of_key(&self, key: Key) -> Census {
        self.by_key.get(key.index()).copied().unwrap_or_default()
    }

    pub(super) fn of_upstream(&self, upstream: UpstreamId) -> Census {
        self.by_upstream[upstream.index()]
    }

    /// Fills a slot; the caller sees to it that there are fewer than `CONNECTIONS_MAX`.
    pub(super) fn open(&mut self, fresh: Connection) -> ConnectionId {
        self.cover(fresh.key);
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = u16::try_from(self.slots.len()).expect("size is below max, max within 16 bits");
            self.slots.push(Connection::FREE);
            self.stack_links.cover(slot.into());
            self.idle_links.cover(slot.into());
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
            self.idle.remove(&mut self.idle_links, slot.into());
        }
        if to == State::Idle {
            self.shelve(slot);
        }
    }

    /// On top of its stack and last in the list, unless others were given back later than this one.
    fn shelve(&mut self, slot: u16) {
        let Connection { key, upstream, .. } = self.slots[usize::from(slot)];
        let stack = &mut self.stacks[key.index() * self.upstreams + upstream.index()];
        insert(stack, &mut self.stack_links, &self.slots, slot);
        insert(&mut self.idle, &mut self.idle_links, &self.slots, slot);
    }

    /// The top of the stack of a key at an upstream.
    pub(super) fn top(&self, key: Key, upstream: UpstreamId) -> Option<u16> {
        let stack = self.stacks.get(key.index() * self.upstreams + upstream.index())?;
        stack.last().map(slot_of)
    }

    /// The longest idle one.
    pub(super) fn longest_idle(&self) -> Option<u16> {
        self.idle.first().map(slot_of)
    }

    /// The one given back next after an idle one.
    pub(super) fn idle_after(&self, slot: u16) -> Option<u16> {
        self.idle_links.after(slot.into()).map(slot_of)
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

/// Puts a slot behind all that were not given back later; those are few, as most were given back before.
fn insert(list: &mut List, links: &mut Links, slots: &[Connection], slot: u16) {
    let since = slots[usize::from(slot)].since;
    let later = |other: u32| slots[other as usize].since > since;
    let next =
        if list.last().is_some_and(later) { list.iter(links).find(|other| later(*other)) } else { None };
    match next {
        Some(next) => list.push_before(links, slot.into(), next),
        None => list.push_last(links, slot.into()),
    }
}

fn slot_of(node: u32) -> u16 {
    (node & 0xffff) as u16
}
