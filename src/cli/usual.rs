//! Where an agent's socket and history are where nobody says it: those of an agent that this user runs, else of the host's.

use std::path::{Path, PathBuf};

use crate::cli::load;
use crate::config::Folders;

/// The control socket.
pub(super) fn socket(given: Option<&Path>) -> PathBuf {
    given.map_or_else(|| first(own_and_host(|folders| folders.runtime.join("fdguard.sock"))), Path::to_owned)
}

/// The history's file.
pub(super) fn store(given: Option<&Path>) -> PathBuf {
    given.map_or_else(|| first(own_and_host(|folders| folders.state.join("history.db"))), Path::to_owned)
}

fn own_and_host(place: impl Fn(&Folders) -> PathBuf) -> (PathBuf, PathBuf) {
    (place(&load::folders()), place(&Folders::system()))
}

/// The first where it is there, else the second.
fn first((own, host): (PathBuf, PathBuf)) -> PathBuf {
    if own.exists() { own } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_counts_then_the_own_then_the_hosts() {
        let given = Path::new("/no/such/one");
        assert_eq!((socket(Some(given)), store(Some(given))), (given.to_owned(), given.to_owned()));
        let folder = tempfile::tempdir().unwrap();
        let (own, host) = (folder.path().join("own"), folder.path().join("host"));
        assert_eq!(first((own.clone(), host.clone())), host);
        std::fs::write(&own, "").unwrap();
        assert_eq!(first((own.clone(), host)), own);
    }
}
