//! A running `fdguard run` with one proxy, in a folder of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use fdguard::agent::request::{Answer, Command as Order, Request};
use fdguard::agent::status::PoolStatus;
use fdguard::model::action::ResetHow;
use fdguard::model::name::Name;
use fdguard::sys::pidfd::{PidFd, Signal};
use tempfile::TempDir;

use super::admin;
use super::server::{Server, server};
use super::wait::wait_for;
use super::wire::Wire;

/// Ports are taken from here on, below the range that the kernel hands out to clients.
const PORTS_FROM: u16 = 12_000;
const PORTS: u16 = 7_000;

/// An agent with one proxy, ended when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    process: Child,
    folder: TempDir,
    pub(crate) address: SocketAddr,
    /// The database that [`Proxy::client`] asks for.
    pub(crate) database: String,
}

impl Proxy {
    /// One that leads to a new database of the shared server by a single connection.
    pub(crate) fn single() -> Self {
        Self::with("pool = { max = 1 }")
    }

    /// One that leads to a new database of the shared server, with these keys besides.
    pub(crate) fn with(keys: &str) -> Self {
        Self::to(server(), keys)
    }

    /// One that leads to a new database of this server, with these keys besides.
    pub(crate) fn to(server: &Server, keys: &str) -> Self {
        let upstream = format!("\"{}\"", server.address);
        Self::through(&server.database(), &upstream, keys)
    }

    /// One that leads to this database by these upstreams, a value of the settings file.
    pub(crate) fn through(database: &str, upstream: &str, keys: &str) -> Self {
        let address = free_address();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let settings = format!(
            "schema = 1\n[history]\nstore = \"none\"\n[admin]\nsocket = \"{path}/agent.sock\"\n\
             [agent]\nevidence = {{ dir = \"{path}/evidence\" }}\n\
             [proxy.db]\nprotocol = \"postgres\"\nlisten = \"{address}\"\nupstream = {upstream}\n{keys}\n"
        );
        fs::write(folder.path().join("agent.toml"), settings).unwrap();
        let log = File::create(folder.path().join("agent.log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_fdguard"))
            .args(["run", "--config"])
            .arg(folder.path().join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut proxy = Self { process, folder, address, database: database.to_owned() };
        wait_for("the proxy listens", || {
            let ended = proxy.process.try_wait().unwrap();
            assert!(ended.is_none(), "the agent ended at once: {ended:?}\n{}", proxy.log());
            std::net::TcpStream::connect(address).ok()
        });
        proxy
    }

    /// A client that has logged in.
    pub(crate) fn client(&self) -> Wire {
        Wire::open(self.address, &self.database)
    }

    /// What the agent has written to its standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default()
    }

    /// Changes the agent's file; the agent reads it when it is told to, or sees that it changed.
    pub(crate) fn rewrite(&self, change: impl FnOnce(&str) -> String) {
        let path = self.folder.path().join("agent.toml");
        let settings = fs::read_to_string(&path).unwrap();
        fs::write(path, change(&settings)).unwrap();
    }

    /// The agent's process number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Has the agent do something; gives what it did.
    pub(crate) fn tell(&self, command: Order) -> String {
        match admin::ask(&self.folder.path().join("agent.sock"), &Request::Do(command)) {
            Answer::Taken(what) => what,
            other => panic!("{other:?}\n{}", self.log()),
        }
    }

    /// Resets all of the pool in this way.
    pub(crate) fn reset(&self, how: ResetHow) {
        self.tell(Order::ResetPool { pool: Name::parse("db").unwrap(), how, share: 1.0 });
    }

    /// Changes the settings file and has it read anew.
    pub(crate) fn reload(&self, change: impl Fn(&str) -> String) {
        let (path, next) = (self.folder.path().join("agent.toml"), self.folder.path().join("agent.next"));
        fs::write(&next, change(&fs::read_to_string(&path).unwrap())).unwrap();
        // In one step: the agent looks at the file by itself as well.
        fs::rename(&next, &path).unwrap();
        self.tell(Order::Reload);
    }

    /// The pool as the agent tells it, at most a second old.
    pub(crate) fn pool(&self) -> PoolStatus {
        match admin::ask(&self.folder.path().join("agent.sock"), &Request::Status) {
            Answer::Status(status) => status.pools.into_iter().next().expect("there is a pool"),
            other => panic!("{other:?}"),
        }
    }

    /// What `fdguard status` tells a person.
    pub(crate) fn page(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fdguard"));
        let output =
            command.arg("status").env("FDGUARD_SOCKET", self.folder.path().join("agent.sock")).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Descriptors of the agent.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// A new client is served: nothing stuck to the server connections, and none is lost.
    pub(crate) fn serves(&self) {
        assert_eq!(self.client().value("select 'served'"), "served");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the agent of {}:\n{}", self.database, self.log());
        }
        // Our own child, not yet waited for: the number is still its.
        if let Ok(process) = PidFd::open(i32::try_from(self.pid()).unwrap()) {
            let _ended = process.signal(Signal::KILL);
        }
        let _ended = self.process.wait();
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
