//! The fields of a message's body: read in place, strictly, and written.

/// Why a body is not what its tag says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// It ends before this field does.
    #[error("message ends within its {0}")]
    Ends(&'static str),
    /// Bytes after the last field.
    #[error("message has {0} bytes too many")]
    Left(usize),
    /// This field has a value that it can't have.
    #[error("message has an impossible {0}")]
    Value(&'static str),
}

/// A string of a message and where in the body it lies, its terminator excluded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span<'b> {
    /// The string's bytes, in whatever encoding the client has.
    pub bytes: &'b [u8],
    /// Its offset in the body.
    pub at: usize,
}

impl Span<'_> {
    /// The offset of its terminator in the body.
    #[inline]
    pub fn end(&self) -> usize {
        self.at + self.bytes.len()
    }
}

/// Reads a body from front to back.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'b> {
    body: &'b [u8],
    at: usize,
}

impl<'b> Fields<'b> {
    /// At the body's first byte.
    #[inline]
    pub fn new(body: &'b [u8]) -> Self {
        Self { body, at: 0 }
    }

    /// The offset of the next field.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// What was not read yet.
    #[inline]
    pub fn rest(&self) -> &'b [u8] {
        &self.body[self.at..]
    }

    /// The next `count` bytes.
    #[inline]
    pub fn bytes(&mut self, count: usize, what: &'static str) -> Result<&'b [u8], BodyError> {
        let taken = self.rest().get(..count).ok_or(BodyError::Ends(what))?;
        self.at += count;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], BodyError> {
        let taken = self.rest().first_chunk().ok_or(BodyError::Ends(what))?;
        self.at += N;
        Ok(*taken)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self, what: &'static str) -> Result<u8, BodyError> {
        self.array(what).map(|[byte]| byte)
    }

    /// An `Int16`, unsigned: all counts and codes of the protocol are.
    #[inline]
    pub fn u16(&mut self, what: &'static str) -> Result<u16, BodyError> {
        self.array(what).map(u16::from_be_bytes)
    }

    /// An `Int32`, unsigned.
    #[inline]
    pub fn u32(&mut self, what: &'static str) -> Result<u32, BodyError> {
        self.array(what).map(u32::from_be_bytes)
    }

    /// An `Int32` that may be negative.
    #[inline]
    pub fn i32(&mut self, what: &'static str) -> Result<i32, BodyError> {
        self.array(what).map(i32::from_be_bytes)
    }

    /// A string up to its terminator, which is read too.
    #[inline]
    pub fn string(&mut self, what: &'static str) -> Result<Span<'b>, BodyError> {
        let rest = self.rest();
        let len = memchr::memchr(0, rest).ok_or(BodyError::Ends(what))?;
        let span = Span { bytes: &rest[..len], at: self.at };
        self.at += len + 1;
        Ok(span)
    }

    /// A value behind its length; `None` for NULL, whose length is -1.
    #[inline]
    pub fn value(&mut self, what: &'static str) -> Result<Option<&'b [u8]>, BodyError> {
        match self.i32(what)? {
            -1 => Ok(None),
            len => {
                let len = usize::try_from(len).map_err(|_| BodyError::Value(what))?;
                self.bytes(len, what).map(Some)
            }
        }
    }

    /// Sees that the body ends here.
    #[inline]
    pub fn end(&self) -> Result<(), BodyError> {
        match self.rest().len() {
            0 => Ok(()),
            left => Err(BodyError::Left(left)),
        }
    }
}

/// Appends a message: its tag, the length of what `body` writes, and that.
pub fn message(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    sized(out, body);
}

/// Appends a length that counts itself and what `body` writes.
pub fn sized(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let len = u32::try_from(out.len() - start).expect("a message that is built here is far under 4 GiB");
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Appends a terminated string. Nothing after a NUL within it is written, so it can't break the message.
pub fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    out.extend_from_slice(&text[..end]);
    out.push(0);
}

/// Appends a number.
pub fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends a small number.
pub fn put_u16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends a value behind its length, or NULL.
pub fn put_value(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => put_u32(out, u32::MAX),
        Some(bytes) => {
            let len = u32::try_from(bytes.len()).expect("a value that is built here is far under 4 GiB");
            put_u32(out, len);
            out.extend_from_slice(bytes);
        }
    }
}

/// Appends how many things follow; no more than an `Int16` can say.
pub fn put_count(out: &mut Vec<u8>, count: usize) {
    put_u16(out, u16::try_from(count).expect("what is built here has far fewer parts"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_written() {
        let mut out = Vec::new();
        message(&mut out, b'x', |out| {
            put_string(out, b"name\0cut");
            put_u16(out, 7);
            put_u32(out, 70_000);
            put_value(out, Some(b"abc"));
            put_value(out, None);
            put_count(out, 2);
        });
        assert_eq!(&out[..5], b"x\0\0\0\x1c");
        let mut fields = Fields::new(&out[5..]);
        let name = fields.string("name").unwrap();
        assert_eq!((name.bytes, name.at, name.end()), (&b"name"[..], 0, 4));
        assert_eq!((fields.u16("n"), fields.i32("m")), (Ok(7), Ok(70_000)));
        assert_eq!((fields.value("v"), fields.value("w")), (Ok(Some(&b"abc"[..])), Ok(None)));
        assert_eq!(fields.end(), Err(BodyError::Left(2)));
        assert_eq!(fields.u16("c"), Ok(2));
        assert_eq!((fields.end(), fields.at()), (Ok(()), 24));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Fields::new(b"\0").u16("count"), Err(BodyError::Ends("count")));
        assert_eq!(Fields::new(b"abc").string("name"), Err(BodyError::Ends("name")));
        assert_eq!(Fields::new(b"\0\0\0\x05abc").value("row"), Err(BodyError::Ends("row")));
        assert_eq!(Fields::new(b"\xff\xff\xff\xfe").value("row"), Err(BodyError::Value("row")));
        assert_eq!(Fields::new(b"").byte("kind"), Err(BodyError::Ends("kind")));
    }
}
