//! What a load works on: everything that was read elsewhere.

use std::path::{Path, PathBuf};

/// A file that has been read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    /// Where it was found; shown to people as it stands here.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Folders that defaults lie in: `/var/lib/fdguard` and `/run/fdguard` for root, the user's own otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folders {
    /// For what must survive a boot.
    pub state: PathBuf,
    /// For sockets.
    pub runtime: PathBuf,
}

impl Folders {
    /// Those of the system.
    pub fn system() -> Self {
        Self { state: "/var/lib/fdguard".into(), runtime: "/run/fdguard".into() }
    }
}

/// Everything that settings come from, weakest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// The agent's file.
    pub file: Option<SourceFile>,
    /// The files of `conf.d` beside it; taken in the order of their paths.
    pub drop_ins: Vec<SourceFile>,
    /// The environment. Names that don't start with `FDGUARD__` are ignored.
    pub env: Vec<(String, String)>,
    /// What came with `--set`, in order.
    pub flags: Vec<String>,
    /// Where defaults lie.
    pub folders: Folders,
}

impl Input {
    /// Nothing but one file.
    pub fn from_file(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self {
            file: Some(SourceFile { path: path.into(), text: text.into() }),
            drop_ins: Vec::new(),
            env: Vec::new(),
            flags: Vec::new(),
            folders: Folders::system(),
        }
    }

    /// Nothing at all: every setting has its default.
    pub fn empty() -> Self {
        Self {
            file: None,
            drop_ins: Vec::new(),
            env: Vec::new(),
            flags: Vec::new(),
            folders: Folders::system(),
        }
    }

    /// The folder that relative paths are meant from: that of the file, whichever source names them.
    pub(super) fn base(&self) -> &Path {
        self.file.as_ref().and_then(|file| file.path.parent()).unwrap_or(Path::new(""))
    }
}
