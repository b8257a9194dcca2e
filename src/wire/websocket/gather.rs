//! Whole messages from the pieces of frames, for who must read them.
//!
//! Control frames that stand between the frames of a message come out where they stand. What a message may have in all is
//! the scanner's to say.

use crate::wire::websocket::close::Close;
use crate::wire::websocket::mask;
use crate::wire::websocket::opcode::Opcode;
use crate::wire::websocket::rules::Offence;
use crate::wire::websocket::scan::Piece;
use crate::wire::websocket::utf8::Utf8;

/// A message as it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whole<'g> {
    /// Text; it is UTF-8.
    Text(&'g str),
    /// Bytes.
    Binary(&'g [u8]),
    /// A ping and what its pong must say.
    Ping(&'g [u8]),
    /// A pong and what its ping said.
    Pong(&'g [u8]),
    /// The last frame of this side.
    Close(Close<'g>),
}

/// Puts the messages of one direction together.
#[derive(Clone, Debug)]
pub struct Gatherer {
    data: Vec<u8>,
    utf8: Utf8,
    control: Vec<u8>,
}

impl Default for Gatherer {
    fn default() -> Self {
        Self { data: Vec::new(), utf8: Utf8::NEW, control: Vec::new() }
    }
}

impl Gatherer {
    /// A piece and the bytes of its payload in this chunk, as the scanner told them; gives the message that ends with
    /// it.
    pub fn take(&mut self, piece: &Piece, payload: &[u8]) -> Result<Option<Whole<'_>>, Offence> {
        if piece.head.opcode.is_control() { self.control(piece, payload) } else { self.data(piece, payload) }
    }

    fn control(&mut self, piece: &Piece, payload: &[u8]) -> Result<Option<Whole<'_>>, Offence> {
        if piece.before == 0 {
            self.control.clear();
        }
        unmasked(&mut self.control, piece, payload);
        if !piece.ends() {
            return Ok(None);
        }
        Ok(Some(match piece.message {
            Opcode::Ping => Whole::Ping(&self.control),
            Opcode::Close => Whole::Close(Close::parse(&self.control)?),
            Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => Whole::Pong(&self.control),
        }))
    }

    fn data(&mut self, piece: &Piece, payload: &[u8]) -> Result<Option<Whole<'_>>, Offence> {
        if piece.before == 0 && piece.head.opcode != Opcode::Continuation {
            self.data.clear();
        }
        let start = self.data.len();
        unmasked(&mut self.data, piece, payload);
        if piece.message == Opcode::Text {
            self.utf8.feed(&self.data[start..]).map_err(|_| Offence::Text)?;
        }
        if !piece.ends_message() {
            return Ok(None);
        }
        if piece.message != Opcode::Text {
            return Ok(Some(Whole::Binary(&self.data)));
        }
        self.utf8.end().map_err(|_| Offence::Text)?;
        std::str::from_utf8(&self.data).map(|text| Some(Whole::Text(text))).map_err(|_| Offence::Text)
    }

    /// Gives room back that a big message took, between two messages.
    pub fn shrink(&mut self, to: usize) {
        if self.data.capacity() > to {
            self.data.clear();
            self.data.shrink_to(to);
        }
    }
}

fn unmasked(out: &mut Vec<u8>, piece: &Piece, payload: &[u8]) {
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = piece.head.key {
        mask::apply(&mut out[start..], key, piece.before);
    }
}
