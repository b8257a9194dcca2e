//! Where messages begin and end in a stream.
//!
//! After startup every message is a tag byte, a length of four bytes that counts itself but not the tag, and
//! a body. The [`Scanner`] is fed the stream in whatever chunks the socket gave and says which range of a
//! chunk belongs to which message. It keeps no bytes but a header cut in two.

use std::ops::Range;

/// Bytes of a header: tag and length.
pub const HEADER_LEN: usize = 5;

/// The longest message that either side can send: a server builds none over 1 GiB.
pub const MESSAGE_MAX: u32 = 1 << 30;

/// The smallest value of the length field: it counts its own four bytes.
const LENGTH_MIN: u32 = 4;

/// Why a header can't be followed: the stream is lost from here on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// The length does not even count itself.
    #[error("message of type {tag:#04x} has the length {len}, less than the length field itself")]
    Short {
        /// The message's tag.
        tag: u8,
        /// The length as sent.
        len: u32,
    },
    /// Over the bound, or negative if read as the signed number it is.
    #[error("message of type {tag:#04x} has the length {len}, over the bound of {max}")]
    Long {
        /// The message's tag.
        tag: u8,
        /// The length as sent.
        len: u32,
        /// The bound.
        max: u32,
    },
}

/// The first five bytes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What kind of message.
    pub tag: u8,
    /// The length field as sent: body and itself.
    pub len: u32,
}

impl Header {
    /// The header at the start of `bytes`; `None` where fewer than [`HEADER_LEN`] are there. `max` bounds the
    /// length field.
    #[inline]
    pub fn parse(bytes: &[u8], max: u32) -> Result<Option<Self>, FrameError> {
        match bytes.first_chunk() {
            Some(head) => Self::from_array(*head, max).map(Some),
            None => Ok(None),
        }
    }

    #[inline]
    fn from_array([tag, a, b, c, d]: [u8; HEADER_LEN], max: u32) -> Result<Self, FrameError> {
        let len = u32::from_be_bytes([a, b, c, d]);
        if len < LENGTH_MIN {
            Err(FrameError::Short { tag, len })
        } else if len > max {
            Err(FrameError::Long { tag, len, max })
        } else {
            Ok(Self { tag, len })
        }
    }

    /// Bytes of the body.
    #[inline]
    pub fn body_len(self) -> u32 {
        self.len.saturating_sub(LENGTH_MIN)
    }

    /// Bytes of the whole message with its tag.
    #[inline]
    pub fn message_len(self) -> u64 {
        u64::from(self.len) + 1
    }

    /// As sent.
    #[inline]
    pub fn bytes(self) -> [u8; HEADER_LEN] {
        let [a, b, c, d] = self.len.to_be_bytes();
        [self.tag, a, b, c, d]
    }
}

/// Whether a piece opens its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The header was completed in this chunk.
    Begins {
        /// How many bytes of the header lay in earlier chunks: these of [`Header::bytes`].
        carried: usize,
    },
    /// More body of a message whose header was told before.
    Continues,
}

/// What a chunk holds of one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The message's header.
    pub header: Header,
    /// Whether it begins here.
    pub part: Part,
    /// The message's bytes in this chunk, header included.
    pub range: Range<usize>,
    /// Where in the chunk the body's bytes begin; they end with `range`.
    pub body: usize,
    /// Body bytes still to come in later chunks.
    pub missing: u32,
}

impl Piece {
    /// Whether the message ends in this chunk.
    #[inline]
    pub fn ends(&self) -> bool {
        self.missing == 0
    }

    /// The body, if this chunk has all of it.
    #[inline]
    pub fn whole<'c>(&self, chunk: &'c [u8]) -> Option<&'c [u8]> {
        match self.part {
            Part::Begins { .. } if self.ends() => chunk.get(self.body..self.range.end),
            Part::Begins { .. } | Part::Continues => None,
        }
    }
}

