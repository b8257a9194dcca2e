//! A running `fdguard run` in a folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use fdguard::agent::request::{Answer, Request};
use fdguard::agent::status::Status;
use fdguard::model::event::Event;
use fdguard::sys::pidfd::{PidFd, Signal};

use super::client;
use super::wait::wait_for;

/// The program under test.
pub(crate) const FDGUARD: &str = env!("CARGO_BIN_EXE_fdguard");
/// How long an agent may take to come up or to end, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// An agent, killed when dropped; what it had to undo its keepers then undo.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Child,
    folder: PathBuf,
    seen: u64,
}

impl Agent {
    /// Writes `agent.toml` into `folder`: `sections` and the agent's own affairs, all of them in that folder.
    pub(crate) fn write_settings(folder: &Path, sections: &str) {
        let place = |name: &str| toml_text(&folder.join(name).to_string_lossy());
        let store = toml_text(&format!("sqlite:{}", folder.join("history.db").display()));
        let own = format!(
            "schema = 1\n\n{sections}\n[history]\nstore = {store}\n\n[admin]\nsocket = {}\n\n\
             [agent]\nevidence = {{ dir = {} }}\ntick = {{ full = \"200ms\", cpu = \"50%\" }}\n",
            place("agent.sock"),
            place("evidence"),
        );
        fs::write(folder.join("agent.toml"), own).unwrap();
    }

    /// Starts `fdguard run` on `agent.toml` of `folder` and waits until it answers.
    pub(crate) fn start(folder: &Path) -> Self {
        let open = |name: &str| File::options().create(true).append(true).open(folder.join(name)).unwrap();
        let process = Command::new(FDGUARD)
            .arg("run")
            .arg("--config")
            .arg(folder.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(open("agent.out"))
            .stderr(open("agent.log"))
            .spawn()
            .unwrap();
        let mut agent = Self { process, folder: folder.to_owned(), seen: 0 };
        let mut ended = None;
        wait_for(
            "the agent answers",
            PATIENCE,
            || {
                ended = agent.process.try_wait().unwrap();
                (ended.is_some() || agent.ask(&Request::Status).is_some()).then_some(())
            },
            || fs::read_to_string(folder.join("agent.log")).unwrap_or_default(),
        );
        assert!(ended.is_none(), "the agent ended at once: {ended:?}\n{}", agent.log());
        agent
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks; none where it does not answer.
    pub(crate) fn ask(&self, request: &Request) -> Option<Answer> {
        client::ask(&self.folder.join("agent.sock"), request)
    }

    /// What it sees and holds.
    pub(crate) fn status(&self) -> Status {
        match self.ask(&Request::Status) {
            Some(Answer::Status(status)) => *status,
            other => panic!("no status: {other:?}\n{}", self.log()),
        }
    }

    /// The events since the last call, oldest first.
    pub(crate) fn new_events(&mut self) -> Vec<Event> {
        let Some(Answer::Events(events)) = self.ask(&Request::Events { after: self.seen }) else {
            panic!("no events\n{}", self.log())
        };
        if let Some((first, _)) = events.first() {
            assert_eq!(*first, self.seen + 1, "events were lost: asked too rarely");
        }
        self.seen = events.last().map_or(self.seen, |(number, _)| *number);
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// What it has written to its standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("agent.log")).unwrap_or_default()
    }

    /// Reads the same later, for a message, while the agent itself is in use.
    pub(crate) fn log_reader(&self) -> impl FnOnce() -> String + use<> {
        let log = self.folder.join("agent.log");
        move || fs::read_to_string(log).unwrap_or_default()
    }

    /// Ends it in order and waits for that.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let log = self.log_reader();
        wait_for("the agent ends", PATIENCE, || self.process.try_wait().unwrap(), log)
    }

    fn signal(&self, signal: Signal) {
        // Our own child, not yet waited for: the number is still its.
        let pid = i32::try_from(self.process.id()).unwrap();
        if let Ok(process) = PidFd::open(pid) {
            let _ended = process.signal(signal);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            let _ended = self.process.kill();
            let _ended = self.process.wait();
        }
    }
}

/// A TOML string.
pub(crate) fn toml_text(text: &str) -> String {
    // JSON's escapes are TOML's too.
    serde_json::Value::from(text).to_string()
}
