//! How long a body is, and where in the stream it ends.

use super::chunks::Chunks;
use super::fault::Fault;
use super::fields::{Fields, members};
use super::head::{Method, Version};

/// The most digits of a length.
const DIGITS_MAX: usize = 18;

/// A body on its way: what is still to come of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// So many bytes; none where there is no body.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Everything until the connection ends.
    UntilClose,
}

impl Body {
    /// No body.
    pub const NONE: Self = Self::Length(0);

    /// The body of a request with these fields.
    pub fn of_request(head: &[u8], fields: &mut Fields, version: Version) -> Result<Self, Fault> {
        Ok(Said::of(head, fields, version)?.unwrap_or(Self::NONE))
    }

    /// The body of the answer with this status and these fields to a request by that method (RFC 9112, 6.3).
    pub fn of_response(
        head: &[u8],
        fields: &mut Fields,
        (version, status): (Version, u16),
        method: Method,
    ) -> Result<Self, Fault> {
        let said = Said::of(head, fields, version)?;
        let none = match (method, status) {
            (Method::Head, _) | (_, 100..=199 | 204 | 304) | (Method::Connect, 200..=299) => true,
            (_, _) => false,
        };
        Ok(if none { Self::NONE } else { said.unwrap_or(Self::UntilClose) })
    }

    /// Whether nothing more of it comes.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_over(),
            Self::UntilClose => false,
        }
    }

    /// How many of the next bytes are the body's: all of them, unless it ends among them.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match self {
            Self::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= here as u64;
                Ok(here)
            }
            Self::Chunked(chunks) => chunks.advance(bytes),
            Self::UntilClose => Ok(bytes.len()),
        }
    }

    /// The same, with their content appended to `out`: without the sizes of chunks, where it has any.
    pub fn extract(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        match self {
            Self::Chunked(chunks) => chunks.extract(bytes, out),
            Self::Length(_) | Self::UntilClose => {
                let here = self.advance(bytes)?;
                out.extend_from_slice(&bytes[..here]);
                Ok(here)
            }
        }
    }
}

/// What a head says of the length.
#[derive(Default)]
struct Said {
    length: Option<u64>,
    chunked: bool,
}

impl Said {
    fn of(head: &[u8], fields: &mut Fields, version: Version) -> Result<Option<Body>, Fault> {
        let mut said = Self::default();
        for place in 0..fields.len() {
            let (name, value) = fields.at(head, place);
            if name.eq_ignore_ascii_case(b"content-length") {
                let length = length(value)?;
                match said.length {
                    None => said.length = Some(length),
                    // The same once more is left out: who reads it need not make up its mind.
                    Some(known) if known == length => fields.cut(place),
                    Some(_) => return Err(Fault::Length),
                }
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                said.code(value)?;
            }
        }
        match (said.length, said.chunked) {
            (Some(_), true) => Err(Fault::Framing),
            (None, true) if version == Version::Http10 => Err(Fault::Framing),
            (None, true) => Ok(Some(Body::Chunked(Chunks::default()))),
            (Some(length), false) => Ok(Some(Body::Length(length))),
            (None, false) => Ok(None),
        }
    }

    /// Takes in a line of transfer codings: `chunked`, once, and nothing else, is passed on.
    fn code(&mut self, value: &[u8]) -> Result<(), Fault> {
        let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
        if self.chunked || !is_chunked(value) {
            let once = members(value).filter(|coding| is_chunked(coding)).count() == 1;
            let last = members(value).last().is_some_and(is_chunked);
            return Err(if once && last && !self.chunked { Fault::Coding } else { Fault::Framing });
        }
        self.chunked = true;
        Ok(())
    }
}

/// A length: digits and nothing else.
fn length(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() || value.len() > DIGITS_MAX || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Length);
    }
    Ok(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}
