//! The thread's state, shared by all of its tasks: rooms, sessions, listeners, and the buffers that all reads share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use slab::Slab;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::model::clock::{Clock as _, Timestamp};
use crate::pool::Pool;
use crate::pool::id::ClientId;
use crate::pool::reason::Farewell;
use crate::proxy::ear::Ear;
use crate::proxy::http::gate::RoomGate;
use crate::proxy::http::room::{Room, RoomSettings};
use crate::proxy::http::seat::{Seat, Told};
use crate::proxy::obey::answer;
use crate::proxy::porch::Porch;
use crate::proxy::proxies::{Line, Question};
use crate::sys::clock::SystemClock;
use crate::wire::http::fields::Fields;

/// The buffer that all reads share.
const SCRATCH: usize = 64 << 10;
/// Limits of time are looked at so often.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// Buffers kept for the next heads.
const SPARE_MAX: usize = 256;
/// A buffer that grew beyond this is not kept.
const SPARE_SIZE: usize = 16 << 10;

/// What the thread hears from others.
#[derive(Debug)]
pub(super) enum Message {
    /// Somebody asks about a proxy, or has it do something.
    Asked(u16, Question),
    /// Ends when everything is drained.
    End,
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct WebLine(pub(super) tokio::sync::mpsc::UnboundedSender<Message>);

impl Line for WebLine {
    fn ask(&self, place: u16, question: Question) {
        // A thread that has ended drops it, which says so.
        let _ended = self.0.send(Message::Asked(place, question));
    }

    fn end(&self) {
        let _ended = self.0.send(Message::End);
    }
}

/// Buffers that tasks use one after the other, none across a wait.
pub(super) struct Tools {
    pub(super) scratch: Box<[u8]>,
    /// A head as it goes out, with what follows it.
    pub(super) out: Vec<u8>,
    pub(super) fields: Fields,
}

/// What the thread is made of.
pub(super) struct Parts {
    pub(super) rooms: Vec<RoomSettings>,
    pub(super) ears: Vec<(u16, Ear)>,
    pub(super) inbox: UnboundedReceiver<Message>,
}

/// The thread's state.
pub(super) struct Web {
    pub(super) settings: Vec<RoomSettings>,
    pub(super) rooms: Vec<RefCell<Room>>,
    pub(super) seats: RefCell<Slab<Rc<Seat>>>,
    pub(super) porch: RefCell<Porch>,
    /// The tasks at the listeners.
    pub(super) doors: RefCell<Vec<AbortHandle>>,
    pub(super) tools: RefCell<Tools>,
    spare: RefCell<Vec<Vec<u8>>>,
    /// Grows with each session, so that nobody is taken for another.
    pub(super) turn: Cell<u32>,
    /// Sessions that are only told why they may not come.
    pub(super) refused: Cell<usize>,
    pub(super) now: Cell<Timestamp>,
    pub(super) ending: Cell<bool>,
    /// When what is not drained is dropped.
    pub(super) last: Cell<Option<Timestamp>>,
}

/// Works until it is told to end and everything is drained.
pub(super) async fn run(parts: Parts) {
    let Parts { rooms, ears, mut inbox } = parts;
    let mut web = Rc::new(Web::new(rooms));
    web.begin();
    web.open_porch(ears);
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !web.is_over() {
        tokio::select! {
            message = inbox.recv() => {
                web.look_at_clock();
                match message {
                    Some(Message::Asked(room, question)) => answer(&mut web, room, question),
                    // The threads around may have ended first: nobody asked then.
                    Some(Message::End) | None => web.begin_to_end(),
                }
            }
            _ = ticks.tick() => {
                web.look_at_clock();
                web.sweep();
            }
        }
    }
}

impl Web {
    fn new(settings: Vec<RoomSettings>) -> Self {
        let now = SystemClock.now();
        let room = |settings: &RoomSettings| {
            let pool = Pool::new(&settings.pool, now.as_nanos(), now);
            RefCell::new(Room::new(
                pool,
                settings.gate.as_ref().map(|_| RoomGate::begin(settings.closed, now)),
            ))
        };
        Self {
            rooms: settings.iter().map(room).collect(),
            settings,
            seats: RefCell::default(),
            porch: RefCell::default(),
            doors: RefCell::default(),
            tools: RefCell::new(Tools {
                scratch: vec![0; SCRATCH].into_boxed_slice(),
                out: Vec::with_capacity(SCRATCH),
                fields: Fields::new(),
            }),
            spare: RefCell::default(),
            turn: Cell::new(0),
            refused: Cell::new(0),
            now: Cell::new(now),
            ending: Cell::new(false),
            last: Cell::new(None),
        }
    }

    /// Names are looked up before the first client needs them.
    fn begin(self: &Rc<Self>) {
        for room in 0..self.rooms.len() {
            self.rooms[room].borrow_mut().pool.tick(self.now.get());
            self.carry_out(room);
        }
    }

    /// Looks at the clock, once in a pass.
    pub(super) fn look_at_clock(&self) -> Timestamp {
        let now = SystemClock.now();
        self.now.set(now);
        now
    }

    /// A buffer for bytes that have to wait.
    pub(super) fn lend(&self) -> Vec<u8> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes it back.
    pub(super) fn give_back(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if (1..=SPARE_SIZE).contains(&buffer.capacity()) && spare.len() < SPARE_MAX {
            buffer.clear();
            spare.push(buffer);
        }
    }

    /// Tells the session at a place something.
    pub(super) fn tell(&self, client: ClientId, told: Told) {
        if let Some(seat) = self.seats.borrow().get(client.index()) {
            seat.tell(told);
        }
    }

    /// A session has left its pool. What it had of it was given back before.
    pub(super) fn detach(self: &Rc<Self>, place: usize, seat: &Seat, farewell: Farewell) {
        let (room_place, now) = (usize::from(seat.room), self.now.get());
        let mut room = self.rooms[room_place].borrow_mut();
        room.parted.note(&seat.about, farewell, now);
        // A connection that it was given and never heard of goes to the next.
        let unheard = room.pool.detach(client_of(place), farewell, now);
        let released = unheard.map(|connection| (connection, room.pool.check_in(connection, now)));
        drop(room);
        if let Some((connection, released)) = released {
            self.released(connection, released);
        }
        self.carry_out(room_place);
    }
}

/// A session's name in its pool.
pub(super) fn client_of(place: usize) -> ClientId {
    ClientId(u32::try_from(place).unwrap_or(u32::MAX))
}
