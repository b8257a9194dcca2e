//! The servers that the bots trade with.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::bot;

/// A server script, which ends with our end of its stdin.
#[derive(Debug)]
pub(crate) struct Servers {
    process: Child,
    stdin: Option<ChildStdin>,
    /// Its ports, as the bots want them in `BOT_SERVERS`.
    pub(crate) ports: serde_json::Map<String, serde_json::Value>,
}

impl Servers {
    /// The venue: quotes, feed, orders.
    pub(crate) fn venue() -> Self {
        Self::start("servers.py", &[])
    }

    /// A venue that writes down what it saw.
    pub(crate) fn with_record(record: &Path) -> Self {
        Self::start("venue.py", &[&record.to_string_lossy()])
    }

    /// A PostgreSQL of its own.
    pub(crate) fn postgres() -> Self {
        Self::postgres_with(&[])
    }

    /// The same with these settings.
    pub(crate) fn postgres_with(settings: &[&str]) -> Self {
        Self::start("postgres.py", settings)
    }

    fn start(script: &str, arguments: &[&str]) -> Self {
        let mut process = Command::new(bot::python())
            .arg(bot::folder().join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{script} did not start: {line:?}"));
        Self { process, stdin, ports }
    }

    /// The ports of this one and of `other`, as JSON.
    pub(crate) fn with(&self, other: &Self) -> String {
        let mut all = self.ports.clone();
        all.extend(other.ports.clone());
        serde_json::Value::from(all).to_string()
    }

    /// The ports as JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::Value::from(self.ports.clone()).to_string()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ended = self.process.wait();
    }
}
