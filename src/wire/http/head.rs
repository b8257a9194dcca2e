//! Heads of requests and answers, viewed in place.
//!
//! The bytes so far are handed in as a whole each time; a [`Finder`] remembers how far they were looked through. A head is
//! parsed once its blank line is there, and its first line as soon as that is there, so that what is no HTTP at all is
//! refused and not waited for.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::body::Body;
use super::fault::Fault;
use super::fields::{FIELDS_MAX, Fields, members};
use super::target::{Target, is_host};

/// The longest head, with its blank line.
pub const HEAD_MAX: usize = 32 << 10;
/// Blank lines before a request that are passed over (RFC 9112, 2.2).
const BLANKS_MAX: usize = 2;

/// A version of HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// A method, as far as it matters to a proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET
    Get,
    /// HEAD: its answer has no body.
    Head,
    /// OPTIONS
    Options,
    /// TRACE
    Trace,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// POST
    Post,
    /// PATCH
    Patch,
    /// CONNECT: its answer makes a tunnel.
    Connect,
    /// Any other.
    Other,
}

impl Method {
    fn of(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "POST" => Self::Post,
            "PATCH" => Self::Patch,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    /// Whether doing it twice is the same as doing it once (RFC 9110, 9.2.2).
    pub const fn is_idempotent(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Trace | Self::Put | Self::Delete => true,
            Self::Post | Self::Patch | Self::Connect | Self::Other => false,
        }
    }
}

/// What becomes of a connection after an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// It stays open.
    Keep,
    /// It is closed.
    Close,
}

/// The head of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Where it begins: blank lines may come before it.
    pub start: usize,
    /// Where it ends, behind its blank line.
    pub end: usize,
    /// What is asked for. The ranges of the target are within it.
    pub method: Method,
    /// Where its target lies in the bytes.
    pub target: Range<usize>,
    /// What its target is.
    pub form: Target,
    /// The version that the client speaks.
    pub version: Version,
    /// What the client wants of the connection.
    pub after: After,
    /// Its body, of which nothing has come yet.
    pub body: Body,
    /// Where `Host` is among the fields.
    pub host: Option<usize>,
    /// Whether another protocol is asked for on the same connection.
    pub upgrades: bool,
    /// Whether the client waits for a word before it sends the body.
    pub expects: bool,
}

/// The head of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Response {
    /// Where it ends, behind its blank line.
    pub end: usize,
    /// The version that the server speaks.
    pub version: Version,
    /// Its status.
    pub status: u16,
    /// What the server does with the connection.
    pub after: After,
    /// Its body, of which nothing has come yet.
    pub body: Body,
}

impl Response {
    /// Whether another answer to the same request follows.
    pub fn is_interim(&self) -> bool {
        matches!(self.status, 100..=199) && self.status != 101
    }
}

/// How far the bytes of a head were looked through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Finder {
    at: usize,
    line: usize,
    start_is_good: bool,
}

impl Finder {
    /// Where the head that begins at `start` ends. Each line must end in CR LF.
    fn find(&mut self, bytes: &[u8], start: usize) -> Result<Option<usize>, Fault> {
        (self.at, self.line) = (self.at.max(start), self.line.max(start));
        while let Some(found) = memchr::memchr(b'\n', &bytes[self.at..]) {
            let end = self.at + found;
            if end == self.line || bytes[end - 1] != b'\r' {
                return Err(Fault::LineEnd);
            }
            let blank = end - 1 == self.line;
            (self.at, self.line) = (end + 1, end + 1);
            if end + 1 - start > HEAD_MAX {
                return Err(Fault::HeadLong);
            }
            if blank {
                return Ok(Some(end + 1));
            }
        }
        self.at = bytes.len();
        if bytes.len() - start > HEAD_MAX { Err(Fault::HeadLong) } else { Ok(None) }
    }

    /// Whether the first line is there and was not looked at yet.
    fn has_start(&mut self, start: usize) -> bool {
        let has = self.line > start && !self.start_is_good;
        self.start_is_good |= has;
        has
    }
}

/// The head of a request at the start of `bytes`; none while it is not all there. Its lines are left in `fields`, with those
/// cut that are not passed on (RFC 9110, 7.6.1).
pub fn request(bytes: &[u8], finder: &mut Finder, fields: &mut Fields) -> Result<Option<Request>, Fault> {
    let Some(start) = blanks(bytes)? else { return Ok(None) };
    let found = finder.find(bytes, start)?;
    if found.is_none() && !finder.has_start(start) {
        return Ok(None);
    }
    let mut room = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    let head = &bytes[start..found.unwrap_or(bytes.len())];
    let parts = parsed.parse_with_uninit_headers(head, &mut room);
    let (true, Some(end)) = (parts.map_err(fault)?.is_complete(), found) else { return Ok(None) };
    let (Some(name), Some(path), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Fault::Start);
    };
    // Counted from the start of `bytes`, as the lines are.
    let head = &bytes[..end];
    fields.take(head, parsed.headers)?;
    let (method, version) = (Method::of(name), version_of(version));
    let form = Target::of(method, path.as_bytes())?;
    let at = path.as_ptr().addr() - bytes.as_ptr().addr();
    let hop = Hop::of(head, fields, version);
    let body = Body::of_request(head, fields, version)?;
    Ok(Some(Request {
        start,
        end,
        method,
        target: at..at + path.len(),
        form,
        version,
        after: hop.after,
        body,
        host: host(head, fields, version)?,
        upgrades: hop.upgrades && version == Version::Http11,
        expects: fields.get(head, "expect").is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue")),
    }))
}

