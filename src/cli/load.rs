//! From files, environment and flags to settings: everything that reading takes, so that the pure rooms need not.

mod policies;
mod refused;
mod secrets;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::actuator;
use crate::agent::settings::{Fixed, ProbeSettings, Settings, TargetSettings};
use crate::cli::equip;
use crate::cli::print;
use crate::cli::render::diagnostics::{Style, render_report};
use crate::config::proxy::Protocol;
use crate::config::{self, Config, Folders, Input, Match, SourceFile, Target};
use crate::model::chain::chain;
use crate::model::diagnostic::{Diagnostic, Severity};
use crate::model::name::{Name, Remote};
use crate::model::observation::SignalKey;
use crate::policy::engine::Enrolled;
use crate::policy::means::Means;
use crate::sampler::eye::EyeSettings;
use crate::sampler::pace::PaceBounds;
use crate::sampler::scan::ScanSettings;
use crate::sys::ability::Ability;
use crate::sys::clock::SystemClock;
use crate::sys::proc_root::ProcRoot;

use policies::Reader;
pub(super) use refused::Refused;

/// The most files in `conf.d`.
const DROP_INS_MAX: usize = 100;

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// The agent's file; none where everything comes from the command line.
    pub file: Option<PathBuf>,
    /// `--set` words.
    pub sets: Vec<String>,
    /// The command of `exec`.
    pub child: Option<Target>,
    /// Policies of the child where no file names them: where each is from, and its text.
    pub policies: Vec<(String, String)>,
}

/// What was loaded.
pub(super) struct Loaded {
    /// For the control loop.
    pub settings: Settings,
    /// The settings as resolved.
    pub config: Config,
    /// For the actuator.
    pub actuator: actuator::Settings,
    /// Remotes whose names must be looked up.
    pub remotes: Vec<Remote>,
    /// The files that were read: a change of one of them is a reason to read again.
    pub files: Vec<PathBuf>,
    /// Doubts and notes, drawn.
    pub doubts: String,
    /// How many doubts there are: `--strict` refuses them.
    pub warnings: usize,
}

/// How many of these are doubts.
fn warnings<'d>(told: impl IntoIterator<Item = &'d Diagnostic>) -> usize {
    told.into_iter().filter(|told| told.severity == Severity::Warning).count()
}

/// The drawing style for standard error.
pub(super) fn style() -> Style {
    if print::colours() { Style::Colour } else { Style::Plain }
}

/// Reads, checks and resolves.
pub(super) fn load(source: &Source) -> Result<Loaded, Refused> {
    let (input, mut files) = input(source)?;
    let loaded = config::load(&input);
    let mut drawn = render_report(&loaded.report, style());
    let Some(mut config) = loaded.config else {
        return Err(Refused { drawn, faults: refused::of_report(&loaded.report) });
    };
    if let Some(child) = &source.child {
        if config.targets.contains_key(&child.name) {
            return Err(taken(&child.name, &loaded.shown, drawn));
        }
        config.targets.insert(child.name.clone(), child.clone());
    }
    let mut doubted = warnings(loaded.report.diagnostics());
    let led = point_to_proxies(&mut config, &input)?;
    doubted += led.len();
    drawn.extend(led);
    let mut reader = Reader::new(&source.policies);
    let mut targets = Vec::new();
    let ability = Ability::read(&ProcRoot::new("/proc"));
    for target in config.targets.values() {
        let means = means(&config, target, &ability);
        let policies = reader.policies_of(target, &means);
        targets.push(target_settings(&config, target, policies, means));
    }
    drawn.push_str(&reader.drawn);
    doubted += warnings(&reader.found);
    if !reader.faults.is_empty() {
        return Err(Refused { drawn, faults: reader.faults });
    }
    files.extend(reader.files);
    let actuator = actuator(&config, &loaded.shown).map_err(|faults| Refused::told(drawn.clone(), faults))?;
    let settings = settings(&config, targets, fingerprint(&input, &reader.texts));
    let remotes = remotes(&settings);
    Ok(Loaded { settings, config, actuator, remotes, files, doubts: drawn, warnings: doubted })
}

