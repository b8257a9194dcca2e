//! The attributes of a SCRAM message: `a=value`, parted by commas.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{KEY_LEN, MESSAGE_MAX, ScramError};

/// Reads a message from front to back.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'m> {
    rest: Option<&'m str>,
}

impl<'m> Attributes<'m> {
    pub(super) fn new(message: &'m str) -> Self {
        Self { rest: Some(message) }
    }

    /// The next attribute, which must have this name; `what` names it in the refusal.
    pub(super) fn take(&mut self, name: u8, what: &'static str) -> Result<&'m str, ScramError> {
        let (own, value) = self.next()?.ok_or(ScramError::Malformed(what))?;
        if own == b'm' && name != b'm' {
            return Err(ScramError::Unsupported("mandatory extension"));
        }
        if own == name { Ok(value) } else { Err(ScramError::Malformed(what)) }
    }

    /// Passes over extensions to the end.
    pub(super) fn finish(mut self) -> Result<(), ScramError> {
        while self.next()?.is_some() {}
        Ok(())
    }

    /// The next attribute.
    fn next(&mut self) -> Result<Option<(u8, &'m str)>, ScramError> {
        let Some(rest) = self.rest else { return Ok(None) };
        let (attribute, rest) = match rest.split_once(',') {
            Some((attribute, rest)) => (attribute, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        match attribute.as_bytes() {
            [name, b'=', ..] if name.is_ascii_alphabetic() => Ok(Some((*name, &attribute[2..]))),
            _ => Err(ScramError::Malformed("attribute")),
        }
    }
}

/// A message as text, within its bound.
pub(super) fn text(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MESSAGE_MAX {
        return Err(ScramError::TooLong);
    }
    std::str::from_utf8(message).map_err(|_| ScramError::Malformed("encoding"))
}

/// Whether it is a nonce: printable ASCII without a comma.
pub(super) fn is_nonce(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.bytes().all(|byte| matches!(byte, b'!'..=b'+' | b'-'..=b'~'))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn decode(text: &str, what: &'static str) -> Result<Vec<u8>, ScramError> {
    STANDARD.decode(text).map_err(|_| ScramError::Malformed(what))
}

/// A key, a signature or a proof.
pub(super) fn decode_key(text: &str, what: &'static str) -> Result<[u8; KEY_LEN], ScramError> {
    decode(text, what)?.try_into().map_err(|_| ScramError::Malformed(what))
}
