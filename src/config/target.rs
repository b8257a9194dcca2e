//! `[target.NAME]`: what is guarded, by which policies, and what may be done to it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::matching::{self, Match};
use super::section::{Context, Section, path_from};
use super::show::Show;
use super::{defaults, read};
use crate::document::{Faults, Value};
use crate::model::action::{Effect, Word};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::{Name, Remote};
use crate::model::select_use::SelectUse;
use crate::model::units::Quota;

/// The most targets of one agent, and policies of one target.
pub(super) const TARGETS_MAX: usize = 64;
const POLICIES_MAX: usize = 16;

/// A guarded process or set of processes.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// Its name.
    pub name: Name,
    /// How its processes are found.
    pub matches: Match,
    /// Policy files that act.
    pub policies: Vec<PathBuf>,
    /// Policy files that only tell where they would have acted otherwise.
    pub shadow: Vec<PathBuf>,
    /// Remotes whose sockets no action may destroy or reap.
    pub protect: Vec<Remote>,
    /// Dangerous words that may be done to it.
    pub allow: BTreeSet<Word>,
    /// Whether actions are only told and not done.
    pub dry_run: bool,
    /// Windows of the slope behind `fd.tte`.
    pub window: Window,
    /// When a child is started again.
    pub restart: Restart,
    /// Whether it uses select(), so that its limit of descriptors may not be raised past 1024.
    pub select: SelectUse,
    /// How it is stopped where a policy or `ctl stop` doesn't say.
    pub stop: StopDefaults,
    /// What its policies pause where they pause trading.
    pub trading: TargetTrading,
}

/// What the policies of a target pause where they pause trading.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TargetTrading {
    /// Proxies whose order gate they close; all that have one where empty.
    pub gates: Vec<Name>,
    /// The bot's own hook, told of each change.
    pub hook: Option<Name>,
    /// The one that is told that all is active again, where that is another one.
    pub resume: Option<Name>,
}

/// Windows of the slope behind `fd.tte`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// For fast leaks.
    pub short: Duration,
    /// For slow leaks.
    pub long: Duration,
}

/// When and how a child is started again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Restart {
    /// When.
    pub when: RestartWhen,
    /// First pause, doubled each time.
    pub backoff: Duration,
    /// Longest pause.
    pub backoff_max: Duration,
    /// At most so often; then it stays down and a person is told.
    pub max: Quota,
}

/// When a child is started again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestartWhen {
    /// Only after a stop whose policy says `then = "restart"`.
    Policy,
    /// Whenever it ends.
    Always,
    /// After a policy's restart, and when it ends by a signal or with a code other than 0.
    OnFailure,
}

const WHEN: &[(&str, RestartWhen)] = &[
    ("policy", RestartWhen::Policy),
    ("always", RestartWhen::Always),
    ("on-failure", RestartWhen::OnFailure),
];

impl Show for RestartWhen {
    fn show(&self) -> String {
        let word = match self {
            Self::Policy => "policy",
            Self::Always => "always",
            Self::OnFailure => "on-failure",
        };
        super::show::quoted(word)
    }
}

impl Show for SelectUse {
    fn show(&self) -> String {
        super::show::quoted(self.word())
    }
}

/// How a target is stopped where nobody says otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StopDefaults {
    /// Hooks to run before the signal, in order.
    pub before: Vec<Name>,
    /// Time between TERM and KILL.
    pub grace: Duration,
}

impl Target {
    /// A target with defaults for everything but its name and match; guarded by no policy yet.
    pub fn new(name: Name, matches: Match) -> Self {
        Self {
            name,
            matches,
            policies: Vec::new(),
            shadow: Vec::new(),
            protect: Vec::new(),
            allow: BTreeSet::new(),
            dry_run: false,
            window: Window { short: defaults::WINDOW_SHORT, long: defaults::WINDOW_LONG },
            restart: Restart {
                when: RestartWhen::Policy,
                backoff: defaults::RESTART_BACKOFF,
                backoff_max: defaults::RESTART_BACKOFF_MAX,
                max: defaults::RESTART_MAX,
            },
            select: SelectUse::Auto,
            stop: StopDefaults { before: Vec::new(), grace: defaults::STOP_GRACE },
            trading: TargetTrading::default(),
        }
    }
}

/// Reads one target.
pub(super) fn read(name: Name, mut section: Section<'_>, cx: &mut Context<'_>) -> Option<Target> {
    let matches = matching::read(&mut section, cx);
    if section.value("policy").is_none() {
        section.miss(cx, "policy", Some("write policy = [] to only watch"));
    }
    let policies = paths(&mut section, cx, "policy");
    let shadow = paths(&mut section, cx, "shadow");
    let protect = section.or(cx, "protect", Vec::new(), read::list(|v, f| v.parsed(f, Remote::parse)));
    let allow = section.or(cx, "allow", BTreeSet::new(), allow);
    let dry_run = section.or(cx, "dry_run", false, read::flag);
    let window = window(&mut section, cx);
    let restart = restart(&mut section, matches.as_ref(), cx);
    let select = section.or(cx, "select", SelectUse::Auto, read::word(SelectUse::WORDS));
    let stop = stop(&mut section, cx);
    let trading = trading(&mut section, cx);
    section.finish(cx);
    let matches = matches?;
    Some(Target {
        name,
        matches,
        policies,
        shadow,
        protect,
        allow,
        dry_run,
        window,
        restart,
        select,
        stop,
        trading,
    })
}

