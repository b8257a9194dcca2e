//! Who is measured: something that listens, and pools connections to the server.

use std::path::PathBuf;

use crate::common::Attempt;
use crate::common::child::{Account, End, Running, command};
use crate::common::process::usage;
use crate::postgres::cell::{Cell, Protocol, Work};
use crate::postgres::lab::Lab;
use crate::postgres::pgbouncer::{self, Version};
use crate::postgres::{client, fdguard};

/// A subject as it is typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Choice {
    /// The server itself.
    Direct,
    /// The program given, else the one of the environment, else the one of the system.
    PgBouncer(Option<PathBuf>),
    Fdguard,
    /// Any other: its name, and its command with `{listen}`, `{upstream}` (ports) and `{pool}`.
    Other(String, Vec<String>),
}

/// One that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) name: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Direct,
    PgBouncer(PathBuf, Version),
    Fdguard,
    Other(Vec<String>),
}

/// One that runs.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) port: u16,
    process: Option<Running>,
}

/// What a subject is told when it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// Where it listens.
    pub(crate) listen: u16,
    /// Where the server listens.
    pub(crate) upstream: u16,
    /// How many connections to the server it may have.
    pub(crate) pool: usize,
}

impl Choice {
    /// `direct`, `fdguard`, `pgbouncer`, `pgbouncer:PROGRAM` or `NAME=COMMAND`.
    pub(crate) fn parse(word: &str) -> Attempt<Self> {
        match word {
            "direct" => Ok(Self::Direct),
            "fdguard" => Ok(Self::Fdguard),
            "pgbouncer" => Ok(Self::PgBouncer(None)),
            other => {
                if let Some(program) = other.strip_prefix("pgbouncer:") {
                    return Ok(Self::PgBouncer(Some(program.into())));
                }
                let (name, line) =
                    other.split_once('=').ok_or_else(|| format!("no such subject: {other}"))?;
                Ok(Self::Other(name.to_owned(), line.split(' ').map(str::to_owned).collect()))
            }
        }
    }
}

impl Subject {
    /// Looks for the program behind a choice.
    pub(crate) fn find(choice: &Choice) -> Attempt<Self> {
        Ok(match choice {
            Choice::Direct => Self { name: "direct".to_owned(), kind: Kind::Direct },
            Choice::Fdguard => Self { name: "fdguard".to_owned(), kind: Kind::Fdguard },
            Choice::PgBouncer(given) => {
                let (program, version) = pgbouncer::find(given.as_deref())?;
                Self { name: format!("pgbouncer {version}"), kind: Kind::PgBouncer(program, version) }
            }
            Choice::Other(name, line) => Self { name: name.clone(), kind: Kind::Other(line.clone()) },
        })
    }

    /// Whether there is a process between client and server.
    pub(crate) fn is_between(&self) -> bool {
        match self.kind {
            Kind::Direct => false,
            Kind::PgBouncer(..) | Kind::Fdguard | Kind::Other(_) => true,
        }
    }

    /// Why it can't be measured in a cell, if so.
    pub(crate) fn lacks(&self, cell: &Cell) -> Option<&'static str> {
        match (&self.kind, cell.work) {
            (Kind::Direct, Work::Idle) => Some("a server process per client"),
            (Kind::PgBouncer(_, version), Work::Select(Protocol::Prepared)) if !version.prepares() => {
                Some("no prepared statements before 1.21")
            }
            (Kind::Direct | Kind::PgBouncer(..) | Kind::Fdguard | Kind::Other(_), _) => None,
        }
    }

    /// Starts it; returns once it has answered a query.
    pub(crate) fn start(&self, lab: &Lab, upstream: u16, pool: usize) -> Attempt<Started> {
        let task = Task { listen: lab.port()?, upstream, pool };
        // A start has a folder of its own, named by its port.
        let folder = lab.path(&task.listen.to_string());
        std::fs::create_dir(&folder)?;
        let mut command = match &self.kind {
            Kind::Direct => return Ok(Started { port: upstream, process: None }),
            Kind::PgBouncer(program, version) => pgbouncer::prepare(lab, program, *version, &folder, task)?,
            Kind::Fdguard => fdguard::prepare(&folder, task)?,
            Kind::Other(line) => other(line, task)?,
        };
        let log = folder.join("log");
        let mut process = Running::start(&mut command, End::Kill, &log)?;
        client::wait_ready(task.listen, || lab.go_on().is_ok() && process.lives()).map_err(|error| {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = said.trim().lines().rev().take(12).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            format!("{} did not come up: {error}\n{}", self.name, last.join("\n"))
        })?;
        Ok(Started { port: task.listen, process: Some(process) })
    }
}

fn other(line: &[String], task: Task) -> Attempt<std::process::Command> {
    let put = |word: &String| {
        word.replace("{listen}", &task.listen.to_string())
            .replace("{upstream}", &task.upstream.to_string())
            .replace("{pool}", &task.pool.to_string())
    };
    let mut words = line.iter().map(put);
    let program = PathBuf::from(words.next().ok_or("a command has a program")?);
    let mut command = command(&program, &Account::Own, End::Kill);
    command.args(words);
    Ok(command)
}

impl Started {
    /// CPU of all its threads so far, in microseconds; not a number where nothing is between.
    pub(crate) fn cpu(&self) -> f64 {
        self.used(|usage| usage.cpu * 1e6)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> f64 {
        self.used(|usage| usage.resident * 1_024.0)
    }

    fn used(&self, figure: impl Fn(crate::common::process::Usage) -> f64) -> f64 {
        self.process.as_ref().and_then(|process| usage(process.pid())).map_or(f64::NAN, figure)
    }
}
