//! The messages: texts of 256 bytes, made once. Who reads them holds each against what it must be, to the byte.

use std::ops::Range;

use fdguard::model::clock::Timestamp;
use fdguard::wire::websocket::head::write;
use fdguard::wire::websocket::opcode::Opcode;

use crate::common::Attempt;

/// Bytes of a text.
const TEXT: usize = 256;
/// Letters of a text that say when it was sent: sixteen, of four bits each.
const STAMP: usize = 16;
/// Where they stand in a message of the upstream, behind its head.
const PLACE: Range<usize> = 4..4 + STAMP;
/// Bytes of a message, of a client and of the upstream.
pub(crate) const QUESTION: usize = ANSWER + MASK.len();
pub(crate) const ANSWER: usize = PLACE.start + TEXT;
/// The mask of clients.
const MASK: [u8; 4] = [0x5a, 0x13, 0xc4, 0x77];

/// So many messages of a client.
pub(crate) fn questions(count: usize) -> Vec<u8> {
    frame(Some(MASK)).repeat(count)
}

/// So many messages of the upstream.
pub(crate) fn answers(count: usize) -> Vec<u8> {
    frame(None).repeat(count)
}

fn frame(mask: Option<[u8; 4]>) -> Vec<u8> {
    let text: Vec<u8> = (b'a'..=b'z').cycle().take(TEXT).collect();
    let mut frame = Vec::new();
    write(&mut frame, Opcode::Text, mask, &text);
    frame
}

/// Writes into messages of the upstream that they are sent now.
pub(crate) fn stamp(messages: &mut [u8], now: Timestamp) {
    let mut letters = [0; STAMP];
    for (place, letter) in letters.iter_mut().enumerate() {
        *letter = b'a' + ((now.as_nanos() >> (4 * place)) & 15) as u8;
    }
    for message in messages.chunks_exact_mut(ANSWER) {
        message[PLACE].copy_from_slice(&letters);
    }
}

/// When a message was sent.
pub(crate) fn sent(message: &[u8]) -> Timestamp {
    let bits = |sum: u64, letter: &u8| (sum << 4) | u64::from(letter.wrapping_sub(b'a'));
    Timestamp::from_nanos(message[PLACE].iter().rev().fold(0, bits))
}

/// Messages out of bytes as they come.
#[derive(Debug)]
pub(crate) struct Frames {
    like: Vec<u8>,
    /// What of it is another in each.
    free: Range<usize>,
    /// Of one that has not ended.
    rest: Vec<u8>,
}

impl Frames {
    /// Those of a client.
    pub(crate) fn questions() -> Self {
        Self { like: questions(1), free: 0..0, rest: Vec::new() }
    }

    /// Those of an upstream.
    pub(crate) fn answers() -> Self {
        Self { like: answers(1), free: PLACE, rest: Vec::new() }
    }

    /// Takes bytes, and gives each message that is whole.
    pub(crate) fn take(&mut self, mut chunk: &[u8], mut each: impl FnMut(&[u8])) -> Attempt<()> {
        let size = self.like.len();
        if !self.rest.is_empty() {
            let (more, left) = chunk.split_at((size - self.rest.len()).min(chunk.len()));
            self.rest.extend_from_slice(more);
            chunk = left;
            if self.rest.len() < size {
                return Ok(());
            }
            let message = std::mem::take(&mut self.rest);
            self.hold(&message)?;
            each(&message);
        }
        let mut messages = chunk.chunks_exact(size);
        for message in messages.by_ref() {
            self.hold(message)?;
            each(message);
        }
        self.rest.extend_from_slice(messages.remainder());
        Ok(())
    }

    fn hold(&self, message: &[u8]) -> Attempt<()> {
        let Range { start, end } = self.free;
        if message[..start] == self.like[..start] && message[end..] == self.like[end..] {
            return Ok(());
        }
        Err(format!("this is no message of the bench: {:02x?}", &message[..message.len().min(8)]).into())
    }
}
