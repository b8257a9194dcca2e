//! Files with secrets: read only where nobody else can read them, and again when they change.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The permission that nobody but owner and group may have.
const OTHERS: u32 = 0o007;
/// The longest password: tokens of clouds have some kilobytes.
const PASSWORD_MAX: u64 = 16 << 10;

/// Why a file with secrets is not used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It can't be read.
    #[error("{} can't be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Everybody can read it.
    #[error("{} can be read by others: chmod o= it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It is longer than any such file.
    #[error("{} is longer than {most} bytes", path.display())]
    Long {
        /// The file.
        path: PathBuf,
        /// The bound.
        most: u64,
    },
}

/// Which content a file has: a change shows here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp(u64, u64, u64, i64, i64);

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self(file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec())
    }

    /// Of the file that is there now.
    pub fn now(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|file| Self::of(&file))
    }
}

/// Reads a file of at most `most` bytes that others can't read.
pub fn read(path: &Path, most: u64) -> Result<(Vec<u8>, Stamp), SecretError> {
    let failed = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_file() && about.mode() & OTHERS != 0 {
        return Err(SecretError::Open { path: path.to_owned() });
    }
    let mut content = Vec::new();
    file.take(most + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > most {
        return Err(SecretError::Long { path: path.to_owned(), most });
    }
    Ok((content, Stamp::of(&about)))
}

/// A password: the file's content without one end of line.
pub fn read_password(path: &Path) -> Result<Vec<u8>, SecretError> {
    let (mut content, _) = read(path, PASSWORD_MAX)?;
    if content.ends_with(b"\n") {
        content.pop();
        if content.ends_with(b"\r") {
            content.pop();
        }
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(content: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_password_is_the_line() {
        for (content, password) in [("a b", "a b"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("", "")]
        {
            let (_folder, path) = file(content, 0o640);
            assert_eq!(read_password(&path).unwrap(), password.as_bytes());
        }
    }

    #[test]
    fn what_others_can_read_or_is_too_long_is_not_used() {
        let (_folder, path) = file("secret", 0o644);
        assert!(matches!(read(&path, 100), Err(SecretError::Open { .. })));
        let (_folder, path) = file("secret", 0o600);
        assert!(matches!(read(&path, 5), Err(SecretError::Long { .. })));
        assert!(matches!(read(&path.join("x"), 5), Err(SecretError::Unreadable { .. })));
    }
}
