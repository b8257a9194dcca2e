//! The three files, and where they are written.

use std::path::{Path, PathBuf};

use crate::model::name::Name;

/// What is to be written.
pub(super) struct Draft {
    pub(super) agent: String,
    pub(super) policy: String,
    pub(super) scenarios: String,
}

/// Where: `fdguard.toml`, and `policies/` beside it.
pub(super) struct Files {
    pub(super) agent: PathBuf,
    pub(super) policy: PathBuf,
    pub(super) scenarios: PathBuf,
}

impl Files {
    /// In a folder, for a target.
    pub(super) fn of(folder: &Path, name: &Name) -> Self {
        let policies = folder.join("policies");
        Self {
            agent: folder.join("fdguard.toml"),
            policy: policies.join(format!("{name}.toml")),
            scenarios: policies.join(format!("{name}.test.toml")),
        }
    }

    fn all(&self) -> [&PathBuf; 3] {
        [&self.agent, &self.policy, &self.scenarios]
    }

    /// As they are told.
    pub(super) fn paths(&self) -> Vec<String> {
        self.all().map(|path| path.display().to_string()).to_vec()
    }

    /// Refuses before the look what would be refused after it.
    pub(super) fn refuse_taken(&self, force: bool) -> Result<(), String> {
        match self.all().into_iter().find(|path| path.exists()) {
            Some(path) if !force => Err(format!(
                "{} is there already: `--force` writes over it, `--out` names another folder",
                path.display()
            )),
            _ => Ok(()),
        }
    }

    /// Writes each beside its place and moves it there, so that no reader sees half of one; the agent's file last, since it
    /// names the others.
    pub(super) fn write(&self, draft: &Draft) -> Result<(), String> {
        let texts =
            [(&self.scenarios, &draft.scenarios), (&self.policy, &draft.policy), (&self.agent, &draft.agent)];
        for (path, text) in texts {
            put(path, text).map_err(|error| format!("can't write {}: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    // Its policies and remotes are nobody's secret, and other users' `config check` may want them.
    let readable = std::fs::Permissions::from_mode(0o644);
    let mut file = tempfile::Builder::new().permissions(readable).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|refused| refused.error)?;
    Ok(())
}
