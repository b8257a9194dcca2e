//! Clients that are logging in with the desk: so many at once, and when there is no room the one that came first goes.
//! Who opens connections and says nothing so keeps nobody out.

use std::collections::BTreeMap;

use tokio::task::AbortHandle;

/// Logins at once, each with a descriptor of ours.
pub(super) const LOGINS_MAX: usize = 256;

/// The logins under way, oldest first.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    next: u64,
    tasks: BTreeMap<u64, AbortHandle>,
}

impl Lobby {
    /// A seat for one more; whoever has sat longest goes where there is none.
    pub(super) fn reserve(&mut self) -> u64 {
        while self.tasks.len() >= LOGINS_MAX
            && let Some((_, oldest)) = self.tasks.pop_first()
        {
            oldest.abort();
        }
        self.next += 1;
        self.next
    }

    /// Takes the seat.
    pub(super) fn enter(&mut self, seat: u64, task: AbortHandle) {
        self.tasks.insert(seat, task);
    }

    /// Leaves it.
    pub(super) fn leave(&mut self, seat: u64) {
        self.tasks.remove(&seat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_makes_room() {
        let mut lobby = Lobby::default();
        let mut tasks = Vec::new();
        for _ in 0..=LOGINS_MAX {
            let seat = lobby.reserve();
            let task = tokio::spawn(std::future::pending::<()>());
            lobby.enter(seat, task.abort_handle());
            tasks.push(task);
        }
        assert_eq!(lobby.tasks.len(), LOGINS_MAX);
        assert!(tasks.remove(0).await.unwrap_err().is_cancelled());
        assert!(!tasks[0].is_finished());
        lobby.leave(2);
        assert_eq!(lobby.tasks.len(), LOGINS_MAX - 1);
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
