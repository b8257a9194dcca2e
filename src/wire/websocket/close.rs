//! Why a side closes: a code and words for people (RFC 6455, sections 5.5.1 and 7.4).

use crate::wire::websocket::rules::Offence;

/// The longest reason in bytes: a control frame less the code.
pub const REASON_MAX: usize = 123;

/// The code of a close frame, one that may be sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Code(u16);

impl Code {
    /// The purpose was fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The side goes away: a server that ends.
    pub const GOING_AWAY: Self = Self(1001);
    /// The other side broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// Text was none.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// Against the rules of this side, whatever they are.
    pub const POLICY: Self = Self(1008);
    /// A message was too big.
    pub const TOO_BIG: Self = Self(1009);
    /// The server failed.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts.
    pub const RESTART: Self = Self(1012);
    /// The server is overloaded: another try may succeed later.
    pub const TRY_LATER: Self = Self(1013);
    /// A gateway had a bad answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// A code, where it is one that may stand in a frame: those for local use (1004 to 1006, 1015) and the ranges
    /// that nobody has defined may not.
    pub const fn of(number: u16) -> Option<Self> {
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// The payload of a close frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Close<'a> {
    /// Why; none where the side gave no reason at all.
    pub code: Option<Code>,
    /// The same in words.
    pub reason: &'a str,
}

impl<'a> Close<'a> {
    /// Reads a payload.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Offence> {
        let (number, reason) = match payload {
            [] => return Ok(Self { code: None, reason: "" }),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
            [_] => return Err(Offence::Close),
        };
        let code = Code::of(number).ok_or(Offence::Close)?;
        let reason = std::str::from_utf8(reason).map_err(|_| Offence::Close)?;
        Ok(Self { code: Some(code), reason })
    }

    /// Its payload; a reason that is too long is cut between two characters.
    pub fn payload(&self) -> Vec<u8> {
        let Some(code) = self.code else { return Vec::new() };
        let mut end = self.reason.len().min(REASON_MAX);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        let mut payload = code.number().to_be_bytes().to_vec();
        payload.extend_from_slice(&self.reason.as_bytes()[..end]);
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::websocket::rules::CONTROL_MAX;

    #[test]
    fn codes_that_may_be_sent_are_those_of_the_registry_and_of_applications() {
        let sent: Vec<u16> = (0..=u16::MAX).filter(|number| Code::of(*number).is_some()).collect();
        let meant: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(sent, meant);
    }

    #[test]
    fn payloads_are_read_or_refused() {
        let none = Close { code: None, reason: "" };
        let bye = Close { code: Some(Code::NORMAL), reason: "bye" };
        let cases: &[(&[u8], Result<Close<'_>, Offence>)] = &[
            (b"", Ok(none)),
            (b"\x03", Err(Offence::Close)),
            (b"\x03\xe8", Ok(Close { reason: "", ..bye })),
            (b"\x03\xe8bye", Ok(bye)),
            (b"\x03\xed", Err(Offence::Close)),
            (b"\x03\xee", Err(Offence::Close)),
            (b"\xff\xff", Err(Offence::Close)),
            (b"\x03\xe8\xc3", Err(Offence::Close)),
        ];
        for (payload, meant) in cases {
            assert_eq!(Close::parse(payload), *meant, "{payload:?}");
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reason = "é".repeat(100);
        let payload = Close { code: Some(Code::POLICY), reason: &reason }.payload();
        assert_eq!(REASON_MAX as u64, CONTROL_MAX - 2);
        assert_eq!(payload.len(), 2 + 122);
        assert_eq!(Close::parse(&payload).unwrap().reason, "é".repeat(61));
        assert!(Close { code: None, reason: "lost" }.payload().is_empty());
    }
}
