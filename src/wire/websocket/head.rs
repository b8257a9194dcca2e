//! The head of a frame (RFC 6455, section 5.2): two to fourteen bytes.
//!
//! A head is judged as soon as its bytes allow, and always by the same bytes, so that any split of a stream gives the
//! same answer. Lengths are written in the fewest bytes, so a head that was read is written again to the byte.

use crate::wire::websocket::mask::Key;
use crate::wire::websocket::opcode::Opcode;
use crate::wire::websocket::rules::{CONTROL_MAX, LENGTH_MAX, Offence, Rules, Sender};

/// The most bytes of a head.
pub const HEAD_MAX: usize = 14;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
/// The length stands in two bytes more.
const IN_TWO: u8 = 126;
/// The length stands in eight bytes more.
const IN_EIGHT: u8 = 127;

/// The head of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whether it is the last frame of its message.
    pub fin: bool,
    /// What it is.
    pub opcode: Opcode,
    /// The key of its payload, where that is masked.
    pub key: Option<Key>,
    /// Bytes of its payload.
    pub len: u64,
}

/// The bytes of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadBytes {
    bytes: [u8; HEAD_MAX],
    len: usize,
}

impl std::ops::Deref for HeadBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Head {
    /// The head of a whole message.
    pub const fn whole(opcode: Opcode, key: Option<Key>, len: u64) -> Self {
        Self { fin: true, opcode, key, len }
    }

    /// The head at the start of `bytes`, and its length; none where more is needed.
    #[inline]
    pub fn parse(bytes: &[u8], rules: &Rules) -> Result<Option<(Self, usize)>, Offence> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::of(first & 0xf).ok_or(Offence::Opcode(first & 0xf))?;
        let fin = first & FIN != 0;
        if first & RESERVED != 0 {
            return Err(Offence::Reserved);
        }
        let masked = second & MASKED != 0;
        match rules.sender {
            Sender::Client if !masked => return Err(Offence::Unmasked),
            Sender::Server if masked => return Err(Offence::Masked),
            Sender::Client | Sender::Server => {}
        }
        let short = second & !MASKED;
        if opcode.is_control() {
            if !fin {
                return Err(Offence::FragmentedControl);
            }
            if u64::from(short) > CONTROL_MAX {
                return Err(Offence::LongControl);
            }
        }
        let Some((len, rest)) = length(short, rest)? else { return Ok(None) };
        if !opcode.is_control() && len > rules.message_max {
            return Err(Offence::TooBig { max: rules.message_max });
        }
        let (key, rest) = match (masked, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((key, rest))) => (Some(*key), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some((Self { fin, opcode, key, len }, bytes.len() - rest.len())))
    }

    /// As sent.
    pub fn bytes(&self) -> HeadBytes {
        let (mut bytes, mut at) = ([0; HEAD_MAX], 2);
        let fin = if self.fin { FIN } else { 0 };
        bytes[0] = fin | self.opcode.bits();
        bytes[1] = if self.key.is_some() { MASKED } else { 0 };
        let mut put = |more: &[u8]| {
            bytes[at..at + more.len()].copy_from_slice(more);
            at += more.len();
        };
        let short = if let Ok(short) = u8::try_from(self.len)
            && short < IN_TWO
        {
            short
        } else if let Ok(len) = u16::try_from(self.len) {
            put(&len.to_be_bytes());
            IN_TWO
        } else {
            put(&self.len.to_be_bytes());
            IN_EIGHT
        };
        if let Some(key) = &self.key {
            put(key);
        }
        bytes[1] |= short;
        HeadBytes { bytes, len: at }
    }
}

/// The length of a payload, and what follows it.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Offence> {
    let (len, least, rest) = match short {
        IN_TWO => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), u64::from(IN_TWO), rest),
            None => return Ok(None),
        },
        IN_EIGHT => match rest.split_first_chunk() {
            Some((bytes, rest)) => (u64::from_be_bytes(*bytes), u64::from(u16::MAX) + 1, rest),
            None => return Ok(None),
        },
        short => (u64::from(short), 0, rest),
    };
    if len > LENGTH_MAX {
        Err(Offence::LengthBit)
    } else if len < least {
        Err(Offence::NotMinimal)
    } else {
        Ok(Some((len, rest)))
    }
}

/// Writes a whole message, masked where there is a key.
pub fn write(out: &mut Vec<u8>, opcode: Opcode, key: Option<Key>, payload: &[u8]) {
    out.extend_from_slice(&Head::whole(opcode, key, payload.len() as u64).bytes());
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        super::mask::apply(&mut out[start..], key, 0);
    }
}

#[cfg(test)]
mod tests;
