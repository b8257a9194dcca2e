//! SCRAM-SHA-256, both sides (RFC 5802, RFC 7677), as PostgreSQL speaks it: the user's name is that of the
//! startup packet, no authorization identity, passwords prepared by SASLprep where they can be.
//!
//! Nonces are handed in: nothing here is random. Each step consumes its state, so no step can be left out
//! or done twice:
//!
//! ```text
//! client  Hello ── first() ──► Hello ── challenged(server-first) ──► Challenge
//!                                  Challenge ── answer(keys) ──► client-final, Expectation
//!                                                 Expectation ── confirm(server-final) ──► logged in
//! server  Exchange::begin(client-first) ──► server-first, Exchange
//!                                    Exchange ── finish(client-final) ──► server-final, Keys of the client
//! ```

mod attributes;
mod client;
mod server;
mod verifier;

pub use client::{Binding, Challenge, Expectation, Hello};
pub use server::{Exchange, Mechanism, Offer};
pub use verifier::{Verifier, VerifierError};

use std::num::NonZeroU32;

use ring::{digest, hmac, pbkdf2};

/// The mechanism without channel binding.
pub const SHA_256: &str = "SCRAM-SHA-256";

/// The mechanism with channel binding.
pub const SHA_256_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// The longest message of an exchange, in bytes.
pub const MESSAGE_MAX: usize = 2_048;

/// The most iterations that are computed, in either role: some tenths of a second. More would let one side
/// burn the other's time.
pub const ITERATIONS_MAX: u32 = 1_000_000;

/// The iterations of a verifier where nothing else is said: PostgreSQL's default.
pub const ITERATIONS_DEFAULT: u32 = 4_096;

/// Bytes of a key, a signature, a proof.
pub const KEY_LEN: usize = digest::SHA256_OUTPUT_LEN;

/// The header for no channel binding, of a client that could not; and of one that could.
const GS2_NONE: &str = "n,,";
const GS2_UNOFFERED: &str = "y,,";
const GS2_END_POINT: &str = "p=tls-server-end-point,,";

/// Why an exchange failed. The other side broke it in all cases.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScramError {
    /// Over [`MESSAGE_MAX`].
    #[error("SCRAM message is longer than {MESSAGE_MAX} bytes")]
    TooLong,
    /// Not a message of this step; the named part is amiss.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    /// An extension that must be understood, or an authorization identity.
    #[error("unsupported SCRAM feature: {0}")]
    Unsupported(&'static str),
    /// The nonce is not the one of this exchange.
    #[error("SCRAM nonce does not match")]
    Nonce,
    /// None, or over [`ITERATIONS_MAX`].
    #[error("{0} SCRAM iterations: from 1 to {ITERATIONS_MAX} are computed")]
    Iterations(u32),
    /// Channel binding was chosen or left out against what was offered.
    #[error("SCRAM channel binding: {0}")]
    Binding(&'static str),
    /// The password is wrong, or there is no such user.
    #[error("password authentication failed")]
    Proof,
    /// The server does not know the password: it may not be the server it seems.
    #[error("server signature does not match: the server does not know this password")]
    Signature,
    /// The server says that the login failed.
    #[error("server refused the SCRAM login")]
    Refused,
}

/// What is needed to log in, and to check a server: the password itself is not.
///
/// Made from a password for one salt and one count of iterations, or learnt from a client that logged in, to
/// be passed through to a server with the same verifier. No Debug: it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    client: [u8; KEY_LEN],
    server: [u8; KEY_LEN],
}

impl Keys {
    /// From both keys.
    pub fn new(client: [u8; KEY_LEN], server: [u8; KEY_LEN]) -> Self {
        Self { client, server }
    }

    /// From a password. Costs as much as there are iterations: milliseconds at 4096.
    pub fn derive(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Self {
        let mut salted = [0; KEY_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, &prepared(password), &mut salted);
        Self { client: sign(&salted, b"Client Key"), server: sign(&salted, b"Server Key") }
    }

    fn stored(&self) -> [u8; KEY_LEN] {
        hashed(&self.client)
    }
}

/// A password as SCRAM uses it: by SASLprep, or as it is where that refuses it, as PostgreSQL does.
fn prepared(password: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    match std::str::from_utf8(password).map(stringprep::saslprep) {
        Ok(Ok(text)) => match text {
            std::borrow::Cow::Borrowed(text) => text.as_bytes().into(),
            std::borrow::Cow::Owned(text) => text.into_bytes().into(),
        },
        Ok(Err(_)) | Err(_) => password.into(),
    }
}

/// HMAC-SHA-256.
fn sign(key: &[u8], data: &[u8]) -> [u8; KEY_LEN] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data);
    array(tag.as_ref())
}

fn hashed(data: &[u8]) -> [u8; KEY_LEN] {
    array(digest::digest(&digest::SHA256, data).as_ref())
}

fn array(bytes: &[u8]) -> [u8; KEY_LEN] {
    bytes.try_into().expect("SHA-256 gives 32 bytes")
}

fn xor(left: &[u8; KEY_LEN], right: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
    std::array::from_fn(|at| left[at] ^ right[at])
}

/// Iterations that will be computed.
fn bounded(iterations: u32) -> Result<NonZeroU32, ScramError> {
    NonZeroU32::new(iterations)
        .filter(|count| count.get() <= ITERATIONS_MAX)
        .ok_or(ScramError::Iterations(iterations))
}

#[cfg(test)]
mod tests;
