//! Threads of a process as procfs lists them, and what their status files say.

use std::fs;
use std::io;

/// The threads of a process now; ended ones may still be listed.
pub(super) fn threads(pid: i32) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        if let Some(tid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            found.push(tid);
        }
    }
    Ok(found)
}

/// The lines of a thread's status file that decide whether it can be stopped or borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    /// The command name of the thread.
    pub(super) name: String,
    /// The state letter: `R`, `S`, `D`, `T`, `t`, `Z`, ...
    pub(super) state: char,
    /// The parent of the process.
    pub(super) parent: i32,
    /// Who traces the thread; 0 for nobody.
    pub(super) tracer: i32,
    /// The seccomp mode; 0 is none.
    pub(super) seccomp: u32,
}

impl Status {
    /// Reads `/proc/PID/task/TID/status`; `None` where the thread has ended.
    pub(super) fn read(pid: i32, tid: i32) -> Option<Self> {
        Some(Self::parse(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?))
    }

    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim)
        };
        Self {
            name: field("Name").to_owned(),
            state: field("State").chars().next().unwrap_or('?'),
            parent: field("PPid").parse().unwrap_or(0),
            tracer: field("TracerPid").parse().unwrap_or(0),
            seccomp: field("Seccomp").parse().unwrap_or(0),
        }
    }

    /// Whether the thread has ended and only its entry is left.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Whether this is a worker of the kernel inside the process (`io_uring`), which nobody may trace.
    pub(super) fn is_kernel_worker(&self) -> bool {
        self.name.starts_with("iou-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_matter_are_found() {
        let text = "Name:\tbot\nState:\tS (sleeping)\nPid:\t9\nPPid:\t7\nTracerPid:\t0\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        let status = Status::parse(text);
        assert_eq!((status.name.as_str(), status.state), ("bot", 'S'));
        assert_eq!((status.parent, status.tracer, status.seccomp), (7, 0, 2));
        assert!(!status.has_ended() && !status.is_kernel_worker());
    }

    #[test]
    fn our_own_threads_are_listed() {
        let own = i32::try_from(std::process::id()).expect("a pid fits");
        assert!(threads(own).expect("our own").contains(&own));
        assert_eq!(Status::read(own, own).expect("alive").tracer, 0);
    }
}
