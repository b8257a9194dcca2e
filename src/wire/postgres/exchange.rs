//! What a server connection still owes: the one book that says whether it may serve somebody else.
//!
//! Every request that is sent on is entered in order; every reply crosses one out. A connection that owes nothing and
//! is outside of a transaction is at rest, and only then may it go back to its pool. The gravest failures known of
//! poolers (rows of one client shown to another) are all a release before that.
//!
//! ```text
//!            requests sent                              replies
//!   Parse Bind Execute Sync ──► │ Parse │ Bind │ Execute │ Sync │ ──► 1   2   D.. C   Z
//!                               front                        back
//!   an error in a batch crosses out everything up to the next Sync; where none was sent yet, what follows is
//!   skipped by the server and so not entered, until a Sync ends it
//! ```
//!
//! Some requests are answered here and not by the server (a Parse of a statement the server has already): they stand
//! in the book as [`Owed::Own`], so that their reply takes its turn. Some replies are for us and not for the client:
//! [`Reply::Swallow`].
//!
//! Source: PostgreSQL "Message Flow" and the loop of `PostgresMain` (which messages are ignored after an error and
//! during COPY).

mod copying;

use std::collections::VecDeque;

use super::backend::{Transaction, ready_for_query};
use copying::{CopyIn, Probe};

pub use copying::In;

/// The most requests in the book. A client that sends more without reading an answer is made to wait.
pub const OWED_MAX: usize = 8_192;

/// Who gets a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The client.
    Pass,
    /// Nobody: the request was ours.
    Swallow,
}

/// A request not yet answered in full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owed {
    /// A simple query: ends with ReadyForQuery.
    Query(Reply),
    /// A function call: ends with ReadyForQuery.
    FunctionCall,
    /// The end of a batch: ends with ReadyForQuery.
    Sync(Reply),
    /// A Parse. `statement` is the shared statement it makes on the server, where it makes one.
    Parse {
        /// The shared statement.
        statement: Option<u32>,
        /// Whose it is.
        reply: Reply,
    },
    /// A Bind, of a shared statement where it is of one.
    Bind(Option<u32>),
    /// A Describe of a statement or portal; of a shared statement where it is of one.
    Describe(Option<u32>),
    /// An Execute.
    Execute,
    /// A Close.
    Close(Reply),
    /// A request that we answer ourselves, with a message of this kind and no body.
    Own(u8),
    /// The end of a COPY by the client; has no answer of its own.
    CopyEnd,
    /// A question of ours: what became of Syncs in a COPY that failed.
    Probe,
}

/// What to do with a message of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Send it on to the client.
    Pass,
    /// Keep it from the client.
    Swallow,
    /// Send it on; the connection can't be trusted any more.
    Doubt,
}

/// Whether a batch has begun whose Sync was not sent: an implicit transaction may be open, whatever was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Batch {
    None,
    Open,
    /// A Flush came behind its last request: the answers are on their way.
    Flushed,
}

/// Whether the connection may ever serve somebody else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trust {
    Sound,
    /// Something came that should not have.
    Doubtful,
}

/// The book of one server connection.
#[derive(Debug)]
pub struct Exchange {
    owed: VecDeque<Owed>,
    transaction: Transaction,
    /// The server skips what it is sent, up to a Sync.
    skipping: bool,
    copy_in: CopyIn,
    batch: Batch,
    /// Syncs that ended a batch so far.
    batches: u64,
    trust: Trust,
    /// Requests of ours that failed and that nobody was told of.
    own_failures: u32,
    /// What became of Syncs that were sent into a COPY that failed.
    probe: Probe,
    /// The client is in a batch that failed, and the server is not.
    client_skips: bool,
    /// Requests crossed out by an error, oldest first, for the caller to undo what it took as done.
    dropped: Vec<Owed>,
}

impl Default for Exchange {
    fn default() -> Self {
        Self::new()
    }
}

impl Exchange {
    /// The book of a connection that has just logged in.
    pub fn new() -> Self {
        Self {
            owed: VecDeque::new(),
            transaction: Transaction::Idle,
            skipping: false,
            copy_in: CopyIn::Off,
            batch: Batch::None,
            batches: 0,
            trust: Trust::Sound,
            own_failures: 0,
            probe: Probe::Off,
            client_skips: false,
            dropped: Vec::new(),
        }
    }

