//! The pages on incidents and on tuning: every command in them is run against an agent in that trouble, and what it prints is what
//! the page shows, but for figures.
//!
//! In a block `console` a line that begins with `$` is a command; what follows is in its output, in this order. `…` alone stands for
//! any lines, at the end of a line for the rest of it. A word with a digit in it is any word with a digit in it.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokio_tungstenite::tungstenite;

use super::agent::{Agent, FDGUARD, PATIENCE, Setup};
use crate::bots::bot::{Bot, Running};
use crate::bots::servers::Servers;
use crate::support::port::free_port;
use crate::support::wait::wait_for;

/// The number that pages give to the bot.
const PID: &str = "4242";
/// Any lines, or the rest of one.
const LEFT_OUT: char = '…';

/// What the pages say that the bot's policy is.
const POLICY: &str = r#"schema = 1
name = "nursing"
[ladder.descriptors]
start_grace = "0s"
[[ladder.descriptors.tier]]
name = "attention"
raise = "fd.open > 30"
clear = "fd.open < 2"
for = "1s"
dwell = "5s"
cooldown = "10m"
do = [{ destroy_sockets = { older = "2s", max = 100 } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "3s" }
[[ladder.descriptors.tier]]
name = "reap"
raise = "attention.ineffective(1)"
clear = "fd.open < 2"
for = "1s"
dwell = "5s"
every = "30s"
cooldown = "30s"
do = [{ reap_descriptors = { older = "2s", max = 100 } }]
expect = { that = "fd.open <= before.fd.open * 85%", within = "1s" }
"#;

/// An agent with everything in it that the pages are about.
struct Scene {
    agent: Agent,
    bot: Running,
    clients: Vec<Child>,
    _folder: tempfile::TempDir,
    _servers: [Servers; 2],
}

impl Scene {
    fn open() -> Self {
        let (venue, server) = (Servers::venue(), Servers::postgres());
        let folder = tempfile::tempdir().expect("a folder");
        let bot = Bot { rate: 4, limit: 1_000, ..Bot::new("raw_sockets.py", &[]) };
        let bot = bot.start(&folder.path().join("bot"), &venue.json());
        let port = |servers: &Servers, name: &str| servers.ports[name].as_u64().expect("a port");
        let (db, quotes) = (free_port(), free_port());
        let setup = Setup::new(&format!(
            "[target.bot]\nmatch = {{ pid = {} }}\npolicy = [\"DIR/policy.toml\"]\n\
             allow = [\"destroy_sockets\", \"reap_descriptors\"]\n\
             [proxy.db]\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:{db}\"\nupstream = \"127.0.0.1:{}\"\n\
             pool = {{ max = 1, wait = \"10m\" }}\n\
             [proxy.quotes]\nprotocol = \"websocket\"\nlisten = \"127.0.0.1:{quotes}\"\n\
             upstream = \"ws://127.0.0.1:{}\"\nstream = {{ silence = \"1s\" }}\n",
            bot.pid(),
            port(&server, "postgres"),
            port(&venue, "feed"),
        ));
        setup.write("policy.toml", POLICY);
        setup.write("mine.toml", &block(&page("tuning.md"), "toml"));
        let agent = setup
            .with("FDGUARD__agent__tick__full", "200ms")
            .with("FDGUARD__agent__tick__cpu", "50%")
            .start();
        let clients = (0..2).map(|_| sleeper(db)).collect();
        std::thread::spawn(move || listen(quotes));
        Self { agent, bot, clients, _folder: folder, _servers: [venue, server] }
    }

    /// Runs each command of a page until it says what the page shows.
    fn play(&self, name: &str) {
        let mut seen = 0;
        for (words, shown) in steps(&page(name)) {
            let look = || follows(&self.run(&words), &shown).ok();
            wait_for(&format!("{name}: {words:?}"), PATIENCE * 2, look, || {
                follows(&self.run(&words), &shown).err().unwrap_or_default()
            });
            seen += 1;
        }
        assert!(seen > 0, "{name} has no commands");
    }

    /// A command as the page has it, with the scene's own number and files.
    fn run(&self, words: &[String]) -> String {
        let own = |word: &String| if word == PID { self.bot.pid().to_string() } else { word.clone() };
        let mut command = Command::new(FDGUARD);
        command.args(words.iter().map(own));
        // What reads the history is told where it is.
        let reads = words[0] == "history" || words.iter().any(|word| word == "replay" || word == "diff");
        if reads {
            command.arg("--store").arg(self.agent.setup.path("history/history.db"));
        }
        command.env("FDGUARD_SOCKET", self.agent.socket()).current_dir(self.agent.setup.path(""));
        let output = command.stdin(Stdio::null()).output().expect("fdguard runs");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for client in &mut self.clients {
            client.kill().expect("ours");
            client.wait().expect("ended");
        }
    }
}

/// A client of the pool that keeps its connection at work.
fn sleeper(port: u16) -> Child {
    let mut command = Command::new("psql");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    let place = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable");
    command.args([&place, "-c", "select pg_sleep(600)"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("psql")
}

/// Hears a feed that falls silent, until its end.
fn listen(port: u16) {
    let stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("served");
    let (mut open, _) = tungstenite::client(format!("ws://127.0.0.1:{port}/stale"), stream).expect("opened");
    while open.read().is_ok() {}
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first block of a kind.
fn block(page: &str, kind: &str) -> String {
    blocks(page, kind).next().expect("a block")
}

fn blocks(page: &str, kind: &str) -> impl Iterator<Item = String> {
    let begin = format!("```{kind}\n");
    let parts: Vec<String> =
        page.split(&begin).skip(1).map(|part| part.split("```").next().expect("a part").to_owned()).collect();
    parts.into_iter()
}

/// The commands of a page, each with the lines that it shows.
fn steps(page: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let mut steps: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for line in blocks(page, "console").flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
    {
        match line.strip_prefix("$ fdguard ") {
            Some(command) => {
                steps.push((command.split_whitespace().map(str::to_owned).collect(), Vec::new()));
            }
            None => steps.last_mut().expect("a command first").1.push(line),
        }
    }
    steps
}

/// Whether all lines that are shown are said, in this order; else the first that is not.
fn follows(said: &str, shown: &[String]) -> Result<(), String> {
    let mut said_lines = said.lines().map(masked);
    for line in shown.iter().filter(|line| line.trim() != LEFT_OUT.to_string()) {
        let wanted = masked(line.trim_end().trim_end_matches(LEFT_OUT));
        let rest = line.trim_end().ends_with(LEFT_OUT);
        let fits = |line: String| if rest { line.starts_with(&wanted) } else { line == wanted };
        if !said_lines.any(fits) {
            return Err(format!("{line:?} is not (or no longer) in\n{said}"));
        }
    }
    Ok(())
}

/// A line without its figures and its columns.
fn masked(line: &str) -> String {
    let mask = |word: &str| {
        if word.contains(|c: char| c.is_ascii_digit()) { "#".to_owned() } else { word.to_owned() }
    };
    line.split_whitespace().map(mask).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_pages_show_is_what_is_said() {
    let mut scene = Scene::open();
    for name in ["descriptors", "close-wait", "feed", "pool"] {
        scene.play(&format!("incidents/{name}.md"));
    }
    scene.play("tuning.md");
    scene.agent.kill();
    scene.agent.start_again();
    scene.play("incidents/restarted.md");
}

#[test]
fn a_page_that_shows_something_else_is_found_out() {
    let said = "pool  state\ndb    running  1\nquotes  running  2\n";
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert!(follows(said, &shown(&["pool state", "…", "quotes  running  7"])).is_ok());
    assert!(follows(said, &shown(&["db …"])).is_ok());
    assert!(follows(said, &shown(&["db  paused  1"])).is_err());
    assert!(follows(said, &shown(&["quotes  running  2", "db    running  1"])).is_err(), "in another order");
    assert_eq!(steps("```console\n$ fdguard status\n…\n```\n").len(), 1);
}

#[test]
fn every_page_on_incidents_is_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/incidents");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["README.md", "close-wait.md", "descriptors.md", "feed.md", "pool.md", "restarted.md"]);
}
