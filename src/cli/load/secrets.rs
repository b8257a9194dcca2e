//! Files that hold secrets: each must be there, be readable by the agent, and be closed to others. All that the settings
//! name are looked at before anything reads one, so that each fault comes with its place and with what mends it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::config::Shown;
use crate::sys::user;

/// Settings that name such a file, by the ends of their keys.
const KEYS: [&str; 8] = [
    ".url_file",
    ".headers_file",
    ".password_file",
    ".token_file",
    ".read_token_file",
    ".write_token_file",
    ".users_file",
    ".tls.key",
];
/// What others may not have.
const OTHERS: u32 = 0o007;

/// The faults, a line each.
pub(super) fn faults(shown: &[Shown]) -> Vec<String> {
    let fault = |line: &Shown| {
        let why =
            KEYS.iter().any(|key| line.key.ends_with(key)).then(|| wrong(&path(&line.value)?)).flatten()?;
        Some(format!("{}: `{}`: {why}", line.origin, line.key))
    };
    shown.iter().filter_map(fault).collect()
}

/// The path in a value as it is shown.
fn path(value: &str) -> Option<PathBuf> {
    let table = toml::from_str::<toml::Table>(&format!("path = {value}")).ok()?;
    table.get("path")?.as_str().map(PathBuf::from)
}

/// What is wrong with the file.
fn wrong(path: &Path) -> Option<String> {
    let place = path.display();
    match File::open(path).and_then(|file| file.metadata()) {
        Ok(about) if about.is_file() && about.mode() & OTHERS != 0 => Some(format!(
            "{place} holds a secret and is open to others ({}): `chmod o= {place}`",
            access(&about)
        )),
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!("{place} does not exist")),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Some(match std::fs::metadata(path) {
                Ok(about) => format!(
                    "{place} can't be read by this user ({}): be the user that the agent runs as, or give \
                 that user the file by `chown`",
                    access(&about)
                ),
                Err(_) => format!("{place} can't be reached by this user: a folder above it is closed"),
            })
        }
        Err(error) => Some(format!("{place} can't be read: {error}")),
    }
}

/// `mode 0644, owner root`
fn access(about: &Metadata) -> String {
    let owner = user::name_of(about.uid()).unwrap_or_else(|| about.uid().to_string());
    format!("mode {:04o}, owner {owner}", about.permissions().mode() & 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn shown(key: &str, path: &Path) -> Shown {
        let origin = Origin::File { path: "agent.toml".into(), line: 7 };
        Shown { key: key.to_owned(), value: toml::Value::from(path.to_str().unwrap()).to_string(), origin }
    }

    #[test]
    fn a_file_open_to_others_is_told_with_its_place_and_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "x").unwrap();
        let told = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            faults(&[shown("notify.slack.url_file", &file), shown("proxy.db.tls.ca_file", &file)])
        };
        assert_eq!(told(0o640), Vec::<String>::new());
        let [line] = &told(0o644)[..] else { panic!("one fault") };
        assert!(line.starts_with("agent.toml:7: `notify.slack.url_file`: "), "{line}");
        assert!(
            line.contains("mode 0644, owner ") && line.ends_with(&format!("`chmod o= {}`", file.display())),
            "{line}"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let told = faults(&[shown("proxy.db.clients.tls.key", Path::new("/no/such/key"))]);
        assert_eq!(told, ["agent.toml:7: `proxy.db.clients.tls.key`: /no/such/key does not exist"]);
    }
}
