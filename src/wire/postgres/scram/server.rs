//! The server's side: towards a client.

use subtle::ConstantTimeEq as _;

use super::attributes::{Attributes, decode, decode_key, encode, is_nonce, text};
use super::verifier::Standing;
use super::{
    GS2_END_POINT, GS2_NONE, GS2_UNOFFERED, Keys, SHA_256, SHA_256_PLUS, ScramError, Verifier, hashed, sign,
    xor,
};

/// What a client chose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    /// Without channel binding.
    Sha256,
    /// With it.
    Sha256Plus,
}

impl Mechanism {
    /// By its name.
    pub fn of(name: &[u8]) -> Option<Self> {
        match name {
            name if name == SHA_256.as_bytes() => Some(Self::Sha256),
            name if name == SHA_256_PLUS.as_bytes() => Some(Self::Sha256Plus),
            _ => None,
        }
    }
}

/// What the client was offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Offer {
    /// No channel binding: no TLS, or a certificate without a usable hash.
    Unbound,
    /// Binding to our certificate, by its hash (RFC 5929).
    EndPoint(Vec<u8>),
}

impl Offer {
    /// The mechanisms to offer, the better one first.
    pub fn mechanisms(&self) -> &'static [&'static str] {
        match self {
            Self::Unbound => &[SHA_256],
            Self::EndPoint(_) => &[SHA_256_PLUS, SHA_256],
        }
    }

    /// What the client must repeat in its last message, after `header` was its word on binding.
    fn input(&self, mechanism: Mechanism, header: Flag) -> Result<Vec<u8>, ScramError> {
        match (header, mechanism, self) {
            (Flag::None, Mechanism::Sha256, _) => Ok(GS2_NONE.as_bytes().to_vec()),
            (Flag::Unoffered, Mechanism::Sha256, Self::Unbound) => Ok(GS2_UNOFFERED.as_bytes().to_vec()),
            (Flag::Unoffered, Mechanism::Sha256, Self::EndPoint(_)) => {
                Err(ScramError::Binding("the client believes it was not offered, but it was"))
            }
            (Flag::None | Flag::Unoffered, Mechanism::Sha256Plus, _) => {
                Err(ScramError::Binding("the client chose it and then left it out"))
            }
            (Flag::EndPoint, Mechanism::Sha256Plus, Self::EndPoint(hash)) => {
                let mut input = GS2_END_POINT.as_bytes().to_vec();
                input.extend_from_slice(hash);
                Ok(input)
            }
            (Flag::EndPoint, Mechanism::Sha256, _) => {
                Err(ScramError::Binding("the client did not choose it and then used it"))
            }
            (Flag::EndPoint, Mechanism::Sha256Plus, Self::Unbound) => {
                Err(ScramError::Binding("the client chose what was not offered"))
            }
        }
    }
}

/// A client's word on channel binding.
#[derive(Clone, Copy)]
enum Flag {
    None,
    Unoffered,
    EndPoint,
}

impl Flag {
    /// The flag, and the message without the header it stands in.
    fn take(first: &str) -> Result<(Self, &str), ScramError> {
        let (flag, rest) = first.split_once(',').ok_or(ScramError::Malformed("binding flag"))?;
        let (identity, rest) = rest.split_once(',').ok_or(ScramError::Malformed("header"))?;
        let flag = match flag {
            "n" => Self::None,
            "y" => Self::Unoffered,
            "p=tls-server-end-point" => Self::EndPoint,
            other if other.starts_with("p=") => {
                return Err(ScramError::Binding("only tls-server-end-point is supported"));
            }
            _ => return Err(ScramError::Malformed("binding flag")),
        };
        if identity.starts_with("a=") {
            return Err(ScramError::Unsupported("authorization identity"));
        }
        if identity.is_empty() { Ok((flag, rest)) } else { Err(ScramError::Malformed("header")) }
    }
}

/// A server that has sent its challenge.
pub struct Exchange {
    verifier: Verifier,
    input: Vec<u8>,
    nonce: String,
    /// client-first without its header, and server-first.
    opening: String,
}

impl Exchange {
    /// Takes the client's first message and gives the server's. `nonce`: at least 18 random bytes.
    pub fn begin(
        verifier: Verifier,
        offer: &Offer,
        mechanism: Mechanism,
        nonce: &[u8],
        client_first: &[u8],
    ) -> Result<(String, Self), ScramError> {
        Self::begin_with(verifier, offer, mechanism, &encode(nonce), client_first)
    }

    pub(super) fn begin_with(
        verifier: Verifier,
        offer: &Offer,
        mechanism: Mechanism,
        nonce: &str,
        client_first: &[u8],
    ) -> Result<(String, Self), ScramError> {
        let (flag, bare) = Flag::take(text(client_first)?)?;
        let input = offer.input(mechanism, flag)?;
        let mut attributes = Attributes::new(bare);
        attributes.take(b'n', "user name")?;
        let theirs = attributes.take(b'r', "nonce")?;
        attributes.finish()?;
        if !is_nonce(theirs) {
            return Err(ScramError::Malformed("nonce"));
        }
        let nonce = format!("{theirs}{nonce}");
        let first = format!("r={nonce},s={},i={}", encode(&verifier.salt), verifier.iterations);
        let opening = format!("{bare},{first}");
        Ok((first, Self { verifier, input, nonce, opening }))
    }

    /// Takes the client's last message and gives the server's, and the keys that the client has shown.
    pub fn finish(self, client_final: &[u8]) -> Result<(String, Keys), ScramError> {
        let client_final = text(client_final)?;
        let mut attributes = Attributes::new(client_final);
        let input = decode(attributes.take(b'c', "binding")?, "binding")?;
        let nonce = attributes.take(b'r', "nonce")?;
        attributes.finish()?;
        let (without_proof, proof) = client_final.rsplit_once(",p=").ok_or(ScramError::Malformed("proof"))?;
        let proof = decode_key(proof, "proof")?;
        if nonce != self.nonce {
            return Err(ScramError::Nonce);
        }
        if input != self.input {
            return Err(ScramError::Binding("the client is bound to something else"));
        }
        let signed = format!("{},{without_proof}", self.opening);
        let signature = sign(&self.verifier.stored, signed.as_bytes());
        let client = xor(&proof, &signature);
        let shown = bool::from(hashed(&client).ct_eq(&self.verifier.stored));
        match self.verifier.standing {
            Standing::Real if shown => {
                let signature = sign(&self.verifier.server, signed.as_bytes());
                Ok((format!("v={}", encode(&signature)), Keys::new(client, self.verifier.server)))
            }
            Standing::Real | Standing::Mock => Err(ScramError::Proof),
        }
    }
}