/// The command of `exec` is a target of its own: what the file says of another one of its name would be lost.
fn taken(name: &Name, shown: &[config::Shown], drawn: String) -> Refused {
    let place = config::place(shown, &["target", name.as_str()]);
    let place = place.map_or_else(String::new, |origin| format!("{origin}: "));
    let fault = format!(
        "{place}the file has a target `{name}`, and the command would be a second one; \
         `--name` gives the command another name"
    );
    Refused::told(drawn, vec![fault])
}

/// Rewrites the environments of children to the proxies. Gives the doubts, each drawn.
fn point_to_proxies(config: &mut Config, input: &Input) -> Result<Vec<String>, Refused> {
    let (faults, doubts) = config::proxy::env::apply(config, &input.env);
    if !faults.is_empty() {
        return Err(Refused::told(String::new(), faults.iter().map(ToString::to_string).collect()));
    }
    Ok(doubts.iter().map(|doubt| format!("warning: {doubt}\n")).collect())
}

/// What the actuator needs, with the secret files of the whole agent looked at first.
fn actuator(config: &Config, shown: &[config::Shown]) -> Result<actuator::Settings, Vec<String>> {
    let mut lines = secrets::faults(shown);
    let identity = (crate::sys::host::name(), Arc::new(SystemClock) as Arc<dyn crate::model::clock::Clock>);
    match actuator::Settings::resolve(config, identity, |name| std::env::var(name).ok()) {
        Ok(settings) if lines.is_empty() => return Ok(settings),
        Ok(_) => {}
        Err(faults) => {
            let known = !lines.is_empty();
            let anew = faults.iter().filter(|fault| !known || !fault.is_of_a_file());
            lines.extend(anew.map(|fault| chain(fault)));
        }
    }
    Err(lines)
}

/// The input of a load: the file, its `conf.d`, the environment, the flags.
pub(super) fn input(source: &Source) -> Result<(Input, Vec<PathBuf>), Refused> {
    let unreadable = |path: &Path, error: &std::io::Error| {
        Refused::told(String::new(), vec![format!("can't read {}: {error}", path.display())])
    };
    let mut files = Vec::new();
    let mut input = Input::empty();
    input.folders = folders();
    input.env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    input.flags.clone_from(&source.sets);
    if let Some(path) = &source.file {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        files.push(path.clone());
        for drop_in in drop_ins(path) {
            let text = std::fs::read_to_string(&drop_in).map_err(|error| unreadable(&drop_in, &error))?;
            files.push(drop_in.clone());
            input.drop_ins.push(SourceFile { path: drop_in, text });
        }
        input.file = Some(SourceFile { path: path.clone(), text });
    }
    Ok((input, files))
}

fn drop_ins(file: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(file.with_file_name("conf.d")) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    paths.sort();
    paths.truncate(DROP_INS_MAX);
    paths
}

/// Folders of the system for root, the user's own otherwise.
pub(super) fn folders() -> Folders {
    if Ability::read(&ProcRoot::new("/proc")).uid == 0 {
        return Folders::system();
    }
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = var("HOME").unwrap_or_else(std::env::temp_dir);
    let state = var("XDG_STATE_HOME").unwrap_or_else(|| home.join(".local/state"));
    let runtime = var("XDG_RUNTIME_DIR").unwrap_or_else(|| state.clone());
    Folders { state: state.join("fdguard"), runtime: runtime.join("fdguard") }
}

fn means(config: &Config, target: &Target, ability: &Ability) -> Means {
    Means {
        allowed: target.allow.clone(),
        impossible: equip::impossible(config, target, ability),
        no_restart: equip::no_restart(target),
        pools: pools(config),
        streams: streams(config),
        hooks: config.hooks.values().map(|hook| (hook.name.clone(), hook.longest())).collect(),
        receivers: config.receivers.keys().cloned().collect(),
        protect: target.protect.clone(),
        dry_run: config.agent.dry_run || target.dry_run,
    }
}

