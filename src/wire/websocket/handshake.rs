//! The opening handshake (RFC 6455, section 4), over heads of HTTP that somebody else has read: fields are given as
//! they stand in the head, names in any case.

pub mod request;
pub mod response;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The only version there is.
pub const VERSION: &str = "13";
/// The longest field that is looked at.
const FIELD_MAX: usize = 4_096;
/// The most subprotocols of an offer.
pub const PROTOCOLS_MAX: usize = 32;
/// What the server adds to the key before it hashes it.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes behind a key.
const NONCE_LEN: usize = 16;

/// A field of a head: name and value.
pub type Field<'a> = (&'a str, &'a [u8]);

/// The key of a handshake: sixteen bytes that the client draws, as text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key(String);

impl Key {
    /// Of bytes that were drawn.
    pub fn of(nonce: [u8; NONCE_LEN]) -> Self {
        Self(STANDARD.encode(nonce))
    }

    /// As sent, where it is sixteen bytes of base64.
    pub fn parse(text: &str) -> Option<Self> {
        let nonce = STANDARD.decode(text).ok()?;
        (nonce.len() == NONCE_LEN).then(|| Self(text.to_owned()))
    }

    /// As sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the server answers.
    pub fn accept(&self) -> String {
        let hashed = [self.0.as_bytes(), MAGIC].concat();
        STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed))
    }
}

/// Why a head can't be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum FieldError {
    /// A field that may stand once stands twice.
    #[error("the field {0} stands twice")]
    Twice(&'static str),
    /// No text that a field may have, or too long.
    #[error("the field {0} is no text, or too long")]
    Text(&'static str),
}

/// The value of a field that may stand at most once.
fn single<'a>(fields: &[Field<'a>], name: &'static str) -> Result<Option<&'a str>, FieldError> {
    let mut found = all(fields, name);
    let first = found.next().transpose()?;
    if found.next().is_some() { Err(FieldError::Twice(name)) } else { Ok(first) }
}

/// Each value of a field that may stand several times.
fn all<'f, 'a: 'f>(
    fields: &'f [Field<'a>],
    name: &'static str,
) -> impl Iterator<Item = Result<&'a str, FieldError>> + 'f {
    let found = fields.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name));
    found.map(move |(_, value)| text(value).ok_or(FieldError::Text(name)))
}

fn text(value: &[u8]) -> Option<&str> {
    let fits = value.len() <= FIELD_MAX && value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    fits.then(|| std::str::from_utf8(value).ok()).flatten().map(str::trim)
}

/// Whether a list of tokens over all fields of that name has one, in any case.
fn lists(fields: &[Field<'_>], name: &'static str, token: &str) -> Result<bool, FieldError> {
    for value in all(fields, name) {
        if value?.split(',').any(|one| one.trim().eq_ignore_ascii_case(token)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a text is a token of HTTP (RFC 9110, section 5.6.2).
pub fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        let key = Key::parse("dGhlIHNhbXBsZSBub25jZQ==").unwrap();
        assert_eq!(key.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(Key::of(*b"the sample nonce"), key);
    }

    #[test]
    fn a_key_is_sixteen_bytes() {
        for bad in ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTEy", "????"] {
            assert_eq!(Key::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_have_no_separators() {
        assert!(is_token("graphql-ws") && is_token("v1.json"));
        assert!(!is_token("") && !is_token("a b") && !is_token("a/b") && !is_token("é"));
    }
}
