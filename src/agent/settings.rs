//! What the control loop needs to know, resolved: no paths to read, no names to look up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::actuator::{Redactor, TradingReach};
use crate::config::{Config, Match, Restart, StopDefaults};
use crate::model::name::{Name, Remote};
use crate::model::select_use::SelectUse;
use crate::model::signal::Signal;
use crate::policy::engine::Enrolled;
use crate::policy::means::Means;
use crate::pool::limits::Limits;
use crate::proxy::{differ_in_limits_alone, limits};
use crate::sampler::eye::EyeSettings;
use crate::sampler::scan::ScanSettings;

/// All of it. A reload hands in a new one whole.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The targets, by name.
    pub targets: Vec<TargetSettings>,
    /// How full scans are paced.
    pub scan: ScanSettings,
    /// The probes, and what each feeds.
    pub probes: Vec<ProbeSettings>,
    /// Whether the whole agent only tells.
    pub dry_run: bool,
    /// Descriptors of its own that the agent keeps free; processes beyond are not adopted.
    pub reserve: u64,
    /// What only a start of the agent takes up.
    pub fixed: Fixed,
    /// Fingerprint of the files it was made from.
    pub fingerprint: String,
}

/// The part of the agent's file that threads and tasks hold from the start: a reload can't change it.
#[derive(Clone, Debug)]
pub struct Fixed(Config);

impl Fixed {
    /// That part of these settings.
    pub fn of(config: &Config) -> Self {
        // Targets are compared as the loop knows them.
        Self(Config { targets: BTreeMap::new(), ..config.clone() })
    }

    fn changed(&self, new: &Self, keys: &mut Vec<String>) {
        let (old, new) = (&self.0, &new.0);
        let limits = |name: &&Name| match (old.proxies.get(*name), new.proxies.get(*name)) {
            // The same ones do as well.
            (Some(old), Some(new)) => differ_in_limits_alone(old, new),
            (None, _) | (_, None) => false,
        };
        let proxies: BTreeSet<&Name> = old.proxies.keys().chain(new.proxies.keys()).collect();
        let fixed = proxies.into_iter().filter(|name| !limits(name));
        keys.extend(fixed.map(|name| format!("proxy.{name}")));
        entries("probe", &old.probes, &new.probes, keys);
        entries("hook", &old.hooks, &new.hooks, keys);
        entries("notify", &old.receivers, &new.receivers, keys);
        let parts = [
            ("history", old.history != new.history),
            ("fleet", old.fleet != new.fleet),
            ("admin", old.admin != new.admin),
            ("agent.tick", old.agent.tick != new.agent.tick),
            ("agent.evidence", old.agent.evidence != new.agent.evidence),
            ("agent.log", old.agent.log != new.agent.log),
        ];
        keys.extend(parts.iter().filter(|(_, differs)| *differs).map(|(key, _)| (*key).to_owned()));
    }
}

impl Fixed {
    /// How long the proxies may take to drain, all of them side by side.
    pub fn longest_drain(&self) -> Duration {
        self.0.proxies.values().map(|proxy| proxy.drain).max().unwrap_or_default()
    }

    /// The proxies whose limits differ in `new`, and what these are from now on.
    pub fn new_limits(&self, new: &Self) -> Vec<(Name, Limits)> {
        let changed = new.0.proxies.iter().filter(|(name, proxy)| self.0.proxies.get(*name) != Some(*proxy));
        changed.map(|(name, proxy)| (name.clone(), limits(proxy))).collect()
    }
}

/// Entries of a table that came, went or changed.
fn entries<T: PartialEq>(
    table: &str,
    old: &BTreeMap<Name, T>,
    new: &BTreeMap<Name, T>,
    keys: &mut Vec<String>,
) {
    let names: BTreeSet<&Name> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    keys.extend(changed.map(|name| format!("{table}.{name}")));
}