    /// Nothing owed, no transaction, no doubt: the connection may serve somebody else.
    pub fn at_rest(&self) -> bool {
        self.transaction == Transaction::Idle && self.takes_ours()
    }

    /// Nothing owed, and a request of our own would run: within a transaction too, where that has not failed.
    pub fn takes_ours(&self) -> bool {
        self.owed.is_empty()
            && self.transaction != Transaction::Failed
            && !self.skipping
            && !self.copying_in()
            && !self.in_batch()
            && !self.is_probing()
            && !self.client_skips
            && !self.doubtful()
    }

    /// Nothing owed: the next move is the client's.
    pub fn quiet(&self) -> bool {
        self.owed.is_empty()
    }

    /// The client keeps the connection, and the next move is its own: nothing is owed, or nothing that the server
    /// would send before the batch ends. What takes long in such a batch can't be told from a client that does nothing.
    pub fn rests_with_client(&self) -> bool {
        self.owed.is_empty() || self.batch == Batch::Open
    }

    /// A Flush is sent.
    pub fn flush(&mut self) {
        if self.in_batch() {
            self.batch = Batch::Flushed;
        }
    }

    /// The state of the transaction at the last ReadyForQuery.
    pub fn transaction(&self) -> Transaction {
        self.transaction
    }

    /// Whether a batch has begun whose Sync was not sent.
    pub fn in_batch(&self) -> bool {
        self.batch != Batch::None
    }

    /// The number of the batch that goes on or begins: an error in an earlier one skips nothing of it.
    pub fn batch_number(&self) -> u64 {
        self.batches
    }

    /// Whether the server skips what it is sent, up to a Sync.
    pub fn skipping(&self) -> bool {
        self.skipping
    }

    /// Whether the connection can't be trusted any more.
    pub fn doubtful(&self) -> bool {
        self.trust == Trust::Doubtful
    }

    /// Whether one of our own requests was refused; told once.
    pub fn take_own_failure(&mut self) -> bool {
        std::mem::take(&mut self.own_failures) > 0
    }

    /// Whether no more requests may be sent before answers have come.
    pub fn full(&self) -> bool {
        self.owed.len() >= OWED_MAX || self.is_probing()
    }

    /// Enters a request that is sent, or answered by us. Gives false where the server is going to skip it: then it
    /// has no effect and no answer.
    pub fn enter(&mut self, request: Owed) -> bool {
        match request {
            Owed::Sync(_) if self.copying_in() => {
                self.copy_in = CopyIn::OnWithSync;
                return true;
            }
            Owed::Sync(_) => {
                self.skipping = false;
                self.end_batch();
            }
            Owed::CopyEnd => {
                self.copy_in = CopyIn::Off;
                if self.owed.is_empty() {
                    return true;
                }
            }
            // Both end an open batch as a Sync does, unless they are skipped.
            Owed::Query(_) | Owed::FunctionCall if self.skipping => {}
            Owed::Query(_) | Owed::FunctionCall => self.batch = Batch::None,
            Owed::Probe => {}
            Owed::Parse { .. }
            | Owed::Bind(_)
            | Owed::Describe(_)
            | Owed::Execute
            | Owed::Close(_)
            | Owed::Own(_) => {
                self.batch = Batch::Open;
            }
        }
        if self.skipping {
            return false;
        }
        self.owed.push_back(request);
        true
    }

    /// The request that is answered next.
    pub fn front(&self) -> Option<Owed> {
        self.owed.front().copied()
    }

    /// The next reply of our own whose turn it is, crossed out.
    pub fn own_reply(&mut self) -> Option<u8> {
        let Some(Owed::Own(tag)) = self.owed.front().copied() else { return None };
        self.cross_out();
        Some(tag)
    }

    /// Crosses out the front, and ends of COPY behind it: they have no answer.
    fn cross_out(&mut self) -> Option<Owed> {
        let front = self.owed.pop_front();
        while let Some(Owed::CopyEnd) = self.owed.front() {
            self.owed.pop_front();
        }
        front
    }

    /// Requests that an error crossed out, oldest first; taken away.
    pub fn take_dropped(&mut self) -> Vec<Owed> {
        std::mem::take(&mut self.dropped)
    }

