//! Paths of requests, read in every way in which a server behind the gate may read them.
//!
//! What is forwarded is the path as it was written. Servers differ in what they make of escapes, dots, doubled slashes and
//! letters; so a path *may be* that of an order in any of its readings, and *is* that of a cancel only in all of them.

use std::borrow::Cow;
use std::fmt;

use super::matter::{decoded, escape};

/// Rounds of decoding: what is still escaped then is no honest path.
const ROUNDS_MAX: usize = 3;
/// The most parts of a pattern.
pub(super) const PARTS_MAX: usize = 32;

/// What a path must look like: parts between slashes, `*` for anything within one, `**` at the end for anything at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    text: String,
    parts: Vec<String>,
    /// Whether it ends in `**`.
    open: bool,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadPattern {
    /// It does not begin with a slash.
    #[error("a path starts with `/`")]
    Relative,
    /// `**` stands before the end.
    #[error("`**` stands at the end, behind a slash")]
    Middle,
    /// It has something that no path has, or that is read in several ways.
    #[error("write the path as the server knows it: without query, escapes, dots and doubled slashes")]
    Unclear,
    /// It has too many parts.
    #[error("a pattern has at most {PARTS_MAX} parts")]
    Long,
}

impl Pattern {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let Some(inner) = text.strip_prefix('/') else { return Err(BadPattern::Relative) };
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        let open = parts.last().is_some_and(|part| part == "**");
        if open {
            parts.pop();
        }
        if parts.iter().any(|part| part.contains("**")) {
            return Err(BadPattern::Middle);
        }
        if parts.len() > PARTS_MAX {
            return Err(BadPattern::Long);
        }
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%;\\".contains(&byte));
        let only_root = parts.len() == 1 && !open;
        let unclear = |part: &String| (part.is_empty() && !only_root) || part == "." || part == "..";
        if !graphic || parts.iter().any(unclear) {
            return Err(BadPattern::Unclear);
        }
        Ok(Self { text: text.to_owned(), parts, open })
    }

    fn fits(&self, path: &[u8], case: Case) -> bool {
        let Some(inner) = path.strip_prefix(b"/") else { return false };
        let mut parts = self.parts.iter();
        let mut found = inner.split(|byte| *byte == b'/');
        loop {
            match (parts.next(), found.next()) {
                (Some(part), Some(own)) if part_fits(part.as_bytes(), own, case) => {}
                (None, Some(_)) => return self.open,
                (None, None) => return true,
                (Some(_), _) => return false,
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Clone, Copy)]
enum Case {
    Counts,
    DoesNot,
}

/// Whether one part fits: the pieces between stars in their order.
fn part_fits(pattern: &[u8], text: &[u8], case: Case) -> bool {
    let same = |a: &[u8], b: &[u8]| match case {
        Case::Counts => a == b,
        Case::DoesNot => a.eq_ignore_ascii_case(b),
    };
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let first = pieces.next().unwrap_or_default();
    if text.len() < first.len() || !same(first, &text[..first.len()]) {
        return false;
    }
    let mut rest = &text[first.len()..];
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = (0..=rest.len().saturating_sub(piece.len()))
            .find(|at| rest.len() >= at + piece.len() && same(piece, &rest[*at..at + piece.len()]))
        else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.len() >= last.len() && same(last, &rest[rest.len() - last.len()..])
}

/// The path of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path<'a> {
    /// As it is written, without its query.
    written: &'a [u8],
    /// As a server may read it that resolves everything.
    resolved: Cow<'a, [u8]>,
    clear: Clear,
    query: &'a [u8],
}

/// Whether servers can differ about a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Clear {
    /// At most in how they decode single letters.
    Yes,
    /// They can.
    No,
    /// It could be anything.
    Never,
}

impl<'a> Path<'a> {
    /// Of a target: a path, and perhaps a query.
    pub fn of(target: &'a [u8]) -> Self {
        let end = target.iter().position(|byte| b"?#".contains(byte)).unwrap_or(target.len());
        let (written, query) = (&target[..end], target.get(end + 1..).unwrap_or_default());
        if is_plain(written) {
            return Self { written, resolved: Cow::Borrowed(written), clear: Clear::Yes, query };
        }
        let mut text = written.to_vec();
        for _ in 0..ROUNDS_MAX {
            text = decoded(&text).into_owned();
        }
        let still = (0..text.len()).any(|at| escape(&text[at..]).is_some());
        let resolved = resolve(&text);
        let clear = match (still, can_differ(written, &text)) {
            (true, _) => Clear::Never,
            (false, true) => Clear::No,
            (false, false) => Clear::Yes,
        };
        Self { written, resolved: Cow::Owned(resolved), clear, query }
    }

    /// What stands behind the question mark.
    pub fn query(&self) -> &'a [u8] {
        self.query
    }

    /// Whether some server may take it for one of the pattern.
    pub(super) fn may_be(&self, pattern: &Pattern) -> bool {
        self.clear == Clear::Never
            || pattern.fits(self.written, Case::DoesNot)
            || pattern.fits(&self.resolved, Case::DoesNot)
    }

    /// Whether every server takes it for one of the pattern.
    pub(super) fn is(&self, pattern: &Pattern) -> bool {
        self.clear == Clear::Yes
            && pattern.fits(self.written, Case::Counts)
            && pattern.fits(&self.resolved, Case::Counts)
    }
}

/// Whether it can be read in one way only.
fn is_plain(path: &[u8]) -> bool {
    let inner = path.strip_prefix(b"/").unwrap_or(path);
    let dotted = |part: &[u8]| part.is_empty() || part.starts_with(b".");
    !path.iter().any(|byte| b"%;\\".contains(byte)) && (inner.is_empty() || !parts(inner).any(dotted))
}

/// Whether servers can differ about a path, of which `text` is all that was escaped.
fn can_differ(written: &[u8], text: &[u8]) -> bool {
    let odd = |byte: &u8| b";\\?#".contains(byte) || byte.is_ascii_control();
    let dots = |part: &[u8]| part.is_empty() || part == b"." || part == b"..";
    let inner = text.strip_prefix(b"/").unwrap_or(text);
    // A lone percent sign is an escape to nobody, or a fault to somebody.
    let lone = (0..written.len()).any(|at| written[at] == b'%' && escape(&written[at..]).is_none());
    lone || text.iter().any(odd) || parts(inner).any(dots)
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

/// A decoded path with everything resolved: both slashes are one, parameters and what follows a question mark are cut off,
/// dots are gone, and no slash stands twice or last.
fn resolve(text: &[u8]) -> Vec<u8> {
    let end = text.iter().position(|byte| b"?#".contains(byte)).unwrap_or(text.len());
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in text[..end].split(|byte| b"/\\".contains(byte)) {
        let name = part.split(|byte| *byte == b';').next().unwrap_or_default();
        match name {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    let mut resolved = Vec::with_capacity(text.len());
    for part in parts {
        resolved.push(b'/');
        resolved.extend_from_slice(part);
    }
    if resolved.is_empty() {
        resolved.push(b'/');
    }
    resolved
}