/// The head of an answer to a request by that method, as [`request`].
pub fn response(
    bytes: &[u8],
    method: Method,
    finder: &mut Finder,
    fields: &mut Fields,
) -> Result<Option<Response>, Fault> {
    let found = finder.find(bytes, 0)?;
    if found.is_none() && !finder.has_start(0) {
        return Ok(None);
    }
    let mut room = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let head = &bytes[..found.unwrap_or(bytes.len())];
    if bytes.starts_with(b"\r") {
        return Err(Fault::Start);
    }
    let parts = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, head, &mut room)
        .map_err(fault)?;
    let (true, Some(end)) = (parts.is_complete(), found) else { return Ok(None) };
    let (Some(version), Some(status)) = (parsed.version, parsed.code) else { return Err(Fault::Start) };
    fields.take(head, parsed.headers)?;
    let version = version_of(version);
    let hop = Hop::of(head, fields, version);
    let body = Body::of_response(head, fields, (version, status), method)?;
    let after = if body == Body::UntilClose { After::Close } else { hop.after };
    Ok(Some(Response { end, version, status, after, body }))
}

/// How many bytes of blank lines come before a request; none while there is nothing else.
fn blanks(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let mut start = 0;
    while bytes[start..].starts_with(b"\r\n") {
        start += 2;
        if start > 2 * BLANKS_MAX {
            return Err(Fault::Start);
        }
    }
    let more = bytes.len() > start && &bytes[start..] != b"\r";
    Ok(more.then_some(start))
}

fn fault(error: httparse::Error) -> Fault {
    match error {
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Fault::Field,
        httparse::Error::TooManyHeaders => Fault::Fields,
        httparse::Error::Version => Fault::Version,
        httparse::Error::NewLine => Fault::LineEnd,
        httparse::Error::Status | httparse::Error::Token => Fault::Start,
    }
}

fn version_of(minor: u8) -> Version {
    if minor == 0 { Version::Http10 } else { Version::Http11 }
}

/// Where `Host` is: once, in HTTP/1.1, and a host if anything.
fn host(head: &[u8], fields: &Fields, version: Version) -> Result<Option<usize>, Fault> {
    let mut found = None;
    for (place, (name, value)) in fields.iter(head).enumerate() {
        if name.eq_ignore_ascii_case(b"host") {
            if found.is_some() || !(value.is_empty() || is_host(value)) {
                return Err(Fault::Host);
            }
            found = Some(place);
        }
    }
    match (found, version) {
        (None, Version::Http11) => Err(Fault::Host),
        (found, Version::Http10 | Version::Http11) => Ok(found),
    }
}

/// What a head says of the connection itself.
struct Hop {
    after: After,
    upgrades: bool,
}

/// Fields of one hop. `Transfer-Encoding` is one as well, but the body passes with its framing.
const OF_HOP: [&[u8]; 7] = [
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"upgrade",
    b"proxy-authorization",
    b"proxy-authenticate",
];
/// Fields that no `Connection` line takes away: without them a message is another one.
const FIXED: [&[u8]; 4] = [b"content-length", b"transfer-encoding", b"host", b"content-type"];

impl Hop {
    /// Reads it, and cuts the lines that are this hop's alone.
    fn of(head: &[u8], fields: &mut Fields, version: Version) -> Self {
        let mut after = match version {
            Version::Http10 => After::Close,
            Version::Http11 => After::Keep,
        };
        let (mut closes, mut upgrades) = (false, false);
        for place in 0..fields.len() {
            let (name, value) = fields.at(head, place);
            if !OF_HOP.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                continue;
            }
            fields.cut(place);
            if !name.eq_ignore_ascii_case(b"connection") {
                continue;
            }
            for member in members(value) {
                if member.eq_ignore_ascii_case(b"close") {
                    closes = true;
                } else if member.eq_ignore_ascii_case(b"keep-alive") {
                    after = After::Keep;
                } else if member.eq_ignore_ascii_case(b"upgrade") {
                    upgrades = true;
                } else if !FIXED.iter().any(|fixed| fixed.eq_ignore_ascii_case(member)) {
                    fields.cut_named(head, member);
                }
            }
        }
        upgrades &= fields.get(head, "upgrade").is_some();
        Self { after: if closes { After::Close } else { after }, upgrades }
    }
}
