//! Which of those that came one after the other something is.

/// A socket or a poll, among all of its stream. What comes of an old one is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Generation(u64);

impl Generation {
    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}
