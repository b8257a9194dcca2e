//! One bot under watch, counted from outside: how many descriptors the kernel says it has, and how many of them are dead.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use crate::fd_stability::tape::Tape;

/// What was seen of a bot at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Seconds since the bot's first start.
    pub(crate) at: f64,
    /// None where there is no process.
    pub(crate) open: Option<u64>,
    /// Not counted at each look.
    pub(crate) close_wait: Option<u64>,
}

/// One bot, with those started after it.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) tape: Tape,
    pub(crate) looks: Vec<Look>,
}

/// Inodes of all sockets in CLOSE_WAIT, as the links of descriptors write them: the table is one for all bots.
pub(crate) fn dead_sockets() -> HashSet<String> {
    /// Where a line has the state behind its number, how it writes CLOSE_WAIT, and which word the inode is.
    const STATE: Range<usize> = 28..30;
    const CLOSE_WAIT: &str = "08";
    const INODE: usize = 8;
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let lines = table.lines().filter_map(|line| line.split_once(": ").map(|(_, rest)| rest));
    let dead = lines.filter(|rest| rest.get(STATE) == Some(CLOSE_WAIT));
    dead.filter_map(|rest| rest.split_whitespace().nth(INODE))
        .map(|inode| format!("socket:[{inode}]"))
        .collect()
}

impl Side {
    pub(crate) fn of(log: &Path) -> Self {
        Self { tape: Tape::of(log), looks: Vec::new() }
    }

    /// Looks once, at so many seconds since the machine's boot. Before its first word there is nothing to look at.
    /// Those in CLOSE_WAIT are counted where the table is given.
    pub(crate) fn look(&mut self, now: f64, dead: Option<&HashSet<String>>) {
        self.tape.wind();
        let Some(begin) = self.tape.begin() else { return };
        let at = now - begin;
        let pid = self.tape.pid();
        let open = pid.and_then(open);
        let close_wait =
            pid.filter(|_| open.is_some()).zip(dead).and_then(|(pid, dead)| close_wait(pid, dead));
        self.looks.push(Look { at, open, close_wait });
    }

    /// Whether no process was seen any more from that moment on.
    pub(crate) fn ended_by(&self, at: f64) -> bool {
        self.looks.iter().filter(|look| look.at >= at).all(|look| look.open.is_none())
    }

    /// The most descriptors that were seen.
    pub(crate) fn most(&self) -> u64 {
        self.looks.iter().filter_map(|look| look.open).max().unwrap_or_default()
    }

    /// The same of sockets in CLOSE_WAIT.
    pub(crate) fn most_close_wait(&self) -> u64 {
        self.looks.iter().filter_map(|look| look.close_wait).max().unwrap_or_default()
    }

    /// The look that is nearest to a moment, of those that counted states or found no process.
    pub(crate) fn near(&self, at: f64) -> Option<&Look> {
        let full = self.looks.iter().filter(|look| look.close_wait.is_some() || look.open.is_none());
        full.min_by(|a, b| (a.at - at).abs().total_cmp(&(b.at - at).abs()))
    }
}

/// The entries of its table. None where it has ended; a zombie has no table to read.
fn open(pid: u32) -> Option<u64> {
    let table = format!("/proc/{pid}/fd");
    // The kernel's own count; before Linux 6.2 there was none.
    let count = match std::fs::metadata(&table).ok()?.len() {
        0 => std::fs::read_dir(&table).ok()?.count() as u64,
        count => count,
    };
    (count > 0).then_some(count)
}

/// Those of its sockets that are among the dead.
fn close_wait(pid: u32, dead: &HashSet<String>) -> Option<u64> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    Some(links.filter(|link| link.to_str().is_some_and(|link| dead.contains(link))).count() as u64)
}
