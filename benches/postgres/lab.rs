//! The place of measuring: one CPU for all, a folder, the programs, free ports, and whether somebody wants it to end.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::unistd::{User, geteuid};
use tokio::signal::unix::{SignalKind, signal};

use crate::common::Attempt;
use crate::common::child::Account;
use crate::common::ground::{Ports, pin};
use crate::postgres::options::Options;

/// Who owns the server where the bench runs as root.
const ACCOUNT: &str = "postgres";

/// What the machine lacks to measure anything.
#[derive(Debug)]
pub(crate) struct Missing(pub(crate) String);

/// Everything that measuring needs beside the subjects.
#[derive(Debug)]
pub(crate) struct Lab {
    folder: tempfile::TempDir,
    programs: PathBuf,
    /// As whom servers run.
    pub(crate) account: Account,
    /// The CPU that everything shares.
    pub(crate) cpu: usize,
    ports: Ports,
    ended: Arc<AtomicBool>,
}

impl Lab {
    /// Pins this thread, and with it all that it starts from now on, and looks for what is needed.
    pub(crate) fn find(options: &Options) -> Result<Self, Missing> {
        let missing = |what: &str, error: &dyn std::error::Error| Missing(format!("{what}: {error}"));
        let programs = programs()
            .ok_or_else(|| Missing("PostgreSQL with pgbench is not installed (Debian: postgresql)".into()))?;
        let account = account()?;
        let folder = tempfile::tempdir().map_err(|error| missing("a temporary folder", &error))?;
        let ended = Arc::new(AtomicBool::new(false));
        // Before this thread is pinned, so that a busy CPU does not hold a Ctrl-C back.
        watch(Arc::clone(&ended)).map_err(|error| missing("to be told of Ctrl-C", &error))?;
        let cpu = pin(options.cpu).map_err(|error| missing("one CPU for all", error.as_ref()))?;
        let lab = Self { folder, programs, account, cpu, ports: Ports::default(), ended };
        lab.give(lab.folder.path()).map_err(|error| missing("a folder for the server", error.as_ref()))?;
        Ok(lab)
    }

    /// One of PostgreSQL's programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A path of this run's own; gone with the lab.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a file or folder the property of the account that servers run as.
    pub(crate) fn give(&self, path: &Path) -> Attempt<()> {
        if let Account::Other(name) = &self.account {
            let user = User::from_name(name)?.ok_or_else(|| format!("no user {name}"))?;
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        Ok(())
    }

    /// A port that nobody listens on; never the same twice.
    pub(crate) fn port(&self) -> Attempt<u16> {
        self.ports.next()
    }

    /// Whether the bench was asked to end.
    pub(crate) fn interrupted(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// An error once the bench was asked to end.
    pub(crate) fn go_on(&self) -> Attempt<()> {
        if self.interrupted() { Err("interrupted".into()) } else { Ok(()) }
    }
}

/// The newest installed PostgreSQL: Debian keeps its programs off PATH.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    found.sort();
    let debian = found.into_iter().map(|(_, path)| path).rev();
    let elsewhere = std::env::var_os("PATH").unwrap_or_default();
    let all = debian.chain(std::env::split_paths(&elsewhere));
    all.into_iter().find(|path| ["initdb", "postgres", "pgbench"].iter().all(|name| path.join(name).exists()))
}

fn account() -> Result<Account, Missing> {
    if !geteuid().is_root() {
        return Ok(Account::Own);
    }
    match User::from_name(ACCOUNT) {
        Ok(Some(_)) => Ok(Account::Other(ACCOUNT.to_owned())),
        Ok(None) | Err(_) => Err(Missing(format!("a user {ACCOUNT}: the server refuses to run as root"))),
    }
}

/// Notes SIGINT and SIGTERM, so that the bench ends by itself and takes everything down in order.
fn watch(ended: Arc<AtomicBool>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let (mut interrupt, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(inside);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = term.recv() => {}
                }
                ended.store(true, Ordering::Relaxed);
            }
        });
    })?;
    Ok(())
}
