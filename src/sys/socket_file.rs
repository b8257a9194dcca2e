//! The file of a listening unix socket: one that is left over gives way, nothing else does, and at the end only our own goes.

use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

/// Whoever reaches the folder may connect: who is let in is decided by the kernel's word on the peer.
pub const MODE: u32 = 0o666;

/// Removed with its socket, unless somebody else's file is in its place by then.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens there, without blocking. The file of a socket on which nobody listens any more gives way; where somebody does, and
    /// where there is something else, the error is [`io::ErrorKind::AddrInUse`].
    pub fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        let bound = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && !is_socket(path) => {
                Err(io::Error::new(io::ErrorKind::AddrInUse, "what is there is no socket, and is left alone"))
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            bound => bound,
        };
        let listener = bound?;
        let file = Self { path: path.to_owned(), identity: identity(path)? };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        listener.set_nonblocking(true)?;
        Ok((listener, file))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // Where it can't be removed the next one finds that nobody answers.
            let _left = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether there is a socket, and not a link to one.
pub fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Whether nobody listens any more. One that has no room for another client does, and is not waited for.
fn is_stale(path: &Path) -> bool {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let Ok(asks) = socket(AddressFamily::Unix, SockType::Stream, flags, None) else { return false };
    let Ok(address) = UnixAddr::new(path) else { return false };
    connect(asks.as_raw_fd(), &address) == Err(Errno::ECONNREFUSED)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use nix::sys::socket::{Backlog, listen};

    use super::*;

    fn refused(path: &Path) -> String {
        let error = SocketFile::bind(path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        error.to_string()
    }

    #[test]
    fn a_stale_file_gives_way_and_a_live_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        drop(UnixListener::bind(&path).unwrap());
        let (listener, file) = SocketFile::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        refused(&path);
        drop(listener);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("socket"), folder.path().join("link"));
        std::fs::write(&path, "somebody's").unwrap();
        assert!(refused(&path).contains("no socket"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(refused(&link).contains("no socket"));
        assert!(link.is_symlink());
    }

    #[test]
    fn one_that_is_busy_is_not_stale() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let busy = UnixListener::bind(&path).unwrap();
        listen(&busy, Backlog::new(0).unwrap()).unwrap();
        let _waits = UnixStream::connect(&path).unwrap();
        refused(&path);
        assert!(path.exists());
    }

    #[test]
    fn a_file_in_the_place_of_ours_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (_listener, file) = SocketFile::bind(&path).unwrap();
        std::fs::rename(&path, folder.path().join("aside")).unwrap();
        std::fs::write(&path, "somebody's").unwrap();
        drop(file);
        assert!(path.exists());
    }
}
