//! The way of a newcomer: each command of the README is run, in its order, with the files of the README, on a bot that leaks.

use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Stdio};

use super::agent::{Agent, FDGUARD, PATIENCE, Setup};
use crate::bots::bot::{Bot, Running};
use crate::bots::servers::Servers;
use crate::support::port::free_port;
use crate::support::wait::wait_for;

/// The number that the README gives to the bot.
const PID: &str = "4242";
/// Commands that are not run here, and where they are.
const ELSEWHERE: [(&str, &str); 6] = [
    ("fdguard man --out target/man", "tests/cli/pages.rs"),
    ("fdguard completions bash", "tests/cli/pages.rs"),
    ("fdguard init --unit bot --out /etc/fdguard", "tests/cli/init.rs"),
    ("fdguard run", "the agent of this scene"),
    ("fdguard top", "tests/web/top.rs"),
    ("cargo ", "tests/run"),
];
/// These tell by 1 that there is something to see to.
const FINDERS: [&str; 2] = ["inspect", "doctor"];

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).expect("a README")
}

/// The indented lines, without what is said of them; of what becomes of the output elsewhere, nothing.
fn commands(readme: &str) -> Vec<String> {
    let typed = readme.lines().filter_map(|line| line.strip_prefix("    "));
    let bare =
        typed.filter_map(|line| line.split("  #").next()).map(|line| line.trim().trim_start_matches("sudo "));
    let begins =
        |line: &&str| ["fdguard ", "psql ", "cp policies", "sed "].iter().any(|word| line.starts_with(word));
    bare.filter(begins)
        .map(|line| line.split([';', '|', '&']).next().unwrap_or(line).trim().to_owned())
        .collect()
}

/// The files of the README as one, with addresses of this test.
fn settings(readme: &str, dir: &Path, bot: &Running, database: u64, ports: [u16; 3]) -> String {
    let blocks = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().expect("a block"));
    let text: String = blocks.collect();
    let [pool, venue, metrics] = ports.map(|port| format!("127.0.0.1:{port}"));
    let swaps = [
        ("{ unit = \"bot.service\" }", format!("{{ pid = {} }}", bot.pid())),
        ("127.0.0.1:6432", pool),
        ("db1.internal:5432", format!("127.0.0.1:{database}")),
        ("127.0.0.1:8080", venue),
        ("127.0.0.1:9465", metrics),
        ("[admin]\n", format!("[admin]\nsocket = \"{}/agent.sock\"\n", dir.display())),
    ];
    let text = swaps.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "the README has no {from:?} any more");
        text.replace(from, to)
    });
    let dir = dir.display();
    format!(
        "{text}\n[history]\nstore = \"sqlite:{dir}/history.db\"\n[agent]\nevidence = {{ dir = \"{dir}/evidence\" }}\n"
    )
}

/// The agent, the bot, and a folder as a clone is one.
struct Scene {
    agent: Agent,
    bot: Running,
    pool: u16,
    _folder: tempfile::TempDir,
    _servers: [Servers; 2],
}

impl Scene {
    fn open(readme: &str) -> Self {
        let (venue, server) = (Servers::venue(), Servers::postgres());
        let folder = tempfile::tempdir().expect("a folder");
        let bot = Bot { rate: 4, limit: 1_000, ..Bot::new("raw_sockets.py", &[]) };
        let bot = bot.start(&folder.path().join("bot"), &venue.json());
        let setup = Setup::new("");
        let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::create_dir(setup.path("policies")).expect("made");
        for name in ["default.toml", "default.test.toml"] {
            let to = setup.path("policies").join(name);
            std::fs::copy(clone.join("policies").join(name), to).expect("copied");
        }
        let default = std::fs::read_to_string(clone.join("policies/default.toml")).expect("a policy");
        setup.write("old.toml", &default);
        setup.write("new.toml", &default.replace("fd.ratio", "fd.ratio * 2"));
        setup.write("bot.py", "print('traded')\n");
        std::fs::create_dir(setup.path("bin")).expect("made");
        std::os::unix::fs::symlink("/usr/bin/python3", setup.path("bin/python")).expect("linked");
        let (pool, database) = (free_port(), server.ports["postgres"].as_u64().expect("a port"));
        let ports = [pool, free_port(), free_port()];
        setup.write("agent.toml", &settings(readme, &setup.path(""), &bot, database, ports));
        Self { agent: setup.start(), bot, pool, _folder: folder, _servers: [venue, server] }
    }

    /// Runs a command as it stands, but for what is this scene's own; its exit code and what it says.
    fn run(&self, line: &str) -> (Option<i32>, String) {
        let setup = &self.agent.setup;
        let mut line = line.replace(PID, &self.bot.pid().to_string()).replace("6432", &self.pool.to_string());
        if line.starts_with("fdguard config check") {
            line += " -c agent.toml";
        }
        if ["fdguard policy replay", "fdguard policy diff"].iter().any(|start| line.starts_with(start)) {
            line += " --store history.db";
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = Path::new(FDGUARD).parent().expect("in a folder").display().to_string();
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
            command.env_remove(name);
        }
        command.args(["-c", &line]).current_dir(setup.path("")).stdin(Stdio::null());
        command.env("PATH", format!("{programs}:{}:{path}", setup.path("bin").display()));
        command.env("FDGUARD_SOCKET", self.agent.socket());
        let output = command.output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said.into_owned())
    }

    fn play(&self, line: &str) {
        let is_finder = FINDERS.iter().any(|word| line.starts_with(&format!("fdguard {word} ")));
        let last = RefCell::new(String::new());
        let done = || {
            let (code, said) = self.run(line);
            last.borrow_mut().clone_from(&said);
            (code == Some(0) || is_finder && code == Some(1)).then_some(said)
        };
        // What reads the history has nothing to read in the first second.
        let said = wait_for(line, PATIENCE, done, || last.borrow().clone());
        let is_silent = ["cp ", "sed ", "fdguard config check"].iter().any(|start| line.starts_with(start));
        assert!(is_silent || !said.trim().is_empty(), "{line} says nothing");
    }
}

#[test]
fn each_command_of_the_readme_works_in_its_turn() {
    let readme = readme();
    let commands = commands(&readme);
    let scene = Scene::open(&readme);
    let mut played = 0;
    for line in &commands {
        if !ELSEWHERE.iter().any(|(start, _)| line == start) {
            scene.play(line);
            played += 1;
        }
    }
    assert!(played >= 16, "{commands:?}");
    for (start, place) in ELSEWHERE {
        assert!(readme.contains(start), "{place} plays {start:?}, and the README has it no more");
    }
}

#[test]
fn a_command_that_fails_is_found_out() {
    let readme = readme();
    let scene = Scene::open(&readme);
    assert_eq!(scene.run("fdguard ctl hold nobody").0, Some(1));
    assert_eq!(scene.run("fdguard policy check absent.toml").0, Some(2));
    assert_eq!(
        commands("    fdguard status      # all\nfdguard no\n    sudo fdguard man | x\n"),
        ["fdguard status", "fdguard man"]
    );
}
