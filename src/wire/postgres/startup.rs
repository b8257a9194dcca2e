//! The first packet of a connection, which has no tag: a session's start, a request to encrypt, or a request
//! to cancel. Read as the server reads it, with the server's bounds and words.

use super::fields::{Fields, put_string, put_u32, sized};
use super::sqlstate::SqlState;

/// The longest packet, its length field excluded: the server's own bound.
pub const PACKET_MAX: u32 = 10_000;

/// The longest key of a cancel request, from protocol 3.2 on; before it was [`CANCEL_KEY_OLD`].
pub const CANCEL_KEY_MAX: usize = 256;

/// Bytes of a cancel key in protocol 3.0.
pub const CANCEL_KEY_OLD: usize = 4;

/// The newest minor version that is spoken here.
pub const MINOR_NEWEST: u16 = 2;

/// The first byte of a TLS handshake, which a client may send without asking before.
const TLS_HANDSHAKE: u8 = 0x16;

const MAJOR: u16 = 3;
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSSENC: u32 = 80_877_104;

/// Parameters with this prefix are options of the protocol itself. None is defined.
const PROTOCOL_OPTION: &[u8] = b"_pq_.";

/// A version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// 3 in everything since 2003.
    pub major: u16,
    /// 0 until PostgreSQL 17, 2 from 18 on.
    pub minor: u16,
}

impl Version {
    /// What every server speaks.
    pub const V3_0: Self = Self { major: MAJOR, minor: 0 };
    /// Cancel keys of any length.
    pub const V3_2: Self = Self { major: MAJOR, minor: 2 };

    /// As sent.
    pub fn code(self) -> u32 {
        u32::from(self.major) << 16 | u32::from(self.minor)
    }

    /// From what was sent.
    pub fn from_code(code: u32) -> Self {
        let [a, b, c, d] = code.to_be_bytes();
        Self { major: u16::from_be_bytes([a, b]), minor: u16::from_be_bytes([c, d]) }
    }
}

/// Why a first packet is refused; the words are the server's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartupError {
    /// Too short for a version, or over [`PACKET_MAX`].
    #[error("invalid length of startup packet")]
    Length,
    /// Not protocol 3.
    #[error("unsupported frontend protocol {}.{}: server supports 3.0 to 3.{MINOR_NEWEST}", .0.major, .0.minor)]
    Version(Version),
    /// Names and values don't pair up, or the end is not at the end.
    #[error("invalid startup packet layout: expected terminator as last byte")]
    Layout,
    /// Nobody named.
    #[error("no PostgreSQL user name specified in startup packet")]
    NoUser,
    /// No key, or one over [`CANCEL_KEY_MAX`].
    #[error("invalid length of cancel key in cancel request packet")]
    CancelKey,
}

impl StartupError {
    /// What the client is told.
    pub fn state(self) -> SqlState {
        match self {
            Self::Length | Self::Layout | Self::CancelKey => SqlState::ProtocolViolation,
            Self::Version(_) => SqlState::FeatureNotSupported,
            Self::NoUser => SqlState::InvalidAuthorization,
        }
    }

    /// Whether the client may be told: the server stays silent to what is not a PostgreSQL client at all and
    /// to cancel requests.
    pub fn is_told(self) -> bool {
        match self {
            Self::Length | Self::CancelKey => false,
            Self::Version(_) | Self::Layout | Self::NoUser => true,
        }
    }
}

/// What a connection opens with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First<'p> {
    /// A session.
    Startup(Startup<'p>),
    /// Asks for TLS: the answer is one byte, `S` or `N`. Nothing may follow the request before the answer.
    Ssl,
    /// Asks for GSSAPI encryption: the answer is `G` or `N`, and nothing may follow before it.
    GssEnc,
    /// Asks to cancel what the session with this key does. No answer.
    Cancel {
        /// The process as told by BackendKeyData.
        pid: u32,
        /// The key as told by BackendKeyData.
        key: &'p [u8],
    },
    /// A TLS handshake right away; its bytes are left unread.
    DirectTls,
}

