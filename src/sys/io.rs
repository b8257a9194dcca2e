//! What a process has read and written, from `/proc/PID/io`. Asks for the right to trace it.

use procfs::FromRead as _;

use crate::sys::adopted::Adopted;
use crate::sys::read_error::ReadError;

const WHAT: &str = "io";
/// The file has seven short rows.
const ROOM: usize = 1024;

/// Bytes so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Io {
    /// Read by system calls, from files, pipes and sockets alike.
    pub read: u64,
    /// Written by system calls.
    pub written: u64,
    /// Fetched from storage.
    pub read_storage: u64,
    /// Sent to storage.
    pub written_storage: u64,
}

impl Io {
    /// Reads it; opened anew each time, since the right is checked at each read anyway.
    pub fn read(process: &Adopted) -> Result<Self, ReadError> {
        Self::parse(&process.bytes(WHAT, ROOM)?)
    }

    /// Reads the text.
    pub fn parse(text: &[u8]) -> Result<Self, ReadError> {
        let io = procfs::process::Io::from_read(text).map_err(|_| ReadError::Malformed { what: WHAT })?;
        Ok(Self {
            read: io.rchar,
            written: io.wchar,
            read_storage: io.read_bytes,
            written_storage: io.write_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::victim::Victim;

    #[test]
    fn bytes_written_are_seen() {
        let mut victim = Victim::python("import sys\nfor line in sys.stdin: print(line.strip(), flush=True)");
        victim.ask("warm");
        let adopted = victim.adopt();
        let before = Io::read(&adopted).unwrap();
        assert_eq!(victim.ask(&"x".repeat(5000)).len(), 5000);
        let after = Io::read(&adopted).unwrap();
        assert_eq!(after.written - before.written, 5001);
        assert!(after.read - before.read >= 5001);
        victim.end();
        assert!(matches!(Io::read(&adopted), Err(ReadError::Gone)));
    }

    #[test]
    fn a_missing_row_is_malformed() {
        assert!(Io::parse(b"rchar: 1\nwchar: 2\nread_bytes: 3\n").is_err());
        let text = b"rchar: 1\nwchar: 2\nsyscr: 9\nsyscw: 8\nread_bytes: 3\nwrite_bytes: 4\ncancelled_write_bytes: 0\n";
        assert_eq!(Io::parse(text).unwrap(), Io { read: 1, written: 2, read_storage: 3, written_storage: 4 });
    }
}
