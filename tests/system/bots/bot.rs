//! A bot and how to start it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

/// Where the bots are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bots")
}

/// The interpreter with the bots' libraries.
pub(crate) fn python() -> PathBuf {
    let python = folder().join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: run tests/setup", python.display());
    python
}

/// A bot in one of the ways it can leak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bot {
    pub(crate) script: &'static str,
    pub(crate) arguments: &'static [&'static str],
    /// Leaks a second, and the soft limit.
    pub(crate) rate: u32,
    pub(crate) limit: u32,
}

impl Bot {
    /// One that dies after some nine seconds.
    pub(crate) const fn new(script: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { script, arguments, rate: 25, limit: 220 }
    }

    /// The command line; the bot's lines go to `log`.
    pub(crate) fn command(&self, log: &Path) -> Vec<String> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut command = vec![text(python()), text(folder().join(self.script))];
        command.extend(self.arguments.iter().map(|&word| word.to_owned()));
        for (option, value) in [("--rate", self.rate), ("--limit", self.limit)] {
            command.extend([option.to_owned(), value.to_string()]);
        }
        command.extend(["--log".to_owned(), text(log.to_owned())]);
        command
    }

    /// Starts it with nobody to guard it. Its errors go beside its lines.
    pub(crate) fn start(&self, log: &Path, ports: &str) -> Running {
        let command = self.command(log);
        let process = Command::new(&command[0])
            .args(&command[1..])
            .env("BOT_SERVERS", ports)
            .stdin(Stdio::null())
            .stderr(File::create(log.with_extension("errors")).unwrap())
            .spawn()
            .unwrap();
        Running { process, born: Instant::now() }
    }
}

/// A bot of ours, killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    process: Child,
    pub(crate) born: Instant,
}

impl Running {
    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}
