//! Values that are never shown.

use std::fmt;

/// A secret. Its content comes out of [`reveal`](Self::reveal) alone: no Display, no Serialize, and Debug
/// says only that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Takes a secret in.
    pub fn new(content: &str) -> Self {
        Self(content.into())
    }

    /// The content, to use and not to show.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some((hidden))");
    }
}