fn paths(section: &mut Section<'_>, cx: &mut Context<'_>, key: &'static str) -> Vec<PathBuf> {
    let base = Arc::clone(&cx.base);
    section.or(cx, key, Vec::new(), |value, faults| {
        let items = value.list(faults)?;
        if items.len() > POLICIES_MAX {
            let message = format!("at most {POLICIES_MAX} policies watch one target");
            faults.push(Diagnostic::error("too-many", value.span(), message));
        }
        let mut found = Vec::new();
        for item in items {
            let Some(path) = path_from(&base, item, faults) else { continue };
            if found.contains(&path) {
                faults.push(Diagnostic::error("listed-twice", item.span(), "this policy is listed twice"));
            }
            found.push(path);
        }
        Some(found)
    })
}

fn allow(value: Value<'_>, faults: &mut Faults) -> Option<BTreeSet<Word>> {
    let mut allowed = BTreeSet::new();
    for item in value.list(faults)? {
        let Some(text) = item.text(faults) else { continue };
        let Some(word) = Word::parse(&text.value) else {
            let dangerous = Word::ALL.iter().filter(|word| word.effect() == Effect::Dangerous);
            faults.push(read::unknown_word(&text.value, text.span, dangerous.map(|word| word.name())));
            continue;
        };
        match word.effect() {
            Effect::Dangerous => {
                allowed.insert(word);
            }
            Effect::None | Effect::Disruptive => {
                let message = format!("`{word}` needs no permission");
                let help = "take it out: only dangerous words are listed here";
                faults.push(Diagnostic::warning("needless-allow", text.span, message).help(help));
            }
        }
    }
    Some(allowed)
}

const LONGEST_WINDOW: Duration = Duration::from_hours(24);

fn window(target: &mut Section<'_>, cx: &mut Context<'_>) -> Window {
    let mut section = target.section(cx, "window");
    let range = Duration::from_secs(5)..=LONGEST_WINDOW;
    let short = section.or(cx, "short", defaults::WINDOW_SHORT, read::span(range.clone()));
    let long = section.or(cx, "long", defaults::WINDOW_LONG, read::span(range));
    super::ordered(cx, &section, ("short", short), ("long", long));
    section.finish(cx);
    Window { short, long }
}

fn restart(target: &mut Section<'_>, matches: Option<&Match>, cx: &mut Context<'_>) -> Restart {
    let is_child = matches!(matches, Some(Match::Child(_)));
    if let Some(span) = target.key_span("restart").filter(|_| matches.is_some() && !is_child) {
        let fault = Diagnostic::error("not-a-child", span, "`restart` is for targets matched by `child`");
        cx.faults.push(fault.help("a unit is started again by systemd: Restart= in its own file"));
    }
    if !is_child {
        // Read all the same, so that every fault is told; no line is left by what has no effect.
        let lines = cx.shown.len();
        let restart = restart_settings(target, cx);
        cx.shown.truncate(lines);
        return restart;
    }
    restart_settings(target, cx)
}

fn restart_settings(target: &mut Section<'_>, cx: &mut Context<'_>) -> Restart {
    let mut section = target.section(cx, "restart");
    let pause = Duration::from_millis(10)..=Duration::from_hours(24);
    let when = section.or(cx, "when", RestartWhen::Policy, read::word(WHEN));
    let backoff = section.or(cx, "backoff", defaults::RESTART_BACKOFF, read::span(pause.clone()));
    let backoff_max = section.or(cx, "backoff_max", defaults::RESTART_BACKOFF_MAX, read::span(pause));
    let max = section.or(cx, "max", defaults::RESTART_MAX, |v, f| v.parsed(f, Quota::parse));
    super::ordered(cx, &section, ("backoff", backoff), ("backoff_max", backoff_max));
    section.finish(cx);
    Restart { when, backoff, backoff_max, max }
}

fn stop(target: &mut Section<'_>, cx: &mut Context<'_>) -> StopDefaults {
    let mut section = target.section(cx, "stop");
    let before = section.or(cx, "before", Vec::new(), read::list(|v, f| v.parsed(f, Name::parse)));
    let span = Duration::from_millis(100)..=Duration::from_hours(1);
    let grace = section.or(cx, "grace", defaults::STOP_GRACE, read::span(span));
    section.finish(cx);
    StopDefaults { before, grace }
}

fn trading(target: &mut Section<'_>, cx: &mut Context<'_>) -> TargetTrading {
    let mut section = target.section(cx, "trading");
    let gates = section.or(cx, "gates", Vec::new(), read::list(|v, f| v.parsed(f, Name::parse)));
    let hook = section.get(cx, "hook", |v, f| v.parsed(f, Name::parse));
    let resume = section.get(cx, "resume", |v, f| v.parsed(f, Name::parse));
    section.finish(cx);
    TargetTrading { gates, hook, resume }
}
