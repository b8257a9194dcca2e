//! The guard as a user would have it: one agent for all bots of the machine, its proxies in their ways, a ladder for each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fdguard::model::event::Event;
use serde_json::{Map, Value};

use crate::common::agent::Agent;
use crate::common::ground::Ports;
use crate::common::{Attempt, process};
use crate::fd_stability::case::{CASES, Case, Proxy, silence};
use crate::fd_stability::compression::{Compression, FULL_TICK};
use crate::fd_stability::venue::script;

/// What the proxies are set to in the story. A client that has rested for five minutes was forgotten: the bots ask ten times a second.
/// A stream that falls silent is a failure to the breaker; it is to mind only all 36 at once.
const PROXIES: &str = r#"
[proxy.postgres]
protocol = "postgres"
listen   = "127.0.0.1:{postgres}"
upstream = "127.0.0.1:{to.postgres}"
pool     = { max = 4 }
clients  = { idle = "5m" }

[proxy.http]
protocol = "http"
listen   = "127.0.0.1:{http}"
upstream = "http://127.0.0.1:{to.http}"
clients  = { idle = "5m" }

[proxy.websocket]
protocol = "websocket"
listen   = "127.0.0.1:{websocket}"
upstream = "ws://127.0.0.1:{to.websocket}"
stream   = { silence = "{silence}", stable = "10s" }
breaker  = { failures = 40, window = "30s", open = "10s" }
"#;

/// The word of each proxy, and which of the bots' ports it takes the place of.
const PLACES: [(Proxy, &str, &str); 3] = [
    (Proxy::Postgres, "postgres", "postgres"),
    (Proxy::Http, "http", "patient"),
    (Proxy::WebSocket, "websocket", "feed"),
];

/// A running one.
#[derive(Debug)]
pub(crate) struct Guard {
    agent: Agent,
    folder: PathBuf,
}

impl Guard {
    /// Starts it with all bots as its children.
    pub(crate) fn start(compression: Compression, mut ports: Map<String, Value>) -> Attempt<Self> {
        let folder = tempfile::tempdir()?;
        let place = folder.path().to_owned();
        let mut proxies = compression.squeeze(PROXIES);
        proxies = proxies.replace("{silence}", &format!("{}ms", silence(compression).as_millis()));
        let free = Ports::default();
        for (_, word, port) in PLACES {
            let to = ports.get(port).ok_or("a server without its port")?.to_string();
            let listen = free.next()?;
            proxies = proxies.replace(&format!("{{to.{word}}}"), &to);
            proxies = proxies.replace(&format!("{{{word}}}"), &listen.to_string());
            ports.insert(port.to_owned(), listen.into());
        }
        let ports = Value::from(ports).to_string();
        let mut file = "schema = 1\n".to_owned();
        for case in &CASES {
            let pool = PLACES.iter().find(|(proxy, ..)| *proxy == case.proxy).map_or("", |(_, word, _)| word);
            let policy = compression.squeeze(&case.policy.replace("POOL", pool));
            std::fs::write(place.join(format!("{}.toml", case.name)), policy)?;
            file.push_str(&target(case, compression, &place, &ports));
        }
        write!(
            file,
            "{proxies}\n[history]\nstore = \"sqlite:{}\"\n\n[admin]\nsocket = \"{}\"\n\n\
             [agent]\nevidence = {{ dir = \"{}\" }}\ntick = {{ full = \"{FULL_TICK}\", cpu = \"50%\" }}\n",
            place.join("history.db").display(),
            place.join("agent.sock").display(),
            place.join("evidence").display(),
        )?;
        std::fs::write(place.join("agent.toml"), file)?;
        Ok(Self { agent: Agent::start(folder, CASES.len()), folder: place })
    }

    /// Where the bot's lines go.
    pub(crate) fn log_of(&self, case: &Case) -> PathBuf {
        log(&self.folder, case)
    }

    /// All that it has recorded.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.agent.events()
    }

    /// What it has written to its log.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.folder.join("agent.log")).unwrap_or_default()
    }

    /// Ends it in order, and the bots with it.
    pub(crate) fn end(self) {
        self.agent.end();
    }
}

fn log(folder: &Path, case: &Case) -> PathBuf {
    folder.join(format!("{}.log", case.name))
}

fn target(case: &Case, compression: Compression, folder: &Path, ports: &str) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let mut words = case.words(compression);
    words[0] = script(&words[0]).to_string_lossy().into_owned();
    words.insert(0, process::python().to_string_lossy().into_owned());
    words.extend(["--log".to_owned(), log(folder, case).to_string_lossy().into_owned()]);
    let words: Vec<String> = words.iter().map(|word| text(word)).collect();
    let allow: Vec<String> = case.allow.iter().map(|word| text(word)).collect();
    let restart = compression.squeeze("{ backoff = \"1s\", backoff_max = \"1m\", max = \"12/hour\" }");
    format!(
        "\n[target.{name}]\nmatch = {{ child = {{ argv = [{}], env = {{ BOT_SERVERS = {} }} }} }}\n\
         policy = [\"{name}.toml\"]\nallow = [{}]\nrestart = {restart}\n",
        words.join(", "),
        text(ports),
        allow.join(", "),
        name = case.name,
    )
}
