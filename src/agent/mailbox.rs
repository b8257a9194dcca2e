//! The one way into the control loop: a bounded box of messages and a bell.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::actuator::Told;
use crate::agent::fleet::News;
use crate::agent::request::Envelope;
use crate::agent::seek::Found;
use crate::agent::settings::Settings;
use crate::model::asker::Asker;
use crate::model::clock::Timestamp;
use crate::model::event::Fact;
use crate::model::name::Name;
use crate::model::reading::Reading;
use crate::proxy::view::View;
use crate::sampler::remotes::RemoteBook;
use crate::sampler::scan::Scan;
use crate::sampler::truth::Testimony;
use crate::sys::pidfd::Signal;
use crate::sys::wake::Waker;

/// Messages waiting at most.
pub(super) const MESSAGES_MAX: usize = 1_024;

/// What can reach the control loop.
#[derive(Debug)]
pub enum Message {
    /// A full scan is done.
    Scanned(Scan),
    /// The processes of a target were looked for.
    Sought(Found),
    /// The actuator has something to say.
    Told(Told),
    /// Somebody asks or commands.
    Asked(Envelope),
    /// The addresses of declared remotes were looked up.
    Book(Arc<RemoteBook>),
    /// A probe has spoken.
    Probed {
        /// Which.
        probe: Name,
        /// When it was asked.
        asked: Timestamp,
        /// What it said.
        reading: Reading<f64>,
    },
    /// A pool has answered.
    Pool {
        /// Which.
        name: Name,
        /// When it was asked.
        asked: Timestamp,
        /// What it said.
        view: Box<View>,
    },
    /// An upstream of a pool was asked itself.
    Truth {
        /// Which pool.
        name: Name,
        /// Which upstream, as the settings name it.
        upstream: String,
        /// When it was asked.
        asked: Timestamp,
        /// What it said, or why it said nothing.
        told: Result<Testimony, String>,
    },
    /// A person had something done that the loop has no part in.
    Commanded {
        /// What, as typed.
        command: String,
        /// Who asked.
        by: Asker,
    },
    /// Settings were read anew, or could not be; a person may wait for the answer.
    Reload(Result<Box<Settings>, String>, Option<Envelope>),
    /// The history is lost, or back.
    History(Fact),
    /// The fleet has something to say.
    Fleet(News),
    /// Pass a signal on to the children.
    Forward(Signal),
    /// End in order.
    Stop(String),
}

/// The box is full, or the loop has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the control loop does not take messages now")]
pub struct Refused;

/// The sending end; cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailbox {
    sender: SyncSender<Message>,
    waker: Waker,
}

/// The receiving end.
#[derive(Debug)]
pub struct Inbox {
    /// Messages in the order they came.
    pub messages: Receiver<Message>,
    /// Rings with each message.
    pub waker: Waker,
}

/// A new box.
pub fn mailbox() -> std::io::Result<(Mailbox, Inbox)> {
    let (sender, messages) = sync_channel(MESSAGES_MAX);
    let waker = Waker::new()?;
    Ok((Mailbox { sender, waker: waker.clone() }, Inbox { messages, waker }))
}

impl Mailbox {
    /// Posts a message, never waits. The message comes back where it can't be taken.
    pub fn post(&self, message: Message) -> Result<(), Box<Message>> {
        let sent = self.sender.try_send(message);
        self.waker.wake();
        sent.map_err(|error| match error {
            TrySendError::Full(message) | TrySendError::Disconnected(message) => Box::new(message),
        })
    }

    /// Posts a message that must not be lost, waiting for room: for threads that nobody waits for.
    pub fn deliver(&self, message: Message) -> Result<(), Refused> {
        if self.post_or_keep(message).is_none() {
            return Ok(());
        }
        Err(Refused)
    }

    fn post_or_keep(&self, message: Message) -> Option<Message> {
        let Err(kept) = self.post(message) else { return None };
        // The loop empties its box at each turn; the bell has been rung.
        let sent = self.sender.send(*kept);
        self.waker.wake();
        sent.err().map(|error| error.0)
    }
}
