//! What a bot says of itself, line by line.

use std::path::{Path, PathBuf};

/// One line.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
pub(crate) struct Line {
    pub(crate) event: Event,
    pub(crate) pid: u32,
    /// Seconds since the machine's boot: the agent's own clock.
    pub(crate) boot: f64,
    pub(crate) fds: u64,
    pub(crate) leaks: u64,
    pub(crate) orders_ok: u64,
    pub(crate) orders_failed: u64,
    /// Calls that the kernel broke off, where the bot counts them.
    pub(crate) eintr: Option<u64>,
    /// The descriptor of the order connection, where there is one for life.
    pub(crate) order_fd: Option<u64>,
    /// Which worker of a forking bot speaks; none for the parent.
    pub(crate) worker: Option<u64>,
    /// How many workers the parent has started again.
    pub(crate) respawned: Option<u64>,
}

/// What a line is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Started,
    Tick,
    TermIgnored,
    Stopped,
    Finished,
    Died,
}

/// The lines of a bot and of those started after it, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    file: PathBuf,
    read: usize,
    pub(crate) lines: Vec<Line>,
}

impl Tape {
    /// Of a file that need not be there yet.
    pub(crate) fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), read: 0, lines: Vec::new() }
    }

    /// Takes in what was written since.
    pub(crate) fn wind(&mut self) {
        let Ok(text) = std::fs::read_to_string(&self.file) else { return };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[self.read.min(whole)..whole].lines() {
            let line = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
            self.lines.push(line);
        }
        self.read = whole;
    }

    /// The lines of one process.
    pub(crate) fn of_process(&self, pid: u32) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.pid == pid)
    }

    /// The processes in the order of their first line.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        for line in &self.lines {
            if !pids.contains(&line.pid) {
                pids.push(line.pid);
            }
        }
        pids
    }
}
