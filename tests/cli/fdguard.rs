//! Runs the binary and keeps what it said.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The binary under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_fdguard");

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs it with these arguments.
pub(crate) fn fdguard<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    ran(command(arguments).output().unwrap())
}

/// The command, in an environment that says nothing of agents and colours.
pub(crate) fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    prepared(Command::new(PROGRAM), arguments)
}

/// Runs it as a user who may do nothing. The binary is copied to where that user can reach it; `None` where this
/// test is not root and so can't become somebody else.
pub(crate) fn as_nobody<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Option<Ran> {
    let folder = reachable()?;
    let program = folder.path().join("fdguard");
    std::fs::copy(PROGRAM, &program).unwrap();
    let mut setpriv = Command::new("setpriv");
    setpriv.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ]);
    setpriv.arg(program).env("HOME", folder.path()).current_dir("/");
    Some(ran(prepared(setpriv, arguments).output().unwrap()))
}

/// A folder that everybody may enter.
fn reachable() -> Option<tempfile::TempDir> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let folder = tempfile::Builder::new().prefix("fdguard-cli").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    Some(folder)
}

/// A file of the repository.
pub(crate) fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn prepared<S: AsRef<OsStr>>(mut command: Command, arguments: impl IntoIterator<Item = S>) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FDGUARD")) {
        command.env_remove(name);
    }
    command.args(arguments).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// What a run said.
pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// Its standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        let read = serde_json::from_str(&self.out);
        assert!(read.is_ok(), "{self:?}");
        read.unwrap()
    }

    /// Its standard output as lines of JSON.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
