//! What a stream has the loop around it do, and what it tells.

use std::time::Duration;

use crate::stream::cursor::Gap;
use crate::stream::generation::Generation;

/// Where a stream is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum State {
    /// Not wanted.
    Disconnected,
    /// On its first way.
    Connecting,
    /// The socket serves.
    Connected,
    /// The socket is lost; it is waited, or tried.
    Reconnecting,
    /// Polls serve.
    Polling,
    /// Polls serve, and a socket is being made ready.
    Priming,
    /// Nothing serves.
    Failed,
}

impl State {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Polling => "polling",
            Self::Priming => "priming",
            Self::Failed => "failed",
        }
    }

    /// Its place among the words of the signal, where polls serve in two of these.
    pub const fn signal(self) -> usize {
        match self {
            Self::Disconnected => 0,
            Self::Connecting => 1,
            Self::Connected => 2,
            Self::Reconnecting => 3,
            Self::Polling | Self::Priming => 4,
            Self::Failed => 5,
        }
    }
}

/// Why a stream changed its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// A client wants it.
    Wanted,
    /// Nobody wants it any more, or it was told to end.
    Unwanted,
    /// The socket is open and all was said again.
    Ready,
    /// The socket closed or broke.
    Lost,
    /// The socket did not open.
    Refused,
    /// It did not open in time, or was not made ready in time.
    Late,
    /// A ping was not answered.
    NoPong,
    /// No data for too long.
    Silent,
    /// It is time for another try.
    Retry,
    /// No more tries.
    GaveUp,
    /// It is held in polls.
    Held,
    /// It is no longer held in polls.
    Released,
    /// More came while it was made ready than is kept.
    Overflow,
    /// Messages are missing between two that it gave.
    Missed,
    /// By hand.
    Asked,
}

impl Why {
    /// In words.
    pub const fn meaning(&self) -> &'static str {
        match self {
            Self::Wanted => "a client wants it",
            Self::Unwanted => "nobody wants it",
            Self::Ready => "it is ready",
            Self::Lost => "the connection was lost",
            Self::Refused => "the connection could not be had",
            Self::Late => "it took too long",
            Self::NoPong => "a ping was not answered",
            Self::Silent => "no data for too long",
            Self::Retry => "it is time for another try",
            Self::GaveUp => "no more tries",
            Self::Held => "a policy holds it in polls",
            Self::Released => "it is no longer held in polls",
            Self::Overflow => "more came than is kept",
            Self::Missed => "messages are missing",
            Self::Asked => "by hand",
        }
    }
}

/// A change of state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// From.
    pub from: State,
    /// To.
    pub to: State,
    /// Why.
    pub why: Why,
}

/// Whether it speaks against the other side that a socket is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    /// It does not: this side wants it no more, or there was nothing to say on it.
    Nobody,
    /// It did not answer in time.
    Upstream,
}

/// To be carried out in order, before anything else is told to the stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Open a socket.
    Connect(Generation),
    /// Say again what the ledger holds, paced, and tell when all was said.
    Replay(Generation),
    /// Send a ping.
    Ping(Generation),
    /// Close in order; it is dropped later if need be.
    Close(Generation),
    /// Drop it now.
    Drop(Generation, Blame),
    /// Poll.
    Poll(Generation),
    /// Pass this message of a socket or poll on.
    Deliver(Vec<u8>),
    /// Something is missing before what comes next.
    Gap(Gap),
    /// The state changed.
    Changed(Change),
}

/// What is wanted of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Its socket.
    Live,
    /// Polls, so often; the socket is closed once one was answered.
    Polls {
        /// From one to the next.
        every: Duration,
    },
}
