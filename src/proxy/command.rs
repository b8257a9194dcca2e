//! What a policy, a person or a reload can have a proxy do, and what came of it.

use std::fmt;
use std::time::Duration;

use crate::model::action::{Gate as OrderGate, ResetHow};
use crate::pool::gate::{Gate, Supply};
use crate::pool::limits::Limits;
use crate::proxy::view::GateView;
use crate::stream::order::Wanted;

/// Something to do to the pool of a proxy.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// Replace server connections.
    Reset {
        /// Which, by what they do.
        how: ResetHow,
        /// Which share of those, oldest first.
        share: f64,
    },
    /// Say how new clients are let in.
    Admit(Gate),
    /// Say whether those that the clients belong to have descriptors left.
    Supply(Supply),
    /// New work waits; server connections are closed as they come free.
    Pause,
    /// Back to work.
    Resume,
    /// Replace all server connections as they come free.
    Reconnect,
    /// Refuse new clients and new work.
    Disable,
    /// Close all clients and server connections now, and pause.
    Kill,
    /// Drop what the read cache keeps.
    FlushCache,
    /// Have all streams of the proxy do something.
    Stream(StreamWork),
    /// Close the order gate so far, or open it.
    Trade(By, Option<OrderGate>),
    /// Change the limits; what still fits stays.
    Adjust(Box<Limits>),
}

/// What streams can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamWork {
    /// To poll, or to be live.
    Want(Wanted),
    /// To try now, with all tries left.
    Connect,
    /// To give their connections up, and stay with their clients.
    Close,
}

/// Who closes an order gate. Each opens what it has closed, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The policies of all targets together.
    Policies,
    /// A person, for so long; until told otherwise where absent.
    Hand(Option<Duration>),
}

/// What a command did at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Done {
    /// Server connections closed.
    pub closed: usize,
    /// Server connections in use that are closed when they come back.
    pub retired: usize,
    /// Clients told to go.
    pub clients: usize,
    /// Cached answers dropped, where that was asked for.
    pub answers: Option<usize>,
    /// Streams that were told, where streams were.
    pub streams: Option<usize>,
    /// How the order gate stands, where that was asked for.
    pub trading: Option<GateView>,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(trading) = &self.trading {
            return write!(f, "{trading}");
        }
        if let Some(answers) = self.answers {
            return write!(f, "dropped {answers} cached {}", if answers == 1 { "answer" } else { "answers" });
        }
        if let Some(streams) = self.streams {
            return write!(f, "told {streams} {}", if streams == 1 { "stream" } else { "streams" });
        }
        let connections = |count| if count == 1 { "connection" } else { "connections" };
        write!(f, "closed {} {}", self.closed, connections(self.closed))?;
        if self.retired > 0 {
            write!(f, "; {} in use, closed when they come back", self.retired)?;
        }
        match self.clients {
            0 => Ok(()),
            1 => f.write_str("; 1 client was told to go"),
            clients => write!(f, "; {clients} clients were told to go"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_was_done() {
        let done =
            |closed, retired, clients| Done { closed, retired, clients, ..Done::default() }.to_string();
        let dropped = |answers| Done { answers: Some(answers), ..Done::default() }.to_string();
        assert_eq!(
            (dropped(1), dropped(0)),
            ("dropped 1 cached answer".to_owned(), "dropped 0 cached answers".to_owned())
        );
        assert_eq!(done(0, 0, 0), "closed 0 connections");
        assert_eq!(done(1, 2, 0), "closed 1 connection; 2 in use, closed when they come back");
        assert_eq!(done(3, 0, 1), "closed 3 connections; 1 client was told to go");
    }
}
