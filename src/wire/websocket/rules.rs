//! What a direction is held to, and how it can offend.

use crate::wire::websocket::close::Code;

/// The longest payload of a control frame (RFC 6455, section 5.5).
pub const CONTROL_MAX: u64 = 125;
/// The longest payload that a head can announce: the highest bit of its eight bytes must be zero.
pub const LENGTH_MAX: u64 = (1 << 63) - 1;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// The client: each of its frames is masked.
    Client,
    /// The server: none is.
    Server,
}

/// What a direction is held to. No extension is ever agreed on, so all reserved bits are zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Who sends.
    pub sender: Sender,
    /// The longest message, over all its frames; each further frame costs its head as well.
    pub message_max: u64,
}

/// How a direction can offend. Nothing after an offence means anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Offence {
    /// A reserved bit that nobody agreed on.
    #[error("a frame has reserved bits set that mean nothing here")]
    Reserved,
    /// A kind that there is not.
    #[error("a frame has the unknown opcode {0:#x}")]
    Opcode(u8),
    /// A control frame in pieces.
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame that is too long.
    #[error("a control frame is longer than {CONTROL_MAX} bytes")]
    LongControl,
    /// A client that does not mask.
    #[error("a frame of a client is not masked")]
    Unmasked,
    /// A server that masks.
    #[error("a frame of a server is masked")]
    Masked,
    /// A length in more bytes than it needs.
    #[error("a length is written in more bytes than it needs")]
    NotMinimal,
    /// A length over 63 bits.
    #[error("a length has its highest bit set")]
    LengthBit,
    /// More of a message that was not begun.
    #[error("a continuation without a message to continue")]
    NothingToContinue,
    /// A new message within another.
    #[error("a message begins before the one before it has ended")]
    Interleaved,
    /// A message over the bound.
    #[error("a message is longer than {max} bytes")]
    TooBig {
        /// The bound.
        max: u64,
    },
    /// Text that is none.
    #[error("text is not UTF-8")]
    Text,
    /// A payload of a close frame that is none.
    #[error("a close frame holds no code that may be sent, or a reason that is not UTF-8")]
    Close,
}

impl Offence {
    /// The code that the offender is told (RFC 6455, section 7.4.1).
    pub const fn code(self) -> Code {
        match self {
            Self::TooBig { .. } => Code::TOO_BIG,
            Self::Text => Code::INVALID_PAYLOAD,
            Self::Reserved
            | Self::Opcode(_)
            | Self::FragmentedControl
            | Self::LongControl
            | Self::Unmasked
            | Self::Masked
            | Self::NotMinimal
            | Self::LengthBit
            | Self::NothingToContinue
            | Self::Interleaved
            | Self::Close => Code::PROTOCOL_ERROR,
        }
    }
}
