//! What is known of the two ends of a session, apart from their sockets.

use std::rc::Rc;

use crate::proxy::postgres::cache::Writes;
use crate::proxy::postgres::names::Names;
use crate::proxy::postgres::prepared::Prepared;
use crate::proxy::postgres::resets::Resetting;
use crate::wire::postgres::exchange::Exchange;
use crate::wire::postgres::settings::{Parameter, Settings};
use crate::wire::postgres::statement::{Pin, Strings};

/// For how long a client keeps a server connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Until it leaves.
    Session,
    /// Until its transaction ends.
    Transaction,
    /// For one statement; transactions of several are refused.
    Statement,
}

/// What becomes of session state that can't be shared, in transaction mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeps {
    /// It pins its client to the server connection.
    Pins,
    /// It is refused.
    Refuses,
}

/// The rest of a message whose start has been dealt with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Rest {
    /// Bytes still to come.
    pub(super) left: u64,
    /// They are kept back.
    pub(super) dropped: bool,
}

/// A client, as its messages made it.
#[derive(Debug, Default)]
pub(super) struct ClientSide {
    /// Of the message it is in the middle of sending.
    pub(super) rest: Rest,
    /// Its prepared statements; none for most of its life where it prepares none.
    pub(super) names: Option<Box<Names>>,
    /// It asked for the answers so far.
    pub(super) flushed: bool,
    /// Why it keeps its server connection between transactions.
    pub(super) pinned: Option<Pin>,
    /// The settings that it asked for, at its start and since.
    pub(super) wants: Rc<Settings>,
    /// The statement that it drops by command; gone once the server says so.
    pub(super) deallocates: Option<Vec<u8>>,
    /// Those of its start that are followed: a RESET comes back to them.
    pub(super) startup: Rc<Settings>,
    /// Those of its start that are not followed: they pin it.
    pub(super) extras: Vec<Extra>,
}

/// A setting of a client's start that is not followed.
#[derive(Clone, Debug)]
pub(super) struct Extra {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// It is still to be set, or to be set again.
    pub(super) due: bool,
}

impl ClientSide {
    pub(super) fn names(&mut self) -> &mut Names {
        self.names.get_or_insert_default()
    }

    /// How its texts quote.
    pub(super) fn strings(&self) -> Strings {
        match self.wants.get(Parameter::StandardConformingStrings) {
            Some("off") => Strings::Backslash,
            Some(_) | None => Strings::Standard,
        }
    }

    pub(super) fn known_names(&mut self) -> Option<&mut Names> {
        self.names.as_deref_mut()
    }
}

/// Whether a server connection has been brought to the settings of its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Settled {
    #[default]
    Yes,
    /// It is to be before its client asks anything.
    No,
}

/// A server connection, as its messages made it.
#[derive(Debug, Default)]
pub(super) struct ServerSide {
    /// What it owes.
    pub(super) exchange: Exchange,
    /// Of the message it is in the middle of sending.
    pub(super) rest: Rest,
    /// The shared statements it has.
    pub(super) prepared: Prepared,
    /// The settings in which it differs from how it logged in.
    pub(super) has: Rc<Settings>,
    /// State of its session that outlives a transaction.
    pub(super) stateful: bool,
    /// The shared statement that it is told to drop; gone once it says so.
    pub(super) deallocates: Option<u32>,
    /// Its unnamed statement is of the client that has it now.
    pub(super) unnamed_is_ours: bool,
    /// The batch in which its client sent its latest unnamed statement, until all is answered.
    pub(super) unnamed_sent: Option<u64>,
    /// Whether it has its client's settings.
    pub(super) settings: Settled,
    /// Settings that its client has it give back.
    pub(super) resets: Resetting,
    /// What it is at work on may change cached answers so; empty where there is no cache.
    pub(super) writes: Writes,
}

/// The server reports a setting: it has it, and its client asked for it, unless the change was ours.
pub(super) fn reported(server: &mut ServerSide, client: Option<&mut ClientSide>, name: &[u8], value: &[u8]) {
    let Some(parameter) = Parameter::of(name) else { return };
    // One that can't be kept is one that the server made up: then it is not carried to other connections.
    if Rc::make_mut(&mut server.has).put(parameter, value).is_err() {
        return;
    }
    // What comes back with a RESET is the server's own, and a client's is that of its start.
    let is_reset = server.resets.has(parameter.name().as_bytes());
    if let Some(client) = client.filter(|_| !is_reset) {
        let _kept = Rc::make_mut(&mut client.wants).put(parameter, value);
    }
}

/// What servers of every version report is followed; what only newer ones do is not relied on.
pub(super) const OLDEST: u32 = 0;
