//! The servers that the bots trade with: `tests/bots/servers.py` and `tests/bots/postgres.py`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Map, Value};

use crate::common::{Attempt, process};
use crate::fd_stability::case::{CASES, LIMIT, MESSAGE_EVERY, TICKS, stream_life};
use crate::fd_stability::compression::Compression;

/// Where the bots are.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bots").join(name)
}

/// A server script, which ends with our end of its stdin.
#[derive(Debug)]
struct Server {
    process: Child,
    stdin: Option<ChildStdin>,
    ports: Map<String, Value>,
}

impl Server {
    fn start(name: &str, words: &[String]) -> Attempt<Self> {
        let mut process = Command::new(process::python())
            .arg(script(name))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, out) = (process.stdin.take(), process.stdout.take());
        let mut line = String::new();
        BufReader::new(out.ok_or("no stdout")?).read_line(&mut line)?;
        let ports = serde_json::from_str(&line)
            .map_err(|error| format!("{name} did not start: {error}: {line:?}"))?;
        Ok(Self { process, stdin, ports })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.process.wait());
    }
}

/// A venue and a database.
#[derive(Debug)]
pub(crate) struct Venue {
    servers: [Server; 2],
}

impl Venue {
    pub(crate) fn start(compression: Compression) -> Attempt<Self> {
        let spoken = (stream_life(compression).as_secs_f64() / MESSAGE_EVERY).round().max(1.0);
        let words = [
            ("--feed-every", MESSAGE_EVERY.to_string()),
            ("--feed-silent-after", format!("{spoken:.0}")),
            ("--quotes-every", (1.0 / TICKS).to_string()),
        ];
        let words: Vec<String> =
            words.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        // Room for all that one bot can open: it is to meet its own limit and not the server's.
        let room = format!("max_connections={}", u64::from(LIMIT) + 10 * CASES.len() as u64);
        Ok(Self { servers: [Server::start("servers.py", &words)?, Server::start("postgres.py", &[room])?] })
    }

    /// Its ports, as the bots want them in `BOT_SERVERS`.
    pub(crate) fn ports(&self) -> Map<String, Value> {
        self.servers.iter().flat_map(|server| server.ports.clone()).collect()
    }
}
