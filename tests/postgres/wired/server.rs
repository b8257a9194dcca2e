//! A PostgreSQL for all tests of this binary.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

struct Server {
    /// Ends with our end of its stdin: at the latest when this process ends.
    _process: Child,
    port: u64,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
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
    Server { _process: process, port: told["postgres"].as_u64().unwrap() }
});

/// Its port on 127.0.0.1; started by the first who asks.
pub(crate) fn port() -> u64 {
    SERVER.port
}
