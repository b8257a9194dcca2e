//! Paths of requests, read in every way in which a server behind the gate may read them.
//!
//! What is forwarded is the path as it was written, and servers differ in what they make of escapes, dots, doubled slashes,
//! parameters and letters, and in the order in which they do it: what one takes for a part that `..` takes away is the end of the
//! path to another one. So readings are not enumerated where they can differ in more than escapes. There a path may be whatever can
//! be made of its words, since whatever a server does, it cuts and drops and puts nothing in:
//!
//! | a path that has | *may be* that of an order | *is* that of a cancel |
//! |---|---|---|
//! | nothing to resolve | where it fits | where it fits |
//! | escapes alone | where it fits in any way to decode and to cut it | where it fits in all of them |
//! | dots, empty parts, parameters, backslashes | where it has all words of the pattern | never |
//! | what nobody can tell | always | never |

use super::matter::{decoded, escape, names_method};
use super::pattern::{Case, Pattern, trimmed};

/// Rounds of decoding: what is still escaped then is no honest path.
const ROUNDS_MAX: usize = 3;
/// A longer path that can be read in several ways is not looked into: it could be anything.
const LOOKED_INTO_MAX: usize = 4096;

/// The path of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path<'a> {
    reading: Reading<'a>,
    query: &'a [u8],
    renames: bool,
}

/// What servers may make of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Reading<'a> {
    /// All the same.
    Plain(&'a [u8]),
    /// One of these, each in its parts: they differ in how often they decode, and whether they cut it before or after that.
    Escaped(Vec<Vec<Vec<u8>>>),
    /// Anything that can be cut out of one of these, which are what it is after each round of decoding.
    Mixed(Vec<Vec<u8>>),
    /// Anything at all.
    Anything,
}

impl<'a> Path<'a> {
    /// Of a target: a path, and perhaps a query.
    pub fn of(target: &'a [u8]) -> Self {
        let end = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
        let (written, query) = (&target[..end], target.get(end + 1..).unwrap_or_default());
        // No client sends a fragment: whoever reads one has another path, or another query.
        let reading = if target.contains(&b'#') { Reading::Anything } else { read(written) };
        Self { reading, query, renames: names_method(query) }
    }

    /// What stands behind the question mark.
    pub fn query(&self) -> &'a [u8] {
        self.query
    }

    /// Whether its query names another method, by which some servers go.
    pub(super) fn renames(&self) -> bool {
        self.renames
    }

    /// Whether some server may take it for one of the pattern.
    pub(super) fn may_be(&self, pattern: &Pattern) -> bool {
        match &self.reading {
            Reading::Plain(path) => fits(pattern, path, Case::DoesNot),
            Reading::Escaped(readings) => {
                readings.iter().any(|parts| pattern.fits(parts.iter().map(Vec::as_slice), Case::DoesNot))
            }
            Reading::Mixed(texts) => texts.iter().any(|text| pattern.may_be_within(text)),
            Reading::Anything => true,
        }
    }

    /// Whether every server takes it for one of the pattern.
    pub(super) fn is(&self, pattern: &Pattern) -> bool {
        match &self.reading {
            Reading::Plain(path) => fits(pattern, path, Case::Counts),
            Reading::Escaped(readings) => {
                readings.iter().all(|parts| pattern.fits(parts.iter().map(Vec::as_slice), Case::Counts))
            }
            Reading::Mixed(_) | Reading::Anything => false,
        }
    }
}

fn fits(pattern: &Pattern, path: &[u8], case: Case) -> bool {
    path.strip_prefix(b"/").is_some_and(|inner| pattern.fits(parts(inner), case))
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

fn read(written: &[u8]) -> Reading<'_> {
    if !written.contains(&b'%') && (!is_odd(written) || written == b"*") {
        return Reading::Plain(written);
    }
    if written.len() > LOOKED_INTO_MAX || !written.starts_with(b"/") {
        return Reading::Anything;
    }
    let mut texts = vec![written.to_vec()];
    while texts.len() <= ROUNDS_MAX
        && let Some(last) = texts.last().filter(|last| last.contains(&b'%'))
    {
        // A sign that begins no escape is one to nobody, or a fault, or the start of one that only some know.
        if (0..last.len()).any(|at| last[at] == b'%' && escape(&last[at..]).is_none()) {
            return Reading::Anything;
        }
        let next = decoded(last).into_owned();
        texts.push(next);
    }
    let Some(last) = texts.last() else { return Reading::Anything };
    // Letters that are none of ASCII and control characters are folded, dropped or taken for others by some.
    if last.contains(&b'%') || !last.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        return Reading::Anything;
    }
    if is_odd(last) { Reading::Mixed(texts) } else { Reading::Escaped(readings(&texts)) }
}

/// Whether servers can differ about a path in which nothing is escaped any more.
fn is_odd(text: &[u8]) -> bool {
    let odd = |byte: &u8| b"\\;?#".contains(byte) || !(byte.is_ascii_graphic() || *byte == b' ');
    let Some(inner) = text.strip_prefix(b"/") else { return true };
    let unclear = |part: &[u8]| trimmed(part).len() < part.len() || part.is_empty();
    text.iter().any(odd) || (!inner.is_empty() && parts(inner).any(unclear))
}

/// Every way to decode a path so and so often, to cut it, and to decode the parts again.
fn readings(texts: &[Vec<u8>]) -> Vec<Vec<Vec<u8>>> {
    let mut readings = Vec::new();
    for (round, text) in texts.iter().enumerate() {
        let mut cut: Vec<Vec<u8>> = parts(&text[1..]).map(<[u8]>::to_vec).collect();
        for _ in round + 1..texts.len() {
            let next = cut.iter().map(|part| decoded(part).into_owned()).collect();
            readings.push(std::mem::replace(&mut cut, next));
        }
        readings.push(cut);
    }
    readings
}
