//! Names that are right by construction.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest name.
pub const NAME_MAX: usize = 64;

/// Why a text is not a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("a name can't be empty")]
    Empty,
    /// Over [`NAME_MAX`] characters.
    #[error("a name has at most {NAME_MAX} characters")]
    TooLong,
    /// A character outside the set.
    #[error("a name starts with a letter or digit and holds letters, digits, `-`, `_` and `.`, not `{0}`")]
    Character(char),
}

/// A name given by an operator: of a target, policy, ladder, tier, pool, stream, hook, probe, receiver.
///
/// Holds ASCII letters, digits, `-`, `_`, `.`; starts with a letter or digit; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let first = text.chars().next().ok_or(NameError::Empty)?;
        if !first.is_ascii_alphanumeric() {
            return Err(NameError::Character(first));
        }
        if text.len() > NAME_MAX {
            return Err(NameError::TooLong);
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match text.chars().find(|c| !fits(*c)) {
            Some(c) => Err(NameError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A remote end as an operator writes it: `host:port`, `1.2.3.4:5432`, `[::1]:5432`, or `host:*` for any port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Remote(Arc<str>);

/// Why a text is not a remote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RemoteError {
    /// No colon before a port.
    #[error("a remote is written `host:port`, `[v6]:port` or `host:*`")]
    NoPort,
    /// The port is not a number or `*`.
    #[error("the port of a remote is a number from 1 to 65535, or `*`")]
    Port,
    /// The host part is empty or has a character no host has.
    #[error("the host of a remote is a name or an address")]
    Host,
}

impl Remote {
    /// Parses a remote.
    pub fn parse(text: &str) -> Result<Self, RemoteError> {
        let (host, port) = text.rsplit_once(':').ok_or(RemoteError::NoPort)?;
        if port != "*" && port.parse::<u16>().map_or(true, |port| port == 0) {
            return Err(RemoteError::Port);
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let host_fits = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            }
        };
        if host_fits { Ok(Self(text.into())) } else { Err(RemoteError::Host) }
    }

    /// The remote as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        let host = self.0.rsplit_once(':').map_or(self.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, `None` for any.
    pub fn port(&self) -> Option<u16> {
        self.0.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
    }
}

impl From<std::net::SocketAddr> for Remote {
    fn from(address: std::net::SocketAddr) -> Self {
        Self(address.to_string().into())
    }
}

impl TryFrom<String> for Remote {
    type Error = RemoteError;

    fn try_from(text: String) -> Result<Self, RemoteError> {
        Self::parse(&text)
    }
}

impl From<Remote> for String {
    fn from(remote: Remote) -> Self {
        remote.0.as_ref().to_owned()
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_what_they_may() {
        assert!(Name::parse("orders-db.2").is_ok());
        assert_eq!(Name::parse(""), Err(NameError::Empty));
        assert_eq!(Name::parse("-x"), Err(NameError::Character('-')));
        assert_eq!(Name::parse("a b"), Err(NameError::Character(' ')));
        assert_eq!(Name::parse(&"a".repeat(65)), Err(NameError::TooLong));
    }

    #[test]
    fn remotes_keep_host_and_port() {
        let remote = Remote::parse("[::1]:5432").unwrap();
        assert_eq!((remote.host(), remote.port()), ("::1", Some(5432)));
        let any = Remote::parse("db.internal:*").unwrap();
        assert_eq!((any.host(), any.port()), ("db.internal", None));
        assert_eq!(Remote::parse("db"), Err(RemoteError::NoPort));
        assert_eq!(Remote::parse("db:0"), Err(RemoteError::Port));
        assert_eq!(Remote::parse(":80"), Err(RemoteError::Host));
    }
}
