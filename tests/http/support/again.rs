//! An agent that remembers, is started anew, and refuses.

use std::fs;
use std::net::SocketAddr;

use fdguard::sys::pidfd::Signal;

use super::guard::{Guard, free_address, settle, start};

impl Guard {
    /// The same with a history, so that it can be started anew.
    pub(crate) fn remembering(upstreams: &[SocketAddr], keys: &str) -> Self {
        let upstream = format!("upstream = \"{}\"", upstreams[0]);
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        settle(folder.path(), address, &upstream, keys);
        let file = folder.path().join("agent.toml");
        let store = format!("\"sqlite:{}/history.db\"", folder.path().display());
        let settings = fs::read_to_string(&file).unwrap().replace("\"none\"", &store);
        fs::write(file, settings).unwrap();
        Self::settled(folder, address, upstream)
    }

    /// Ends the agent by a signal, and starts it anew.
    pub(crate) fn restart(&mut self, signal: Signal) {
        self.signal(signal);
        self.ended();
        self.agent = start(self.folder.path());
        self.answers();
    }

    /// What a command complains of; it must fail.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        self.try_run(words).expect_err("it is refused")
    }
}
