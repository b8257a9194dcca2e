//! The agent's settings: from files, environment and flags to one typed [`Config`]. Pure: what is read from
//! disk and environment is handed in as [`Input`].
//!
//! ```text
//! defaults < agent file < conf.d/*.toml < FDGUARD__a__b=value < --set a.b=value
//!                 └─ parsed with places ─► laid over each other ─► read section by section ─► references ─► Config
//! ```
//!
//! All faults come at once, each in its own source ([`Report`]); every resolved value knows its origin
//! ([`Shown`]). Relative paths are meant from the folder of the agent file, whichever source names them.

mod api;
mod call;
mod database;
pub mod defaults;
mod fleet;
pub mod headers;
mod history;
mod hook;
mod input;
mod layers;
mod matching;
mod metrics;
mod overrides;
mod probe;
pub mod proxy;
mod read;
mod receiver;
mod references;
mod schema;
mod secret;
mod section;
mod service;
mod show;
mod sources;
mod target;
mod url;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeTable;

pub use api::Api;
pub use call::{Command, HttpCall, Method};
pub use database::{Database, DatabaseError};
pub use fleet::Fleet;
pub use history::{History, Store, StoreLogin};
pub use hook::{Hook, HookCall, Until};
pub use input::{Folders, Input, SourceFile};
pub use matching::{Child, Match, Pattern};
pub use metrics::Metrics;
pub use overrides::ENV_PREFIX;
pub use probe::{Ask, Probe};
pub use proxy::Proxy;
pub use receiver::{Format, Receiver, UrlSource, Way};
pub use schema::schema;
pub use secret::Secret;
pub use service::{Admin, Agent, Evidence, LogLevel, Tick};
pub use show::{HIDDEN, Shown, place};
pub use sources::{Origin, Part, Report};
pub use target::{Restart, RestartWhen, StopDefaults, Target, TargetTrading, Window};
pub use url::{Scheme, Url, UrlError};

use crate::document::{self, Faults, Value};
use crate::model::diagnostic::Diagnostic;
use crate::model::name::Name;
use references::Places;
use section::{Context, Section};
use sources::{Kind, Sources};

/// The version of the file's form.
const SCHEMA: u64 = 1;
/// The receiver that is always there.
const JOURNAL: &str = "journal";

/// All settings, resolved.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// What is guarded.
    pub targets: BTreeMap<Name, Target>,
    /// Local listeners and the pools behind them.
    pub proxies: BTreeMap<Name, Proxy>,
    /// What is asked.
    pub probes: BTreeMap<Name, Probe>,
    /// What may be called.
    pub hooks: BTreeMap<Name, Hook>,
    /// Who is told, beside the journal.
    pub receivers: BTreeMap<Name, Receiver>,
    /// Where the history is kept.
    pub history: History,
    /// The budget that the agents of a group share.
    pub fleet: Option<Fleet>,
    /// The control socket.
    pub admin: Admin,
    /// The agent itself.
    pub agent: Agent,
}

impl Config {
    /// Proxies that have an order gate.
    pub fn gates(&self) -> impl Iterator<Item = &Name> {
        self.proxies.values().filter(|proxy| proxy.order_gate().is_some()).map(|proxy| &proxy.name)
    }
}

/// What came of a load.
#[derive(Clone, PartialEq, Debug)]
pub struct Loaded {
    /// The settings; absent where there is an error.
    pub config: Option<Config>,
    /// Every setting that counts, with its origin, in the order of the file's description.
    pub shown: Vec<Shown>,
    /// Faults and doubts, by source.
    pub report: Report,
}

/// Resolves settings from `input`.
pub fn load(input: &Input) -> Loaded {
    let mut sources = Sources::default();
    let places = gather(input, &mut sources);
    let mut faults = Faults::default();
    let root = merged(&places, &sources, &mut faults);
    let start = places.first().map_or(0, |place| place.start);
    let root = Spanned::new(start..start, root);
    let base = Arc::from(input.base());
    let mut cx = Context { faults, shown: Vec::new(), secrets: Vec::new(), sources: &sources, base };
    let config = read_root(Section::root(document::assembled(&root, sources.text())), input, &mut cx);
    let found = without_echoes(cx.faults.into_sorted(), &sources);
    let report = sources.report(found, &cx.secrets);
    Loaded { config: Some(config).filter(|_| !report.any_error()), shown: cx.shown, report }
}

/// Leaves out what only follows from broken syntax: what could not be parsed is not missing, and what was
/// read behind the break may stand in the wrong table.
fn without_echoes(mut found: Vec<Diagnostic>, sources: &Sources) -> Vec<Diagnostic> {
    let breaks: Vec<usize> =
        found.iter().filter(|fault| fault.code == layers::SYNTAX).map(|fault| fault.span.start).collect();
    let behind = |place: usize| breaks.iter().any(|at| sources.rest_from_line(*at).contains(&place));
    found.retain(|fault| match fault.code {
        layers::SYNTAX => true,
        "missing-key" => breaks.is_empty(),
        _ => !behind(fault.span.start),
    });
    found
}

