//! Where frames begin and end in a stream.
//!
//! The [`Scanner`] is fed one direction in whatever chunks the socket gave and says which range of a chunk belongs to
//! which frame. It keeps no bytes but a head that was cut.
//!
//! ```text
//!            head complete                 payload all there
//!  Head(n) ────────────────► Payload(left) ──────────────────► Head(0)
//!     └── offence ──► Lost: every further feed says so again     └── of a close frame ──► Over: nothing more is read
//! ```

use std::ops::Range;

use crate::wire::websocket::head::{HEAD_MAX, Head};
use crate::wire::websocket::opcode::Opcode;
use crate::wire::websocket::rules::{Offence, Rules};

/// Whether a piece opens its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The head was completed in this chunk.
    Begins {
        /// How many bytes of the head lay in earlier chunks: these of [`Head::bytes`].
        carried: usize,
    },
    /// More payload of a frame that was told before.
    Continues,
}

/// What a chunk holds of one frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The frame's head.
    pub head: Head,
    /// The kind of the message it belongs to; of a control frame its own.
    pub message: Opcode,
    /// Whether it begins here.
    pub part: Part,
    /// The frame's bytes in this chunk, head included.
    pub range: Range<usize>,
    /// Where in the chunk the payload's bytes begin; they end with `range`.
    pub body: usize,
    /// Payload bytes that lay in earlier chunks.
    pub before: u64,
    /// Payload bytes still to come.
    pub missing: u64,
}

impl Piece {
    /// Whether the frame ends in this chunk.
    #[inline]
    pub const fn ends(&self) -> bool {
        self.missing == 0
    }

    /// Whether the message ends with this piece.
    #[inline]
    pub const fn ends_message(&self) -> bool {
        self.missing == 0 && self.head.fin
    }

    /// The payload's bytes of this chunk.
    #[inline]
    pub fn payload(&self) -> Range<usize> {
        self.body..self.range.end
    }
}

/// Follows one direction of a stream.
#[derive(Clone, Debug)]
pub struct Scanner {
    rules: Rules,
    /// The message that is open, and its bytes so far, with the heads of all frames but its first.
    open: Option<(Opcode, u64)>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Head {
        bytes: [u8; HEAD_MAX],
        seen: usize,
    },
    /// So many bytes of a payload are still to come; never none.
    Payload {
        head: Head,
        message: Opcode,
        left: u64,
    },
    Lost(Offence),
    Over,
}

const BETWEEN: State = State::Head { bytes: [0; HEAD_MAX], seen: 0 };

impl Scanner {
    /// A scanner before the first frame.
    pub const fn new(rules: Rules) -> Self {
        Self { rules, open: None, state: BETWEEN }
    }

    /// The pieces of frames in `chunk`, in order. The iterator must be driven to its end, or to an offence, before the
    /// next chunk is fed.
    #[inline]
    pub fn feed<'s>(&'s mut self, chunk: &'s [u8]) -> Pieces<'s> {
        Pieces { scanner: self, chunk, at: 0 }
    }

    /// What message a frame belongs to.
    #[inline]
    fn place(&mut self, head: &Head) -> Result<Opcode, Offence> {
        if head.opcode.is_control() {
            return Ok(head.opcode);
        }
        let (message, before) = match (head.opcode, self.open) {
            // Its head is kept too, by who keeps the frames of a message: without it empty frames would be for nothing.
            (Opcode::Continuation, Some((message, before))) => {
                (message, before.saturating_add(head.bytes().len() as u64))
            }
            (Opcode::Continuation, None) => return Err(Offence::NothingToContinue),
            (_, Some(_)) => return Err(Offence::Interleaved),
            (opcode, None) => (opcode, 0),
        };
        let len = before.saturating_add(head.len);
        if len > self.rules.message_max {
            return Err(Offence::TooBig { max: self.rules.message_max });
        }
        self.open = (!head.fin).then_some((message, len));
        Ok(message)
    }
}

/// The pieces of one chunk.
#[derive(Debug)]
pub struct Pieces<'s> {
    scanner: &'s mut Scanner,
    chunk: &'s [u8],
    at: usize,
}

impl Pieces<'_> {
    #[inline]
    fn payload(&mut self, (head, message): (Head, Opcode), left: u64, start: usize, part: Part) -> Piece {
        let body = self.at;
        let there = self.chunk.len() - body;
        let taken = usize::try_from(left).map_or(there, |left| left.min(there));
        let missing = left - taken as u64;
        self.at = body + taken;
        self.scanner.state = if missing > 0 {
            State::Payload { head, message, left: missing }
        } else if head.opcode == Opcode::Close {
            State::Over
        } else {
            BETWEEN
        };
        Piece { head, message, part, range: start..self.at, body, before: head.len - left, missing }
    }

    /// A head of which `seen` bytes lay in earlier chunks.
    #[inline]
    fn head(&mut self, mut bytes: [u8; HEAD_MAX], seen: usize) -> Option<Result<(Head, usize), Offence>> {
        let start = self.at;
        let rest = &self.chunk[start..];
        let taken = (HEAD_MAX - seen).min(rest.len());
        bytes[seen..seen + taken].copy_from_slice(&rest[..taken]);
        match Head::parse(&bytes[..seen + taken], &self.scanner.rules) {
            Ok(Some((head, len))) => {
                self.at = start + len - seen;
                Some(Ok((head, start)))
            }
            Ok(None) => {
                self.at += taken;
                self.scanner.state = State::Head { bytes, seen: seen + taken };
                None
            }
            Err(offence) => Some(Err(offence)),
        }
    }

    fn lose(&mut self, offence: Offence) -> Result<Piece, Offence> {
        self.scanner.state = State::Lost(offence);
        self.at = self.chunk.len();
        Err(offence)
    }
}

impl Iterator for Pieces<'_> {
    type Item = Result<Piece, Offence>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.chunk.len() {
            return None;
        }
        Some(match self.scanner.state {
            State::Payload { head, message, left } => {
                Ok(self.payload((head, message), left, self.at, Part::Continues))
            }
            State::Head { bytes, seen } => {
                let placed = self.head(bytes, seen)?.and_then(|(head, start)| {
                    self.scanner.place(&head).map(|message| (head, message, start))
                });
                match placed {
                    Ok((head, message, start)) => {
                        let part = Part::Begins { carried: seen };
                        Ok(self.payload((head, message), head.len, start, part))
                    }
                    Err(offence) => self.lose(offence),
                }
            }
            State::Lost(offence) => self.lose(offence),
            State::Over => {
                self.at = self.chunk.len();
                return None;
            }
        })
    }
}

#[cfg(test)]
mod tests;
