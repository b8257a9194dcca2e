//! What a client sends: views of the fields that a pooler needs, in place.
//!
//! A view takes the body, the header excluded, and refuses what is not exactly one message. [`Parse::names`]
//! and its like look at the start of a body whose end has not come yet.

mod write;

pub use write::*;

use super::fields::{BodyError, Fields, Span};

/// The kinds of messages that a client sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Values for a statement's parameters: a portal.
    Bind,
    /// Forget a statement or a portal.
    Close,
    /// Bytes of a COPY.
    CopyData,
    /// The end of a COPY.
    CopyDone,
    /// A COPY given up.
    CopyFail,
    /// Tell of a statement or a portal.
    Describe,
    /// Run a portal.
    Execute,
    /// Send what is ready.
    Flush,
    /// A call by the fast path.
    FunctionCall,
    /// Prepare a statement.
    Parse,
    /// A password, or a step of SASL: which one depends on what was asked.
    Password,
    /// Text to run.
    Query,
    /// The end of a batch.
    Sync,
    /// Goodbye.
    Terminate,
}

impl Kind {
    /// The kind with this tag.
    #[inline]
    pub fn of(tag: u8) -> Option<Self> {
        match tag {
            b'B' => Some(Self::Bind),
            b'C' => Some(Self::Close),
            b'd' => Some(Self::CopyData),
            b'c' => Some(Self::CopyDone),
            b'f' => Some(Self::CopyFail),
            b'D' => Some(Self::Describe),
            b'E' => Some(Self::Execute),
            b'H' => Some(Self::Flush),
            b'F' => Some(Self::FunctionCall),
            b'P' => Some(Self::Parse),
            b'p' => Some(Self::Password),
            b'Q' => Some(Self::Query),
            b'S' => Some(Self::Sync),
            b'X' => Some(Self::Terminate),
            _ => None,
        }
    }

    /// Its tag.
    #[inline]
    pub fn tag(self) -> u8 {
        match self {
            Self::Bind => b'B',
            Self::Close => b'C',
            Self::CopyData => b'd',
            Self::CopyDone => b'c',
            Self::CopyFail => b'f',
            Self::Describe => b'D',
            Self::Execute => b'E',
            Self::Flush => b'H',
            Self::FunctionCall => b'F',
            Self::Parse => b'P',
            Self::Password => b'p',
            Self::Query => b'Q',
            Self::Sync => b'S',
            Self::Terminate => b'X',
        }
    }

    /// The bound on its length field: the server takes no more.
    pub fn length_max(self) -> u32 {
        match self {
            Self::CopyDone
            | Self::CopyFail
            | Self::Close
            | Self::Describe
            | Self::Execute
            | Self::Flush
            | Self::Sync
            | Self::Terminate => SMALL_MAX,
            Self::Password => PASSWORD_MAX,
            Self::Bind | Self::CopyData | Self::FunctionCall | Self::Parse | Self::Query => LARGE_MAX,
        }
    }
}

/// The longest of the messages that are small by nature; the server's own bound.
pub const SMALL_MAX: u32 = 10_000;

/// The longest of the messages that may be large; the server's own bound.
pub const LARGE_MAX: u32 = 0x3fff_fffe;

/// The longest password or step of SASL; the server's own bound.
pub const PASSWORD_MAX: u32 = 65_535;

/// What Describe and Close mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// A prepared statement.
    Statement,
    /// A portal.
    Portal,
}

impl Target {
    fn from_byte(byte: u8) -> Result<Self, BodyError> {
        match byte {
            b'S' => Ok(Self::Statement),
            b'P' => Ok(Self::Portal),
            _ => Err(BodyError::Value("target")),
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }
}

/// The text of a Query.
pub fn query(body: &[u8]) -> Result<&[u8], BodyError> {
    only_string(body, "query")
}

/// The reason of a CopyFail.
pub fn copy_fail(body: &[u8]) -> Result<&[u8], BodyError> {
    only_string(body, "reason")
}

/// A password, clear or md5.
pub fn password(body: &[u8]) -> Result<&[u8], BodyError> {
    only_string(body, "password")
}

fn only_string<'b>(body: &'b [u8], what: &'static str) -> Result<&'b [u8], BodyError> {
    let mut fields = Fields::new(body);
    let text = fields.string(what)?;
    fields.end()?;
    Ok(text.bytes)
}

/// Prepare a statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parse<'b> {
    /// Its name, empty for the unnamed one.
    pub name: Span<'b>,
    /// Its text.
    pub query: Span<'b>,
    types: &'b [u8],
}

impl<'b> Parse<'b> {
    /// The whole body.
    #[inline]
    #[expect(clippy::self_named_constructors, reason = "all views are made by a `parse`")]
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let name = fields.string("statement name")?;
        let query = fields.string("query")?;
        let count = fields.u16("number of types")?;
        let types = fields.bytes(usize::from(count) * 4, "types")?;
        fields.end()?;
        Ok(Self { name, query, types })
    }

    /// The name at the start of a body that may not be whole; `None` where not even that is there.
    #[inline]
    pub fn names(start: &'b [u8]) -> Option<Span<'b>> {
        Fields::new(start).string("statement name").ok()
    }

    /// The object ids of the parameters' types, 0 where the server shall find out. May be fewer than the
    /// parameters.
    pub fn types(&self) -> impl ExactSizeIterator<Item = u32> + use<'b> {
        let (words, _) = self.types.as_chunks::<4>();
        words.iter().map(|word| u32::from_be_bytes(*word))
    }

    /// Everything that makes two statements the same: text and types, as sent.
    pub fn identity(&self) -> (&'b [u8], &'b [u8]) {
        (self.query.bytes, self.types)
    }
}

