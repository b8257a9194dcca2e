//! What a bot says of itself, line by line, and what that comes to.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// One line.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Line {
    pub(crate) event: String,
    pub(crate) pid: u32,
    /// Seconds since the machine's boot.
    pub(crate) boot: f64,
    pub(crate) orders_ok: u64,
    pub(crate) orders_failed: u64,
    pub(crate) heard: u64,
    pub(crate) error: Option<String>,
}

/// The lines of a bot and of those started after it, oldest first.
#[derive(Debug)]
pub(crate) struct Tape {
    file: PathBuf,
    read: u64,
    half: String,
    pub(crate) lines: Vec<Line>,
}

/// What was asked for and what came.
#[derive(Clone, Copy, Default, Debug, serde::Serialize)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) failed: u64,
    pub(crate) heard: u64,
    /// The longest time in which no quote came, in seconds, and the longest in which no order was accepted.
    pub(crate) silence: f64,
    pub(crate) no_order: f64,
    pub(crate) processes: u64,
    /// Seconds from the last order of one process to the first of the next, summed up.
    pub(crate) away: f64,
}

impl Tape {
    /// Of a file that need not be there yet.
    pub(crate) fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), read: 0, half: String::new(), lines: Vec::new() }
    }

    /// Takes in what was written since.
    pub(crate) fn wind(&mut self) {
        let Ok(mut file) = File::open(&self.file) else { return };
        if file.seek(SeekFrom::Start(self.read)).is_err() {
            return;
        }
        let mut more = String::new();
        let Ok(size) = file.read_to_string(&mut more) else { return };
        self.read += size as u64;
        self.half.push_str(&more);
        let Some(end) = self.half.rfind('\n') else { return };
        let rest = self.half.split_off(end + 1);
        self.lines.extend(self.half.lines().filter_map(|line| serde_json::from_str(line).ok()));
        self.half = rest;
    }

    /// When the first process began to speak, in seconds since the machine's boot.
    pub(crate) fn begin(&self) -> Option<f64> {
        self.lines.first().map(|line| line.boot)
    }

    /// The process that spoke last.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.lines.last().map(|line| line.pid)
    }

    /// The line in which a bot told that it died.
    pub(crate) fn death(&self) -> Option<&Line> {
        self.lines.iter().find(|line| line.event == "died")
    }

    /// Sums all up between two moments; a silence at either end counts.
    pub(crate) fn tally(&self, begin: f64, end: f64) -> Tally {
        let mut tally = Tally::default();
        let (mut before, mut quote, mut order) = (None::<&Line>, begin, begin);
        let mut trader = None;
        for line in self.lines.iter().filter(|line| line.boot <= end) {
            // A process counts from zero.
            let last = before.filter(|last| last.pid == line.pid);
            tally.processes += u64::from(last.is_none());
            let since = |figure: fn(&Line) -> u64| figure(line).saturating_sub(last.map_or(0, figure));
            let (accepted, heard) = (since(|line| line.orders_ok), since(|line| line.heard));
            tally.failed += since(|line| line.orders_failed);
            tally.accepted += accepted;
            tally.heard += heard;
            if heard > 0 {
                tally.silence = tally.silence.max(line.boot - quote);
                quote = line.boot;
            }
            if accepted > 0 {
                tally.no_order = tally.no_order.max(line.boot - order);
                if trader.is_some_and(|trader| trader != line.pid) {
                    tally.away += line.boot - order;
                }
                (trader, order) = (Some(line.pid), line.boot);
            }
            before = Some(line);
        }
        tally.silence = tally.silence.max(end - quote);
        tally.no_order = tally.no_order.max(end - order);
        tally
    }
}
