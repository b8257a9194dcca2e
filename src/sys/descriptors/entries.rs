//! The records that getdents64 leaves in a buffer.

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// The name as a number; `None` for `.` and `..`.
    pub(super) number: Option<u32>,
    /// Where the walk goes on after this record.
    pub(super) next: i64,
}

/// Walks over the records; stops at the first that does not fit.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    // linux_dirent64: inode u64, offset i64, length u16, type u8, name.
    fn split(&mut self) -> Option<Entry> {
        let next = i64::from_ne_bytes(self.rest.get(8..16)?.try_into().ok()?);
        let length = usize::from(u16::from_ne_bytes(self.rest.get(16..18)?.try_into().ok()?));
        let name = self.rest.get(19..length)?;
        let name = name.split(|byte| *byte == 0).next()?;
        let number = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
        self.rest = self.rest.get(length..)?;
        Some(Entry { number, next })
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.split()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(offset: i64, name: &str) -> Vec<u8> {
        let length = (19 + name.len() + 1).next_multiple_of(8);
        let mut bytes = 7u64.to_ne_bytes().to_vec();
        bytes.extend(offset.to_ne_bytes());
        bytes.extend(u16::try_from(length).unwrap().to_ne_bytes());
        bytes.push(10);
        bytes.extend(name.bytes());
        bytes.resize(length, 0);
        bytes
    }

    #[test]
    fn records_are_told_apart() {
        let bytes = [record(1, "."), record(2, ".."), record(3, "0"), record(100_003, "100000")].concat();
        let numbers: Vec<_> = Entries::new(&bytes).map(|entry| (entry.number, entry.next)).collect();
        assert_eq!(numbers, [(None, 1), (None, 2), (Some(0), 3), (Some(100_000), 100_003)]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_run_on(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Entries::new(&bytes).count() <= bytes.len() / 19 + 1);
        }
    }
}
