//! What a server keeps of a password: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.

use std::num::NonZeroU32;

use super::attributes::{decode, decode_key, encode};
use super::{KEY_LEN, Keys, bounded, hashed, sign};

/// Bytes of the salts that are made up: PostgreSQL's own.
const SALT_LEN: usize = 16;

/// The longest salt.
const SALT_MAX: usize = 256;

/// A text is no verifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a SCRAM-SHA-256 secret")]
pub struct VerifierError;

/// What checks a client's proof. From it nobody can log in elsewhere, but it tells a wrong password from the
/// right one, so it is a secret: no Debug.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Vec<u8>,
    pub(super) stored: [u8; KEY_LEN],
    pub(super) server: [u8; KEY_LEN],
    pub(super) standing: Standing,
}

/// Whether anyone can pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Real,
    /// For a user that is not there: looks like any other and lets nobody in.
    Mock,
}

impl Verifier {
    /// As PostgreSQL stores it in `pg_authid.rolpassword`.
    pub fn parse(text: &str) -> Result<Self, VerifierError> {
        let (head, keys) =
            text.strip_prefix("SCRAM-SHA-256$").and_then(|text| text.split_once('$')).ok_or(VerifierError)?;
        let (iterations, salt) = head.split_once(':').ok_or(VerifierError)?;
        let (stored, server) = keys.split_once(':').ok_or(VerifierError)?;
        let iterations = iterations.parse().map_err(|_| VerifierError)?;
        let salt = decode(salt, "salt").map_err(|_| VerifierError)?;
        if salt.is_empty() || salt.len() > SALT_MAX {
            return Err(VerifierError);
        }
        Ok(Self {
            iterations: bounded(iterations).map_err(|_| VerifierError)?,
            salt,
            stored: decode_key(stored, "key").map_err(|_| VerifierError)?,
            server: decode_key(server, "key").map_err(|_| VerifierError)?,
            standing: Standing::Real,
        })
    }

    /// From a password and a random salt, handed in. Costs as much as [`Keys::derive`].
    pub fn from_password(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Self {
        let keys = Keys::derive(password, salt, iterations);
        Self {
            iterations,
            salt: salt.to_vec(),
            stored: hashed(&keys.client),
            server: keys.server,
            standing: Standing::Real,
        }
    }

    /// For a user that is not there: the same salt whenever the same name is tried, so that nobody learns who
    /// is there. `seed` is random, and the same for as long as real salts stay the same.
    pub fn mock(user: &[u8], seed: &[u8; KEY_LEN], iterations: NonZeroU32) -> Self {
        let salt = sign(seed, user)[..SALT_LEN].to_vec();
        Self { iterations, salt, stored: *seed, server: *seed, standing: Standing::Mock }
    }

    /// As PostgreSQL stores it.
    pub fn reveal(&self) -> String {
        let [salt, stored, server] = [&self.salt[..], &self.stored, &self.server].map(encode);
        format!("SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }

    /// Whether it was made from this password. Costs as much as [`Keys::derive`].
    pub fn verifies(&self, password: &[u8]) -> bool {
        use subtle::ConstantTimeEq as _;
        let keys = Keys::derive(password, &self.salt, self.iterations);
        bool::from(keys.stored().ct_eq(&self.stored)) && self.standing == Standing::Real
    }
}
