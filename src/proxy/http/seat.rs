//! What a session shares with the thread around it: how it is told something, and when it is to be woken.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::Waker;

use crate::model::clock::Timestamp;
use crate::pool::id::ConnectionId;
use crate::pool::reason::{Farewell, Refusal};
use crate::proxy::http::websocket::Gauge;
use crate::proxy::view::{Identity, Traffic};

/// What a session is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Told {
    /// Nothing.
    #[default]
    Nothing,
    /// This connection is lent to it, for which it waited.
    Serve(ConnectionId),
    /// It waits no longer.
    Refused(Refusal),
    /// It is to go.
    Go(Farewell),
    /// The pool has closed the connection that it had.
    Lost,
}

/// The seat of a session.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) room: u16,
    pub(super) turn: u32,
    /// Who it is; told in reports.
    pub(super) about: Arc<Identity>,
    /// When it came.
    pub(super) since: Timestamp,
    /// When something last passed.
    pub(super) active: Cell<Timestamp>,
    pub(super) traffic: Cell<Traffic>,
    /// Its stream, where it is one.
    pub(super) stream: Cell<Option<Gauge>>,
    /// Whether a request of its is in flight, where it speaks HTTP.
    pub(super) asks: Cell<bool>,
    /// The sweep wakes it then.
    pub(super) due: Cell<Option<Timestamp>>,
    told: Cell<Told>,
    waker: RefCell<Option<Waker>>,
}

impl Seat {
    pub(super) fn new(room: u16, turn: u32, about: Arc<Identity>, now: Timestamp) -> Self {
        Self {
            room,
            turn,
            about,
            since: now,
            active: Cell::new(now),
            traffic: Cell::default(),
            stream: Cell::new(None),
            asks: Cell::new(false),
            due: Cell::new(None),
            told: Cell::default(),
            waker: RefCell::default(),
        }
    }

    /// Keeps what wakes its session.
    pub(super) fn keep(&self, waker: &Waker) {
        let mut kept = self.waker.borrow_mut();
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
    }

    /// Tells it something.
    pub(super) fn tell(&self, told: Told) {
        self.told.set(told);
        self.wake();
    }

    /// Has it look at what is due.
    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// What it was told since it last asked.
    pub(super) fn hear(&self) -> Told {
        self.told.take()
    }

    /// Bytes have passed.
    pub(super) fn count(&self, up: usize, down: usize) {
        let seen = self.traffic.get();
        self.traffic.set(Traffic { up: seen.up + up as u64, down: seen.down + down as u64 });
    }
}
