//! PgBouncer: which one, and how it is set up.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::Attempt;
use crate::common::child::{End, command};
use crate::postgres::client::{DATABASE, USER};
use crate::postgres::lab::Lab;
use crate::postgres::options::PGBOUNCER;
use crate::postgres::server::succeeded;
use crate::postgres::subject::Task;

/// Where Debian puts it, off the PATH of most.
const DEBIAN: &str = "/usr/sbin/pgbouncer";

/// Its version; the first two numbers tell what it can.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Version([u32; 3]);

impl Version {
    /// Whether it pools clients that prepare statements.
    pub(crate) fn prepares(self) -> bool {
        self >= Self([1, 21, 0])
    }

    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.lines().next()?.split(' ').nth(1)?.split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self([next()?, next()?, next()?]))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The program given, else the one of the environment, else the one of the system.
pub(crate) fn find(given: Option<&Path>) -> Attempt<(PathBuf, Version)> {
    let named = given.map(Path::to_owned).or_else(|| std::env::var_os(PGBOUNCER).map(PathBuf::from));
    let program = named.unwrap_or_else(|| PathBuf::from(DEBIAN));
    let run = Command::new(&program).arg("--version").output();
    let output = run.map_err(|error| format!("{}: {error} (Debian: pgbouncer)", program.display()))?;
    let text = succeeded(&output, "pgbouncer --version")?;
    let version = Version::read(&text).ok_or_else(|| format!("what version is {}?", text.trim()))?;
    Ok((program, version))
}

/// Its command, with its files written.
pub(crate) fn prepare(
    lab: &Lab,
    program: &Path,
    version: Version,
    folder: &Path,
    task: Task,
) -> Attempt<Command> {
    let (file, users) = (folder.join("pgbouncer.ini"), folder.join("users.txt"));
    std::fs::write(&users, format!("\"{USER}\" \"\"\n"))?;
    std::fs::write(&file, settings(version, &users, task))?;
    lab.give(folder)?;
    let mut command = command(program, &lab.account, End::Kill);
    command.arg(file).current_dir(folder);
    Ok(command)
}

fn settings(version: Version, users: &Path, task: Task) -> String {
    let Task { listen, upstream, pool } = task;
    let prepares = if version.prepares() { "max_prepared_statements = 200\n" } else { "" };
    format!(
        "[databases]\n{DATABASE} = host=127.0.0.1 port={upstream}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {listen}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\n\
         default_pool_size = {pool}\nmax_client_conn = 2000\nlog_connections = 0\nlog_disconnections = 0\n{prepares}",
        users.display()
    )
}
