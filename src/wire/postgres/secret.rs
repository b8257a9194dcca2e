//! What is known of a user's password, and which logins it serves.

use std::num::NonZeroU32;

use subtle::ConstantTimeEq as _;

use super::md5::Md5Secret;
use super::scram::Verifier;

/// A password or what a server keeps of one. No Debug, no Serialize.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password itself: serves every login.
    Plain(Vec<u8>),
    /// An md5 hash: serves md5, both ways.
    Md5(Md5Secret),
    /// A SCRAM verifier: serves SCRAM towards clients, and by their keys towards servers too.
    Scram(Verifier),
}

impl Secret {
    /// Tells by its form which it is, as the server does; what has no form is a password.
    pub fn parse(text: &str) -> Self {
        if let Some(hash) = Md5Secret::parse(text) {
            Self::Md5(hash)
        } else if let Ok(verifier) = Verifier::parse(text) {
            Self::Scram(verifier)
        } else {
            Self::Plain(text.as_bytes().to_vec())
        }
    }

    /// The password itself.
    pub fn reveal(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(password) => Some(password),
            Self::Md5(_) | Self::Scram(_) => None,
        }
    }

    /// For the login by md5.
    pub fn md5(&self, user: &[u8]) -> Option<Md5Secret> {
        match self {
            Self::Plain(password) => Some(Md5Secret::from_password(password, user)),
            Self::Md5(hash) => Some(hash.clone()),
            Self::Scram(_) => None,
        }
    }

    /// For SCRAM towards a client; salt and iterations count where only the password is known.
    pub fn verifier(&self, salt: &[u8], iterations: NonZeroU32) -> Option<Verifier> {
        match self {
            Self::Plain(password) => Some(Verifier::from_password(password, salt, iterations)),
            Self::Md5(_) => None,
            Self::Scram(verifier) => Some(verifier.clone()),
        }
    }

    /// Whether a password that a client sent in clear is right.
    pub fn is_of(&self, password: &[u8], user: &[u8]) -> bool {
        match self {
            Self::Plain(own) => bool::from(own.as_slice().ct_eq(password)),
            Self::Md5(hash) => hash.is_of(password, user),
            Self::Scram(verifier) => verifier.verifies(password),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_serves_its_logins() {
        let few = NonZeroU32::new(2).unwrap();
        let plain = Secret::parse("pencil");
        let md5 = Secret::Md5(plain.md5(b"bot").unwrap());
        let scram = Secret::parse(&plain.verifier(b"salt", few).unwrap().reveal());
        assert!(matches!(scram, Secret::Scram(_)));
        for secret in [&plain, &md5, &scram] {
            assert!(secret.is_of(b"pencil", b"bot") && !secret.is_of(b"pen", b"bot"));
        }
        let serves = |secret: &Secret| {
            let scram = secret.verifier(b"salt", few).is_some();
            (secret.reveal().is_some(), secret.md5(b"bot").is_some(), scram)
        };
        assert_eq!(serves(&plain), (true, true, true));
        assert_eq!(serves(&md5), (false, true, false));
        assert_eq!(serves(&scram), (false, false, true));
    }

    #[test]
    fn a_broken_form_is_a_password() {
        assert!(matches!(Secret::parse("md5x"), Secret::Plain(_)));
        assert!(matches!(Secret::parse("SCRAM-SHA-256$x"), Secret::Plain(_)));
    }
}