/// Reads the first packet of `bytes` and tells how many bytes it has; `None` where more must come.
pub fn first(bytes: &[u8]) -> Result<Option<(First<'_>, usize)>, StartupError> {
    if bytes.first() == Some(&TLS_HANDSHAKE) {
        return Ok(Some((First::DirectTls, 0)));
    }
    let Some(length) = bytes.first_chunk() else { return Ok(None) };
    let length = u32::from_be_bytes(*length);
    if !(8..=PACKET_MAX + 4).contains(&length) {
        return Err(StartupError::Length);
    }
    let length = length as usize;
    match bytes.get(4..length) {
        Some(packet) => parse(packet).map(|first| Some((first, length))),
        None => Ok(None),
    }
}

fn parse(packet: &[u8]) -> Result<First<'_>, StartupError> {
    let mut fields = Fields::new(packet);
    let code = fields.u32("version").map_err(|_| StartupError::Length)?;
    match code {
        SSL if fields.end().is_ok() => Ok(First::Ssl),
        GSSENC if fields.end().is_ok() => Ok(First::GssEnc),
        SSL | GSSENC => Err(StartupError::Length),
        CANCEL => {
            let pid = fields.u32("process").map_err(|_| StartupError::Length)?;
            let key = fields.rest();
            let fits = (1..=CANCEL_KEY_MAX).contains(&key.len());
            if fits { Ok(First::Cancel { pid, key }) } else { Err(StartupError::CancelKey) }
        }
        _ => Startup::parse(Version::from_code(code), fields.rest()).map(First::Startup),
    }
}

/// A client's wish for a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Startup<'p> {
    /// The version it would like.
    pub version: Version,
    /// Who it says it is; never empty.
    pub user: &'p [u8],
    pairs: &'p [u8],
}

impl<'p> Startup<'p> {
    fn parse(version: Version, body: &'p [u8]) -> Result<Self, StartupError> {
        if version.major != MAJOR {
            return Err(StartupError::Version(version));
        }
        let pairs = body.strip_suffix(&[0]).ok_or(StartupError::Layout)?;
        let mut read = Parameters(pairs);
        while read.next().is_some() {}
        if !read.0.is_empty() {
            return Err(StartupError::Layout);
        }
        let startup = Self { version, user: b"", pairs };
        match startup.get(b"user") {
            Some(user) if !user.is_empty() => Ok(Self { user, ..startup }),
            Some(_) | None => Err(StartupError::NoUser),
        }
    }

    /// All parameters as sent, protocol options included.
    pub fn parameters(&self) -> Parameters<'p> {
        Parameters(self.pairs)
    }

    /// A parameter; where it was given twice, the last, as the server does.
    pub fn get(&self, name: &[u8]) -> Option<&'p [u8]> {
        self.parameters().filter(|(own, _)| *own == name).last().map(|(_, value)| value)
    }

    /// The database: the user's name where none was given.
    pub fn database(&self) -> &'p [u8] {
        self.get(b"database").filter(|name| !name.is_empty()).unwrap_or(self.user)
    }

    /// The session settings: all parameters but those that say who, where and how.
    pub fn settings(&self) -> impl Iterator<Item = (&'p [u8], &'p [u8])> + use<'p> {
        let other = |name: &[u8]| {
            matches!(name, b"user" | b"database" | b"options" | b"replication")
                || name.starts_with(PROTOCOL_OPTION)
        };
        self.parameters().filter(move |(name, _)| !other(name))
    }

    /// What the answer must grant: the client's version or `newest` where that is older.
    pub fn granted(&self, newest: Version) -> Version {
        self.version.min(newest)
    }

    /// The protocol options that are not known here: all.
    pub fn protocol_options(&self) -> impl Iterator<Item = &'p [u8]> + Clone + use<'p> {
        self.parameters().map(|(name, _)| name).filter(|name| name.starts_with(PROTOCOL_OPTION))
    }

    /// Whether the client must be told by NegotiateProtocolVersion that it does not get what it asked for.
    pub fn must_negotiate(&self, newest: Version) -> bool {
        self.version > newest || self.protocol_options().next().is_some()
    }
}