    /// Whether an error crossed out requests that nobody has taken away yet.
    pub fn has_dropped(&self) -> bool {
        !self.dropped.is_empty()
    }

    /// A message of the server that answers something. Call
    /// [`Exchange::own_reply`] until it has none before each. Not for messages that may come at any time (notices,
    /// notifications, parameter status).
    pub fn answered(&mut self, tag: u8, body: &[u8]) -> Verdict {
        let Some(front) = self.owed.front().copied() else {
            return if self.is_probing() { self.probed(tag, body) } else { self.unasked(tag, body) };
        };
        match (tag, front) {
            (_, Owed::Probe) => self.probed(tag, body),
            (b'Z', _) => self.ready(body),
            (b'E', _) => self.failed(),
            (b'G', _) => self.copy_in(),
            (_, Owed::Query(reply)) => verdict(reply),
            (b'1', Owed::Parse { reply, .. }) | (b'3', Owed::Close(reply)) => self.crossed(reply),
            (b'2', Owed::Bind(_))
            | (b'n' | b'T', Owed::Describe(_))
            | (b'C' | b's' | b'I', Owed::Execute) => self.crossed(Reply::Pass),
            (b't', Owed::Describe(_))
            | (b'D' | b'H' | b'd' | b'c', Owed::Execute)
            | (b'V', Owed::FunctionCall)
            | (b'W', _) => Verdict::Pass,
            _ => self.doubted(),
        }
    }

    fn crossed(&mut self, reply: Reply) -> Verdict {
        self.cross_out();
        verdict(reply)
    }

    fn end_batch(&mut self) {
        self.batch = Batch::None;
        self.batches += 1;
        self.client_skips = false;
    }

    fn doubted(&mut self) -> Verdict {
        self.trust = Trust::Doubtful;
        Verdict::Doubt
    }

    /// A message that nothing in the book asks for: a farewell of the server, or the answer to a Sync that a COPY
    /// may or may not have taken.
    fn unasked(&mut self, tag: u8, body: &[u8]) -> Verdict {
        if tag == b'Z' {
            self.transaction = ready_for_query(body).unwrap_or(Transaction::Failed);
        }
        self.doubted()
    }

    fn ready(&mut self, body: &[u8]) -> Verdict {
        let reply = match self.cross_out() {
            Some(Owed::Query(reply) | Owed::Sync(reply)) => reply,
            Some(Owed::FunctionCall) => Reply::Pass,
            Some(_) | None => return self.doubted(),
        };
        self.copy_in = CopyIn::Off;
        match ready_for_query(body) {
            Ok(transaction) => self.transaction = transaction,
            Err(_) => return self.doubted(),
        }
        verdict(reply)
    }

    fn failed(&mut self) -> Verdict {
        match self.owed.front() {
            Some(Owed::Query(reply)) => {
                let reply = *reply;
                if self.copy_in == CopyIn::OnWithSync {
                    self.probe = Probe::wanted(In::Query);
                }
                self.copy_in = CopyIn::Off;
                self.own_failures += u32::from(reply == Reply::Swallow);
                return verdict(reply);
            }
            Some(Owed::Sync(reply)) => return verdict(*reply),
            Some(Owed::FunctionCall) => return Verdict::Pass,
            Some(_) | None => {}
        }
        // A batch: the server skips to the next Sync.
        if self.copy_in == CopyIn::OnWithSync && self.owed.len() == 1 {
            self.copy_in = CopyIn::Off;
            self.probe = Probe::wanted(In::Batch);
            self.dropped.extend(self.owed.pop_front());
            return Verdict::Pass;
        }
        if self.copy_in == CopyIn::OnWithSync {
            self.trust = Trust::Doubtful;
        }
        self.copy_in = CopyIn::Off;
        self.skipping = true;
        while let Some(request) = self.owed.front() {
            if matches!(request, Owed::Sync(_)) {
                self.skipping = false;
                break;
            }
            self.dropped.extend(self.owed.pop_front());
        }
        Verdict::Pass
    }
}

fn verdict(reply: Reply) -> Verdict {
    match reply {
        Reply::Pass => Verdict::Pass,
        Reply::Swallow => Verdict::Swallow,
    }
}

#[cfg(test)]
mod tests;