/// Follows one direction of a stream.
///
/// ```text
///            5 header bytes             body all there
///  Head(n) ────────────────► Body(left) ───────────────► Head(0)
///     └── bad length ──► Lost: every further feed says so again
/// ```
#[derive(Clone, Debug)]
pub struct Scanner {
    max: u32,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// This many bytes of a header were seen.
    Head {
        bytes: [u8; HEADER_LEN],
        seen: usize,
    },
    /// This many bytes of a body are still to come; never none.
    Body {
        header: Header,
        left: u32,
    },
    Lost(FrameError),
}

const AT_BOUNDARY: State = State::Head { bytes: [0; HEADER_LEN], seen: 0 };

impl Scanner {
    /// A scanner at a message boundary. `max` bounds the length field.
    pub fn new(max: u32) -> Self {
        Self { max, state: AT_BOUNDARY }
    }

    /// The pieces of messages in `chunk`, in order. The iterator must be driven to its end, or to an error,
    /// before the next chunk is fed.
    #[inline]
    pub fn feed<'s>(&'s mut self, chunk: &'s [u8]) -> Pieces<'s> {
        Pieces { scanner: self, chunk, at: 0 }
    }

    /// Whether the stream stands between two messages.
    #[inline]
    pub fn at_boundary(&self) -> bool {
        matches!(self.state, State::Head { seen: 0, .. })
    }

    /// The bytes of a header that is not complete yet: the end of what was fed.
    pub fn undecided(&self) -> &[u8] {
        match &self.state {
            State::Head { bytes, seen } => &bytes[..*seen],
            State::Body { .. } | State::Lost(_) => &[],
        }
    }

