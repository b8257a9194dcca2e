//! Where an agent's socket and history are where nobody says it: those of an agent that this user runs, else of the host's.

use std::path::{Path, PathBuf};

use crate::cli::args::{StoreArgs, StoreText};
use crate::cli::load;
use crate::config::{self, Folders};
use crate::journal::place::{Password, Place, Shared};
use crate::model::name::Name;

/// A host whose own name is none that can be told.
const NAMELESS: &str = "host";

/// The control socket.
pub(super) fn socket(given: Option<&Path>) -> PathBuf {
    given.map_or_else(|| first(own_and_host(|folders| folders.runtime.join("fdguard.sock"))), Path::to_owned)
}

/// The history.
pub(super) fn store(given: &StoreArgs) -> Place {
    match &given.store {
        Some(StoreText::File(path)) => Place::Sqlite(path.clone()),
        Some(StoreText::Database(database)) => Place::Postgres(Box::new(Shared {
            database: database.clone(),
            password: given.password_file.clone().map_or(Password::OfPerson, Password::File),
            agent: given.agent.clone().unwrap_or_else(host),
        })),
        None => Place::Sqlite(first(own_and_host(|folders| folders.state.join("history.db")))),
    }
}

/// The name of an agent, wherever it shares something with others.
pub(super) fn agent(history: &config::History) -> Name {
    history.login.agent.clone().unwrap_or_else(host)
}

/// The name that an agent has in a database where nobody says another one: that of its host.
pub(super) fn host() -> Name {
    let name = crate::sys::host::name();
    Name::parse(&name).or_else(|_| Name::parse(NAMELESS)).expect("it is a name")
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
        assert_eq!(socket(Some(given)), given);
        let text = |text: &str| StoreArgs { store: text.parse().ok(), agent: None, password_file: None };
        assert_eq!(store(&text("/no/such/one")), Place::Sqlite(given.to_owned()));
        let Place::Postgres(shared) = store(&text("postgres://a@b/c")) else {
            panic!("a database was given")
        };
        assert_eq!((shared.agent, shared.password), (host(), Password::OfPerson));
        let folder = tempfile::tempdir().unwrap();
        let (own, host) = (folder.path().join("own"), folder.path().join("host"));
        assert_eq!(first((own.clone(), host.clone())), host);
        std::fs::write(&own, "").unwrap();
        assert_eq!(first((own.clone(), host)), own);
    }
}
