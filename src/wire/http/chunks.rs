//! A chunked body (RFC 9112, 7.1): where it ends, for any split of its bytes. Nothing is decoded, and nothing kept.
//!
//! Stricter than most readers: a size is hexadecimal digits and nothing else, lines end in CR LF, extensions and trailers
//! are bounded. What passes here is understood in one way by everybody behind it.

use super::fault::Fault;

/// Digits of a chunk's size: more than a 64-bit number has are refused, zeros too.
const DIGITS_MAX: u8 = 16;
/// Bytes of extensions on one chunk's line.
const EXTENSION_MAX: u16 = 1 << 10;
/// Bytes of all fields after the last chunk.
const TRAILER_MAX: u16 = 8 << 10;

/// Where the scanner stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// In a size of so many digits.
    Size(u8),
    /// In the extensions, after so many bytes.
    Extension(u16),
    /// Before the LF of a chunk's line.
    LineEnd,
    /// In a chunk's data, of which so much is to come.
    Data,
    /// Before the CR after the data.
    DataCr,
    /// Before the LF after the data.
    DataLf,
    /// At the start of a line after the last chunk.
    Trailer,
    /// In such a line, before its colon.
    TrailerName,
    /// In such a line, behind its colon.
    TrailerValue,
    /// Before the LF of such a line.
    TrailerEnd,
    /// Before the last LF.
    LastLf,
    /// Behind it.
    Over,
}

/// A chunked body on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunks {
    at: At,
    /// The size of the chunk, or what is to come of it.
    left: u64,
    trailer: u16,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { at: At::Size(0), left: 0, trailer: 0 }
    }
}

impl Chunks {
    /// Whether the body is over.
    pub fn is_over(&self) -> bool {
        self.at == At::Over
    }

    /// How many of the next bytes are the body's: all of them, unless it ends among them.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut place = 0;
        while place < bytes.len() && self.at != At::Over {
            if self.at == At::Data {
                let here = self.left.min((bytes.len() - place) as u64);
                self.left -= here;
                place += usize::try_from(here).unwrap_or(usize::MAX);
                if self.left == 0 {
                    self.at = At::DataCr;
                }
            } else {
                self.step(bytes[place])?;
                place += 1;
            }
        }
        Ok(place)
    }

    /// The same, with what they are content of appended to `out`.
    pub fn extract(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        let mut place = 0;
        while place < bytes.len() && !self.is_over() {
            let here = if self.at == At::Data {
                let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                let here = left.min(bytes.len() - place);
                out.extend_from_slice(&bytes[place..place + here]);
                here
            } else {
                1
            };
            self.advance(&bytes[place..place + here])?;
            place += here;
        }
        Ok(place)
    }

    fn step(&mut self, byte: u8) -> Result<(), Fault> {
        self.at = match (self.at, byte) {
            (At::Size(0), b'\r' | b';') => return Err(Fault::Chunk),
            (At::Size(_) | At::Extension(_), b'\r') => At::LineEnd,
            (At::Size(_), b';') => At::Extension(0),
            (At::Size(digits), _) => {
                let digit = char::from(byte).to_digit(16).filter(|_| digits < DIGITS_MAX);
                self.left = self.left << 4 | u64::from(digit.ok_or(Fault::Chunk)?);
                At::Size(digits + 1)
            }
            (At::Extension(count), _) if count < EXTENSION_MAX && is_text(byte) => At::Extension(count + 1),
            (At::LineEnd, b'\n') if self.left == 0 => At::Trailer,
            (At::LineEnd, b'\n') => At::Data,
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Size(0),
            (At::Trailer, b'\r') => At::LastLf,
            (At::LastLf, b'\n') => At::Over,
            (At::Trailer | At::TrailerName | At::TrailerValue | At::TrailerEnd, _) => self.trailer(byte)?,
            (
                At::Extension(_) | At::LineEnd | At::Data | At::DataCr | At::DataLf | At::LastLf | At::Over,
                _,
            ) => return Err(Fault::Chunk),
        };
        Ok(())
    }

    /// A byte of the fields after the last chunk.
    fn trailer(&mut self, byte: u8) -> Result<At, Fault> {
        self.trailer += 1;
        if self.trailer > TRAILER_MAX {
            return Err(Fault::Trailer);
        }
        match (self.at, byte) {
            (At::TrailerName, b':') => Ok(At::TrailerValue),
            (At::Trailer | At::TrailerName, _) if is_token(byte) => Ok(At::TrailerName),
            (At::TrailerValue, b'\r') => Ok(At::TrailerEnd),
            (At::TrailerValue, _) if is_text(byte) => Ok(At::TrailerValue),
            (At::TrailerEnd, b'\n') => Ok(At::Trailer),
            _ => Err(Fault::Trailer),
        }
    }
}

/// The content of a chunked body that is all there; none where it is not.
pub fn content(sent: &[u8]) -> Option<Vec<u8>> {
    let (mut chunks, mut content) = (Chunks::default(), Vec::with_capacity(sent.len()));
    let place = chunks.extract(sent, &mut content).ok()?;
    (chunks.is_over() && place == sent.len()).then_some(content)
}

/// A byte of a value: no control character but the tabulator.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// A byte of a token (RFC 9110, 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