    /// The message under way and how much of its body is still to come.
    pub fn within(&self) -> Option<(Header, u32)> {
        match self.state {
            State::Body { header, left } => Some((header, left)),
            State::Head { .. } | State::Lost(_) => None,
        }
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
    fn body(&mut self, header: Header, left: u32, start: usize, part: Part) -> Piece {
        let body = self.at;
        let there = self.chunk.len() - body;
        let taken = u32::try_from(there).map_or(left, |there| there.min(left));
        let missing = left - taken;
        self.at = body + taken as usize;
        self.scanner.state = if missing == 0 { AT_BOUNDARY } else { State::Body { header, left: missing } };
        Piece { header, part, range: start..self.at, body, missing }
    }

    /// A header of which `seen` bytes lay in earlier chunks.
    #[inline]
    fn head(
        &mut self,
        mut bytes: [u8; HEADER_LEN],
        seen: usize,
    ) -> Option<Result<(Header, usize), FrameError>> {
        let start = self.at;
        let taken = (HEADER_LEN - seen).min(self.chunk.len() - start);
        self.at += taken;
        bytes[seen..seen + taken].copy_from_slice(&self.chunk[start..self.at]);
        if seen + taken < HEADER_LEN {
            self.scanner.state = State::Head { bytes, seen: seen + taken };
            return None;
        }
        Some(Header::from_array(bytes, self.scanner.max).map(|header| (header, start)))
    }
}

impl Iterator for Pieces<'_> {
    type Item = Result<Piece, FrameError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.chunk.len() {
            return None;
        }
        match self.scanner.state {
            State::Body { header, left } => Some(Ok(self.body(header, left, self.at, Part::Continues))),
            State::Head { bytes, seen } => match self.head(bytes, seen)? {
                Ok((header, start)) => {
                    let part = Part::Begins { carried: seen };
                    Some(Ok(self.body(header, header.body_len(), start, part)))
                }
                Err(error) => {
                    self.scanner.state = State::Lost(error);
                    self.at = self.chunk.len();
                    Some(Err(error))
                }
            },
            State::Lost(error) => {
                self.at = self.chunk.len();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Messages put together again from the pieces of a stream cut at `cuts`.
    fn gathered(stream: &[u8], cuts: &[usize], max: u32) -> Result<Vec<(u8, Vec<u8>)>, FrameError> {
        let mut scanner = Scanner::new(max);
        let mut messages = Vec::new();
        let mut open: Option<Vec<u8>> = None;
        let mut edges: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        edges.extend([0, stream.len()]);
        edges.sort_unstable();
        for pair in edges.windows(2) {
            let chunk = &stream[pair[0]..pair[1]];
            for piece in scanner.feed(chunk) {
                let piece = piece?;
                let mut bytes = match piece.part {
                    Part::Begins { carried } => piece.header.bytes()[..carried].to_vec(),
                    Part::Continues => open.take().unwrap(),
                };
                bytes.extend_from_slice(&chunk[piece.range.clone()]);
                if piece.ends() {
                    messages.push((piece.header.tag, bytes));
                } else {
                    assert_eq!(piece.range.end, chunk.len());
                    open = Some(bytes);
                }
            }
            assert_eq!(scanner.within().is_some(), open.is_some());
        }
        assert_eq!(scanner.at_boundary(), open.is_none() && scanner.undecided().is_empty());
        Ok(messages)
    }

    #[test]
    fn a_query_and_a_sync_are_found_in_place() {
        let chunk = b"Q\0\0\0\x0dselect 1\0S\0\0\0\x04";
        let mut scanner = Scanner::new(MESSAGE_MAX);
        let pieces: Vec<_> = scanner.feed(chunk).map(Result::unwrap).collect();
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces[0].whole(chunk), Some(&b"select 1\0"[..]));
        assert_eq!((pieces[1].header.tag, pieces[1].range.clone()), (b'S', 14..19));
        assert_eq!(pieces[1].header.message_len(), 5);
        assert!(scanner.at_boundary());
    }

    #[test]
    fn a_cut_header_is_told_with_what_was_carried() {
        let mut scanner = Scanner::new(MESSAGE_MAX);
        assert_eq!(scanner.feed(b"Z\0\0").count(), 0);
        assert_eq!(scanner.undecided(), b"Z\0\0");
        let piece = scanner.feed(b"\0\x05").next().unwrap().unwrap();
        assert_eq!((piece.part, piece.range, piece.missing), (Part::Begins { carried: 3 }, 0..2, 1));
        let piece = scanner.feed(b"I").next().unwrap().unwrap();
        assert_eq!((piece.part, piece.range, piece.missing), (Part::Continues, 0..1, 0));
    }

    #[test]
    fn lengths_that_lie_are_refused_for_good() {
        let mut scanner = Scanner::new(100);
        let short = FrameError::Short { tag: b'Q', len: 3 };
        assert_eq!(scanner.feed(b"Q\0\0\0\x03rest").collect::<Vec<_>>(), [Err(short)]);
        assert_eq!(scanner.feed(b"more").collect::<Vec<_>>(), [Err(short)]);
        let long = FrameError::Long { tag: b'Q', len: 101, max: 100 };
        assert_eq!(Header::parse(b"Q\0\0\0\x65", 100), Err(long));
        let negative = Header::parse(b"D\xff\xff\xff\xff", MESSAGE_MAX);
        assert!(matches!(negative, Err(FrameError::Long { len: u32::MAX, .. })));
        assert_eq!(Header::parse(b"D\xff\xff\xff", 100), Ok(None));
        assert_eq!(Header::parse(b"S\0\0\0\x04", 4), Ok(Some(Header { tag: b'S', len: 4 })));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(
            bodies in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
            cuts in prop::collection::vec(any::<usize>(), 0..30),
            tail in 0_usize..8,
        ) {
            let mut stream = Vec::new();
            let mut sent = Vec::new();
            for (tag, body) in &bodies {
                let len = u32::try_from(body.len()).unwrap() + 4;
                let mut message = Header { tag: *tag, len }.bytes().to_vec();
                message.extend_from_slice(body);
                stream.extend_from_slice(&message);
                sent.push((*tag, message));
            }
            let cut_short = tail.min(stream.len());
            prop_assert_eq!(&gathered(&stream, &cuts, MESSAGE_MAX).unwrap(), &sent);
            // A stream that ends early gives a prefix of the messages.
            let early = gathered(&stream[..stream.len() - cut_short], &cuts, MESSAGE_MAX).unwrap();
            prop_assert!(sent.starts_with(&early));
        }

        #[test]
        fn any_bytes_at_any_split_give_one_answer(
            stream in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..200),
            cuts in prop::collection::vec(any::<usize>(), 0..20),
        ) {
            prop_assert_eq!(gathered(&stream, &cuts, 64), gathered(&stream, &[], 64));
        }
    }
}
