//! What the link of a descriptor says.
//!
//! The text tells sockets, pipes and anonymous objects for certain. A path tells less: devices are known by
//! `/dev`, directories by the flags they were opened with, and all else counts as a file, a named FIFO too.
//! A file whose name really ends in ` (deleted)` can't be told from a deleted one.

use crate::model::kind::Kind;

/// What a descriptor refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// A socket of that inode.
    Socket(u64),
    /// A pipe of that inode.
    Pipe(u64),
    /// An object without a name.
    Anonymous(Kind),
    /// A directory.
    Directory {
        /// Whether it has been removed.
        deleted: bool,
    },
    /// A file or device.
    Path {
        /// Whether it is a device.
        device: bool,
        /// Whether it has been removed.
        deleted: bool,
    },
}

impl Link {
    /// Reads the text of a link. A directory is still a [`Link::Path`] here.
    pub fn parse(text: &[u8]) -> Self {
        if let Some(inode) = bracketed(text, b"socket:[") {
            return Self::Socket(inode);
        }
        if let Some(inode) = bracketed(text, b"pipe:[") {
            return Self::Pipe(inode);
        }
        if let Some(name) = text.strip_prefix(b"anon_inode:") {
            return Self::Anonymous(anonymous(name));
        }
        if bracketed(text, b"pidfd:[").is_some() {
            return Self::Anonymous(Kind::Pidfd);
        }
        if text.starts_with(b"/memfd:") {
            return Self::Anonymous(Kind::Memfd);
        }
        if !text.starts_with(b"/") && !text.starts_with(b"(unreachable)") {
            return Self::Anonymous(Kind::Other); // mnt:[..], net:[..], mqueue and the like
        }
        Self::Path { device: is_device(text), deleted: text.ends_with(b" (deleted)") }
    }

    /// Its kind.
    pub fn kind(self) -> Kind {
        match self {
            Self::Socket(_) => Kind::Socket,
            Self::Pipe(_) => Kind::Pipe,
            Self::Anonymous(kind) => kind,
            Self::Directory { .. } => Kind::Directory,
            Self::Path { device: true, .. } => Kind::Device,
            Self::Path { device: false, .. } => Kind::File,
        }
    }

    /// Its inode, for sockets and pipes.
    pub fn inode(self) -> Option<u64> {
        match self {
            Self::Socket(inode) | Self::Pipe(inode) => Some(inode),
            Self::Anonymous(_) | Self::Directory { .. } | Self::Path { .. } => None,
        }
    }

    /// Whether it has a path.
    pub fn is_path(self) -> bool {
        match self {
            Self::Directory { .. } | Self::Path { .. } => true,
            Self::Socket(_) | Self::Pipe(_) | Self::Anonymous(_) => false,
        }
    }

    /// Whether it is a path that has been removed.
    pub fn is_deleted(self) -> bool {
        match self {
            Self::Directory { deleted } | Self::Path { deleted, .. } => deleted,
            Self::Socket(_) | Self::Pipe(_) | Self::Anonymous(_) => false,
        }
    }
}

/// Whether the flags in a `fdinfo` are of a directory: `O_DIRECTORY` alone, since `O_TMPFILE` holds that bit too.
pub(super) fn has_directory_flag(info: &[u8]) -> bool {
    let flags = info.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"flags:"));
    let digits = flags.and_then(|digits| std::str::from_utf8(digits).ok()).map(str::trim);
    let flags = digits.and_then(|digits| i32::from_str_radix(digits, 8).ok());
    flags.is_some_and(|flags| flags & nix::libc::O_TMPFILE == nix::libc::O_DIRECTORY)
}

fn bracketed(text: &[u8], prefix: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(prefix)?.strip_suffix(b"]")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn anonymous(name: &[u8]) -> Kind {
    match name {
        b"[eventpoll]" => Kind::Epoll,
        b"[eventfd]" => Kind::Eventfd,
        b"[timerfd]" => Kind::Timerfd,
        b"[signalfd]" => Kind::Signalfd,
        b"inotify" | b"[fanotify]" => Kind::Inotify,
        b"[pidfd]" => Kind::Pidfd,
        b"[io_uring]" => Kind::IoUring,
        name if name.starts_with(b"bpf") || name.starts_with(b"[bpf") || name.starts_with(b"btf") => {
            Kind::Bpf
        }
        _ => Kind::Other,
    }
}

/// Below `/dev`, but not one of the filesystems of memory files that are mounted there.
fn is_device(path: &[u8]) -> bool {
    let files: [&[u8]; 3] = [b"/dev/shm/", b"/dev/mqueue/", b"/dev/hugepages/"];
    path.starts_with(b"/dev/") && !files.iter().any(|mount| path.starts_with(mount))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wording_of_the_kernel_has_its_kind() {
        let rows: [(&str, Kind, Option<u64>, bool); 22] = [
            ("socket:[4242]", Kind::Socket, Some(4242), false),
            ("pipe:[7]", Kind::Pipe, Some(7), false),
            ("anon_inode:[eventpoll]", Kind::Epoll, None, false),
            ("anon_inode:[eventfd]", Kind::Eventfd, None, false),
            ("anon_inode:[timerfd]", Kind::Timerfd, None, false),
            ("anon_inode:[signalfd]", Kind::Signalfd, None, false),
            ("anon_inode:inotify", Kind::Inotify, None, false),
            ("anon_inode:[fanotify]", Kind::Inotify, None, false),
            ("anon_inode:[pidfd]", Kind::Pidfd, None, false),
            ("pidfd:[3721]", Kind::Pidfd, None, false),
            ("anon_inode:[io_uring]", Kind::IoUring, None, false),
            ("anon_inode:bpf-map", Kind::Bpf, None, false),
            ("anon_inode:bpf_link", Kind::Bpf, None, false),
            ("anon_inode:[perf_event]", Kind::Other, None, false),
            ("net:[4026531840]", Kind::Other, None, false),
            ("/memfd:ring (deleted)", Kind::Memfd, None, false),
            ("/dev/null", Kind::Device, None, false),
            ("/dev/pts/3", Kind::Device, None, false),
            ("/dev/shm/feed", Kind::File, None, false),
            ("/var/log/bot.log", Kind::File, None, false),
            ("/tmp/x (deleted)", Kind::File, None, true),
            ("(unreachable)/etc/passwd", Kind::File, None, false),
        ];
        for (text, kind, inode, deleted) in rows {
            let link = Link::parse(text.as_bytes());
            assert_eq!((link.kind(), link.inode(), link.is_deleted()), (kind, inode, deleted), "{text}");
        }
    }

    #[test]
    fn nearly_a_socket_is_not_one() {
        for text in ["socket:[", "socket:[]", "socket:[x]", "socket:[1", "socket:[99999999999999999999]", ""]
        {
            assert_eq!(Link::parse(text.as_bytes()).kind(), Kind::Other, "{text}");
        }
    }

    #[test]
    fn a_directory_is_known_by_its_flags() {
        let directory =
            format!("pos:\t0\nflags:\t0{:o}\nmnt_id:\t30\n", nix::libc::O_DIRECTORY | 0o2_000_000);
        assert!(has_directory_flag(directory.as_bytes()));
        assert!(!has_directory_flag(b"pos:\t0\nflags:\t0100000\n"));
        assert!(!has_directory_flag(b"flags:\tnonsense\n"));
        let unnamed = format!("flags:\t0{:o}\n", nix::libc::O_TMPFILE | nix::libc::O_RDWR);
        assert!(!has_directory_flag(unnamed.as_bytes()), "a temporary file without a name");
    }
}