/// The proxies whose streams can be held in polls.
fn streams(config: &Config) -> BTreeSet<Name> {
    let polled = config.proxies.values().filter(|proxy| match &proxy.protocol {
        Protocol::WebSocket(stream) => stream.poll.is_some(),
        Protocol::Postgres(_) | Protocol::Http(_) | Protocol::Tcp => false,
    });
    polled.map(|proxy| proxy.name.clone()).collect()
}

/// The proxies whose pools policies may speak of.
fn pools(config: &Config) -> BTreeSet<Name> {
    let with_pool = config.proxies.values().filter(|proxy| match proxy.protocol {
        Protocol::Postgres(_) | Protocol::Http(_) | Protocol::WebSocket(_) => true,
        Protocol::Tcp => false,
    });
    with_pool.map(|proxy| proxy.name.clone()).collect()
}

fn target_settings(
    config: &Config,
    target: &Target,
    policies: Vec<Enrolled>,
    means: Means,
) -> TargetSettings {
    let tick = config.agent.tick;
    TargetSettings {
        name: target.name.clone(),
        matches: target.matches.clone(),
        policies,
        means,
        protect: target.protect.clone(),
        eye: EyeSettings {
            pace: PaceBounds { fastest: tick.fast_min, slowest: tick.fast_max },
            short: target.window.short,
            long: target.window.long,
        },
        restart: target.restart,
        select: target.select,
        stop: target.stop.clone(),
        trading: equip::trading(config, target),
    }
}

fn settings(config: &Config, targets: Vec<TargetSettings>, fingerprint: String) -> Settings {
    let probe = |probe: &config::Probe| ProbeSettings {
        name: probe.name.clone(),
        feeds: probe.feeds,
        targets: probe.targets.clone(),
        stands: crate::call::probe::stands(probe),
    };
    Settings {
        targets,
        scan: ScanSettings { period: config.agent.tick.full, share: config.agent.tick.cpu },
        probes: config.probes.values().map(probe).collect(),
        dry_run: config.agent.dry_run,
        reserve: config.agent.reserve,
        fixed: Fixed::of(config),
        fingerprint,
    }
}

/// Every remote that a policy or the agent's file names.
fn remotes(settings: &Settings) -> Vec<Remote> {
    let mut remotes = BTreeSet::new();
    for target in &settings.targets {
        remotes.extend(target.protect.iter().cloned());
        let ladders = target.policies.iter().flat_map(|enrolled| &enrolled.policy.ladders);
        let conditions = ladders
            .flat_map(|ladder| &ladder.tiers)
            .flat_map(|tier| tier.conditions().cloned().collect::<Vec<_>>());
        for condition in conditions {
            for key in condition.keys() {
                match key {
                    SignalKey::Remote(remote, _) | SignalKey::ConnectRate(remote) => {
                        remotes.insert(remote.clone());
                    }
                    SignalKey::Plain(_)
                    | SignalKey::Kind(_)
                    | SignalKey::Leaked(_)
                    | SignalKey::Named(..) => {}
                }
            }
        }
    }
    remotes.into_iter().collect()
}

/// The same for the same texts; tells one state of the files from another.
fn fingerprint(input: &Input, policies: &[String]) -> String {
    let mut hasher = DefaultHasher::new();
    input.file.as_ref().map(|file| &file.text).hash(&mut hasher);
    input.drop_ins.iter().for_each(|file| file.text.hash(&mut hasher));
    input
        .env
        .iter()
        .filter(|(name, _)| name.starts_with(config::ENV_PREFIX))
        .for_each(|pair| pair.hash(&mut hasher));
    input.flags.hash(&mut hasher);
    policies.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// The name of the target of an `exec`: the program's own where it is one.
fn child_name(program: &std::ffi::OsStr) -> Name {
    let name =
        Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Name::parse(&name).or_else(|_| Name::parse("child")).expect("a constant name is right")
}

/// A target that is a child with this command.
pub(super) fn child_target(name: Option<Name>, argv: Vec<String>) -> Target {
    let usual = || child_name(std::ffi::OsStr::new(argv.first().map_or("", String::as_str)));
    let name = name.unwrap_or_else(usual);
    Target::new(name, Match::Child(config::Child::new(argv)))
}
