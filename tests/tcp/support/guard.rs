//! An agent with one proxy, in a folder of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use fdguard::agent::status::{PoolStatus, Status};
use fdguard::sys::pidfd::{PidFd, Signal};

use super::{PATIENCE, PROTOCOL, wait_for};

/// Ports are taken from here on, below the range that the kernel hands out to clients.
const PORTS_FROM: u16 = 5_000;
const PORTS: u16 = 6_000;

/// The agent; ends when dropped.
pub(crate) struct Guard {
    pub(super) agent: Child,
    pub(super) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    upstream: String,
}

impl Guard {
    /// With these upstreams, and these keys of the proxy `bus` besides.
    pub(crate) fn start(upstreams: &[SocketAddr], keys: &str) -> Self {
        let upstreams: Vec<String> = upstreams.iter().map(|address| format!("\"{address}\"")).collect();
        Self::before(&format!("[{}]", upstreams.join(", ")), keys)
    }

    /// The same with upstreams as they stand in the file.
    pub(crate) fn before(upstream: &str, keys: &str) -> Self {
        Self::leading(&format!("upstream = {upstream}"), keys)
    }

    /// The same with the line that says where it leads.
    pub(crate) fn leading(upstream: &str, keys: &str) -> Self {
        let (address, upstream) = (free_address(), upstream.to_owned());
        let folder = tempfile::tempdir().unwrap();
        settle(folder.path(), address, &upstream, keys);
        Self::settled(folder, address, upstream)
    }

    pub(super) fn settled(folder: tempfile::TempDir, address: SocketAddr, upstream: String) -> Self {
        let agent = start(folder.path());
        let mut guard = Self { agent, folder, address, upstream };
        guard.answers();
        guard
    }

    pub(super) fn answers(&mut self) {
        wait_for("the agent answers", || {
            let ended = self.agent.try_wait().unwrap();
            assert!(ended.is_none(), "the agent ended at once: {ended:?}\n{}", self.log());
            self.try_run(&["status"]).is_ok().then_some(())
        });
        self.wait_for_pool("the pool has been asked", |pool| !pool.mode.is_empty());
    }

    /// Writes other keys of the proxy, and has the agent read them.
    pub(crate) fn reload(&self, keys: &str) {
        settle(self.folder.path(), self.address, &self.upstream, keys);
        self.run(&["ctl", "reload"]);
    }

    /// A client, whose reads end some time.
    pub(crate) fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.set_write_timeout(Some(PATIENCE)).unwrap();
        client
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn pool(&self) -> PoolStatus {
        let status: Status = serde_json::from_str(&self.run(&["status", "--json"])).unwrap();
        status.pools.into_iter().next().expect("there is a pool")
    }

    /// Waits until the pool's status fits.
    pub(crate) fn wait_for_pool(&self, what: &str, fits: impl Fn(&PoolStatus) -> bool) -> PoolStatus {
        let mut last = None;
        wait_for(&format!("{what}\n{}", self.log()), || {
            let pool = self.pool();
            let fit = fits(&pool);
            last = Some(pool);
            fit.then_some(())
        });
        last.unwrap()
    }

    /// Waits until something has been counted so often.
    pub(crate) fn wait_for_count(&self, word: &str, count: u64) {
        let counted = |pool: &PoolStatus| pool.counters.get(word) == Some(&count);
        let end = std::time::Instant::now() + PATIENCE;
        while !counted(&self.pool()) {
            assert!(std::time::Instant::now() < end, "{word} is not {count}: {:?}", self.pool().counters);
            std::thread::sleep(super::LOOK);
        }
    }

    /// What a command prints; it must succeed.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        self.try_run(words).unwrap_or_else(|why| panic!("{words:?}: {why}\n{}", self.log()))
    }

    pub(super) fn try_run(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_fdguard"))
            .args(words)
            .env("FDGUARD_SOCKET", self.folder.path().join("agent.sock"))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Descriptors that the agent has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.agent.id())).unwrap().count()
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.agent.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    pub(crate) fn signal(&self, signal: Signal) {
        PidFd::open(i32::try_from(self.agent.id()).unwrap()).unwrap().signal(signal).unwrap();
    }

    /// Waits until the agent has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("the agent ends", || self.agent.try_wait().unwrap())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default()
    }
}

pub(super) fn start(folder: &Path) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("agent.log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_fdguard"))
        .args(["run", "--config"])
        .arg(folder.join("agent.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

pub(super) fn settle(folder: &Path, address: SocketAddr, upstream: &str, keys: &str) {
    let path = folder.display();
    // Others have to reach the socket in it.
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let settings = format!(
        "schema = 1\n[history]\nstore = \"none\"\n[admin]\nsocket = \"{path}/agent.sock\"\n\
         [agent]\nevidence = {{ dir = \"{path}/evidence\" }}\n\
         [proxy.bus]\nprotocol = \"{PROTOCOL}\"\nlisten = [\"{address}\", \"unix:{path}/bus.sock\"]\n\
         {upstream}\n{keys}\n"
    );
    fs::write(folder.join("agent.toml"), settings).unwrap();
}

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the agent:\n{}", self.log());
        }
        // Our own child, not yet waited for or known to have ended.
        if self.agent.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ended = self.agent.kill();
            let _ended = self.agent.wait();
        }
    }
}

/// An address that nobody listens at.
pub(crate) fn free_address() -> SocketAddr {
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
