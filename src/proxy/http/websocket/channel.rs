//! One direction of an open WebSocket: bytes in, whole messages and control frames out.

use std::ops::ControlFlow;

use crate::wire::websocket::close::Close;
use crate::wire::websocket::gather::{Gatherer, Whole};
use crate::wire::websocket::opcode::Opcode;
use crate::wire::websocket::rules::{Offence, Rules, Sender};
use crate::wire::websocket::scan::{Part, Scanner};

/// A buffer that grew beyond this is not kept between two messages.
const KEPT_MAX: usize = 16 << 10;

/// Whether somebody looks into messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// They are read.
    Text,
    /// They pass unread.
    Nothing,
}

/// What one direction said.
#[derive(Debug)]
pub(super) enum Said<'c> {
    /// A message, as its frames stand on the wire; its text where it is read and is one, of whichever kind.
    Message(&'c [u8], Option<&'c str>),
    /// Wants to be answered with the same words.
    Ping(&'c [u8]),
    /// Answers a ping.
    Pong,
    /// Its last word.
    Close(Close<'c>),
}

/// One direction.
#[derive(Debug)]
pub(super) struct Channel {
    scanner: Scanner,
    gatherer: Gatherer,
    reading: Reading,
    /// Frames of a message that has not ended.
    tail: Vec<u8>,
}

impl Channel {
    pub(super) fn new(sender: Sender, reading: Reading, message_max: u64) -> Self {
        let rules = Rules { sender, message_max };
        Self { scanner: Scanner::new(rules), gatherer: Gatherer::default(), reading, tail: Vec::new() }
    }

    /// Takes what was read, and tells what came with it until `each` wants no more: then nothing more may be fed.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Said<'_>) -> ControlFlow<()>,
    ) -> Result<(), Offence> {
        let Self { scanner, gatherer, reading, tail } = self;
        for piece in scanner.feed(chunk) {
            let piece = piece?;
            let payload = &chunk[piece.payload()];
            if piece.head.opcode.is_control() {
                let said = match gatherer.take(&piece, payload)? {
                    Some(Whole::Ping(words)) => Said::Ping(words),
                    Some(Whole::Pong(_)) => Said::Pong,
                    Some(Whole::Close(close)) => Said::Close(close),
                    Some(Whole::Text(_) | Whole::Binary(_)) | None => continue,
                };
                if each(said).is_break() {
                    return Ok(());
                }
                continue;
            }
            let here = piece.ends_message()
                && piece.part == (Part::Begins { carried: 0 })
                && piece.head.opcode != Opcode::Continuation;
            if !here {
                if let Part::Begins { carried } = piece.part {
                    tail.extend_from_slice(&piece.head.bytes()[..carried]);
                }
                tail.extend_from_slice(&chunk[piece.range.clone()]);
            }
            let text = match reading {
                Reading::Nothing => None,
                Reading::Text => match gatherer.take(&piece, payload)? {
                    Some(Whole::Text(text)) => Some(text),
                    // Some say their JSON so (web3.py does).
                    Some(Whole::Binary(bytes)) => std::str::from_utf8(bytes).ok(),
                    Some(_) | None => None,
                },
            };
            if !piece.ends_message() {
                continue;
            }
            let message = if here { &chunk[piece.range.clone()] } else { tail.as_slice() };
            let flow = each(Said::Message(message, text));
            tail.clear();
            tail.shrink_to(KEPT_MAX);
            gatherer.shrink(KEPT_MAX);
            if flow.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::websocket::head::{Head, write};

    /// What came out, in words.
    fn told(channel: &mut Channel, chunks: &[&[u8]]) -> (Vec<u8>, Vec<String>) {
        let (mut passed, mut told) = (Vec::new(), Vec::new());
        for chunk in chunks {
            channel
                .feed(chunk, |said| {
                    match said {
                        Said::Message(bytes, text) => {
                            passed.extend_from_slice(bytes);
                            told.push(format!("message {}", text.unwrap_or("-")));
                        }
                        Said::Ping(words) => told.push(format!("ping {}", String::from_utf8_lossy(words))),
                        Said::Pong => told.push("pong".to_owned()),
                        Said::Close(close) => {
                            told.push(format!("close {:?}", close.code));
                        }
                    }
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
        (passed, told)
    }

    fn stream() -> (Vec<u8>, Vec<u8>) {
        let (mut all, mut messages) = (Vec::new(), Vec::new());
        let key = Some([1, 2, 3, 4]);
        write(&mut messages, Opcode::Text, key, b"one");
        all.extend_from_slice(&messages);
        let mut first = Head { fin: false, ..Head::whole(Opcode::Text, None, 2) }.bytes().to_vec();
        first.extend_from_slice(b"tw");
        let mut last = Head::whole(Opcode::Continuation, None, 1).bytes().to_vec();
        last.extend_from_slice(b"o");
        let mask = |frame: &[u8]| {
            let mut out = vec![frame[0], frame[1] | 0x80, 0, 0, 0, 0];
            out.extend_from_slice(&frame[2..]);
            out
        };
        all.extend_from_slice(&mask(&first));
        write(&mut all, Opcode::Ping, key, b"?");
        all.extend_from_slice(&mask(&last));
        messages.extend_from_slice(&mask(&first));
        messages.extend_from_slice(&mask(&last));
        (all, messages)
    }

    proptest! {
        #[test]
        fn messages_come_whole_and_byte_for_byte_however_they_are_split(cuts in prop::collection::vec(0_usize..40, 0..6)) {
            let (all, messages) = stream();
            let mut places: Vec<usize> = cuts.into_iter().map(|cut| cut.min(all.len())).collect();
            places.extend([0, all.len()]);
            places.sort_unstable();
            let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &all[pair[0]..pair[1]]).collect();
            for (reading, words) in [(Reading::Text, ["message one", "ping ?", "message two"]), (Reading::Nothing, ["message -", "ping ?", "message -"])] {
                let mut channel = Channel::new(Sender::Client, reading, 1 << 20);
                let (passed, told) = told(&mut channel, &chunks);
                prop_assert_eq!(&passed, &messages);
                prop_assert_eq!(told, words);
                prop_assert!(channel.tail.is_empty());
            }
        }
    }

    #[test]
    fn text_that_was_sent_as_bytes_is_read_and_passes_as_it_was() {
        let (mut all, key) = (Vec::new(), Some([9, 8, 7, 6]));
        write(&mut all, Opcode::Binary, key, b"{}");
        write(&mut all, Opcode::Binary, key, b"\xc3\x28");
        let mut channel = Channel::new(Sender::Client, Reading::Text, 1 << 20);
        let (passed, told) = told(&mut channel, &[&all]);
        assert_eq!((passed, told), (all, vec!["message {}".to_owned(), "message -".to_owned()]));
    }

    #[test]
    fn of_a_message_that_has_not_ended_nothing_passes() {
        let (all, _) = stream();
        let mut channel = Channel::new(Sender::Client, Reading::Nothing, 1 << 20);
        let (passed, told) = told(&mut channel, &[&all[..8]]);
        assert!(passed.is_empty() && told.is_empty() && !channel.tail.is_empty());
    }
}
