//! What is wrong with a head or a body, and with which status that is answered.

/// Why bytes are no HTTP that is passed on. The connection is of no use after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// The first line is none of a request or of an answer.
    #[error("the first line is not HTTP")]
    Start,
    /// Another version than 1.0 and 1.1.
    #[error("the version is neither HTTP/1.0 nor HTTP/1.1")]
    Version,
    /// The target of a request.
    #[error("the target of the request is malformed")]
    Target,
    /// A field line: folded, blank before the colon, control characters.
    #[error("a field line is malformed")]
    Field,
    /// A line that does not end in CR LF.
    #[error("a line does not end in CR LF")]
    LineEnd,
    /// The head is longer than [`super::head::HEAD_MAX`].
    #[error("the head is too long")]
    HeadLong,
    /// The head has more lines than [`super::fields::FIELDS_MAX`].
    #[error("the head has too many fields")]
    Fields,
    /// `Host` is missing, there twice, or no host.
    #[error("Host is missing, ambiguous or no host")]
    Host,
    /// `Content-Length` is no number, or says two things.
    #[error("Content-Length is malformed or ambiguous")]
    Length,
    /// `Content-Length` beside `Transfer-Encoding`, or the latter where the version has none.
    #[error("the length of the body is said in two ways")]
    Framing,
    /// A transfer coding other than `chunked` alone.
    #[error("the transfer coding is not chunked")]
    Coding,
    /// A chunk's line or end.
    #[error("a chunk is malformed")]
    Chunk,
    /// Fields after the last chunk that are malformed or too long.
    #[error("the trailer is malformed or too long")]
    Trailer,
}

impl Fault {
    /// The status that a client is told.
    pub const fn status(self) -> u16 {
        match self {
            Self::HeadLong | Self::Fields => 431,
            Self::Version => 505,
            Self::Coding => 501,
            Self::Start
            | Self::Target
            | Self::Field
            | Self::LineEnd
            | Self::Host
            | Self::Length
            | Self::Framing
            | Self::Chunk
            | Self::Trailer => 400,
        }
    }
}
