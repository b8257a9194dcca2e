//! Who has told the agent to do something.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What a token lets its bearer do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Read,
    /// Look and command.
    Write,
}

impl Role {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// One who asks, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Asker {
    /// A user of this machine: the kernel says so.
    User {
        /// Its number.
        uid: u32,
    },
    /// Whoever has a token.
    Token {
        /// Which token.
        token: Role,
        /// The other end of its connection.
        from: SocketAddr,
    },
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { uid } => write!(f, "uid {uid}"),
            Self::Token { token, from } => write!(f, "by the {} token, from {from}", token.name()),
        }
    }
}
