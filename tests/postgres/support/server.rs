//! A PostgreSQL that ends with this process, whichever way that ends.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard};

use fdguard::sys::pidfd::{PidFd, Signal};

use super::wire::Wire;

/// The user that everything is done as.
pub(crate) const USER: &str = "postgres";

/// A server of this process's own.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    stdin: Option<ChildStdin>,
    /// What it says; who has it may restart or freeze the server.
    lines: Mutex<BufReader<ChildStdout>>,
    folder: PathBuf,
    pub(crate) address: SocketAddr,
}

/// A server all of whose processes are stopped, until this is dropped.
#[derive(Debug)]
pub(crate) struct Frozen<'s> {
    processes: Vec<PidFd>,
    _alone: MutexGuard<'s, BufReader<ChildStdout>>,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(&["max_connections=200"]));
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The server that cases share, started by the first who asks.
pub(crate) fn server() -> &'static Server {
    &SERVER
}

impl Server {
    /// Starts one with these settings.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bots/postgres.py");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let told = told(&mut lines);
        let port = u16::try_from(told["postgres"].as_u64().unwrap()).unwrap();
        let folder = PathBuf::from(told["dir"].as_str().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self { process, stdin, lines: Mutex::new(lines), folder, address }
    }

    /// Has it crash and start anew; returns when it answers again.
    pub(crate) fn crash(&self) {
        let mut lines = self.lines.lock().unwrap();
        let script = PidFd::open(i32::try_from(self.process.id()).unwrap()).unwrap();
        script.signal(Signal::USR1).unwrap();
        told(&mut lines);
    }

    /// Stops all its processes: it answers nobody, and nobody is told that it is gone.
    pub(crate) fn freeze(&self) -> Frozen<'_> {
        let alone = self.lines.lock().unwrap();
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let postmaster: i32 = file.lines().next().unwrap().parse().unwrap();
        let mut frozen = Frozen { processes: Vec::new(), _alone: alone };
        frozen.stop(postmaster);
        for child in children(postmaster) {
            frozen.stop(child);
        }
        frozen
    }

    /// A new, empty database.
    pub(crate) fn database(&self) -> String {
        let name = format!("case_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.admin().run(&format!("create database {name} template template0 strategy file_copy"));
        name
    }

    /// A session that goes past every proxy.
    pub(crate) fn open(&self, database: &str) -> Wire {
        Wire::open(self.address, database)
    }

    /// A session to look at the server with, in no case's database.
    pub(crate) fn admin(&self) -> Wire {
        self.open("postgres")
    }
}

/// The line that says where it is.
fn told(lines: &mut BufReader<ChildStdout>) -> serde_json::Value {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("no server: {line:?}"))
}

fn children(parent: i32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

impl Frozen<'_> {
    /// One that has ended meanwhile needs no stop.
    fn stop(&mut self, pid: i32) {
        if let Ok(process) = PidFd::open(pid)
            && process.signal(Signal::STOP).is_ok()
        {
            self.processes.push(process);
        }
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        for process in &self.processes {
            let _ended = process.signal(Signal::CONT);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its stdin ends it.
        drop(self.stdin.take());
        let _ended = self.process.wait();
    }
}
