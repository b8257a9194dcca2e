//! A client: its socket and what is known of it. There may be many, so this is kept small.

use std::rc::Rc;
use std::sync::Arc;

use crate::model::clock::Timestamp;
use crate::pool::id::{ConnectionId, Key};
use crate::proxy::postgres::cache::{Mark, Patience};
use crate::proxy::postgres::side::ClientSide;
use crate::proxy::postgres::worker::knocker::Seat;
use crate::proxy::postgres::worker::room::Greeting;
use crate::proxy::transport::Transport;

/// What a client is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It waits for the greeting, which needs a server connection.
    Greeting,
    /// It has the floor: what it sends is taken.
    Open,
    /// It waits for a server connection.
    Waiting,
    /// It waits for the answer to another one's question, which is its own too.
    Awaiting,
    /// It has to take its answers first.
    Sated,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(super) transport: Transport,
    pub(super) side: ClientSide,
    pub(super) state: State,
    /// Nothing can be read until the poll says so.
    pub(super) drained: bool,
    pub(super) turn: u32,
    pub(super) room: u16,
    pub(super) key: Key,
    /// The server connection that it has.
    pub(super) lease: Option<ConnectionId>,
    /// Since when it takes nothing of what it is sent.
    pub(super) stalled: Option<Timestamp>,
    /// It keeps it while it rests.
    pub(super) rests: bool,
    /// Read and not yet dealt with.
    pub(super) pending: Vec<u8>,
    /// With its place the key to cancel what it is doing.
    pub(super) secret: [u8; 4],
    /// Its question that goes to the server, and whose answer is to be kept.
    pub(super) mark: Option<Box<Mark>>,
    /// Whether it may wait for another one's answer.
    pub(super) patience: Patience,
    /// What is told of it.
    pub(super) about: Arc<About>,
    /// The greeting it got.
    pub(super) greeting: Option<Rc<Greeting>>,
    /// When it last began or ended a unit of work.
    pub(super) active: Timestamp,
    /// When it came.
    pub(super) since: Timestamp,
}

/// Who a client is; told in the console and in reports.
pub(crate) type About = crate::proxy::view::Identity;

/// A client that has logged in.
#[derive(Debug)]
pub(crate) struct Newcomer {
    /// Its socket.
    pub(crate) transport: Transport,
    /// Which proxy it came to.
    pub(crate) room: u16,
    /// Who it is.
    pub(crate) about: About,
    /// The end of its login, not yet sent: it goes out with the greeting.
    pub(crate) prologue: Vec<u8>,
    /// Bytes that it sent after its login.
    pub(crate) early: Vec<u8>,
    /// Settings that it asked for at its start.
    pub(crate) settings: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether the poll knows its socket.
    pub(crate) seat: Seat,
}