impl Settings {
    /// The keys in which `new` differs so that only a new start can take it up; none where a reload can.
    pub fn needs_restart(&self, new: &Self) -> Vec<String> {
        let mut keys = Vec::new();
        self.fixed.changed(&new.fixed, &mut keys);
        for old in &self.targets {
            let name = &old.name;
            let Some(new) = new.targets.iter().find(|new| new.name == *name) else {
                if old.is_child() {
                    keys.push(format!("target.{name}"));
                }
                continue;
            };
            if old.matches != new.matches && (old.is_child() || new.is_child()) {
                keys.push(format!("target.{name}.match"));
            }
            if old.eye.short != new.eye.short || old.eye.long != new.eye.long {
                keys.push(format!("target.{name}.window"));
            }
            if old.is_child() && old.restart != new.restart {
                keys.push(format!("target.{name}.restart"));
            }
        }
        keys
    }
}

/// One target.
#[derive(Clone, Debug)]
pub struct TargetSettings {
    /// Its name.
    pub name: Name,
    /// How its processes are found.
    pub matches: Match,
    /// Its policies.
    pub policies: Vec<Enrolled>,
    /// What may be done to it and can work.
    pub means: Means,
    /// Remotes whose sockets are out of bounds.
    pub protect: Vec<Remote>,
    /// How its processes are looked at.
    pub eye: EyeSettings,
    /// When its child is started again.
    pub restart: Restart,
    /// Whether it uses select(), as the operator says.
    pub select: SelectUse,
    /// How it is stopped where nobody says otherwise.
    pub stop: StopDefaults,
    /// What is paused where its trading is.
    pub trading: TradingReach,
}

/// What a probe feeds; who asks it is not the loop's business.
#[derive(Clone, PartialEq, Debug)]
pub struct ProbeSettings {
    /// Its name.
    pub name: Name,
    /// The signal it feeds, beside `probe["name"].value`.
    pub feeds: Option<Signal>,
    /// The targets it serves; none is all.
    pub targets: Vec<Name>,
    /// How long what it said stands.
    pub stands: Duration,
}

/// Time between two samples of one process in the history.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(1);

impl TargetSettings {
    /// Whether the agent itself starts its process.
    pub fn is_child(&self) -> bool {
        match self.matches {
            Match::Child(_) => true,
            Match::Pid(_) | Match::Pidfile(_) | Match::Unit(_) | Match::Cgroup(_) | Match::Command(_) => {
                false
            }
        }
    }

