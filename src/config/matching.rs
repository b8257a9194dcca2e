//! How the processes of a target are found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use super::read;
use super::secret::Secret;
use super::section::{Context, Section};
use crate::document::{Faults, Value};
use crate::model::diagnostic::{Diagnostic, suggest};

/// The ways to match, as written.
pub(super) const WORDS: &[&str] = &["pid", "pidfile", "unit", "cgroup", "command", "child"];
/// The largest number of a process (PID_MAX_LIMIT).
const PID_MAX: u64 = 1 << 22;

/// How the processes of a target are found.
#[derive(Clone, PartialEq, Debug)]
pub enum Match {
    /// By number, once; its identity is pinned at adoption.
    Pid(u32),
    /// By the number in a file, read again when the process is gone.
    Pidfile(PathBuf),
    /// The processes of a systemd unit.
    Unit(String),
    /// The processes of a cgroup, as seen from the root of its hierarchy: `/bots/one`.
    Cgroup(String),
    /// Processes whose command line, words joined by blanks, the pattern finds something in.
    Command(Pattern),
    /// A child that the agent starts itself.
    Child(Child),
}

/// A command the agent starts and guards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Child {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables added to the agent's own environment.
    pub env: BTreeMap<String, Secret>,
    /// Variables taken out of it: those that would lead past a proxy. No file names them.
    pub without: BTreeSet<String>,
    /// The folder it runs in; the agent's own where absent.
    pub cwd: Option<PathBuf>,
}

impl Child {
    /// A command in the agent's own surroundings.
    pub fn new(argv: Vec<String>) -> Self {
        Self { argv, env: BTreeMap::new(), without: BTreeSet::new(), cwd: None }
    }
}

/// A compiled pattern; equal where its text is.
#[derive(Clone, Debug)]
pub struct Pattern(regex_lite::Regex);

impl Pattern {
    /// Compiles a pattern.
    pub fn parse(text: &str) -> Result<Self, regex_lite::Error> {
        regex_lite::Regex::new(text).map(Self)
    }

    /// The compiled expression.
    pub fn regex(&self) -> &regex_lite::Regex {
        &self.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Reads `match` of a target.
pub(super) fn read(target: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Match> {
    let Some(value) = target.value("match") else {
        target.miss(cx, "match", Some("write for example match = { unit = \"bot.service\" }"));
        return None;
    };
    if value.is_table() && !one_way(value, cx) {
        return None;
    }
    let (word, payload) = value.variant(&mut cx.faults)?;
    if !WORDS.contains(&word.value.as_ref()) {
        let help = match suggest(&word.value, WORDS.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("a target is matched by {}", WORDS.join(", ")),
        };
        let message = format!("unknown kind of match `{}`", word.value);
        cx.faults.push(Diagnostic::error("unknown-match", word.span, message).help(help));
        return None;
    }
    if payload.is_none() {
        let message = format!("`{}` needs a value", word.value);
        let help = format!("write match = {{ {} = … }}", word.value);
        cx.faults.push(Diagnostic::error("bad-value", word.span, message).help(help));
        return None;
    }
    let mut section = target.section(cx, "match");
    match word.value.as_ref() {
        "pid" => {
            let pid = section.get(cx, "pid", read::count(1..=PID_MAX))?;
            u32::try_from(pid).ok().map(Match::Pid)
        }
        "pidfile" => section.file(cx, "pidfile").map(Match::Pidfile),
        "unit" => section.get(cx, "unit", unit).map(Match::Unit),
        "cgroup" => section.get(cx, "cgroup", cgroup).map(Match::Cgroup),
        "command" => section.get(cx, "command", pattern).map(Match::Command),
        _ => child(&mut section, cx).map(Match::Child),
    }
}

/// Whether a table has one key; else that is reported.
fn one_way(value: Value<'_>, cx: &mut Context<'_>) -> bool {
    let entries = value.table(&mut cx.faults).map(crate::document::Table::raw_entries).unwrap_or_default();
    let ways: Vec<String> = entries.iter().map(|(key, _, _)| format!("`{}`", key.escape_debug())).collect();
    let message = match ways.as_slice() {
        [_] => return true,
        [] => "this says nothing to match by".to_owned(),
        _ => format!("a target is matched one way, this says {}", ways.join(" and ")),
    };
    let help = "for several bots write a target for each";
    cx.faults.push(Diagnostic::error("one-variant", value.span(), message).help(help));
    false
}

fn unit(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = value.text(faults)?;
    let name = text.value.as_ref();
    let known = [".service", ".scope", ".slice"];
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:@\\".contains(c);
    if name.len() <= 255 && name.chars().all(fits) && known.iter().any(|end| stem(name, end)) {
        return Some(name.to_owned());
    }
    let fault = Diagnostic::error("bad-value", text.span, "a unit is a service, a scope or a slice");
    let fixable = !name.is_empty() && !name.contains('.') && name.chars().all(fits);
    faults.push(if fixable { fault.help(format!("did you mean \"{name}.service\"?")) } else { fault });
    None
}

fn stem(name: &str, end: &str) -> bool {
    name.strip_suffix(end).is_some_and(|stem| !stem.is_empty())
}

fn cgroup(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let text = value.text(faults)?;
    let path = text.value.trim_end_matches('/');
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    if path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain)) {
        return Some(path.to_owned());
    }
    let help =
        "write it as /proc/PID/cgroup shows it: /system.slice/bot.service; the root itself can't be guarded";
    let message = "a cgroup is a path from the root of its hierarchy";
    faults.push(Diagnostic::error("bad-path", text.span, message).help(help));
    None
}

fn pattern(value: Value<'_>, faults: &mut Faults) -> Option<Pattern> {
    let text = value.text(faults)?;
    match Pattern::parse(&text.value) {
        Ok(pattern) if pattern.regex().is_match("") => {
            let message = "this pattern finds something in every command";
            faults.push(Diagnostic::error("too-wide", text.span, message));
            None
        }
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let message = format!("this is no regular expression: {error}");
            faults.push(Diagnostic::error("bad-pattern", text.span, message));
            None
        }
    }
}

fn child(section: &mut Section<'_>, cx: &mut Context<'_>) -> Option<Child> {
    let given = section.value("child")?;
    if !given.is_table() {
        let argv = section.get(cx, "child", read::argv)?;
        return Some(Child::new(argv));
    }
    let mut table = section.section(cx, "child");
    let argv = table.need(cx, "argv", read::argv);
    let env = env(&mut table, cx);
    let cwd = table.file(cx, "cwd");
    table.finish(cx);
    Some(Child { env, cwd, ..Child::new(argv?) })
}

/// Reads `env`: the values are kept out of everything that is shown.
pub(super) fn env(section: &mut Section<'_>, cx: &mut Context<'_>) -> BTreeMap<String, Secret> {
    section.secret(cx, "env", read::env).unwrap_or_default()
}
