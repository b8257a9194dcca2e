//! `[admin]`, `[agent]`: the agent's own affairs.

use std::path::PathBuf;
use std::time::Duration;

use super::api::Api;
use super::input::Folders;
use super::metrics::Metrics;
use super::proxy::Listen;
use super::section::{Context, Section, resolved};
use super::show::{Share, Show, Size};
use super::{defaults, read};
use crate::document::{Faults, Value};
use crate::model::diagnostic::Diagnostic;

/// The longest path of a unix socket, in bytes: `sun_path` without its final zero.
pub(super) const SOCKET_PATH_MAX: usize = 107;

/// The control socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Admin {
    /// Its path.
    pub socket: PathBuf,
    /// Users who may use it beside root and the agent's own.
    pub uids: Vec<u64>,
    /// Groups whose members may.
    pub gids: Vec<u64>,
    /// Where metrics are served.
    pub metrics: Option<Metrics>,
    /// Where the status API is served, beside the socket.
    pub api: Option<Api>,
}

/// The agent itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Agent {
    /// Whether actions are only told and not done, for all targets.
    pub dry_run: bool,
    /// When it looks.
    pub tick: Tick,
    /// Where evidence goes.
    pub evidence: Evidence,
    /// What it logs.
    pub log: LogLevel,
    /// Descriptors it keeps back for itself.
    pub reserve: u64,
}

/// When the agent looks at its targets.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tick {
    /// Shortest time between fast ticks.
    pub fast_min: Duration,
    /// Longest time between fast ticks.
    pub fast_max: Duration,
    /// Time between full ticks.
    pub full: Duration,
    /// Share of one core for all ticks.
    pub cpu: f64,
}

/// Where evidence bundles go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The folder.
    pub dir: PathBuf,
    /// Largest bundle, in bytes.
    pub max_size: u64,
    /// How many are kept; the oldest go.
    pub keep: u64,
}

/// What is logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    /// A person is needed.
    Error,
    /// And: the agent could not do or see something.
    Warn,
    /// And: the agent did something.
    Info,
    /// And: particulars of use, such as who looked at a console.
    Debug,
    /// And: what only its developers ask for.
    Trace,
}

const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

impl LogLevel {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Show for LogLevel {
    fn show(&self) -> String {
        super::show::quoted(self.name())
    }
}

/// Reads `[admin]`.
pub(super) fn admin(root: &mut Section<'_>, folders: &Folders, cx: &mut Context<'_>) -> Admin {
    let mut section = root.section(cx, "admin");
    let base = std::sync::Arc::clone(&cx.base);
    let usual = folders.runtime.join("fdguard.sock");
    let socket = section.or(cx, "socket", usual, |value, faults| socket(&base, value, faults));
    let mut allow = section.section(cx, "allow");
    let id = || read::list(|value, faults| value.whole(0..u64::from(u32::MAX), faults));
    let uids = allow.or(cx, "uid", Vec::new(), id());
    let gids = allow.or(cx, "gid", Vec::new(), id());
    allow.finish(cx);
    let metrics = super::metrics::read(&mut section, cx);
    let api = super::api::read(&mut section, cx);
    if let (Some(metrics), Some(api)) = (&metrics, &api)
        && Listen::Tcp(metrics.listen).clashes(&Listen::Tcp(api.listen))
    {
        let span = section.key_span("api").unwrap_or_default();
        cx.error("same-place", span, format!("metrics and the status API both listen at `{}`", api.listen));
    }
    section.finish(cx);
    Admin { socket, uids, gids, metrics, api }
}

fn socket(base: &std::path::Path, value: Value<'_>, faults: &mut Faults) -> Option<PathBuf> {
    let text = value.text(faults)?;
    let path = resolved(base, &text.value);
    let bytes = path.as_os_str().len();
    let message = if text.value.is_empty() || text.value.ends_with('/') || text.value.contains('\0') {
        "a socket is the path of a file".to_owned()
    } else if text.value.contains("://") {
        "a socket is a path; the control socket is not reached over the network".to_owned()
    } else if bytes > SOCKET_PATH_MAX {
        format!("the path of a socket has at most {SOCKET_PATH_MAX} bytes, this one has {bytes}")
    } else {
        return Some(path);
    };
    let help = "write for example \"/run/fdguard/fdguard.sock\"";
    faults.push(Diagnostic::error("bad-path", text.span, message).help(help));
    None
}

/// Reads `[agent]`.
pub(super) fn agent(root: &mut Section<'_>, folders: &Folders, cx: &mut Context<'_>) -> Agent {
    let mut section = root.section(cx, "agent");
    let dry_run = section.or(cx, "dry_run", false, read::flag);
    let log = section.or(cx, "log", defaults::LOG, read::word(LEVELS));
    let reserve = section.or(cx, "reserve", defaults::RESERVE, read::count(4..=1024));
    let tick = tick(&mut section, cx);
    let mut inner = section.section(cx, "evidence");
    let dir = inner.file_or(cx, "dir", folders.state.join("evidence"));
    let size = read::size(64 << 10..=1 << 40);
    let Size(max_size) = inner.or(cx, "max_size", Size(defaults::EVIDENCE_SIZE), size);
    let keep = inner.or(cx, "keep", defaults::EVIDENCE_KEEP, read::count(1..=10_000));
    inner.finish(cx);
    section.finish(cx);
    Agent { dry_run, tick, evidence: Evidence { dir, max_size, keep }, log, reserve }
}

fn tick(agent: &mut Section<'_>, cx: &mut Context<'_>) -> Tick {
    let mut section = agent.section(cx, "tick");
    let fast = Duration::from_millis(1)..=Duration::from_mins(1);
    let fast_min = section.or(cx, "fast_min", defaults::TICK_FAST_MIN, read::span(fast.clone()));
    let fast_max = section.or(cx, "fast_max", defaults::TICK_FAST_MAX, read::span(fast));
    let full = Duration::from_millis(100)..=Duration::from_mins(10);
    let full = section.or(cx, "full", defaults::TICK_FULL, read::span(full));
    let share = read::share(0.0001..=1.0);
    let Share(cpu) = section.or(cx, "cpu", Share(defaults::TICK_CPU), share);
    super::ordered(cx, &section, ("fast_min", fast_min), ("fast_max", fast_max));
    section.finish(cx);
    Tick { fast_min, fast_max, full, cpu }
}
