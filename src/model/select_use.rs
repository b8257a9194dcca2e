//! Whether a bot may use select(), which breaks on descriptors past 1023.

/// What the operator says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SelectUse {
    /// Nothing: it is looked for.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It does not.
    No,
}

impl SelectUse {
    /// Every value with its word in the agent's file.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("yes", Self::Yes), ("no", Self::No)];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Yes => "yes",
            Self::No => "no",
        }
    }
}