/// Values for a statement's parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bind<'b> {
    /// The portal to make, empty for the unnamed one.
    pub portal: Span<'b>,
    /// The statement, empty for the unnamed one.
    pub statement: Span<'b>,
    formats: &'b [u8],
    count: u16,
    values: &'b [u8],
    results: &'b [u8],
    /// Everything behind the names, as sent: formats, values, result formats.
    pub rest: &'b [u8],
}

impl<'b> Bind<'b> {
    /// The whole body.
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let portal = fields.string("portal name")?;
        let statement = fields.string("statement name")?;
        let rest = fields.rest();
        let count = fields.u16("number of formats")?;
        let formats = formats_of(&mut fields, count)?;
        let count = fields.u16("number of values")?;
        if formats.len() > 2 && formats.len() / 2 != usize::from(count) {
            return Err(BodyError::Value("number of formats"));
        }
        let start = fields.at();
        for _ in 0..count {
            fields.value("parameter value")?;
        }
        let values = &body[start..fields.at()];
        let result_count = fields.u16("number of result formats")?;
        let results = formats_of(&mut fields, result_count)?;
        fields.end()?;
        Ok(Self { portal, statement, formats, count, values, results, rest })
    }

    /// Portal and statement at the start of a body that may not be whole.
    #[inline]
    pub fn names(start: &'b [u8]) -> Option<(Span<'b>, Span<'b>)> {
        let mut fields = Fields::new(start);
        let portal = fields.string("portal name").ok()?;
        Some((portal, fields.string("statement name").ok()?))
    }

    /// The values in order, `None` for NULL.
    pub fn values(&self) -> impl Iterator<Item = Option<&'b [u8]>> + use<'b> {
        let mut fields = Fields::new(self.values);
        (0..self.count).map_while(move |_| fields.value("parameter value").ok())
    }

    /// The formats of the values: none (all text), one for all, or one for each.
    pub fn formats(&self) -> impl ExactSizeIterator<Item = Format> + use<'b> {
        formats_in(self.formats)
    }

    /// The formats of the result's columns, by the same rule.
    pub fn result_formats(&self) -> impl ExactSizeIterator<Item = Format> + use<'b> {
        formats_in(self.results)
    }
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// As its type's input and output functions have it.
    Text,
    /// As its type's send and receive functions have it.
    Binary,
}

fn formats_of<'b>(fields: &mut Fields<'b>, count: u16) -> Result<&'b [u8], BodyError> {
    let formats = fields.bytes(usize::from(count) * 2, "formats")?;
    let (codes, _) = formats.as_chunks::<2>();
    let known = codes.iter().all(|code| matches!(code, [0, 0 | 1]));
    if known { Ok(formats) } else { Err(BodyError::Value("format")) }
}

fn formats_in(formats: &[u8]) -> impl ExactSizeIterator<Item = Format> + use<'_> {
    let (codes, _) = formats.as_chunks::<2>();
    codes.iter().map(|[_, low]| if *low == 0 { Format::Text } else { Format::Binary })
}

/// What Describe and Close name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Named<'b> {
    /// Which of the two kinds.
    pub target: Target,
    /// Its name, empty for the unnamed one.
    pub name: Span<'b>,
}

impl<'b> Named<'b> {
    /// The whole body of a Describe or a Close.
    #[inline]
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let target = Target::from_byte(fields.byte("target")?)?;
        let name = fields.string("name")?;
        fields.end()?;
        Ok(Self { target, name })
    }
}

/// Run a portal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Execute<'b> {
    /// The portal, empty for the unnamed one.
    pub portal: Span<'b>,
    /// At most so many rows, 0 for all.
    pub rows_max: u32,
}

impl<'b> Execute<'b> {
    /// The whole body.
    #[inline]
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let portal = fields.string("portal name")?;
        let rows_max = fields.u32("number of rows")?;
        fields.end()?;
        Ok(Self { portal, rows_max })
    }
}

/// The function that a FunctionCall calls. Its arguments are not looked at.
pub fn function_call(body: &[u8]) -> Result<u32, BodyError> {
    Fields::new(body).u32("function")
}

/// The first step of SASL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaslInitial<'b> {
    /// The mechanism that the client chose.
    pub mechanism: &'b [u8],
    /// Its first message.
    pub data: Option<&'b [u8]>,
}

impl<'b> SaslInitial<'b> {
    /// The whole body.
    pub fn parse(body: &'b [u8]) -> Result<Self, BodyError> {
        let mut fields = Fields::new(body);
        let mechanism = fields.string("mechanism")?.bytes;
        let data = fields.value("initial response")?;
        fields.end()?;
        Ok(Self { mechanism, data })
    }
}

#[cfg(test)]
mod tests;
