//! Keys whose credentials an upstream refused: they are not tried again before a pause, which grows.

use crate::model::clock::Timestamp;
use crate::pool::backoff::Backoff;
use crate::pool::id::Key;

#[derive(Clone, Copy, Debug, Default)]
struct Login {
    refusals: u32,
    until: Timestamp,
}

/// The state of each key.
#[derive(Clone, Debug, Default)]
pub(super) struct Logins(Vec<Login>);

impl Logins {
    /// Whether the pause of a key is not yet over.
    pub(super) fn pauses(&self, key: Key, now: Timestamp) -> bool {
        self.0.get(key.index()).is_some_and(|login| now < login.until)
    }

    /// An upstream refused it.
    pub(super) fn refused(&mut self, key: Key, retry: Backoff, (now, fraction): (Timestamp, f64)) {
        if self.0.len() <= key.index() {
            self.0.resize(key.index() + 1, Login::default());
        }
        let login = &mut self.0[key.index()];
        login.refusals = login.refusals.saturating_add(1);
        login.until = now + retry.pause(login.refusals, fraction);
    }

    /// An upstream accepted it, or its credentials have changed.
    pub(super) fn forget(&mut self, key: Key) {
        if let Some(login) = self.0.get_mut(key.index()) {
            *login = Login::default();
        }
    }

    /// All credentials have changed.
    pub(super) fn forget_all(&mut self) {
        self.0.clear();
    }
}
