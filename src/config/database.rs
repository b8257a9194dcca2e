//! The address of a database in PostgreSQL, without its password.

use std::fmt;

/// Schemes that clients of PostgreSQL know.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// Parameters that may stand behind the `?`: TLS, and the folder of a unix socket.
const PARAMETERS: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "host"];
/// Words of `sslmode`.
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// A database by its address, `postgres://user@host:5432/name?sslmode=verify-full`; right by construction, and never with a
/// password in it, so that it may be shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Database(Box<str>);

/// Why a text is no such address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Another scheme, or none.
    #[error("the address of a database starts with `postgres://`")]
    Scheme,
    /// No user before an `@`.
    #[error("the address of a database names its user: `postgres://user@host/database`")]
    User,
    /// `user:password@`.
    #[error("the address of a database holds no password; put it into a file of its own")]
    Password,
    /// No name of a database behind the host.
    #[error("the address of a database ends with its name: `postgres://user@host/database`")]
    Name,
    /// Neither a host nor the folder of a socket.
    #[error(
        "the address of a database names a host, or the folder of a socket: `postgres://user@/database?host=/run/postgresql`"
    )]
    Host,
    /// Not a port.
    #[error("the port of a database is a number from 1 to 65535")]
    Port,
    /// A blank, a control or non-ASCII character.
    #[error("the address of a database holds no blanks and only ASCII characters")]
    Character,
    /// A parameter that is not served.
    #[error("parameters of a database are sslmode, sslrootcert, sslcert, sslkey and host")]
    Parameter,
    /// Another word.
    #[error("sslmode is disable, allow, prefer, require, verify-ca or verify-full")]
    Mode,
}

impl Database {
    /// Whether a text is meant as one, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("postgres")
    }

    /// Parses an address.
    pub fn parse(text: &str) -> Result<Self, DatabaseError> {
        let rest =
            SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).ok_or(DatabaseError::Scheme)?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(DatabaseError::Character);
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, place) = place.rsplit_once('@').ok_or(DatabaseError::User)?;
        match user {
            "" => return Err(DatabaseError::User),
            user if user.contains(':') => return Err(DatabaseError::Password),
            user if user.contains('/') => return Err(DatabaseError::Character),
            _ => {}
        }
        let (host, name) = place.split_once('/').ok_or(DatabaseError::Name)?;
        if name.is_empty() || name.contains('/') {
            return Err(DatabaseError::Name);
        }
        let socket = parameters(query)?;
        if host.is_empty() && !socket {
            return Err(DatabaseError::Host);
        }
        match host.rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => {
                port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(DatabaseError::Port)?;
            }
            Some(_) | None => {}
        }
        Ok(Self(text.into()))
    }

    /// The address as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Looks at what stands behind the `?`; says whether a socket's folder is named.
fn parameters(query: &str) -> Result<bool, DatabaseError> {
    let mut socket = false;
    for word in query.split('&').filter(|word| !word.is_empty()) {
        let (key, value) = word.split_once('=').ok_or(DatabaseError::Parameter)?;
        match key {
            "host" if !value.starts_with('/') && !value.starts_with("%2F") => {
                return Err(DatabaseError::Host);
            }
            "host" => socket = true,
            "sslmode" if !MODES.contains(&value) => return Err(DatabaseError::Mode),
            key if PARAMETERS.contains(&key) => {}
            _ => return Err(DatabaseError::Parameter),
        }
    }
    Ok(socket)
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_user_host_and_database() {
        for text in [
            "postgres://fdguard@db.lan/history",
            "postgresql://fdguard@db.lan:5433/history?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "postgres://fdguard@[::1]:5432/history",
            "postgres://fdguard@[::1]/history",
            "postgres://fdguard@/history?host=/run/postgresql",
        ] {
            assert_eq!(Database::parse(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_wrong_is_told_and_a_password_is_refused() {
        for (text, error) in [
            ("mysql://a@b/c", DatabaseError::Scheme),
            ("postgres:a@b/c", DatabaseError::Scheme),
            ("postgres://a b@c/d", DatabaseError::Character),
            ("postgres://b/c", DatabaseError::User),
            ("postgres://@b/c", DatabaseError::User),
            ("postgres://a:s3cret@b/c", DatabaseError::Password),
            ("postgres://a:s3@cret@b/c", DatabaseError::Password),
            ("postgres://a@b", DatabaseError::Name),
            ("postgres://a@b/", DatabaseError::Name),
            ("postgres://a@/c", DatabaseError::Host),
            ("postgres://a@/c?host=b", DatabaseError::Host),
            ("postgres://a@b:0/c", DatabaseError::Port),
            ("postgres://a@b:x/c", DatabaseError::Port),
            ("postgres://a@b/c?password=s3cret", DatabaseError::Parameter),
            ("postgres://a@b/c?sslmode", DatabaseError::Parameter),
            ("postgres://a@b/c?sslmode=on", DatabaseError::Mode),
        ] {
            assert_eq!(Database::parse(text), Err(error), "{text}");
        }
    }
}
