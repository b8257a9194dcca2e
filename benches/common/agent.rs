//! A real agent: the release binary with a file and a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fdguard::journal::place::Place;
use fdguard::journal::query::{Blocking, EventFilter};
use fdguard::model::clock::Clock as _;
use fdguard::model::event::{Event, Fact};
use fdguard::sys::clock::SystemClock;
use fdguard::sys::pidfd::{PidFd, Signal};

/// How long it may take to come up, and to end.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(50);

/// A running agent; killed when dropped.
#[derive(Debug)]
pub(crate) struct Agent {
    child: Child,
    folder: tempfile::TempDir,
}

impl Agent {
    /// Starts one that guards processes by a policy, each as a target of its own; `more` is added to its file.
    pub(crate) fn guarding(pids: &[u32], policy: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("bench.toml"), policy).expect("the folder takes files");
        let targets = pids.iter().enumerate().map(|(place, pid)| {
            format!("[target.bot-{place}]\nmatch = {{ pid = {pid} }}\npolicy = [\"bench.toml\"]\nselect = \"no\"\n\n")
        });
        let file = format!(
            "schema = 1\n\n{}[history]\nstore = \"sqlite:{}\"\n\n\
             [admin]\nsocket = \"{}\"\n\n[agent]\nevidence = {{ dir = \"{}\" }}\n{more}",
            targets.collect::<String>(),
            path("history.db").display(),
            path("agent.sock").display(),
            path("evidence").display(),
        );
        std::fs::write(path("agent.toml"), file).expect("the folder takes files");
        Self::start(folder, pids.len())
    }

    /// Starts one on `agent.toml` in its folder; its history is `history.db` there. Returns once it guards so many.
    pub(crate) fn start(folder: tempfile::TempDir, guarded: usize) -> Self {
        let log = std::fs::File::create(folder.path().join("agent.log")).expect("the folder takes files");
        let mut command = Command::new(super::process::fdguard());
        command.args(["run", "--config"]).arg(folder.path().join("agent.toml"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let agent = Self { child: child.expect("the agent starts"), folder };
        agent.wait_until("all are adopted", || {
            let adopted = |event: &&Event| matches!(event.fact, Fact::Adopted { .. });
            agent.events().iter().filter(adopted).count() >= guarded
        });
        agent
    }

    /// Ends it in order, so that its children end with it.
    pub(crate) fn end(mut self) {
        let held = i32::try_from(self.child.id()).map(PidFd::open);
        if let Ok(Ok(process)) = held {
            drop(process.signal(Signal::TERM));
        }
        let begun = SystemClock.now();
        while matches!(self.child.try_wait(), Ok(None)) && SystemClock.now().since(begun) < PATIENCE {
            std::thread::sleep(STEP);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that it has recorded so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        let Ok(mut history) = Blocking::open(&Place::Sqlite(self.history())) else { return Vec::new() };
        history.events(&EventFilter::default()).map(|found| found.events).unwrap_or_default()
    }

    fn history(&self) -> PathBuf {
        self.folder.path().join("history.db")
    }

    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = SystemClock.now();
        while !is_so() {
            if SystemClock.now().since(begun) > PATIENCE {
                let log = std::fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default();
                unreachable!("{what}: not within {PATIENCE:?}; the agent said:\n{log}");
            }
            std::thread::sleep(STEP);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
