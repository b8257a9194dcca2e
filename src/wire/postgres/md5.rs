//! The login by md5, both ways: old and weak, but still what some servers ask for.
//!
//! Stored is `md5` and the hash of password and user name; sent is `md5` and the hash of that hash, as hex,
//! and a salt of four bytes.

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

/// Hex digits of a hash.
const HEX_LEN: usize = 32;

/// How stored and sent hashes begin.
const PREFIX: &[u8] = b"md5";

/// A stored hash. Whoever has it can log in, so it is a secret: no Debug.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Secret([u8; HEX_LEN]);

impl Md5Secret {
    /// As stored in `pg_authid.rolpassword`: `md5` and 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes().strip_prefix(PREFIX)?;
        let mut hex: [u8; HEX_LEN] = digits.try_into().ok()?;
        hex.make_ascii_lowercase();
        hex.iter().all(u8::is_ascii_hexdigit).then_some(Self(hex))
    }

    /// From a password and whose it is.
    pub fn from_password(password: &[u8], user: &[u8]) -> Self {
        Self(hashed(password, user))
    }

    /// What a client sends.
    pub fn response(&self, salt: [u8; 4]) -> Vec<u8> {
        [PREFIX, &hashed(&self.0, &salt)].concat()
    }

    /// Whether this is what a client sends that knows the password.
    pub fn verifies(&self, salt: [u8; 4], response: &[u8]) -> bool {
        bool::from(self.response(salt).as_slice().ct_eq(response))
    }

    /// Whether it was made from this password.
    pub fn is_of(&self, password: &[u8], user: &[u8]) -> bool {
        bool::from(hashed(password, user).ct_eq(&self.0))
    }
}

fn hashed(first: &[u8], second: &[u8]) -> [u8; HEX_LEN] {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    let hash = Md5::new().chain_update(first).chain_update(second).finalize();
    let mut hex = [0; HEX_LEN];
    for (pair, byte) in hex.chunks_exact_mut(2).zip(hash) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_and_sent_as_postgresql_does() {
        // RFC 1321's own: md5("abc").
        assert_eq!(&hashed(b"ab", b"c"), b"900150983cd24fb0d6963f7d28e17f72");
        let secret = Md5Secret::from_password(b"a", b"bc");
        assert!(secret == Md5Secret::parse("md5900150983CD24FB0D6963F7D28E17F72").unwrap());
        let sent = secret.response(*b"\x01\x02\x03\x04");
        assert_eq!((&sent[..3], sent.len()), (&b"md5"[..], 35));
        assert!(secret.verifies(*b"\x01\x02\x03\x04", &sent));
        assert!(!secret.verifies(*b"\x01\x02\x03\x05", &sent));
        assert!(!secret.verifies(*b"\x01\x02\x03\x04", b"md5"));
        assert!(secret.is_of(b"a", b"bc") && !secret.is_of(b"x", b"bc"));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        assert!(Md5Secret::parse("md5900150983cd24fb0d6963f7d28e17f7").is_none());
        assert!(Md5Secret::parse("md5g00150983cd24fb0d6963f7d28e17f72").is_none());
        assert!(Md5Secret::parse("900150983cd24fb0d6963f7d28e17f72").is_none());
    }
}
