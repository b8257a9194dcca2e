//! An agent with one proxy and one target, in a folder of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use fdguard::agent::status::{PoolStatus, Status};
use fdguard::sys::pidfd::{PidFd, Signal};

use super::client::Client;
use super::server;
use crate::support::wait::wait_for;

/// How long anything may take that is on its way, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Ports are taken from here on, below the range that the kernel hands out to clients.
const PORTS_FROM: u16 = 20_000;
const PORTS: u16 = 7_000;

/// The agent and its target; both end when dropped.
pub(crate) struct Guard {
    agent: Child,
    target: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Guard {
    /// With these keys of the proxy `db`, and this policy of the target.
    pub(crate) fn start(keys: &str, policy: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let target = Command::new("sleep").arg("600").spawn().unwrap();
        let (path, address) = (folder.path().display(), free_address());
        let policies = if policy.is_empty() { String::new() } else { format!("\"{path}/policy.toml\"") };
        fs::write(folder.path().join("policy.toml"), policy).unwrap();
        let settings = format!(
            "schema = 1\n[target.bot]\nmatch = {{ pid = {} }}\npolicy = [{policies}]\n\
             [history]\nstore = \"sqlite:{path}/history.db\"\n[admin]\nsocket = \"{path}/agent.sock\"\n\
             [agent]\nevidence = {{ dir = \"{path}/evidence\" }}\n\
             [proxy.db]\nprotocol = \"postgres\"\nlisten = \"{address}\"\nupstream = \"127.0.0.1:{}\"\n{keys}\n",
            target.id(),
            server::port(),
        );
        fs::write(folder.path().join("agent.toml"), settings).unwrap();
        let agent = Command::new(env!("CARGO_BIN_EXE_fdguard"))
            .args(["run", "--config"])
            .arg(folder.path().join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("agent.log")).unwrap())
            .spawn()
            .unwrap();
        let mut guard = Self { agent, target, folder, address };
        wait_for("the agent answers", || {
            let ended = guard.agent.try_wait().unwrap();
            assert!(ended.is_none(), "the agent ended at once: {ended:?}\n{}", guard.log());
            guard.try_run(&["status"]).status.success().then_some(())
        });
        guard
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client that has logged in.
    pub(crate) fn client(&self) -> Client {
        self.connect().unwrap_or_else(|why| panic!("{why}\n{}", self.log()))
    }

    /// The same, or why not.
    pub(crate) fn connect(&self) -> Result<Client, String> {
        Client::connect(self.address)
    }

    /// Waits until the pool's status fits.
    pub(crate) fn wait_for_pool(&self, what: &str, fits: impl Fn(&PoolStatus) -> bool) -> PoolStatus {
        let mut last = None;
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let status: Status = serde_json::from_str(&self.run(&["status", "--json"])).unwrap();
            let pool = status.pools.into_iter().next().expect("there is a pool");
            if fits(&pool) {
                return pool;
            }
            last = Some(pool);
            std::thread::sleep(LOOK);
        }
        panic!("not within {PATIENCE:?}: {what}: {last:?}\n{}", self.log());
    }

    /// What a command prints; it must succeed.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let output = self.try_run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `ctl` prints; it must succeed.
    pub(crate) fn ctl(&self, words: &[&str]) -> String {
        self.run(&[&["ctl"], words].concat())
    }

    /// What `ctl` complains of.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let output = self.try_run(&[&["ctl"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What the history holds.
    pub(crate) fn history(&self) -> String {
        let store = self.folder.path().join("history.db");
        let output = Command::new(env!("CARGO_BIN_EXE_fdguard"))
            .args(["history", "--store"])
            .arg(store)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        PidFd::open(i32::try_from(self.agent.id()).unwrap()).unwrap().signal(signal).unwrap();
    }

    /// Waits until the agent has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("the agent ends", || self.agent.try_wait().unwrap())
    }

    fn try_run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_fdguard"))
            .args(words)
            .env("FDGUARD_SOCKET", self.folder.path().join("agent.sock"))
            .output()
            .unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the agent:\n{}", self.log());
        }
        // Our own children, not yet waited for or known to have ended.
        for child in [&mut self.agent, &mut self.target] {
            if child.try_wait().is_ok_and(|ended| ended.is_none()) {
                let _ended = child.kill();
                let _ended = child.wait();
            }
        }
    }
}

/// An address that nobody listens at.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap();
    loop {
        let port = PORTS_FROM + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
