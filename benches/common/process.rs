//! Figures of other processes: CPU of whole commands, CPU and memory of a running one.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::unistd::{SysconfVar, sysconf};

/// Runs a command to its end without its output; gives the CPU it used, user and system, in microseconds.
/// `None` where it can't be run or fails.
pub(crate) fn cpu_of(command: &mut Command) -> Option<f64> {
    let before = children_cpu();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    status.success().then(|| children_cpu() - before)
}

fn children_cpu() -> f64 {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a process may ask for its usage");
    (used.user_time().num_microseconds() + used.system_time().num_microseconds()) as f64
}

/// Names another program than the one of this build, to compare two of them.
const OTHER: &str = "FDGUARD_BENCH_FDGUARD";

/// The program that is measured.
pub(crate) fn fdguard() -> PathBuf {
    std::env::var_os(OTHER).map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_fdguard")), PathBuf::from)
}

/// The Python of the bots' environment, which has psutil; else the system's.
pub(crate) fn python() -> PathBuf {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bots/.venv/bin/python"));
    if own.exists() { own } else { PathBuf::from("python3") }
}

/// What a running process uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// CPU since its start, in seconds, as its scheduler counts it (nanoseconds).
    pub(crate) cpu: f64,
    /// Resident memory in KiB.
    pub(crate) resident: f64,
    /// The same where a page that several processes map counts for each with its share, in KiB.
    pub(crate) proportional: f64,
    /// What would be free if it ended, in KiB.
    pub(crate) private: f64,
}

/// Asks for it; `None` where there is no such process.
pub(crate) fn usage(pid: u32) -> Option<Usage> {
    let memory = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib = |name: &str| {
        let line = memory.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok()
    };
    Some(Usage {
        cpu: cpu(pid)?,
        resident: kib("Rss:")?,
        proportional: kib("Pss:")?,
        private: kib("Private_Clean:")? + kib("Private_Dirty:")?,
    })
}

/// The sum over its threads where the kernel counts them exactly, else its clock ticks.
fn cpu(pid: u32) -> Option<f64> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let exact = |path: PathBuf| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let nanos: Option<f64> = threads.flatten().map(|thread| exact(thread.path())).sum();
    nanos.map(|nanos| nanos / 1e9).or_else(|| ticks(pid))
}

fn ticks(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let used: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let second = sysconf(SysconfVar::CLK_TCK).ok()??;
    Some(used / second as f64)
}

/// The children of a process, and theirs.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let children =
        threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let direct: Vec<u32> = children
        .flat_map(|text| text.split(' ').filter_map(|word| word.trim().parse().ok()).collect::<Vec<u32>>())
        .collect();
    direct.into_iter().flat_map(|child| std::iter::once(child).chain(descendants(child))).collect()
}
