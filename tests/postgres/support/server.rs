//! A PostgreSQL that ends with this process, whichever way that ends.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::wire::Wire;

/// The user that everything is done as.
pub(crate) const USER: &str = "postgres";

/// A server of this process's own.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    stdin: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
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
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("no server: {line:?}"));
        let port = u16::try_from(told["postgres"].as_u64().unwrap()).unwrap();
        Self { process, stdin, address: SocketAddr::from(([127, 0, 0, 1], port)) }
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

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its stdin ends it.
        drop(self.stdin.take());
        let _ended = self.process.wait();
    }
}
