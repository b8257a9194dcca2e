//! An agent of the test's own: its folder, its file, its socket, its end.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fdguard::agent::request::{Answer, Command as Order, Request};
use fdguard::agent::status::{ProcessStatus, Status};
use fdguard::model::event::{Event, Fact};
use fdguard::model::name::Name;
use tempfile::TempDir;

use crate::support::wait::wait_for;

/// The machine is shared: no test is judged by its speed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The binary under test.
pub(crate) const FDGUARD: &str = env!("CARGO_BIN_EXE_fdguard");
/// The target of nearly every test.
pub(crate) const BOT: &str = "bot";

/// A folder that every user may enter.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("fdguard-sturdy-").tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777)).expect("set");
    folder
}

/// What an agent's file says beside its socket: the history, the targets.
pub(crate) struct Setup {
    folder: TempDir,
    before: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// A file with this body; `DIR` in it is the agent's folder. The history is in `DIR/history/history.db`.
    pub(crate) fn new(body: &str) -> Self {
        let folder = folder();
        let dir = folder.path().display().to_string();
        let history = if body.contains("[history]") {
            ""
        } else {
            "[history]\nstore = \"sqlite:DIR/history/history.db\"\n"
        };
        let body = format!(
            "schema = 1\n{body}\n{history}[admin]\nsocket = \"DIR/agent.sock\"\n\
             [agent]\nevidence = {{ dir = \"DIR/evidence\" }}\n"
        );
        std::fs::write(folder.path().join("agent.toml"), body.replace("DIR", &dir)).expect("written");
        Self { folder, before: Vec::new(), environment: Vec::new() }
    }

    /// One target `bot`, found in this way, under one policy; with no policy it is only watched.
    pub(crate) fn bot(matches: &str, policy: &str, rest: &str) -> Self {
        let policies = if policy.is_empty() { "" } else { "\"DIR/policy.toml\"" };
        let setup = Self::new(&format!("[target.bot]\nmatch = {matches}\npolicy = [{policies}]\n{rest}"));
        setup.write("policy.toml", policy);
        setup
    }

    /// The agent is started by this command, given before its own.
    pub(crate) fn under(mut self, words: &[&str]) -> Self {
        self.before = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// With this variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// Starts the agent and waits until it answers.
    pub(crate) fn start(self) -> Agent {
        let mut agent = Agent { child: None, setup: self };
        agent.start_again();
        agent
    }
}

/// A running agent; killed with its test.
pub(crate) struct Agent {
    child: Option<Child>,
    pub(crate) setup: Setup,
}

impl Agent {
    /// Starts it (again) on the same folder, and waits until it answers.
    pub(crate) fn start_again(&mut self) {
        self.launch();
        let ended = |agent: &mut Self| {
            agent.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|end| end.is_some()))
        };
        let end = Instant::now() + PATIENCE;
        while self.try_ask(&Request::Status).is_none() {
            assert!(!ended(self) && Instant::now() < end, "the agent does not answer\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts it and waits for nothing.
    pub(crate) fn launch(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.setup.path("log")).expect("a log");
        let mut words = self.setup.before.iter().map(String::as_str).chain([FDGUARD, "run", "-c"]);
        let mut command = Command::new(words.next().expect("not empty"));
        command.args(words).arg(self.setup.path("agent.toml"));
        command.envs(self.setup.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("cloned")).stderr(log);
        self.child = Some(command.spawn().expect("the agent starts"));
    }

    /// Its process number: what it says of itself, since it may have been started by another command.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.status().agent.pid).expect("fits")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.setup.path("log")).unwrap_or_default()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.setup.path("agent.sock")
    }

    fn try_ask(&self, request: &Request) -> Option<Answer> {
        let body = serde_json::to_string(request).expect("serialises");
        let (status, answer) = post(&self.socket(), &body)?;
        (status == 200).then(|| serde_json::from_str(&answer).expect("an answer"))
    }

    pub(crate) fn ask(&self, request: &Request) -> Answer {
        self.try_ask(request).unwrap_or_else(|| panic!("the agent does not answer\n{}", self.log()))
    }

    /// Tells it to do something, and that must be taken.
    pub(crate) fn order(&self, order: Order) {
        match self.ask(&Request::Do(order)) {
            Answer::Taken(_) => {}
            other => panic!("not taken: {other:?}\n{}", self.log()),
        }
    }

    pub(crate) fn status(&self) -> Status {
        match self.ask(&Request::Status) {
            Answer::Status(status) => *status,
            other => panic!("no status: {other:?}"),
        }
    }

    /// Every event that it still holds, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        match self.ask(&Request::Events { after: 0 }) {
            Answer::Events(events) => events.into_iter().map(|(_, event)| event).collect(),
            other => panic!("no events: {other:?}"),
        }
    }

    /// Waits for an event that fits.
    pub(crate) fn until<T>(&self, what: &str, fits: impl Fn(&Fact) -> Option<T>) -> T {
        let look = || self.events().iter().find_map(|event| fits(&event.fact));
        wait_for(what, PATIENCE, look, || self.log())
    }

    /// Waits until the target's process with this number is guarded.
    pub(crate) fn until_guarded(&self, pid: i32) {
        let pid = u32::try_from(pid).expect("a number");
        let look = || self.processes().iter().any(|process| process.pid == pid).then_some(());
        wait_for("the process is guarded", PATIENCE, look, || self.log());
    }

    /// Processes of the first target.
    pub(crate) fn processes(&self) -> Vec<ProcessStatus> {
        self.status().targets.swap_remove(0).processes
    }

    /// Ends it in order.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let pid = self.pid();
        signal(pid, "TERM");
        self.wait_end()
    }

    /// Waits for its end.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let look = || child.try_wait().expect("ours");
        wait_for("the agent ends", PATIENCE, look, || self.log())
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let pid = self.pid();
        signal(pid, "KILL");
        self.wait_end();
    }

    /// Runs `fdguard` with these words and the agent's socket.
    pub(crate) fn cli(&self, words: &[&str]) -> (i32, String) {
        let output = Command::new(FDGUARD)
            .args(words)
            .env("FDGUARD_SOCKET", self.socket())
            .output()
            .expect("fdguard runs");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code().expect("it exits"), text.into_owned())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // The keeper undoes what it kept; nothing of the test stays behind.
            child.kill().expect("ours");
            child.wait().expect("reaped");
        }
    }
}

/// The name of the usual target.
pub(crate) fn bot() -> Name {
    Name::parse(BOT).expect("a name")
}

/// Sends a signal to a process that the test has started.
pub(crate) fn signal(pid: i32, name: &str) {
    let done =
        Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("kill runs");
    assert!(done.success(), "kill -{name} {pid}");
}

/// One request over the agent's socket: the status and the body, or nothing where nobody answers.
pub(crate) fn post(socket: &Path, body: &str) -> Option<(u16, String)> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let head = format!("POST /v1/request HTTP/1.1\r\nhost: fdguard\r\ncontent-length: {}\r\n", body.len());
    write!(stream, "{head}connection: close\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
