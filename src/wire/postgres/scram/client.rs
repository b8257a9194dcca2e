//! The client's side: towards a server.

use std::num::NonZeroU32;

use subtle::ConstantTimeEq as _;

use super::attributes::{Attributes, decode, decode_key, encode, is_nonce, text};
use super::{
    GS2_END_POINT, GS2_NONE, GS2_UNOFFERED, KEY_LEN, Keys, SHA_256, SHA_256_PLUS, ScramError, bounded, sign,
    xor,
};

/// What a client can say of channel binding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Binding {
    /// No TLS, so none.
    None,
    /// TLS, but the server did not offer it. A server that did will take that for an attack.
    Unoffered,
    /// Bound to the server's certificate by its hash (RFC 5929).
    EndPoint(Vec<u8>),
}

impl Binding {
    fn header(&self) -> &'static str {
        match self {
            Self::None => GS2_NONE,
            Self::Unoffered => GS2_UNOFFERED,
            Self::EndPoint(_) => GS2_END_POINT,
        }
    }

    /// What client-final repeats: the header and what was bound.
    fn input(&self) -> String {
        let mut input = self.header().as_bytes().to_vec();
        match self {
            Self::None | Self::Unoffered => {}
            Self::EndPoint(hash) => input.extend_from_slice(hash),
        }
        encode(&input)
    }
}

/// A client before the server's first message.
pub struct Hello {
    binding: Binding,
    name: &'static str,
    nonce: String,
}

impl Hello {
    /// `nonce`: at least 18 random bytes, handed in.
    pub fn new(binding: Binding, nonce: &[u8]) -> Self {
        Self { binding, name: "", nonce: encode(nonce) }
    }

    /// With a name and a nonce as the RFC's example has them.
    #[cfg(test)]
    pub(super) fn example(name: &'static str, nonce: &str) -> Self {
        Self { binding: Binding::None, name, nonce: nonce.to_owned() }
    }

    /// The mechanism to choose.
    pub fn mechanism(&self) -> &'static str {
        match self.binding {
            Binding::None | Binding::Unoffered => SHA_256,
            Binding::EndPoint(_) => SHA_256_PLUS,
        }
    }

    /// The client's first message.
    pub fn first(&self) -> String {
        format!("{}{}", self.binding.header(), self.bare())
    }

    fn bare(&self) -> String {
        format!("n={},r={}", self.name, self.nonce)
    }

    /// Takes the server's first message.
    pub fn challenged(self, server_first: &[u8]) -> Result<Challenge, ScramError> {
        let server_first = text(server_first)?;
        let mut attributes = Attributes::new(server_first);
        let nonce = attributes.take(b'r', "nonce")?;
        let salt = decode(attributes.take(b's', "salt")?, "salt")?;
        let iterations = attributes.take(b'i', "iterations")?;
        attributes.finish()?;
        let own = nonce.strip_prefix(self.nonce.as_str()).ok_or(ScramError::Nonce)?;
        if !is_nonce(own) {
            return Err(ScramError::Nonce);
        }
        let plain = iterations.bytes().all(|byte| byte.is_ascii_digit());
        let iterations = iterations.parse().ok().filter(|_| plain);
        let iterations = bounded(iterations.ok_or(ScramError::Malformed("iterations"))?)?;
        if salt.is_empty() {
            return Err(ScramError::Malformed("salt"));
        }
        let without_proof = format!("c={},r={nonce}", self.binding.input());
        let signed = format!("{},{server_first},{without_proof}", self.bare());
        Ok(Challenge { salt, iterations, without_proof, signed })
    }
}

/// A client that must now show that it has the keys.
pub struct Challenge {
    salt: Vec<u8>,
    iterations: NonZeroU32,
    without_proof: String,
    signed: String,
}

impl Challenge {
    /// The salt that [`Keys::derive`] takes. Keys may be kept for as long as it stays the same.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The iterations that [`Keys::derive`] takes.
    pub fn iterations(&self) -> NonZeroU32 {
        self.iterations
    }

    /// The client's last message, and what the server must answer.
    pub fn answer(self, keys: &Keys) -> (String, Expectation) {
        let signature = sign(&keys.stored(), self.signed.as_bytes());
        let proof = xor(&keys.client, &signature);
        let expected = sign(&keys.server, self.signed.as_bytes());
        (format!("{},p={}", self.without_proof, encode(&proof)), Expectation { signature: expected })
    }
}

/// A client that waits for the server to show that it knows the password too.
pub struct Expectation {
    signature: [u8; KEY_LEN],
}

impl Expectation {
    /// Takes the server's last message. Only after this is the server the right one.
    pub fn confirm(self, server_final: &[u8]) -> Result<(), ScramError> {
        let server_final = text(server_final)?;
        if server_final.starts_with("e=") {
            return Err(ScramError::Refused);
        }
        let mut attributes = Attributes::new(server_final);
        let signature = decode_key(attributes.take(b'v', "signature")?, "signature")?;
        attributes.finish()?;
        if bool::from(signature.ct_eq(&self.signature)) { Ok(()) } else { Err(ScramError::Signature) }
    }
}