/// Lays all sources end to end and gives the place of each.
fn gather(input: &Input, sources: &mut Sources) -> Vec<Range<usize>> {
    let mut files: Vec<&SourceFile> = input.drop_ins.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut places = Vec::new();
    for file in input.file.iter().chain(files) {
        let name = Arc::from(file.path.to_string_lossy());
        places.push(sources.add(Kind::File(name), &file.text));
    }
    let mut variables: Vec<&(String, String)> =
        input.env.iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
    variables.sort();
    for (name, value) in variables {
        places.push(sources.add(Kind::Env(name.as_str().into()), &format!("{name}={value}")));
    }
    for flag in &input.flags {
        places.push(sources.add(Kind::Flag, flag));
    }
    places
}

fn merged<'s>(places: &[Range<usize>], sources: &'s Sources, faults: &mut Faults) -> DeTable<'s> {
    let mut base = DeTable::new();
    for at in places {
        let source = sources.text();
        let table = match sources.origin(at) {
            Origin::File { .. } | Origin::Default => layers::parse(source, at.clone(), faults),
            Origin::Env(_) => {
                overrides::from_env(source, at.clone()).map_err(|fault| faults.push(fault)).ok()
            }
            Origin::Flag => overrides::from_flag(source, at.clone()).map_err(|fault| faults.push(fault)).ok(),
        };
        if let Some(table) = table {
            layers::Laying::new(faults, sources).merge(&mut base, table);
        }
    }
    base
}

fn read_root(mut root: Section<'_>, input: &Input, cx: &mut Context<'_>) -> Config {
    if input.file.is_some() || root.value("schema").is_some() {
        if root.value("schema").is_none() {
            root.miss(cx, "schema", Some("write schema = 1 at the top of the file"));
        }
        root.get(cx, "schema", version);
    }
    let mut places = Places::default();
    let targets = entries(&mut root, ("target", target::TARGETS_MAX), cx, &mut places.targets, target::read);
    let proxies = entries(&mut root, ("proxy", proxy::PROXIES_MAX), cx, &mut places.proxies, proxy::read);
    let probes = entries(&mut root, ("probe", probe::PROBES_MAX), cx, &mut places.probes, probe::read);
    let hooks = entries(&mut root, ("hook", hook::HOOKS_MAX), cx, &mut places.hooks, hook::read);
    let mut told = Vec::new();
    let receivers = entries(&mut root, ("notify", receiver::RECEIVERS_MAX), cx, &mut told, receiver::read);
    if let Some((_, span)) = told.iter().find(|(name, _)| name.as_str() == JOURNAL) {
        cx.error("reserved-name", span.clone(), "`journal` is always there and needs no section");
    }
    let history = history::history(&mut root, &input.folders, cx);
    let fleet = fleet::read(&mut root, cx);
    let admin = service::admin(&mut root, &input.folders, cx);
    let agent = service::agent(&mut root, &input.folders, cx);
    let unguarded = input.file.is_some() && root.value("target").is_none();
    let start = root.span().start;
    root.finish(cx);
    if unguarded && !cx.faults.any_error() {
        let fault = Diagnostic::warning("no-target", start..start, "nothing is guarded");
        cx.faults.push(fault.help("write a [target.NAME] section with match and policy"));
    }
    let config = Config { targets, proxies, probes, hooks, receivers, history, fleet, admin, agent };
    references::check(&config, &places, cx);
    config
}

fn version(value: Value<'_>, faults: &mut Faults) -> Option<u64> {
    let version = value.whole(0..u64::MAX, faults)?;
    if version == SCHEMA {
        return Some(version);
    }
    let message = format!("this version of fdguard reads schema {SCHEMA}");
    faults.push(Diagnostic::error("bad-schema", value.span(), message));
    None
}

/// Reads all `[kind.NAME]`; `places` takes where each name stands.
fn entries<'d, T>(
    root: &mut Section<'d>,
    (kind, most): (&'static str, usize),
    cx: &mut Context<'_>,
    places: &mut Vec<(Name, Range<usize>)>,
    read: impl Fn(Name, Section<'d>, &mut Context<'_>) -> Option<T>,
) -> BTreeMap<Name, T> {
    let mut found = BTreeMap::new();
    for (count, (name, span, section)) in root.named(cx, kind).into_iter().enumerate() {
        if count == most {
            cx.error("too-many", span, format!("at most {most} sections of this kind"));
            break;
        }
        places.push((name.clone(), span));
        if let Some(entry) = read(name.clone(), section, cx) {
            found.insert(name, entry);
        }
    }
    found
}

/// Reports two durations of which the first must not be above the second, where somebody wrote one of them.
fn ordered(cx: &mut Context<'_>, section: &Section<'_>, low: (&str, Duration), high: (&str, Duration)) {
    if low.1 > high.1 {
        let span =
            section.key_span(low.0).or_else(|| section.key_span(high.0)).unwrap_or_else(|| section.span());
        let say = crate::model::units::format_span;
        let message =
            format!("`{}` ({}) must not be above `{}` ({})", low.0, say(low.1), high.0, say(high.1));
        cx.error("out-of-order", span, message);
    }
}

#[cfg(test)]
mod tests;
