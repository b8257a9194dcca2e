//! Which process is meant, and how the agent will find it again.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use crate::actuator::Redactor;
use crate::cli::args::InitArgs;
use crate::cli::inspect;
use crate::model::chain::chain;
use crate::model::name::Name;
use crate::sys::adopted::Adopted;
use crate::sys::proc_root::ProcRoot;
use crate::sys::stat::Status;
use crate::sys::{cgroup, command, find};

/// As much of a command line as a pattern is made of.
const PATTERN_MAX: usize = 200;
/// As much of a command line as is shown.
const SHOWN_MAX: usize = 120;
/// Programs that run another one, which says more: its name is that of their first argument that is a file.
const RUNNERS: &[&str] =
    &["python", "node", "ruby", "java", "perl", "deno", "bun", "uv", "poetry", "sh", "bash"];

/// How a target names its processes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Matches {
    /// Those of a unit.
    Unit(String),
    /// Those whose command line fits.
    Command(String),
}

impl fmt::Display for Matches {
    /// As the agent's file has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => write!(f, "{{ unit = {} }}", quoted(unit)),
            Self::Command(pattern) => write!(f, "{{ command = {} }}", quoted(pattern)),
        }
    }
}

/// A text in the quotes of TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The process, and its target.
pub(super) struct Bot {
    pub(super) process: Arc<Adopted>,
    pub(super) name: Name,
    pub(super) matches: Matches,
    /// How many processes are of that target now.
    pub(super) processes: usize,
    /// Its command line without secrets.
    pub(super) shown: String,
    /// The user who must be let in to proxies by its number, since what the target is found by does not tell whose it is.
    pub(super) unvouched: Option<u32>,
}

impl Bot {
    /// Of a unit the process with the most descriptors: the others are its helpers, or its copies.
    pub(super) fn find(root: &ProcRoot, args: &InitArgs) -> Result<Self, String> {
        let process = match (args.bot.pid, args.bot.unit.as_deref()) {
            (Some(pid), _) => inspect::adopt(root, pid)?,
            (None, Some(unit)) => largest(root, unit)?,
            (None, None) => return Err("which process? `--pid` or `--unit` says".to_owned()),
        };
        let line = command::line(&process).unwrap_or_default();
        let shown = Redactor::new().text(&line);
        let unit = match &args.bot.unit {
            Some(unit) => Some(find::whole_name(unit)),
            None => find::service_of(&process),
        };
        let name = match &args.name {
            Some(name) => name.clone(),
            None => name_of(unit.as_deref(), &line),
        };
        let matches = match unit {
            Some(unit) => Matches::Unit(unit),
            None => pattern(&line, &shown, &process)?,
        };
        let processes = processes(root, &matches);
        let unvouched = match matches {
            Matches::Unit(_) => None,
            Matches::Command(_) => {
                Status::read(&process).ok().map(|status| status.uid).filter(|uid| *uid != 0)
            }
        };
        let shown = one_line(&shown);
        Ok(Self { process, name, matches, processes, shown, unvouched })
    }
}

fn largest(root: &ProcRoot, unit: &str) -> Result<Arc<Adopted>, String> {
    let members = members(root, unit)?;
    let held = members.iter().filter_map(|pid| inspect::adopt(root, *pid).ok());
    let counted = held.map(|process| (process.count().unwrap_or(0), process));
    counted.max_by_key(|(count, _)| *count).map(|(_, process)| process).ok_or_else(|| {
        format!("the unit `{unit}` has no process here: is it running (`systemctl status {unit}`)?")
    })
}

fn members(root: &ProcRoot, unit: &str) -> Result<Vec<u32>, String> {
    let mounts = cgroup::mounts(root).map_err(|error| chain(&error))?;
    let Some(dir) = find::group_of_unit(&mounts, unit).map_err(|error| chain(&error))? else {
        return Ok(Vec::new());
    };
    cgroup::members(&dir).map_err(|error| chain(&error))
}

/// As much of it as is shown, on one line: it becomes a comment of a file that says what may be done as root, and a
/// bot chooses its own words.
fn one_line(line: &str) -> String {
    let plain = line.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.take(SHOWN_MAX).collect()
}

/// How many processes the target is of. One at least is there: the one that was looked at.
fn processes(root: &ProcRoot, matches: &Matches) -> usize {
    let found = match matches {
        Matches::Unit(unit) => members(root, unit).map_or(0, |members| members.len()),
        Matches::Command(pattern) => regex_lite::Regex::new(pattern)
            .ok()
            .and_then(|pattern| find::by_command(root, &pattern).ok())
            .map_or(0, |found| found.len()),
    };
    found.max(1)
}

/// A pattern that its command line fits, made of as much of it as holds no secret.
fn pattern(line: &str, shown: &str, process: &Adopted) -> Result<Matches, String> {
    let alike: String = line.chars().zip(shown.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    let part: String = alike.chars().take(PATTERN_MAX).collect();
    let part = part.trim_end();
    if part.is_empty() {
        let pid = process.id().pid;
        return Err(format!("pid {pid} shows no command line to find it by again; `--unit` names its unit"));
    }
    let end = if part.len() == line.trim_end().len() { "$" } else { "" };
    Ok(Matches::Command(format!("^{}{end}", regex_lite::escape(part))))
}

/// Its unit's name, else its script's or program's.
fn name_of(unit: Option<&str>, line: &str) -> Name {
    let stem = |path: &str| {
        let file = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        file.unwrap_or_default()
    };
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let program = stem(words.next().unwrap_or_default());
    let is_runner = RUNNERS.iter().any(|runner| program.starts_with(runner));
    let script = words.find(|word| !word.starts_with('-')).filter(|word| is_runner && word.contains('.'));
    let told = unit.map_or_else(|| script.map_or(program, stem), stem);
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let clean: String = told.chars().map(|letter| if fits(letter) { letter } else { '-' }).take(32).collect();
    Name::parse(clean.trim_matches('-')).unwrap_or_else(|_| Name::parse("bot").expect("a name"))
}

/// Whether a proxy could listen there now.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_is_called_as_its_unit_script_or_program() {
        let name = |unit, line| name_of(unit, line).as_str().to_owned();
        assert_eq!(name(Some("maker@eth.service"), "python3 x.py"), "maker-eth");
        assert_eq!(name(None, "/usr/bin/python3.11 -u /opt/bot/grid_bot.py --live"), "grid_bot");
        assert_eq!(name(None, "/opt/bot/trader --live"), "trader");
        assert_eq!(name(None, "python3 -c print()"), "python3");
        assert_eq!(name(None, ""), "bot");
        assert_eq!(name(None, "/opt/\u{fc}/\u{fc}"), "bot");
    }

    #[test]
    fn what_a_bot_calls_itself_stays_in_its_comment() {
        assert_eq!(one_line("bot\n[hook.evil]\r\u{85}run"), "bot [hook.evil]  run");
        assert_eq!(one_line(&"x".repeat(1_000)).len(), SHOWN_MAX);
    }

    #[test]
    fn a_pattern_ends_before_the_first_secret() {
        let own = Adopted::open(&ProcRoot::default(), std::process::id()).expect("ourselves");
        let of =
            |line: &str| pattern(line, &Redactor::new().text(line), &own).map(|matches| matches.to_string());
        assert_eq!(of("bot.py --live").expect("a line"), r"{ command = '^bot\.py \-\-live$' }");
        let told = of("bot --token abc --live").expect("a line");
        assert!(told.contains(r"^bot \-\-token") && !told.contains("abc"), "{told}");
        assert!(of("").is_err());
    }
}
