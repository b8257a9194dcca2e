//! Why something about a process could not be read.

use std::io;

use nix::errno::Errno;

use crate::model::reading::Gap;

/// Why a source about a process said nothing.
///
/// Kept procfs descriptors answer `ESRCH` once their process is gone, even where its number belongs to
/// another by then; that is [`ReadError::Gone`].
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The process has ended.
    #[error("the process has ended")]
    Gone,
    /// The kernel refused.
    #[error("not permitted to read {what}")]
    Denied {
        /// What was read.
        what: &'static str,
    },
    /// This kernel has no such source.
    #[error("this kernel does not offer {what}")]
    Unsupported {
        /// What was read.
        what: &'static str,
    },
    /// The source did not answer in time.
    #[error("{what} did not answer in time")]
    Late {
        /// What was read.
        what: &'static str,
    },
    /// The agent is out of descriptors or memory.
    #[error("the agent has no room to read {what}")]
    NoRoom {
        /// What was read.
        what: &'static str,
    },
    /// The source answered with something that can't be understood.
    #[error("{what} is malformed")]
    Malformed {
        /// What was read.
        what: &'static str,
    },
    /// Anything else.
    #[error("could not read {what}")]
    Failed {
        /// What was read.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl ReadError {
    /// The reason as an observation keeps it.
    pub fn gap(&self) -> Gap {
        match self {
            Self::Gone => Gap::Gone,
            Self::Denied { .. } => Gap::NotPermitted,
            Self::Unsupported { .. } => Gap::NotSupported,
            Self::Late { .. } => Gap::Late,
            Self::NoRoom { .. } => Gap::NoRoom,
            Self::Malformed { .. } | Self::Failed { .. } => Gap::Failed,
        }
    }

    /// Names the error of a read that went through a kept descriptor of the process.
    pub(super) fn of_process(what: &'static str, errno: Errno) -> Self {
        match errno {
            Errno::ESRCH => Self::Gone,
            errno => Self::of_host(what, errno),
        }
    }

    /// Names the error of a read that is not about one process.
    pub(super) fn of_host(what: &'static str, errno: Errno) -> Self {
        match errno {
            Errno::EACCES | Errno::EPERM => Self::Denied { what },
            Errno::ENOENT
            | Errno::EOPNOTSUPP
            | Errno::EPROTONOSUPPORT
            | Errno::ENOSYS
            | Errno::EAFNOSUPPORT => Self::Unsupported { what },
            Errno::EAGAIN | Errno::ETIMEDOUT => Self::Late { what },
            Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS => Self::NoRoom { what },
            errno => Self::Failed { what, source: errno.into() },
        }
    }

    /// The same for an error of the standard library.
    pub(super) fn of_io(what: &'static str, error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(number) => Self::of_host(what, Errno::from_raw(number)),
            None => Self::Failed { what, source: error },
        }
    }
}

impl From<ReadError> for Gap {
    fn from(error: ReadError) -> Self {
        error.gap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_becomes_a_reason() {
        let gap = |errno| ReadError::of_process("x", errno).gap();
        assert_eq!(gap(Errno::ESRCH), Gap::Gone);
        assert_eq!(gap(Errno::EACCES), Gap::NotPermitted);
        assert_eq!(gap(Errno::EMFILE), Gap::NoRoom);
        assert_eq!(gap(Errno::ENOENT), Gap::NotSupported);
        assert_eq!(gap(Errno::EIO), Gap::Failed);
        assert_eq!(ReadError::of_host("x", Errno::EAGAIN).gap(), Gap::Late);
    }
}
