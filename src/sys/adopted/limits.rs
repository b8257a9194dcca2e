//! The limits on descriptors, from the text of `/proc/PID/limits`.
//!
//! Anybody may read that file, but all of it is written anew for each reader: 5 to 9 µs. `prlimit` asks for the same
//! user or a privilege, and costs one.

use crate::sys::read_error::ReadError;

/// Limits on the number of descriptors (`RLIMIT_NOFILE`); [`u64::MAX`] where unlimited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NofileLimits {
    /// What the kernel enforces.
    pub soft: u64,
    /// How far the process may raise it itself.
    pub hard: u64,
}

impl NofileLimits {
    /// Reads the row `Max open files`.
    pub fn parse(text: &[u8]) -> Result<Self, ReadError> {
        const ROW: &[u8] = b"Max open files";
        let row = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(ROW));
        let mut words =
            row.unwrap_or_default().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut limit = || match words.next()? {
            b"unlimited" => Some(u64::MAX),
            digits => std::str::from_utf8(digits).ok()?.parse().ok(),
        };
        let soft = limit();
        soft.zip(limit())
            .map(|(soft, hard)| Self { soft, hard })
            .ok_or(ReadError::Malformed { what: "limits" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 524288               files     
Max locked memory         8388608              8388608              bytes     
";

    #[test]
    fn the_row_of_open_files_is_found() {
        let limits = NofileLimits::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(limits, NofileLimits { soft: 1024, hard: 524_288 });
        let unlimited = b"Max open files            4096                 unlimited            files\n";
        assert_eq!(NofileLimits::parse(unlimited).unwrap().hard, u64::MAX);
    }

    #[test]
    fn a_missing_or_cut_row_is_malformed() {
        for text in ["", "Max cpu time 1 1 s\n", "Max open files   1024", "Max open files  x  y files"] {
            assert!(
                matches!(NofileLimits::parse(text.as_bytes()), Err(ReadError::Malformed { .. })),
                "{text}"
            );
        }
    }
}
