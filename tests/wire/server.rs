//! A PostgreSQL for all tests of this binary, with a user for each way to log in.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use fdguard::wire::postgres::backend::{Authentication, Kind};

use crate::client::{Login, Session, dial};

/// The password of every user that has one.
pub(crate) const PASSWORD: &str = "pencil I\u{ad}X \u{2168}";

/// So many connections may find the old rules after a reload.
const RELOAD_TRIES: usize = 5_000;

const RULES: &str = "\
host all postgres,trusting 127.0.0.1/32 trust
host all scram,handmade 127.0.0.1/32 scram-sha-256
host all md5 127.0.0.1/32 md5
host all clear 127.0.0.1/32 password
";

pub(crate) struct Server {
    /// Ends with our end of its stdin: at the latest when this process ends.
    _process: Child,
    pub(crate) address: SocketAddr,
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// The server, started by the first who asks.
pub(crate) fn server() -> &'static Server {
    &SERVER
}

impl Server {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bots/postgres.py");
        let mut process = Command::new("/usr/bin/python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("no server: {line:?}"));
        let port = u16::try_from(told["postgres"].as_u64().unwrap()).unwrap();
        let server = Self { _process: process, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        server.prepare(told["dir"].as_str().unwrap());
        server
    }

    fn prepare(&self, folder: &str) {
        let mut root = Session::open(self.address, "postgres", &Login::None);
        for user in ["trusting", "scram", "clear", "handmade"] {
            root.run(&format!("create role {user} login password '{PASSWORD}'"));
        }
        root.run(&format!("set password_encryption = 'md5'; create role md5 login password '{PASSWORD}'"));
        std::fs::write(format!("{folder}/data/pg_hba.conf"), RULES).unwrap();
        root.run("select pg_reload_conf()");
        let reloaded = (0..RELOAD_TRIES).any(|_| {
            let mut session = dial(self.address, "scram");
            // Too many at once are refused before they are asked for anything.
            let (kind, body) = session.receive();
            kind == Kind::Authentication && Authentication::parse(&body).unwrap() != Authentication::Ok
        });
        assert!(reloaded, "the server keeps its old rules");
    }
}