/// Pairs of names and values.
#[derive(Clone, Debug)]
pub struct Parameters<'p>(&'p [u8]);

impl<'p> Iterator for Parameters<'p> {
    type Item = (&'p [u8], &'p [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut fields = Fields::new(self.0);
        let name = fields.string("name").ok().filter(|name| !name.bytes.is_empty())?;
        let value = fields.string("value").ok()?;
        self.0 = fields.rest();
        Some((name.bytes, value.bytes))
    }
}

/// Appends a startup packet.
pub fn write_startup<'p>(
    out: &mut Vec<u8>,
    version: Version,
    parameters: impl IntoIterator<Item = (&'p [u8], &'p [u8])>,
) {
    sized(out, |out| {
        put_u32(out, version.code());
        for (name, value) in parameters {
            put_string(out, name);
            put_string(out, value);
        }
        out.push(0);
    });
}

/// Appends a request for TLS.
pub fn write_ssl_request(out: &mut Vec<u8>) {
    sized(out, |out| put_u32(out, SSL));
}

/// Appends a request to cancel.
pub fn write_cancel(out: &mut Vec<u8>, pid: u32, key: &[u8]) {
    sized(out, |out| {
        put_u32(out, CANCEL);
        put_u32(out, pid);
        out.extend_from_slice(key);
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PSQL: &[u8] =
        b"\0\0\0\x4d\0\x03\0\0user\0bot\0database\0orders\0application_name\0psql\0client_encoding\0UTF8\0\0";

    fn startup(packet: &[u8]) -> Startup<'_> {
        match first(packet) {
            Ok(Some((First::Startup(startup), len))) if len == packet.len() => startup,
            other => panic!("{other:?}"),
        }
    }

    fn packet(version: Version, pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        write_startup(&mut out, version, pairs.iter().copied());
        out
    }

    #[test]
    fn a_session_is_read_as_psql_sends_it() {
        let wanted = startup(PSQL);
        assert_eq!((wanted.user, wanted.database()), (&b"bot"[..], &b"orders"[..]));
        assert_eq!(wanted.version, Version::V3_0);
        let settings: Vec<_> = wanted.settings().collect();
        assert_eq!(settings, [(&b"application_name"[..], &b"psql"[..]), (b"client_encoding", b"UTF8")]);
        assert_eq!(packet(Version::V3_0, &wanted.parameters().collect::<Vec<_>>()), PSQL);
        for cut in 0..PSQL.len() {
            assert_eq!(first(&PSQL[..cut]), Ok(None));
        }
    }

    #[test]
    fn requests_without_a_session() {
        let mut out = Vec::new();
        write_ssl_request(&mut out);
        assert_eq!(out, b"\0\0\0\x08\x04\xd2\x16\x2f");
        assert_eq!(first(&out), Ok(Some((First::Ssl, 8))));
        assert_eq!(first(b"\0\0\0\x08\x04\xd2\x16\x30"), Ok(Some((First::GssEnc, 8))));
        assert_eq!(first(b"\0\0\0\x09\x04\xd2\x16\x30x"), Err(StartupError::Length));
        assert_eq!(first(b"\x16\x03\x01"), Ok(Some((First::DirectTls, 0))));
        let mut out = Vec::new();
        write_cancel(&mut out, 77, b"key!");
        assert_eq!(out, b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x4dkey!");
        assert_eq!(first(&out), Ok(Some((First::Cancel { pid: 77, key: b"key!" }, 16))));
    }

    #[test]
    fn cancel_keys_have_1_to_256_bytes() {
        for (len, fits) in [(0, false), (1, true), (CANCEL_KEY_MAX, true), (CANCEL_KEY_MAX + 1, false)] {
            let mut out = Vec::new();
            write_cancel(&mut out, 1, &vec![b'k'; len]);
            assert_eq!(first(&out).is_ok(), fits, "{len}");
        }
        assert_eq!(first(b"\0\0\0\x0a\x04\xd2\x16\x2e\0\0"), Err(StartupError::Length));
    }

    #[test]
    fn what_is_not_the_protocol_is_refused() {
        assert_eq!(first(b"GET / HTTP/1.1\r\n"), Err(StartupError::Length));
        assert_eq!(first(b"\0\0\0\x07\0\x03\0"), Err(StartupError::Length));
        assert_eq!(first(b"\0\0\x27\x15"), Err(StartupError::Length));
        assert_eq!(first(b"\0\0\x27\x14"), Ok(None));
        let old = first(b"\0\0\0\x09\0\x02\0\0\0");
        assert_eq!(old, Err(StartupError::Version(Version { major: 2, minor: 0 })));
        assert_eq!(
            old.unwrap_err().to_string(),
            "unsupported frontend protocol 2.0: server supports 3.0 to 3.2"
        );
        assert_eq!(first(b"\0\0\0\x08\0\x03\0\0"), Err(StartupError::Layout));
        assert_eq!(first(b"\0\0\0\x0f\0\x03\0\0user\0x\0"), Err(StartupError::Layout));
        assert_eq!(first(b"\0\0\0\x0e\0\x03\0\0user\0\0"), Err(StartupError::Layout));
        assert_eq!(first(b"\0\0\0\x0f\0\x03\0\0user\0\0\0"), Err(StartupError::NoUser));
        assert_eq!(first(b"\0\0\0\x11\0\x03\0\0user\0b\0\0x"), Err(StartupError::Layout));
        assert_eq!(first(b"\0\0\0\x09\0\x03\0\0\0"), Err(StartupError::NoUser));
    }

    #[test]
    fn newer_wishes_are_negotiated() {
        let plain = packet(Version::V3_2, &[(b"user", b"bot")]);
        assert!(!startup(&plain).must_negotiate(Version::V3_2));
        assert!(startup(&plain).must_negotiate(Version::V3_0));
        let grease = Version { major: 3, minor: 9999 };
        let pairs: &[(&[u8], &[u8])] = &[(b"user", b"bot"), (b"_pq_.x", b""), (b"options", b"")];
        let newer = packet(grease, pairs);
        let newer = startup(&newer);
        assert_eq!(newer.granted(Version::V3_2), Version::V3_2);
        assert_eq!(newer.protocol_options().collect::<Vec<_>>(), [b"_pq_.x"]);
        assert_eq!(newer.settings().count(), 0);
        assert_eq!(newer.database(), b"bot");
    }

    #[test]
    fn the_last_of_two_counts() {
        let twice = packet(Version::V3_0, &[(b"user", b"a"), (b"user", b"b")]);
        assert_eq!(startup(&twice).user, b"b");
    }

    proptest! {
        #[test]
        fn round_trip(pairs in prop::collection::vec(("[a-z]{1,8}", "[^\0]{0,12}"), 0..8), minor: u16) {
            let mut sent: Vec<(&[u8], &[u8])> = vec![(b"user", b"bot")];
            sent.extend(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
            sent.push((b"user", b"bot"));
            let out = packet(Version { major: 3, minor }, &sent);
            prop_assert_eq!(startup(&out).parameters().collect::<Vec<_>>(), sent);
        }

        #[test]
        fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..80), code in prop_oneof![
            Just(CANCEL), Just(SSL), Just(GSSENC), Just(196_608_u32), any::<u32>()
        ]) {
            let mut out = Vec::new();
            sized(&mut out, |out| { put_u32(out, code); out.extend_from_slice(&body); });
            if let Ok(Some((First::Startup(wanted), _))) = first(&out) {
                prop_assert!(!wanted.user.is_empty());
                prop_assert!(wanted.parameters().count() >= 1);
            }
        }
    }
}