    /// What is looked for, in words.
    pub fn sought(&self) -> String {
        match &self.matches {
            Match::Pid(pid) => format!("pid {pid}"),
            Match::Pidfile(path) => format!("pidfile {}", path.display()),
            Match::Unit(unit) => format!("unit {unit}"),
            Match::Cgroup(path) => format!("cgroup {path}"),
            Match::Command(pattern) => format!("command /{pattern}/"),
            Match::Child(child) => {
                let words = Redactor::new().arguments(child.argv.iter().map(String::as_str));
                format!("child {}", words.join(" "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Input, SourceFile};
    use crate::sampler::pace::PaceBounds;

    fn settings(text: &str) -> Settings {
        let text = format!("schema = 1\n{text}");
        let file = SourceFile { path: "/etc/fdguard/agent.toml".into(), text };
        let loaded = config::load(&Input { file: Some(file), ..Input::empty() });
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.report));
        let target = |target: &config::Target| TargetSettings {
            name: target.name.clone(),
            matches: target.matches.clone(),
            policies: Vec::new(),
            means: Means::default(),
            protect: target.protect.clone(),
            eye: EyeSettings {
                pace: PaceBounds { fastest: SAMPLE_EVERY, slowest: SAMPLE_EVERY },
                short: target.window.short,
                long: target.window.long,
            },
            restart: target.restart,
            select: target.select,
            stop: target.stop.clone(),
            trading: TradingReach::default(),
        };
        Settings {
            targets: config.targets.values().map(target).collect(),
            scan: ScanSettings { period: config.agent.tick.full, share: config.agent.tick.cpu },
            probes: Vec::new(),
            dry_run: config.agent.dry_run,
            reserve: config.agent.reserve,
            fixed: Fixed::of(&config),
            fingerprint: String::new(),
        }
    }

    const BOT: &str = "[target.bot]\nmatch = { pid = 1 }\npolicy = []\n";
    const CHILD: &str = "[target.bot]\nmatch = { child = { argv = [\"true\"] } }\npolicy = []\n";

    fn needs(old: &str, new: &str) -> Vec<String> {
        settings(old).needs_restart(&settings(new))
    }

    #[test]
    fn what_the_loop_can_take_over_needs_no_restart() {
        let moved = BOT.replace("pid = 1", "pid = 2");
        let more = format!(
            "{BOT}protect = [\"db.example:5432\"]\nallow = [\"stop\"]\n[target.bot.stop]\ngrace = \"7s\"\n"
        );
        let agent = format!("{BOT}[agent]\ndry_run = true\nreserve = 20\n");
        for new in [BOT, &moved, &more, &agent, ""] {
            assert_eq!(needs(BOT, new), [""; 0], "{new}");
        }
        assert_eq!(needs("", CHILD), [""; 0]);
        assert_eq!(needs(CHILD, CHILD), [""; 0]);
    }

    #[test]
    fn what_threads_hold_is_named() {
        let with = |rest: &str| format!("{BOT}{rest}");
        let hook =
            |seconds: u32| with(&format!("[hook.cancel]\nrun = [\"/bin/true\"]\ntimeout = \"{seconds}s\"\n"));
        assert_eq!(needs(BOT, &hook(1)), ["hook.cancel"]);
        assert_eq!(needs(&hook(1), &hook(2)), ["hook.cancel"]);
        assert_eq!(needs(&hook(1), BOT), ["hook.cancel"]);
        let proxy = |port: u16| {
            with(&format!(
                "[proxy.db]\nprotocol = \"tcp\"\nlisten = \"127.0.0.1:{port}\"\nupstream = \"h:1\"\n"
            ))
        };
        assert_eq!(needs(&proxy(1), &proxy(2)), ["proxy.db"]);
        let parts =
            "[agent.tick]\nfull = \"9s\"\n[history]\nstore = \"none\"\n[target.bot.window]\nshort = \"7s\"\n";
        assert_eq!(needs(BOT, &with(parts)), ["history", "agent.tick", "target.bot.window"]);
    }

    #[test]
    fn limits_of_a_proxy_need_none_and_the_rest_of_it_does() {
        let with = |rest: &str| {
            format!(
                "{BOT}[proxy.db]\nprotocol = \"postgres\"\nlisten = \"127.0.0.1:6432\"\n\
                 upstream = \"127.0.0.1:5432\"\n{rest}\n"
            )
        };
        let (old, more) = (with("pool = { max = 2 }"), with("pool = { max = 5 }"));
        assert_eq!(needs(&old, &more), [""; 0]);
        assert_eq!(needs(&old, &with("pool = { max = 2, mode = \"session\" }")), ["proxy.db"]);
        assert_eq!(needs(&old, BOT), ["proxy.db"]);
        let new = settings(&old).fixed.new_limits(&settings(&more).fixed);
        assert_eq!(
            new.iter().map(|(name, limits)| (name.as_str(), limits.max)).collect::<Vec<_>>(),
            [("db", 5)]
        );
    }

    #[test]
    fn a_child_is_neither_exchanged_nor_dropped() {
        assert_eq!(needs(CHILD, &CHILD.replace("true", "false")), ["target.bot.match"]);
        assert_eq!(needs(CHILD, BOT), ["target.bot.match"]);
        assert_eq!(needs(BOT, CHILD), ["target.bot.match"]);
        assert_eq!(needs(CHILD, ""), ["target.bot"]);
        let always = format!("{CHILD}[target.bot.restart]\nwhen = \"always\"\n");
        assert_eq!(needs(CHILD, &always), ["target.bot.restart"]);
    }
}
