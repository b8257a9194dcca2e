//! What a console tells the agent: proxies know nothing of it, so it comes by a channel that the agent reads.

use tokio::sync::oneshot;

/// Words that wait to be read; of one more the console says that there is no room.
pub const WORDS_MAX: usize = 64;

/// A word to the agent.
#[derive(Debug)]
pub enum Word {
    /// Somebody had a pool do something: for the history.
    Done {
        /// What, in the words of `fdguard ctl`.
        command: String,
        /// User id of the one who did.
        uid: u32,
    },
    /// Somebody wants the agent's files read anew.
    Reload {
        /// User id of the one who does.
        uid: u32,
        /// How it went; why not, where it did not.
        reply: oneshot::Sender<Result<(), String>>,
    },
}
